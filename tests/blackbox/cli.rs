//! §1: the command line.

use crate::harness::*;

/// Neither a command nor a `start` hook.
#[test]
fn nothing_to_run_is_64_with_a_hint() {
    each_cell(|cell| {
        for args in [&[][..], &["--"], &["run"], &["run", "--"]] {
            let end = Setup::new(cell, args).start().end().exited(64).nothing_left();
            let text = if cell.terminal { &end.out } else { &end.err };
            assert!(text.lines().count() >= 2, "{}", end.story());
        }
    });
}

/// §3: where nothing is found, it is said where it was looked for.
#[test]
fn configuration_that_is_not_there_is_told() {
    each_place(|cell| {
        let neither = "there is no /etc/app-init.toml and no /mnt/app/.docker/app-init.toml";
        let told = format!(
            "app-init: nothing to run: no command was given and no server.command is configured; {neither}\nserver options? \
            use ENTRYPOINT [\"app-init\", \"--\"]; see app-init --help\n"
        );
        assert_eq!(Setup::new(cell, ["--"]).start().end().exited(64).err, told);
        let setup = Setup::new(cell, ["--"]).env("APP_INIT_LOG", "info").env("APP_INIT_USER", "0:0");
        assert_eq!(setup.start().end().exited(64).err, told);
        let other = Setup::new(cell, ["--workdir", "/usr"]).config("server.command = [\"true\"]\n").start().end();
        other.exited(64).complains(&["; there is no /etc/app-init.toml and no /usr/.docker/app-init.toml\n"]);
        let warning = format!(
            "warning: nothing is configured: {neither}, and no hook in /mnt/app/.docker/action_hooks; see that \
            .dockerignore lets .docker into the image, and that this is its directory\n"
        );
        let end = Setup::new(cell, ["check", "true"]).start().end().exited(0);
        assert!(end.out.contains(&warning), "{}", end.story());
        let note = format!("note: {neither}\n");
        let end = Setup::new(cell, ["check", "true"]).hook("deploy", "true").start().end().exited(0);
        assert!(end.out.contains(&note) && !end.out.contains("warning"), "{}", end.story());
        let note = "note: there is no /etc/app-init.toml\n";
        let end = Setup::new(cell, ["check", "true"]).config("[log]\n").start().end().exited(0);
        assert!(end.out.contains(note) && !end.out.contains("warning"), "{}", end.story());
    });
}

/// §3, C10: where it matters to somebody, the application's file is missed beside the base image's too.
#[test]
fn an_application_without_configuration_is_a_fault_where_that_is_strict() {
    each_place(|cell| {
        let check = |args: &[&str], base: &str| {
            Setup::new(cell, ["check"]).args(args).args(["true"]).etc("app-init.toml", base)
        };
        let told = "strict: the application has no configuration: there is no /mnt/app/.docker/app-init.toml; see that \
            .dockerignore lets .docker into the image, and that this is its directory, or name the one file: \
            APP_INIT_CONFIG=/etc/app-init.toml\n";
        for (args, base) in
            [(&[][..], "strict = true\n"), (&["--strict"], "[log]\n"), (&["--strict"], "strict = false\n")]
        {
            let end = check(args, base)
                .start()
                .end()
                .exited(78)
                .complains(&[told, "app-init: 1 fault, nothing was started\n"]);
            assert_eq!(end.out, "", "{}", end.story());
            check(args, base).config("[log]\n").start().end().exited(0);
            check(args, base).hook("deploy", "#!/bin/sh\ntrue").start().end().exited(0);
            check(args, base).env("APP_INIT_CONFIG", "/etc/app-init.toml").start().end().exited(0);
        }
        let end = check(&[], "[log]\n").start().end().exited(0);
        assert!(end.out.contains("note: there is no /mnt/app/.docker/app-init.toml\n"), "{}", end.story());
    });
}

/// §1: `check --strict` takes each warning for a fault, whatever the file says; it is an option of `check` alone.
#[test]
fn check_can_take_warnings_for_faults() {
    each_place(|cell| {
        let setup = |args: &[&str], config: &str| {
            Setup::new(cell, args).config(config).file(".docker/action_hooks/deploy", "x", 0o644)
        };
        let end = setup(&["check", "true"], "[log]\n").start().end().exited(0);
        assert!(end.out.contains("warning: hook .docker/action_hooks/deploy is not executable"), "{}", end.story());
        let told = "strict: hook .docker/action_hooks/deploy is not executable and is skipped; run chmod +x ";
        for args in [&["check", "--strict", "true"][..], &["check", "--strict", "-v", "--", "true"]] {
            let end = setup(args, "strict = false\n").start().end().exited(78).complains(&[told]);
            assert_eq!(end.out, "", "{}", end.story());
        }
        for args in [&["--strict", "--", "true"][..], &["--strict", "check"], &["env", "--strict"]] {
            setup(args, "[log]\n").start().end().exited(64).complains(&["--strict"]);
        }
        let end = Setup::new(cell, ["check", "--strict", "true"]).config("[log]\n").start().end().exited(0);
        assert!(end.out.starts_with("app-init: the configuration is sound\n"), "{}", end.story());
        let end = Setup::new(cell, ["check", "--help"]).start().end().exited(0);
        assert!(end.out.contains("--strict") && end.out.contains("[ROLE]"), "{}", end.story());
    });
}

/// An unknown option may be the server's: the hint says where those go.
#[test]
fn an_unknown_option_is_64_with_a_hint() {
    each_cell(|cell| {
        for option in ["--no-such-option", "-Z", "--reload=x"] {
            let end = Setup::new(cell, [option, "--", PROBE, "do", "print=ran"])
                .start()
                .end()
                .exited(64)
                .nothing_left()
                .complains(&[option.split('=').next().unwrap_or(option), "ENTRYPOINT [\"app-init\", \"--\"]"]);
            assert!(!end.lines().contains(&"ran"), "{}", end.story());
        }
    });
}

/// Values that cannot be right, each an error that names it, before anything starts.
#[test]
fn a_wrong_value_is_64_and_named() {
    for (option, value) in [
        ("--stop-signal", "SIGNOPE"),
        ("--stop-signal", "0"),
        ("--stop-signal", "65"),
        ("--stop-timeout", "ten"),
        ("--stop-timeout", "1s2"),
        ("--drain", "5 parsecs"),
        ("--run-timeout", ""),
        ("--run-timeout-signal", "TERMINATE"),
        ("--success-code", "256"),
        ("--success-code", "x"),
        ("-p", "SIGNOPE"),
    ] {
        let end = Setup::new(Cell::PID1, [option, value, "--", PROBE, "do", "print=ran"]).start().end().exited(64);
        assert!(!end.out.contains("ran") && end.err.contains(option.trim_start_matches('-')), "{}", end.story());
    }
}

/// Durations and signals as people write them.
#[test]
fn usual_ways_to_write_values_are_understood() {
    for (option, values) in [
        ("--stop-timeout", &["500ms", "10s", "10", "1m30s", "2h"][..]),
        ("--stop-signal", &["TERM", "SIGTERM", "15", "term", "RTMIN+3", "SIGRTMIN+3", "SIGRTMAX-1", "37"]),
        ("--run-timeout", &["0", "1h"]),
        ("--success-code", &["0", "255"]),
    ] {
        for value in values {
            let end = Setup::new(Cell::PID1, [option, value, "--", PROBE, "do", "exit=3"]).start().end();
            assert_eq!(end.how, Ended::Exited(3), "{option} {value}: {}", end.story());
            let joined = format!("{option}={value}");
            if option.starts_with("--") {
                Setup::new(Cell::PID1, [&joined, "--", PROBE, "do", "exit=3"]).start().end().exited(3);
            }
        }
    }
}

/// `run` may be left out; options come before the first operand only.
#[test]
fn run_is_the_default() {
    each_cell(|cell| {
        for args in [&["run", "--"][..], &["run"], &["--"], &[]] {
            Setup::new(cell, args).args([PROBE, "do", "exit=3"]).start().end().exited(3).silent();
        }
        let end = Setup::new(cell, ["run", PROBE, "argv", "-g", "run", "--exec"]).start().end().exited(0);
        assert!(end.out.contains("arg 2 <2d67>") && end.out.contains("arg 4 <2d2d65786563>"), "{}", end.story());
    });
}

/// A command's name is reserved as the first operand only: after `--` every word is the program's.
#[test]
fn after_two_dashes_no_word_is_reserved() {
    each_cell(|cell| {
        for name in
            ["run", "exec", "shell", "hook", "check", "env", "health", "status", "wait", "build", "ctl", "timeline"]
        {
            let end = Setup::new(cell, ["--", name, "check"])
                .env("PATH", "/mnt/app/tools:/usr/bin:/bin")
                .file(&format!("tools/{name}"), "#!/bin/sh\necho \"own $1\"\nexit 33\n", 0o755)
                .start()
                .end()
                .exited(33)
                .nothing_left();
            assert!(end.out.contains("own check"), "{name}: {}", end.story());
        }
    });
}

/// The arguments extend the command of the config, whatever they look like.
#[test]
fn arguments_are_appended_to_the_configured_command() {
    each_cell(|cell| {
        let config = format!("[server]\ncommand = [\"{PROBE}\", \"argv\"]\n");
        for extra in [&["--", "--reload"][..], &["--", "check", "-v"], &["--"], &["wsgi.py"]] {
            let end = Setup::new(cell, extra).config(&config).start().end().exited(0).nothing_left();
            let given: Vec<&str> = extra.iter().copied().filter(|word| *word != "--").collect();
            let bare = Setup::bare(cell, [PROBE, "argv"]).args(given).start().end();
            assert_eq!(end.lines(), bare.lines(), "{extra:?}");
        }
    });
}

/// `exec` replaces app-init by the command, in the application's environment; no hooks.
#[test]
fn exec_replaces_app_init() {
    each_cell(|cell| {
        let config = "workdir = \"/usr\"\numask = \"0027\"\n[env.set]\nGREETING = \"hello\"\n";
        let script = "echo \"$GREETING $(pwd) $(umask) $$\"; exit 7";
        for args in [&["exec", "--", "sh", "-c", script][..], &["exec", "sh", "-c", script]] {
            let end = Setup::new(cell, args)
                .config(config)
                .hook("deploy", "echo hook")
                .start()
                .end()
                .exited(7)
                .nothing_left();
            let pid = if cell.pid1 { 1 } else { 2 };
            assert!(
                end.out.contains(&format!("hello /usr 0027 {pid}")) && !end.out.contains("hook"),
                "{}",
                end.story()
            );
        }
        Setup::new(cell, ["exec", "no-such-program"]).start().end().exited(127).complains(&["no-such-program"]);
        Setup::new(cell, ["exec", "/mnt/app"]).start().end().exited(126).complains(&["/mnt/app"]);
        Setup::new(cell, ["exec"]).start().end().exited(64);
    });
}

/// Help and version are asked for, so they are stdout's and a success.
#[test]
fn help_and_version_are_not_errors() {
    each_place(|cell| {
        let help = Setup::new(cell, ["--help"]).start().end().exited(0);
        for option in ["--config", "--hooks-dir", "--signal-group", "--rewrite", "--stop-timeout", "--run-timeout"] {
            assert!(help.out.contains(option), "no {option}: {}", help.story());
        }
        let version = Setup::new(cell, ["--version"]).start().end().exited(0);
        assert!(version.out.contains("app-init") && version.err.is_empty(), "{}", version.story());
    });
}

/// Where one option contradicts another, the later one wins.
#[test]
fn of_contradicting_options_the_later_one_wins() {
    let parent = |args: [&str; 2]| {
        let end = Setup::new(Cell::PID1, args).args(["--", PROBE, "state"]).start().end().exited(0).silent_stderr();
        said(&end.out, "parent").to_owned()
    };
    // The server in app-init's place has nobody over it in its namespace.
    assert_eq!(parent(["--exec", "--supervise"]), "1");
    assert_eq!(parent(["--supervise", "--exec"]), "0");
    // The child in the server's group hears the signal, or does not.
    let steps =
        ["do", "[", "trap=10:0", "print=child", "pause", "]", "trap=10:0", "trap=12:0:5", "print=main", "pause"];
    for (args, count) in [(["--signal-group", "--signal-process"], 1), (["--signal-process", "--signal-group"], 2)] {
        let run = Setup::new(Cell::PID1, args).args(["--", PROBE]).args(steps).start();
        run.lines(&["child", "main"]);
        run.signal(signal::USR1);
        for _ in 0..count {
            run.line("trapped 10");
        }
        run.signal(signal::USR2);
        let end = run.end().exited(5).silent_stderr();
        assert_eq!(end.out.matches("trapped 10").count(), count, "{args:?}: {}", end.story());
    }
}

/// `check` starts nothing, and says what would be.
#[test]
fn check_tells_the_plan_and_starts_nothing() {
    each_cell(|cell| {
        let config = format!("workdir = \"/mnt/app\"\n[server]\ncommand = [\"{PROBE}\", \"do\", \"print=ran\"]\n");
        let end = Setup::new(cell, ["check"])
            .config(&config)
            .hook("deploy", "echo hook-ran")
            .start()
            .end()
            .exited(0)
            .nothing_left();
        assert!(end.out.contains(PROBE) && end.out.contains("deploy"), "{}", end.story());
        assert!(!end.lines().contains(&"hook-ran") && !end.lines().contains(&"ran"), "{}", end.story());
    });
}

/// `check` resolves programs.
#[test]
fn check_finds_what_is_missing() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["check"]).config("[server]\ncommand = [\"no-such-server\"]\n");
        let end = setup.start().end().exited(78).nothing_left();
        let told = ".docker/app-init.toml:2: server.command: cannot run no-such-server: it is not found in PATH; install it, or \
            name another\napp-init: 1 fault, nothing was started\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
    });
}

/// `RUN app-init check` in an image whose command comes later; and PATH is what the run would search.
#[test]
fn check_needs_neither_a_command_nor_path() {
    Setup::new(Cell::PID1, ["check"]).start().end().exited(0);
    Setup::bare(Cell::PID1, ["env", "-i", APP_INIT, "check", "sh"]).start().end().exited(0);
}

/// §3: what could never stop the container is refused.
#[test]
fn stop_signals_that_cannot_arrive_are_faults() {
    let never = "stop.signals: KILL, STOP and CHLD never reach app-init as a request; remove them";
    for (config, fault) in [
        ("[stop]\nsignals = [\"KILL\"]\n", never),
        ("[stop]\nsignals = [\"TERM\", \"STOP\"]\n", never),
        ("[stop]\nsignals = [\"CHLD\"]\n", never),
        (
            "[stop]\nsignals = []\n",
            "stop.signals: is empty, so that nothing could stop the container; name a signal, or remove it",
        ),
        ("[server]\ncommand = []\n", "server.command: is empty; name a program, or remove it"),
    ] {
        let end = Setup::new(Cell::PID1, ["--", PROBE, "do", "print=ran"]).config(config).start().end().exited(78);
        let told = format!(".docker/app-init.toml:2: {fault}\napp-init: 1 fault, nothing was started\n");
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()), "{config}");
    }
}

/// A hook is asked for by its name, whatever is skipped; a path is none, and a misspelt name is said.
#[test]
fn a_hook_is_named_and_not_found_by_path() {
    let setup = || Setup::new(Cell::PID1, ["hook", "deploy"]).hook("deploy", "echo ran");
    let end = setup().env("APP_INIT_SKIP", "deploy").start().end().exited(0);
    assert!(end.out.contains("ran"), "{}", end.story());
    // The variable is the boot's, and `docker exec` inherits it.
    setup().env("APP_INIT_SKIP", "depoly").start().end().exited(0).silent_stderr();
    Setup::new(Cell::PID1, ["hook", "/bin/echo"]).start().end().exited(78);
}

/// §1, §11. What is said of the server's life is not said of a shell.
#[test]
fn the_servers_limits_are_not_the_shells() {
    let config = "[server]\nrun_timeout = \"100ms\"\nrun_timeout_signal = \"KILL\"\nsuccess_codes = [5]\n";
    let setup = Setup::new(Cell::PID1, ["shell", "-c", "sleep 0.5; exit 5"]).config(config);
    setup.start().end().exited(5);
}

/// A command's help is its own.
#[test]
fn help_of_a_command_shows_its_options() {
    for (args, parts) in [
        (["env", "--help"], ["Usage: app-init env", "--json", "--reveal"]),
        (["hook", "--help"], ["Usage: app-init hook [OPTIONS] NAME", "run one hook", "--user"]),
        (["check", "--help"], ["Usage: app-init check", "every fault", "--config"]),
        (["exec", "--help"], ["Usage: app-init exec", "no hooks", "--workdir"]),
        (["wait", "--help"], ["Usage: app-init wait", "--timeout", "TARGET"]),
    ] {
        let end = Setup::new(Cell::PID1, args).start().end().exited(0).silent_stderr();
        assert!(parts.iter().all(|part| end.out.contains(part)), "{}", end.story());
    }
}

/// Commands that only tell: what they could not tell is no success.
#[test]
fn what_cannot_be_printed_is_71_and_said() {
    each_place(|cell| {
        for args in [&["--help"][..], &["--version"], &["check", "--", "true"], &["env"], &["env", "--json"]] {
            let full = std::fs::File::options().write(true).open("/dev/full").expect("every machine has it");
            let end = Setup::new(cell, args).stdout_to(full.into()).start().end().exited(71);
            assert_eq!(
                end.err,
                "app-init: error: cannot write to standard output: No space left on device\n",
                "{}",
                end.story()
            );
        }
    });
}

/// A reader that has seen enough ends them as it ends `cat`: by SIGPIPE, or with its code where that does nothing.
#[test]
fn a_reader_that_has_gone_ends_them_quietly() {
    each_place(|cell| {
        for ignored in [false, true] {
            let (reader, writer) = std::io::pipe().expect("a pipe can be made");
            drop(reader);
            let setup = Setup::new(cell, ["env"]).stdout_to(writer.into());
            let setup = if ignored { setup.ignoring(signal::PIPE) } else { setup };
            let end = setup.start().end().silent_stderr();
            let by_signal = !cell.pid1 && !ignored;
            let expected = if by_signal { Ended::Signaled(signal::PIPE) } else { Ended::Exited(141) };
            assert_eq!(end.how, expected, "{}", end.story());
        }
    });
}
