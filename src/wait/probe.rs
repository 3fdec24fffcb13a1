//! A probe: the process that tries one target until it is there, and ends with 0 then; with 77 where it may not look.
//!
//! What an attempt fails at, and what it hangs in, is written to the pipe to the watcher, a line each time it changes.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signalfd::SignalFd;

use super::command::{self, Failure};
use super::connect::{self, Stage, Step};
use super::target::Target;
use super::{Pace, Wait, http};
use crate::exit;
use crate::machine::Signal;
use crate::sys::clock::Clock;
use crate::sys::signals::{self, Inherited};
use crate::sys::{descriptors, offspring, on_behalf, prctl};

/// No pause is shorter: a processor has other things to do.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// What the last attempt has before the time is over: so long, or a quarter of the time where that is shorter.
const LAST_ATTEMPT: Duration = Duration::from_millis(500);

/// The probe's life, in a child of `watcher`. `left` is what the wait has of its time.
#[must_use]
pub fn run(wait: &Wait, pace: Pace, inherited: Inherited, pipe: OwnedFd, watcher: i32, left: Option<Duration>) -> u8 {
    let mut clock = Clock::default();
    let start = clock.now();
    // The other probes' pipes among them: their end must be seen when the watcher closes them.
    descriptors::close_inherited(&[pipe.as_raw_fd()]);
    let (mut refused, mut stops) = (None, None);
    if wait.target.is_command() {
        command::prepare();
        stops = command::stop_requests();
    } else {
        signals::be_ordinary(inherited);
        refused = wait.identity.as_deref().and_then(|identity| on_behalf::become_who_looks(identity).err());
        // A lookup may hang; this ends it. Where it is refused, the pipe tells in the next pause. It does not outlive a
        // change of identity.
        let _ = prctl::ask_for_parent_death_signal(Signal::KILL);
    }
    if !prctl::is_parent(watcher) {
        return exit::SYSTEM;
    }
    let mut report = Reporter { pipe: File::from(pipe), stops, said: Step::new(), stage: None, failed_at: None };
    if let Some(why) = refused {
        report.say(why);
        return exit::PERMISSION;
    }
    let mut pause = wait.interval.max(SHORTEST_PAUSE);
    let longest = pace.pause.max(pause);
    let bound = pace.attempt.max(wait.interval);
    loop {
        let began = clock.now();
        match attempt(&wait.target, bound, inherited, &mut report) {
            Ok(()) => return 0,
            Err(Failure::Step(step)) => report.failed(step),
            Err(Failure::NotWanted) => return exit::SYSTEM,
        }
        let now = clock.now();
        let left = left.map(|left| left.saturating_sub(now.since(start)));
        let cut = last_pause(pause, left, wait.timeout.unwrap_or_default(), now.since(began));
        if !report.is_wanted_after(cut) {
            return exit::SYSTEM;
        }
        pause = pause.saturating_mul(2).min(longest);
    }
}

/// The pause, cut where it would leave out a last attempt shortly before the time is over. That attempt has to have some
/// time: what the one before it took, and more, as one that succeeds may take longer than one that is refused.
fn last_pause(pause: Duration, left: Option<Duration>, timeout: Duration, taken: Duration) -> Duration {
    let Some(left) = left else { return pause };
    let needed = taken.saturating_mul(2).min(left / 2).max(LAST_ATTEMPT.min(timeout / 4));
    let until = left.saturating_sub(needed);
    // Once that attempt was made, nothing is left of this.
    if until < SHORTEST_PAUSE { pause } else { pause.min(until) }
}

fn attempt(target: &Target, bound: Duration, inherited: Inherited, report: &mut Reporter) -> Result<(), Failure> {
    if let Target::Command(program) = target {
        return command::run(program, inherited, report.pipe.as_fd());
    }
    let begin = &mut |stage| report.begin(stage);
    let result = match target {
        Target::Tcp { hosts, .. } => connect::any(hosts, bound, begin),
        Target::Http { server, path, query, credentials } => {
            http::get(server, &format!("{path}{query}"), credentials.as_deref(), bound, begin)
        }
        Target::Unix(path) => connect::unix(path, begin),
        Target::File(path) => connect::file(path, begin),
        Target::Sqlite | Target::Command(_) => Ok(()),
    };
    result.map_err(Failure::Step)
}

/// The way to the watcher.
#[derive(Debug)]
struct Reporter {
    pipe: File,
    /// Of a command's probe, which no signal ends: that it should end all the same.
    stops: Option<SignalFd>,
    said: Step,
    /// How far this attempt has come, and how far the last one came.
    stage: Option<Stage>,
    failed_at: Option<Stage>,
}

impl Reporter {
    /// Says what may hang now, unless the last attempt failed there or later: how it failed says more.
    fn begin(&mut self, stage: Stage) {
        self.stage = self.stage.max(Some(stage));
        if self.failed_at < Some(stage) {
            self.say(stage.pending().into());
        }
    }

    fn failed(&mut self, step: Step) {
        self.failed_at = self.stage.take();
        self.say(step);
    }

    fn say(&mut self, step: Step) {
        if step != self.said {
            // One write is one piece, so short is it. With nobody there to read it, the pause ends this process.
            let _ = self.pipe.write_all(format!("{step}\n").as_bytes());
            self.said = step;
        }
    }

    /// Pauses; `false` when the watcher has ended, or a stop was asked for.
    fn is_wanted_after(&self, pause: Duration) -> bool {
        // Nothing is asked for: what is announced in any case is that nobody can read any more.
        let mut entries = vec![PollFd::new(self.pipe.as_fd(), PollFlags::empty())];
        entries.extend(self.stops.iter().map(|stops| PollFd::new(stops.as_fd(), PollFlags::POLLIN)));
        offspring::wait_for_news(&mut entries, poll_timeout(pause));
        entries.iter().all(|entry| entry.any() != Some(true))
    }
}

/// Rounded up, so that the time is over afterwards.
#[must_use]
pub fn poll_timeout(time: Duration) -> PollTimeout {
    PollTimeout::try_from(time.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_hangs_is_told_unless_a_failure_says_more() {
        let (mut ours, theirs) = std::io::pipe().expect("a pipe");
        let pipe = File::from(OwnedFd::from(theirs));
        let mut report = Reporter { pipe, stops: None, said: Step::new(), stage: None, failed_at: None };
        let mut attempt = |stages: &[Stage], step: &str| {
            for &stage in stages {
                report.begin(stage);
            }
            report.failed(step.into());
        };
        attempt(&[Stage::Lookup, Stage::Connect], "connect: refused");
        attempt(&[Stage::Lookup, Stage::Connect, Stage::Answer], "status: 503");
        attempt(&[Stage::Lookup, Stage::Connect, Stage::Answer], "status: 500");
        attempt(&[Stage::Lookup], "lookup: none");
        attempt(&[Stage::Lookup, Stage::Connect], "connect: refused");
        drop(report);
        let mut said = String::new();
        ours.read_to_string(&mut said).expect("text");
        let expected = [
            "lookup: no answer yet",
            "connect: no answer yet",
            "connect: refused",
            "answer: none yet",
            "status: 503",
            "status: 500",
            "lookup: none",
            "connect: no answer yet",
            "connect: refused",
        ];
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_last_attempt_begins_shortly_before_the_time_is_over() {
        let milliseconds = Duration::from_millis;
        let cut = |pause, left: Option<u64>, timeout, taken| {
            let left = left.map(milliseconds);
            last_pause(milliseconds(pause), left, milliseconds(timeout), milliseconds(taken)).as_millis()
        };
        assert_eq!(cut(2000, Some(5500), 7000, 0), 2000, "there is time for it and more");
        assert_eq!(cut(4000, Some(3500), 7000, 0), 3000, "the last one");
        assert_eq!(cut(5000, Some(500), 7000, 0), 5000, "it was made");
        assert_eq!(cut(500, Some(200), 200, 0), 150, "a short time");
        assert_eq!(cut(4000, Some(4500), 7000, 1000), 2500, "one that takes its time");
        assert_eq!(cut(4000, Some(2000), 30_000, 5000), 1000, "one that hangs");
        assert_eq!(cut(5000, None, 0, 0), 5000, "for ever");
        assert_eq!(cut(5000, Some(0), 7000, 0), 5000, "nothing is left");
    }
}
