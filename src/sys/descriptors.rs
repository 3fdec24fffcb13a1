//! Descriptors that are only numbers: the three standard ones at the start, the inherited ones, and closing the rest.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::terminal;

/// Opens `/dev/null` on those of 0, 1 and 2 that are closed, so that nothing opened later is taken for one of them.
pub fn open_standard() {
    let mut standard = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: poll(2) reads and writes the three entries it is told of; a closed descriptor is answered with POLLNVAL.
    let told = unsafe { libc::poll(standard.as_mut_ptr(), 3, 0) } >= 0;
    if told && standard.iter().all(|entry| entry.revents & libc::POLLNVAL == 0) {
        return;
    }
    // The lowest free number is taken, so closed ones are filled from below. Without /dev the root directory serves:
    // reading and writing it fails, as it would on a closed descriptor.
    loop {
        // SAFETY: open(2) on constant NUL-terminated paths; the new descriptor is closed again when it is not wanted.
        unsafe {
            let mut fd = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            if fd < 0 {
                fd = libc::open(c"/".as_ptr(), libc::O_RDONLY);
            }
            if fd > 2 {
                libc::close(fd);
            }
            if !(0..2).contains(&fd) {
                return;
            }
        }
    }
}

/// Descriptors that live as long as the process and must not be taken for inherited ones.
static KEPT: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Exempts a descriptor from [`close_inherited`].
pub fn keep(descriptor: &impl AsRawFd) {
    if let Ok(mut kept) = KEPT.lock() {
        kept.push(descriptor.as_raw_fd());
    }
}

/// Closes every descriptor from 3 on but `own` and those that are kept: the others were inherited, for the server.
///
/// Where the kernel or a filter does not know `close_range(2)` (before Linux 5.9), `/proc` or the limit says what to try.
pub fn close_inherited(own: &[RawFd]) {
    let mut spared = own.to_vec();
    if let Ok(kept) = KEPT.lock() {
        spared.extend_from_slice(&kept);
    }
    spared.retain(|&fd| fd >= 3);
    spared.sort_unstable();
    spared.dedup();
    let mut first = 3;
    let mut known = true;
    for &fd in spared.iter().chain([&RawFd::MAX]) {
        known = known && (fd == first || close_range(first, fd.saturating_sub(1)));
        first = fd.saturating_add(1);
    }
    if !known {
        for fd in open_ones().into_iter().filter(|fd| *fd >= 3 && !spared.contains(fd)) {
            // SAFETY: as in `close_range`.
            unsafe { libc::close(fd) };
        }
    }
}

/// Has every descriptor from `first` on closed by the program to come.
pub fn close_on_exec_from(first: RawFd) {
    // SAFETY: close_range(2) takes numbers, and closes nothing with this flag.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC) == 0 };
    for fd in if done { Vec::new() } else { open_ones() }.into_iter().filter(|fd| *fd >= first) {
        // SAFETY: fcntl(2) takes numbers; what is not open is refused.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Puts `passed` under the number `number` for the program to come; `own`, which may have that number, is moved out of the
/// way. Where the system refuses, the program finds no such descriptor, and says so.
#[must_use]
pub fn pass(passed: RawFd, number: RawFd, own: OwnedFd) -> OwnedFd {
    // SAFETY: fcntl(2) and dup2(2) on descriptors that are open: one is borrowed, the other owned by the caller, and what
    // is overwritten is an inherited one, which this forked process is about to close.
    unsafe {
        let moved = libc::fcntl(own.as_raw_fd(), libc::F_DUPFD_CLOEXEC, number.saturating_add(1));
        let own = if moved >= 0 { OwnedFd::from_raw_fd(moved) } else { own };
        if passed == number {
            libc::fcntl(number, libc::F_SETFD, 0);
        } else {
            // What was inherited under that number is not to be written to.
            if libc::dup2(passed, number) < 0 {
                libc::close(number);
            }
        }
        own
    }
}

/// Hands the standard descriptors to `uid` where they are pipes or terminals, as runc does for the user of a container:
/// nginx and Apache open `/dev/stdout` once more. A refusal changes nothing that worked before; files, sockets and
/// `/dev/null` belong to others, and so does the terminal of a shell from which app-init was started: what is typed there
/// afterwards is root's.
pub fn hand_over_standard(uid: u32) {
    let has_own_terminal = terminal::top_of_session() || nix::unistd::getsid(None) == Ok(Pid::from_raw(1));
    for number in 0..=2 {
        // SAFETY: fstat(2) writes the zeroed buffer; fchown(2) and isatty(3) take numbers.
        unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            if libc::fstat(number, &raw mut status) != 0 {
                continue;
            }
            let is_pipe = status.st_mode & libc::S_IFMT == libc::S_IFIFO;
            if is_pipe || has_own_terminal && libc::isatty(number) == 1 {
                libc::fchown(number, uid, libc::gid_t::MAX);
            }
        }
    }
}

/// Takes from a new file or directory the access control lists that the one which holds it handed down (acl(5)). Its mode
/// still says what they did: it is to be set after this.
///
/// # Errors
///
/// What fremovexattr(2) says, but for that there is none.
pub fn drop_access_lists(new: &impl AsRawFd) -> nix::Result<()> {
    for list in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        // SAFETY: fremovexattr(2) takes a number and a NUL-terminated string.
        match Errno::result(unsafe { libc::fremovexattr(new.as_raw_fd(), list.as_ptr()) }) {
            Ok(_) | Err(Errno::ENODATA | Errno::ENOTSUP | Errno::ENOSYS) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Lets go of standard descriptors by putting `/dev/null` there, so that the other end of a pipe sees that the last real
/// user is gone.
pub fn let_go(standard: &[RawFd]) {
    if standard.is_empty() {
        return;
    }
    // SAFETY: open(2) on a constant path, dup2(2) over standard descriptors, which no object of this program owns, and
    // the closing of what was just opened. Without /dev/null things stay as they are, which is only less helpful.
    unsafe {
        // It is closed before anything could inherit it, and O_CLOEXEC is one more call in musl.
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        if null >= 0 {
            for &descriptor in standard {
                libc::dup2(null, descriptor);
            }
            libc::close(null);
        }
    }
}

fn close_range(first: RawFd, last: RawFd) -> bool {
    // SAFETY: close_range(2) takes numbers. In app-init itself every descriptor that an object owns is spared. A forked
    // child may have objects for closed ones, but it leaves by execve(2) or _exit(2) and drops none of them.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) == 0 }
}

fn open_ones() -> Vec<RawFd> {
    let named = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.flatten().filter_map(named).collect(),
        Err(_) => (3..1024).collect(),
    }
}
