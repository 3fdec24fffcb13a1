//! What `/proc` tells about other processes: whether the server is a shell, and who descends from whom.
//!
//! Everything here has an answer without `/proc` too: the process itself, or nobody. One that is another PID namespace's
//! counts as none.

use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::stat::Mode;

use super::{regular, signals};
use crate::machine::Signal;

/// The shells that do not exec a command of several parts, and would die of a signal before it (§7.8).
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "ksh93", "yash", "zsh"];

/// Sends the server a stop signal so that it reaches the program that does the work, and takes that program's processes
/// down where the server is only a shell around it: its heirs, as many as `heirs` has room for. All of them are signalled.
///
/// A shell that runs a command (`sh -c 'migrate; serve'`, a start script without `exec`) ends at once and would take the
/// command's time away; and if it lived it would go on with its next command. So both get the signal, and whoever reaps
/// waits for the heirs, which the shell's end makes app-init's children, as for the server itself.
///
/// A shell that has a trap for the signal gets it alone: the script knows best. But INT its children get in any case,
/// as from a terminal. No memory is asked for: there may be none.
pub fn stop_server(pid: i32, signal: Signal, heirs: &mut Vec<i32>) {
    let is_stopped = is_ours() && is_shell(pid) && stop_shell(pid, signal, heirs);
    if !is_stopped {
        send_so_that_it_stops(pid, signal);
    }
}

/// `false`: the shell runs no program.
#[inline(never)]
fn stop_shell(pid: i32, signal: Signal, heirs: &mut Vec<i32>) -> bool {
    let mut children = Children { pids: [0; CHILDREN], count: 0 };
    children.look_for(pid);
    if children.all().is_empty() {
        return false;
    }
    let trapped = catches(pid, signal) == Some(true);
    signals::send(pid, signal);
    if trapped && signal != Signal::INT {
        return true;
    }
    for &child in children.all() {
        send_so_that_it_stops(child, signal);
        if heirs.len() < heirs.capacity() && !heirs.contains(&child) {
            heirs.push(child);
        }
    }
    true
}

/// A server that stops on WINCH (Apache) is started by programs that ignore it by default, and so does the server until
/// it has its handler: a stop request would be lost. Until then TERM asks.
fn send_so_that_it_stops(pid: i32, signal: Signal) {
    let is_lost = signal == Signal::WINCH && is_ours() && catches(pid, signal) == Some(false);
    signals::send(pid, if is_lost { Signal::TERM } else { signal });
}

/// Signals every descendant of `ancestor`. This takes no memory from the heap: there may be none.
///
/// A process may fork while the list is read. What asks to end is sent to those that are found; KILL, after which nobody
/// may be left, is repeated until a look finds nobody who is not ending already.
#[inline(never)]
pub fn signal_descendants(ancestor: i32, signal: Signal) {
    /// More are needed only by a filter that says yes to KILL and does nothing.
    const LOOKS: u32 = 1000;
    if !is_ours() {
        return;
    }
    for _ in 0..LOOKS {
        let mut more = false;
        each_descendant(ancestor, |pid, process| {
            if signal != Signal::KILL || !process.is_ending {
                more |= signals::send(pid, signal);
            }
        });
        if !more || signal != Signal::KILL {
            return;
        }
    }
}

/// Who is left for this process to end: as PID 1 everybody, otherwise its descendants. Their numbers and names.
#[must_use]
pub fn left_over() -> Vec<(i32, String)> {
    let own = signals::own_pid();
    let mut pids = Vec::new();
    if !is_ours() {
        return Vec::new();
    }
    let mut take = |pid, process: &Process| pids.extend(Some(pid).filter(|_| pid != own && !process.is_zombie));
    if own == 1 {
        each_process(|pid| process(pid).iter().for_each(|process| take(pid, process)));
    } else {
        each_descendant(own, take);
    }
    pids.sort_unstable();
    let name = |pid: i32| {
        let mut buffer = [0; 64];
        String::from_utf8_lossy(read_of(pid, "comm", &mut buffer).unwrap_or_default().trim_ascii_end()).into_owned()
    };
    pids.into_iter().map(|pid| (pid, name(pid))).collect()
}

/// Whether `/proc` is that of this PID namespace: it knows this process by the number that this process has. A namespace that
/// was made without a `/proc` of its own shows the one outside, where the same numbers are other people's programs.
fn is_ours() -> bool {
    let mut target = [0_u8; 16];
    // SAFETY: readlink(2) reads a NUL-terminated path and writes at most as many bytes as the buffer has.
    let length = unsafe { libc::readlink(c"/proc/self".as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    let said = usize::try_from(length).ok().and_then(|length| target.get(..length));
    said == Some(decimal(signals::own_pid(), &mut [0; 10]))
}

/// A pid's digits. The way of every stop comes here, and formatting is a page of code by itself.
fn decimal(pid: i32, buffer: &mut [u8; 10]) -> &[u8] {
    let mut rest = pid.unsigned_abs();
    let mut start = buffer.len();
    for place in buffer.iter_mut().rev() {
        *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        start = start.saturating_sub(1);
        if rest == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

/// The path of a file of `/proc/PID`; `None` where that is longer than any that is asked for.
fn path_of<'b>(pid: i32, file: &str, buffer: &'b mut [u8; 32]) -> Option<&'b CStr> {
    let mut rest = buffer.as_mut_slice();
    for part in [b"/proc/", decimal(pid, &mut [0; 10]), b"/", file.as_bytes(), b"\0"] {
        let (place, behind) = rest.split_at_mut_checked(part.len())?;
        place.copy_from_slice(part);
        rest = behind;
    }
    CStr::from_bytes_until_nul(buffer).ok()
}

fn each_descendant(ancestor: i32, mut visit: impl FnMut(i32, &Process)) {
    let mut family = Family { ancestor, known: [(0, false); FAMILY] };
    each_process(|pid| {
        if let Some(process) = process(pid)
            && family.holds(pid, &process)
        {
            visit(pid, &process);
        }
    });
}

/// Whom a look has found to descend from `ancestor`, or not to, at the place that their numbers give them: parents have
/// smaller numbers, mostly, and are looked at first.
struct Family {
    ancestor: i32,
    known: [(i32, bool); FAMILY],
}

const FAMILY: usize = 256;

impl Family {
    fn holds(&mut self, pid: i32, process: &Process) -> bool {
        /// So many parents may end while the way up is looked for: their children have others then.
        const WAYS: u32 = 4;
        let place = |pid: i32| usize::try_from(pid).unwrap_or(0) % FAMILY;
        let mut holds = false;
        let mut parent = Some(process.parent);
        for _ in 0..WAYS {
            while let Some(next) = parent.filter(|next| *next > 0 && *next != self.ancestor) {
                parent = match self.known.get(place(next)) {
                    Some(&(known, holds)) if known == next => Some(if holds { self.ancestor } else { 0 }),
                    _ => parent_of(next),
                };
            }
            if let Some(top) = parent {
                holds = top == self.ancestor;
                break;
            }
            parent = parent_of(pid);
        }
        if let Some(known) = self.known.get_mut(place(pid)) {
            *known = (pid, holds);
        }
        holds
    }
}

/// What `/proc/PID/stat` says.
struct Process {
    parent: i32,
    is_zombie: bool,
    /// It executes no more of its program: its last thread has ended, or KILL has met it.
    is_ending: bool,
    /// When it started, in the kernel's ticks.
    start: u64,
    /// How it ended; 0 where that may not be seen.
    status: i32,
}

/// The status of a process that has ended and was not reaped, as wait(2) would have it; 0 where it may not be seen.
#[must_use]
pub fn zombie(pid: i32) -> Option<i32> {
    let process = if is_ours() { process(pid)? } else { return None };
    // The first thread may have ended alone.
    (process.is_zombie && process.is_ending).then_some(process.status)
}

fn process(pid: i32) -> Option<Process> {
    const EXITING: u64 = 4;
    let mut buffer = [0; 1024];
    let stat = read_of(pid, "stat", &mut buffer)?;
    // The name is in brackets and may hold anything, brackets included.
    let after_name = stat.rsplit(|&byte| byte == b')').next()?;
    let mut fields = after_name.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let state = fields.next()?;
    // Of proc(5), where the state is 3: 4, 9, 20, 22, 31 and 52, each counted from the one before.
    let mut number = |skipped: usize| std::str::from_utf8(fields.nth(skipped)?).ok()?.parse::<i64>().ok();
    let parent = i32::try_from(number(0)?).ok()?;
    let flags = number(4)?.cast_unsigned();
    let threads = number(10)?;
    let start = number(1)?.cast_unsigned();
    let pending = number(8)?.cast_unsigned();
    let status = number(20).and_then(|status| i32::try_from(status).ok()).unwrap_or(0);
    let is_zombie = matches!(state, b"Z" | b"X");
    let is_last = threads <= 1 && (is_zombie || flags & EXITING != 0);
    let is_ending = is_last || pending & Signal::KILL.bit() != 0;
    Some(Process { parent, is_zombie, is_ending, start, status })
}

/// The start of a file of `/proc/PID`, as much as there is room for.
fn read_of<'b>(pid: i32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut path = [0; 32];
    read_at(path_of(pid, file, &mut path)?, buffer)
}

fn read_at<'b>(path: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let count = nix::unistd::read(&file, buffer).ok()?;
    buffer.get(..count)
}

/// A file of `/proc/PID`, however long it is.
fn whole_of(pid: i32, file: &str) -> Option<Vec<u8>> {
    regular::read(Path::new(&format!("/proc/{pid}/{file}"))).ok()?
}

/// Names each process that `/proc` shows; nobody where it shows none.
fn each_process(mut visit: impl FnMut(i32)) {
    // struct linux_dirent64: u64 inode, u64 offset, u16 length of the entry, u8 type, name.
    const LENGTH: std::ops::Range<usize> = 16..18;
    const NAME: usize = 19;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(proc) = nix::fcntl::open(c"/proc", flags, Mode::empty()) else { return };
    let mut buffer = [0_u8; 4096];
    loop {
        // SAFETY: getdents64(2) writes at most as many bytes as the buffer has, which any bytes are valid for.
        let count =
            unsafe { libc::syscall(libc::SYS_getdents64, proc.as_raw_fd(), buffer.as_mut_ptr(), size_of_val(&buffer)) };
        let Ok(count @ 1..) = usize::try_from(count) else { return };
        let mut entries = buffer.get(..count).unwrap_or_default();
        while let Some(&[low, high]) = entries.get(LENGTH) {
            let length = usize::from(u16::from_ne_bytes([low, high])).max(NAME);
            let name = entries.get(NAME..length).unwrap_or_default().split(|&byte| byte == 0).next();
            entries = entries.get(length..).unwrap_or_default();
            if let Some(pid) = name.and_then(|name| std::str::from_utf8(name).ok()?.parse().ok()) {
                visit(pid);
            }
        }
    }
}

/// Asked at every stop request, so it asks for no memory.
fn is_shell(pid: i32) -> bool {
    let mut target = [0_u8; 256];
    let Some(program) = program_of(pid, &mut target) else { return false };
    let name = base_name(program);
    if name == b"busybox" {
        // One program with many names: the one it was called by counts.
        let mut buffer = [0; 256];
        let command = read_of(pid, "cmdline", &mut buffer).unwrap_or_default();
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
    let mut path = [0; 32];
    let path = path_of(pid, "exe", &mut path)?;
    // SAFETY: readlink(2) reads a NUL-terminated path and writes at most as many bytes as the buffer has.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.get(..usize::try_from(length).ok()?)
}

/// Whether the process has a handler for the signal; `None` without `/proc`.
#[inline(never)]
fn catches(pid: i32, signal: Signal) -> Option<bool> {
    let mut buffer = [0; 4096];
    let status = read_of(pid, "status", &mut buffer)?;
    let caught = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"SigCgt:"))?;
    let caught = std::str::from_utf8(caught.trim_ascii()).ok()?;
    Some(u64::from_str_radix(caught, 16).ok()? & signal.bit() != 0)
}

/// So many children of one process are found: what fits into a page of their list.
const CHILDREN: usize = 512;

/// The first children of a process, on the stack.
struct Children {
    pids: [i32; CHILDREN],
    count: usize,
}

impl Children {
    fn look_for(&mut self, pid: i32) {
        let mut buffer = [0; 4096];
        let mut path = [0; 64];
        // The array was zeroed, so the string ends where the writing ends.
        let named = write!(path.as_mut_slice(), "/proc/{pid}/task/{pid}/children");
        let list = named.ok().and_then(|()| CStr::from_bytes_until_nul(&path).ok());
        match list.and_then(|path| read_at(path, &mut buffer)) {
            Some(list) => {
                // A number that was cut off has no blank behind it.
                let whole = list.iter().rposition(|&byte| byte == b' ').unwrap_or(0);
                let numbers = list.get(..whole).unwrap_or_default().split(|&byte| byte == b' ');
                numbers
                    .filter_map(|number| std::str::from_utf8(number).ok()?.parse().ok())
                    .for_each(|pid| self.add(pid));
            }
            // Not every kernel has this file.
            None => each_process(|other| {
                if parent_of(other) == Some(pid) {
                    self.add(other);
                }
            }),
        }
    }

    fn add(&mut self, pid: i32) {
        if let Some(place) = self.pids.get_mut(self.count) {
            *place = pid;
            self.count = self.count.saturating_add(1);
        }
    }

    fn all(&self) -> &[i32] {
        self.pids.get(..self.count).unwrap_or_default()
    }
}

fn parent_of(pid: i32) -> Option<i32> {
    Some(process(pid)?.parent)
}

/// How this process stands to the container in which it is (§1, nested use).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing says that the container was booted: this may be the boot.
    First,
    /// Another app-init is above this process, or is the container's init: this one.
    Nested(i32),
    /// Put by `docker exec` into a container that another program is the main process of: in exec mode the server.
    Beside,
}

/// Who is above this process, and who was in its container before it.
///
/// An app-init that is only beside it, such as another program of supervisord, says nothing. `docker exec` puts a process
/// into the namespace from outside: the kernel gives it 0 as its parent. So has the main process of a container that
/// shares the PID namespace of another, and that one boots: it is the first of those in its mount namespace.
#[must_use]
#[inline(never)]
pub fn standing() -> Standing {
    let own = signals::own_pid();
    if own == 1 || !is_ours() {
        return Standing::First;
    }
    let above = above(own);
    let top = above.last().copied().unwrap_or(own);
    // Of several the outermost has booted, unless all of them were put beside the one that has.
    let above = above.into_iter().rev().find(|&pid| is_app_init(pid)).map_or(Standing::First, Standing::Nested);
    if top == 1 || parent_of(top) != Some(0) {
        return above;
    }
    let mounts = mounts_of(own);
    let mut main = None;
    each_process(|pid| {
        let found = process(pid).filter(|process| process.parent == 0 && mounts.is_some() && mounts_of(pid) == mounts);
        main = main.into_iter().chain(found.map(|process| (process.start, pid))).min();
    });
    match main {
        Some((_, main)) if main != top => {
            // Below `docker run --init` another init is the main process, and app-init its child: the first of these,
            // since orphans that are app-inits too become its children later.
            let mut children = Children { pids: [0; CHILDREN], count: 0 };
            children.look_for(main);
            let below = || children.all().iter().copied().filter(|&pid| is_app_init(pid));
            let first = || below().filter_map(|pid| Some((process(pid)?.start, pid))).min().map(|(_, pid)| pid);
            let init = if is_app_init(main) { Some(main) } else { first() };
            match (init, above) {
                (Some(init), _) => Standing::Nested(init),
                (None, Standing::First) => Standing::Beside,
                (None, above) => above,
            }
        }
        _ => above,
    }
}

/// Whether this process was put into its PID namespace from outside, as by `docker exec`.
#[must_use]
pub fn is_from_outside() -> bool {
    signals::own_pid() != 1 && nix::unistd::getppid().as_raw() == 0
}

/// The app-init that booted the container of a process that stands so, if this one may believe what that says of itself: it
/// belongs to root or to this process's user.
#[must_use]
pub fn boot(standing: Standing) -> Option<i32> {
    let Standing::Nested(pid) = standing else { return None };
    let own = nix::unistd::geteuid().as_raw();
    uids_of(pid)?.iter().all(|&uid| uid == 0 || uid == own).then_some(pid)
}

/// Whether somebody who is not root runs in this process's container.
#[must_use]
pub fn is_anybody_not_root() -> bool {
    let mounts = mounts_of(signals::own_pid());
    let mut is_somebody = false;
    each_process(|pid| {
        let is_elsewhere = || mounts_of(pid).is_some_and(|its| mounts.as_ref() != Some(&its));
        is_somebody |= uids_of(pid).is_some_and(|uids| uids.iter().any(|&uid| uid != 0)) && !is_elsewhere();
    });
    is_somebody
}

/// The uids of a process: real, effective, saved, and that for files.
fn uids_of(pid: i32) -> Option<Vec<u32>> {
    let status = whole_of(pid, "status")?;
    let status = String::from_utf8_lossy(&status);
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    Some(uids.split_ascii_whitespace().filter_map(|uid| uid.parse().ok()).collect())
}

/// The words that a process was started with.
#[must_use]
pub fn command_of(pid: i32) -> Option<Vec<OsString>> {
    let text = whole_of(pid, "cmdline").filter(|text| !text.is_empty())?;
    let words = text.strip_suffix(b"\0").unwrap_or(&text).split(|&byte| byte == 0);
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// A variable that a process was given, empty where it was not; `None` where that cannot be seen.
#[must_use]
pub fn variable_of(pid: i32, name: &str) -> Option<OsString> {
    let text = whole_of(pid, "environ")?;
    let value = |string: &[u8]| string.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    Some(OsString::from_vec(text.split(|&byte| byte == 0).find_map(value).unwrap_or_default()))
}

/// Where a process is.
///
/// # Errors
///
/// Why that cannot be seen.
pub fn directory_of(pid: i32) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd"))
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
    whole_of(pid, "comm").is_some_and(|name| Some(name) == whole_of(signals::own_pid(), "comm"))
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};

    use super::super::offspring;
    use super::*;

    #[test]
    fn everybody_below_a_shell_is_stopped_and_no_memory_asked_for() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let shell = offspring::spawn(|| {
            let script = c"sleep 1000 & sleep 1000 & sleep 1000 & echo up; wait; wait";
            let done = nix::unistd::dup2_stdout(&writer);
            let _ = done.and_then(|()| nix::unistd::execv(c"/bin/sh", &[c"sh", c"-c", script]));
            127
        });
        let shell = shell.expect("a process");
        drop(writer);
        let mut said = BufReader::new(File::from(reader));
        said.read_line(&mut String::new()).expect("it says something");
        let pid = shell.as_raw();
        let mut children = Children { pids: [0; CHILDREN], count: 0 };
        children.look_for(pid);
        assert_eq!(children.all().len(), 3);
        assert!(children.all().iter().all(|&child| parent_of(child) == Some(pid)));
        let mut heirs = Vec::with_capacity(2);
        stop_server(pid, Signal::TERM, &mut heirs);
        // As many as there is room for are waited for; the pipe ends with the last of all.
        assert_eq!((heirs.as_slice(), heirs.capacity()), (children.all().get(..2).unwrap_or_default(), 2));
        said.read_to_end(&mut Vec::new()).expect("the end");
        assert_eq!(offspring::end_of(shell), None);
    }

    #[test]
    fn more_children_than_there_is_room_for_are_left() {
        let mut children = Children { pids: [0; CHILDREN], count: 0 };
        (1..=600).for_each(|pid| children.add(pid));
        assert_eq!((children.all().len(), children.all().last()), (CHILDREN, Some(&512)));
    }

    #[test]
    fn a_path_has_the_pid_in_it() {
        for (pid, path) in [(1, "/proc/1/exe"), (20, "/proc/20/exe"), (i32::MAX, "/proc/2147483647/exe")] {
            let mut buffer = [0; 32];
            assert_eq!(path_of(pid, "exe", &mut buffer).and_then(|path| path.to_str().ok()), Some(path));
        }
        assert_eq!(decimal(0, &mut [0; 10]), b"0");
        assert_eq!(path_of(1, "a name that has no room here", &mut [0; 32]), None);
    }
}
