//! What was asked for on the command line, and how many samples that means.

use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Start,
    Config,
    Term,
    Signal,
    Orphans,
    Idle,
    Early,
}

const PARTS: [(&str, Part); 7] = [
    ("start", Part::Start),
    ("config", Part::Config),
    ("term", Part::Term),
    ("signal", Part::Signal),
    ("orphans", Part::Orphans),
    ("idle", Part::Idle),
    ("early", Part::Early),
];

/// Samples per participant.
pub struct Effort {
    pub start: usize,
    pub term: usize,
    pub signal: usize,
    /// Times 3000.
    pub orphans: usize,
    pub early: usize,
}

const FULL: Effort = Effort { start: 3000, term: 3000, signal: 10_000, orphans: 10, early: 2000 };
const QUICK: Effort = Effort { start: 800, term: 800, signal: 3000, orphans: 2, early: 300 };

pub struct Options {
    quick: bool,
    pub write: bool,
    pub check: bool,
    parts: Vec<Part>,
}

impl Options {
    /// `None`: not called as a benchmark.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options =
            Options { quick: false, write: false, check: false, parts: PARTS.map(|(_, part)| part).to_vec() };
        let mut as_bench = false;
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What `cargo bench` adds for every benchmark.
                "--bench" => as_bench = true,
                "--quick" => options.quick = true,
                "--write" => options.write = true,
                "--check" => options.check = true,
                "--only" => options.parts = parts(&arguments.next().unwrap_or_default())?,
                other => {
                    return Err(format!("unknown option {other}; there are --quick, --write, --check, --only PARTS"));
                }
            }
        }
        if options.write && (options.quick || options.parts.len() < PARTS.len()) {
            return Err("--write needs a full run, without --quick and --only".to_owned());
        }
        Ok(as_bench.then_some(options))
    }

    pub fn effort(&self) -> Effort {
        if self.quick { QUICK } else { FULL }
    }

    /// Runs a part that was asked for, and says how long it took; otherwise there are no results of it.
    pub fn part<T>(&self, part: Part, measure: impl FnOnce() -> Result<Vec<T>, String>) -> Result<Vec<T>, String> {
        if !self.parts.contains(&part) {
            return Ok(Vec::new());
        }
        let name = PARTS.iter().find(|(_, named)| *named == part).map_or("", |(name, _)| name);
        let began = Instant::now();
        let results = measure()?;
        eprintln!("measured: {name} ({:.0} s)", began.elapsed().as_secs_f64());
        Ok(results)
    }
}

fn parts(list: &str) -> Result<Vec<Part>, String> {
    list.split(',')
        .map(|wanted| {
            PARTS
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, part)| *part)
                .ok_or_else(|| format!("no part {wanted:?}"))
        })
        .collect()
}
