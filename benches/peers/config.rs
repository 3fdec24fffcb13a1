//! What a configuration costs: app-init's start to end beside an application's file of 100 lines, against its own without
//! one.

use std::fs;
use std::path::Path;

use crate::peers::build;
use crate::peers::contender::Contender;
use crate::peers::launch::Program;
use crate::peers::session::Quiet;
use crate::peers::stats::Samples;
use crate::peers::times;

const FILE: &str = include_str!("../hundred-lines.toml");
pub const LINES: usize = 100;

/// The two, in one interleaved run.
pub struct Config {
    pub without: Samples,
    pub with: Samples,
}

impl Config {
    /// What the file costs: the median of the rounds' own differences, in nanoseconds.
    pub fn cost(&self) -> f64 {
        self.with.difference_to(&self.without)
    }
}

/// `own` is app-init. One result: nobody else has such a file.
pub fn measure(own: &Contender, rounds: usize, quiet: &Quiet) -> Result<Vec<Config>, String> {
    if FILE.lines().count() != LINES {
        return Err(format!("benches/hundred-lines.toml has {} lines", FILE.lines().count()));
    }
    let application = build::directory().join("application");
    place(&application).map_err(|error| format!("cannot write below {}: {error}", application.display()))?;
    let programs: [Program; 2] = [own.program(&[]), own.program(&[]).in_directory(&application)];
    let [without, with] = <[Samples; 2]>::try_from(times::until_end(&programs, rounds, quiet)?)
        .map_err(|_| "two programs have two results".to_owned())?;
    Ok(vec![Config { without, with }])
}

fn place(application: &Path) -> std::io::Result<()> {
    fs::create_dir_all(application.join(".docker"))?;
    fs::write(application.join(".docker/app-init.toml"), FILE)
}
