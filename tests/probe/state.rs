//! What a program finds when it starts, in the kernel's own numbers: one `key value` a line, so that two runs compare.

use crate::sys::{self, say};
use nix::libc;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Each argument as a line of hexadecimal digits, the program's own name first.
pub fn argv(args: &[OsString]) -> i32 {
    for (index, word) in args.iter().enumerate() {
        let hex: Vec<String> = word.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        say(1, &format!("arg {index} <{}>", hex.concat()));
    }
    0
}

/// The environment as the kernel handed it over, a variable a line, other bytes escaped.
pub fn environ() -> i32 {
    for (name, value) in std::env::vars_os() {
        say(1, &format!("{}={}", name.as_bytes().escape_ascii(), value.as_bytes().escape_ascii()));
    }
    say(1, "end of environment");
    0
}

/// Everything that an init could change by accident.
pub fn state() -> i32 {
    let mut lines = Vec::new();
    own_status(&mut lines);
    descriptors(&mut lines);
    limits(&mut lines);
    attributes(&mut lines);
    family(&mut lines);
    lines.push("end of state".to_string());
    sys::write_all(1, (lines.join("\n") + "\n").as_bytes());
    0
}

fn own_status(lines: &mut Vec<String>) {
    const WANTED: &[&str] = &[
        "Uid",
        "Gid",
        "Groups",
        "SigPnd",
        "ShdPnd",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
        "THP_enabled",
        "Cpus_allowed",
        "Umask",
        "TracerPid",
    ];
    for line in std::fs::read_to_string("/proc/self/status").unwrap_or_default().lines() {
        if let Some((key, value)) = line.split_once(':')
            && WANTED.contains(&key)
        {
            lines.push(format!("{key} {}", value.trim()));
        }
    }
}

fn descriptors(lines: &mut Vec<String>) {
    for fd in 0..1024 {
        let Some((mode, device)) = sys::fstat(fd) else { continue };
        let flags = sys::fcntl(fd, libc::F_GETFL);
        // One terminal is as good as another: two runs are compared.
        let device = if libc::major(device) == 136 { "terminal".to_string() } else { device.to_string() };
        lines.push(format!("fd {fd} mode {mode:o} device {device} flags {flags:o}"));
    }
}

fn limits(lines: &mut Vec<String>) {
    for resource in 0..16 {
        let (soft, hard) = sys::limit(resource);
        lines.push(format!("limit {resource} {soft} {hard}"));
    }
}

fn attributes(lines: &mut Vec<String>) {
    let mut death_signal = 0i32;
    if let Ok(signal) = nix::sys::prctl::get_pdeathsig() {
        death_signal = signal.map_or(0, |signal| signal as i32);
    }
    lines.push(format!("pdeathsig {death_signal}"));
    lines.push(format!("nice {}", sys::nice()));
    for (name, option) in [
        ("dumpable", libc::PR_GET_DUMPABLE),
        ("keepcaps", libc::PR_GET_KEEPCAPS),
        ("securebits", libc::PR_GET_SECUREBITS),
        ("timerslack", libc::PR_GET_TIMERSLACK),
    ] {
        lines.push(format!("{name} {}", sys::prctl(option, 0)));
    }
    for name in ["oom_score_adj", "personality", "coredump_filter"] {
        let value = std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        lines.push(format!("{name} {}", value.trim()));
    }
    let cwd = std::env::current_dir().unwrap_or_default();
    lines.push(format!("cwd {}", cwd.display()));
}

/// The lines that differ between a bare exec and a supervised one, apart from all others.
fn family(lines: &mut Vec<String>) {
    let (parent, group, session) = sys::family();
    lines.push(format!("pid {}", sys::getpid()));
    lines.push(format!("parent {parent}"));
    lines.push(format!("group {group}"));
    lines.push(format!("session {session}"));
    lines.push(format!("foreground {}", sys::foreground(0)));
}
