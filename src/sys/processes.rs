//! What `/proc` tells about other processes: whether the server is a shell, and who descends from whom.
//!
//! Everything here has an answer without `/proc` too: the process itself, or nobody.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs;
use std::io::Write;
use std::path::Path;

use nix::libc;

use super::{regular, signals};
use crate::machine::Signal;

/// The shells that do not exec a command of several parts, and would die of a signal before it (§7.8).
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "ksh93", "yash", "zsh"];

/// Sends the server a stop signal so that it reaches the program that does the work, and returns that program's
/// processes where the server is only a shell around it: its heirs.
///
/// A shell that runs a command (`sh -c 'migrate; serve'`, a start script without `exec`) ends at once and would take the
/// command's time away; and if it lived it would go on with its next command. So both get the signal, and whoever reaps
/// waits for the heirs, which the shell's end makes app-init's children, as for the server itself.
///
/// A shell that has a trap for the signal gets it alone: the script knows best. But INT its children get in any case,
/// as from a terminal.
pub fn stop_server(pid: i32, signal: Signal) -> Vec<i32> {
    let children = if is_shell(pid) { children_of(pid) } else { Vec::new() };
    if children.is_empty() {
        send_so_that_it_stops(pid, signal);
        return children;
    }
    let trapped = catches(pid, signal) == Some(true);
    signals::send(pid, signal);
    if trapped && signal != Signal::INT {
        return Vec::new();
    }
    for &child in &children {
        send_so_that_it_stops(child, signal);
    }
    children
}

/// A server that stops on WINCH (Apache) is started by programs that ignore it by default, and so does the server until
/// it has its handler: a stop request would be lost. Until then TERM asks.
fn send_so_that_it_stops(pid: i32, signal: Signal) {
    let is_lost = signal == Signal::WINCH && catches(pid, signal) == Some(false);
    signals::send(pid, if is_lost { Signal::TERM } else { signal });
}

/// Signals every descendant of `ancestor`, each once.
///
/// A process may fork while the list is read. What asks to end is sent to those that are found; KILL, after which nobody
/// may be left, is repeated until a look finds nobody new.
pub fn signal_descendants(ancestor: i32, signal: Signal) {
    let mut signalled = HashSet::new();
    loop {
        let new: Vec<i32> = descendants(ancestor).into_iter().filter(|pid| signalled.insert(*pid)).collect();
        for &pid in &new {
            signals::send(pid, signal);
        }
        if new.is_empty() || signal != Signal::KILL {
            return;
        }
    }
}

/// Who is left for this process to end: as PID 1 everybody, otherwise its descendants. Their numbers and names.
#[must_use]
pub fn left_over() -> Vec<(i32, String)> {
    let own = nix::unistd::getpid().as_raw();
    let mut pids = if own == 1 { all() } else { descendants(own) };
    pids.retain(|&pid| pid != own && field_of(pid, 0).is_some_and(|state| state != "Z"));
    pids.sort_unstable();
    let name = |pid: i32| fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    pids.into_iter().map(|pid| (pid, String::from_utf8_lossy(name(pid).trim_ascii_end()).into_owned())).collect()
}

fn descendants(ancestor: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in all() {
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![ancestor];
    let mut looked_at = 0;
    while let Some(pid) = found.get(looked_at) {
        found.extend(children.remove(pid).unwrap_or_default());
        looked_at += 1;
    }
    found.split_off(1)
}

/// Asked at every stop request, so it asks for no memory.
fn is_shell(pid: i32) -> bool {
    let mut target = [0_u8; 256];
    let Some(program) = program_of(pid, &mut target) else { return false };
    let name = base_name(program);
    if name == b"busybox" {
        // One program with many names: the one it was called by counts.
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return is_shell_name(base_name(command.split(|&byte| byte == 0).next().unwrap_or_default()));
    }
    is_shell_name(name)
}

fn is_shell_name(name: &[u8]) -> bool {
    SHELLS.iter().any(|shell| shell.as_bytes() == name)
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The path of the file that a process executes; one that does not fit into `buffer` is no shell's.
fn program_of(pid: i32, buffer: &mut [u8; 256]) -> Option<&[u8]> {
    let mut path = [0_u8; 32];
    // The array was zeroed, so the string ends where the writing ends.
    write!(path.as_mut_slice(), "/proc/{pid}/exe").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    // SAFETY: readlink(2) reads a NUL-terminated path and writes at most as many bytes as the buffer has.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.get(..usize::try_from(length).ok()?)
}

/// Whether the process has a handler for the signal; `None` without `/proc`.
fn catches(pid: i32, signal: Signal) -> Option<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    Some(u64::from_str_radix(caught.trim(), 16).ok()? & signal.bit() != 0)
}

fn children_of(pid: i32) -> Vec<i32> {
    // Not every kernel has this file.
    if let Ok(children) = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        return children.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect();
    }
    all().into_iter().filter(|&other| parent_of(other) == Some(pid)).collect()
}

fn all() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    field_of(pid, 1)?.parse().ok()
}

/// When the process started, in the kernel's ticks.
fn start_of(pid: i32) -> Option<u64> {
    field_of(pid, 19)?.parse().ok()
}

/// A field of the process's status line, counted from its state on.
fn field_of(pid: i32, place: usize) -> Option<String> {
    // The name is in brackets and may hold anything, brackets included.
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit(|&byte| byte == b')').next()?;
    let mut fields = after_name.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    Some(std::str::from_utf8(fields.nth(place)?).ok()?.to_owned())
}

/// How this process stands to the container in which it is (§1, nested use).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing says that the container was booted: this may be the boot.
    First,
    /// Another app-init is above this process, or is the container's init.
    Nested,
    /// Put by `docker exec` into a container that another program is the main process of: in exec mode the server.
    Beside,
}

/// Who is above this process, and who was in its container before it.
///
/// An app-init that is only beside it, such as another program of supervisord, says nothing. `docker exec` puts a process
/// into the namespace from outside: the kernel gives it 0 as its parent. So has the main process of a container that
/// shares the PID namespace of another, and that one boots: it is the first of those in its mount namespace.
#[must_use]
pub fn standing() -> Standing {
    let own = nix::unistd::getpid().as_raw();
    if own == 1 {
        return Standing::First;
    }
    let above = above(own);
    if above.iter().copied().any(is_app_init) {
        return Standing::Nested;
    }
    let top = above.last().copied().unwrap_or(own);
    if top == 1 || parent_of(top) != Some(0) {
        return Standing::First;
    }
    let mounts = mounts_of(own);
    let is_of_this_container = |pid: &i32| parent_of(*pid) == Some(0) && mounts.is_some() && mounts_of(*pid) == mounts;
    let main = all().into_iter().filter(is_of_this_container).filter_map(|pid| Some((start_of(pid)?, pid))).min();
    match main {
        Some((_, main)) if main != top => {
            // Below `docker run --init` another init is the main process, and app-init its child.
            let is_init = is_app_init(main) || children_of(main).into_iter().any(is_app_init);
            if is_init { Standing::Nested } else { Standing::Beside }
        }
        _ => Standing::First,
    }
}

/// The ancestors of a process, as far as they are in this PID namespace, from its parent on.
fn above(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut next = parent_of(pid);
    while let Some(parent) = next.filter(|&parent| parent != 0) {
        found.push(parent);
        next = parent_of(parent);
    }
    found
}

/// Whether a process executes this same program.
fn is_app_init(pid: i32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: String| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    if let (Some(one), Some(other)) = (file(format!("/proc/{pid}/exe")), file("/proc/self/exe".to_owned())) {
        return one == other;
    }
    // Another user may not look at its file, but at its name.
    let name = |path: String| fs::read(path).ok();
    name(format!("/proc/{pid}/comm")).is_some_and(|first| Some(first) == name("/proc/self/comm".to_owned()))
}

/// What tells a mount namespace from others: the number of its first mount, which everybody may read.
fn mounts_of(pid: i32) -> Option<Vec<u8>> {
    let start = regular::start_of(Path::new(&format!("/proc/{pid}/mountinfo")), 16)?;
    start.split(|&byte| byte == b' ').next().filter(|number| !number.is_empty()).map(<[u8]>::to_vec)
}

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

/// Asks for `signal` when the parent ends; `false` where the parent is gone already.
#[must_use]
pub fn ask_for_parent_death_signal(signal: Signal) -> bool {
    let parent = nix::unistd::getppid();
    // Only named signals have a type in nix; real-time ones make no sense here.
    let Ok(signal) = nix::sys::signal::Signal::try_from(signal.number()) else { return false };
    let asked = nix::sys::prctl::set_pdeathsig(signal).is_ok();
    // A parent that ended before the call sends nothing.
    asked && nix::unistd::getppid() == parent
}
