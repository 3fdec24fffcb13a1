//! What is said while waiting, and at its end.

use std::io::Write;
use std::time::Duration;

use log::{Level, LevelFilter};

use crate::secrets;
use crate::sys::output::Stream;
use crate::text::{duration, escape};

/// How much is said, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Nothing but that time ran out.
    pub quiet: bool,
    /// Standard error is a terminal, and lines are text: what is missing is one line that is written over.
    pub terminal: bool,
}

/// A target that is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// For people.
    pub target: String,
    /// What fails.
    pub step: String,
    /// The time is over that it had.
    pub overdue: Option<Duration>,
}

/// `waiting for tcp://db:5432 (lookup: Name does not resolve), http://api:80/ (status: 503), 10s of 30s`.
#[must_use]
pub fn progress(missing: &[Missing], waited: Duration, limit: Option<Duration>) -> String {
    let targets: Vec<_> = missing.iter().map(|Missing { target, step, .. }| format!("{target} ({step})")).collect();
    let limit = limit.map(|limit| format!(" of {}", duration::show(limit))).unwrap_or_default();
    format!("waiting for {}, {}{limit}", targets.join(", "), whole_seconds(waited))
}

/// The last line, when time ran out for at least one.
#[must_use]
pub fn ran_out(missing: &[Missing], waited: Duration) -> String {
    let targets: Vec<_> = missing.iter().map(|missing| not_there(missing, waited)).collect();
    format!("cannot go on: {}; see that it runs and can be reached from here, or raise the timeout", targets.join(", "))
}

/// When time ran out for one that can be done without.
#[must_use]
pub fn given_up(missing: &Missing, waited: Duration) -> String {
    format!("{}; going on without it", not_there(missing, waited))
}

fn not_there(Missing { target, step, overdue }: &Missing, waited: Duration) -> String {
    let after = overdue.map_or_else(|| whole_seconds(waited), duration::show);
    format!("{target} is not there after {after} ({step})")
}

fn whole_seconds(time: Duration) -> String {
    duration::show(Duration::from_secs(time.as_secs()))
}

/// Says things as [`Report`] wants it.
#[derive(Debug)]
pub struct Voice {
    report: Report,
    stream: Stream,
    /// There is a line to be written over.
    drawn: bool,
}

impl Voice {
    #[must_use]
    pub fn new(report: Report) -> Voice {
        Voice { report, stream: Stream::standard_error(), drawn: false }
    }

    pub fn progress(&mut self, text: &str) {
        if self.report.quiet || log::max_level() < LevelFilter::Info {
            return;
        }
        if !self.report.terminal {
            log::info!("{text}");
            return;
        }
        // Without wrapping (DECAWM), a line that is too long is cut at the edge and stays one line.
        self.draw(&format!("\r\x1b[?7lapp-init: {}\x1b[K\x1b[?7h", escape(&secrets::hidden(text.to_owned()))));
        self.drawn = true;
    }

    pub fn say(&mut self, level: Level, text: &str) {
        if level == Level::Error || !self.report.quiet {
            self.clear();
            log::log!(level, "{text}");
        }
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.draw("\r\x1b[K");
        }
    }

    fn draw(&mut self, text: &str) {
        // A stream never fails: what cannot be written is dropped.
        let _ = self.stream.write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(target: &str, step: &str, overdue: Option<u64>) -> Missing {
        Missing { target: target.into(), step: step.into(), overdue: overdue.map(Duration::from_secs) }
    }

    #[test]
    fn each_missing_target_is_named_with_what_fails() {
        let both = [
            missing("tcp://db:5432", "lookup: Name does not resolve", Some(30)),
            missing("http://api:80/", "status: 503", None),
        ];
        let waited = Duration::from_millis(30_004);
        assert_eq!(
            progress(&both, Duration::from_millis(10_003), Some(Duration::from_secs(30))),
            "waiting for tcp://db:5432 (lookup: Name does not resolve), http://api:80/ (status: 503), 10s of 30s"
        );
        assert_eq!(
            ran_out(&both, waited),
            "cannot go on: tcp://db:5432 is not there after 30s (lookup: Name does not resolve), \
             http://api:80/ is not there after 30s (status: 503); \
             see that it runs and can be reached from here, or raise the timeout"
        );
        assert_eq!(
            given_up(&both[0], waited),
            "tcp://db:5432 is not there after 30s (lookup: Name does not resolve); going on without it"
        );
        assert_eq!(progress(&both[1..], Duration::ZERO, None), "waiting for http://api:80/ (status: 503), 0s");
    }
}
