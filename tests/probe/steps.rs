//! `probe do STEP…`: an application, told step by step what to do.
//!
//! A step is `name` or `name=value`. `[ STEP… ]` does the steps in a child, and the parent goes on at once.

use crate::sys::{self, Ended, say};
use nix::libc;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// The process that made this one, as it was known before the fork.
static PARENT: AtomicI32 = AtomicI32::new(0);

/// What a trapped signal does: say so, take that long, and end with that code, if there is one.
struct Trap {
    signal: i32,
    milliseconds: u64,
    code: Option<i32>,
}

pub fn run(steps: &[OsString]) -> i32 {
    let mut traps: Vec<Trap> = Vec::new();
    let mut index = 0;
    while let Some(step) = steps.get(index) {
        index += 1;
        if step == "[" {
            let end = closing(steps, index);
            let parent = sys::getpid();
            if sys::fork() == 0 {
                PARENT.store(parent, Ordering::Relaxed);
                sys::exit_now(run(&steps[index..end]));
            }
            index = end + 1;
        } else if step == "exec" {
            let command = &steps[index..];
            let error = sys::exec(&command[0], command);
            say(2, &format!("probe: cannot exec: error {error}"));
            return 127;
        } else {
            one(step, &mut traps);
        }
    }
    0
}

/// The index of the bracket that closes the one before `start`.
fn closing(steps: &[OsString], start: usize) -> usize {
    let mut depth = 1;
    for (index, step) in steps.iter().enumerate().skip(start) {
        depth += i32::from(step == "[") - i32::from(step == "]");
        if depth == 0 {
            return index;
        }
    }
    say(2, "probe: a bracket is not closed");
    sys::exit_now(64)
}

fn one(step: &OsStr, traps: &mut Vec<Trap>) {
    let bytes = step.as_bytes();
    let split = bytes.iter().position(|byte| *byte == b'=').unwrap_or(bytes.len());
    let name = String::from_utf8_lossy(&bytes[..split]);
    let value = String::from_utf8_lossy(bytes.get(split + 1..).unwrap_or_default());
    let number = || value.parse::<i32>().unwrap_or(0);
    match &*name {
        "print" => {
            say(1, &value);
        }
        "eprint" => {
            say(2, &value);
        }
        "ids" => {
            let (parent, group, session) = sys::family();
            say(1, &format!("{value} pid {} parent {parent} group {group} session {session}", sys::getpid()));
        }
        "ignore" => sys::set_disposition(number(), 1),
        "default" => sys::set_disposition(number(), 0),
        "block" => {
            sys::set_mask(sys::set_mask(u64::MAX) | sys::bit(number()));
        }
        "unblock" => {
            sys::set_mask(sys::set_mask(u64::MAX) & !sys::bit(number()));
        }
        "trap" => traps.push(trap(&value)),
        "pause" => pause(traps),
        "pending" => {
            let numbers = (1..=64).filter(|signal| sys::pending() & sys::bit(*signal) != 0);
            say(1, &format!("pending {:?}", numbers.collect::<Vec<_>>()));
        }
        "until" => until(Path::new(&*value)),
        "listen" => listen(&value),
        "sleep" => std::thread::sleep(Duration::from_millis(value.parse().unwrap_or(0))),
        "exit" => sys::exit_now(number()),
        "die" => die(number()),
        "stop" => {
            sys::kill(sys::getpid(), libc::SIGSTOP);
            say(1, "resumed");
        }
        "kill" => kill(&value),
        "setsid" => {
            sys::setsid();
        }
        "setpgid" => {
            sys::setpgid(0, 0);
        }
        "orphans" => orphans(number()),
        "silent-orphan" => silent_orphan(),
        "traced" => traced(),
        "share" => share(&value),
        "adopted" => adopted(),
        "reaped" => reaped(),
        "user" => sys::set_user(number() as u32),
        "forks" => forks(number()),
        "wait" => wait(),
        "eof" => while !sys::read_some(0).is_empty() {},
        "read" => {
            say(1, &format!("read {}", String::from_utf8_lossy(&sys::read_some(0)).trim_end()));
        }
        "dead-terminal" => sys::dead_terminal(),
        "write-until-error" => write_until_error(),
        "close" => sys::close(number()),
        "touch" => touch(&value),
        "chdir" => {
            if let Err(error) = std::env::set_current_dir(&*value) {
                say(2, &format!("probe: cannot change to {value}: {error}"));
            }
        }
        "core" => sys::set_limit(libc::RLIMIT_CORE, 1 << 20),
        other => {
            say(2, &format!("probe: no such step: {other}"));
            sys::exit_now(64);
        }
    }
}

/// `SIGNAL[:MILLISECONDS[:CODE]]`. The signal is blocked from now on, and waited for by `pause`.
fn trap(value: &str) -> Trap {
    let mut parts = value.split(':');
    let signal = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    sys::set_mask(sys::set_mask(u64::MAX) | sys::bit(signal));
    Trap {
        signal,
        milliseconds: parts.next().and_then(|part| part.parse().ok()).unwrap_or(0),
        code: parts.next().and_then(|part| part.parse().ok()),
    }
}

/// Waits for the trapped signals for ever; the others have their own effect.
fn pause(traps: &[Trap]) {
    let set = traps.iter().fold(0, |set, trap| set | sys::bit(trap.signal));
    loop {
        let arrived = sys::wait_signal(set);
        let Some(trap) = traps.iter().find(|trap| trap.signal == arrived.number) else { continue };
        say(1, &format!("trapped {}", trap.signal));
        std::thread::sleep(Duration::from_millis(trap.milliseconds));
        if trap.milliseconds > 0 && trap.code.is_none() {
            say(1, &format!("handled {}", trap.signal));
        }
        if let Some(code) = trap.code {
            say(1, &format!("finished {}", trap.signal));
            sys::exit_now(code);
        }
    }
}

fn die(signal: i32) {
    sys::set_disposition(signal, 0);
    sys::set_mask(0);
    sys::kill(sys::getpid(), signal);
}

/// `PID:SIGNAL`, or `parent:SIGNAL`.
fn kill(value: &str) {
    let (pid, signal) = value.split_once(':').unwrap_or(("0", "0"));
    let pid = if pid == "parent" { sys::family().0 } else { pid.parse().unwrap_or(0) };
    let error = sys::kill(pid, signal.parse().unwrap_or(0));
    if error != 0 {
        say(1, &format!("kill failed: error {error}"));
    }
}

/// Grandchildren whose parent is gone before they end. All end when the last of them has been made.
fn orphans(count: i32) {
    let (read, write) = sys::pipe();
    for _ in 0..count {
        let middle = sys::fork();
        if middle == 0 {
            if sys::fork() == 0 {
                sys::close(write);
                sys::read_some(read);
                sys::exit_now(3);
            }
            sys::exit_now(0);
        }
        sys::wait_for(middle);
    }
    sys::close(write);
    sys::close(read);
}

/// An orphan whose end would send no signal to the parent that made it.
fn silent_orphan() {
    let middle = sys::fork();
    if middle == 0 {
        sys::fork_silent();
        sys::exit_now(0);
    }
    sys::wait_for(middle);
}

/// Has itself traced by a process of another session that only KILL ends, and that never waits.
fn traced() {
    let (own, (reader, writer)) = (sys::getpid(), sys::pipe());
    sys::be_traced_by_anybody();
    if sys::fork() == 0 {
        sys::setsid();
        (1..=64).for_each(|signal| sys::set_disposition(signal, 1));
        sys::seize(own);
        sys::write_all(writer, b"x");
        sys::close(writer);
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    sys::close(writer);
    sys::read_some(reader);
}

/// `UID:DIRECTORY`: what is made in that directory from now on is that user's to read and to write, whatever its mode says.
fn share(value: &str) {
    let (uid, directory) = value.split_once(':').unwrap_or_default();
    let none = u32::MAX;
    // Version 2 of the list, then for each entry its kind, its rights and whose they are (<linux/posix_acl_xattr.h>):
    // owner, this user, group, mask, others.
    let entries = [(1, 7, none), (2, 7, uid.parse().unwrap_or(none)), (4, 5, none), (0x10, 7, none), (0x20, 5, none)];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (kind, rights, whose) in entries {
        list.extend(u16::to_le_bytes(kind).into_iter().chain(u16::to_le_bytes(rights)).chain(u32::to_le_bytes(whose)));
    }
    sys::set_attribute(directory, c"system.posix_acl_default", &list);
}

/// Waits until the parent is gone, and says who is the new one.
fn adopted() {
    let parent = PARENT.load(Ordering::Relaxed);
    while sys::family().0 == parent {
        std::thread::sleep(Duration::from_millis(1));
    }
    say(1, &format!("adopted by {}", sys::family().0));
}

/// Waits until the namespace holds nobody but this process and its ancestors, as long as the tests wait for anything; says
/// how many others there are. Only a reaper can make that number 0.
fn reaped() {
    let end = Instant::now() + Duration::from_secs(30);
    let mut left = strangers();
    while left > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
        left = strangers();
    }
    say(1, &format!("strangers {left}"));
}

/// Works on until the test makes that file.
fn until(file: &Path) {
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Listens at that address, and its children do, as long as they live.
fn listen(address: &str) {
    match TcpListener::bind(address) {
        Ok(listener) => {
            let _ = listener.into_raw_fd();
        }
        Err(error) => {
            say(2, &format!("probe: cannot listen at {address}: {error}"));
        }
    }
}

fn strangers() -> usize {
    let Ok(entries) = std::fs::read_dir("/proc") else { return usize::MAX };
    let mut parents: BTreeMap<i32, i32> = entries.filter_map(|entry| parent_of(&entry.ok()?.path())).collect();
    let mut ancestor = Some(sys::getpid());
    while let Some(pid) = ancestor {
        ancestor = parents.remove(&pid);
    }
    parents.len()
}

/// (process, its parent).
fn parent_of(directory: &Path) -> Option<(i32, i32)> {
    let pid = directory.file_name()?.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    Some((pid, parent))
}

/// Forks until the system refuses, at most so often: says how many it had.
fn forks(limit: i32) {
    let mut made = 0;
    let mut refused = 0;
    while made < limit && refused == 0 {
        match sys::try_fork() {
            Ok(0) => loop {
                sys::wait_signal(0);
            },
            Ok(_) => made += 1,
            Err(error) => refused = error,
        }
    }
    say(1, &format!("forked {made}, then error {refused}"));
}

fn wait() {
    while let Some((pid, ended)) = sys::wait_for(-1) {
        match ended {
            Ended::Exited(code) => say(1, &format!("child {pid} exited {code}")),
            Ended::Signaled(signal) => say(1, &format!("child {pid} killed {signal}")),
        };
    }
}

fn write_until_error() {
    loop {
        if let Some(error) = say(1, "tick") {
            say(2, &format!("write failed: error {error}"));
            return;
        }
    }
}

fn touch(path: &str) {
    if let Err(error) = std::fs::write(path, "") {
        say(2, &format!("probe: cannot write {path}: {error}"));
    }
}
