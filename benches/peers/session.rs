//! One init with a `child.c` under it, and the conversation with that child. Every wait has a deadline.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, pipe2};

use crate::peers::launch::{DEADLINE_MS, Descriptors, Place, Program, Running, launch, out_of_the_way};

/// The descriptor for all standard streams of the programs under test.
pub struct Quiet(OwnedFd);

impl Quiet {
    pub fn new() -> Result<Quiet, String> {
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.map_err(|error| format!("cannot open /dev/null: {error}"))?;
        Ok(Quiet(out_of_the_way(&null.into())?))
    }

    pub fn descriptors(&self) -> Descriptors {
        Descriptors { null: self.0.as_raw_fd(), stderr: self.0.as_raw_fd(), pipes: None }
    }
}

/// What came first.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    Said(u8),
    Ended(WaitStatus),
}

pub struct Session {
    // Dropped first: the application ends at this pipe's end-of-file, also where its init has already gone.
    lifeline: File,
    init: Running,
    report: File,
}

impl Session {
    pub fn start(program: &Program, place: Place, quiet: &Quiet) -> Result<Session, String> {
        let (report, child_report) = pipe()?;
        let (child_lifeline, lifeline) = pipe()?;
        let mut descriptors = quiet.descriptors();
        descriptors.pipes = Some((child_report.as_raw_fd(), child_lifeline.as_raw_fd()));
        let init = launch(program, place, descriptors)?;
        Ok(Session { lifeline: lifeline.into(), init, report: report.into() })
    }

    pub fn pid(&self) -> Pid {
        self.init.pid()
    }

    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        self.init.signal(signal)
    }

    /// Lets `child orphans` begin.
    pub fn go(&mut self) -> Result<(), String> {
        self.lifeline.write_all(b"g").map_err(|error| format!("cannot reach the application: {error}"))
    }

    fn read_letter(&mut self) -> Result<u8, String> {
        let mut letter = [0];
        match self.report.read(&mut letter) {
            Ok(1) => Ok(letter[0]),
            Ok(_) => Err("the application ended without a word".to_owned()),
            Err(error) => Err(format!("cannot read the application's report: {error}")),
        }
    }

    /// Waits for the application's letter or the init's end, whichever comes first, at most until the deadline.
    pub fn news(&mut self) -> Result<News, String> {
        let mut sources = [
            PollFd::new(self.report.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.init.pidfd().as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut sources, DEADLINE_MS) {
            Ok(0) => return Err(format!("no news from process {}", self.init.pid())),
            Ok(_) => {}
            Err(error) => return Err(format!("cannot poll: {error}")),
        }
        let said = sources[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN));
        if said { self.read_letter().map(News::Said) } else { self.init.wait().map(News::Ended) }
    }

    pub fn expect(&mut self, letter: u8) -> Result<(), String> {
        match self.news()? {
            News::Said(said) if said == letter => Ok(()),
            other => Err(format!("expected the application to say {:?}, but: {other:?}", char::from(letter))),
        }
    }

    /// The application is up, and its init has passed on a signal, so that it is in its loop.
    pub fn settle(&mut self) -> Result<(), String> {
        self.expect(b'U')?;
        self.signal(Signal::SIGUSR1)?;
        self.expect(b'S')
    }

    /// The application is up, and its init waits; nothing was sent to either.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        const LOOK: Duration = Duration::from_micros(200);
        self.expect(b'U')?;
        let path = format!("/proc/{}/stat", self.pid());
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(DEADLINE_MS.into()) {
            // The launcher is asleep meanwhile, so that an init on the same processor gets to its wait.
            std::thread::sleep(LOOK);
            let stat = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
            // The name before it is in brackets and may hold anything.
            if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')) {
                return Ok(());
            }
        }
        Err(format!("process {} does not come to rest", self.pid()))
    }

    pub fn wait(&mut self) -> Result<WaitStatus, String> {
        self.init.wait()
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|error| format!("cannot make a pipe: {error}"))?;
    Ok((out_of_the_way(&read)?, out_of_the_way(&write)?))
}
