//! What a configuration costs: app-init's start to end with a file of 100 lines, against its own without one.

use std::fmt::Write as _;
use std::fs;

use crate::peers::build;
use crate::peers::contender::Contender;
use crate::peers::launch::Program;
use crate::peers::session::Quiet;
use crate::peers::stats::Samples;
use crate::peers::times;

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

/// `own` is app-init. At most one result: nobody else has such a file.
pub fn measure(own: &Contender, rounds: usize, quiet: &Quiet) -> Result<Vec<Config>, String> {
    let path = build::directory().join("hundred-lines.toml");
    fs::write(&path, hundred_lines()).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let file = path.display().to_string();
    let programs: [Program; 2] = [own.program(&[]), own.program_with(&["--config", &file], &[])];
    let [without, with] = <[Samples; 2]>::try_from(times::until_end(&programs, rounds, quiet)?)
        .map_err(|_| "two programs have two results".to_owned())?;
    Ok(vec![Config { without, with }])
}

/// What a larger application writes: variables, secrets, settings of hooks, limits, roles.
fn hundred_lines() -> String {
    let mut text = String::from(
        "umask = \"0027\"\n\
         [env]\n\
         unset = [\"DEBUG\"]\n\
         secrets = [{ name = \"DB_PASSWORD\", file = \"/run/secrets/db\", optional = true }]\n\
         [env.defaults]\n\
         DB_HOST = \"db\"\n\
         DB_PORT = \"5432\"\n\
         [env.set]\n\
         DATABASE = \"${DB_HOST}:${DB_PORT:-5432}\"\n\
         [server]\n\
         stop_signal = \"TERM\"\n\
         stop_timeout = \"30s\"\n\
         success_codes = [143]\n\
         [stop]\n\
         leftovers = \"3s\"\n\
         [limits]\n\
         core = 0\n\
         [log]\n\
         level = \"warn\"\n",
    );
    // Writing to a String does not fail.
    for role in ["worker", "scheduler", "beat", "flower"] {
        let _ = write!(
            text,
            "[role.{role}]\n\
             server.command = [\"celery\", \"-A\", \"app\", \"{role}\", [\"--queues\", \"${{QUEUES}}\"]]\n\
             [[role.{role}.wait]]\n\
             target = \"redis://cache\"\n\
             timeout = \"1m\"\n"
        );
    }
    for name in ["migrate", "collectstatic", "seed"] {
        let _ = write!(
            text,
            "[[hooks.{name}.run]]\n\
             command = [\"python\", \"manage.py\", \"{name}\"]\n\
             timeout = \"15m\"\n\
             when = [\"env:DB_HOST\"]\n\
             retry = {{ max = 5, backoff = \"1s\" }}\n"
        );
    }
    text.push_str("[env.first_file]\n");
    let used = text.lines().count();
    for number in used..LINES {
        let _ = writeln!(text, "LIBRARY_{number} = [\"/nowhere/lib{number}.so\"]");
    }
    text
}
