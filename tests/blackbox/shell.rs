//! §11: a shell in the application's place, that always opens.

use crate::harness::*;

/// An interactive shell, its prompt and greeting away.
fn open(cell: Cell, prepare: impl Fn(Setup) -> Setup) -> Running {
    let setup = Setup::new(cell, ["shell"]).env("HOME", "/mnt/app").env("SHELL", "/bin/bash");
    let mut run = prepare(setup).start();
    run.write("PS1=''; echo be''gin\n");
    run.line("begin");
    run
}

/// §11, C65: job control, in the application's directory and environment.
#[test]
fn a_shell_has_job_control_and_the_environment() {
    each_cell(|cell| {
        if !cell.terminal {
            return;
        }
        let config = "workdir = \"/usr\"\n[env.set]\nGREETING = \"hello\"\n";
        let mut run = open(cell, |setup| setup.config(config).hook("deploy", "echo hook-ran"));
        run.write("echo \"$GREETING-$(pwd)-$TERM\"\n");
        run.line("hello-/usr-xterm");
        run.write("jobs; set -o | grep monitor\n");
        let monitor = run.line("monitor ");
        assert!(monitor.contains("on"), "{monitor}");
        run.write(&format!("{PROBE} do print=star''ted pause\n"));
        run.line("started");
        run.write("\x03");
        run.write("echo co''de $?\n");
        run.line("code 130");
        run.write(&format!("{PROBE} do print=star''ted stop exit=6\n"));
        run.line("Stopped");
        run.write("fg\n");
        run.line("resumed");
        run.write("exit 7\n");
        let end = run.end().exited(7).nothing_left();
        assert!(!end.out.contains("hook-ran") && !end.out.contains("no job control"), "{}", end.story());
    });
}

/// §11. An interactive shell ignores TERM: app-init ends it with HUP, at once.
#[test]
fn a_term_ends_an_interactive_shell_at_once() {
    each_terminal_place(|cell| {
        let mut run = open(cell, |setup| setup);
        // Bash looks at its signals before it waits for a key: it is asked when it waits.
        run.write("PS1='re''ady> '\n");
        run.text("ready> ");
        run.eventually("the shell waits", |run| {
            run.processes().iter().any(|process| process.name == "bash" && process.state == 'S')
        });
        run.signal(if cell.pid1 { signal::TERM } else { signal::HUP });
        let end = run.end().nothing_left();
        if cell.pid1 {
            assert!(matches!(end.how, Ended::Exited(129 | 143)), "{}", end.story());
        }
    });
}

/// §11. PID 1 stays behind the shell and reaps; another process becomes it.
#[test]
fn only_pid_1_stays_behind_the_shell() {
    each_terminal_place(|cell| {
        let mut run = open(cell, |setup| setup);
        run.write("echo pi''d $$\n");
        let line = run.line("pid ");
        assert!(line.ends_with("pid 2"), "{line}");
        if cell.pid1 {
            run.write(&format!("{PROBE} do orphans=20 reaped\n"));
            run.line("strangers 0");
        }
        run.write("exit 3\n");
        run.end().exited(3).nothing_left();
    });
}

/// §11: `-c` as the first argument runs a command.
#[test]
fn a_shell_runs_a_command() {
    each_cell(|cell| {
        for name in ["shell", "--shell"] {
            let end = Setup::new(cell, [name, "-c", "echo \"$GREETING $0\"; exit 4"])
                .config("[env.set]\nGREETING = \"hello\"\n")
                .start()
                .end()
                .exited(4)
                .nothing_left();
            assert!(end.out.contains("hello "), "{}", end.story());
        }
    });
}

/// §11: `$SHELL`, else bash, else sh; a SHELL that is not there is no reason to stay outside.
#[test]
fn the_shell_is_the_images_own() {
    each_place(|cell| {
        let out = |shell: Option<&str>| {
            let mut setup = Setup::new(cell, ["shell", "-c", "readlink /proc/$$/exe; true"]);
            if let Some(shell) = shell {
                setup = setup.env("SHELL", shell);
            }
            setup.start().end().exited(0).out
        };
        assert!(out(Some("/bin/sh")).contains("dash"), "{}", out(Some("/bin/sh")));
        assert!(out(None).contains("bash"));
        assert!(out(Some("/no/such/shell")).contains("sh"));
    });
}

/// §11. It is needed most when the boot fails.
#[test]
fn a_shell_opens_with_a_broken_config() {
    each_cell(|cell| {
        let shell = |config: &str| {
            let setup = Setup::new(cell, ["shell", "-c", "echo \"open $GREETING.\""]);
            setup.config(config).start().end().exited(0).complains(&["app-init.toml:1"])
        };
        let end = shell("colour = \"red\"\n[env.set]\nGREETING = \"hello\"\n");
        assert!(end.out.contains("open hello."), "{}", end.story());
        // Nothing of what is no TOML is used.
        let end = shell("]\n[env.set]\nGREETING = \"hello\"\n[[[\n");
        assert!(end.out.contains("open ."), "{}", end.story());
    });
}

/// §11. Nor does a missing working directory keep it shut.
#[test]
fn a_shell_opens_without_its_working_directory() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["shell", "-c", "echo opened"]).config("workdir = \"/no/such/dir\"\n");
        let end = setup.start().end().exited(0).complains(&["/no/such/dir"]);
        assert!(end.out.contains("opened"), "{}", end.story());
    });
}

/// §11: without a terminal nothing of a terminal happens.
#[test]
fn a_shell_without_a_terminal_reads_its_stdin() {
    each_place(|cell| {
        let mut run = Setup::new(cell, ["shell"]).typed().start();
        run.write("echo he''re; exit 6\n");
        run.line("here");
        run.end().exited(6).nothing_left();
    });
}

/// §11. Whoever asks for a user never gets a root shell instead, however the option is written.
#[test]
fn a_shell_has_the_user_that_was_asked_for() {
    for cell in crate::identity::root_cells() {
        for args in [
            &["-u", "4000:4001", "shell"][..],
            &["shell", "-u", "4000:4001"],
            &["shell", "-u4000:4001"],
            &["shell", "-u=4000:4001"],
            &["shell", "--user", "4000:4001"],
            &["shell", "--user=4000:4001"],
            &["-v", "--shell", "--user=4000:4001"],
        ] {
            let setup = Setup::new(cell, args).args(["-c", "echo open $(id -u):$(id -g)"]);
            let end = crate::identity::sealed(setup).start().end().exited(0);
            assert!(end.out.contains("open 4000:4001"), "{args:?}: {}", end.story());
        }
    }
    for args in [&["shell", "-u"][..], &["shell", "--user="], &["shell", "-u", "-c", "echo open"]] {
        let end = Setup::new(Cell::PID1, args).start().end().exited(64).complains(&["-u needs a user; write "]);
        assert_eq!(end.out, "", "{}", end.story());
    }
}

/// §11: the image's CMD is no matter, whatever its words look like.
#[test]
fn a_shell_leaves_other_words_alone() {
    for args in [&["shell", "gunicorn", "-u", "nosuch"][..], &["shell", "--reload"], &["-v", "--shell", "-x"]] {
        let mut run = Setup::new(Cell::PID1, args).typed().start();
        run.write("echo he''re; exit 6\n");
        run.line("here");
        run.end().exited(6).nothing_left();
    }
}
