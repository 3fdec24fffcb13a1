//! What happens when app-init itself cannot go on: PID 1 must not simply end, because the kernel would then kill everybody.
//!
//! There are three ways to come here: a panic, memory that is refused, and a system call that is refused for good and that
//! there is no way around. Each asks every process to end, says what is wrong, gives them the time that Docker gives, and
//! leaves with the code for "app-init itself failed". It uses no state of the program that failed, no memory, and no call
//! without doing well where that one is refused.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::{children, clock, output, processes, signals};
use crate::exit;
use crate::machine::{AFTER_KILL, PLAIN_GRACE, Signal};

/// The process that children were started by; 0: nobody has to be stopped.
static GUARDED: AtomicI32 = AtomicI32::new(0);

/// The code to leave with.
static CODE: AtomicI32 = AtomicI32::new(exit::SYSTEM as i32);

/// How long one wait is at most, in which nothing may be heard of children.
const ROUND: Duration = Duration::from_millis(100);

/// The longest line; what does not fit is cut off.
const LINE: usize = 512;

/// Guards this process from here on.
pub fn guard() {
    GUARDED.store(signals::own_pid(), Ordering::Relaxed);
    std::panic::set_hook(Box::new(panicked));
}

/// In a child that has not exec'ed yet: what fails there ends the child and nobody else.
pub fn forget() {
    GUARDED.store(0, Ordering::Relaxed);
}

/// Everything is over and this is how it ended: what fails from here on is no reason for another code.
pub fn settle(code: u8) {
    CODE.store(i32::from(code), Ordering::Relaxed);
}

/// A call is refused that will never be granted: a filter says no, or the kernel does not know it.
pub fn refused(call: &str, errno: i32) -> ! {
    let reason = Errno::from_raw(errno).desc();
    stop_everybody(&format_args!("cannot go on: {call} is refused: {reason}; allow it in the seccomp profile"))
}

/// The kernel gives no more memory.
pub fn out_of_memory() -> ! {
    stop_everybody(&"cannot go on: memory is refused; raise the limit of the container, or of its address space")
}

/// The standard library or the C library has found something that it cannot go on with.
pub fn aborted() -> ! {
    stop_everybody(&"internal error, stopping everything: a library aborts")
}

fn panicked(panic: &PanicHookInfo<'_>) {
    stop_everybody(&format_args!("internal error, stopping everything: {panic}"))
}

fn stop_everybody(why: &dyn std::fmt::Display) -> ! {
    let own = nix::unistd::getpid().as_raw();
    let is_guarded = GUARDED.load(Ordering::Relaxed) == own;
    let signal_all = |signal| {
        if own == 1 {
            signals::send(-1, signal);
        } else {
            processes::signal_descendants(own, signal);
        }
    };
    if is_guarded {
        signal_all(Signal::TERM);
        signal_all(Signal::CONT);
    }
    say(why);
    if is_guarded {
        wait_for_everybody(PLAIN_GRACE);
        signal_all(Signal::KILL);
        wait_for_everybody(AFTER_KILL);
    }
    children::leave(CODE.load(Ordering::Relaxed))
}

fn say(why: &dyn std::fmt::Display) {
    let mut line = [0; LINE];
    let mut rest = line.as_mut_slice();
    // A line that is too long is cut off.
    let _ = write!(rest, "app-init: error: {why}");
    let end = LINE.saturating_sub(rest.len()).min(LINE - 1);
    if let Some(byte) = line.get_mut(end) {
        *byte = b'\n';
    }
    output::write_at_once(2, line.get(..=end).unwrap_or_default());
}

/// Reaps until nobody is left, or `grace` is over: by the clock, or where there is none by the number of waits.
fn wait_for_everybody(grace: Duration) {
    let end = clock::monotonic().map(|now| now.saturating_add(grace));
    let mut rounds = grace.as_millis() / ROUND.as_millis();
    loop {
        let mut status = 0;
        match children::next_status(&mut status) {
            Err(Errno::ECHILD) => return,
            Ok(1..) => continue,
            // Nobody has ended; or nobody can be asked, and everybody is given the time.
            Ok(_) | Err(_) => {}
        }
        let is_over = if let (Some(end), Some(now)) = (end, clock::monotonic()) {
            now >= end
        } else {
            rounds = rounds.saturating_sub(1);
            rounds == 0
        };
        if is_over || !signals::pause(ROUND) {
            return;
        }
    }
}
