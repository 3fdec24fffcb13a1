//! What this process asks of the kernel for itself: orphans, no core file, a signal at its parent's end.

use crate::machine::Signal;

/// Makes this process the one that orphans below it are given to. PID 1 is that already.
///
/// # Errors
///
/// What prctl(2) says, on kernels or in sandboxes without it.
pub fn become_subreaper() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Undoes [`become_subreaper`], before a program takes this process's place that knows nothing of orphans.
pub fn cease_to_be_subreaper() {
    // PID 1 never was one, and cannot be less than it is.
    let _ = nix::sys::prctl::set_child_subreaper(false);
}

/// No core file of this process, in which secrets would be found; an exec allows them again (prctl(2), `PR_SET_DUMPABLE`).
pub fn forbid_core_dumps() {
    // A kernel that refuses has nothing better to offer.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Whether `pid` is this process's parent. A filter that hides the parent hides no dead one: it is taken to be there.
#[must_use]
pub fn is_parent(pid: i32) -> bool {
    let parent = nix::unistd::getppid().as_raw();
    parent == pid || parent < 0
}

/// Asks for `signal` when the parent ends; `false` where the parent is gone already.
#[must_use]
pub fn ask_for_parent_death_signal(signal: Signal) -> bool {
    let parent = nix::unistd::getppid().as_raw();
    // Only named signals have a type in nix; real-time ones make no sense here.
    let Ok(signal) = nix::sys::signal::Signal::try_from(signal.number()) else { return false };
    let asked = nix::sys::prctl::set_pdeathsig(signal).is_ok();
    // A parent that ended before the call sends nothing.
    asked && is_parent(parent)
}
