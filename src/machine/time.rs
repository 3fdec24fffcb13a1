//! Time as the machine sees it.

use std::time::Duration;

/// The time since app-init started, on a clock that never jumps and does not run while the system sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Uptime(Duration);

impl Uptime {
    #[must_use]
    pub fn new(since_start: Duration) -> Uptime {
        Uptime(since_start)
    }

    /// The moment `delay` after this one.
    #[must_use]
    pub fn after(self, delay: Duration) -> Uptime {
        Uptime(self.0.saturating_add(delay))
    }

    /// The moment `delay` before this one, or the start.
    #[must_use]
    pub fn before(self, delay: Duration) -> Uptime {
        Uptime(self.0.saturating_sub(delay))
    }

    /// How long ago `earlier` was; nothing when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Uptime) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The earlier of two deadlines, where none means never.
#[must_use]
pub fn earliest(one: Option<Uptime>, other: Option<Uptime>) -> Option<Uptime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, None) => one,
        (None, other) => other,
    }
}

/// Whether a deadline has come.
#[must_use]
pub fn due(deadline: Option<Uptime>, now: Uptime) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
