//! Signals to more than one process: to a shell that is the server and what it runs, to all descendants, and who is left.
//!
//! Everything here has an answer without `/proc` too: the process itself, or nobody. One that is another PID namespace's
//! counts as none.

use super::proc::{FirstChildren, Process, each_process, is_ours, parent_of, process, program_of, read_of};
use super::signals;
use crate::machine::Signal;

/// The shells that do not exec a command of several parts, and would die of a signal before it (§7.8).
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "ksh93", "yash", "zsh"];

/// Sends the server a stop signal so that it reaches the program that does the work, and takes that program's processes
/// down where the server is only a shell around it: its heirs, as many as `heirs` has room for. All of them are signalled.
///
/// A shell that runs a command (`sh -c 'migrate; serve'`, a start script without `exec`) ends at once and would take the
/// command's time away; and if it lived it would go on with its next command. So both get the signal, and whoever reaps
/// waits for the heirs, which the shell's end makes app-init's children, as for the server itself.
///
/// A shell that has a trap for the signal gets it alone: the script knows best. But INT its children get in any case,
/// as from a terminal. No memory is asked for: there may be none.
pub fn stop_server(pid: i32, signal: Signal, heirs: &mut Vec<i32>) {
    let is_stopped = is_ours() && is_shell(pid) && stop_shell(pid, signal, heirs);
    if !is_stopped {
        send_so_that_it_stops(pid, signal);
    }
}

/// `false`: the shell runs no program.
#[inline(never)]
fn stop_shell(pid: i32, signal: Signal, heirs: &mut Vec<i32>) -> bool {
    let children = FirstChildren::of(pid);
    if children.all().is_empty() {
        return false;
    }
    let trapped = catches(pid, signal) == Some(true);
    signals::send(pid, signal);
    if trapped && signal != Signal::INT {
        return true;
    }
    for &child in children.all() {
        send_so_that_it_stops(child, signal);
        if heirs.len() < heirs.capacity() && !heirs.contains(&child) {
            heirs.push(child);
        }
    }
    true
}

/// A server that stops on WINCH (Apache) is started by programs that ignore it by default, and so does the server until
/// it has its handler: a stop request would be lost. Until then TERM asks.
fn send_so_that_it_stops(pid: i32, signal: Signal) {
    let is_lost = signal == Signal::WINCH && is_ours() && catches(pid, signal) == Some(false);
    signals::send(pid, if is_lost { Signal::TERM } else { signal });
}

/// Signals every descendant of `ancestor`. This takes no memory from the heap: there may be none.
///
/// A process may fork while the list is read. What asks to end is sent to those that are found; KILL, after which nobody
/// may be left, is repeated until a look finds nobody who is not ending already.
#[inline(never)]
pub fn signal_descendants(ancestor: i32, signal: Signal) {
    /// More are needed only by a filter that says yes to KILL and does nothing.
    const LOOKS: u32 = 1000;
    if !is_ours() {
        return;
    }
    for _ in 0..LOOKS {
        let mut more = false;
        each_descendant(ancestor, |pid, process| {
            if signal != Signal::KILL || !process.is_ending {
                more |= signals::send(pid, signal);
            }
        });
        if !more || signal != Signal::KILL {
            return;
        }
    }
}

/// Who is left for this process to end: as PID 1 everybody, otherwise its descendants. Their numbers and names.
#[must_use]
pub fn left_over() -> Vec<(i32, String)> {
    let own = signals::own_pid();
    let mut pids = Vec::new();
    if !is_ours() {
        return Vec::new();
    }
    let mut take = |pid, process: &Process| pids.extend(Some(pid).filter(|_| pid != own && !process.is_zombie));
    if own == 1 {
        each_process(|pid| process(pid).iter().for_each(|process| take(pid, process)));
    } else {
        each_descendant(own, take);
    }
    pids.sort_unstable();
    let name = |pid: i32| {
        let mut buffer = [0; 64];
        String::from_utf8_lossy(read_of(pid, "comm", &mut buffer).unwrap_or_default().trim_ascii_end()).into_owned()
    };
    pids.into_iter().map(|pid| (pid, name(pid))).collect()
}

fn each_descendant(ancestor: i32, mut visit: impl FnMut(i32, &Process)) {
    let mut family = Family { ancestor, known: [(0, false); FAMILY] };
    each_process(|pid| {
        if let Some(process) = process(pid)
            && family.holds(pid, &process)
        {
            visit(pid, &process);
        }
    });
}

/// Whom a look has found to descend from `ancestor`, or not to, at the place that their numbers give them: parents have
/// smaller numbers, mostly, and are looked at first.
struct Family {
    ancestor: i32,
    known: [(i32, bool); FAMILY],
}

const FAMILY: usize = 256;

impl Family {
    fn holds(&mut self, pid: i32, process: &Process) -> bool {
        /// So many parents may end while the way up is looked for: their children have others then.
        const WAYS: u32 = 4;
        let place = |pid: i32| usize::try_from(pid).unwrap_or(0) % FAMILY;
        let mut holds = false;
        let mut parent = Some(process.parent);
        for _ in 0..WAYS {
            while let Some(next) = parent.filter(|next| *next > 0 && *next != self.ancestor) {
                parent = match self.known.get(place(next)) {
                    Some(&(known, holds)) if known == next => Some(if holds { self.ancestor } else { 0 }),
                    _ => parent_of(next),
                };
            }
            if let Some(top) = parent {
                holds = top == self.ancestor;
                break;
            }
            parent = parent_of(pid);
        }
        if let Some(known) = self.known.get_mut(place(pid)) {
            *known = (pid, holds);
        }
        holds
    }
}

/// Asked at every stop request, so it asks for no memory.
fn is_shell(pid: i32) -> bool {
    let mut target = [0_u8; 256];
    let Some(program) = program_of(pid, &mut target) else { return false };
    let name = base_name(program);
    if name == b"busybox" {
        // One program with many names: the one it was called by counts.
        let mut buffer = [0; 256];
        let command = read_of(pid, "cmdline", &mut buffer).unwrap_or_default();
        return is_shell_name(base_name(command.split(|&byte| byte == 0).next().unwrap_or_default()));
    }
    is_shell_name(name)
}

fn is_shell_name(name: &[u8]) -> bool {
    SHELLS.iter().any(|shell| shell.as_bytes() == name)
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// Whether the process has a handler for the signal; `None` without `/proc`.
#[inline(never)]
fn catches(pid: i32, signal: Signal) -> Option<bool> {
    let mut buffer = [0; 4096];
    let status = read_of(pid, "status", &mut buffer)?;
    let caught = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"SigCgt:"))?;
    let caught = std::str::from_utf8(caught.trim_ascii()).ok()?;
    Some(u64::from_str_radix(caught, 16).ok()? & signal.bit() != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};

    use nix::fcntl::OFlag;

    use super::super::offspring;
    use super::*;

    #[test]
    fn everybody_below_a_shell_is_stopped_and_no_memory_asked_for() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let shell = offspring::spawn(|| {
            let script = c"sleep 1000 & sleep 1000 & sleep 1000 & echo up; wait; wait";
            let done = nix::unistd::dup2_stdout(&writer);
            let _ = done.and_then(|()| nix::unistd::execv(c"/bin/sh", &[c"sh", c"-c", script]));
            127
        });
        let shell = shell.expect("a process");
        drop(writer);
        let mut said = BufReader::new(File::from(reader));
        said.read_line(&mut String::new()).expect("it says something");
        let pid = shell.as_raw();
        let children = FirstChildren::of(pid);
        assert_eq!(children.all().len(), 3);
        assert!(children.all().iter().all(|&child| parent_of(child) == Some(pid)));
        let mut heirs = Vec::with_capacity(2);
        stop_server(pid, Signal::TERM, &mut heirs);
        // As many as there is room for are waited for; the pipe ends with the last of all.
        assert_eq!((heirs.as_slice(), heirs.capacity()), (children.all().get(..2).unwrap_or_default(), 2));
        said.read_to_end(&mut Vec::new()).expect("the end");
        assert_eq!(offspring::end_of(shell), None);
    }
}
