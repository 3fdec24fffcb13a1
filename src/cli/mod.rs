//! The command line as it was typed. Nothing is resolved here: that is the plan's business.

mod help;
pub mod options;
mod request;
#[cfg(test)]
mod tests;
pub mod words;

use std::ffi::{OsStr, OsString};

use crate::wait::Target;

pub use help::{ABOUT, OPERANDS, USAGE, nothing_to_run, usage};
use help::{help, help_of, help_of_wait, usage_of_wait};
use options::Stop;
pub use request::{Answer, Command, Options, Request, WaitOptions};
pub use words::COMMANDS;

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
