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

fn hook(child: ChildId) -> HookRule {
    HookRule {
        child,
        timeout: None,
        stop_timeout: Duration::from_secs(10),
        on_failure: OnFailure::Abort,
        on_stop: OnStop::Stop,
    }
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
                server.run_limit = limited(Signal::TERM)
            }),
        ),
        ("leftovers are left alone", Rules { stop: stop(|stop| stop.leftovers = Leftovers::Ignore), ..full.clone() }),
        ("exec", Rules { deploy: vec![hook(DEPLOY)], ..rules(Mode::Exec) }),
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
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct World {
    now: Uptime,
    alive: BTreeSet<ChildId>,
    /// Everybody who was ever started.
    started: BTreeSet<ChildId>,
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
    /// When SIGINTs came, as stop requests.
    interrupts: Vec<Uptime>,
    server_ended: Option<Ending>,
    /// The failure of a deploy hook that ends the boot.
    boot_failed: Option<Outcome>,
    exited: Option<Outcome>,
}

impl World {
    fn alone(&self) -> bool {
        self.alive.is_empty() && !self.orphan
    }

    /// Whether the server lives and was not sent KILL. What becomes of its group is nobody's news.
    fn server_may_live_on(&self) -> bool {
        self.alive.contains(&SERVER) && !self.dying.contains(&SERVER) && !self.group_only
    }
}

/// What the machine was doing when an event came.
struct Before {
    phase: Phase,
    up: bool,
    /// The event is a stop request.
    request: bool,
    requested: bool,
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
        // What a second changes is what one more signal means.
        if self.world.signals == 2 && !self.world.waited && dying.is_empty() && nothing_due {
            all.push(Happening::ASecondPasses);
        }
        for &child in alive.iter().filter(|child| !dying.contains(child)) {
            if !self.world.orphan && !(child == SERVER && self.world.group_only) {
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
        self.take_note(event)?;
        let mut actions = Vec::new();
        self.machine.step(self.world.now, event, &mut actions);
        for (place, &action) in actions.iter().enumerate() {
            self.perform(action, place + 1 == actions.len())?;
        }
        self.check_answer(&before, event, &actions)?;
        self.check_end_of_leftovers(&before)?;
        self.check_deadlines(event, &actions)
    }

    fn before(&self, event: Event) -> Before {
        let request = matches!(event, Event::Signal(signal) if self.machine.is_stop_request(signal));
        let second = self.world.interrupts.get(1);
        Before {
            phase: self.machine.phase.clone(),
            up: self.machine.server.is_up(),
            request,
            requested: self.world.requested.is_some(),
            insists: request
                && event == Event::Signal(Signal::INT)
                && second.is_some_and(|second| self.world.now >= second.after(A_SECOND)),
        }
    }

    /// What the event means for the world, before the machine hears of it.
    fn take_note(&mut self, event: Event) -> Result<(), String> {
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
                        self.world.interrupts.push(self.world.now);
                    }
                }
            }
            Event::Ended { child, ending } => {
                self.world.dying.remove(&child);
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
                if self.ends_the_boot(child, ending) {
                    self.world.boot_failed = Some(match ending {
                        Ending::Exited(code) if self.machine.rules.mode == Mode::Exec => Outcome::KeeperEnded(code),
                        _ => Outcome::HookFailed { child, ending },
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

    /// A deploy hook fails, nobody has asked to stop, and the boot is not to go on without it.
    fn ends_the_boot(&self, child: ChildId, ending: Ending) -> bool {
        let policy = self.machine.rules.deploy.iter().find(|hook| hook.child == child).map(|hook| hook.on_failure);
        matches!(self.machine.phase, Phase::Deploying(_))
            && self.world.requested.is_none()
            && !ending.success()
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
                if !self.world.started.insert(child) || !self.world.alive.insert(child) {
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
    fn check_boot(&self) -> Result<(), String> {
        if self.world.requested.is_some() {
            return Err("the server is started after a stop request".into());
        }
        if self.world.boot_failed.is_some() {
            return Err("the server is started though a hook failed".into());
        }
        match self.machine.rules.deploy.iter().find(|hook| !self.world.started.contains(&hook.child)) {
            Some(hook) => Err(format!("the server is started and {:?} never was", hook.child)),
            None => Ok(()),
        }
    }

    fn check_exit(&self, outcome: Outcome) -> Result<(), String> {
        if self.machine.server.is_up() {
            return Err("exit while the server is up".into());
        }
        let World { server_ended, boot_failed, requested, alive, asked, started, .. } = &self.world;
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
        // A budget may have no time left for it.
        let closes = rules.mode == Mode::Supervise && server_ended.is_some() && rules.stop.budget.is_none();
        if closes && !rules.post_stop.is_empty() && !started.contains(&POST_STOP) {
            return Err("exit without post-stop".into());
        }
        Ok(())
    }

    /// What must come of an event, whatever else does.
    fn check_answer(&self, before: &Before, event: Event, actions: &[Action]) -> Result<(), String> {
        let rules = &self.machine.rules;
        let does = |wanted: &[Action]| actions.iter().any(|action| wanted.contains(action));
        let signals = |to: ChildId, wanted: Signal| {
            actions.iter().any(|action| matches!(action, Action::Signal { child, signal, .. } if (*child, *signal) == (to, wanted)))
        };
        let starts = |list: &[HookRule]| list.first().is_none_or(|hook| does(&[Action::Spawn(hook.child)]));
        match event {
            Event::Signal(_) if before.request => self.check_request(before, actions)?,
            Event::Signal(signal) if before.up && !signals(SERVER, signal) => {
                return Err(format!("{signal} was not handed on to the server"));
            }
            Event::Signal(signal) if rules.plain && matches!(before.phase, Phase::Leftovers { killed: false, .. }) => {
                if !does(&[Action::SignalLeftovers(Signal::KILL)]) {
                    return Err(format!("{signal} did not end the wait for leftovers"));
                }
            }
            Event::KeeperReady { .. } if matches!(before.phase, Phase::Deploying(_)) && !before.requested => {
                if !does(&[Action::Exec(SERVER)]) {
                    return Err("the hooks are through, and the server does not start".into());
                }
            }
            Event::Ended { ending, .. } if matches!(before.phase, Phase::Deploying(_)) => {
                if !ending.success() && !before.requested && rules.mode != Mode::Exec && !starts(&rules.on_failure) {
                    return Err("nobody is told of the failed hook".into());
                }
            }
            Event::Suspended { .. } if before.up && rules.foreground && actions.is_empty() => {
                return Err("the server is suspended, and nobody will ever continue it".into());
            }
            _ => {}
        }
        if (does(&[Action::Spawn(SERVER)]) || event == Event::ServerRuns) && !starts(&rules.post_deploy) {
            return Err("the server runs without its poller".into());
        }
        self.check_continued(actions)
    }

    fn check_request(&self, before: &Before, actions: &[Action]) -> Result<(), String> {
        let place = |wanted: fn(&Action) -> bool| actions.iter().position(wanted);
        let killed = matches!(before.phase, Phase::Leftovers { killed: true, .. });
        if !killed && place(|action| !matches!(action, Action::Note(Note::StopRequested { .. }))).is_none() {
            return Err("nobody heard the stop request".into());
        }
        let kill = |action: &Action| {
            matches!(action, Action::Signal { signal: Signal::KILL, .. } | Action::SignalLeftovers(Signal::KILL))
        };
        if before.insists && !killed && place(kill).is_none() {
            return Err("a third INT, and nobody is killed".into());
        }
        if before.phase == Phase::Serving {
            let pre_stop = place(|action| *action == Action::Spawn(PRE_STOP));
            if !self.machine.rules.pre_stop.is_empty() && pre_stop.is_none() {
                return Err("stopping without pre-stop".into());
            }
            if self.world.alive.contains(&POST_DEPLOY) {
                let of = |action: &Action, wanted: ChildId| matches!(action, Action::Signal { child, .. } if *child == wanted);
                let poller = actions.iter().position(|action| of(action, POST_DEPLOY));
                let poller = poller.ok_or("the poller was not asked to stop")?;
                if actions.iter().position(|action| of(action, SERVER)).is_some_and(|server| server < poller) {
                    return Err("the server was asked to stop before the poller".into());
                }
            }
        }
        Ok(())
    }

    /// Outside plain use everybody who is asked to end is also continued, or a stopped process would never hear it.
    fn check_continued(&self, actions: &[Action]) -> Result<(), String> {
        for (place, action) in actions.iter().enumerate() {
            let Action::Signal { child, signal: Signal::TERM | Signal::INT, .. } = *action else { continue };
            let continued = actions.iter().skip(place).any(|later| {
                matches!(later, Action::Signal { child: other, signal: Signal::CONT, .. } if *other == child)
            });
            if !continued && !self.machine.rules.plain {
                return Err(format!("{child:?} is asked to end and not continued"));
            }
        }
        Ok(())
    }

    /// Where leftovers are not simply left alone, nobody is left behind who was not killed.
    fn check_end_of_leftovers(&self, before: &Before) -> Result<(), String> {
        let over = matches!(self.machine.phase, Phase::Closing(_) | Phase::Done);
        // What `post-stop` itself leaves behind ends with PID 1.
        let from_closing = matches!(before.phase, Phase::Closing(_));
        let left_alone = self.machine.rules.stop.leftovers == Leftovers::Ignore;
        let somebody_left = self.world.orphan || self.world.alive.iter().any(|child| *child != POST_STOP);
        if over && !from_closing && !left_alone && somebody_left && !self.world.leftovers_killed {
            return Err("leftovers did not end in time and were not killed".into());
        }
        Ok(())
    }

    fn check_deadlines(&self, event: Event, actions: &[Action]) -> Result<(), String> {
        let Machine { rules, phase, timed_out, kill_server_at, run_until, server, .. } = &self.machine;
        let World { now, alive, asked, requested, .. } = &self.world;
        let deadline = self.machine.deadline();
        if event == Event::Deadline && due(deadline, *now) {
            return Err("a deadline that was acted on is still due: the loop would spin".into());
        }
        if let (Event::Deadline, Some((_, at)), Some(budget)) = (event, requested, rules.stop.budget) {
            if *now > at.after(budget) {
                return Err("the stop takes longer than its budget".into());
            }
        }
        if kill_server_at.is_some() && *phase != Phase::Stopping {
            return Err("the server's KILL is armed though nobody asked it to stop".into());
        }
        let rule = rules.server.as_ref();
        let limited = rule.is_some_and(|rule| rule.stop_timeout.is_some())
            || rules.stop.budget.is_some() && requested.is_some()
            || timed_out.is_some();
        if *phase == Phase::Stopping && limited && self.world.server_may_live_on() && kill_server_at.is_none() {
            return Err("the server was asked to stop, and its KILL is not armed".into());
        }
        if run_until.is_some() && !server.is_up() {
            return Err("the run time of a server that is gone is still measured".into());
        }
        let has_run_limit = rule.is_some_and(|rule| rule.run_limit.is_some());
        if server.is_up() && has_run_limit && timed_out.is_none() && run_until.is_none() {
            return Err("the server's run time is not measured".into());
        }
        let lists = [&rules.deploy, &rules.post_deploy, &rules.pre_stop, &rules.post_stop, &rules.on_failure];
        let unbounded = |hook: &&HookRule| {
            hook.timeout.is_some() && alive.contains(&hook.child) && !asked.contains(&hook.child)
        };
        if deadline.is_none() && lists.into_iter().flatten().any(|hook| unbounded(&hook)) {
            return Err("a hook runs and its time is not measured".into());
        }
        let stops_hook = actions.iter().any(|action| matches!(action, Action::Note(Note::HookTimedOut { .. })));
        if stops_hook && deadline.is_none() {
            return Err("a hook out of time was asked to end, and its KILL is not armed".into());
        }
        Ok(())
    }
}

/// More than any plan needs: a machine that gets nowhere new would be walked for ever.
const FAR_TOO_MANY: usize = 300_000;

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
