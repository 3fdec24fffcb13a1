//! Signals: held from the first moment on, taken one at a time, sent by number.
//!
//! Everything goes through the kernel's own 64-bit sets, because the C library's sets leave out 32 to 34 (musl keeps them
//! for itself, but 34 is the first real-time signal of every glibc program). All signals stay blocked for app-init's
//! whole life: nothing is ever interrupted, and `rt_sigtimedwait` is the loop's only wait.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::PollTimeout;

use super::{entry, last_resort};
use crate::machine::Signal;

/// The size that the kernel wants to hear for its signal sets.
const SET_SIZE: usize = size_of::<u64>();

/// What app-init was started with and gives to its children.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    mask: u64,
    /// Without these calls a signal would be lost, or an exit status.
    refused: Option<(&'static str, i32)>,
}

impl Inherited {
    /// Ends the program where the kernel or a filter has refused to hold signals.
    pub fn insist(self) {
        if let Some((call, errno)) = self.refused {
            last_resort::refused(call, errno);
        }
    }
}

/// Blocks every signal and sets SIGCHLD to its default, as the first thing the program does: as PID 1 a signal with a
/// default disposition is lost unless it is blocked, and with SIGCHLD ignored the kernel keeps no exit status.
///
/// Other ignored signals need no note: app-init changes no disposition, and `execve` hands them on.
#[must_use]
pub fn hold_all() -> Inherited {
    let mut refused = None;
    let mask = entry::inherited_mask().unwrap_or_else(|| {
        let mut mask = 0_u64;
        refused = set_mask(u64::MAX, &raw mut mask).err().map(|errno| ("rt_sigprocmask", errno as i32));
        mask
    });
    // SAFETY: a zeroed sigaction is SIG_DFL with no flags and an empty mask; no handler is installed.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGCHLD, &raw const default, ptr::null_mut()) != 0 {
            refused = refused.or(Some(("rt_sigaction", Errno::last_raw())));
        }
    }
    Inherited { mask, refused }
}

fn set_mask(mask: u64, old: *mut u64) -> Result<(), Errno> {
    // SAFETY: rt_sigprocmask(2) reads one set and, unless that is null, writes another, both of the size it is told.
    let result = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, old, SET_SIZE) };
    Errno::result(result).map(drop)
}

/// Gives this process the mask that app-init was started with: the last step before an exec.
///
/// # Errors
///
/// What a filter says; the program would hear no signal.
pub fn restore(inherited: Inherited) -> Result<(), Errno> {
    set_mask(inherited.mask, ptr::null_mut())
}

/// Blocks everything again, after an exec that failed.
pub fn hold_again() {
    // What is refused now was refused at the start.
    let _ = set_mask(u64::MAX, ptr::null_mut());
}

/// Turns a process that was forked off with all signals held into one that a signal can end: TERM, INT, HUP and QUIT have
/// their default effect, whatever app-init was given, and the rest of the mask is the inherited one.
///
/// Three stay blocked: PIPE, so that a reader of the log that is gone costs a line and not the process; TTOU, so that a
/// line from a terminal's background does not stop it; and XFSZ, so that a file which may not grow is a failure to be told.
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
    for number in [libc::SIGPIPE, libc::SIGTTOU, libc::SIGXFSZ] {
        mask |= Signal::new(number).map_or(0, Signal::bit);
    }
    // As in `hold_again`.
    let _ = set_mask(mask, ptr::null_mut());
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
    wait_in(u64::MAX, limit)
}

/// Waits like [`wait`], for these and for news of descriptors alone. All others stay pending.
#[must_use]
pub fn wait_for(signals: &[Signal], limit: Duration) -> Wake {
    let news = Signal::new(libc::SIGIO).map_or(0, Signal::bit);
    wait_in(signals.iter().fold(news, |set, signal| set | signal.bit()), Some(limit))
}

fn wait_in(set: u64, limit: Option<Duration>) -> Wake {
    take(set, limit).unwrap_or_else(|errno| last_resort::refused("rt_sigtimedwait", errno as i32))
}

/// Waits like [`wait`], for the last resort: with what is not refused. `false` where nothing is left to wait with.
pub fn pause(limit: Duration) -> bool {
    let by_poll = |_| nix::poll::poll(&mut [], PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO)).map(drop);
    take(u64::MAX, Some(limit)).map(drop).or_else(by_poll).is_ok()
}

/// A signal that was taken: its number, the kernel's code for where it comes from, and its sender.
type Taken = (i32, i32, i32);

/// Takes one signal of `set`.
fn take(set: u64, limit: Option<Duration>) -> Result<Wake, Errno> {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // A sandbox may not know the one call and know the other.
    let taken = take_by_wait(set, limit).or_else(|errno| take_by_descriptor(set, limit).map_err(|_| errno))?;
    let Some((number, code, pid)) = taken else { return Ok(Wake::Look) };
    let Some(signal) = Signal::new(number) else { return Ok(Wake::Look) };
    let own = code <= 0 && pid == own_pid();
    let from_descriptor = number == libc::SIGIO && code > 0;
    Ok(if signal == Signal::CHLD || own || from_descriptor { Wake::Look } else { Wake::Signal(signal) })
}

/// `None` when the time is over, or nothing came at all.
fn take_by_wait(set: u64, limit: *const libc::timespec) -> Result<Option<Taken>, Errno> {
    /// A process that is stopped and continued, or traced, is interrupted now and then; one that a filter answers so is
    /// interrupted each time.
    const INTERRUPTIONS: u32 = 10_000;
    static INTERRUPTED: AtomicU32 = AtomicU32::new(0);
    // SAFETY: rt_sigtimedwait(2) reads a set of the given size and, where there is one, a time, and writes `info`, which
    // a zeroed value is valid for.
    let (number, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let number = libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, &raw mut info, limit, SET_SIZE);
        (number, info)
    };
    if let Ok(number @ 1..) = i32::try_from(number) {
        INTERRUPTED.store(0, Ordering::Relaxed);
        // SAFETY: si_pid is read for signals that a process sent or that the kernel filled in alike; it is plain memory.
        return Ok(Some((number, info.si_code, unsafe { info.si_pid() })));
    }
    match Errno::last() {
        // The time is over.
        Errno::EAGAIN if !limit.is_null() => Ok(None),
        Errno::EINTR if INTERRUPTED.fetch_add(1, Ordering::Relaxed) < INTERRUPTIONS => Ok(None),
        errno => Err(errno),
    }
}

/// The same by signalfd(2).
fn take_by_descriptor(set: u64, limit: *const libc::timespec) -> Result<Option<Taken>, Errno> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: signalfd4(2) reads a set of the given size; what it opens is nobody else's. ppoll(2) reads the time, where
    // there is one, and writes one entry. read(2) writes at most the size of `info`, which any bytes are valid for.
    unsafe {
        let descriptor = Errno::result(libc::syscall(libc::SYS_signalfd4, -1, &raw const set, SET_SIZE, flags))?;
        let descriptor = OwnedFd::from_raw_fd(i32::try_from(descriptor).map_err(|_| Errno::EBADF)?);
        let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        match Errno::result(libc::ppoll(&raw mut entry, 1, limit, ptr::null())) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            polled => drop(polled?),
        }
        let mut info: libc::signalfd_siginfo = std::mem::zeroed();
        let size = size_of_val(&info);
        match Errno::result(libc::read(descriptor.as_raw_fd(), (&raw mut info).cast(), size)) {
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            read => read.map(|_| Some((info.ssi_signo.cast_signed(), info.ssi_code, info.ssi_pid.cast_signed()))),
        }
    }
}

/// The signals that wait to be taken, without taking them.
#[must_use]
pub fn pending() -> Vec<Signal> {
    let mut set = 0_u64;
    // SAFETY: rt_sigpending(2) writes a set of the size it is told.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, SET_SIZE) };
    (1..=64).filter_map(Signal::new).filter(|signal| set & signal.bit() != 0).collect()
}

/// Why a signal was refused last by anything else than there being nobody; 0: none was.
static REFUSED: AtomicI32 = AtomicI32::new(0);

/// Sends a signal to a process (`pid`) or a group (`-pgid`); `false` where nobody could be signalled. A refusal is not
/// an error: the process may have ended, or have become somebody else's. [`take_refusal`] tells which.
pub fn send(target: i32, signal: Signal) -> bool {
    // SAFETY: kill(2) takes two numbers.
    let sent = unsafe { libc::kill(target, signal.number()) == 0 };
    if !sent && Errno::last() != Errno::ESRCH {
        REFUSED.store(Errno::last_raw(), Ordering::Relaxed);
    }
    sent
}

/// Why a signal could not be sent to somebody who is there, since the last call of this.
pub fn take_refusal() -> Option<Errno> {
    Some(REFUSED.swap(0, Ordering::Relaxed)).filter(|errno| *errno != 0).map(Errno::from_raw)
}

/// Whether a group has a member that could be signalled.
#[must_use]
pub fn group_exists(group: i32) -> bool {
    // SAFETY: kill(2) with signal 0 only checks. EPERM: somebody is there, with rights of their own.
    let result = unsafe { libc::kill(group.saturating_neg(), 0) };
    result == 0 || Errno::last() == Errno::EPERM
}

/// Asks the kernel to announce news on `descriptor` with a signal, which wakes [`wait`].
///
/// # Errors
///
/// What fcntl(2) says. Nothing would wake the loop then, and a read could block it.
pub fn announce(descriptor: &impl AsRawFd) -> Result<(), Errno> {
    let descriptor = descriptor.as_raw_fd();
    // SAFETY: fcntl(2) on a descriptor that the borrowed object keeps open; the arguments are numbers.
    unsafe {
        Errno::result(libc::fcntl(descriptor, libc::F_SETOWN, own_pid()))?;
        let flags = Errno::result(libc::fcntl(descriptor, libc::F_GETFL))?;
        Errno::result(libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_ASYNC | libc::O_NONBLOCK)).map(drop)
    }
}

/// Ends [`announce`].
pub fn stop_announcing(descriptor: &impl AsRawFd) {
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
        if pending().contains(&signal) && take(signal.bit(), Some(Duration::ZERO)) == Ok(Wake::Signal(signal)) {
            send(own_pid(), signal);
        }
    }
}

/// Asked for once: every signal is compared with it.
static OWN_PID: AtomicI32 = AtomicI32::new(0);

/// This process's pid.
pub fn own_pid() -> i32 {
    match OWN_PID.load(Ordering::Relaxed) {
        0 => {
            let pid = nix::unistd::getpid().as_raw();
            // The kernel never refuses, so the C library looks for no error. Taken for a pid, it would be "everybody".
            if pid < 1 {
                last_resort::refused("getpid", pid.saturating_neg());
            }
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
