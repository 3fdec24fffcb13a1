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

/// `PID (NAME) STATE PARENT …`, where NAME may hold anything, brackets included.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_string();
    let mut fields = tail.split_whitespace();
    Some(Process { pid, state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()?, name })
}
