//! The command line as it was typed. Nothing is resolved here: that is the plan's business.

pub mod options;
pub mod words;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use crate::config;
use crate::exit;
use crate::machine::{Rewrite, Signal};
use crate::wait::Target;

use options::{Stop, options};
pub use words::COMMANDS;

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

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// Help and version (code 0) and everything that is wrong (code 64).
pub fn parse(arguments: Vec<OsString>) -> Result<Request, Answer> {
    match plain(arguments) {
        Ok(request) => Ok(request),
        Err(arguments) => parse_options(&arguments),
    }
}

/// The form that nearly every container uses, `[--] CMD [ARG]...`, has no options to be looked for. A test holds this
/// against the parser.
fn plain(mut arguments: Vec<OsString>) -> Result<Request, Vec<OsString>> {
    let Some(first) = arguments.first() else { return Ok(Request::run(arguments)) };
    if first == "--" {
        arguments.remove(0);
        return Ok(Request::run(arguments));
    }
    let option = first.as_encoded_bytes().starts_with(b"-");
    if option || command_named(first).is_some() { Err(arguments) } else { Ok(Request::run(arguments)) }
}

impl Request {
    fn run(arguments: Vec<OsString>) -> Request {
        Request { command: Command::Run, options: Options::default(), arguments }
    }
}

#[cold]
#[inline(never)]
fn parse_options(arguments: &[OsString]) -> Result<Request, Answer> {
    if let Some((options, words)) = shell_option(arguments)? {
        return shell(options, words);
    }
    let (options, operands) = read(arguments, "")?;
    let place = arguments.len().saturating_sub(operands.len());
    let after_dashes = place.checked_sub(1).and_then(|before| arguments.get(before)).is_some_and(|word| word == "--");
    let command = operands.first().filter(|_| !after_dashes).and_then(|first| command_named(first));
    let name = operands.first().and_then(|first| first.to_str()).unwrap_or_default();
    let command = match command {
        None => return Ok(Request { command: Command::Run, options, arguments: operands }),
        // The shell's own options belong to it.
        Some(Command::Shell) => return shell(options, &operands),
        Some(command) => command,
    };
    // Options may stand on both sides of the command's name.
    let mut around = arguments.to_vec();
    around.remove(place);
    if let Command::Wait(_) = command {
        return wait(around);
    }
    let (options, arguments) = read(&around, name)?;
    match (command, arguments.as_slice()) {
        (Command::Exec, []) => Err(usage("exec needs a command: app-init exec -- CMD [ARG]...")),
        (Command::Hook, []) => Err(usage("hook needs a name: app-init hook deploy")),
        (Command::Env { .. }, [odd, ..]) => Err(usage(&format!("env takes no {}; leave it out", odd.display()))),
        (Command::Env { .. }, []) => {
            let command = Command::Env { json: options.json, reveal: options.reveal };
            Ok(Request { command, options, arguments })
        }
        (command, _) => Ok(Request { command, options, arguments }),
    }
}

/// `--shell` where an option may stand: the options before it, and the words from it on.
fn shell_option(arguments: &[OsString]) -> Result<Option<(Options, &[OsString])>, Answer> {
    let place = arguments.iter().position(|word| word == "--shell");
    let Some((before, words)) = place.and_then(|place| arguments.split_at_checked(place)) else { return Ok(None) };
    if before.iter().any(|word| word == "--") {
        return Ok(None);
    }
    let (options, operands) = read(before, "")?;
    // Behind an operand it is the server's.
    Ok(operands.is_empty().then_some((options, words)))
}

/// `shell`, with the words from its name on. Its user may stand behind the name: that is where somebody who needs another
/// one looks. Other words belong to the image's CMD, unless the first is `-c`.
fn shell(mut options: Options, words: &[OsString]) -> Result<Request, Answer> {
    let mut words = words.get(1..).unwrap_or_default();
    while let Some((word, mut rest)) = words.split_first() {
        let bytes = word.as_encoded_bytes();
        let user = if word == "-u" || word == "--user" {
            rest.split_off_first().map(|user| user.as_encoded_bytes()).filter(|user| !user.starts_with(b"-"))
        } else if let Some(user) = bytes.strip_prefix(b"--user=") {
            Some(user)
        } else if let Some(user) = bytes.strip_prefix(b"-u") {
            Some(user.strip_prefix(b"=").unwrap_or(user))
        } else {
            break;
        };
        let user = user.and_then(|user| std::str::from_utf8(user).ok()).filter(|user| !user.is_empty());
        let Some(user) = user else {
            return Err(usage("-u needs a user; write app-init shell -u UID:GID"));
        };
        options.user = Some(user.to_owned());
        words = rest;
    }
    Ok(Request { command: Command::Shell, options, arguments: words.to_vec() })
}

/// `wait`, with the words around its name.
fn wait(mut words: Vec<OsString>) -> Result<Request, Answer> {
    let dashes = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let behind = words.split_off(dashes);
    let (mut options, targets) = options::read::<WaitOptions>(&words, "wait", true).map_err(|stop| {
        let odd = match stop {
            Stop::Help if behind.is_empty() && (words == ["-h"] || words == ["--help"]) => {
                return Answer::new(help_of_wait(), 0);
            }
            // Other such scripts take a host by -h: help and a 0 would let pass for there what nobody has waited for.
            Stop::Help => "-h and --help only alone".to_owned(),
            Stop::Unknown(option) => format!("no {option}"),
            Stop::Version | Stop::Wrong(_) => return usage_of_wait(&stop.what()),
        };
        usage_of_wait(&format!(
            "wait takes {odd}; write targets like db:5432, options are -t, -i, -s, --no-strict, -q and -v"
        ))
    })?;
    if targets.is_empty() {
        return Err(usage_of_wait("the following required arguments were not provided: <TARGET>..."));
    }
    options.targets = targets
        .into_iter()
        .map(|target| target.into_string().map_err(|_| usage_of_wait(options::NOT_TEXT)))
        .collect::<Result<_, _>>()?;
    // What is no target is told here, since the hint is that of `wait`.
    for target in &options.targets {
        Target::parse(target).map_err(|fault| usage_of_wait(&fault))?;
    }
    let arguments = behind.into_iter().skip(1).collect();
    Ok(Request { command: Command::Wait(Box::new(options)), options: Options::default(), arguments })
}

/// Reads the options of the command of this name, and of those that all have.
fn read(arguments: &[OsString], name: &str) -> Result<(Options, Vec<OsString>), Answer> {
    options::read(arguments, name, false).map_err(|stop| match stop {
        Stop::Help => Answer::new(if name.is_empty() { help() } else { help_of(name) }, 0),
        Stop::Version => Answer::new(concat!("app-init ", env!("CARGO_PKG_VERSION"), "\n").to_owned(), 0),
        Stop::Unknown(_) | Stop::Wrong(_) => usage(&stop.what()),
    })
}

/// The answer to a start without anything to start, with the files that are not there.
#[must_use]
pub fn nothing_to_run(missing: &[PathBuf]) -> Answer {
    let (join, missing) = (if missing.is_empty() { "" } else { "; " }, config::not_there(missing));
    usage(&format!("nothing to run: no command was given and no server.command is configured{join}{missing}"))
}

/// A message about a wrong command line.
#[must_use]
pub fn usage(what: &str) -> Answer {
    let hint = "server options? use ENTRYPOINT [\"app-init\", \"--\"]";
    Answer::new(format!("app-init: {what}\n{hint}; see app-init --help\n"), exit::USAGE)
}

fn usage_of_wait(what: &str) -> Answer {
    Answer::new(format!("app-init: {what}\nsee app-init wait --help\n"), exit::USAGE)
}

/// What it is, for the help and the man page.
pub const ABOUT: &str = "Init and entrypoint supervisor for container images";
/// How it is called.
pub const USAGE: &str = "app-init [OPTIONS] [--] [ARG]...\n       app-init COMMAND ...";
/// The operands of a start, and those of `wait`.
pub const OPERANDS: (&str, &str) = ("[ARG]...", "The server's command, or arguments for the configured one");
const TARGETS: (&str, &str) =
    ("<TARGET>...", "HOST:PORT, tcp://HOST:PORT, http://…, unix:PATH, file:PATH, or the URL of a service");

fn help() -> String {
    let mut text = page(ABOUT, USAGE, Some(OPERANDS), &options::help::<Options>(""));
    text.push_str("\nCommands (reserved words; a program of the same name is run as `app-init -- NAME`):\n");
    for (_, usage, about) in COMMANDS {
        text.push_str(&format!("  {usage:<33} {about}\n"));
    }
    text
}

/// The help of a command. What follows its options is in its usage.
fn help_of(name: &str) -> String {
    of_command(name, None, &options::help::<Options>(name))
}

fn help_of_wait() -> String {
    of_command("wait", Some(TARGETS), &options::help::<WaitOptions>("wait"))
}

fn of_command(name: &str, operands: Option<(&str, &str)>, options: &str) -> String {
    let (_, usage, about) = COMMANDS.into_iter().find(|(known, _, _)| *known == name).unwrap_or(COMMANDS[0]);
    page(about, &format!("app-init {usage}"), operands, options) + "\n"
}

fn page(about: &str, usage: &str, operands: Option<(&str, &str)>, options: &str) -> String {
    let operands = operands.map(|(name, about)| format!("Arguments:\n  {name}  {about}\n\n")).unwrap_or_default();
    format!("{about}\n\nUsage: {usage}\n\n{operands}Options:\n{options}")
}

fn command_named(word: &OsStr) -> Option<Command> {
    let place = COMMANDS.iter().position(|(name, _, _)| word == *name)?;
    // In the order of their names.
    let commands: [Command; COMMANDS.len()] = [
        Command::Run,
        Command::Exec,
        Command::Shell,
        Command::Hook,
        Command::Check,
        Command::Env { json: false, reveal: false },
        Command::Wait(Box::default()),
    ];
    commands.into_iter().nth(place)
}

#[cfg(test)]
mod tests;
