//! The loop: wait, take one signal, reap until nothing, step, act. One thread, one wait, and nothing in it can fail.

mod keeper;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use nix::errno::Errno;

use crate::config::values::HookOutput;
use crate::logging::LogFormat;
use crate::machine::{
    Action, ChildId, Ending, Event, Machine, Mode, Note, Outcome, Recipient, Rules, Signal, SignalTarget, Uptime,
};
use crate::plan::{self, Job, Part, Plan, Planned};
use crate::sys::children::{Change, Children};
use crate::sys::clock::Clock;
use crate::sys::exec::{self, Program, Refusal};
use crate::sys::output::{self, Stream};
use crate::sys::signals::{self, Inherited, Wake};
use crate::sys::terminal::{self, Terminal};
use crate::sys::written::Written;
use crate::sys::{arena, descriptors, last_resort, processes};
use crate::{exit, messages, prepare, secrets, text, wait};

use keeper::Link;

/// How many actions one step can take without asking for memory.
const ACTIONS: usize = 16;

/// How many signals are handed on in a row before everything else is looked after.
const IN_A_ROW: u32 = 16;

/// How a plan ended.
#[derive(Debug)]
pub struct End {
    pub code: u8,
    pub outcome: Outcome,
    /// What the hooks wrote for the environment; `None` where it was too much.
    pub written: Option<Vec<u8>>,
}

impl Default for End {
    /// Nothing was done.
    fn default() -> End {
        End { code: 0, outcome: Outcome::HelperEnded(0), written: None }
    }
}

/// Does what `plan` says until there is nothing left to do.
#[must_use]
pub fn supervise(plan: &Plan, inherited: Inherited) -> End {
    let is_pid_1 = signals::own_pid() == 1;
    // 4. PID 1, or the one that orphans are given to. In exec mode the server would inherit that, and never reap.
    if !is_pid_1 && plan.rules.mode != Mode::Exec {
        match processes::become_subreaper() {
            Ok(()) => log::debug!("not PID 1: orphans below are adopted as a child subreaper"),
            Err(error) => log::warn!("cannot become a child subreaper ({}): orphans cannot be reaped", error.desc()),
        }
    }
    if let Some(signal) = plan.parent_death_signal
        && !processes::ask_for_parent_death_signal(signal)
    {
        log::warn!("cannot ask for {signal} when the parent ends: it is gone already, or this is refused");
    }
    if let Some(uid) = plan.hands_over_to {
        descriptors::hand_over_standard(uid);
    }
    if !plan.rules.plain {
        arena::make_list_of_destructors();
    }
    let terminal = Terminal::in_foreground();
    let mut rules = plan.rules.clone();
    rules.terminal = terminal.is_some();
    rules.foreground = terminal.is_some();
    rules.top_of_session = is_pid_1 || terminal.is_some() && terminal::top_of_session();
    Supervisor::new(plan, rules, terminal, None, inherited).run()
}

/// The loop's state.
#[derive(Debug)]
pub struct Supervisor<'p> {
    plan: &'p Plan,
    rules: Rules,
    machine: Machine,
    children: Children,
    terminal: Option<Terminal>,
    clock: Clock,
    /// The time of this turn: everything that one wake-up brings happens at once.
    now: Uptime,
    inherited: Inherited,
    /// In exec mode: the line between the process that will be the server and its keeper.
    link: Option<Link>,
    /// The last signal that was refused.
    unsent: Option<(ChildId, Signal)>,
    /// The last hook that failed, for the hook that tells somebody.
    failed: Option<(ChildId, Ending)>,
    announcements: Stream,
    /// What hooks write for the environment of what comes after them.
    written: Option<Written>,
    actions: Vec<Action>,
    end: Option<Outcome>,
    code: u8,
}

impl<'p> Supervisor<'p> {
    pub fn new(
        plan: &'p Plan,
        rules: Rules,
        terminal: Option<Terminal>,
        link: Option<Link>,
        inherited: Inherited,
    ) -> Self {
        let count = plan.programs.len().saturating_add(1);
        let grouped = rules.server.as_ref().filter(|server| server.target == SignalTarget::Group);
        let grouped = grouped.map(|server| server.child);
        Supervisor {
            plan,
            machine: Machine::new(rules.clone()),
            rules,
            children: Children::new(count, grouped, inherited),
            terminal,
            clock: Clock::default(),
            now: Uptime::default(),
            inherited,
            link,
            unsent: None,
            failed: None,
            announcements: match plan.hook_output {
                HookOutput::Stdout => Stream::standard_output(),
                HookOutput::Stderr => Stream::standard_error(),
            },
            written: None,
            actions: Vec::with_capacity(ACTIONS),
            end: None,
            code: 0,
        }
    }

    /// 5. From here on nothing may fail: every outcome is an event.
    #[must_use]
    pub fn run(mut self) -> End {
        last_resort::guard();
        let mut changes = Vec::with_capacity(ACTIONS);
        self.now = self.clock.now();
        self.tell(Event::Begin);
        if self.children.has_started_none() {
            // Nothing runs and nothing will wake the loop: whether orphans were there from the start decides what is next.
            let _ = self.children.reap(&mut changes);
        }
        self.end_turn();
        // What was said before its news could be announced.
        if let Some(event) = self.link.as_mut().and_then(Link::news) {
            self.tell(event);
            self.end_turn();
        }
        let mut more = false;
        let mut in_a_row = 0_u32;
        loop {
            if let Some(outcome) = self.end {
                let written = self.written.take().map_or(Some(Vec::new()), Written::into_bytes);
                let end = End { code: self.code, outcome, written };
                // The process ends now: giving its memory back piece by piece would only make that later.
                std::mem::forget(self);
                return end;
            }
            let limit = self.machine.deadline().map(|deadline| deadline.since(self.clock.now()));
            let wake = signals::wait(if more { Some(Duration::ZERO) } else { limit });
            let handed_on = self.hand_on(wake);
            in_a_row = in_a_row.saturating_add(1);
            if handed_on && !more && in_a_row < IN_A_ROW && !self.machine.wants_the_time() {
                // Whoever has ended in the meantime is announced by the next wait.
                continue;
            }
            in_a_row = 0;
            more = self.children.reap(&mut changes);
            self.now = self.clock.now();
            more |= self.take_turn(if handed_on { Wake::Look } else { wake }, handed_on, &mut changes);
        }
    }

    /// Hands a signal on before anything else is done, where that is all that it comes to. A server that has ended keeps
    /// its number until it is reaped, so nobody else can get it.
    fn hand_on(&mut self, wake: Wake) -> bool {
        let Wake::Signal(signal) = wake else { return false };
        let hands_on = self.machine.only_hands_on(signal);
        if hands_on {
            self.tell(Event::Signal(signal));
        }
        hands_on
    }

    /// Tells the machine what else one turn has brought: endings first, so that a stop request never meets a child that is
    /// gone. `true`: there is more than one turn takes.
    fn take_turn(&mut self, wake: Wake, handed_on: bool, changes: &mut Vec<Change>) -> bool {
        let mut news = handed_on || !changes.is_empty();
        let more = match &mut self.written {
            Some(written) if news => written.end_line(),
            Some(written) => written.take_in(),
            None => false,
        };
        for change in changes.drain(..) {
            self.tell(match change {
                Change::Ended(child, ending) => Event::Ended { child, ending },
                Change::Suspended(child) => Event::Suspended { child },
                Change::Resumed(child) => Event::Resumed { child },
            });
        }
        if let Some(child) = self.children.take_emptied_group() {
            self.tell(Event::GroupEmpty { child });
        }
        if let Wake::Signal(signal) = wake {
            news = true;
            self.tell(Event::Signal(signal));
        }
        if let Some(event) = self.link.as_mut().and_then(Link::news) {
            news = true;
            self.tell(event);
        }
        if let Some(deadline) = self.machine.deadline()
            && deadline <= self.now
        {
            news = true;
            self.tell(Event::Deadline);
        }
        if news || self.children.is_alone() {
            self.end_turn();
        }
        more
    }

    /// Everything of this turn is told. What comes of that at once, such as an exec that is refused, is a turn of its own:
    /// nothing else might ever wake the loop for it.
    fn end_turn(&mut self) {
        while self.tell(Event::TurnOver { alone: self.children.is_alone() }) {}
    }

    /// Takes one event to the machine and does what it says, with what comes of that; whether anything came.
    fn tell(&mut self, event: Event) -> bool {
        let mut events = VecDeque::new();
        let mut next = Some(event);
        let mut told = 0_u32;
        while let Some(event) = next {
            if self.machine.is_done() {
                return false;
            }
            told = told.saturating_add(1);
            let mut actions = std::mem::take(&mut self.actions);
            self.machine.step(self.now, event, &mut actions);
            let mut rest = actions.as_slice();
            while !rest.is_empty() {
                let together = rest.iter().take_while(|action| is_line_or_signal(**action)).count();
                let (now, later) = rest.split_at(together.max(1));
                // A stop is handed on before its line is made, which takes time and memory.
                for first in [true, false] {
                    for &action in now.iter().filter(|action| asks(**action) == first) {
                        events.extend(self.perform(action));
                    }
                }
                rest = later;
            }
            actions.clear();
            self.actions = actions;
            next = events.pop_front();
        }
        told > 1
    }

    /// Does one thing; what comes of it at once is the next event.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Announce(child) => self.announce(child),
            Action::Spawn(child) => return self.spawn(child),
            Action::Exec(child) => return self.exec(child),
            Action::Signal { child, signal, to } => self.signal(child, signal, to),
            Action::SignalLeftovers(signal) => self.children.signal_leftovers(signal),
            Action::LetServerStart => {
                if let Some(link) = &mut self.link {
                    link.let_server_start();
                }
            }
            Action::SuspendSelf(child) => self.suspend_self(child),
            Action::Note(note) => {
                if let Note::HookFailed { child, ending, .. } = note {
                    self.failed = Some((child, ending));
                }
                if !self.rules.plain {
                    self.say(note);
                }
            }
            Action::Exit(outcome) => self.exit(outcome),
        }
        None
    }

    /// Signals a child. That this is refused is said once and is no reason to end (§9.4): it may end by itself. Only who
    /// cannot even be killed has no other end than app-init's own.
    fn signal(&mut self, child: ChildId, signal: Signal, to: Recipient) {
        let _ = signals::take_refusal();
        self.children.signal(child, signal, to);
        if let Some(errno) = signals::take_refusal() {
            self.take_note_of_refusal(child, signal, errno);
        }
    }

    #[inline(never)]
    fn take_note_of_refusal(&mut self, child: ChildId, signal: Signal, errno: Errno) {
        if self.unsent.replace((child, signal)) != Some((child, signal)) {
            log::warn!("{}", messages::not_sent(self.plan, child, signal, errno));
        }
        if signal == Signal::KILL {
            last_resort::refused("kill", errno as i32);
        }
    }

    #[inline(never)]
    fn say(&self, note: Note) {
        let (level, text) = messages::note(self.plan, note);
        log::log!(level, "{text}");
    }

    #[inline(never)]
    fn announce(&mut self, child: ChildId) {
        let Some(planned) = self.plan.get(child).filter(|_| self.plan.announces) else { return };
        let line = format!(" -----> Running {}\n", text::escape(&planned.label));
        // A stream never fails: what cannot be written is dropped, and told with the next line.
        let _ = self.announcements.write_all(line.as_bytes());
    }

    fn spawn(&mut self, child: ChildId) -> Option<Event> {
        let is_server = self.rules.server.as_ref().is_some_and(|server| server.child == child);
        let started = match self.plan.get(child).map(|planned| (planned, &planned.job)) {
            Some((planned, Job::Program(program))) => self.spawn_program(child, planned, program, is_server),
            _ => self.spawn_own(child),
        };
        match started {
            Ok(()) => {
                if is_server {
                    self.stand_back();
                }
                None
            }
            Err(refusal) => Some(not_started(child, refusal)),
        }
    }

    /// Starts a process that goes on with this program.
    #[inline(never)]
    fn spawn_own(&mut self, child: ChildId) -> Result<(), Refusal> {
        let plan = self.plan;
        match plan.get(child).map(|planned| &planned.job) {
            Some(Job::Prepare(preparations)) => {
                let (inherited, parent) = (self.inherited, signals::own_pid());
                self.children.fork_self(child, || on_its_own(inherited, parent, || prepare::run(preparations)))
            }
            Some(Job::Wait { waits, .. }) => {
                let (inherited, parent, report) = (self.inherited, signals::own_pid(), report_of(plan));
                let stop = self.rules.stop.timeout;
                self.children
                    .fork_self(child, || on_its_own(inherited, parent, || wait::run(waits, inherited, report, stop)))
            }
            Some(Job::Program(_)) | None => {
                let inherited = self.inherited;
                keeper::start(child, &mut self.children, &mut self.link, |link| keep(plan, link, inherited))
            }
        }
    }

    fn spawn_program(
        &mut self,
        child: ChildId,
        planned: &Planned,
        program: &Program,
        is_server: bool,
    ) -> Result<(), Refusal> {
        if program.writes_environment && self.written.is_none() {
            self.written = Some(Written::new()?);
        }
        let passed = self.written.as_ref().filter(|_| program.writes_environment).map(Written::writer);
        let program = match self.failed {
            Some(failed) if planned.phase == plan::ON_FAILURE => Cow::Owned(self.told_of_failure(failed, program)),
            _ => Cow::Borrowed(program),
        };
        let terminal = self.terminal.as_ref().filter(|_| is_server);
        self.children.spawn(child, &program, terminal, passed)
    }

    /// The `on-failure` hook learns which hook failed, and how (§6.7).
    #[inline(never)]
    fn told_of_failure(&self, (failed, ending): (ChildId, Ending), program: &Program) -> Program {
        // What is told may run with more rights than whoever could have written a word of the label.
        let failed = self.plan.get(failed);
        let hook = failed.map_or("", |failed| if failed.by_user { &failed.key } else { &failed.label });
        let code = exit::of_ending(ending).to_string();
        let mut program = program.clone();
        program.extra.extend(exec::assignment("APP_INIT_FAILED_HOOK", hook.as_bytes()));
        program.extra.extend(exec::assignment("APP_INIT_FAILED_CODE", code.as_bytes()));
        program
    }

    /// With the server started, nothing of it is held any longer: not its directory, not the descriptors passed to it.
    fn stand_back(&self) {
        // Who is put beside a boot looks for its configuration where that was started; a plain init has none.
        if self.rules.plain {
            // Without a root directory to enter the old one stays in use, which harms nobody here.
            let _ = nix::unistd::chdir("/");
        }
        let terminal = self.terminal.as_ref().and_then(Terminal::descriptor);
        let own: Vec<_> = self.children.descriptors().chain(terminal).collect();
        descriptors::close_inherited(&own);
        let keeps_input = self.terminal.as_ref().is_some_and(Terminal::is_standard_input);
        // Hooks that are still to run inherit this from here.
        let later = [&self.rules.post_deploy, &self.rules.pre_stop, &self.rules.post_stop];
        let keeps_output = later.iter().any(|hooks| !hooks.is_empty());
        descriptors::let_go(match (keeps_input, keeps_output) {
            (false, false) => &[0, 1],
            (false, true) => &[0],
            (true, false) => &[1],
            (true, true) => &[],
        });
    }

    /// Becomes the server, unless a stop request is waiting to be heard.
    #[inline(never)]
    fn exec(&mut self, child: ChildId) -> Option<Event> {
        let stops = |signal: &Signal| self.machine.is_stop_request(*signal);
        if let Some(signal) = signals::pending().into_iter().find(stops) {
            return Some(Event::Signal(signal));
        }
        let program = self.plan.get(child).and_then(Planned::program)?;
        if let Some(link) = &self.link {
            link.hush();
        }
        Some(not_started(child, program.execute(self.inherited, None)))
    }

    /// ^Z below a shell: the shell gets the terminal and its prompt, and when it continues app-init the server goes on.
    #[inline(never)]
    fn suspend_self(&mut self, child: ChildId) {
        let Some(terminal) = &self.terminal else { return };
        terminal.take_back();
        // The rest of a pipeline stops as a terminal would stop it; app-init holds TSTP, so it stops itself.
        signals::send(0, Signal::TSTP);
        signals::send(signals::own_pid(), Signal::STOP);
        if let (true, Some(group)) = (terminal.is_ours(), self.children.group(child)) {
            terminal.give_to(group);
        }
        self.children.signal(child, Signal::CONT, Recipient::Group);
    }

    fn exit(&mut self, outcome: Outcome) {
        let one_hook = self.rules.mode == Mode::HookOnly;
        self.code = exit::of_outcome(outcome, one_hook, &self.plan.success_codes);
        self.end = Some(outcome);
        // After a prelude the rest is to come.
        if self.plan.part == Part::Whole {
            last_resort::settle(self.code);
        }
        if let Some(terminal) = &self.terminal {
            terminal.take_back();
        }
        if let Some(link) = &mut self.link {
            link.give_up();
        }
        // In plain use only a server that could not be started is app-init's own failure, and nothing else is said.
        let own = matches!(outcome, Outcome::Server(Ending::NotStarted { .. }));
        if !self.rules.plain || own {
            self.tell_of_end(outcome);
        }
    }

    #[inline(never)]
    fn tell_of_end(&self, outcome: Outcome) {
        let Some((level, text)) = messages::end(self.plan, outcome) else { return };
        log::log!(level, "{text}");
        if let Some(path) = &self.plan.termination_file {
            let text = text::escape(&secrets::hidden(text));
            output::leave_message(path, &format!("{text}\n"));
        }
    }
}

/// What the keeper does: the same loop, with a machine of its own.
fn keep(plan: &Plan, link: Link, inherited: Inherited) -> u8 {
    let Some(rules) = plan.keeper.clone() else { return 0 };
    Supervisor::new(plan, rules, None, Some(link), inherited).run().code
}

/// How much is said of waiting.
fn report_of(plan: &Plan) -> wait::Report {
    let text = plan.log.format == LogFormat::Text;
    wait::Report { quiet: plan.log.level < log::LevelFilter::Warn, terminal: text && std::io::stderr().is_terminal() }
}

/// The life of one of app-init's own processes: what was inherited for the server is none of its business, and a signal
/// ends it. So does the end of `parent`, whose boot it is a part of: as PID 1 that takes everybody along, and otherwise a
/// KILL would leave it behind.
fn on_its_own(inherited: Inherited, parent: i32, work: impl FnOnce() -> u8) -> u8 {
    // A kernel that refuses has nothing better to offer.
    let _ = processes::ask_for_parent_death_signal(Signal::KILL);
    // A parent that ended before that sends nothing.
    if !processes::is_parent(parent) {
        return exit::SYSTEM;
    }
    signals::be_ordinary(inherited);
    descriptors::close_inherited(&[]);
    descriptors::let_go(&[0]);
    work()
}

fn is_line_or_signal(action: Action) -> bool {
    matches!(action, Action::Note(_) | Action::Signal { .. } | Action::SignalLeftovers(_))
}

/// Whether it asks somebody to do something. Whom KILL takes away is named before.
fn asks(action: Action) -> bool {
    let (Action::Signal { signal, .. } | Action::SignalLeftovers(signal)) = action else { return false };
    signal != Signal::KILL
}

fn not_started(child: ChildId, refusal: Refusal) -> Event {
    Event::Ended { child, ending: refusal.into() }
}
