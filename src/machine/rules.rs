//! The part of the plan that decisions depend on: who there is, in which order, and how long each may take.

use std::time::Duration;

use super::signal::Signal;

/// One process of the plan, by its place in the plan's list of programs. The machine never sees a pid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ChildId(pub u16);

/// What the machine was made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Deploy hooks, then the server as a child.
    Supervise,
    /// Deploy hooks (in a keeper, where there are any), then the server in this process's place.
    Exec,
    /// The helper of exec mode: the deploy hooks, then, once the server runs, the pollers; it adopts what they leave
    /// behind, so that the server never has a foreign child.
    Keeper,
    /// One hook and nothing else: `app-init hook NAME`.
    HookOnly,
    /// What the plan waits for: the hooks that the environment depends on. The rest is another machine's.
    Prelude {
        /// What they leave behind lives on, as what other hooks leave behind does.
        keeps_leftovers: bool,
    },
}

/// What a failed hook means for the boot (§6.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnFailure {
    /// The server is never started.
    Abort,
    /// Go on, loudly.
    Continue,
}

/// What a stop request means for a running hook (§6.10).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnStop {
    /// Forward it to the hook's group.
    Stop,
    /// Let the hook finish first; a second request is forwarded.
    Finish,
}

/// One command of a hook.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HookRule {
    pub child: ChildId,
    /// How long it may take; `None`: as long as it likes.
    pub timeout: Option<Duration>,
    /// From TERM to KILL after a time-out.
    pub stop_timeout: Duration,
    /// From a stop request to KILL, where the hook says so itself; `None`: [`StopRules::timeout`].
    pub own_stop_timeout: Option<Duration>,
    pub on_failure: OnFailure,
    pub on_stop: OnStop,
    /// It is a question: answered with 0, there is nothing to do for so many commands after it, which are skipped.
    pub skips: Option<u16>,
    pub retry: Option<Retry>,
    /// One of app-init's own processes: it is not announced, says itself what goes wrong, and its code is how app-init
    /// ends.
    pub helper: bool,
}

/// How a command that failed is tried again (§6.4).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Retry {
    /// How often, after the first time.
    pub max: u16,
    /// The pause before the first retry; each one after that is twice as long.
    pub backoff: Duration,
    pub max_backoff: Duration,
    /// Only after these exit codes; empty: after every failure.
    pub on_codes: Vec<u8>,
}

/// Whom a signal for the server is sent to (§7.8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SignalTarget {
    /// The process; a stop signal for a shell that has not exec'ed goes to its children.
    Auto,
    Process,
    Group,
}

/// One step of `--rewrite`: a signal that arrives as `from` is handed on as `to`, or dropped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rewrite {
    pub from: Signal,
    pub to: Option<Signal>,
}

/// A bound on the server's life (§9.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RunLimit {
    pub timeout: Duration,
    pub signal: Signal,
}

/// The server's rules.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServerRule {
    pub child: ChildId,
    /// Sent to ask it to end; `None`: TERM, or INT where INT asked.
    pub stop_signal: Option<Signal>,
    /// From the stop signal to KILL; `None`: the platform's grace decides.
    pub stop_timeout: Option<Duration>,
    pub target: SignalTarget,
    pub rewrite: Vec<Rewrite>,
    pub run_limit: Option<RunLimit>,
}

/// How stopping goes (§9).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StopRules {
    /// The signals that are stop requests. Empty in plain use: there every signal belongs to the server.
    pub signals: Vec<Signal>,
    /// From a stop request to KILL for a running hook that does not say so itself; `None`: the platform's grace decides.
    pub timeout: Option<Duration>,
    /// How long the server keeps serving after `pre-stop`.
    pub drain: Duration,
    /// What the platform gives from the request to its KILL, when known.
    pub budget: Option<Duration>,
    /// What is done about processes that outlive the server.
    pub leftovers: Leftovers,
}

/// What is done about processes that outlive the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leftovers {
    /// They are none of app-init's business.
    Ignore,
    /// TERM, up to this long, then KILL.
    Drain(Duration),
    /// Plain use as PID 1: TERM and up to 3 s, but within 9 s of the first forwarded stop signal, and any further signal
    /// ends the wait.
    DrainWithinGrace,
}

/// Everything the machine is told before it starts.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the surroundings")]
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rules {
    pub mode: Mode,
    pub deploy: Vec<HookRule>,
    pub post_deploy: Vec<HookRule>,
    pub pre_stop: Vec<HookRule>,
    pub post_stop: Vec<HookRule>,
    pub on_failure: Vec<HookRule>,
    pub server: Option<ServerRule>,
    pub stop: StopRules,
    /// Plain use: an init and nothing else.
    pub plain: bool,
    /// A terminal is there: WINCH then is a change of its size and no stop request.
    pub terminal: bool,
    /// The server is in the terminal's foreground.
    pub foreground: bool,
    /// Nobody above could resume a suspended app-init (PID 1, or a session's leader).
    pub top_of_session: bool,
}

/// One of the hook lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum List {
    Deploy,
    PostDeploy,
    PreStop,
    PostStop,
    OnFailure,
}

impl Rules {
    #[must_use]
    pub fn list(&self, list: List) -> &[HookRule] {
        match list {
            List::Deploy => &self.deploy,
            List::PostDeploy => &self.post_deploy,
            List::PreStop => &self.pre_stop,
            List::PostStop => &self.post_stop,
            List::OnFailure => &self.on_failure,
        }
    }
}
