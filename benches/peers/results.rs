//! Everything one run found out, participant by participant in the order of `contenders`.

use crate::peers::config::Config;
use crate::peers::contender::{APP_INIT, Contender, REFERENCE};
use crate::peers::early::Early;
use crate::peers::idle::Idle;
use crate::peers::orphans::Orphans;
use crate::peers::stats::Samples;

pub struct Results {
    pub contenders: Vec<Contender>,
    pub start: Vec<Samples>,
    /// app-init's alone.
    pub config: Vec<Config>,
    pub term: Vec<Samples>,
    /// Of an init that has passed on nothing before.
    pub first_term: Vec<Samples>,
    pub latency: Vec<Samples>,
    pub orphans: Vec<Orphans>,
    pub idle: Vec<Idle>,
    pub early_pid_1: Vec<Early>,
    pub early_other: Vec<Early>,
}

impl Results {
    pub fn index(&self, name: &str) -> Option<usize> {
        self.contenders.iter().position(|contender| contender.name == name)
    }

    /// The size of the binary in KB, a part of one counted as a whole.
    pub fn binary_kb(&self, index: usize) -> Option<u64> {
        let path = self.contenders.get(index)?.binary.as_ref()?;
        std::fs::metadata(path).ok().map(|metadata| metadata.len().div_ceil(1024))
    }

    /// The most early TERMs that app-init may lose as PID 1: what the reference loses, and three standard deviations of
    /// such a count.
    pub fn early_limit(&self) -> f64 {
        let Some(reference) = self.index(REFERENCE).and_then(|index| self.early_pid_1.get(index)) else {
            return f64::NAN;
        };
        let (runs, lost) = (reference.runs as f64, reference.lost as f64);
        // A reference that lost none still has a spread: count at least one.
        let share = lost.max(1.0) / runs;
        lost + 3.0 * (runs * share * (1.0 - share)).sqrt()
    }

    pub fn app_init(&self) -> usize {
        self.index(APP_INIT).unwrap_or_default()
    }
}
