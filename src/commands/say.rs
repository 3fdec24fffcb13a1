//! What is said where there is no supervisor: what was asked for, and what is wrong.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::cli::Answer;
use crate::machine::Signal;
use crate::sys::clock::Clock;
use crate::sys::offspring::{self, News};
use crate::sys::on_behalf::STOP_REQUESTS;
use crate::sys::opened;
use crate::sys::output::{self, Stream};
use crate::sys::signals::{self, Inherited, Wake};
use crate::{exit, secrets};

/// Why something was not printed.
#[derive(Clone, Copy)]
enum NotPrinted {
    Refused(Errno),
    /// Somebody did not want to wait for its reader.
    Stopped(Signal),
}

/// Prints all of it, as a program that nobody depends on: whoever reads slowly is waited for, and may interrupt.
fn print(out: BorrowedFd<'_>, text: &[u8], inherited: Inherited) -> Result<(), NotPrinted> {
    signals::drop_own_pending();
    // No signal ends PID 1 by itself (pid_namespaces(7)).
    if signals::own_pid() == 1 {
        return print_by_another(out, text);
    }
    // With signals held it cannot be interrupted, and no more.
    let _ = signals::restore(inherited);
    write(out, text).map_err(NotPrinted::Refused)
}

/// A process of its own waits for the reader, and this one for that, and for whoever asks to stop.
fn print_by_another(out: BorrowedFd<'_>, text: &[u8]) -> Result<(), NotPrinted> {
    let code = |errno: Errno| u8::try_from(errno as i32).unwrap_or(exit::SYSTEM);
    let printer = offspring::spawn(|| write(out, text).map_or_else(code, |()| 0));
    // Without a process to spare nobody is heard meanwhile.
    let Ok(printer) = printer else { return write(out, text).map_err(NotPrinted::Refused) };
    loop {
        match offspring::look_at(printer) {
            News::None => {}
            News::Left(0) => return Ok(()),
            News::Left(errno) => return Err(NotPrinted::Refused(Errno::from_raw(errno))),
            News::Killed => return Err(NotPrinted::Refused(Errno::EIO)),
        }
        if let Wake::Signal(signal) = signals::wait(None)
            && STOP_REQUESTS.contains(&signal)
        {
            // It goes with PID 1.
            return Err(NotPrinted::Stopped(signal));
        }
    }
}

fn write(out: BorrowedFd<'_>, mut text: &[u8]) -> nix::Result<()> {
    while !text.is_empty() {
        match opened::until_told(|| nix::unistd::write(out, text)) {
            // Only a filter that says yes and does nothing takes nothing, and says so each time.
            Ok(0) => return Err(Errno::EIO),
            Ok(count) => text = text.get(count..).unwrap_or_default(),
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
#[inline(never)]
pub fn say(answer: &Answer, only_tells: bool, inherited: Inherited) -> u8 {
    let text = secrets::hidden(answer.text.clone());
    if let Some(file) = &answer.termination_file {
        output::leave_message(file, &text);
    }
    match (only_tells, answer.code) {
        (true, 0) => {
            return print_out(text.as_bytes(), inherited);
        }
        (true, _) => match print(std::io::stderr().as_fd(), text.as_bytes(), inherited) {
            Err(NotPrinted::Stopped(signal)) => return signal.exit_code(),
            // A fault that nobody can hear is one all the same.
            Ok(()) | Err(NotPrinted::Refused(_)) => {}
        },
        (false, _) => tell(text.as_bytes()),
    }
    answer.code
}

/// What was asked for could not be printed: the code, and a line, unless the reader has gone, who has had what it wanted.
fn not_printed(why: NotPrinted) -> u8 {
    let errno = match why {
        NotPrinted::Stopped(signal) => return signal.exit_code(),
        NotPrinted::Refused(Errno::EPIPE) => return exit::NO_READER,
        NotPrinted::Refused(errno) => errno,
    };
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
