//! The options of `probe ns`.

use crate::sys;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// How the program under test is placed. Every field is as the test asked; nothing is guessed.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    /// Where to tell the news: the path of a pipe.
    pub report: OsString,
    /// Ends when the test wants no more: the path of a pipe.
    pub control: OsString,
    /// As PID 1 itself; otherwise as the child of a small PID 1 that does nothing.
    pub as_pid1: bool,
    pub user: Option<u32>,
    pub no_capabilities: bool,
    pub read_only: bool,
    pub no_proc: bool,
    /// In a network namespace where nobody but the test's own processes listens at anything.
    pub own_network: bool,
    pub terminal: Option<OsString>,
    /// With a terminal: leave it to another group, as a shell does for a job with `&`.
    pub background: bool,
    /// With a terminal: as a mere descriptor, not the session's own.
    pub foreign_terminal: bool,
    /// Numbers of system calls that fail, and with which error, as on an old kernel or under a strict profile.
    pub denied: Vec<(u32, u32)>,
    /// (host path, name under /mnt).
    pub binds: Vec<(OsString, OsString)>,
    /// The directory that is /etc.
    pub etc: OsString,
    pub ignored: Vec<i32>,
    pub blocked: u64,
    pub closed: Vec<i32>,
    /// (number, path to open there).
    pub descriptors: Vec<(i32, OsString)>,
    /// (the kernel's number of the limit, value).
    pub limits: Vec<(u32, u64)>,
    pub umask: Option<u32>,
    pub nice: Option<i32>,
    pub oom_score: Option<String>,
    pub directory: OsString,
    pub name: Option<OsString>,
    pub command: Vec<OsString>,
}

impl Options {
    pub fn read(words: &[OsString]) -> Options {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().unwrap_or_default();
            match word.as_bytes() {
                b"--" => break,
                b"--report" => options.report = value(),
                b"--control" => options.control = value(),
                b"--pid1" => options.as_pid1 = true,
                b"--user" => options.user = Some(number(&value())),
                b"--no-capabilities" => options.no_capabilities = true,
                b"--read-only" => options.read_only = true,
                b"--no-proc" => options.no_proc = true,
                b"--own-network" => options.own_network = true,
                b"--terminal" => options.terminal = Some(value()),
                b"--background" => options.background = true,
                b"--foreign-terminal" => options.foreign_terminal = true,
                b"--deny" => options.denied.push((number(&value()), number(&value()))),
                b"--bind" => options.binds.push((value(), value())),
                b"--etc" => options.etc = value(),
                b"--ignore" => options.ignored.push(number(&value())),
                b"--block" => options.blocked |= sys::bit(number(&value())),
                b"--close" => options.closed.push(number(&value())),
                b"--descriptor" => options.descriptors.push((number(&value()), value())),
                b"--limit" => options.limits.push((number(&value()), number(&value()))),
                b"--umask" => options.umask = Some(number(&value())),
                b"--nice" => options.nice = Some(number(&value())),
                b"--oom-score" => options.oom_score = Some(value().to_string_lossy().into_owned()),
                b"--directory" => options.directory = value(),
                b"--name" => options.name = Some(value()),
                _ => {
                    sys::say(2, &format!("probe ns: no such option: {}", word.display()));
                    sys::exit_now(64);
                }
            }
        }
        options.command = words.cloned().collect();
        options
    }
}

fn number<T: std::str::FromStr>(word: &OsStr) -> T {
    word.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        sys::say(2, &format!("probe ns: not a number: {}", word.display()));
        sys::exit_now(64)
    })
}
