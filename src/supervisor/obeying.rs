//! What the machine says is done: processes are started and signalled, lines said, the terminal handed over.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use nix::errno::Errno;

use super::Supervisor;
use super::keeper::{self, Link};
use crate::identity::trust::{self, AtFault};
use crate::logging::LogFormat;
use crate::machine::{Action, ChildId, Ending, Event, Mode, Note, Outcome, Recipient, Signal};
use crate::plan::{self, Job, Part, Plan, Planned};
use crate::sys::children::GivenUp;
use crate::sys::exec::{self, Program, Refusal};
use crate::sys::output;
use crate::sys::signals::{self, Inherited};
use crate::sys::terminal::Terminal;
use crate::sys::written::Written;
use crate::sys::{descriptors, last_resort, prctl};
use crate::{exit, messages, prepare, secrets, text, wait};

impl Supervisor<'_> {
    /// Does one thing; what comes of it at once is the next event.
    pub(super) fn perform(&mut self, action: Action) -> Option<Event> {
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

    /// Signals a child. That this is refused is said once and is no reason to end (§9.4): it may end by itself. A child
    /// that cannot even be killed would never end, so app-init does.
    fn signal(&mut self, child: ChildId, signal: Signal, to: Recipient) {
        let _ = signals::take_refusal();
        self.children.signal(child, signal, to);
        // CONT is sent with each signal that asks to end.
        if signal == Signal::KILL || signal == Signal::CONT && self.children.is_zombie(child) {
            self.overdue.expect(child, self.now);
        }
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

    /// Goes on without a child that cannot be reaped.
    #[inline(never)]
    pub(super) fn give_up(&mut self, child: ChildId) {
        log::warn!("{}", messages::given_up(self.plan, child));
        let GivenUp { ending, whole_group } = self.children.give_up(child);
        if let Some(ending) = ending {
            self.tell(Event::Ended { child, ending });
        }
        if whole_group {
            self.tell(Event::GroupEmpty { child });
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
            // Root's hooks may have given the directory away.
            let directory = path.parent().unwrap_or(path);
            let mut asked = self.plan.kept_from.iter();
            if let Some(AtFault { why, .. }) = asked.find_map(|user| trust::could_be_put_by(directory, user, &[])) {
                let (path, directory) = (path.display(), directory.display());
                return log::warn!("not written to {path}: {directory} could be changed by others than root: {why}");
            }
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
    let _ = prctl::ask_for_parent_death_signal(Signal::KILL);
    // A parent that ended before that sends nothing.
    if !prctl::is_parent(parent) {
        return exit::SYSTEM;
    }
    signals::be_ordinary(inherited);
    descriptors::close_inherited(&[]);
    descriptors::let_go(&[0]);
    work()
}

fn not_started(child: ChildId, refusal: Refusal) -> Event {
    Event::Ended { child, ending: refusal.into() }
}
