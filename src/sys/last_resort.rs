//! What happens when app-init itself fails: a panic must not end PID 1, because the kernel would then kill everybody.
//!
//! The panic hook says what went wrong, asks every process to end, gives them the time that Docker gives, and leaves with
//! the code for "app-init itself failed". It uses no state of the program that failed.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use super::{processes, signals};
use crate::exit;
use crate::machine::{AFTER_KILL, PLAIN_GRACE, Signal};

/// The process that children were started by; 0: nobody has to be stopped.
static GUARDED: AtomicI32 = AtomicI32::new(0);

/// Guards this process from here on.
pub fn guard() {
    GUARDED.store(nix::unistd::getpid().as_raw(), Ordering::Relaxed);
    std::panic::set_hook(Box::new(stop_everybody));
}

/// In a child that has not exec'ed yet: a panic ends the child and nobody else.
pub fn forget() {
    GUARDED.store(0, Ordering::Relaxed);
}

#[expect(clippy::disallowed_methods, reason = "the last resort is one of the two ways out")]
fn stop_everybody(panic: &PanicHookInfo<'_>) {
    use std::io::Write;
    let _ = writeln!(super::output::Stream::standard_error(), "app-init: internal error, stopping everything: {panic}");
    let own = nix::unistd::getpid().as_raw();
    if GUARDED.load(Ordering::Relaxed) == own {
        let signal_all = |signal| {
            if own == 1 {
                signals::send(-1, signal);
            } else {
                processes::signal_descendants(own, signal);
            }
        };
        signal_all(Signal::TERM);
        signal_all(Signal::CONT);
        wait_for_everybody(PLAIN_GRACE);
        signal_all(Signal::KILL);
        wait_for_everybody(AFTER_KILL);
    }
    std::process::exit(i32::from(exit::SYSTEM));
}

/// Reaps until nobody is left, or `grace` is over.
#[expect(clippy::disallowed_methods, reason = "the program's own clock may be what failed")]
fn wait_for_everybody(grace: Duration) {
    let start = std::time::Instant::now();
    loop {
        let flags = nix::sys::wait::WaitPidFlag::WNOHANG | nix::sys::wait::WaitPidFlag::__WALL;
        match nix::sys::wait::waitpid(None, Some(flags)) {
            Err(nix::errno::Errno::ECHILD) => return,
            // EINVAL: nix has no name for the real-time signal that ended it; it is reaped.
            Err(_) => {}
            Ok(nix::sys::wait::WaitStatus::StillAlive) => {
                let Some(rest) = grace.checked_sub(start.elapsed()) else { return };
                let _ = signals::wait(Some(rest));
            }
            Ok(_) => {}
        }
    }
}
