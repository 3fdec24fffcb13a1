use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::keys::Wait;
use crate::exit;
use crate::text::duration;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
}

fn request(line: &str) -> Request {
    parse(words(line)).unwrap_or_else(|answer| panic!("{line}: {}", answer.text))
}

#[test]
fn the_short_way_reads_what_the_parser_reads() {
    for line in ["", "-- ", "-- a -b", "a -b -- c", "a --config x", "-- run x", "-- -g", "./run", "a", "é --shell"] {
        let arguments = words(line);
        let short = plain(arguments.clone()).expect("takes the short way");
        let long = parse_options(&arguments).unwrap_or_else(|answer| panic!("{line}: {}", answer.text));
        assert_eq!(short.arguments, long.arguments, "{line}");
        assert_eq!(short.command, long.command, "{line}");
        assert_eq!(format!("{:?}", short.options), format!("{:?}", long.options), "{line}");
    }
}

#[test]
fn options_end_at_the_first_operand() {
    let request = request("-v -r HUP:USR1 server --reload -v -- x");
    assert_eq!(request.arguments, words("server --reload -v -- x"));
    assert!(request.options.verbose);
    assert_eq!(request.options.rewrite.len(), 1);
}

#[test]
fn the_first_operand_is_a_command_unless_dashes_say_otherwise() {
    assert_eq!(request("check").command, Command::Check);
    assert_eq!(request("-c x check --workdir y").options.workdir, Some(PathBuf::from("y")));
    assert_eq!(request("run shell").arguments, words("shell"));
    assert_eq!(request("-g -- shell").command, Command::Run);
    assert_eq!(request("-- shell -c x").arguments, words("shell -c x"));
    assert_eq!(request("shell -c ls").arguments, words("-c ls"));
    assert_eq!(request("--shell -c ls").command, Command::Shell);
    assert_eq!(request("exec -- run").arguments, words("run"));
    assert_eq!(request("-v exec -q a -b").arguments, words("a -b"));
}

#[test]
fn a_shell_has_its_user_wherever_it_is_written() {
    for line in ["-u app shell", "shell -u app", "shell -uapp", "shell -u=app", "shell --user app", "--shell -uapp"] {
        assert_eq!(request(line).options.user.as_deref(), Some("app"), "{line}");
        let request = request(&format!("{line} -c ls -uother"));
        let read = (request.command, request.options.user.as_deref(), request.arguments);
        assert_eq!(read, (Command::Shell, Some("app"), words("-c ls -uother")), "{line}");
    }
    assert_eq!(request("-u other -v --shell --user=a --user=app x").options.user.as_deref(), Some("app"));
    // The image's CMD is no matter, whatever it looks like.
    let cmd = words("web -u other --shell --unknown");
    assert_eq!(request("shell web -u other --shell --unknown").arguments, cmd);
    assert_eq!(request("shell --users").options.user, None);
    let mut not_text = words("shell");
    not_text.push(std::os::unix::ffi::OsStringExt::from_vec(b"-u\xff".to_vec()));
    for wrong in [words("shell -u"), words("shell --user="), words("shell -u="), words("shell -u -c x"), not_text] {
        let answer = parse(wrong.clone()).err().unwrap_or_else(|| panic!("{wrong:?} was accepted"));
        assert!(answer.code == exit::USAGE && answer.text.contains("-u needs a user; write "), "{}", answer.text);
    }
}

#[test]
fn options_may_stand_before_the_option_for_a_shell() {
    let request = request("-v -c x.toml --shell -c ls");
    let read = (request.command, request.options.verbose, request.options.config, request.arguments);
    assert_eq!(read, (Command::Shell, true, Some(PathBuf::from("x.toml")), words("-c ls")));
    assert_eq!(self::request("-v server --shell").arguments, words("server --shell"));
    assert_eq!(self::request("-v -- --shell").arguments, words("--shell"));
    assert_eq!(self::request("-v wait a:1 -- x --shell").arguments, words("x --shell"));
    for line in ["-c --shell", "run --shell", "-x --shell"] {
        assert_eq!(parse(words(line)).err().map(|answer| answer.code), Some(exit::USAGE), "{line}");
    }
}

#[test]
fn wait_takes_its_own_options_on_both_sides_of_its_name() {
    let Command::Wait(options) = request("-q wait -t 1 a:1").command else { panic!("it is wait") };
    assert!(options.quiet && options.timeout == Some(Duration::from_secs(1)));
    let said = |line: &str| {
        let answer = parse(words(line)).err().unwrap_or_else(|| panic!("{line} was accepted"));
        assert_eq!(answer.code, exit::USAGE, "{line}");
        answer.text
    };
    let options = "write targets like db:5432, options are -t, -i, -s, --no-strict, -q and -v";
    for (line, option) in [
        ("-u app wait a:1", "no -u"),
        ("--user=app wait a:1", "no --user"),
        ("-vc x wait a:1 -- true", "no -c"),
        ("--exec wait a:1", "no --exec"),
        ("wait --host=db --port=1", "no --host"),
        ("wait -h db -p 5432 -- true", "-h and --help only alone"),
        ("wait -hdb", "-h and --help only alone"),
        ("wait -h -- true", "-h and --help only alone"),
        ("wait db:1 --help", "-h and --help only alone"),
    ] {
        assert_eq!(said(line), format!("app-init: wait takes {option}; {options}\nsee app-init wait --help\n"));
    }
    for line in ["wait", "wait -t soon a:1", "wait a", "wait unheard://x"] {
        assert!(said(line).ends_with("\nsee app-init wait --help\n"), "{}", said(line));
    }
}

#[test]
fn each_command_has_its_own_help() {
    for (line, part) in [
        ("--help", "Commands (reserved words"),
        ("run --help", "Usage: app-init run [OPTIONS]"),
        ("exec -h", "Usage: app-init exec [OPTIONS]"),
        ("hook --help", "Usage: app-init hook [OPTIONS] NAME"),
        ("check --help", "Usage: app-init check [--strict]"),
        ("env --help", "--reveal  "),
        ("wait --help", "--no-strict  "),
        ("wait -h", "Usage: app-init wait [OPTIONS] TARGET..."),
    ] {
        let answer = parse(words(line)).err().unwrap_or_else(|| panic!("{line} is a request"));
        assert!(answer.code == 0 && answer.text.contains(part), "{line}: {}", answer.text);
    }
}

#[test]
fn the_help_of_wait_has_its_defaults() {
    let show = duration::show;
    let text = parse(words("wait --help")).expect_err("help").text;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let usual = crate::wait::Pace::USUAL;
    for part in [
        format!("0: for ever [default: {}]", show(Wait::TIMEOUT)),
        format!("doubled up to {}; an attempt may last as long", show(usual.pause)),
        format!("{} at least [default: {}]", show(usual.attempt), show(Wait::INTERVAL)),
    ] {
        assert!(text.contains(&part), "no {part} in {text}");
    }
}

#[test]
fn an_unknown_option_is_a_usage_error_with_a_hint() {
    for line in ["--reload", "-x", "--stop-timeout soon", "--rewrite 15:3junk", "exec", "hook", "-p 0"] {
        let answer = parse(words(line)).err().unwrap_or_else(|| panic!("{line} was accepted"));
        assert_eq!(answer.code, exit::USAGE, "{line}");
        assert!(answer.text.contains("ENTRYPOINT [\"app-init\", \"--\"]"), "{}", answer.text);
    }
}

#[test]
fn every_reserved_word_is_the_command_of_its_name() {
    for (name, _, _) in COMMANDS {
        let command = format!("{:?}", command_named(OsStr::new(name)).expect("a command")).to_lowercase();
        assert!(command.starts_with(name), "{name}: {command}");
    }
    assert_eq!(command_named(OsStr::new("deploy")), None);
}
