//! What the machine is told (events) and what it answers (actions, notes, the outcome).

use std::time::Duration;

use super::rules::ChildId;
use super::signal::Signal;

/// The step at which a child could not be started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StartStep {
    /// The system refused a new process.
    Fork,
    /// A pipe for it.
    Pipe,
    /// A line to it.
    SocketPair,
    /// A signal where there is news on such a line.
    Announcement,
    /// The signal mask that app-init was given.
    Mask,
    /// What it would execute could be changed by somebody with fewer rights: told by the child.
    Trust,
    /// A resource limit, by its place in the table of limits.
    Limit(u8),
    /// The OOM killer's score.
    OomScore,
    /// The user that it runs as.
    Identity,
    /// Giving up new privileges.
    NoNewPrivileges,
    /// The working directory.
    Directory,
    /// Standard input from `/dev/null`, or standard output to standard error.
    Stdin,
    /// The program itself.
    Exec,
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    Exited(u8),
    Killed {
        signal: Signal,
        core: bool,
    },
    /// It never ran. `errno` is the kernel's reason.
    NotStarted {
        step: StartStep,
        errno: i32,
    },
}

impl Ending {
    /// Whether it was not started because somebody else could have changed what it runs.
    #[must_use]
    pub fn is_distrusted(self) -> bool {
        matches!(self, Ending::NotStarted { step: StartStep::Trust, .. })
    }

    #[must_use]
    pub fn success(self) -> bool {
        self == Ending::Exited(0)
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// The plan is made, signals are held, start.
    Begin,
    /// A signal was sent to app-init. Its own (a broken pipe, a terminal's hang-up that it caused) never come here.
    Signal(Signal),
    /// A child ended; it is gone and its pid is free.
    Ended { child: ChildId, ending: Ending },
    /// A child was stopped by a signal (^Z).
    Suspended { child: ChildId },
    /// A stopped child runs again.
    Resumed { child: ChildId },
    /// The child's process group has no member any more. Only asked for children that are signalled as a group.
    GroupEmpty { child: ChildId },
    /// To exec mode: the keeper's hooks are through, it stays behind for what they left.
    KeeperReady { child: ChildId },
    /// To the keeper: the server has taken over the process that app-init was.
    ServerRuns,
    /// The events of one turn of the loop are told; `alone`: no child is left, known or adopted.
    TurnOver { alone: bool },
    /// The moment that `Machine::deadline` named has come.
    Deadline,
}

/// Whom a signal goes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Recipient {
    Process,
    Group,
    /// The process, or the direct children of a shell that would die of the signal (§7.8).
    AutoStop,
}

/// What to do, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Say ` -----> Running NAME`.
    Announce(ChildId),
    Spawn(ChildId),
    /// Become the program, unless a stop request is pending.
    Exec(ChildId),
    Signal {
        child: ChildId,
        signal: Signal,
        to: Recipient,
    },
    /// Signal everything that is left: as PID 1 all processes, otherwise all descendants.
    SignalLeftovers(Signal),
    /// To the process that waits for this keeper: start the server.
    LetServerStart,
    /// Stop app-init itself as its child was stopped, so that the shell above gets its prompt back.
    SuspendSelf(ChildId),
    Note(Note),
    /// The last action there is.
    Exit(Outcome),
}

/// A fact worth a line in the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Note {
    HookFailed { child: ChildId, ending: Ending, after: Duration },
    HookTimedOut { child: ChildId, limit: Duration },
    NothingToDo { question: ChildId },
    Retrying { child: ChildId, ending: Ending, after: Duration, delay: Duration },
    GoingOnWithout { child: ChildId },
    PollerFailed { child: ChildId, ending: Ending },
    StopRequested { signal: Signal },
    FinishingFirst { child: ChildId },
    Draining { delay: Duration },
    ServerEnded { ending: Ending },
    RunTimeExceeded { limit: Duration, signal: Signal },
    Slow { child: ChildId },
    LeftoversKilled,
    SignalDropped { signal: Signal },
}

/// Why app-init ends; `exit` turns it into a code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The server ended, or could not be started.
    Server(Ending),
    /// A hook failed and the boot was given up; or the one hook that was asked for failed.
    HookFailed { child: ChildId, ending: Ending, timed_out: bool },
    /// One of app-init's own processes said everything there was to say and this is its code.
    HelperEnded(u8),
    /// A stop request came before the server ran.
    Interrupted(Signal),
    /// The run time limit was reached; `killed`: it came to KILL.
    TimedOut { killed: bool },
    /// Everything that there was to do is done.
    Completed,
}
