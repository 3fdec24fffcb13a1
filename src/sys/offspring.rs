//! Splitting off a process that goes on with this program, on behalf of one that may block (a wait and its probes).
//!
//! Unlike the children of the plan, nobody keeps a table of these: whoever spawns one waits for it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use super::children::leave;
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
            leave(i32::from(work()))
        }
    }
}

/// Dropped only by a panic that unwinds, which must not reach the frames that the child has from its parent.
struct EndOfPanic;

impl Drop for EndOfPanic {
    fn drop(&mut self) {
        leave(i32::from(exit::SYSTEM));
    }
}

/// Waits for the end of one that ends now; the code that it leaves with, unless a signal ended it.
#[must_use]
pub fn end_of(child: Pid) -> Option<i32> {
    match news_of(child, None) {
        News::Left(code) => Some(code),
        News::Killed | News::None => None,
    }
}

/// What has become of one by now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    None,
    /// It has left, with this code.
    Left(i32),
    Killed,
}

/// The same of one that may not have ended.
#[must_use]
pub fn look_at(child: Pid) -> News {
    news_of(child, Some(WaitPidFlag::WNOHANG))
}

fn news_of(child: Pid, flags: Option<WaitPidFlag>) -> News {
    match waitpid(child, flags) {
        Ok(WaitStatus::Exited(_, code)) => News::Left(code),
        Ok(WaitStatus::StillAlive) => News::None,
        // EINVAL: nix has no name for the real-time signal that ended it.
        Ok(_) | Err(Errno::ECHILD | Errno::EINVAL) => News::Killed,
        Err(errno) => last_resort::refused("wait4", errno as i32),
    }
}

/// Waits for news on `entries`, in a process that may. One that is refused its wait would spin.
pub fn wait_for_news(entries: &mut [PollFd<'_>], limit: PollTimeout) {
    match nix::poll::poll(entries, limit) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => last_resort::refused("poll", errno as i32),
    }
}
