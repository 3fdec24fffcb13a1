//! What the machine and the world were at when an event came, as far as its answer depends on it.

use super::*;

/// What the machine was doing when an event came, and what the event is.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one moment")]
pub struct Before {
    pub phase: Phase,
    pub up: bool,
    /// The event is a stop request.
    pub request: bool,
    pub requested: bool,
    /// The event is the end of a child that did what it should, in time.
    pub success: bool,
    /// The event is the end of a child that failed and is to be tried again.
    pub retry: bool,
    /// The hook that the phase waits for is to be tried again.
    pub pauses: bool,
    /// It is the third SIGINT, and the second was a while ago.
    pub insists: bool,
}

impl State {
    pub fn before(&self, event: Event) -> Before {
        let request = matches!(event, Event::Signal(signal) if self.machine.is_stop_request(signal));
        let patient = self.world.now >= self.world.second_interrupt.after(A_SECOND);
        let success = matches!(event, Event::Ended { child, ending } if ending.success() && self.world.in_time(child));
        let awaited = self.awaited();
        Before {
            phase: self.machine.phase.clone(),
            up: self.machine.server.is_up(),
            request,
            requested: self.world.requested.is_some(),
            success,
            retry: matches!(event, Event::Ended { child, ending } if !success && self.is_retried(child, ending)),
            pauses: awaited.is_some_and(|chain| chain.alive().is_none()),
            insists: request && event == Event::Signal(Signal::INT) && self.world.interrupts == 2 && patient,
        }
    }

    /// The hook that the phase waits for.
    fn awaited(&self) -> Option<&Chain> {
        match &self.machine.phase {
            Phase::Deploying(chain)
            | Phase::Closing(chain)
            | Phase::Alerting { alert: chain, .. }
            | Phase::PreStop { chain, .. } => Some(chain),
            _ => None,
        }
    }

    /// Whether the pause before a retry, which is a second in these plans, is over before a known grace is.
    fn has_time_left(&self) -> bool {
        let last = matches!(self.machine.phase, Phase::Closing(_));
        match (self.world.requested, self.machine.rules.stop.budget) {
            (Some((_, at)), Some(total)) if last => self.world.now.after(A_SECOND) < Budget::new(at, total).end(),
            _ => true,
        }
    }

    /// Whether a command that fails now is tried again: where its rules say so, and nobody wants it to end.
    fn is_retried(&self, child: ChildId, ending: Ending) -> bool {
        let awaited = self.awaited().is_some_and(|chain| chain.alive() == Some(child));
        let of_the_stop = matches!(self.machine.phase, Phase::PreStop { .. } | Phase::Closing(_)) && awaited;
        let wanted = of_the_stop || (awaited || child == POST_DEPLOY) && !self.world.is_stopping();
        // One that was out of time was asked to end, too.
        let cut_short = self.world.asked.contains(&child) && self.world.in_time(child);
        wanted && !cut_short && self.has_time_left() && self.may_be_retried(child, ending)
    }
}
