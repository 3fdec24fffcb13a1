//! Calls on files that are retried a bounded number of times when interrupted. The standard library retries for ever; a
//! filter or a user's file system that answers EINTR once answers so each time. Since all signals are held, nothing else
//! interrupts app-init.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

/// So many times one after the other.
const INTERRUPTIONS: u32 = 1000;

/// Makes a call until it is not interrupted.
///
/// # Errors
///
/// What it says; that it was interrupted each time.
pub fn until_told<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 0..INTERRUPTIONS {
        match call() {
            Err(Errno::EINTR) => {}
            told => return told,
        }
    }
    Err(Errno::EINTR)
}

/// Opens a file that is there, close-on-exec.
///
/// # Errors
///
/// What open(2) says.
pub fn open(path: &Path, flags: OFlag) -> io::Result<File> {
    let opened = until_told(|| nix::fcntl::open(path, flags | OFlag::O_CLOEXEC, Mode::empty()));
    Ok(File::from(opened?))
}

/// Something that is read or written in this way.
#[derive(Debug)]
pub struct Bounded<T> {
    pub inner: T,
    interruptions: u32,
}

impl<T> Bounded<T> {
    pub const fn new(inner: T) -> Bounded<T> {
        Bounded { inner, interruptions: 0 }
    }

    /// The caller retries what was interrupted, so in the end it must get another error.
    fn told(&mut self, told: io::Result<usize>) -> io::Result<usize> {
        match told {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.interruptions = self.interruptions.saturating_add(1);
                Err(if self.interruptions < INTERRUPTIONS { error } else { io::Error::other(Errno::EINTR.desc()) })
            }
            told => {
                self.interruptions = 0;
                told
            }
        }
    }
}

impl<T: Read> Read for Bounded<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let told = self.inner.read(bytes);
        self.told(told)
    }
}

impl<T: Write> Write for Bounded<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let told = self.inner.write(bytes);
        self.told(told)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interrupted so often before each byte.
    struct Interrupted(u32, u32);

    impl Interrupted {
        fn one(&mut self) -> io::Result<usize> {
            if self.1 == 0 {
                self.1 = self.0;
                return Ok(1);
            }
            self.1 = self.1.saturating_sub(1);
            Err(Errno::EINTR.into())
        }
    }

    impl Read for Interrupted {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.one()
        }
    }

    impl Write for Interrupted {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.one()
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_is_interrupted_for_ever_gives_up() {
        for (interruptions, is_done) in [(0, true), (7, true), (999, true), (1000, false), (u32::MAX, false)] {
            let bounded = || Bounded::new(Interrupted(interruptions, interruptions));
            assert_eq!(bounded().read_exact(&mut [0; 5]).is_ok(), is_done, "{interruptions}");
            assert_eq!(bounded().write_all(&[0; 5]).is_ok(), is_done, "{interruptions}");
            let mut left = interruptions;
            let call = || {
                left = left.checked_sub(1).ok_or(Errno::ENOENT)?;
                Err::<(), _>(Errno::EINTR)
            };
            assert_eq!(until_told(call), Err(if is_done { Errno::ENOENT } else { Errno::EINTR }), "{interruptions}");
        }
        let told = bounded_error();
        assert_eq!((told.kind(), told.to_string().as_str()), (ErrorKind::Other, "Interrupted system call"));
    }

    fn bounded_error() -> io::Error {
        Bounded::new(Interrupted(u32::MAX, u32::MAX)).read_to_end(&mut Vec::new()).expect_err("it gives up")
    }
}
