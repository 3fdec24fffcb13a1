//! What a kernel would know, what an event means for it, and what an action may do to it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[expect(clippy::struct_excessive_bools, reason = "independent facts about the surroundings")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct World {
    pub now: Uptime,
    pub alive: BTreeSet<ChildId>,
    /// How often a command was tried again since it was first started.
    pub retries: BTreeMap<ChildId, u16>,
    /// Commands that are about to be tried again, not before then.
    pub pausing: BTreeMap<ChildId, Uptime>,
    /// The deploy hooks that were started, or skipped with reason, until the server is.
    pub deployed: BTreeSet<ChildId>,
    /// Hooks whose time was over: they have failed, however they end.
    pub out_of_time: BTreeSet<ChildId>,
    /// Sent a signal that asks to end.
    pub asked: BTreeSet<ChildId>,
    /// Sent KILL, first then: their only future is to end.
    pub dying: BTreeMap<ChildId, Uptime>,
    /// When whoever was left was last sent KILL.
    pub leftovers_killed: Option<Uptime>,
    /// The first process of the server's group ended, the group lives.
    pub group_only: bool,
    /// It was looked at again.
    pub looked: bool,
    /// Somebody whom no one knows.
    pub orphan: bool,
    pub signals: u8,
    pub suspended_once: bool,
    /// A second went by in which nothing happened.
    pub waited: bool,
    /// The first stop request.
    pub requested: Option<(Signal, Uptime)>,
    /// The stop requests that were SIGINTs, and when the second came.
    pub interrupts: u8,
    pub second_interrupt: Uptime,
    pub server_ended: Option<Ending>,
    /// The failure of a deploy hook that ends the boot.
    pub boot_failed: Option<Outcome>,
    /// A poller failed without which the server must not go on: in this turn, and in one before.
    pub poller_failed: Option<Outcome>,
    pub given_up: Option<Outcome>,
    pub exited: Option<Outcome>,
}

impl World {
    pub fn alone(&self) -> bool {
        self.alive.is_empty() && !self.orphan
    }

    pub fn in_time(&self, child: ChildId) -> bool {
        !self.out_of_time.contains(&child)
    }

    /// Whether the server lives and was not sent KILL. What becomes of its group is nobody's news.
    pub fn server_may_live_on(&self) -> bool {
        self.alive.contains(&SERVER) && !self.dying.contains_key(&SERVER) && !self.group_only
    }

    /// Nothing is started any more but what belongs to the end.
    pub fn is_stopping(&self) -> bool {
        self.requested.is_some() || self.given_up.is_some() || self.server_ended.is_some() && !self.group_only
    }
}

impl State {
    /// What the event means for the world, before the machine hears of it.
    pub fn take_note(&mut self, event: Event, before: &Before) -> Result<(), String> {
        match event {
            Event::Deadline => {
                let deadline = self.machine.deadline().ok_or("no deadline")?;
                self.world.looked |= self.machine.server.deadline() == Some(deadline);
                self.world.now = self.world.now.max(deadline);
            }
            Event::Signal(signal) => {
                self.world.signals += 1;
                if self.machine.is_stop_request(signal) {
                    // A pause is over with it: what was to be tried again no longer is.
                    self.world.pausing.clear();
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
                    self.gone(child);
                }
                let timed_out = self.world.out_of_time.remove(&child);
                let stops = self.rule(child).is_some_and(|rule| rule.on_failure == OnFailure::Abort);
                if child == POST_DEPLOY && stops && before.phase == Phase::Serving && !before.success && !before.retry {
                    self.world.poller_failed = Some(Outcome::HookFailed { child, ending, timed_out });
                }
                if !before.success && self.ends_the_boot(child, ending) {
                    let is_helper = self.rule(child).is_some_and(|rule| rule.helper);
                    self.world.boot_failed = Some(match ending {
                        Ending::Exited(code) if is_helper => Outcome::HelperEnded(code),
                        _ => Outcome::HookFailed { child, ending, timed_out },
                    });
                }
            }
            Event::TurnOver { .. } => {
                let failed = self.world.poller_failed.take();
                self.world.given_up = self.world.given_up.or(failed.filter(|_| before.phase == Phase::Serving));
            }
            Event::GroupEmpty { child } => {
                self.world.group_only = false;
                self.gone(child);
            }
            Event::Suspended { .. } => self.world.suspended_once = true,
            Event::Begin | Event::Resumed { .. } | Event::KeeperReady { .. } | Event::ServerRuns => {}
        }
        Ok(())
    }

    fn gone(&mut self, child: ChildId) {
        self.world.alive.remove(&child);
        if child == SERVER {
            self.world.pausing.clear();
        }
    }

    /// A deploy hook that fails now, with nobody having asked to stop, is one without which the boot cannot go on. The
    /// keeper's code counts also when somebody had: what it ends with is its own decision.
    fn ends_the_boot(&self, child: ChildId, ending: Ending) -> bool {
        let Phase::Deploying(_) = self.machine.phase else { return false };
        let Some(rule) = self.machine.rules.deploy.iter().find(|rule| rule.child == child) else { return false };
        let is_keepers_code = self.machine.rules.mode == Mode::Exec && matches!(ending, Ending::Exited(_));
        let counts = self.world.requested.is_none() || is_keepers_code;
        let fails = rule.skips.is_none() || ending.is_distrusted();
        counts && fails && rule.on_failure == OnFailure::Abort && !self.may_be_retried(child, ending)
    }

    /// Whether the rules of a command that failed with `ending` have it tried again.
    pub fn may_be_retried(&self, child: ChildId, ending: Ending) -> bool {
        let Some(retry) = self.rule(child).and_then(|rule| rule.retry.as_ref()) else { return false };
        let any = retry.on_codes.is_empty();
        let counts = match ending {
            Ending::Exited(code) => any || retry.on_codes.contains(&code),
            Ending::Killed { .. } => any,
            Ending::NotStarted { .. } => false,
        };
        counts && self.world.retries.get(&child).is_none_or(|&retries| retries < retry.max)
    }

    pub fn perform(&mut self, action: Action, last: bool) -> Result<(), String> {
        if self.world.exited.is_some() {
            return Err(format!("{action:?} after the exit"));
        }
        match action {
            Action::Spawn(child) => self.start(child)?,
            Action::Exec(_) | Action::LetServerStart => self.check_boot(action)?,
            Action::Signal { child, signal, .. } => {
                if !self.world.alive.contains(&child) {
                    return Err(format!("{signal} for {child:?}, which is gone"));
                }
                if asks_to_stop(signal) || signal == Signal::KILL {
                    self.world.asked.insert(child);
                }
                if signal == Signal::KILL {
                    self.world.dying.entry(child).or_insert(self.world.now);
                }
            }
            Action::SignalLeftovers(signal) => {
                if self.machine.server.is_up() && signal != Signal::KILL {
                    return Err("leftovers are drained while the server is up".into());
                }
                let World { now, alive, asked, dying, .. } = &mut self.world;
                asked.extend(alive.iter().copied());
                if signal == Signal::KILL {
                    for &child in &*alive {
                        dying.entry(child).or_insert(*now);
                    }
                    self.world.leftovers_killed = Some(*now);
                }
            }
            Action::SuspendSelf(_) if self.machine.rules.top_of_session => {
                return Err("nobody could wake app-init up again".into());
            }
            Action::Note(Note::NothingToDo { question }) => self.skip(question)?,
            Action::Note(Note::Retrying { child, delay, .. }) => {
                let retries = self.world.retries.entry(child).or_default();
                *retries += 1;
                self.world.pausing.insert(child, self.world.now.after(delay));
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

    fn start(&mut self, child: ChildId) -> Result<(), String> {
        let ends_things = [PRE_STOP, POST_STOP, ALERT, SECOND_ALERT].contains(&child);
        if self.world.is_stopping() && !ends_things {
            return Err(format!("{child:?} is started while stopping"));
        }
        if child == SERVER {
            self.check_boot(Action::Spawn(child))?;
        }
        let pause = self.world.pausing.remove(&child);
        match pause {
            Some(until) if self.world.now < until => return Err(format!("{child:?} is tried again without a pause")),
            Some(_) => {}
            None => drop(self.world.retries.remove(&child)),
        }
        let deploys = self.machine.rules.deploy.iter().any(|hook| hook.child == child);
        let again = deploys && !self.world.deployed.insert(child) && pause.is_none();
        if !self.world.alive.insert(child) || again {
            return Err(format!("{child:?} is started twice"));
        }
        Ok(())
    }

    /// The commands that `question` is about need not be started.
    fn skip(&mut self, question: ChildId) -> Result<(), String> {
        let after = self.machine.rules.deploy.iter().skip_while(|rule| rule.child != question);
        let skips = self.rule(question).and_then(|rule| rule.skips).ok_or("nothing to do, and nobody asked")?;
        for rule in after.skip(1).take(usize::from(skips)) {
            if !self.world.deployed.insert(rule.child) {
                return Err("a command is skipped after it was started".into());
            }
        }
        Ok(())
    }
}
