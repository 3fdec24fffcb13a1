//! §12: app-init's own lines never hold it up, and are safe to read.

use crate::harness::*;
use std::io::Read;

const TALKATIVE: [&str; 2] = ["-v", "--"];

/// C40. stderr is a pipe that nobody reads.
#[test]
fn a_full_stderr_does_not_block() {
    each_place(|cell| {
        let (_kept, write, _) = full_pipe();
        let run = Setup::new(cell, TALKATIVE)
            .args([PROBE, "do", "trap=10:0", "trap=15:0:5", "print=up", "orphans=10", "reaped", "pause"])
            .env("APP_INIT_LOG", "trace")
            .hook("deploy", "exit 3")
            .config("[hooks.deploy]\non_failure = \"continue\"\n")
            .stderr_to(write)
            .start();
        run.line("up");
        run.line("strangers 0");
        run.signal(signal::USR1);
        run.line("trapped 10");
        run.signal(signal::TERM);
        run.end().exited(5).nothing_left();
    });
}

/// C40. The announcement of a hook is on stdout, and that can be full too.
#[test]
fn a_full_stdout_does_not_block() {
    each_place(|cell| {
        let (_kept, write, _) = full_pipe();
        let run = Setup::new(cell, ["--", PROBE, "do", "trap=15:0:5", "eprint=up", "close=1", "pause"])
            .hook("deploy", "exit 0")
            .stdout_to(write)
            .start();
        run.err_line("up");
        run.signal(signal::TERM);
        // The server's own last words are refused, since it has closed its stdout.
        run.end().exited(5).nothing_left();
    });
}

/// What is only asked for may be waited for, and nobody who wants to stop it waits with it: no signal ends PID 1 by itself.
#[test]
fn an_answer_that_nobody_reads_is_ended_by_a_stop() {
    // More than fits into the pipe: with its first byte the rest is waited for.
    let long = "x".repeat(100);
    let sound = (0..200).fold("[env.set]\n".to_owned(), |text, number| format!("{text}V{number}{long} = \"{long}\"\n"));
    let faults = (0..50).fold(String::new(), |text, number| format!("{text}key{number}{long}{long} = 1\n"));
    for signal in [signal::TERM, signal::INT] {
        for (args, config) in [(["check", "true"], &sound), (["env", "--json"], &sound), (["check", "true"], &faults)] {
            let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
            let size = nix::fcntl::fcntl(&write, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096));
            assert_eq!(size, Ok(4096));
            let setup = Setup::new(Cell::PID1, args).config(config);
            let setup = if config == &faults { setup.stderr_to(write) } else { setup.stdout_to(write) };
            let run = setup.start();
            let mut read = std::fs::File::from(read);
            read.read_exact(&mut [0]).expect("it has begun");
            run.signal(signal);
            run.end().exited(128 + signal);
        }
    }
    // Whoever reads gets all of it, however slowly, and a reader who has gone is no fault.
    let (mut read, write, size) = full_pipe();
    let run = Setup::new(Cell::PID1, ["check", "true"]).config("[log]\n").stdout_to(write).start();
    let mut text = vec![0; size];
    read.read_exact(&mut text).expect("what filled the pipe is in it");
    let mut text = String::new();
    read.read_to_string(&mut text).expect("text");
    assert!(text.starts_with("app-init: the configuration is sound\n") && text.ends_with("toml\n"), "{text}");
    run.end().exited(0);
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
    drop(read);
    Setup::new(Cell::PID1, ["check", "true"]).config("[log]\n").stdout_to(write).start().end().exited(141);
}

/// C40, C39. stderr is a pipe without a reader.
#[test]
fn a_closed_stderr_is_harmless() {
    each_place(|cell| {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
        drop(read);
        let run = Setup::new(cell, TALKATIVE)
            .args([PROBE, "do", "trap=15:0:5", "print=up", "pause"])
            .env("APP_INIT_LOG", "trace")
            .hook("deploy", "exit 3")
            .config("[hooks.deploy]\non_failure = \"continue\"\n")
            .stderr_to(write)
            .start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(5).nothing_left();
    });
}

/// §12: what was dropped is counted, and the count is told when there is room again.
#[test]
fn dropped_lines_are_counted() {
    let (mut read, write, size) = full_pipe();
    let mut run = Setup::new(Cell::PID1, TALKATIVE)
        .args([PROBE, "do", "print=up", "eof", "exit=5"])
        .env("APP_INIT_LOG", "trace")
        .hook("deploy", "exit 3")
        .config("[hooks.deploy]\non_failure = \"continue\"\n")
        .stderr_to(write)
        .typed()
        .start();
    run.line("up");
    let mut dots = vec![0; size];
    read.read_exact(&mut dots).expect("what filled the pipe is in it");
    run.signal(signal::WINCH);
    run.close_input();
    run.end().exited(5);
    let mut later = String::new();
    read.read_to_string(&mut later).expect("it is text");
    let told = "app-init: 2 earlier lines could not be written\napp-init: the server ended: exit 5\n\
        app-init: running: /mnt/bin/probe ended: exit 5\n";
    assert_eq!(later, told);
}

/// C40: its descriptor's flags are shared with every child, so they stay as they are.
#[test]
fn the_flags_of_stderr_are_not_changed() {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe can be made");
    let same = write.try_clone().expect("a descriptor can be duplicated");
    let run = Setup::new(Cell::PID1, TALKATIVE)
        .args([PROBE, "do", "trap=15:0:0", "print=up", "pause"])
        .stderr_to(write)
        .start();
    run.line("up");
    let flags = OFlag::from_bits_truncate(fcntl(&same, FcntlArg::F_GETFL).expect("it is open"));
    assert!(!flags.contains(OFlag::O_NONBLOCK), "{flags:?}");
    run.signal(signal::TERM);
    run.end().exited(0);
    drop((read, same));
}

/// §12. Values come from anybody: no escape sequence and no forged line gets into the log.
#[test]
fn control_characters_are_escaped() {
    each_place(|cell| {
        let name = "no\x1b[31m-such\nprogram\r\x07";
        let end = Setup::new(cell, ["--", name]).start().end().exited(127).complains(&["no", "-such"]);
        let raw = |character: char| character.is_control() && character != '\n';
        assert!(!end.err.contains(raw), "{:?}", end.err);
        assert!(!end.err.lines().any(|line| line.starts_with("program")), "{:?}", end.err);
    });
}

/// §12: the text form.
#[test]
fn each_line_names_app_init() {
    each_place(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "do", "exit=4"])
            .hook("deploy", "exit 3")
            .config("[hooks.deploy]\non_failure = \"continue\"\n[log]\nlevel = \"debug\"\n")
            .start()
            .end()
            .exited(4);
        assert!(!end.err.is_empty() && end.err.lines().all(|line| line.starts_with("app-init: ")), "{}", end.err);
    });
}

/// §12: each line is one JSON object, whatever is in it.
#[test]
fn the_json_form_is_json() {
    each_place(|cell| {
        let end = Setup::new(cell, ["--", "no\"such\\program\t\x1b\u{e9}"])
            .hook("deploy", "exit 3")
            .config("[hooks.deploy]\non_failure = \"continue\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n")
            .start()
            .end()
            .exited(127);
        assert!(end.err.lines().count() >= 2, "{}", end.err);
        for line in end.err.lines() {
            assert!(is_json_object(line), "no JSON object: {line}");
        }
    });
}

/// A flat JSON object: strings, numbers and words, as RFC 8259 writes them.
fn is_json_object(line: &str) -> bool {
    let Some(inside) = line.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { return false };
    let mut rest = inside;
    loop {
        let Some(after) = after_string(rest).and_then(|rest| rest.trim_start().strip_prefix(':')) else { return false };
        let after = after.trim_start();
        let value_end = after.find([',', '}']).unwrap_or(after.len());
        let Some(next) = after_string(after).or_else(|| {
            let word = after[..value_end].trim();
            let known = ["true", "false", "null"].contains(&word) || word.parse::<f64>().is_ok();
            known.then(|| &after[value_end..])
        }) else {
            return false;
        };
        match next.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return next.trim().is_empty(),
        }
    }
}

/// What comes after the string that the text begins with.
fn after_string(text: &str) -> Option<&str> {
    let mut characters = text.strip_prefix('"')?.char_indices();
    let inside = &text[1..];
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some(&inside[index + 1..]),
            '\\' => {
                let (_, escaped) = characters.next()?;
                if escaped == 'u' {
                    for _ in 0..4 {
                        characters.next()?.1.to_digit(16)?;
                    }
                } else if !"\"\\/bfnrt".contains(escaped) {
                    return None;
                }
            }
            character if character < ' ' => return None,
            _ => {}
        }
    }
    None
}

/// §9, exit codes: one line with phase, process and reason, where the file exists; it is never made.
#[test]
fn the_reason_of_the_end_is_in_the_termination_file() {
    each_place(|cell| {
        let config = "[log]\ntermination_file = \"/mnt/app/termination\"\n";
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=up", "eof", "exit=3"]).config(config).typed();
        let path = setup.world.app().join("termination");
        let mut run = setup.start();
        run.line("up");
        run.close_input();
        run.end().exited(3);
        assert!(!path.exists());

        let setup = Setup::new(cell, ["--", PROBE, "do", "print=server"])
            .hook("deploy", "exit 9")
            .hook("post-stop", "cat /mnt/app/termination")
            .config(config)
            .file("termination", "", 0o666);
        let (keep, path) = (std::fs::OpenOptions::new(), setup.world.app().join("termination"));
        let mut file = keep.clone().read(true).open(path).expect("a test's own file");
        let end = setup.start().end().exited(70);
        let mut text = String::new();
        file.read_to_string(&mut text).expect("it is text");
        let told = "deploy: .docker/action_hooks/deploy failed: exit 9; the server was not started\n";
        assert_eq!(text, told, "{}", end.story());
    });
}

/// Two ways to a reason with control characters in it: of a server, and of a configuration.
const REASONS: [&str; 2] = ["", "[stop]\ndrain = \"so\\u001b[31m\\non\"\n"];

/// What a file of the test holds after a run that ends for that reason.
fn left_in(name: &str, reason: &str, setup: Setup) -> String {
    let config = format!("log.termination_file = \"/mnt/app/termination\"\n{reason}");
    let setup = setup.args(["--", "no-\x1b[31m\nsuch"]).config(&config);
    // Open before the run, whose directory is gone with it.
    let mut file = std::fs::File::open(setup.world.app().join(name)).expect("a test's own file");
    setup.start().end();
    let mut text = String::new();
    file.read_to_string(&mut text).expect("it is text");
    text
}

/// Nothing of what was in the file stays, and nothing gets into it that would drive a terminal.
#[test]
fn the_termination_file_holds_the_reason_alone() {
    each_place(|cell| {
        let setup = || Setup::new(cell, [""; 0]).file("termination", "of another end\n".repeat(100), 0o666);
        let [server, config] = REASONS.map(|reason| left_in("termination", reason, setup()));
        assert_eq!(server, "cannot run no-\\u{1b}[31m\\nsuch: not found in PATH; install it, or name its full path\n");
        let told = ".docker/app-init.toml:3: stop.drain: `so\\u{1b}[31m\\non` is not a duration; ";
        assert!(config.starts_with(told) && config.lines().count() == 2, "{config:?}");
    });
}

/// What has another name, or is a link, may be anything: the application may have put it there.
#[test]
fn nothing_else_is_written_to_by_way_of_the_termination_file() {
    each_place(|cell| {
        for reason in REASONS {
            let setup = Setup::new(cell, [""; 0]).file("kept", "kept", 0o666);
            std::os::unix::fs::symlink("kept", setup.world.app().join("termination")).expect("a link can be made");
            assert_eq!(left_in("kept", reason, setup), "kept", "a symbolic link, {reason:?}");
            let setup = Setup::new(cell, [""; 0]).file("kept", "kept", 0o666);
            let app = setup.world.app();
            std::fs::hard_link(app.join("kept"), app.join("termination")).expect("a link can be made");
            assert_eq!(left_in("kept", reason, setup), "kept", "a hard link, {reason:?}");
        }
    });
}

/// §12: by default warnings only where app-init is a plain init; -q and -v.
#[test]
fn levels_can_be_chosen() {
    each_place(|cell| {
        let said = |args: &[&str], log: &str| {
            let setup = Setup::new(cell, args).args(["--", PROBE, "do", "exit=4"]).config("[log]\n");
            setup.env("APP_INIT_LOG", log).start().end().exited(4).err
        };
        let info = "app-init: running: /mnt/bin/probe ended: exit 4\n";
        let subreaper = "app-init: not PID 1: orphans below are adopted as a child subreaper\n";
        let debug = format!("{}app-init: the server ended: exit 4\n{info}", if cell.pid1 { "" } else { subreaper });
        for (args, log, told) in [
            (&["-q"][..], "", ""),
            (&[], "error", ""),
            (&[], "warn", ""),
            (&[], "", info),
            (&[], "info", info),
            (&[], "debug", &debug),
            (&["-v"], "", &debug),
        ] {
            assert_eq!(said(args, log), told, "{args:?}, {log:?} in {cell}");
        }
    });
}
