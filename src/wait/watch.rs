//! The watcher: starts the probes, keeps the time, says what is missing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use log::Level;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag};
use nix::poll::{PollFd, PollFlags};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use super::tell::{self, Missing, Voice};
use super::{OnTimeout, Pace, Report, Wait, command, probe};
use crate::exit;
use crate::machine::Signal;
use crate::sys::clock::Clock;
use crate::sys::signals::{self, Inherited};
use crate::sys::{last_resort, offspring};
use crate::text::duration;

/// Waits for all; the code to end with.
#[must_use]
pub fn watch(waits: &[Wait], inherited: Inherited, report: Report, pace: Pace) -> u8 {
    let mut clock = Clock::default();
    let start = clock.now();
    let mut voice = Voice::new(report);
    let mut watched: Vec<Watched> = waits.iter().map(Watched::new).collect();
    let mut tick = pace.tick;
    // Commands may take their time to end, and somebody has to give it to them.
    let has_commands = waits.iter().any(|wait| wait.target.is_command());
    let stops = if has_commands { command::stop_requests() } else { None };
    if stops.is_some() {
        signals::hold_again();
    }
    let mut asked = None;
    start_probes(&mut watched, pace, inherited, Duration::ZERO);
    let code = 'watch: loop {
        let waited = clock.now().since(start);
        if is_over(&mut watched, waited, &mut voice) {
            break exit::TIMED_OUT;
        }
        if watched.iter().all(|one| !one.is_missing()) {
            break 0;
        }
        if waited >= tick {
            voice.progress(&tell::progress(&missing(&watched, waited), waited, next_limit(&watched)));
            // Those that somebody has stopped, or killed, or that the system refused.
            watched.iter().for_each(Watched::resume);
            start_probes(&mut watched, pace, inherited, waited);
            tick = waited.saturating_add(pace.tick);
        }
        let until = next_limit(&watched).map_or(tick, |limit| limit.min(tick));
        wait_for_news(&watched, stops.as_ref(), until.saturating_sub(waited));
        if let Some(info) = stops.as_ref().and_then(|stops| stops.read_signal().ok()?) {
            asked = Signal::new(info.ssi_signo.cast_signed());
            if let Some(signal) = asked {
                let_commands_end(&mut watched, signal, pace.stop, &mut clock, &mut voice);
            }
            break asked.map_or(0, Signal::exit_code);
        }
        for one in &mut watched {
            match one.verdict() {
                Some(0) => {
                    let after = duration::rounded(clock.now().since(start));
                    voice.say(Level::Info, &format!("{} is there after {after}", one.wait.target));
                }
                Some(code) => {
                    voice.say(Level::Error, &format!("cannot wait for {}: {}", one.wait.target, one.step));
                    break 'watch code;
                }
                None => {}
            }
        }
    };
    voice.clear();
    watched.iter_mut().for_each(Watched::stop);
    if let Some(signal) = asked {
        // As it would have without commands.
        signals::be_ordinary(inherited);
        signals::send(nix::unistd::getpid().as_raw(), signal);
    }
    code
}

/// Hands the signal on to commands, and waits for what they do about it, `limit` at most. All other probes end at once.
fn let_commands_end(
    watched: &mut [Watched<'_>],
    signal: Signal,
    limit: Duration,
    clock: &mut Clock,
    voice: &mut Voice,
) {
    for one in watched.iter_mut() {
        match &one.state {
            State::Probed(probe) if one.wait.target.is_command() => {
                let group = probe.pid.as_raw().saturating_neg();
                signals::send(group, signal);
                // A stopped process acts on nothing else.
                signals::send(group, Signal::CONT);
            }
            State::Probed(_) | State::Idle | State::Done => one.stop(),
        }
    }
    let end = clock.now().after(limit);
    while let Some(slow) = watched.iter().find(|one| matches!(one.state, State::Probed(_))) {
        let left = end.since(clock.now());
        if left.is_zero() {
            voice.say(Level::Warn, &format!("{} did not end in time, sending KILL", slow.wait.target));
            return;
        }
        wait_for_news(watched, None, left);
        for one in watched.iter_mut() {
            // Too late to matter.
            let _ = one.verdict();
        }
    }
}

/// One target, as the watcher knows it.
#[derive(Debug)]
struct Watched<'wait> {
    wait: &'wait Wait,
    state: State,
    /// What its probe said last.
    step: String,
}

#[derive(Debug)]
enum State {
    /// Its probe is to be started, again perhaps.
    Idle,
    Probed(Probe),
    /// It is there, or was given up.
    Done,
}

#[derive(Debug)]
struct Probe {
    pid: Pid,
    /// Its end is the watcher's wish that the probe ends.
    pipe: File,
    unread: Vec<u8>,
}

impl<'wait> Watched<'wait> {
    fn new(wait: &'wait Wait) -> Watched<'wait> {
        Watched { wait, state: State::Idle, step: "no answer yet".into() }
    }

    fn is_missing(&self) -> bool {
        !matches!(self.state, State::Done)
    }

    fn is_overdue(&self, waited: Duration) -> bool {
        self.is_missing() && self.wait.timeout.is_some_and(|timeout| timeout <= waited)
    }

    fn start(&mut self, pace: Pace, inherited: Inherited, waited: Duration) -> nix::Result<()> {
        let (pipe, theirs) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        nix::fcntl::fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let own = nix::unistd::getpid().as_raw();
        let wait = self.wait;
        let left = wait.timeout.map(|timeout| timeout.saturating_sub(waited));
        let pid = offspring::spawn(move || probe::run(wait, pace, inherited, theirs, own, left))?;
        if wait.target.is_command() {
            // Also done by the probe: whoever comes first, the group is there before it is signalled.
            let _ = nix::unistd::setpgid(pid, pid);
        }
        self.state = State::Probed(Probe { pid, pipe: File::from(pipe), unread: Vec::new() });
        Ok(())
    }

    /// Hears what the probe says, and by its end that the target is there (0), or that it cannot look (77).
    fn verdict(&mut self) -> Option<u8> {
        let State::Probed(probe) = &mut self.state else { return None };
        let mut buffer = [0; 4096];
        loop {
            match probe.pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    probe.unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    if let Some(step) = last_line(&mut probe.unread) {
                        self.step = step;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => break,
            }
        }
        // Only its end closes the pipe, so this does not take long.
        let verdict = offspring::end_of(probe.pid)
            .and_then(|code| [0, exit::PERMISSION].into_iter().find(|one| i32::from(*one) == code));
        self.state = if verdict.is_some() { State::Done } else { State::Idle };
        if verdict.is_none() {
            self.step = "its probe was killed".into();
        }
        verdict
    }

    /// Ends the probe, and waits until nothing of it is left.
    fn stop(&mut self) {
        let State::Probed(Probe { pid, pipe, .. }) = std::mem::replace(&mut self.state, State::Done) else { return };
        drop(pipe);
        // A command's probe has something to end before itself. One that is another user's, and cannot be signalled
        // without CAP_KILL, sees the end of the pipe, or dies with this process.
        if self.wait.target.is_command() || signals::send(pid.as_raw(), Signal::KILL) {
            let _ = offspring::end_of(pid);
        }
    }

    /// The application's user may stop what runs with its rights.
    fn resume(&self) {
        if let State::Probed(probe) = &self.state {
            signals::send(probe.pid.as_raw(), Signal::CONT);
        }
    }

    fn missing(&self, waited: Duration) -> Missing {
        let overdue = self.wait.timeout.filter(|_| self.is_overdue(waited));
        Missing { target: self.wait.target.to_string(), step: self.step.clone(), overdue }
    }
}

fn start_probes(watched: &mut [Watched<'_>], pace: Pace, inherited: Inherited, waited: Duration) {
    for one in watched.iter_mut().filter(|one| matches!(one.state, State::Idle)) {
        if let Err(errno) = one.start(pace, inherited, waited) {
            // What may pass.
            if !matches!(errno, Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) {
                last_resort::refused("a process of its own (pipe2, fcntl, fork)", errno as i32);
            }
            one.step = format!("the system refused a process: {}", errno.desc());
        }
    }
}

/// Gives up what is overdue and can be done without; `true` when something is overdue that cannot.
fn is_over(watched: &mut [Watched<'_>], waited: Duration, voice: &mut Voice) -> bool {
    let cannot_go_on = |one: &Watched<'_>| one.is_overdue(waited) && one.wait.on_timeout == OnTimeout::Abort;
    if watched.iter().any(cannot_go_on) {
        voice.say(Level::Error, &tell::ran_out(&missing(watched, waited), waited));
        return true;
    }
    for one in watched.iter_mut().filter(|one| one.is_overdue(waited)) {
        voice.say(Level::Warn, &tell::given_up(&one.missing(waited), waited));
        one.stop();
    }
    false
}

fn missing(watched: &[Watched<'_>], waited: Duration) -> Vec<Missing> {
    watched.iter().filter(|one| one.is_missing()).map(|one| one.missing(waited)).collect()
}

/// The next time limit, counted from the start.
fn next_limit(watched: &[Watched<'_>]) -> Option<Duration> {
    watched.iter().filter(|one| one.is_missing()).filter_map(|one| one.wait.timeout).min()
}

fn wait_for_news(watched: &[Watched<'_>], stops: Option<&SignalFd>, at_most: Duration) {
    let pipes = watched.iter().filter_map(|one| match &one.state {
        State::Probed(probe) => Some(PollFd::new(probe.pipe.as_fd(), PollFlags::POLLIN)),
        State::Idle | State::Done => None,
    });
    let mut entries: Vec<_> = pipes.collect();
    entries.extend(stops.map(|stops| PollFd::new(stops.as_fd(), PollFlags::POLLIN)));
    // Interrupted or not: everything is looked at.
    offspring::wait_for_news(&mut entries, probe::poll_timeout(at_most));
}

/// Takes the complete lines out of `unread`; the last of them.
fn last_line(unread: &mut Vec<u8>) -> Option<String> {
    let end = unread.iter().rposition(|&byte| byte == b'\n')?;
    let rest = unread.split_off(end.saturating_add(1));
    let lines = std::mem::replace(unread, rest);
    let lines = String::from_utf8_lossy(&lines);
    lines.lines().last().map(str::to_owned)
}
