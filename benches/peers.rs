//! app-init against its peers, in one interleaved run: `cargo bench --bench peers -- [--quick] [--write] [--check]`.
//!
//! `--quick` takes fewer samples; `--write` (full runs only) puts the table into `docs/benchmark.md` and `README.md`;
//! `--check` makes a missed figure an error. `--only start,config,term,signal,orphans,idle,early` runs a part. The binary under
//! test is `target/static/app-init`, or `$APP_INIT_BIN`.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time and starts compilers")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and nanoseconds here are far below 2^52"
)]

/// In a module of its own, so that the files live in `benches/peers/` and cargo does not take them for benchmarks.
mod peers {
    pub mod build;
    pub mod config;
    pub mod contender;
    pub mod demands;
    pub mod early;
    pub mod host;
    pub mod idle;
    pub mod launch;
    pub mod options;
    pub mod order;
    pub mod orphans;
    pub mod results;
    pub mod session;
    pub mod stats;
    pub mod table;
    pub mod times;
    pub mod write;
}

use std::env;
use std::process::ExitCode;

use peers::options::{Options, Part};
use peers::results::Results;
use peers::session::Quiet;
use peers::{build, config, contender, demands, early, host, idle, orphans, table, times, write};

fn main() -> ExitCode {
    let outcome = match Options::parse(env::args().skip(1)) {
        // `cargo test --all-targets` also runs this file; it is no test.
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(options)) => run(&options),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, String> {
    let results = measure(options)?;
    let demands = demands::judge(&results);

    println!(
        "{}\n\n{}\n{}\n{}",
        host::describe(),
        table::medians(&results),
        table::notes(&results),
        table::slow_end(&results)
    );
    for demand in &demands {
        println!("{}", demand.line());
    }
    if options.write {
        write::write(&results, &demands)?;
    }
    let missed = demands.iter().any(|demand| !demand.is_met());
    Ok(if options.check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn measure(options: &Options) -> Result<Results, String> {
    let cpus = host::prepare()?;
    let contenders = contender::gather()?;
    // No init shall find a configuration of ours in its working directory.
    env::set_current_dir(build::directory()).map_err(|error| format!("cannot change directory: {error}"))?;
    let quiet = Quiet::new()?;
    let effort = options.effort();
    let inits = contenders.iter().filter(|contender| contender.is_init()).count();
    // Only what is an init takes part where the application alone has no meaning; it stands last.
    let only_inits = &contenders[..inits];

    host::stay_on(cpus.work)?;
    times::smoke(&contenders, &quiet)?;
    let start = options.part(Part::Start, || times::start_to_end(&contenders, effort.start, &quiet))?;
    let config = options.part(Part::Config, || config::measure(&contenders[0], effort.start, &quiet))?;
    let term = options.part(Part::Term, || times::term_to_end(only_inits, effort.term, &quiet))?;
    let first_term = options.part(Part::Term, || times::first_term_to_end(only_inits, effort.term, &quiet))?;
    let latency = options.part(Part::Signal, || times::signal_latency(only_inits, effort.signal, &quiet))?;
    let orphans = options.part(Part::Orphans, || orphans::measure(only_inits, effort.orphans, &quiet))?;
    let idle = options.part(Part::Idle, || idle::measure(only_inits, &quiet))?;
    host::stay_on(cpus.other)?;
    let early_pid_1 = options.part(Part::Early, || early::measure(only_inits, effort.early, true, cpus, &quiet))?;
    let early_other = options.part(Part::Early, || early::measure(only_inits, effort.early, false, cpus, &quiet))?;
    Ok(Results { contenders, start, config, term, first_term, latency, orphans, idle, early_pid_1, early_other })
}
