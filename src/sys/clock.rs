//! The one clock: monotonic, and standing still while the system sleeps, so that no timer fires early.
//!
//! It is asked a few times in a plain start and stop. The C library would look for the kernel's vDSO first, parse it and
//! fault its pages in, which takes longer than the system calls it saves.

use std::time::Duration;

use nix::libc;

use crate::machine::Uptime;

/// Measures from the first time it is asked.
#[derive(Debug, Default)]
pub struct Clock {
    start: Option<Duration>,
}

impl Clock {
    /// The time since the first call.
    pub fn now(&mut self) -> Uptime {
        let now = monotonic();
        let start = *self.start.get_or_insert(now);
        Uptime::new(now.saturating_sub(start))
    }
}

fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes one time. This clock is there on every Linux, so the call cannot fail.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
