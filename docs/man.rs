//! Writes the man page from the command line's definition: `make man`.

use std::io::{self, Write};

use app_init::cli::options::{Definition, OptionSet as _};
use app_init::cli::{ABOUT, COMMANDS, OPERANDS, Options, USAGE, WaitOptions};
use app_init::exit;
use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The command line in the words of the crate that writes the page.
fn command() -> Command {
    let arguments = Options::DEFINITIONS.iter().filter(|option| option.of.is_empty()).map(argument);
    let (operands, about) = OPERANDS;
    let name = operands.trim_matches(|sign| "[].".contains(sign));
    Command::new("app-init")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .override_usage(USAGE)
        .disable_help_subcommand(true)
        .args(arguments)
        .arg(Arg::new("operands").value_name(name).help(about).num_args(0..).trailing_var_arg(true))
}

fn argument(option: &Definition) -> Arg {
    let argument = Arg::new(option.long()).long(option.long()).short(option.short).help(option.about);
    match option.value {
        Some(name) => argument.value_name(name).action(ArgAction::Set),
        None => argument.action(ArgAction::SetTrue),
    }
}

fn main() -> io::Result<()> {
    let command = command();
    // No date: the page is compared with the one that is checked in.
    let man = Man::new(command).section("8").manual("app-init").date("");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;

    let mut commands = Roff::new();
    commands.control("SH", ["COMMANDS"]);
    commands.text([roman(
        "The first operand that equals a command's name is that command; a program of the same name is run as app-init -- NAME. \
         Options are read until the first operand or --; what follows is handed on as it is.",
    )]);
    for (_, usage, about) in COMMANDS {
        commands.control("TP", []);
        commands.text([bold(format!("app-init {usage}"))]);
        commands.text([roman(about)]);
    }
    commands.to_writer(&mut page)?;

    man.render_options_section(&mut page)?;

    let mut rest = Roff::new();
    rest.control("SH", ["OPTIONS OF WAIT"]);
    for option in WaitOptions::DEFINITIONS {
        let short = option.short.map_or_else(String::new, |short| format!("-{short}, "));
        rest.control("TP", []);
        rest.text([bold(format!("{short}{}", option.usage()))]);
        rest.text([roman(option.about)]);
    }
    rest.control("SH", ["EXIT STATUS"]);
    let [server, stopped] = exit::OTHERS.map(|(code, meaning)| (code.to_owned(), meaning));
    let own = exit::TABLE.map(|(code, meaning)| (code.to_string(), meaning));
    for (code, meaning) in [server].into_iter().chain(own).chain([stopped]) {
        rest.control("TP", []);
        rest.text([bold(code)]);
        rest.text([roman(meaning)]);
    }
    rest.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in app_init::plan::VARIABLES {
        rest.control("TP", []);
        rest.text([bold(name)]);
        rest.text([roman(meaning)]);
    }
    rest.control("SH", ["FILES"]);
    for (name, meaning) in [
        (app_init::config::BASE_FILE, "the base image's configuration"),
        (
            app_init::config::APPLICATION_FILE,
            "the application's configuration, below the working directory, laid over it",
        ),
        (
            ".docker/action_hooks/",
            "the application's hooks: deploy-env, deploy, start, post-deploy, pre-stop, post-stop, on-failure",
        ),
        (".docker/user_vars/", "variables, a file each"),
        ("/dev/termination-log", "takes the reason of the end, where it exists"),
    ] {
        rest.control("TP", []);
        rest.text([bold(name)]);
        rest.text([roman(meaning)]);
    }
    rest.to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    io::stdout().write_all(&page)
}
