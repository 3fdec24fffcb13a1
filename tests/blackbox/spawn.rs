//! What the server finds when it starts: the same as after a bare exec.

use crate::harness::*;

/// What is a supervised process's own: its numbers, its group, and who is its parent.
const OWN: &[&str] = &["pid ", "parent ", "group ", "session ", "foreground ", "pdeathsig "];

/// Runs `probe state` with and without app-init, and gives the lines that differ.
fn changed(cell: Cell, prepare: impl Fn(Setup) -> Setup) -> Vec<String> {
    let bare = prepare(Setup::bare(cell, [PROBE, "state"])).start().end().exited(0);
    let end = prepare(Setup::new(cell, ["--", PROBE, "state"])).start().end().exited(0).nothing_left();
    assert!(end.out.contains("end of state"), "{}", end.story());
    differences(&bare.out, &end.out, OWN)
}

/// C11, C12, C13, C20, C60.
#[test]
fn the_childs_state_is_that_of_a_bare_exec() {
    each_cell(|cell| assert_eq!(changed(cell, |setup| setup), Vec::<String>::new()));
}

/// C11, C12, C13: a mix of blocked and ignored signals, the C library's own numbers among them.
#[test]
fn inherited_blocked_and_ignored_signals_reach_the_child() {
    each_cell(|cell| {
        let mix = |mut setup: Setup| {
            for number in [1, 10, 15, 20, 34, 64] {
                setup = setup.blocking(number);
            }
            for number in [1, 2, 13, 22, 25, 28, 33, 40] {
                setup = setup.ignoring(number);
            }
            setup
        };
        assert_eq!(changed(cell, mix), Vec::<String>::new());
    });
}

/// C13: all that can be blocked or ignored, one after the other. SIGCHLD alone is not handed on as ignored.
#[test]
fn sigchld_is_never_ignored_in_the_child() {
    each_place(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "state"]).ignoring(signal::CHLD).ignoring(signal::HUP).start().end();
        assert_eq!(said(&end.out, "SigIgn"), "0000000000000001", "{}", end.story());
    });
}

/// What a shell of root's has open is not for the user; but what was passed on purpose is.
#[test]
fn a_users_program_has_no_descriptors_of_a_root_shells() {
    let list = "for n in 3 4 9; do [ -e /proc/$$/fd/$n ] && echo has $n; done; true";
    each_place(|cell| {
        for (args, user, passed, expected) in [
            (&["exec", "--", "sh", "-c", list][..], "1234:1234", "0", &[][..]),
            (&["shell", "-c", list], "1234:1234", "0", &[]),
            (&["exec", "--", "sh", "-c", list], "1234:1234", "1", &["has 3"]),
            (&["exec", "--", "sh", "-c", list], "0:0", "0", &["has 3", "has 9"]),
            (&["--", "sh", "-c", list], "1234:1234", "0", &["has 3", "has 9"]),
        ] {
            let null = || std::fs::File::open("/dev/null").expect("it is there").into();
            let own = "exec env LISTEN_PID=$$ \"$@\"";
            let setup = Setup::bare(cell, ["sh", "-c", own, "sh", APP_INIT]).args(args).env("LISTEN_FDS", passed);
            let setup = setup.config(&format!("user = \"{user}\"\n")).descriptor(3, null()).descriptor(9, null());
            let end = crate::identity::sealed(setup).start().end().exited(0);
            assert_eq!(end.lines(), expected, "{args:?}: {}", end.story());
        }
    });
}

/// C20.
#[test]
fn extra_descriptors_reach_the_server_and_no_others_do() {
    each_cell(|cell| {
        let extra = |setup: Setup| {
            let null = || std::fs::File::open("/dev/null").expect("it is there").into();
            setup.descriptor(3, null()).descriptor(7, null()).descriptor(50, null())
        };
        assert_eq!(changed(cell, extra), Vec::<String>::new());
    });
}

/// C26, and the terminal's size and modes are not looked at here.
#[test]
fn limits_and_attributes_reach_the_child() {
    each_place(|cell| {
        let odd = |setup: Setup| {
            setup
                .placed(["--umask", "23", "--nice", "3", "--oom-score", "321"])
                .placed(["--limit", NOFILE, "77", "--limit", CORE, "4096", "--limit", STACK, "1048576"])
                .closing(0)
        };
        let lines = changed(cell, odd);
        // A closed stdin may be seen as closed or as /dev/null.
        let others: Vec<_> = lines.iter().filter(|line| !line.contains("fd 0 ")).collect();
        assert!(others.is_empty(), "{others:?}");
        let end = odd(Setup::new(cell, ["--", PROBE, "state"])).start().end();
        assert_eq!((said(&end.out, "nice"), said(&end.out, "oom_score_adj")), ("3", "321"), "{}", end.story());
    });
}

/// C16, §7.1.
#[test]
fn the_server_has_its_own_process_group() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "state"]).start().end().exited(0);
        assert_eq!(said(&end.out, "group"), said(&end.out, "pid"), "{}", end.story());
        let parent = if cell.pid1 { "1" } else { "2" };
        assert_eq!(said(&end.out, "parent"), parent, "{}", end.story());
    });
}

/// C17.
#[test]
fn an_unknown_program_is_127() {
    each_cell(|cell| {
        for name in ["no-such-program", "/no/such/program", ""] {
            Setup::new(cell, ["--", name]).start().end().exited(127).nothing_left().complains(&["cannot", name]);
        }
    });
}

/// C17.
#[test]
fn a_program_that_cannot_be_executed_is_126() {
    each_cell(|cell| {
        for name in ["./plain-file", "/mnt/app"] {
            Setup::new(cell, ["--", name])
                .file("plain-file", "#!/bin/sh\n", 0o644)
                .start()
                .end()
                .exited(126)
                .nothing_left()
                .complains(&["cannot", name]);
        }
    });
}

/// C17. A rule for the server's codes does not hide that there was no server.
#[test]
fn a_failed_exec_is_not_remapped() {
    each_place(|cell| {
        let codes = ["--success-code", "127", "--success-code", "126"];
        Setup::new(cell, codes).args(["--", "no-such-program"]).start().end().exited(127);
        Setup::new(cell, codes).args(["--", "/mnt/app"]).start().end().exited(126);
    });
}

/// C18.
#[test]
fn a_script_without_an_interpreter_line_is_run_by_sh() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["--", "./entrypoint", "one", "", "two words"])
            .file("entrypoint", "echo \"$# <$1> <$2> <$3>\"\nexit 21\n", 0o755)
            .start()
            .end()
            .exited(21)
            .nothing_left();
        assert!(end.out.contains("3 <one> <> <two words>"), "{}", end.story());
    });
}

/// C19. A file of that name that is not executable does not hide a later one that is.
#[test]
fn the_search_goes_on_past_a_file_that_cannot_be_executed() {
    each_cell(|cell| {
        Setup::new(cell, ["--", "tool"])
            .env("PATH", "/mnt/app/nowhere:/mnt/app/a:/mnt/app/b:/usr/bin:/bin")
            .file("a/tool", "#!/bin/sh\nexit 1\n", 0o644)
            .file("b/tool", "#!/bin/sh\nexit 22\n", 0o755)
            .start()
            .end()
            .exited(22);
        Setup::new(cell, ["--", "tool"])
            .env("PATH", "/mnt/app/a:/mnt/app/nowhere")
            .file("a/tool", "#!/bin/sh\nexit 1\n", 0o644)
            .start()
            .end()
            .exited(126);
    });
}

/// C19. What counts is the PATH that the server gets.
#[test]
fn the_search_uses_the_childs_path() {
    each_place(|cell| {
        Setup::new(cell, ["--", "tool"])
            .config("[env.set]\nPATH = \"/mnt/app/tools:/usr/bin:/bin\"\n")
            .file("tools/tool", "#!/bin/sh\nexit 23\n", 0o755)
            .start()
            .end()
            .exited(23);
    });
}

/// C21, §7.9. Who waits for the end of an inherited pipe waits for the server only.
#[test]
fn app_init_closes_its_copy_of_an_inherited_descriptor() {
    each_place(|cell| {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
        let steps = ["do", "trap=15:0:0", "close=5", "print=closed", "pause"];
        let run = Setup::new(cell, ["--", PROBE]).args(steps).descriptor(5, write).start();
        run.line("closed");
        run.until_end_of(read);
        run.signal(signal::TERM);
        run.end().exited(0);
    });
}

/// C22. Socket activation names the process it is meant for; the server has taken app-init's place.
#[test]
fn listen_pid_names_the_server() {
    each_place(|cell| {
        let own_pid = if cell.pid1 { "1" } else { "2" };
        let script = "test \"$LISTEN_PID\" = $$ && echo same || echo \"other $LISTEN_PID\"";
        let run = |listen_pid: &str| {
            let setup =
                Setup::new(cell, ["--", "sh", "-c", script]).env("LISTEN_FDS", "1").env("LISTEN_PID", listen_pid);
            setup.start().end().exited(0).out
        };
        assert_eq!(run(own_pid), "same\n");
        assert_eq!(run("4711"), "other 4711\n");
    });
}

/// As a shell looks for it: what is no directory in PATH, or can be none, is passed over.
#[test]
fn a_name_is_looked_for_beyond_what_is_no_directory() {
    each_place(|cell| {
        for wrong in ["/etc/passwd", &format!("/{}", "long".repeat(100)), "/no/such", "/etc/passwd/below"] {
            let setup = || Setup::new(cell, ["--", "probe", "do", "print=server"]).env("PATH", wrong);
            setup().start().end().exited(127);
            let setup = setup().env("PATH", format!("{wrong}:/mnt/bin"));
            assert_eq!(setup.start().end().exited(0).out, "server\n", "{wrong}");
        }
    });
}

/// C23. app-init keeps no directory busy; the child stays where it was.
#[test]
fn app_init_itself_leaves_the_working_directory() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "trap=15:0:0", "print=up", "pause"]).start();
        run.line("up");
        let cwd = format!("/proc/{}/cwd", run.pid);
        run.eventually("app-init is elsewhere", |_| {
            std::fs::read_link(&cwd).is_ok_and(|cwd| cwd == std::path::Path::new("/"))
        });
        run.signal(signal::TERM);
        run.end().exited(0);
        let end = Setup::new(cell, ["--", PROBE, "state"]).start().end();
        assert_eq!(said(&end.out, "cwd"), APP);
    });
}

/// C24. A pipeline sees the end when the application closes its stdout.
#[test]
fn the_end_of_the_servers_stdout_is_seen() {
    each_place(|cell| {
        let steps = ["do", "trap=15:0:0", "close=1", "eprint=closed", "pause"];
        let run = Setup::new(cell, ["--", PROBE]).args(steps).start();
        run.err_line("closed");
        run.until_stdout_ends();
        run.signal(signal::TERM);
        run.end().exited(0);
    });
}

/// C25. The program lies on a file system that takes its time: app-init is awake all the while. The exec is held up
/// for a second by the tracer, and the limit of the server's life is over before.
#[test]
fn a_slow_exec_does_not_hold_up_app_init() {
    let slow = ["trace=execve,kill", "inject=execve:delay_enter=1000000:when=1"];
    let limit = ["--run-timeout", "100ms", "--run-timeout-signal", "KILL", "--", PROBE, "do", "print=up", "pause"];
    let end = Setup::traced(Cell::SUBREAPER, &slow, limit).start().end().exited(137).nothing_left();
    assert!(!end.out.contains("up"), "{}", end.story());
}

/// C17: what is neither a program for this machine nor a script is not given to a shell, which would run what it takes
/// for lines in it.
#[test]
fn a_broken_program_is_no_script() {
    let foreign = b"\x7fELF\x02\x01\x01garbage\necho ran\n".as_slice();
    let binary = b"\x01\x02\0\x03\necho ran\n".as_slice();
    each_place(|cell| {
        for (content, args) in [foreign, binary].into_iter().flat_map(|file| [(file, "--"), (file, "--exec")]) {
            let setup = Setup::new(cell, [args, "./server"]).file("server", content, 0o755);
            let end = setup.start().end().exited(126).complains(&["./server: it is no program for this machine"]);
            assert_eq!(end.out, "", "{}", end.story());
        }
        let setup = Setup::new(cell, ["--", PROBE, "do"]).file(".docker/action_hooks/deploy", binary, 0o755);
        let end = setup.start().end().exited(70).complains(&["it is no program for this machine"]);
        assert!(!end.err.contains("#!"), "no advice for scripts: {}", end.story());
        let script = Setup::new(cell, ["--", "./server"]).file("server", "echo ran\n\0\n", 0o755).start().end();
        assert_eq!(script.out, "ran\n", "a NUL further on does not matter: {}", script.story());
    });
}
