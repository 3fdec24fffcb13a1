//! Splitting off a process that goes on with this program, on behalf of one that may block (a wait and its probes).
//!
//! Unlike the children of the plan, nobody keeps a table of these: whoever spawns one waits for it.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid};

use super::{last_resort, signals};
use crate::exit;

/// Runs `work` in a child process, which ends with the code that it returns.
///
/// The child has a copy of everything, open descriptors and the signal mask included. app-init has one thread, so it may
/// use all of that.
///
/// # Errors
///
/// What fork(2) refuses: a process too many, no memory.
pub fn spawn(work: impl FnOnce() -> u8) -> Result<Pid, Errno> {
    // SAFETY: app-init has one thread, so the child may use everything that the parent could.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let _panicking = EndOfPanic;
            last_resort::forget();
            signals::forget_own_pid();
            leave(work())
        }
    }
}

/// Dropped only by a panic that unwinds, which must not reach the frames that the child has from its parent.
struct EndOfPanic;

impl Drop for EndOfPanic {
    fn drop(&mut self) {
        leave(exit::SYSTEM);
    }
}

/// Ends the process without what a returning main would do.
fn leave(code: u8) -> ! {
    // SAFETY: _exit(2) takes a number and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}
