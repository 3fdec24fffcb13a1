//! One attempt of a command: it exits with 0, or its code and its last line say why not.
//!
//! This runs with all signals held, so that nobody but the kernel's KILL ends it before it has ended what it started.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal as Named};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::connect::Step;
use crate::machine::{Signal, StartStep};
use crate::secrets;
use crate::sys::exec::{Program, Refusal};
use crate::sys::signals::{self, Inherited};
use crate::sys::{last_resort, offspring, prctl, processes};
use crate::text::escape;

/// A line of output that is longer is dropped: half of a secret at its cut end would not be known as one. So many characters
/// of a line are reported.
const LINE: usize = 64 * 1024;
const REPORTED: usize = 200;

/// What asks a wait to end; the command in the probe's group hears it too.
const STOP_REQUESTS: [Named; 4] = [Named::SIGTERM, Named::SIGINT, Named::SIGHUP, Named::SIGQUIT];

/// Has news once a stop was asked for, in a process that holds all signals. Where that is refused, the end of the pipe
/// tells.
pub fn stop_requests() -> Option<SignalFd> {
    let all: SigSet = STOP_REQUESTS.into_iter().collect();
    SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()
}

/// Makes this process one that can run commands: it is not ended by a signal that it could not act on, is in a group with
/// them alone, and adopts what they leave behind.
pub fn prepare() {
    signals::hold_again();
    let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
    // Where that is refused, orphans are the init's.
    let _ = prctl::become_subreaper();
}

/// Why an attempt has no result.
#[derive(Debug)]
pub enum Failure {
    Step(Step),
    /// The watcher has ended: nobody wants to know any more.
    NotWanted,
}

/// Runs the command once. Nothing of it is left afterwards, whatever the outcome.
///
/// # Errors
///
/// Its exit code and last line, or what the system refused.
pub fn run(program: &Program, inherited: Inherited, watcher: BorrowedFd<'_>) -> Result<(), Failure> {
    let refused = |what: &'static str| move |errno: Errno| Failure::Step(format!("{what}: {}", errno.desc()));
    let ends = SignalFd::with_flags(&SigSet::from(Named::SIGCHLD), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(refused("signalfd"))?;
    let (output, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(refused("pipe"))?;
    let own = nix::unistd::getpid().as_raw();
    let command = offspring::spawn(|| become_command(program, &theirs, inherited, own)).map_err(refused("fork"))?;
    drop(theirs);
    // What was asked before there was a command to hear it.
    let asked =
        signals::pending().into_iter().find(|signal| STOP_REQUESTS.iter().any(|one| *one as i32 == signal.number()));
    asked.map(|signal| signals::send(command.as_raw(), signal));
    // Only this end: what is read last is what is there.
    let _ = nix::fcntl::fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    let mut output = Output { pipe: Some(File::from(output)), line: Vec::new(), last: String::new(), program };
    let ended = follow(command, &mut output, &ends, watcher);
    if ended.is_none() {
        // Found without /proc too.
        signals::send(command.as_raw(), Signal::KILL);
    }
    end_what_is_left(own);
    output.read_what_is_left();
    match ended {
        None => Err(Failure::NotWanted),
        Some(WaitStatus::Exited(_, 0)) => Ok(()),
        Some(status) => Err(Failure::Step(words(status, &output.last))),
    }
}

fn become_command(program: &Program, output: &OwnedFd, inherited: Inherited, parent: i32) -> u8 {
    // Should somebody kill the probe and not the command; it holds unless the command takes on another identity.
    let _ = prctl::ask_for_parent_death_signal(Signal::KILL);
    if nix::unistd::dup2_stdout(output).is_err() || nix::unistd::dup2_stderr(output).is_err() {
        return 126;
    }
    let Refusal { step, errno } = program.execute(inherited, Some(parent));
    let reason = Errno::from_raw(errno).desc();
    // The reason is the command's last line.
    let _ = match (step, &program.directory) {
        (StartStep::Directory, Some(directory)) => {
            writeln!(io::stderr(), "cannot enter {}: {reason}", directory.display())
        }
        (StartStep::Stdin, _) => writeln!(io::stderr(), "cannot open /dev/null: {reason}"),
        // That was said.
        (StartStep::Trust, _) => Ok(()),
        _ => writeln!(io::stderr(), "cannot run {}: {reason}", program.name()),
    };
    if errno == Errno::ENOENT as i32 && step != StartStep::Stdin { 127 } else { 126 }
}

/// Reads output until the command has ended; `None` where the watcher ends first.
///
/// The end of the output says nothing: a command may close it, or leave it to a process in the background.
fn follow(command: Pid, output: &mut Output<'_>, ends: &SignalFd, watcher: BorrowedFd<'_>) -> Option<WaitStatus> {
    loop {
        match waitpid(command, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {}
            Ok(status) => return Some(status),
            // EINVAL: nix has no name for the real-time signal that ended it; it is reaped.
            Err(Errno::EINVAL) => return Some(WaitStatus::Signaled(command, Named::SIGKILL, false)),
            Err(errno) => last_resort::refused("wait4", errno as i32),
        }
        let mut entries = vec![
            // Reading is not what this end is for: only the other's end is announced.
            PollFd::new(watcher, PollFlags::empty()),
            PollFd::new(ends.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(pipe) = &output.pipe {
            entries.push(PollFd::new(pipe.as_fd(), PollFlags::POLLIN));
        }
        offspring::wait_for_news(&mut entries, PollTimeout::NONE);
        let news: Vec<bool> = entries.iter().map(|entry| entry.any().unwrap_or(false)).collect();
        if news.first() == Some(&true) {
            return None;
        }
        if news.get(1) == Some(&true) {
            let _ = ends.read_signal();
        }
        if news.get(2) == Some(&true) {
            output.read();
        }
    }
}

/// Kills and reaps every descendant: this process is a subreaper, so what the command left behind is one too.
///
/// A process that the kernel does not let go of (a file system that hangs) is not waited for beyond a second.
fn end_what_is_left(own: i32) {
    const LOOKS: u32 = 10;
    const BETWEEN: Duration = Duration::from_millis(100);
    let mut looks = 0;
    while looks < LOOKS {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => {
                processes::signal_descendants(own, Signal::KILL);
                // Their ends come as SIGCHLD; a stop request is still to be seen after this.
                let _ = signals::wait_for(&[Signal::CHLD], BETWEEN);
                looks += 1;
            }
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(errno) => last_resort::refused("wait4", errno as i32),
        }
    }
}

fn words(status: WaitStatus, last: &str) -> Step {
    let how = match status {
        WaitStatus::Exited(_, code) => format!("exit {code}"),
        WaitStatus::Signaled(_, signal, _) => match Signal::new(signal as i32) {
            Some(signal) => format!("killed by signal {} ({signal})", signal.number()),
            None => "killed".into(),
        },
        _ => "ended".into(),
    };
    if last.is_empty() { how } else { format!("{how}: {last}") }
}

/// What the command says.
#[derive(Debug)]
struct Output<'program> {
    /// `None`: at its end.
    pipe: Option<File>,
    line: Vec<u8>,
    last: String,
    program: &'program Program,
}

impl Output<'_> {
    /// Reads once.
    fn read(&mut self) {
        let mut buffer = [0; 4096];
        match self.pipe.as_mut().map(|pipe| pipe.read(&mut buffer)) {
            Some(Ok(count)) if count > 0 => self.take(buffer.get(..count).unwrap_or_default()),
            Some(_) | None => {
                self.pipe = None;
                self.end_of_line();
            }
        }
    }

    /// Nobody is left to write.
    fn read_what_is_left(&mut self) {
        while self.pipe.is_some() {
            self.read();
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_of_line();
            } else if self.line.len() <= LINE {
                self.line.push(byte);
            }
        }
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.len() > LINE {
            return;
        }
        // Before anything of it is cut off: what is left of a secret then is no longer known as one.
        let line = secrets::hidden(String::from_utf8_lossy(&line).into_owned());
        let line = line.trim();
        if !line.is_empty() {
            log::debug!("{}: {line}", self.program.name());
            let start: String = line.chars().take(REPORTED).collect();
            self.last = escape(&start);
        }
    }
}
