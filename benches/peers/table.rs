//! The results as a Markdown table.

use crate::peers::config::LINES;
use crate::peers::contender::{APP_INIT, BASE, NO_INIT, NOISE, REFERENCE};
use crate::peers::early::Early;
use crate::peers::idle::SECONDS;
use crate::peers::orphans::{BURST, BURSTS, COUNT};
use crate::peers::results::Results;
use crate::peers::stats::Samples;

/// Medians, with the ratio to tini-static in brackets.
pub fn medians(results: &Results) -> String {
    let shown: Vec<usize> =
        (0..results.contenders.len()).filter(|&index| results.contenders[index].name != NOISE).collect();
    let heads: Vec<&str> = shown.iter().map(|&index| results.contenders[index].name).collect();
    let mut table = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    let mut row = |title: &str, cell: &dyn Fn(usize) -> Option<String>| {
        let cells: Vec<String> = shown.iter().map(|&index| cell(index).unwrap_or_default()).collect();
        table += &format!("| {title} | {} |\n", cells.join(" | "));
    };
    let base = results.index(BASE);
    let scaled = |all: &[Samples], index: usize, times: f64| {
        let own = all.get(index)?;
        let ratio = base.and_then(|base| all.get(base)).map(|base| format!(" ({:.2})", own.ratio_to(base)));
        Some(format!("{}{}", microseconds(own.median() * times), ratio.unwrap_or_default()))
    };
    let time = |all: &[Samples], index: usize| scaled(all, index, 1.0);
    let orphan_cpu: Vec<Samples> = results.orphans.iter().map(|orphans| orphans.cpu_each.clone()).collect();
    let orphan_wall: Vec<Samples> = results.orphans.iter().map(|orphans| orphans.wall.clone()).collect();
    let early =
        |all: &[Early], index: usize, count: fn(&Early) -> usize| all.get(index).map(|early| count(early).to_string());
    let is_init = |index: usize| results.contenders[index].is_init();

    row("start to end of a trivial application", &|index| time(&results.start, index));
    row("TERM to end", &|index| time(&results.term, index));
    row("the same, with nothing passed on before", &|index| time(&results.first_term, index));
    row("signal passed on and answered", &|index| time(&results.latency, index));
    row(&format!("{COUNT} orphans made and reaped, by {BURST}"), &|index| scaled(&orphan_wall, index, BURSTS as f64));
    row("processor time per reaped orphan", &|index| time(&orphan_cpu, index));
    row("zombies left", &|index| results.orphans.get(index).map(|orphans| orphans.zombies.to_string()));
    row("resident memory, idle", &|index| results.idle.get(index).map(|idle| format!("{} KB", idle.resident_kb)));
    row("of it anonymous", &|index| results.idle.get(index).map(|idle| format!("{} KB", idle.anonymous_kb)));
    row("binary", &|index| results.binary_kb(index).map(|size| format!("{size} KB")));
    row(&format!("wake-ups in {SECONDS} s, idle"), &|index| {
        results.idle.get(index).filter(|_| is_init(index)).map(|idle| idle.wake_ups.to_string())
    });
    let runs = results.early_pid_1.first().map_or(0, |early| early.runs);
    row(&format!("early TERM lost, of {runs}, PID 1"), &|index| early(&results.early_pid_1, index, |early| early.lost));
    row(&format!("early TERM lost, of {runs}, not PID 1"), &|index| {
        early(&results.early_other, index, |early| early.lost)
    });
    row("the same, killed before anything ran", &|index| early(&results.early_other, index, |early| early.killed));
    table
}

/// What the reader of the table must know.
pub fn notes(results: &Results) -> String {
    let mut notes = format!(
        "Medians of one interleaved run, each init as PID 1 of a fresh PID namespace; in brackets the median ratio to {BASE}. \
         *{REFERENCE}*: a minimal init in C that blocks all signals with its first system call. *{NO_INIT}*: the application \
         alone.\n"
    );
    if !results.early_pid_1.is_empty() {
        notes += &format!(
            "\nEarly TERM: sent 0 to 4 ms after the exec. A PID 1 that blocks no signals yet loses it; {APP_INIT} may lose \
             {:.0}: the reference's, and three standard deviations.\n",
            results.early_limit().floor()
        );
    }
    if let Some(config) = results.config.first() {
        notes += &format!(
            "\nA configuration of {LINES} lines adds {} to {APP_INIT}'s start to end: the median difference of starts with and \
             without it, in a series of their own.\n",
            microseconds(config.cost())
        );
    }
    if let Some(noise) = noise(results) {
        notes += &format!("\nNoise: {BASE}, measured a second time in the same run, came out at {noise} of itself.\n");
    }
    notes
}

fn noise(results: &Results) -> Option<String> {
    let (base, again) = (results.index(BASE)?, results.index(NOISE)?);
    let ratio = |all: &[Samples]| Some(all.get(again)?.ratio_to(all.get(base)?));
    let cpu: Vec<Samples> = results.orphans.iter().map(|orphans| orphans.cpu_each.clone()).collect();
    Some(format!(
        "{:.3} (start), {:.3} (TERM to end), {:.3} (signal), {:.3} (processor time per orphan)",
        ratio(&results.start)?,
        ratio(&results.term)?,
        ratio(&results.latency)?,
        ratio(&cpu)?,
    ))
}

/// The slow end: nine in ten are at least as fast.
pub fn slow_end(results: &Results) -> String {
    let mut table = "| nine in ten within | start to end | TERM to end | signal |\n|---|---:|---:|---:|\n".to_owned();
    for (index, contender) in results.contenders.iter().enumerate().filter(|(_, contender)| contender.name != NOISE) {
        let cell = |all: &[Samples]| all.get(index).map(|samples| microseconds(samples.p90())).unwrap_or_default();
        table += &format!(
            "| {} | {} | {} | {} |\n",
            contender.name,
            cell(&results.start),
            cell(&results.term),
            cell(&results.latency)
        );
    }
    table
}

fn microseconds(nanoseconds: f64) -> String {
    match nanoseconds / 1000.0 {
        us if us >= 10_000.0 => format!("{:.0} ms", us / 1000.0),
        us if us >= 100.0 => format!("{us:.0} µs"),
        us => format!("{us:.2} µs"),
    }
}
