//! Children that have ended, or were killed, and cannot be reaped.
//!
//! A process that another one traces is a zombie until its tracer has taken its status, and no news comes of its end
//! (ptrace(2)); one that hangs in the kernel does not end of KILL. Whoever waited for them would wait for ever: some time
//! after KILL, or after a signal that only a zombie was there to get, such a child counts as ended. What is done with
//! leftovers then ends the tracer, too.

use std::time::Duration;

use crate::machine::{ChildId, Uptime};

/// How long a child may take that has nothing more to do but to go. Half of what a known grace keeps back for KILL and the
/// exit (`machine::RESERVE`).
const PATIENCE: Duration = Duration::from_millis(500);

/// Children that are over, and when that counts as their end.
#[derive(Debug, Default)]
pub struct Overdue(Vec<(ChildId, Uptime)>);

impl Overdue {
    /// A child is over from now on.
    pub fn expect(&mut self, child: ChildId, now: Uptime) {
        if self.0.iter().all(|(known, _)| *known != child) {
            self.0.push((child, now.after(PATIENCE)));
        }
    }

    /// Leaves those that are there.
    pub fn retain(&mut self, is_there: impl Fn(ChildId) -> bool) {
        self.0.retain(|(child, _)| is_there(*child));
    }

    /// The next moment at which something is due.
    pub fn deadline(&self) -> Option<Uptime> {
        self.0.iter().map(|(_, due)| *due).min()
    }

    /// A child whose time is over.
    pub fn take_due(&mut self, now: Uptime) -> Option<ChildId> {
        let place = self.0.iter().position(|(_, due)| *due <= now)?;
        Some(self.0.swap_remove(place).0)
    }
}
