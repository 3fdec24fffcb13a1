//! What can be asked for: commands and options, and the answer instead.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::options::options;
use crate::machine::{Rewrite, Signal};

/// What was asked for.
#[derive(Debug)]
pub struct Request {
    pub command: Command,
    pub options: Options,
    /// What follows the options, byte for byte.
    pub arguments: Vec<OsString>,
}

/// The commands, with what only one of them has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    Run,
    Exec,
    Shell,
    Hook,
    Check,
    Env { json: bool, reveal: bool },
    Wait(Box<WaitOptions>),
}

options! {
    /// The options of `wait`. They may stand between the targets, as those of other wait scripts.
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub struct WaitOptions {
        /// How long to wait; 0: for ever [default: 30s]
        #[short('t')]
        #[value("DUR")]
        pub timeout: Option<Duration>,
        /// The pause between attempts, doubled up to 5s; an attempt may last as long, 5s at least [default: 500ms]
        #[short('i')]
        #[value("DUR")]
        pub interval: Option<Duration>,
        /// Do not run CMD when the time is over (the default)
        #[short('s')]
        #[undoes("no_strict")]
        pub strict: bool,
        /// Run CMD also when the time is over
        #[undoes("strict")]
        pub no_strict: bool,
        /// Say errors only
        #[short('q')]
        #[undoes("verbose")]
        pub quiet: bool,
        /// Say more
        #[short('v')]
        pub verbose: bool,
    } beside {
        /// HOST:PORT, tcp://HOST:PORT, http://…, unix:PATH, file:PATH, or the URL of a service
        pub targets: Vec<String>,
    }
}

impl WaitOptions {
    /// What they say about the log.
    #[must_use]
    pub fn levels(&self) -> Options {
        Options { quiet: self.quiet, verbose: self.verbose, ..Options::default() }
    }
}

options! {
    /// The options of all other commands.
    #[derive(Debug, Default)]
    pub struct Options {
        /// Print a JSON object
        #[of("env")]
        pub json: bool,
        /// Print secrets as they are
        #[of("env")]
        pub reveal: bool,
        /// Take each warning for a fault
        #[of("check")]
        pub strict: bool,
        /// Read this file alone instead of /etc/app-init.toml and .docker/app-init.toml
        #[short('c')]
        #[value("FILE")]
        pub config: Option<PathBuf>,
        /// Where the hooks are
        #[value("DIR")]
        pub hooks_dir: Option<PathBuf>,
        /// The application's working directory
        #[value("DIR")]
        pub workdir: Option<PathBuf>,
        /// Run server and hooks as this user: NAME, NAME:GROUP, UID or UID:GID
        #[short('u')]
        #[value("SPEC")]
        pub user: Option<String>,
        /// Replace app-init by the server, which becomes PID 1
        #[undoes("supervise")]
        pub exec: bool,
        /// Stay in front of the server (the default)
        #[undoes("exec")]
        pub supervise: bool,
        /// Send signals to the server's process group
        #[short('g')]
        #[undoes("signal_process")]
        pub signal_group: bool,
        /// Send signals to the server's process only
        #[undoes("signal_group")]
        pub signal_process: bool,
        /// Hand the signal FROM on as TO; TO may be 0: drop it
        #[short('r')]
        #[value("FROM:TO")]
        pub rewrite: Vec<Rewrite>,
        /// The signal that asks the server to stop
        #[value("SIG")]
        pub stop_signal: Option<Signal>,
        /// How long the server may take to stop before KILL; 0: as long as the platform allows
        #[value("DUR")]
        pub stop_timeout: Option<Duration>,
        /// How long the server keeps serving after a stop request
        #[value("DUR")]
        pub drain: Option<Duration>,
        /// How long the server may run
        #[value("DUR")]
        pub run_timeout: Option<Duration>,
        /// The signal that ends the server when its time is over [default: TERM]
        #[value("SIG")]
        pub run_timeout_signal: Option<Signal>,
        /// Turn this final exit code into 0 (repeatable)
        #[value("N")]
        pub success_code: Vec<u8>,
        /// Ask the kernel for this signal when app-init's parent ends
        #[short('p')]
        #[value("SIG")]
        pub parent_death_signal: Option<Signal>,
        /// Run no hooks (but `start`, which is the server)
        #[undoes("hooks")]
        pub no_hooks: bool,
        /// Run hooks also where app-init is PID 1 already
        #[undoes("no_hooks")]
        pub hooks: bool,
        /// Say more
        #[short('v')]
        pub verbose: bool,
        /// Say errors only
        #[short('q')]
        #[undoes("verbose")]
        pub quiet: bool,
    }
}

impl Options {
    /// Fills in from others what is not said here: where the application is and who it runs as, or the whole of a boot.
    pub fn fill_in(&mut self, other: Options, whole: bool) {
        self.config = self.config.take().or(other.config);
        self.hooks_dir = self.hooks_dir.take().or(other.hooks_dir);
        self.workdir = self.workdir.take().or(other.workdir);
        self.user = self.user.take().or(other.user);
        if !whole {
            return;
        }
        if !self.exec && !self.supervise {
            (self.exec, self.supervise) = (other.exec, other.supervise);
        }
        if !self.signal_group && !self.signal_process {
            (self.signal_group, self.signal_process) = (other.signal_group, other.signal_process);
        }
        if self.rewrite.is_empty() {
            self.rewrite = other.rewrite;
        }
        if self.success_code.is_empty() {
            self.success_code = other.success_code;
        }
        self.stop_signal = self.stop_signal.or(other.stop_signal);
        self.stop_timeout = self.stop_timeout.or(other.stop_timeout);
        self.drain = self.drain.or(other.drain);
        self.run_timeout = self.run_timeout.or(other.run_timeout);
        self.run_timeout_signal = self.run_timeout_signal.or(other.run_timeout_signal);
        self.no_hooks |= other.no_hooks && !self.hooks;
    }

    /// Something more than signal handling was asked for, so that this is no plain use (§0).
    #[must_use]
    pub fn ask_for_more_than_signals(&self) -> bool {
        let Options {
            config,
            hooks_dir,
            workdir,
            user,
            exec,
            supervise: _,
            signal_group: _,
            signal_process: _,
            rewrite: _,
            stop_signal,
            stop_timeout,
            drain,
            run_timeout,
            run_timeout_signal,
            success_code: _,
            parent_death_signal: _,
            no_hooks: _,
            hooks: _,
            verbose: _,
            quiet: _,
            strict: _,
            json: _,
            reveal: _,
        } = self;
        let paths = config.is_some() || hooks_dir.is_some() || workdir.is_some();
        let times = stop_timeout.is_some() || drain.is_some() || run_timeout.is_some();
        paths || times || user.is_some() || *exec || stop_signal.is_some() || run_timeout_signal.is_some()
    }
}

/// An answer instead of a request: help, the version, or what is wrong.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub code: u8,
    /// Where the platform looks for the reason of an end.
    pub termination_file: Option<PathBuf>,
}

impl Answer {
    /// One that is only printed.
    #[must_use]
    pub fn new(text: String, code: u8) -> Answer {
        Answer { text, code, termination_file: None }
    }

    /// The same, to be left in this file too.
    #[must_use]
    pub fn left_in(self, file: PathBuf) -> Answer {
        Answer { termination_file: Some(file), ..self }
    }
}
