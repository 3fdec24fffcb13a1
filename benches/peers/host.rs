//! Prepares the launcher itself: the right to make PID namespaces, processors, scheduling, and a clean slate for children.

use std::fs;

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{Pid, getegid, geteuid};

use crate::peers::launch;

/// The two processors in use. Most measures run launcher, init and application on `work` alone: one queue, no wake-up of
/// an idle processor, and so far less noise. Where a signal must arrive while the init runs, the launcher stays on `other`.
#[derive(Clone, Copy)]
pub struct Cpus {
    pub other: usize,
    pub work: usize,
}

impl Cpus {
    pub fn two(self) -> bool {
        self.other != self.work
    }
}

pub fn prepare() -> Result<Cpus, String> {
    become_able_to_make_namespaces()?;
    if !launch::settle_launcher() {
        eprintln!("real-time scheduling is not allowed here: whatever else the machine does makes the figures noisier");
    }
    // Orphans of an init that was killed come to the launcher, which reaps them.
    set_child_subreaper(true).map_err(|error| format!("cannot become a subreaper: {error}"))?;
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(|error| format!("cannot read the CPU set: {error}"))?;
    let cpus: Vec<usize> = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect();
    match (cpus.first(), cpus.last()) {
        (Some(&other), Some(&work)) => Ok(Cpus { other, work }),
        _ => Err("the launcher may use no processor".to_owned()),
    }
}

/// Moves the launcher, and with it all that it starts from now on, to one processor.
pub fn stay_on(cpu: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|error| format!("cannot stay on processor {cpu}: {error}"))
}

fn become_able_to_make_namespaces() -> Result<(), String> {
    let (uid, gid) = (geteuid(), getegid());
    if uid.is_root() {
        return Ok(());
    }
    let refused = |what: &str| {
        format!("PID namespaces need root, and a user namespace is not to be had here ({what}); run as root")
    };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| refused(error.desc()))?;
    fs::write("/proc/self/setgroups", "deny").map_err(|error| refused(&error.to_string()))?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(|error| refused(&error.to_string()))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(|error| refused(&error.to_string()))
}

/// Kernel release without its local suffix, and the processor's name: what a reader needs to place the absolute times.
pub fn describe() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().split('-').next().unwrap_or_default().to_owned();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or(std::env::consts::ARCH, |(_, name)| name);
    let count = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    format!("Linux {release}, {model}, {count} processors")
}
