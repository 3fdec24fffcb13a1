//! What is said where there is no supervisor: what was asked for, and what is wrong.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::cli::Answer;
use crate::sys::clock::Clock;
use crate::sys::output::{self, Stream};
use crate::sys::signals::{self, Inherited};
use crate::{exit, secrets};

/// Prints all of it, as a program that nobody depends on: whoever reads slowly is waited for, and may interrupt.
fn print(out: BorrowedFd<'_>, mut text: &[u8], inherited: Inherited) -> nix::Result<()> {
    signals::drop_own_pending();
    // With signals held it cannot be interrupted, and no more.
    let _ = signals::restore(inherited);
    while !text.is_empty() {
        match nix::unistd::write(out, text) {
            Ok(count) => text = text.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Somebody else who has this pipe or terminal does not want to wait.
            Err(Errno::EAGAIN) => {
                nix::poll::poll(&mut [PollFd::new(out, PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Prints what was asked for on standard output; the code to end with.
pub fn print_out(text: &[u8], inherited: Inherited) -> u8 {
    print(std::io::stdout().as_fd(), text, inherited).map_or_else(not_printed, |()| 0)
}

/// How long a boot that failed waits for its reader, all in all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints what was asked for on standard output, and what is wrong on standard error. Its reader is waited for only where
/// a command `only_tells`: a boot that failed has to end, read or not.
pub fn say(answer: &Answer, only_tells: bool, inherited: Inherited) -> u8 {
    let text = secrets::hidden(answer.text.clone());
    if let Some(file) = &answer.termination_file {
        output::leave_message(file, &text);
    }
    match (only_tells, answer.code) {
        (true, 0) => {
            return print_out(text.as_bytes(), inherited);
        }
        // A fault that nobody can hear is one all the same.
        (true, _) => drop(print(std::io::stderr().as_fd(), text.as_bytes(), inherited)),
        (false, _) => tell(text.as_bytes()),
    }
    answer.code
}

/// What was asked for could not be printed: the code, and a line, unless the reader has gone, who has had what it wanted.
fn not_printed(errno: Errno) -> u8 {
    if errno == Errno::EPIPE {
        return exit::NO_READER;
    }
    tell(format!("app-init: error: cannot write to standard output: {}\n", errno.desc()).as_bytes());
    exit::SYSTEM
}

/// Writes on standard error as long as there is room, or comes to be within [`PATIENCE`].
fn tell(text: &[u8]) {
    // A pipe with room takes this much at once (pipe(7): `PIPE_BUF`).
    const AT_ONCE: usize = 4096;
    let mut stream = Stream::standard_error();
    let mut clock = Clock::default();
    let end = clock.now().after(PATIENCE);
    for piece in text.chunks(AT_ONCE) {
        let left = PollTimeout::try_from(end.since(clock.now())).unwrap_or(PollTimeout::ZERO);
        let standard = std::io::stderr();
        // With nobody left to read there is nothing to wait for, and the stream drops the piece.
        if nix::poll::poll(&mut [PollFd::new(standard.as_fd(), PollFlags::POLLOUT)], left) == Ok(0) {
            break;
        }
        // A stream never fails: what cannot be written is dropped.
        let _ = stream.write_all(piece);
    }
}
