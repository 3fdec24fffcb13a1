//! The arithmetic of a stop: what was asked, how often, and how a known grace is divided (§9.2, §9.3).

use std::time::Duration;

use super::signal::Signal;
use super::time::Uptime;

/// The first stop request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    pub signal: Signal,
    /// When the platform's grace began to count; not yet, while a hook may finish first.
    pub at: Option<Uptime>,
}

/// The platform's grace, known and running.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    start: Uptime,
    total: Duration,
}

/// What is kept back of a budget for the final KILL and the exit, or a quarter of a very short one.
pub const RESERVE: Duration = Duration::from_secs(1);

impl Budget {
    #[must_use]
    pub fn new(start: Uptime, total: Duration) -> Budget {
        Budget { start, total }
    }

    /// When whatever still runs is killed.
    #[must_use]
    pub fn end(self) -> Uptime {
        let reserve = RESERVE.min(half(half(self.total)));
        self.start.after(self.total).before(reserve)
    }

    /// When draining is over, so that the server has at least half of the budget.
    #[must_use]
    pub fn drain_end(self) -> Uptime {
        self.end().before(half(self.total)).max(self.start)
    }

    /// When the server, asked to stop `now`, is killed: later levels keep what they need, but the server has at least
    /// half of the budget.
    #[must_use]
    pub fn server_end(self, now: Uptime, leftovers: Duration) -> Uptime {
        self.end().before(leftovers).max(now.after(half(self.total))).min(self.end())
    }
}

fn half(duration: Duration) -> Duration {
    duration.checked_div(2).unwrap_or_default()
}

/// Counts SIGINTs: only the third one, at least a second after the second, means "kill it" (§9.3). Somebody who holds ^C
/// down, or a terminal and an engine that both send it, do not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Interrupts {
    first: bool,
    second_at: Option<Uptime>,
}

impl Interrupts {
    const INSIST_AFTER: Duration = Duration::from_secs(1);

    /// Counts one more; whether it asks for a KILL.
    pub fn insists(&mut self, now: Uptime) -> bool {
        match self.second_at {
            Some(second) => now >= second.after(Interrupts::INSIST_AFTER),
            None if self.first => {
                self.second_at = Some(now);
                false
            }
            None => {
                self.first = true;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Uptime {
        Uptime::new(Duration::from_secs(seconds))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_budget_leaves_its_last_second_for_kill_and_exit() {
        assert_eq!(Budget::new(at(100), seconds(30)).end(), at(129));
        assert_eq!(Budget::new(at(0), seconds(2)).end(), Uptime::new(Duration::from_millis(1500)));
    }

    #[test]
    fn the_server_has_at_least_half_of_the_budget() {
        let budget = Budget::new(at(0), seconds(10));
        assert_eq!(budget.drain_end(), at(4));
        assert_eq!(budget.server_end(at(0), seconds(3)), at(6));
        assert_eq!(budget.server_end(at(4), seconds(3)), at(9));
        assert_eq!(budget.server_end(at(0), seconds(60)), at(5));
        assert_eq!(budget.server_end(at(8), seconds(3)), budget.end());
    }

    #[test]
    fn only_a_third_interrupt_a_second_after_the_second_insists() {
        let mut interrupts = Interrupts::default();
        assert!(!interrupts.insists(at(1)));
        assert!(!interrupts.insists(at(5)));
        assert!(!interrupts.insists(at(5)));
        assert!(interrupts.insists(at(6)));
    }
}
