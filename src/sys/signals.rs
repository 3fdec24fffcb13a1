//! Signals: held from the first moment on, taken one at a time, sent by number.
//!
//! Everything goes through the kernel's own 64-bit sets, because the C library's sets leave out 32 to 34 (musl keeps them
//! for itself, but 34 is the first real-time signal of every glibc program). All signals stay blocked for app-init's
//! whole life: nothing is ever interrupted, and `rt_sigtimedwait` is the loop's only wait.

use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::libc;

use super::entry;
use crate::machine::Signal;

/// The size that the kernel wants to hear for its signal sets.
const SET_SIZE: usize = size_of::<u64>();

/// What app-init was started with and gives to its children.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    mask: u64,
}

/// Blocks every signal and sets SIGCHLD to its default, as the first thing the program does: as PID 1 a signal with a
/// default disposition is lost unless it is blocked, and with SIGCHLD ignored the kernel keeps no exit status.
///
/// Other ignored signals need no note: app-init changes no disposition, and `execve` hands them on.
#[must_use]
pub fn hold_all() -> Inherited {
    let mask = entry::inherited_mask().unwrap_or_else(|| {
        let all = u64::MAX;
        let mut mask = 0_u64;
        // SAFETY: rt_sigprocmask(2) reads one set and writes another, both of the size it is told. It fails only for
        // bad addresses or sizes.
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut mask, SET_SIZE) };
        mask
    });
    // SAFETY: a zeroed sigaction is SIG_DFL with no flags and an empty mask; no handler is installed.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, &raw const default, ptr::null_mut());
    }
    Inherited { mask }
}

/// Gives this process the mask that app-init was started with: the last step before an exec.
pub fn restore(inherited: Inherited) {
    // SAFETY: as in `hold_all`; the old set is not asked for.
    unsafe {
        let mask = &raw const inherited.mask;
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, mask, ptr::null_mut::<u64>(), SET_SIZE)
    };
}

/// Blocks everything again, after an exec that failed.
pub fn hold_again() {
    let all = Inherited { mask: u64::MAX };
    restore(all);
}

/// Turns a process that was forked off with all signals held into one that a signal can end: TERM, INT, HUP and QUIT have
/// their default effect, whatever app-init was given, and the rest of the mask is the inherited one.
///
/// Two stay blocked: PIPE, so that a reader of the log that is gone costs a line and not the process, and TTOU, so that a
/// line from a terminal's background does not stop it.
pub fn be_ordinary(inherited: Inherited) {
    let mut mask = inherited.mask;
    for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: as in `hold_all`: a default disposition, no handler.
        unsafe {
            let default: libc::sigaction = std::mem::zeroed();
            libc::sigaction(number, &raw const default, ptr::null_mut());
        }
        mask &= !Signal::new(number).map_or(0, Signal::bit);
    }
    for number in [libc::SIGPIPE, libc::SIGTTOU] {
        mask |= Signal::new(number).map_or(0, Signal::bit);
    }
    restore(Inherited { mask });
}

/// Why [`wait`] returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// Somebody sent this signal.
    Signal(Signal),
    /// News from a child or a descriptor, or nothing at all: look.
    Look,
}

/// Waits for one signal, at most `limit` (for ever without one).
///
/// Signals that app-init caused itself never come out as such (§9.4): a broken pipe or a terminal's hang-up and CONT on
/// hand-over carry the own pid, and what the kernel raises for descriptors (SIGIO) has a positive code.
#[must_use]
pub fn wait(limit: Option<Duration>) -> Wake {
    take(u64::MAX, limit)
}

/// Takes one signal of `set`.
fn take(set: u64, limit: Option<Duration>) -> Wake {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: rt_sigtimedwait(2) reads a set of the given size and, where there is one, a time, and writes `info`, which
    // a zeroed value is valid for.
    let (number, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let number = libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, &raw mut info, limit, SET_SIZE);
        (number, info)
    };
    // EAGAIN: the time is over. EINTR: stopped and continued, or traced. Either way the caller looks around.
    let Some(signal) = i32::try_from(number).ok().and_then(Signal::new) else { return Wake::Look };
    // SAFETY: si_pid is read for signals that a process sent or that the kernel filled in alike; it is plain memory.
    let own = info.si_code <= 0 && unsafe { info.si_pid() } == own_pid();
    let from_descriptor = signal.number() == libc::SIGIO && info.si_code > 0;
    if signal == Signal::CHLD || own || from_descriptor { Wake::Look } else { Wake::Signal(signal) }
}

/// The signals that wait to be taken, without taking them.
#[must_use]
pub fn pending() -> Vec<Signal> {
    let mut set = 0_u64;
    // SAFETY: rt_sigpending(2) writes a set of the size it is told.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, SET_SIZE) };
    (1..=64).filter_map(Signal::new).filter(|signal| set & signal.bit() != 0).collect()
}

/// Sends a signal to a process (`pid`) or a group (`-pgid`); `false` where nobody could be signalled. A refusal is not
/// an error: the process may have ended, or have become somebody else's.
pub fn send(target: i32, signal: Signal) -> bool {
    // SAFETY: kill(2) takes two numbers.
    unsafe { libc::kill(target, signal.number()) == 0 }
}

/// Whether a group has a member that could be signalled.
#[must_use]
pub fn group_exists(group: i32) -> bool {
    // SAFETY: kill(2) with signal 0 only checks. EPERM: somebody is there, with rights of their own.
    let result = unsafe { libc::kill(group.saturating_neg(), 0) };
    result == 0 || nix::errno::Errno::last() == nix::errno::Errno::EPERM
}

/// Asks the kernel to announce news on `descriptor` with a signal, which wakes [`wait`].
pub fn announce(descriptor: &impl std::os::fd::AsRawFd) {
    let descriptor = descriptor.as_raw_fd();
    // SAFETY: fcntl(2) on a descriptor that the borrowed object keeps open; the arguments are numbers.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETOWN, own_pid());
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_ASYNC | libc::O_NONBLOCK);
    }
}

/// Ends [`announce`].
pub fn stop_announcing(descriptor: &impl std::os::fd::AsRawFd) {
    let descriptor = descriptor.as_raw_fd();
    // SAFETY: as in `announce`.
    unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        libc::fcntl(descriptor, libc::F_SETFL, flags & !libc::O_ASYNC);
    }
}

/// Takes the signals that app-init caused itself out of what is pending, before another program takes its place: SIGIO of
/// a descriptor, SIGPIPE of a log line. One that somebody else sent stays.
pub fn drop_own_pending() {
    for signal in [libc::SIGIO, libc::SIGPIPE].into_iter().filter_map(Signal::new) {
        if pending().contains(&signal) && take(signal.bit(), Some(Duration::ZERO)) == Wake::Signal(signal) {
            send(own_pid(), signal);
        }
    }
}

/// This process's pid, asked for once: every signal is compared with it.
static OWN_PID: AtomicI32 = AtomicI32::new(0);

fn own_pid() -> i32 {
    match OWN_PID.load(Ordering::Relaxed) {
        0 => {
            let pid = nix::unistd::getpid().as_raw();
            OWN_PID.store(pid, Ordering::Relaxed);
            pid
        }
        pid => pid,
    }
}

/// To be called in a forked process that goes on with this program.
pub fn forget_own_pid() {
    OWN_PID.store(0, Ordering::Relaxed);
}
