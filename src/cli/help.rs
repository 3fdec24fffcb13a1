//! What is answered instead of a start: help, and what is wrong with the command line.

use std::path::PathBuf;

use super::options;
use super::request::{Answer, Options, WaitOptions};
use super::words::COMMANDS;
use crate::{config, exit};

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

pub(super) fn usage_of_wait(what: &str) -> Answer {
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

pub(super) fn help() -> String {
    let mut text = page(ABOUT, USAGE, Some(OPERANDS), &options::help::<Options>(""));
    text.push_str("\nCommands (reserved words; a program of the same name is run as `app-init -- NAME`):\n");
    for (_, usage, about) in COMMANDS {
        text.push_str(&format!("  {usage:<33} {about}\n"));
    }
    text
}

/// The help of a command. What follows its options is in its usage.
pub(super) fn help_of(name: &str) -> String {
    of_command(name, None, &options::help::<Options>(name))
}

pub(super) fn help_of_wait() -> String {
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
