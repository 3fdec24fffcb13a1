//! Walks every state that the machine can reach for a set of small plans and holds each step against the invariants.
//!
//! The [`World`] beside the machine knows what a kernel would know: who is alive, who was killed, whether an orphan is
//! left. From every state every event that such a world could produce is tried, with few signals, so that the walk ends.
//! Each step is held against three kinds of invariants: what an action may do to the world ([`State::perform`]), how an
//! event must be answered ([`State::check_answer`]), and which deadlines must be armed ([`State::check_deadlines`]).
//! `tests/mutants` breaks the machine in many ways and expects this test to fail each time.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use super::*;

const SERVER: ChildId = ChildId(0);
const DEPLOY: ChildId = ChildId(1);
const SECOND_DEPLOY: ChildId = ChildId(2);
const POST_DEPLOY: ChildId = ChildId(3);
const PRE_STOP: ChildId = ChildId(4);
const POST_STOP: ChildId = ChildId(5);
const ALERT: ChildId = ChildId(6);
const QUESTION: ChildId = ChildId(7);
const HELPER: ChildId = ChildId(8);

fn hook(child: ChildId) -> HookRule {
    HookRule {
        child,
        timeout: None,
        stop_timeout: Duration::from_secs(10),
        on_failure: OnFailure::Abort,
        on_stop: OnStop::Stop,
        skips: None,
        retry: None,
        helper: false,
    }
}

fn retried(child: ChildId) -> HookRule {
    let (backoff, max_backoff) = (A_SECOND, Duration::from_secs(30));
    HookRule { retry: Some(Retry { max: 1, backoff, max_backoff, on_codes: Vec::new() }), ..hook(child) }
}

fn helper(child: ChildId) -> HookRule {
    HookRule { helper: true, ..hook(child) }
}

fn timed(child: ChildId) -> HookRule {
    HookRule { timeout: Some(Duration::from_secs(600)), ..hook(child) }
}

fn rules(mode: Mode) -> Rules {
    Rules {
        mode,
        deploy: Vec::new(),
        post_deploy: Vec::new(),
        pre_stop: Vec::new(),
        post_stop: Vec::new(),
        on_failure: Vec::new(),
        server: Some(ServerRule {
            child: SERVER,
            stop_signal: None,
            stop_timeout: None,
            target: SignalTarget::Auto,
            rewrite: Vec::new(),
            run_limit: None,
        }),
        stop: StopRules {
            signals: vec![Signal::TERM, Signal::INT],
            timeout: None,
            drain: Duration::ZERO,
            budget: None,
            leftovers: Leftovers::Drain(Duration::from_secs(3)),
        },
        plain: false,
        terminal: false,
        foreground: false,
        top_of_session: true,
    }
}

fn with_server(mut rules: Rules, change: impl FnOnce(&mut ServerRule)) -> Rules {
    if let Some(server) = &mut rules.server {
        change(server);
    }
    rules
}

/// Small plans that together use every rule there is.
fn plans() -> Vec<(&'static str, Rules)> {
    let full = Rules {
        deploy: vec![hook(DEPLOY)],
        post_deploy: vec![hook(POST_DEPLOY)],
        pre_stop: vec![hook(PRE_STOP)],
        post_stop: vec![hook(POST_STOP)],
        on_failure: vec![hook(ALERT)],
        ..rules(Mode::Supervise)
    };
    let stop = |change: fn(&mut StopRules)| {
        let mut stop = rules(Mode::Supervise).stop;
        change(&mut stop);
        stop
    };
    let limited = |signal| Some(RunLimit { timeout: Duration::from_secs(5), signal });
    let plain = Rules {
        plain: true,
        stop: stop(|stop| {
            stop.signals.clear();
            stop.leftovers = Leftovers::DrainWithinGrace;
        }),
        ..rules(Mode::Supervise)
    };
    vec![
        ("plain", plain.clone()),
        ("plain in a terminal", Rules { foreground: true, terminal: true, ..plain.clone() }),
        ("plain below a shell", Rules { foreground: true, top_of_session: false, ..plain.clone() }),
        ("plain, as a group", with_server(plain.clone(), |server| server.target = SignalTarget::Group)),
        ("plain subreaper", Rules { stop: StopRules { leftovers: Leftovers::Ignore, ..plain.stop.clone() }, ..plain }),
        ("everything", full.clone()),
        (
            "failing hooks are passed over",
            Rules {
                deploy: vec![HookRule { on_failure: OnFailure::Continue, ..timed(DEPLOY) }, timed(SECOND_DEPLOY)],
                on_failure: vec![timed(ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "a hook finishes first",
            Rules { deploy: vec![HookRule { on_stop: OnStop::Finish, ..timed(DEPLOY) }], ..rules(Mode::Supervise) },
        ),
        (
            "drain, time-outs and a budget",
            with_server(
                Rules {
                    deploy: vec![timed(DEPLOY)],
                    pre_stop: vec![timed(PRE_STOP)],
                    post_stop: vec![timed(POST_STOP)],
                    stop: stop(|stop| {
                        stop.timeout = Some(Duration::from_secs(4));
                        stop.drain = Duration::from_secs(2);
                        stop.budget = Some(Duration::from_secs(10));
                    }),
                    ..rules(Mode::Supervise)
                },
                |server| server.stop_timeout = Some(Duration::from_secs(30)),
            ),
        ),
        (
            "a group with a stop time-out",
            with_server(rules(Mode::Supervise), |server| {
                server.target = SignalTarget::Group;
                server.stop_timeout = Some(Duration::from_secs(2));
            }),
        ),
        ("run time, killed", with_server(full.clone(), |server| server.run_limit = limited(Signal::KILL))),
        (
            "run time, asked to end",
            with_server(Rules { deploy: Vec::new(), ..full.clone() }, |server| {
                server.run_limit = limited(Signal::TERM);
            }),
        ),
        ("leftovers are left alone", Rules { stop: stop(|stop| stop.leftovers = Leftovers::Ignore), ..full.clone() }),
        (
            "hooks are tried again",
            Rules {
                deploy: vec![retried(DEPLOY)],
                post_deploy: vec![retried(POST_DEPLOY)],
                on_failure: vec![retried(ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "hooks of the stop are tried again",
            Rules { pre_stop: vec![retried(PRE_STOP)], post_stop: vec![retried(POST_STOP)], ..rules(Mode::Supervise) },
        ),
        (
            "is there anything to do",
            Rules {
                deploy: vec![
                    HookRule { skips: Some(1), ..timed(QUESTION) },
                    HookRule { on_stop: OnStop::Finish, ..timed(DEPLOY) },
                    hook(SECOND_DEPLOY),
                ],
                on_failure: vec![hook(ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "a helper first",
            Rules {
                deploy: vec![helper(HELPER), hook(DEPLOY)],
                on_failure: vec![hook(ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "prelude",
            Rules {
                deploy: vec![helper(HELPER), retried(DEPLOY)],
                on_failure: vec![hook(ALERT)],
                ..rules(Mode::Prelude { keeps_leftovers: true })
            },
        ),
        (
            "prelude that cleans up",
            Rules { deploy: vec![hook(DEPLOY)], ..rules(Mode::Prelude { keeps_leftovers: false }) },
        ),
        ("exec", Rules { deploy: vec![helper(DEPLOY)], ..rules(Mode::Exec) }),
        ("exec without hooks", rules(Mode::Exec)),
        (
            "keeper",
            Rules {
                deploy: vec![hook(DEPLOY), hook(SECOND_DEPLOY)],
                post_deploy: vec![hook(POST_DEPLOY)],
                on_failure: vec![hook(ALERT)],
                server: None,
                ..rules(Mode::Keeper)
            },
        ),
        ("keeper without pollers", Rules { deploy: full.deploy.clone(), server: None, ..rules(Mode::Keeper) }),
        ("one hook", Rules { deploy: full.deploy.clone(), server: None, ..rules(Mode::HookOnly) }),
    ]
}

/// What the kernel knows.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the surroundings")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct World {
    now: Uptime,
    alive: BTreeSet<ChildId>,
    /// How often a command was tried again.
    retries: u8,
    /// It is about to be.
    pausing: bool,
    /// The deploy hooks that were started, or skipped with reason, until the server is.
    deployed: BTreeSet<ChildId>,
    /// Hooks whose time was over: they have failed, however they end.
    out_of_time: BTreeSet<ChildId>,
    /// Sent a signal that asks to end.
    asked: BTreeSet<ChildId>,
    /// Sent KILL: their only future is to end.
    dying: BTreeSet<ChildId>,
    /// Whoever was left was sent KILL.
    leftovers_killed: bool,
    /// The first process of the server's group ended, the group lives.
    group_only: bool,
    /// Somebody whom no one knows.
    orphan: bool,
    signals: u8,
    suspended_once: bool,
    /// A second went by in which nothing happened.
    waited: bool,
    /// The first stop request.
    requested: Option<(Signal, Uptime)>,
    /// The stop requests that were SIGINTs, and when the second came.
    interrupts: u8,
    second_interrupt: Uptime,
    server_ended: Option<Ending>,
    /// The failure of a deploy hook that ends the boot.
    boot_failed: Option<Outcome>,
    exited: Option<Outcome>,
}

impl World {
    fn alone(&self) -> bool {
        self.alive.is_empty() && !self.orphan
    }

    fn in_time(&self, child: ChildId) -> bool {
        !self.out_of_time.contains(&child)
    }

    /// Whether the server lives and was not sent KILL. What becomes of its group is nobody's news.
    fn server_may_live_on(&self) -> bool {
        self.alive.contains(&SERVER) && !self.dying.contains(&SERVER) && !self.group_only
    }
}

/// What the machine was doing when an event came.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one moment")]
struct Before {
    phase: Phase,
    up: bool,
    /// The event is a stop request.
    request: bool,
    requested: bool,
    /// The event is the end of a child that did what it should, in time.
    success: bool,
    /// It is the third SIGINT, and the second was a while ago.
    insists: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    machine: Machine,
    world: World,
}

/// One thing that the world can do next.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Tell(Event),
    /// The child ends and leaves a process behind.
    EndsLeavingOrphan(ChildId),
    OrphanEnds,
    ASecondPasses,
}

const A_SECOND: Duration = Duration::from_secs(1);

impl State {
    fn new(rules: &Rules) -> State {
        State { machine: Machine::new(rules.clone()), world: World::default() }
    }

    fn happenings(&self) -> Vec<Happening> {
        let World { alive, dying, .. } = &self.world;
        let mut all = Vec::new();
        let mut tell = |event| all.push(Happening::Tell(event));
        match self.machine.phase {
            Phase::Fresh => {
                tell(Event::Begin);
                return all;
            }
            Phase::Done => return all,
            Phase::Waiting => tell(Event::ServerRuns),
            Phase::Handover => {
                let ending = Ending::NotStarted { step: StartStep::Exec, errno: 2 };
                tell(Event::Ended { child: SERVER, ending });
            }
            _ => {}
        }
        for &child in alive {
            if child == SERVER && self.world.group_only {
                tell(Event::GroupEmpty { child });
                continue;
            }
            let killed = Ending::Killed { signal: Signal::KILL, core: false };
            if dying.contains(&child) {
                tell(Event::Ended { child, ending: killed });
                continue;
            }
            let not_started = Ending::NotStarted { step: StartStep::Fork, errno: 11 };
            for ending in [Ending::Exited(0), Ending::Exited(3), not_started] {
                tell(Event::Ended { child, ending });
            }
            if self.machine.rules.mode == Mode::Exec {
                tell(Event::KeeperReady { child });
            }
            if child == SERVER && self.machine.rules.foreground && !self.world.suspended_once {
                tell(Event::Suspended { child });
                tell(Event::Resumed { child });
            }
        }
        if self.world.signals < 3 {
            tell(Event::Signal(Signal::TERM));
            tell(Event::Signal(Signal::INT));
        }
        if self.world.signals == 0 {
            tell(Event::Signal(Signal::QUIT));
            tell(Event::Signal(Signal::HUP));
        }
        if self.machine.deadline().is_some() {
            tell(Event::Deadline);
        }
        let in_a_second = self.world.now.after(A_SECOND);
        let nothing_due = self.machine.deadline().is_none_or(|deadline| in_a_second <= deadline);
        // What a second changes is what one more SIGINT means.
        if self.world.interrupts == 2 && !self.world.waited && dying.is_empty() && nothing_due {
            all.push(Happening::ASecondPasses);
        }
        for &child in alive.iter().filter(|child| !dying.contains(child)) {
            if !(self.world.orphan || child == SERVER && self.world.group_only) {
                all.push(Happening::EndsLeavingOrphan(child));
            }
        }
        if self.world.orphan {
            all.push(Happening::OrphanEnds);
        }
        all
    }

    /// Lets `happening` happen, and the turn end.
    fn after(&self, happening: Happening) -> Result<State, String> {
        let mut next = self.clone();
        match happening {
            Happening::Tell(event) => next.tell(event)?,
            Happening::EndsLeavingOrphan(child) => {
                next.world.orphan = true;
                next.tell(Event::Ended { child, ending: Ending::Exited(0) })?;
            }
            Happening::OrphanEnds => next.world.orphan = false,
            Happening::ASecondPasses => {
                next.world.waited = true;
                next.world.now = next.world.now.after(A_SECOND);
            }
        }
        next.end_turn()?;
        Ok(next)
    }

    fn end_turn(&mut self) -> Result<(), String> {
        if self.machine.is_done() {
            return Ok(());
        }
        let alone = self.world.alone();
        self.tell(Event::TurnOver { alone })?;
        if alone && matches!(self.machine.phase, Phase::Leftovers { .. }) {
            return Err("nobody is left and it waits for leftovers".into());
        }
        let waits_for_news = matches!(self.machine.phase, Phase::Waiting | Phase::Handover | Phase::Done);
        if self.world.alone() && !waits_for_news && self.machine.deadline().is_none() {
            return Err(format!("nothing can ever move {:?}", self.machine.phase));
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), String> {
        let before = self.before(event);
        self.take_note(event, &before)?;
        let mut actions = Vec::new();
        self.machine.step(self.world.now, event, &mut actions);
        for (place, &action) in actions.iter().enumerate() {
            self.perform(action, place + 1 == actions.len())?;
        }
        self.check_answer(&before, event, &actions)?;
        self.check_end(&before)?;
        self.check_deadlines(event, &actions)
    }

    fn before(&self, event: Event) -> Before {
        let request = matches!(event, Event::Signal(signal) if self.machine.is_stop_request(signal));
        let patient = self.world.now >= self.world.second_interrupt.after(A_SECOND);
        Before {
            phase: self.machine.phase.clone(),
            up: self.machine.server.is_up(),
            request,
            requested: self.world.requested.is_some(),
            success: matches!(event, Event::Ended { child, ending } if ending.success() && self.world.in_time(child)),
            insists: request && event == Event::Signal(Signal::INT) && self.world.interrupts == 2 && patient,
        }
    }

    /// What the event means for the world, before the machine hears of it.
    fn take_note(&mut self, event: Event, before: &Before) -> Result<(), String> {
        match event {
            Event::Deadline => {
                let deadline = self.machine.deadline().ok_or("no deadline")?;
                self.world.now = self.world.now.max(deadline);
            }
            Event::Signal(signal) => {
                self.world.signals += 1;
                if self.machine.is_stop_request(signal) {
                    self.world.requested.get_or_insert((signal, self.world.now));
                    if signal == Signal::INT {
                        self.world.interrupts += 1;
                    }
                    if self.world.interrupts == 2 {
                        self.world.second_interrupt = self.world.now;
                    }
                }
            }
            Event::Ended { child, ending } => {
                self.world.dying.remove(&child);
                self.world.asked.remove(&child);
                let group = self.machine.rules.server.as_ref().is_some_and(|rule| rule.target == SignalTarget::Group);
                let started = !matches!(ending, Ending::NotStarted { .. });
                if child == SERVER {
                    self.world.server_ended = Some(ending);
                }
                if child == SERVER && group && started {
                    self.world.group_only = true;
                } else {
                    self.world.alive.remove(&child);
                }
                let timed_out = self.world.out_of_time.remove(&child);
                if !before.success && self.ends_the_boot(child, ending) {
                    let is_helper = self.machine.rules.deploy.iter().any(|hook| hook.child == child && hook.helper);
                    self.world.boot_failed = Some(match ending {
                        Ending::Exited(code) if is_helper => Outcome::HelperEnded(code),
                        _ => Outcome::HookFailed { child, ending, timed_out },
                    });
                }
            }
            Event::GroupEmpty { child } => {
                self.world.group_only = false;
                self.world.alive.remove(&child);
            }
            Event::Suspended { .. } => self.world.suspended_once = true,
            Event::Begin
            | Event::Resumed { .. }
            | Event::KeeperReady { .. }
            | Event::ServerRuns
            | Event::TurnOver { .. } => {}
        }
        Ok(())
    }

    /// A deploy hook that fails now, with nobody having asked to stop, is one without which the boot cannot go on.
    fn ends_the_boot(&self, child: ChildId, ending: Ending) -> bool {
        let hook = self.machine.rules.deploy.iter().find(|hook| hook.child == child);
        let retries = hook.and_then(|hook| hook.retry.as_ref()).map_or(0, |retry| retry.max);
        let started = !matches!(ending, Ending::NotStarted { .. });
        if started && u16::from(self.world.retries) < retries {
            return false;
        }
        let policy = hook.filter(|hook| hook.skips.is_none()).map(|hook| hook.on_failure);
        matches!(self.machine.phase, Phase::Deploying(_))
            && self.world.requested.is_none()
            && policy == Some(OnFailure::Abort)
    }

    fn perform(&mut self, action: Action, last: bool) -> Result<(), String> {
        if self.world.exited.is_some() {
            return Err(format!("{action:?} after the exit"));
        }
        match action {
            Action::Spawn(child) => {
                let ends_things = [PRE_STOP, POST_STOP, ALERT].contains(&child);
                if (self.world.requested.is_some() || self.world.server_ended.is_some()) && !ends_things {
                    return Err(format!("{child:?} is started while stopping"));
                }
                if child == SERVER {
                    self.check_boot()?;
                }
                let deploys = self.machine.rules.deploy.iter().any(|hook| hook.child == child);
                let is_retry = mem::take(&mut self.world.pausing);
                let again = deploys && !self.world.deployed.insert(child) && !is_retry;
                if !self.world.alive.insert(child) || again {
                    return Err(format!("{child:?} is started twice"));
                }
            }
            Action::Exec(_) | Action::LetServerStart => self.check_boot()?,
            Action::Signal { child, signal, .. } => {
                if !self.world.alive.contains(&child) {
                    return Err(format!("{signal} for {child:?}, which is gone"));
                }
                if asks_to_stop(signal) || signal == Signal::KILL {
                    self.world.asked.insert(child);
                }
                if signal == Signal::KILL {
                    self.world.dying.insert(child);
                }
            }
            Action::SignalLeftovers(signal) => {
                if self.machine.server.is_up() && signal != Signal::KILL {
                    return Err("leftovers are drained while the server is up".into());
                }
                let World { alive, asked, dying, .. } = &mut self.world;
                asked.extend(alive.iter().copied());
                if signal == Signal::KILL {
                    dying.extend(alive.iter().copied());
                    self.world.leftovers_killed = true;
                }
            }
            Action::SuspendSelf(_) if self.machine.rules.top_of_session => {
                return Err("nobody could wake app-init up again".into());
            }
            Action::Note(Note::NothingToDo { .. }) => {
                if !self.world.deployed.insert(DEPLOY) {
                    return Err("a command is skipped after it was started".into());
                }
            }
            Action::Note(Note::Retrying { .. }) => {
                if self.world.requested.is_some()
                    && !matches!(self.machine.phase, Phase::PreStop { .. } | Phase::Closing(_))
                {
                    return Err("something is tried again while stopping".into());
                }
                self.world.retries += 1;
                self.world.pausing = true;
            }
            Action::Note(Note::HookTimedOut { child, .. }) => {
                self.world.out_of_time.insert(child);
            }
            Action::Exit(outcome) => {
                if !last {
                    return Err("something is to be done after the exit".into());
                }
                self.check_exit(outcome)?;
                self.world.exited = Some(outcome);
            }
            Action::Announce(_) | Action::SuspendSelf(_) | Action::Note(_) => {}
        }
        Ok(())
    }

    /// The server may start.
    fn check_boot(&mut self) -> Result<(), String> {
        if self.world.requested.is_some() {
            return Err("the server is started after a stop request".into());
        }
        if self.world.boot_failed.is_some() {
            return Err("the server is started though a hook failed".into());
        }
        let deployed = mem::take(&mut self.world.deployed);
        match self.machine.rules.deploy.iter().find(|hook| !deployed.contains(&hook.child)) {
            Some(hook) => Err(format!("the server is started and {:?} never was", hook.child)),
            None => Ok(()),
        }
    }

    fn check_exit(&self, outcome: Outcome) -> Result<(), String> {
        if self.machine.server.is_up() {
            return Err("exit while the server is up".into());
        }
        let World { server_ended, boot_failed, requested, alive, asked, .. } = &self.world;
        let rules = &self.machine.rules;
        let timed_out = matches!(outcome, Outcome::TimedOut { .. });
        let settled = match (*server_ended, *boot_failed, *requested) {
            _ if timed_out => None,
            (Some(ending), _, _) => Some(Outcome::Server(ending)),
            (None, Some(failed), _) => Some(failed),
            (None, None, Some((signal, _))) if rules.mode == Mode::Supervise => Some(Outcome::Interrupted(signal)),
            (None, None, _) => None,
        };
        if let Some(settled) = settled.filter(|settled| *settled != outcome) {
            return Err(format!("it is {settled:?}, and app-init ends with {outcome:?}"));
        }
        if timed_out && rules.server.as_ref().is_none_or(|server| server.run_limit.is_none()) {
            return Err("a time limit that nobody set".into());
        }
        if let Some(child) = alive.difference(asked).next() {
            return Err(format!("exit, and {child:?} was never asked to end"));
        }
        Ok(())
    }

    /// What must come of an event, whatever else does.
    fn check_answer(&self, before: &Before, event: Event, actions: &[Action]) -> Result<(), String> {
        let rules = &self.machine.rules;
        let does = |wanted: Action| actions.contains(&wanted);
        let starts = |list: &[HookRule]| list.first().is_none_or(|hook| does(Action::Spawn(hook.child)));
        let deploying = matches!(before.phase, Phase::Deploying(_));
        match event {
            Event::Signal(_) if before.request => self.check_request(before, actions)?,
            Event::Signal(signal) if before.up => {
                demand(place(actions, SERVER, signal).is_some(), "a signal was not handed on to the server")?;
            }
            Event::Signal(_) if rules.plain && matches!(before.phase, Phase::Leftovers { killed: false, .. }) => {
                demand(does(Action::SignalLeftovers(Signal::KILL)), "a signal did not end the wait for leftovers")?;
            }
            Event::KeeperReady { .. } if deploying && !before.requested => {
                demand(does(Action::Exec(SERVER)), "the hooks are through, and the server does not start")?;
            }
            Event::Ended { child: QUESTION, .. } if deploying && !before.requested => {
                let next = if before.success { SECOND_DEPLOY } else { DEPLOY };
                demand(does(Action::Spawn(next)), "the question's answer leads to another command")?;
            }
            Event::Ended { child, ending } if deploying && !before.requested && !before.success => {
                let hook = rules.deploy.iter().find(|hook| hook.child == child);
                let may_retry = hook.is_some_and(|hook| hook.retry.is_some());
                let retries = actions.iter().any(|action| matches!(action, Action::Note(Note::Retrying { .. })));
                let started = !matches!(ending, Ending::NotStarted { .. });
                let is_first = self.world.retries == u8::from(retries);
                demand(retries || !(may_retry && started && is_first), "a hook that may be tried again is not")?;
                let silent = retries || hook.is_none_or(|hook| hook.helper);
                demand(silent || starts(&rules.on_failure), "nobody is told of the failed hook")?;
            }
            Event::Suspended { .. } if before.up && rules.foreground => {
                demand(!actions.is_empty(), "the server is suspended, and nobody will ever continue it")?;
            }
            _ => {}
        }
        let server_started = does(Action::Spawn(SERVER)) || event == Event::ServerRuns;
        demand(!server_started || starts(&rules.post_deploy), "the server runs without its poller")?;
        // Outside plain use, or a stopped process would never hear it.
        let unheard = |(at, action): (usize, &Action)| match *action {
            Action::Signal { child, signal: Signal::TERM | Signal::INT, .. } => {
                place(actions, child, Signal::CONT).is_none_or(|continued| continued < at)
            }
            _ => false,
        };
        demand(rules.plain || !actions.iter().enumerate().any(unheard), "somebody is asked to end and not continued")
    }

    fn check_request(&self, before: &Before, actions: &[Action]) -> Result<(), String> {
        if matches!(before.phase, Phase::Leftovers { killed: true, .. }) {
            return Ok(());
        }
        let any = |wanted: fn(&Action) -> bool| actions.iter().any(wanted);
        let is_heard = any(|action| !matches!(action, Action::Note(Note::StopRequested { .. })));
        demand(is_heard, "nobody heard the stop request")?;
        let kills = any(|action| {
            matches!(action, Action::Signal { signal: Signal::KILL, .. } | Action::SignalLeftovers(Signal::KILL))
        });
        // In exec mode the keeper counts for itself.
        let is_heard_by_keeper = self.machine.rules.mode == Mode::Exec;
        let over = self.machine.is_done();
        demand(kills || over || !before.insists || is_heard_by_keeper, "a third INT, and nobody is killed")?;
        if before.phase != Phase::Serving {
            return Ok(());
        }
        let withdraws = any(|action| *action == Action::Spawn(PRE_STOP));
        demand(withdraws || self.machine.rules.pre_stop.is_empty(), "stopping without pre-stop")?;
        if !self.world.alive.contains(&POST_DEPLOY) {
            return Ok(());
        }
        let poller = place(actions, POST_DEPLOY, Signal::TERM).ok_or("the poller was not asked to stop")?;
        let of_server = |action: &Action| matches!(action, Action::Signal { child: SERVER, .. });
        let server = actions.iter().position(of_server);
        demand(server.is_none_or(|server| poller < server), "the server was asked to stop before the poller")
    }

    /// Where leftovers are not simply left alone, nobody is left behind who was not killed; and the last hook runs.
    fn check_end(&self, before: &Before) -> Result<(), String> {
        let over = matches!(self.machine.phase, Phase::Closing(_) | Phase::Done);
        if !over || matches!(before.phase, Phase::Closing(_)) {
            // What `post-stop` itself leaves behind ends with PID 1.
            return Ok(());
        }
        let World { orphan, alive, leftovers_killed, server_ended, .. } = &self.world;
        let Rules { mode, post_stop, stop, .. } = &self.machine.rules;
        let somebody_left = *orphan || alive.iter().any(|child| *child != POST_STOP);
        let stay = matches!(*mode, Mode::Prelude { keeps_leftovers: true })
            && self.world.exited == Some(Outcome::Completed)
            && alive.is_empty();
        let in_order = !somebody_left || *leftovers_killed || stop.leftovers == Leftovers::Ignore || stay;
        demand(in_order, "leftovers did not end in time and were not killed")?;
        // A budget may have no time left for it.
        let had_server = server_ended.is_some_and(|ending| !matches!(ending, Ending::NotStarted { .. }));
        let closes = *mode == Mode::Supervise && had_server && stop.budget.is_none();
        demand(!self.machine.is_done() || !closes || post_stop.is_empty(), "exit without post-stop")
    }

    fn check_deadlines(&self, event: Event, actions: &[Action]) -> Result<(), String> {
        let Machine { rules, phase, timed_out, kill_server_at, run_until, server, .. } = &self.machine;
        let World { now, alive, asked, dying, requested, .. } = &self.world;
        let deadline = self.machine.deadline();
        if event == Event::Deadline {
            demand(!due(deadline, *now), "a deadline that was acted on is still due: the loop would spin")?;
        }
        // One that the kernel does not get to is waited for.
        if let (Event::Deadline, Some((_, at)), Some(budget), true) =
            (event, requested, rules.stop.budget, dying.is_empty())
        {
            demand(*now <= at.after(budget), "the stop takes longer than its budget")?;
        }
        let stopping = *phase == Phase::Stopping;
        demand(kill_server_at.is_none() || stopping, "the server's KILL is armed though nobody asked it to stop")?;
        let rule = rules.server.as_ref();
        let limited = rule.is_some_and(|rule| rule.stop_timeout.is_some())
            || rules.stop.budget.is_some() && requested.is_some()
            || timed_out.is_some();
        let wants_kill = stopping && limited && self.world.server_may_live_on();
        demand(!wants_kill || kill_server_at.is_some(), "the server was asked to stop, and its KILL is not armed")?;
        demand(run_until.is_none() || server.is_up(), "the run time of a server that is gone is still measured")?;
        let has_limit = rule.is_some_and(|rule| rule.run_limit.is_some()) && timed_out.is_none();
        demand(!server.is_up() || !has_limit || run_until.is_some(), "the server's run time is not measured")?;
        let lists = [&rules.deploy, &rules.post_deploy, &rules.pre_stop, &rules.post_stop, &rules.on_failure];
        let timed = lists.into_iter().flatten().filter(|hook| hook.timeout.is_some()).map(|hook| hook.child);
        let is_timed = timed.into_iter().any(|child| alive.contains(&child) && !asked.contains(&child));
        demand(!is_timed || deadline.is_some(), "a hook runs and its time is not measured")?;
        let stops_hook = actions.iter().any(|action| matches!(action, Action::Note(Note::HookTimedOut { .. })));
        demand(!stops_hook || deadline.is_some(), "a hook out of time was asked to end, and its KILL is not armed")
    }
}

fn demand(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Where among the actions `child` is sent `signal` last.
fn place(actions: &[Action], child: ChildId, signal: Signal) -> Option<usize> {
    actions.iter().rposition(
        |action| matches!(action, Action::Signal { child: to, signal: sent, .. } if (*to, *sent) == (child, signal)),
    )
}

/// More than any plan needs: a machine that gets nowhere new would be walked for ever.
const FAR_TOO_MANY: usize = 150_000;

/// Walks everything that `rules` can lead to; the number of states, or what went wrong and how to get there.
fn explore(name: &str, rules: &Rules) -> Result<usize, String> {
    let first = State::new(rules);
    let mut seen = HashSet::from([first.clone()]);
    // Each state with the place of the one before it, so that a fault can be told as a story.
    let mut steps: Vec<(usize, Option<Happening>)> = vec![(0, None)];
    let mut open = VecDeque::from([(0, first)]);
    let mut ends = 0;
    while let Some((place, state)) = open.pop_front() {
        let story = |fault: String, last: Option<Happening>| {
            let mut path = Vec::from_iter(last);
            let mut place = place;
            while let (before, Some(happening)) = steps[place] {
                path.push(happening);
                place = before;
            }
            path.reverse();
            format!("{name}: {fault}\nafter {path:?}")
        };
        check_that_order_does_not_matter(&state).map_err(|fault| story(fault, None))?;
        if seen.len() > FAR_TOO_MANY {
            return Err(story("the walk does not end".into(), None));
        }
        let mut found = Vec::new();
        for happening in state.happenings() {
            let next = state.after(happening).map_err(|fault| story(fault, Some(happening)))?;
            ends += usize::from(next.machine.is_done());
            if seen.insert(next.clone()) {
                found.push((happening, next));
            }
        }
        for (happening, next) in found {
            open.push_back((steps.len(), next));
            steps.push((place, Some(happening)));
        }
    }
    if ends == 0 {
        return Err(format!("{name}: no way leads to the exit"));
    }
    Ok(seen.len())
}

/// The server's end and any other news of the same turn: whichever is told first, app-init ends with the same outcome.
fn check_that_order_does_not_matter(state: &State) -> Result<(), String> {
    if !state.world.alive.contains(&SERVER) || state.world.group_only || state.machine.run_until.is_some() {
        return Ok(());
    }
    let server_ends = Event::Ended { child: SERVER, ending: Ending::Exited(3) };
    for happening in state.happenings() {
        let Happening::Tell(other) = happening else { continue };
        let is_ours = matches!(other, Event::Ended { child: SERVER, .. });
        if is_ours || other == Event::Deadline || matches!(other, Event::Suspended { .. } | Event::Resumed { .. }) {
            continue;
        }
        let outcome = |events: [Event; 2]| -> Result<Option<Outcome>, String> {
            let mut state = state.clone();
            for event in events {
                if !state.machine.is_done() {
                    state.tell(event)?;
                }
            }
            state.end_turn()?;
            state.settle()
        };
        let (one, two) = (outcome([server_ends, other])?, outcome([other, server_ends])?);
        if one != two {
            return Err(format!("{server_ends:?} and {other:?}: {one:?} in this order, {two:?} in the other"));
        }
    }
    Ok(())
}

impl State {
    /// Lets everybody end with 0, one after another.
    fn settle(mut self) -> Result<Option<Outcome>, String> {
        for _ in 0..50 {
            if self.machine.is_done() {
                break;
            }
            let happening = match self.world.alive.first().copied() {
                Some(child) if child == SERVER && self.world.group_only => Happening::Tell(Event::GroupEmpty { child }),
                Some(child) => Happening::Tell(Event::Ended { child, ending: Ending::Exited(0) }),
                None if self.world.orphan => Happening::OrphanEnds,
                None => Happening::Tell(Event::Deadline),
            };
            self = self.after(happening)?;
        }
        Ok(self.world.exited)
    }
}

#[test]
fn every_reachable_state_keeps_the_invariants() {
    let mut total = 0;
    for (name, rules) in plans() {
        match explore(name, &rules) {
            Ok(states) => {
                println!("{states:>7} states: {name}");
                total += states;
            }
            Err(fault) => panic!("{fault}"),
        }
    }
    assert!(total > 10_000, "only {total} states: the walk does not get anywhere");
}
