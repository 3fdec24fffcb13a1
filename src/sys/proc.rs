//! What `/proc` tells about other processes, read without memory from the heap where the way of a stop comes: there may be
//! none.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::stat::Mode;

use super::{regular, signals};
use crate::machine::Signal;

/// Whether `/proc` is that of this PID namespace: it knows this process by the number that this process has. A namespace that
/// was made without a `/proc` of its own shows the one outside, where the same numbers are other people's programs.
pub fn is_ours() -> bool {
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
pub fn path_of<'b>(pid: i32, file: &str, buffer: &'b mut [u8; 32]) -> Option<&'b CStr> {
    let mut rest = buffer.as_mut_slice();
    for part in [b"/proc/", decimal(pid, &mut [0; 10]), b"/", file.as_bytes(), b"\0"] {
        let (place, behind) = rest.split_at_mut_checked(part.len())?;
        place.copy_from_slice(part);
        rest = behind;
    }
    CStr::from_bytes_until_nul(buffer).ok()
}

/// What `/proc/PID/stat` says.
pub struct Process {
    pub parent: i32,
    pub is_zombie: bool,
    /// It executes no more of its program: its last thread has ended, or KILL has met it.
    pub is_ending: bool,
    /// When it started, in the kernel's ticks.
    pub start: u64,
    /// How it ended; 0 where that may not be seen.
    pub status: i32,
}

/// The status of a process that has ended and was not reaped, as wait(2) would have it; 0 where it may not be seen.
#[must_use]
pub fn zombie(pid: i32) -> Option<i32> {
    let process = if is_ours() { process(pid)? } else { return None };
    // The first thread may have ended alone.
    (process.is_zombie && process.is_ending).then_some(process.status)
}

pub fn process(pid: i32) -> Option<Process> {
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
pub fn read_of<'b>(pid: i32, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut path = [0; 32];
    read_at(path_of(pid, file, &mut path)?, buffer)
}

pub fn read_at<'b>(path: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let count = nix::unistd::read(&file, buffer).ok()?;
    buffer.get(..count)
}

/// A file of `/proc/PID`, however long it is.
pub fn whole_of(pid: i32, file: &str) -> Option<Vec<u8>> {
    regular::read(Path::new(&format!("/proc/{pid}/{file}"))).ok()?
}

/// Names each process that `/proc` shows; nobody where it shows none.
pub fn each_process(mut visit: impl FnMut(i32)) {
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

/// The path of the file that a process executes; one that does not fit into `buffer` is no shell's.
pub fn program_of(pid: i32, buffer: &mut [u8; 256]) -> Option<&[u8]> {
    let mut path = [0; 32];
    let path = path_of(pid, "exe", &mut path)?;
    // SAFETY: readlink(2) reads a NUL-terminated path and writes at most as many bytes as the buffer has.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    buffer.get(..usize::try_from(length).ok()?)
}

/// So many children of one process are found: what fits into a page of their list.
const ROOM: usize = 512;

/// The first children of a process, on the stack.
pub struct FirstChildren {
    pids: [i32; ROOM],
    count: usize,
}

impl FirstChildren {
    #[must_use]
    pub fn of(pid: i32) -> FirstChildren {
        let mut found = FirstChildren::none();
        found.look_for(pid);
        found
    }

    const fn none() -> FirstChildren {
        FirstChildren { pids: [0; ROOM], count: 0 }
    }

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

    #[must_use]
    pub fn all(&self) -> &[i32] {
        self.pids.get(..self.count).unwrap_or_default()
    }
}

pub fn parent_of(pid: i32) -> Option<i32> {
    Some(process(pid)?.parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_children_than_there_is_room_for_are_left() {
        let mut children = FirstChildren::none();
        (1..=600).for_each(|pid| children.add(pid));
        assert_eq!((children.all().len(), children.all().last()), (ROOM, Some(&512)));
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
