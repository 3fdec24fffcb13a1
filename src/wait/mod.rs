//! Waiting until what the application needs is there (§8): in a process of its own, which may block, never in PID 1's
//! loop.
//!
//! ```text
//! PID 1 ─── watcher ─┬─ probe of tcp://db:5432
//!                    ├─ probe of http://api:80/
//!                    └─ probe of a command ─── the command
//! ```
//!
//! - [`target`]: what can be waited for; [`url`] and [`services`], how it is written.
//! - [`watch`]: the watcher. It keeps the time, hears the probes and says what is missing.
//! - [`probe`]: one process a target, so that a name server that hangs holds up nobody else. It tries and tries again.
//! - [`connect`], [`http`], [`command`]: one attempt.
//! - [`tell`]: what is said.
//!
//! **Nothing is left behind.** Watcher and probes are one process group, so a signal to it reaches all. When the watcher
//! goes alone, the kernel kills the probes (`PR_SET_PDEATHSIG`), but for those of commands: a command may have taken on
//! another identity, with which it loses such a wish. So the probe of a command cannot be stopped by signals other than
//! KILL, is in a group of its own, sees the watcher's end on the pipe between them, and is a subreaper: it kills every
//! descendant before it ends.
//!
//! **A command ends as a hook does** when a stop is asked for: where there are commands, the watcher holds the signal,
//! hands it on to their groups, and waits for their end as long as they may take.
//!
//! **A probe looks with the rights of the application's user** (§5): the user may have chosen the target. That user may
//! signal it, too; a probe that is gone or stands still is started again or continued with the next tick.

pub mod command;
pub mod connect;
pub mod http;
pub mod probe;
mod rules;
pub mod services;
pub mod target;
pub mod tell;
pub mod url;
pub mod watch;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use rules::{OnTimeout, Pace, Wait};
pub use target::Target;
pub use tell::Report;

use crate::sys::descriptors;
use crate::sys::signals::{self, Inherited};

/// Waits for all, in parallel: 0 when they are there, or were given up where that is wanted; 124 when time ran out; 77
/// where an identity to look with cannot be taken on. `stop` is what commands have from a stop request to KILL, where it is
/// not the usual time.
///
/// To be called in a process of its own that ends with this code: it closes every inherited descriptor and changes the
/// dispositions of signals for good.
#[must_use]
pub fn run(waits: &[Wait], inherited: Inherited, report: Report, stop: Option<Duration>) -> u8 {
    let tick = if report.terminal { Pace::TICK_ON_TERMINAL } else { Pace::USUAL.tick };
    run_at(waits, inherited, report, Pace { tick, stop: stop.unwrap_or(Pace::USUAL.stop), ..Pace::USUAL })
}

fn run_at(waits: &[Wait], inherited: Inherited, report: Report, pace: Pace) -> u8 {
    signals::be_ordinary(inherited);
    descriptors::close_inherited(&[]);
    watch::watch(waits, inherited, report, pace)
}
