//! What the world can do next: every event that the machine could be told now.

use super::*;

/// One thing that the world can do next.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    Tell(Event),
    /// A stop request comes in the same turn, after the event.
    TellAndStop(Event),
    /// The child ends and leaves a process behind.
    EndsLeavingOrphan(ChildId),
    OrphanEnds,
    ASecondPasses,
}

pub const A_SECOND: Duration = Duration::from_secs(1);
/// The code of whatever ends by itself and fails.
pub const FAILED: u8 = 3;
pub const KILLED: Ending = Ending::Killed { signal: Signal::KILL, core: false };

impl State {
    pub fn happenings(&self) -> Vec<Happening> {
        let World { alive, dying, .. } = &self.world;
        let mut all = Vec::new();
        let boots = matches!(self.machine.phase, Phase::Fresh | Phase::Deploying(_) | Phase::Alerting { .. });
        let stops = boots && self.world.signals < 3;
        let mut tell = |event| {
            all.push(Happening::Tell(event));
            if stops && matches!(event, Event::Begin | Event::Ended { .. } | Event::KeeperReady { .. }) {
                all.push(Happening::TellAndStop(event));
            }
        };
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
            if dying.contains_key(&child) {
                tell(Event::Ended { child, ending: KILLED });
                continue;
            }
            let not_started = Ending::NotStarted { step: StartStep::Fork, errno: 11 };
            for ending in [Ending::Exited(0), Ending::Exited(FAILED), not_started] {
                tell(Event::Ended { child, ending });
            }
            if self.rule(child).is_some_and(|rule| rule.skips.is_some()) {
                let ending = Ending::NotStarted { step: StartStep::Trust, errno: 1 };
                tell(Event::Ended { child, ending });
            }
            if self.rule(child).is_some_and(|rule| rule.helper) {
                // By somebody else, or for want of memory.
                tell(Event::Ended { child, ending: KILLED });
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
        // Every look is as the one before.
        let is_new = !self.world.looked || self.waits_for_more_than_a_look();
        if self.machine.deadline().is_some() && is_new {
            tell(Event::Deadline);
        }
        let in_a_second = self.world.now.after(A_SECOND);
        let nothing_due = self.machine.deadline().is_none_or(|deadline| in_a_second <= deadline);
        // What a second changes is what one more SIGINT means.
        if self.world.interrupts == 2 && !self.world.waited && dying.is_empty() && nothing_due {
            all.push(Happening::ASecondPasses);
        }
        for &child in alive.iter().filter(|child| !dying.contains_key(child)) {
            if !(self.world.orphan || child == SERVER && self.world.group_only) {
                all.push(Happening::EndsLeavingOrphan(child));
            }
        }
        if self.world.orphan {
            all.push(Happening::OrphanEnds);
        }
        all
    }
}
