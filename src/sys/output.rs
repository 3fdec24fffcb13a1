//! Writing to standard output and error without ever waiting for its reader.
//!
//! A log reader that has stopped reading must not stop PID 1, and `O_NONBLOCK` must not be set on a description that
//! children share. So the pipe or terminal behind the descriptor is opened once more through `/proc`, non-blocking and for
//! app-init alone; where that is refused (a socket, another user's pipe, no `/proc`) a write is tried only when `poll`
//! says that there is room. What cannot be written is dropped and counted, and the count is told with the next line.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::descriptors;
use super::opened::{self, Bounded};

/// A pipe with room takes this much at once (pipe(7): `PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// One of the standard streams, one line a write.
#[derive(Debug)]
pub struct Stream {
    shared: RawFd,
    own: Option<File>,
    opened: bool,
    dropped: u64,
}

impl Stream {
    #[must_use]
    pub const fn standard_output() -> Stream {
        Stream::new(1)
    }

    #[must_use]
    pub const fn standard_error() -> Stream {
        Stream::new(2)
    }

    const fn new(shared: RawFd) -> Stream {
        Stream { shared, own: None, opened: false, dropped: 0 }
    }

    /// Writes what can be written now; the rest is dropped and counted.
    fn put(&mut self, line: &[u8]) {
        if !self.opened {
            self.opened = true;
            self.own = reopen(self.shared);
            // It lives as long as the process, so it must survive the closing of inherited descriptors.
            self.own.iter().for_each(descriptors::keep);
        }
        if self.dropped > 0 {
            let note = format!("app-init: {} earlier lines could not be written\n", self.dropped);
            if !self.write_now(note.as_bytes()) {
                self.dropped = self.dropped.saturating_add(1);
                return;
            }
            self.dropped = 0;
        }
        if !line.chunks(AT_ONCE).all(|chunk| self.write_now(chunk)) {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Writes the bytes if that can be done at once.
    ///
    /// A terminal that another process is writing to takes nothing until that is done. That is the one case in which a
    /// moment is given, and no more than a moment: a terminal that somebody has stopped (^S) gets no line.
    fn write_now(&mut self, mut bytes: &[u8]) -> bool {
        const TRIES: u32 = 4;
        const MOMENT_MS: u16 = 100;
        for _ in 0..TRIES {
            let written = match &mut self.own {
                Some(own) => own.write(bytes),
                None => with_standard(self.shared, |shared| {
                    if has_room(shared) { nix::unistd::write(shared, bytes).map_err(io::Error::from) } else { Ok(0) }
                }),
            };
            bytes = written.ok().and_then(|count| bytes.get(count..)).unwrap_or(bytes);
            if bytes.is_empty() {
                return true;
            }
            let is_terminal = with_standard(self.shared, |shared| shared.is_terminal());
            if !is_terminal || !with_standard(self.shared, |shared| gets_room(shared, PollTimeout::from(MOMENT_MS))) {
                return false;
            }
        }
        false
    }
}

impl Write for Stream {
    /// Never fails: a log that cannot be written is no reason to stop.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn with_standard<T>(number: RawFd, use_it: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    if number == 1 { use_it(io::stdout().as_fd()) } else { use_it(io::stderr().as_fd()) }
}

fn reopen(number: RawFd) -> Option<File> {
    let kind = with_standard(number, |shared| File::from(shared.try_clone_to_owned().ok()?).metadata().ok())?;
    let is_null = kind.file_type().is_char_device() && kind.rdev() == nix::sys::stat::makedev(1, 3);
    if is_null || !(kind.file_type().is_fifo() || kind.file_type().is_char_device()) {
        return None;
    }
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    opened::open(Path::new(&format!("/proc/self/fd/{number}")), flags).ok()
}

fn has_room(shared: BorrowedFd<'_>) -> bool {
    gets_room(shared, PollTimeout::ZERO)
}

/// Whether there is room within `limit`. With its reader gone a write fails at once, which is as good as room.
fn gets_room(shared: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    let mut entries = [PollFd::new(shared, PollFlags::POLLOUT)];
    match nix::poll::poll(&mut entries, limit) {
        Ok(_) => entries.iter().all(|entry| entry.revents().is_some_and(|events| !events.is_empty())),
        Err(_) => false,
    }
}

/// Writes the bytes in one piece, if there is room: the last line of a program that cannot go on.
///
/// Where nobody can be asked for room the descriptor is made one that does not wait. Others share that, and they end, too.
pub fn write_at_once(number: RawFd, bytes: &[u8]) {
    with_standard(number, |shared| {
        let mut entries = [PollFd::new(shared, PollFlags::POLLOUT)];
        let room = nix::poll::poll(&mut entries, PollTimeout::ZERO).or_else(|_| {
            let flags = OFlag::from_bits_retain(fcntl(shared, FcntlArg::F_GETFL)?);
            fcntl(shared, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map(|_| 1)
        });
        if room.is_ok_and(|room| room > 0) {
            // With nobody there to hear it, the code says as much.
            let _ = nix::unistd::write(shared, bytes);
        }
    });
}

/// Kubernetes shows what is in this file as the reason of the end. It is there or it is not: it is never made.
///
/// A link is not followed and nothing but a regular file is written to: the application may have put it there.
pub fn leave_message(path: &Path, text: &str) {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY;
    let Ok(file) = opened::open(path, flags) else { return };
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1);
    if is_regular && file.set_len(0).is_ok() {
        let _ = Bounded::new(file).write_all(text.as_bytes());
    }
}
