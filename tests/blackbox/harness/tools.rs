//! Small things that many tests need.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The value of the line `KEY VALUE` in what `probe state` printed.
pub fn said<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines()
        .map(|line| line.trim_end_matches('\r'))
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no line `{key}` in:\n{text}"))
}

/// The lines that only one of the two texts has, but for those that begin with one of the words.
pub fn differences(left: &str, right: &str, but: &[&str]) -> Vec<String> {
    let lines = |text: &str| -> BTreeSet<String> {
        text.lines()
            .map(|line| line.trim_end().to_string())
            .filter(|line| !but.iter().any(|word| line.starts_with(word)))
            .collect()
    };
    let (left, right) = (lines(left), lines(right));
    let only_left = left.difference(&right).map(|line| format!("- {line}"));
    only_left.chain(right.difference(&left).map(|line| format!("+ {line}"))).collect()
}

/// Lets that much time pass without giving up the processor: for tests that try the moments of a start one by one.
pub fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// What the limits are that tests let run out, where something has to be done before. An idle machine does that in a
/// twentieth of the shortest.
const LIMITS: [&str; 4] = ["200ms", "1s", "5s", "10s"];

/// Starts with one limit after the other until what had to be done within it was done in time: only a busy machine comes
/// to the second. What is never done in time fails behind the last. Gives what came of it, and the limit.
pub fn within_a_limit<T>(start: impl Fn(&str) -> T, in_time: impl Fn(&T) -> bool) -> (T, &'static str) {
    let [shorter @ .., longest] = LIMITS;
    for limit in shorter {
        let came = start(limit);
        if in_time(&came) {
            return (came, limit);
        }
    }
    (start(longest), longest)
}

/// A pipe into which not one byte more can be written: its two ends, and how much is in it.
pub fn full_pipe() -> (File, OwnedFd, usize) {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe can be made");
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a pipe's flags can be set");
    let mut write = File::from(write);
    let mut size = 0;
    for chunk in [4096, 1] {
        while let Ok(wrote) = write.write(&[b'.'; 4096][..chunk]) {
            size += wrote;
        }
    }
    let write = OwnedFd::from(write);
    fcntl(&write, FcntlArg::F_SETFL(OFlag::empty())).expect("a pipe's flags can be set");
    (File::from(read), write, size)
}
