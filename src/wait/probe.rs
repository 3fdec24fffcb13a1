//! A probe: the process that tries one target until it is there, and ends with 0 then.
//!
//! What an attempt fails at is written to the pipe to the watcher, a line each time it changes.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::command::{self, Failure};
use super::connect::{self, Step};
use super::target::Target;
use super::{Pace, Wait, http};
use crate::exit;
use crate::machine::Signal;
use crate::sys::signals::Inherited;
use crate::sys::{descriptors, processes};

/// No pause is shorter: a processor has other things to do.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The probe's life, in a child of `watcher`.
#[must_use]
pub fn run(wait: &Wait, pace: Pace, inherited: Inherited, pipe: OwnedFd, watcher: i32) -> u8 {
    // The other probes' pipes among them: their end must be seen when the watcher closes them.
    descriptors::close_inherited(&[pipe.as_raw_fd()]);
    if wait.target.is_command() {
        command::prepare();
    } else {
        // A lookup may hang; this ends it. Where it is refused, the pipe tells in the next pause.
        let _ = processes::ask_for_parent_death_signal(Signal::KILL);
    }
    if nix::unistd::getppid().as_raw() != watcher {
        return exit::SYSTEM;
    }
    let mut report = Reporter { pipe: File::from(pipe), said: Step::new() };
    let mut pause = wait.interval.max(SHORTEST_PAUSE);
    let longest = pace.pause.max(pause);
    loop {
        match attempt(&wait.target, pace, inherited, &report) {
            Ok(()) => return 0,
            Err(Failure::Step(step)) => report.say(step),
            Err(Failure::NotWanted) => return exit::SYSTEM,
        }
        if !report.is_wanted_after(pause) {
            return exit::SYSTEM;
        }
        pause = pause.saturating_mul(2).min(longest);
    }
}

fn attempt(target: &Target, pace: Pace, inherited: Inherited, report: &Reporter) -> Result<(), Failure> {
    let bound = pace.attempt;
    let result = match target {
        Target::Tcp { hosts, .. } => connect::any(hosts, bound),
        Target::Http { server, path, query, credentials } => {
            http::get(server, &format!("{path}{query}"), credentials.as_deref(), bound)
        }
        Target::Unix(path) => connect::unix(path),
        Target::File(path) => connect::file(path),
        Target::Command(program) => return command::run(program, inherited, report.pipe.as_fd()),
    };
    result.map_err(Failure::Step)
}

/// The way to the watcher.
#[derive(Debug)]
struct Reporter {
    pipe: File,
    said: Step,
}

impl Reporter {
    fn say(&mut self, step: Step) {
        if step != self.said {
            // One write is one piece, so short is it. With nobody there to read it, the pause ends this process.
            let _ = self.pipe.write_all(format!("{step}\n").as_bytes());
            self.said = step;
        }
    }

    /// Pauses; `false` when the watcher has ended meanwhile.
    fn is_wanted_after(&self, pause: Duration) -> bool {
        // Nothing is asked for: what is announced in any case is that nobody can read any more.
        let mut entries = [PollFd::new(self.pipe.as_fd(), PollFlags::empty())];
        let _ = nix::poll::poll(&mut entries, poll_timeout(pause));
        entries.iter().all(|entry| entry.any() != Some(true))
    }
}

/// Rounded up, so that the time is over afterwards.
#[must_use]
pub fn poll_timeout(time: Duration) -> PollTimeout {
    PollTimeout::try_from(time.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
}
