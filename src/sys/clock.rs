//! The one clock: monotonic, and standing still while the system sleeps, so that no timer fires early.
//!
//! It is asked a few times in a plain start and stop. The C library would look for the kernel's vDSO first, parse it and
//! fault its pages in, which takes longer than the system calls it saves.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::last_resort;
use crate::machine::Uptime;

/// Measures from the first time it is asked.
#[derive(Debug, Default)]
pub struct Clock {
    start: Option<Duration>,
}

impl Clock {
    /// The time since the first call.
    pub fn now(&mut self) -> Uptime {
        // A time limit would never be over.
        let now = monotonic().unwrap_or_else(|| last_resort::refused("clock_gettime", Errno::last_raw()));
        let start = *self.start.get_or_insert(now);
        Uptime::new(now.saturating_sub(start))
    }
}

/// The time since some moment; `None` where nobody tells it.
pub fn monotonic() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes one time, and so does the C library's, which needs no system call where the kernel
    // has a vDSO: what a filter refuses it tells all the same.
    let refused = unsafe {
        libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut time) != 0
            && libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) != 0
    };
    let time = Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    (!refused).then_some(time)
}
