//! The controlling terminal's foreground, taken for the server and given back.
//!
//! Every failure here is harmless (ENOTTY, EBADF, ENXIO, EPERM, EIO): the terminal is a comfort, never a condition. TTOU
//! is blocked like every signal, so that `tcsetpgrp` works from the background and stops nobody.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::stat::Mode;

/// A terminal in whose foreground app-init was started.
#[derive(Debug)]
pub struct Terminal {
    /// `None`: standard input is the terminal.
    opened: Option<OwnedFd>,
    /// The group that had the foreground: app-init's own.
    group: i32,
}

impl Terminal {
    /// The controlling terminal, if app-init is in its foreground: started with `&` from a shell it leaves it alone.
    #[must_use]
    pub fn in_foreground() -> Option<Terminal> {
        let group = nix::unistd::getpgrp().as_raw();
        if let Some(foreground) = foreground_of(0) {
            return (foreground == group).then_some(Terminal { opened: None, group });
        }
        // Standard input is redirected; the terminal may be there all the same.
        let opened = open(OFlag::O_RDWR).ok()?;
        (foreground_of(opened.as_raw_fd()) == Some(group)).then_some(Terminal { opened: Some(opened), group })
    }

    /// Standard input is the terminal, and the way to it.
    #[must_use]
    pub fn is_standard_input(&self) -> bool {
        self.opened.is_none()
    }

    /// The descriptor to keep when others are closed.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        self.opened.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Puts `group` in the foreground.
    pub fn give_to(&self, group: i32) {
        let fd = self.descriptor().unwrap_or(0);
        // SAFETY: tcsetpgrp(3) takes two numbers; what is no terminal or no group of this session is refused.
        unsafe { libc::tcsetpgrp(fd, group) };
    }

    /// Puts app-init's own group back.
    pub fn take_back(&self) {
        self.give_to(self.group);
    }

    /// Whether app-init's own group has the foreground now.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        foreground_of(self.descriptor().unwrap_or(0)) == Some(self.group)
    }
}

/// Gives up this process's controlling terminal (ioctl_tty(2), `TIOCNOTTY`); for one that leads no session, so that nobody
/// else loses it.
pub fn give_up() {
    // SAFETY: this ioctl(2) takes numbers only; what is not the controlling terminal is refused.
    let is_it = |fd: RawFd| unsafe { libc::ioctl(fd, libc::TIOCNOTTY) == 0 };
    match open(OFlag::O_RDONLY) {
        Ok(terminal) => {
            is_it(terminal.as_raw_fd());
        }
        // There is none.
        Err(Errno::ENXIO) => {}
        // It is not to be had by this name.
        Err(_) => {
            (0..=2).any(is_it);
        }
    }
}

/// Leaves this process of terminals on standard output and error only the way to write there, for a program of somebody
/// else's: what is typed there is for whoever sits there.
///
/// They are opened anew. A terminal that cannot be is no longer had; it is told so first.
///
/// # Errors
///
/// What dup2(2) says, and open(2) of `/dev/null`.
pub fn keep_for_writing() -> Result<(), Errno> {
    for (number, name) in [(1, c"/proc/self/fd/1"), (2, c"/proc/self/fd/2")] {
        // SAFETY: isatty(3) and fcntl(2) take numbers.
        let is_read = unsafe {
            libc::isatty(number) == 1 && libc::fcntl(number, libc::F_GETFL) & libc::O_ACCMODE != libc::O_WRONLY
        };
        if !is_read {
            continue;
        }
        // A line that waits for its carrier is not waited for.
        let flags = OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let anew = match nix::fcntl::open(name, flags, Mode::empty()) {
            Ok(anew) => anew,
            Err(errno) => {
                let line = format!(
                    "app-init: warning: {} is dropped from here on: its terminal cannot be opened for writing alone: {}\n",
                    if number == 1 { "standard output" } else { "standard error" },
                    errno.desc()
                );
                // SAFETY: write(2) reads as many bytes as the line has. Nobody is there to hear that it is refused.
                unsafe { libc::write(number, line.as_ptr().cast(), line.len()) };
                nix::fcntl::open(c"/dev/null", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?
            }
        };
        // SAFETY: fcntl(2) on a descriptor that was just opened, and dup2(2) of it over a standard one, which no object of
        // this program owns.
        unsafe {
            libc::fcntl(anew.as_raw_fd(), libc::F_SETFL, 0);
            Errno::result(libc::dup2(anew.as_raw_fd(), number))?;
        }
    }
    Ok(())
}

/// This process's controlling terminal, whichever that is.
fn open(access: OFlag) -> Result<OwnedFd, Errno> {
    let flags = access | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    nix::fcntl::open(c"/dev/tty", flags, Mode::empty())
}

fn foreground_of(fd: RawFd) -> Option<i32> {
    // SAFETY: tcgetpgrp(3) takes a number; what is no open terminal is refused.
    let group = unsafe { libc::tcgetpgrp(fd) };
    (group > 0).then_some(group)
}

/// Whether nobody above could resume this process if it were suspended: PID 1, and the leader of a session.
#[must_use]
pub fn top_of_session() -> bool {
    let pid = nix::unistd::getpid();
    pid.as_raw() == 1 || nix::unistd::getsid(None) == Ok(pid)
}
