//! What hooks write to descriptor 3 (§6.6): a pipe that is emptied as they write, so that none of them waits for a reader.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::libc;

use super::exec::Refusal;
use super::opened::Bounded;
use super::{last_resort, signals};
use crate::machine::StartStep;

/// The number that the hook finds it under.
pub const DESCRIPTOR: RawFd = 3;

/// More than any environment can hold.
const LIMIT: usize = 4 * 1024 * 1024;

/// How much is taken at once, in chunks: as much as the largest pipe holds, so that nothing of a command that has ended is
/// missing, and one that never stops writing keeps no signal waiting.
const CHUNKS: u32 = 256;

/// The pipe, and what has come out of it.
#[derive(Debug)]
pub struct Written {
    reader: Bounded<File>,
    writer: OwnedFd,
    bytes: Vec<u8>,
    too_much: bool,
}

impl Written {
    /// # Errors
    ///
    /// What pipe2(2) or fcntl(2) says.
    pub fn new() -> Result<Written, Refusal> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(Refusal::at(StartStep::Pipe))?;
        // The writing end blocks, as a hook expects of it; the reading end announces what comes.
        signals::announce(&reader).map_err(Refusal::at(StartStep::Announcement))?;
        Ok(Written { reader: Bounded::new(File::from(reader)), writer, bytes: Vec::new(), too_much: false })
    }

    /// The end for the hook.
    #[must_use]
    pub fn writer(&self) -> RawFd {
        self.writer.as_raw_fd()
    }

    /// Both ends, which are not to be closed as inherited ones.
    #[must_use]
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.reader.inner.as_raw_fd(), self.writer.as_raw_fd()]
    }

    /// Takes what there is; `true`: there may be more, and a signal is to be heard first.
    #[must_use]
    pub fn take_in(&mut self) -> bool {
        let mut chunk = [0; 4096];
        for _ in 0..CHUNKS {
            match self.reader.read(&mut chunk) {
                Ok(count) if count > 0 => {
                    let new = chunk.get(..count).unwrap_or_default();
                    self.too_much |= self.bytes.len().saturating_add(count) > LIMIT;
                    if !self.too_much {
                        self.bytes.extend_from_slice(new);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Empty: this process holds a writing end itself, so there is no end of the file.
                Ok(_) => return false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => last_resort::refused("read", error.raw_os_error().unwrap_or(libc::EINTR)),
            }
        }
        true
    }

    /// A command has ended: its last line ends, too. `true`: as in [`Written::take_in`].
    #[must_use]
    pub fn end_line(&mut self) -> bool {
        let more = self.take_in();
        if !self.bytes.is_empty() && !self.bytes.ends_with(b"\n") {
            self.bytes.push(b'\n');
        }
        more
    }

    /// All of it; `None` where it was more than can be taken.
    #[must_use]
    pub fn into_bytes(mut self) -> Option<Vec<u8>> {
        // Whoever still writes is no command of the plan.
        let _ = self.take_in();
        (!self.too_much).then_some(self.bytes)
    }
}
