//! The only place that knows pids: it spawns, signals and reaps, on one thread, so that a pid that was reaped and given
//! to somebody else cannot be signalled.
//!
//! A child reports a failed start on a close-on-exec pipe, and ends; the report is read when the child is reaped. So
//! nothing waits for an exec, which a network file system may delay for long.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::{ForkResult, Pid};

use super::exec::{Keeps, Program, Refusal};
use super::opened::Bounded;
use super::signals::{self, Inherited};
use super::terminal::Terminal;
use super::{descriptors, last_resort, proc, processes, written};
use crate::exit;
use crate::machine::{ChildId, Ending, Recipient, Signal, StartStep};

/// How many statuses are taken in one turn: orphans that end faster than they are reaped keep no signal waiting.
const STATUSES: u32 = 10_000;

/// What a call of [`Children::reap`] found out about one child of the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Ended(ChildId, Ending),
    Suspended(ChildId),
    Resumed(ChildId),
}

/// What is no longer waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// How the child ended, where that was not known.
    pub ending: Option<Ending>,
    /// Nor is its group, which was.
    pub whole_group: bool,
}

/// The programs of a shell that are waited for in its place. What it runs beside them is a leftover.
const HEIRS: usize = 64;

#[derive(Debug)]
enum Entry {
    /// Its pid is also its group's number. `heirs`: what a shell left to wait for, should it end of a stop signal; there is
    /// room for [`HEIRS`] from the start.
    Alive { pid: i32, report: OwnedFd, heirs: Vec<i32> },
    /// A shell that was told to stop is reaped; the programs that it ran, children of app-init now, are not.
    Heirs { pids: Vec<i32> },
    /// The first process is reaped. The kernel gives its number to nobody while the group has a member.
    GroupOnly { group: i32 },
}

/// The children of the plan, by id.
#[derive(Debug)]
pub struct Children {
    entries: Vec<Option<Entry>>,
    inherited: Inherited,
    own_pid: i32,
    /// The child that is there until its whole group is.
    grouped: Option<ChildId>,
    /// At the last look there was no child at all, known or adopted.
    alone: bool,
}

impl Children {
    /// A table for ids below `count`; `grouped` is the child whose group is watched beyond its first process.
    #[must_use]
    pub fn new(count: usize, grouped: Option<ChildId>, inherited: Inherited) -> Children {
        let entries = std::iter::repeat_with(|| None).take(count).collect();
        Children { entries, inherited, own_pid: signals::own_pid(), grouped, alone: false }
    }

    /// No child of the plan is there.
    #[must_use]
    pub fn has_started_none(&self) -> bool {
        self.entries.iter().all(Option::is_none)
    }

    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Starts `program` in a process group of its own, in the terminal's foreground where one is given, with `passed` as
    /// the descriptor that its environment is written to.
    ///
    /// # Errors
    ///
    /// Only what the system refuses before there is a child: a pipe, a process. All else is the child's ending.
    pub fn spawn(
        &mut self,
        id: ChildId,
        program: &Program,
        terminal: Option<&Terminal>,
        passed: Option<RawFd>,
    ) -> Result<(), Refusal> {
        let (report, writer) = report_pipe()?;
        match fork_to_exec().map_err(Refusal::at(StartStep::Fork))? {
            ForkResult::Child => self.become_child(program, terminal, passed, writer),
            ForkResult::Parent { child } => {
                drop(writer);
                // Also done by the child: whoever comes first, the group is there before it is signalled.
                let _ = nix::unistd::setpgid(child, child);
                self.alone = false;
                self.set(id, Some(Entry::Alive { pid: child.as_raw(), report, heirs: Vec::with_capacity(HEIRS) }));
                Ok(())
            }
        }
    }

    fn become_child(
        &self,
        program: &Program,
        terminal: Option<&Terminal>,
        passed: Option<RawFd>,
        mut writer: OwnedFd,
    ) -> ! {
        last_resort::forget();
        let _ = nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0));
        if let Some(terminal) = terminal {
            terminal.give_to(nix::unistd::getpid().as_raw());
        }
        if program.keeps == Keeps::None {
            if let Some(passed) = passed {
                writer = descriptors::pass(passed, written::DESCRIPTOR, writer);
            }
            // Twice the same is as good as once.
            let passed = passed.map_or(writer.as_raw_fd(), |_| written::DESCRIPTOR);
            descriptors::close_inherited(&[writer.as_raw_fd(), passed]);
        }
        let refusal = program.execute(self.inherited, Some(self.own_pid));
        // A report that cannot be written leaves the exit code.
        let _ = Bounded::new(std::fs::File::from(writer)).write_all(&report_of(refusal));
        leave(i32::from(exit::of_ending(refusal.into())))
    }

    /// Splits off a second process that goes on with `continuation` and its own table of children: the keeper.
    ///
    /// # Errors
    ///
    /// What the system refuses before there is a child.
    pub fn fork_self(&mut self, id: ChildId, continuation: impl FnOnce() -> u8) -> Result<(), Refusal> {
        // An empty pipe: this child has no exec that could fail.
        let (report, writer) = report_pipe()?;
        // SAFETY: app-init has one thread, so the child may use everything that the parent could.
        match unsafe { nix::unistd::fork() }.map_err(Refusal::at(StartStep::Fork))? {
            ForkResult::Child => {
                drop((report, writer));
                signals::forget_own_pid();
                self.entries.iter_mut().for_each(|entry| *entry = None);
                let _ = nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0));
                leave(i32::from(continuation()))
            }
            ForkResult::Parent { child } => {
                let _ = nix::unistd::setpgid(child, child);
                self.alone = false;
                self.set(id, Some(Entry::Alive { pid: child.as_raw(), report, heirs: Vec::new() }));
                Ok(())
            }
        }
    }

    /// Signals a child; one that is gone is left in peace.
    pub fn signal(&mut self, id: ChildId, signal: Signal, to: Recipient) {
        match (self.entries.get_mut(usize::from(id.0)).and_then(Option::as_mut), to) {
            (None, _) => {}
            (Some(Entry::Alive { pid, .. }), Recipient::Process) => {
                signals::send(*pid, signal);
            }
            (Some(Entry::Alive { pid, heirs, .. }), Recipient::AutoStop) => {
                processes::stop_server(*pid, signal, heirs);
            }
            (Some(Entry::Alive { pid, .. }), Recipient::Group) => {
                // ESRCH while the child has not made its group yet.
                if !signals::send(pid.saturating_neg(), signal) {
                    signals::send(*pid, signal);
                }
            }
            // Not their group: it may be another one by now.
            (Some(Entry::Heirs { pids }), _) => {
                for &pid in &*pids {
                    signals::send(pid, signal);
                }
            }
            (Some(Entry::GroupOnly { group }), _) => {
                signals::send(group.saturating_neg(), signal);
            }
        }
    }

    /// The group of a child that is alive.
    #[must_use]
    pub fn group(&self, id: ChildId) -> Option<i32> {
        match self.get(id)? {
            Entry::Alive { pid, .. } => Some(*pid),
            Entry::GroupOnly { group } => Some(*group),
            Entry::Heirs { .. } => None,
        }
    }

    /// The descriptors that reports will be read from.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.entries.iter().flatten().filter_map(|entry| match entry {
            Entry::Alive { report, .. } => Some(report.as_raw_fd()),
            Entry::Heirs { .. } | Entry::GroupOnly { .. } => None,
        })
    }

    /// The grouped child, once its first process is reaped and its group is empty; it is then forgotten.
    pub fn take_emptied_group(&mut self) -> Option<ChildId> {
        let id = self.grouped?;
        let Some(Entry::GroupOnly { group }) = self.get(id) else { return None };
        if signals::group_exists(*group) {
            return None;
        }
        self.set(id, None);
        Some(id)
    }

    /// Whether the child, or its group where that is waited for, was not seen to end.
    #[must_use]
    pub fn is_there(&self, id: ChildId) -> bool {
        self.get(id).is_some()
    }

    /// Whether the child's own process has ended and was not reaped: in a moment, or never while somebody traces it.
    #[must_use]
    pub fn is_zombie(&self, id: ChildId) -> bool {
        matches!(self.get(id), Some(Entry::Alive { pid, .. }) if proc::zombie(*pid).is_some())
    }

    /// Forgets a child that cannot be reaped: should it end after all, it is an orphan's end.
    pub fn give_up(&mut self, id: ChildId) -> GivenUp {
        let killed = Ending::Killed { signal: Signal::KILL, core: false };
        let ending = match self.take(id) {
            Some(Entry::Alive { pid, .. }) => {
                // 0 is also what somebody is told who may not see it (proc_pid_stat(5)).
                let told = proc::zombie(pid).filter(|status| *status != 0).and_then(ending);
                Some(told.unwrap_or(killed))
            }
            Some(Entry::Heirs { .. }) => Some(killed),
            Some(Entry::GroupOnly { .. }) | None => None,
        };
        GivenUp { ending, whole_group: self.grouped == Some(id) }
    }

    /// Signals everything that is left: as PID 1 all processes, otherwise the descendants.
    pub fn signal_leftovers(&self, signal: Signal) {
        if self.alone {
            return;
        }
        let send = |signal| {
            if self.own_pid == 1 {
                signals::send(-1, signal);
            } else {
                processes::signal_descendants(self.own_pid, signal);
            }
        };
        send(signal);
        if signal != Signal::KILL {
            // A stopped process acts on nothing else.
            send(Signal::CONT);
        }
    }

    /// Takes the status of everyone who ended, and appends what concerns children of the plan. An unknown pid is an
    /// adopted orphan: reaped, nothing more. `true`: there may be more of them, and a signal is to be heard first.
    #[must_use]
    pub fn reap(&mut self, changes: &mut Vec<Change>) -> bool {
        self.alone = false;
        for _ in 0..STATUSES {
            let mut status = 0;
            let mut told = next_status(&mut status);
            if told == Err(Errno::ECHILD) && self.expects_somebody() {
                // Not the kernel says that.
                told = by_waitid(&mut status);
            }
            let pid = match told {
                Ok(0) => return false,
                Ok(pid) => pid,
                Err(Errno::ECHILD) if !self.expects_somebody() => {
                    self.alone = true;
                    return false;
                }
                // What is not told now is never told; or it is lost.
                Err(errno) => last_resort::refused("wait4", errno as i32),
            };
            let Some(id) = self.id_of(pid) else { continue };
            if libc::WIFSTOPPED(status) {
                changes.push(Change::Suspended(id));
            } else if libc::WIFCONTINUED(status) {
                changes.push(Change::Resumed(id));
            } else if let Some(ending) = ending(status).and_then(|ending| self.note_end(id, pid, ending)) {
                changes.push(Change::Ended(id, ending));
            }
        }
        true
    }

    /// A child of the plan has not been reaped yet.
    fn expects_somebody(&self) -> bool {
        self.entries.iter().flatten().any(|entry| !matches!(entry, Entry::GroupOnly { .. }))
    }

    /// Takes note of the end of a process of child `id`; the child's ending, if that was the end of the child.
    fn note_end(&mut self, id: ChildId, pid: i32, ending: Ending) -> Option<Ending> {
        match self.take(id)? {
            Entry::Alive { report, mut heirs, .. } => {
                if let Some(not_started) = read_report(report) {
                    return Some(not_started);
                }
                // Those that the shell has reaped itself are nobody's any more.
                heirs.retain(|&heir| is_child(heir));
                heirs.sort_unstable();
                heirs.dedup();
                if matches!(ending, Ending::Killed { .. }) && !heirs.is_empty() {
                    self.set(id, Some(Entry::Heirs { pids: heirs }));
                    return None;
                }
                if self.grouped == Some(id) {
                    self.set(id, Some(Entry::GroupOnly { group: pid }));
                }
                Some(ending)
            }
            Entry::Heirs { mut pids } => {
                pids.retain(|&heir| heir != pid);
                if pids.is_empty() {
                    return Some(ending);
                }
                self.set(id, Some(Entry::Heirs { pids }));
                None
            }
            Entry::GroupOnly { .. } => None,
        }
    }

    fn id_of(&self, pid: i32) -> Option<ChildId> {
        let is_it = |entry: &Option<Entry>| match entry {
            Some(Entry::Alive { pid: own, .. }) => *own == pid,
            Some(Entry::Heirs { pids }) => pids.contains(&pid),
            Some(Entry::GroupOnly { .. }) | None => false,
        };
        let place = self.entries.iter().position(is_it)?;
        u16::try_from(place).ok().map(ChildId)
    }

    fn get(&self, id: ChildId) -> Option<&Entry> {
        self.entries.get(usize::from(id.0))?.as_ref()
    }

    fn take(&mut self, id: ChildId) -> Option<Entry> {
        self.entries.get_mut(usize::from(id.0))?.take()
    }

    fn set(&mut self, id: ChildId, entry: Option<Entry>) {
        if let Some(place) = self.entries.get_mut(usize::from(id.0)) {
            *place = entry;
        }
    }
}

/// fork(2) itself, for a child that executes a program and does nothing before that could mind.
///
/// The C library's holds signals, which are held, and takes its locks, which nobody else has; in the child it notes the new
/// thread's number for locks with an owner and for raise(3), which what comes before the exec does not use. That is five
/// system calls. A process that goes on with this program (`fork_self`, `offspring.rs`) is forked by the C library.
fn fork_to_exec() -> Result<ForkResult, Errno> {
    const NONE: libc::c_long = 0;
    let flags = libc::c_long::from(libc::SIGCHLD);
    // SAFETY: clone(2) with no flag but the signal of the child's end is fork(2): the child has a copy of everything, its
    // stack included, and goes on behind the call. app-init has one thread, so the child may use all that the parent could.
    let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags, NONE, NONE, NONE, NONE) })?;
    // What is no pid must not make the parent take itself for the child.
    match i32::try_from(pid).map_err(|_| Errno::EOVERFLOW)? {
        0 => Ok(ForkResult::Child),
        pid => Ok(ForkResult::Parent { child: Pid::from_raw(pid) }),
    }
}

/// Whether `pid` is a child of this process that was not reaped yet.
fn is_child(pid: i32) -> bool {
    let Ok(id) = libc::id_t::try_from(pid) else { return false };
    // SAFETY: waitid(2) writes the zeroed siginfo; with WNOWAIT nothing is taken.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) == 0
    }
}

/// Ends a forked process without what a returning main would do.
pub fn leave(code: i32) -> ! {
    // SAFETY: _exit(2) takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Where a child writes why it could not start.
fn report_pipe() -> Result<(OwnedFd, OwnedFd), Refusal> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(Refusal::at(StartStep::Pipe))
}

/// The next status of a child that has one, without waiting for it: its pid; 0 where no child has news, ECHILD where there
/// is no child.
pub fn next_status(status: &mut i32) -> Result<i32, Errno> {
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: waitpid(2) writes one int.
    let pid = unsafe { libc::waitpid(-1, status, flags | libc::WUNTRACED | libc::WCONTINUED) };
    match Errno::result(pid) {
        Err(errno) if errno != Errno::ECHILD => {}
        told => return told,
    }
    by_waitid(status)
}

/// The same by waitid(2): a filter may know one call and not the other.
fn by_waitid(status: &mut i32) -> Result<i32, Errno> {
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: waitid(2) writes the zeroed siginfo, of which what it writes for a child is read; without news it is zero.
    let (pid, code, value) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = flags | libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED;
        Errno::result(libc::waitid(libc::P_ALL, 0, &raw mut info, flags))?;
        (info.si_pid(), info.si_code, info.si_status())
    };
    *status = match code {
        libc::CLD_EXITED => (value & 0xff) << 8,
        libc::CLD_KILLED => value,
        libc::CLD_DUMPED => value | 0x80,
        libc::CLD_CONTINUED => 0xffff,
        _ => value << 8 | 0x7f,
    };
    Ok(pid)
}

fn ending(status: i32) -> Option<Ending> {
    if libc::WIFEXITED(status) {
        return Some(Ending::Exited(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX)));
    }
    let signal = Signal::new(libc::WTERMSIG(status))?;
    Some(Ending::Killed { signal, core: libc::WCOREDUMP(status) })
}

const STEPS: [StartStep; 13] = [
    StartStep::Fork,
    StartStep::Pipe,
    StartStep::SocketPair,
    StartStep::Announcement,
    StartStep::Mask,
    StartStep::Directory,
    StartStep::Stdin,
    StartStep::Exec,
    StartStep::Identity,
    StartStep::Trust,
    StartStep::NoNewPrivileges,
    StartStep::OomScore,
    StartStep::Limit(0),
];

/// A failed start, as the child writes it down: the step, which limit, and the kernel's reason.
fn report_of(refusal: Refusal) -> [u8; 6] {
    let (step, limit) = match refusal.step {
        StartStep::Limit(limit) => (StartStep::Limit(0), limit),
        step => (step, 0),
    };
    let place = STEPS.iter().position(|known| *known == step).unwrap_or(0);
    let [a, b, c, d] = refusal.errno.to_le_bytes();
    [u8::try_from(place).unwrap_or(0), limit, a, b, c, d]
}

/// The report of a start that failed; nothing in the pipe means that the program ran.
fn read_report(pipe: OwnedFd) -> Option<Ending> {
    let mut report = [0_u8; 6];
    Bounded::new(std::fs::File::from(pipe)).read_exact(&mut report).ok()?;
    let [step, limit, errno @ ..] = report;
    let step = match *STEPS.get(usize::from(step))? {
        StartStep::Limit(_) => StartStep::Limit(limit),
        step => step,
    };
    Some(Ending::NotStarted { step, errno: i32::from_le_bytes(errno) })
}
