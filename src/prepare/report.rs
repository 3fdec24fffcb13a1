//! What could not be done, told: the first few by name, the rest as a count.

use std::fmt::{self, Display};
use std::io;

use log::Level;
use nix::errno::Errno;
use nix::unistd::geteuid;

/// How many lines one step may take for each of the two kinds: a volume has millions of files.
const TOLD: usize = 5;

/// Something that could not be done: `cannot WHAT: WHY; what to do`.
#[derive(Debug)]
pub struct Failure {
    pub errno: Errno,
    text: String,
}

impl Failure {
    /// The system's refusal of `what`, as in "set the owner of /data".
    pub fn new(what: impl Display, errno: Errno) -> Failure {
        let advice = match errno {
            Errno::EPERM | Errno::EACCES if geteuid().is_root() => {
                "; this takes CAP_CHOWN, CAP_FOWNER and CAP_DAC_OVERRIDE; or set it up in the image"
            }
            Errno::EPERM | Errno::EACCES => "; start app-init as root, or set it up in the image",
            Errno::EROFS => "; mount it writable, or set it up in the image",
            Errno::ENOENT => "; correct the path, or make it in the image",
            Errno::ENOSPC | Errno::EDQUOT => "; make room",
            Errno::EFBIG => "; raise the limit for the size of a file (ulimit -f)",
            Errno::EXDEV => "; something else is mounted there: give it a step of its own",
            Errno::ESTALE => "; it was changed meanwhile",
            _ => "",
        };
        Failure { errno, text: format!("cannot {what}: {}{advice}", errno.desc()) }
    }

    /// A refusal of app-init's own.
    pub fn refused(text: String) -> Failure {
        Failure { errno: Errno::UnknownErrno, text }
    }
}

impl Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// The number behind one of std's errors.
pub fn errno_of(error: io::Error) -> Errno {
    Errno::try_from(error).unwrap_or(Errno::EIO)
}

/// What becomes of one step.
#[derive(Debug)]
pub struct Report<'a> {
    label: &'a str,
    level: Level,
    failed: usize,
    skipped: usize,
}

impl<'a> Report<'a> {
    pub fn new(label: &'a str, required: bool) -> Report<'a> {
        Report { label, level: if required { Level::Error } else { Level::Warn }, failed: 0, skipped: 0 }
    }

    pub fn fail(&mut self, failure: &Failure) {
        self.failed = self.failed.saturating_add(1);
        if self.failed <= TOLD {
            log::log!(self.level, "{}: {failure}", self.label);
        }
    }

    /// Something that is left alone on purpose.
    pub fn skip(&mut self, why: impl Display) {
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped <= TOLD {
            log::warn!("{}: left alone: {why}", self.label);
        }
    }

    /// Whether nothing failed.
    pub fn finish(self) -> bool {
        let more = self.failed.saturating_sub(TOLD);
        if more > 0 {
            log::log!(self.level, "{}: and {more} more that could not be done", self.label);
        }
        let more = self.skipped.saturating_sub(TOLD);
        if more > 0 {
            log::warn!("{}: and {more} more left alone", self.label);
        }
        self.failed == 0
    }
}

#[cfg(test)]
impl Report<'_> {
    /// How many failed, and how many were left alone.
    pub fn counts(&self) -> (usize, usize) {
        (self.failed, self.skipped)
    }
}
