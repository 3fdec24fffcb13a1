//! The processes of a test's namespace, read through the `/proc` that is mounted there.

use std::fs;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// As numbered inside.
    pub pid: i32,
    pub parent: i32,
    /// The kernel's letter: `Z` is a zombie, `T` is stopped.
    pub state: char,
    pub name: String,
}

/// All processes that see the namespace of the process `first` (as numbered outside), that one included.
pub fn processes(first: i32) -> Vec<Process> {
    let Ok(entries) = fs::read_dir(format!("/proc/{first}/root/proc")) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let pid = path.file_name()?.to_str()?.parse().ok()?;
            parse(pid, &fs::read_to_string(path.join("stat")).ok()?)
        })
        .collect()
}

/// Whether one of these, as seen by the namespace of `first`, is no zombie yet and has a KILL pending, or is ending already.
pub fn is_any_killed(first: i32, processes: &[Process]) -> bool {
    const KILL: u64 = 1 << 8;
    processes.iter().filter(|process| process.state != 'Z').any(|process| {
        let status = fs::read_to_string(format!("/proc/{first}/root/proc/{}/status", process.pid)).unwrap_or_default();
        let pending =
            |key| status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(key)?.trim(), 16).ok());
        let is_pending = ["SigPnd:", "ShdPnd:"].into_iter().filter_map(pending).any(|signals| signals & KILL != 0);
        // One that has given up its memory is past its last instruction.
        is_pending || !status.contains("VmSize:")
    })
}

/// `PID (NAME) STATE PARENT …`, where NAME may hold anything, brackets included.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_string();
    let mut fields = tail.split_whitespace();
    Some(Process { pid, state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()?, name })
}
