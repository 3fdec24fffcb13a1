//! Writes the man page from the command line's definition: `make man`.

use std::io::{self, Write};

use app_init::cli::{COMMANDS, Options, WaitOptions};
use app_init::exit;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

fn main() -> io::Result<()> {
    let command = Options::command();
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
    for argument in WaitOptions::command().get_opts() {
        let short = argument.get_short().map_or_else(String::new, |short| format!("-{short}, "));
        let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
        let value = value.and_then(<[_]>::first).map_or_else(String::new, |name| format!(" <{name}>"));
        rest.control("TP", []);
        rest.text([bold(format!("{short}--{}{value}", argument.get_long().unwrap_or_default()))]);
        rest.text([roman(argument.get_help().map(ToString::to_string).unwrap_or_default())]);
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
