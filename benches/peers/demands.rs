//! The figures that app-init must reach, and whether it does.

use crate::peers::config::LINES;
use crate::peers::contender::BASE;
use crate::peers::results::Results;
use crate::peers::stats::Samples;

pub struct Demand {
    text: String,
    /// `None`: nothing to compare with.
    met: Option<bool>,
}

impl Demand {
    pub fn line(&self) -> String {
        let verdict = match self.met {
            Some(true) => "ok     ",
            Some(false) => "MISSED ",
            None => "UNKNOWN",
        };
        format!("{verdict} {}", self.text)
    }

    pub fn is_met(&self) -> bool {
        self.met == Some(true)
    }
}

/// One line for each demand whose part was measured.
pub fn judge(results: &Results) -> Vec<Demand> {
    let own = results.app_init();
    let mut demands = Vec::new();
    let mut at_most = |what: &str, value: f64, limit: f64, digits: usize, unit: &str| {
        demands.push(Demand {
            text: format!(
                "{what}: {}, at most {limit:.digits$}{unit}",
                if value.is_nan() { "nothing to compare with".to_owned() } else { format!("{value:.digits$}{unit}") }
            ),
            met: (!value.is_nan()).then_some(value <= limit),
        });
    };

    let cpu: Vec<Samples> = results.orphans.iter().map(|orphans| orphans.cpu_each.clone()).collect();
    let ratios: [(&str, &[Samples], f64); 5] = [
        ("start to end", &results.start, 0.80),
        ("TERM to end", &results.term, 1.05),
        ("the first signal a TERM, to end", &results.first_term, 1.05),
        ("signal latency", &results.latency, 1.05),
        ("processor time per orphan", &cpu, 1.05),
    ];
    for (what, all, limit) in ratios {
        if let Some(samples) = all.get(own) {
            let base = results.index(BASE).and_then(|base| all.get(base));
            let ratio = base.map_or(f64::NAN, |base| samples.ratio_to(base));
            at_most(&format!("{what}, to {BASE}"), ratio, limit, 3, "");
        }
    }
    if let Some(config) = results.config.first() {
        at_most(&format!("what a configuration of {LINES} lines costs"), config.cost() / 1000.0, 300.0, 0, " µs");
    }
    if let Some(orphans) = results.orphans.get(own) {
        at_most("zombies left", orphans.zombies as f64, 0.0, 0, "");
    }
    if let Some(idle) = results.idle.get(own) {
        at_most("resident memory", idle.resident_kb as f64, 700.0, 0, " KB");
        at_most("anonymous memory", idle.anonymous_kb as f64, 64.0, 0, " KB");
        at_most("idle wake-ups", idle.wake_ups as f64, 0.0, 0, "");
    }
    if let Some(size) = results.binary_kb(own) {
        at_most("binary", size as f64, 781.0, 0, " KB");
    }
    if let Some(early) = results.early_pid_1.get(own) {
        at_most("early TERMs lost as PID 1", early.lost as f64, results.early_limit().floor(), 0, "");
    }
    if let Some(early) = results.early_other.get(own) {
        at_most("early TERMs lost when not PID 1", early.lost as f64, 0.0, 0, "");
    }
    demands
}
