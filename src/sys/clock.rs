//! The one clock: monotonic, and standing still while the system sleeps, so that no timer fires early.

use std::time::Instant;

use crate::machine::Uptime;

/// Measures from the first time it is asked.
#[derive(Debug, Default)]
pub struct Clock {
    start: Option<Instant>,
}

impl Clock {
    /// The time since the first call.
    #[expect(clippy::disallowed_methods, reason = "this is where the program reads the clock")]
    pub fn now(&mut self) -> Uptime {
        let now = Instant::now();
        let start = *self.start.get_or_insert(now);
        Uptime::new(now.saturating_duration_since(start))
    }
}
