//! Memory and wake-ups of an init whose application does nothing.

use std::fs;
use std::time::Duration;

use nix::unistd::Pid;

use crate::peers::contender::Contender;
use crate::peers::launch::Place;
use crate::peers::session::{Quiet, Session};

pub const SECONDS: u64 = 5;

pub struct Idle {
    pub resident_kb: u64,
    pub anonymous_kb: u64,
    /// Context switches, wanted or not, in `SECONDS`.
    pub wake_ups: u64,
}

pub fn measure(all: &[Contender], quiet: &Quiet) -> Result<Vec<Idle>, String> {
    let mut sizes = Vec::new();
    for contender in all {
        sizes.push(typical_memory(contender, quiet)?);
    }
    let sessions: Vec<Session> =
        all.iter().map(|contender| idle_session(contender, quiet)).collect::<Result<_, _>>()?;
    let switches =
        || -> Result<Vec<u64>, String> { sessions.iter().map(|session| context_switches(session.pid())).collect() };
    // What an init still does right after a signal (going back to its wait) is not idling.
    std::thread::sleep(Duration::from_millis(100));
    let before = switches()?;
    std::thread::sleep(Duration::from_secs(SECONDS));
    let after = switches()?;
    let wake_ups = before.iter().zip(after).map(|(before, after)| after - before);
    Ok(sizes
        .into_iter()
        .zip(wake_ups)
        .map(|((resident_kb, anonymous_kb), wake_ups)| Idle { resident_kb, anonymous_kb, wake_ups })
        .collect())
}

fn idle_session(contender: &Contender, quiet: &Quiet) -> Result<Session, String> {
    let mut session = Session::start(&contender.program(&["hold"]), Place { pid_1: true, cpu: None }, quiet)?;
    session.settle()?;
    Ok(session)
}

/// Medians of several starts: how many pages the kernel maps around each fault differs from start to start.
fn typical_memory(contender: &Contender, quiet: &Quiet) -> Result<(u64, u64), String> {
    const STARTS: usize = 21;
    let (mut resident, mut anonymous) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (own_resident, own_anonymous) = memory(idle_session(contender, quiet)?.pid())?;
        resident.push(own_resident);
        anonymous.push(own_anonymous);
    }
    resident.sort_unstable();
    anonymous.sort_unstable();
    Ok((resident[STARTS / 2], anonymous[STARTS / 2]))
}

fn context_switches(pid: Pid) -> Result<u64, String> {
    let status = read(pid, "status")?;
    Ok(field(&status, "voluntary_ctxt_switches:")? + field(&status, "nonvoluntary_ctxt_switches:")?)
}

/// Resident and anonymous memory. The counters in `status` are only nearly right on many-core machines; `smaps_rollup` is
/// exact, but not in every kernel.
fn memory(pid: Pid) -> Result<(u64, u64), String> {
    match read(pid, "smaps_rollup") {
        Ok(rollup) => Ok((field(&rollup, "Rss:")?, field(&rollup, "Anonymous:")?)),
        Err(_) => read(pid, "status").and_then(|status| Ok((field(&status, "VmRSS:")?, field(&status, "RssAnon:")?))),
    }
}

fn read(pid: Pid, name: &str) -> Result<String, String> {
    let path = format!("/proc/{pid}/{name}");
    fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
}

fn field(text: &str, name: &str) -> Result<u64, String> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| format!("no {name} in /proc"))
}
