//! With a terminal: job control, ^C, ^Z, size, and the foreground given and taken as a shell expects it.

use crate::harness::*;
use crate::soak::scale;

/// Types a line to the shell; quotes in it keep the echo apart from the answer.
fn type_line(run: &mut Running, line: &str) {
    run.write(line);
    run.write("\n");
}

/// An interactive bash whose prompt is `ready> `.
fn bash(setup: Setup) -> Running {
    let mut run = setup
        .args(["bash", "--norc", "--noprofile", "--noediting", "-i"])
        .env("PS1", "ready> ")
        .env("TERM", "dumb")
        .start();
    let greeting = run.text("ready> ");
    assert!(!greeting.contains("job control"), "{greeting}");
    assert!(!greeting.contains("cannot set terminal"), "{greeting}");
    // Prompts come and go: the answers are what is waited for.
    type_line(&mut run, "set -m; echo be''gin");
    run.line("begin");
    run
}

/// C56.
#[test]
fn an_interactive_shell_has_job_control() {
    each_terminal_place(|cell| {
        let mut run = bash(Setup::new(cell, ["--"]));
        type_line(&mut run, "tty; stty size");
        run.line("/dev/pts/");
        run.line("30 100");
        for (key, code) in [("\x03", 130), ("\x1c", 131)] {
            type_line(&mut run, &format!("{PROBE} do print=star''ted pause"));
            run.line("started");
            run.write(key);
            type_line(&mut run, "echo co''de $?");
            run.line(&format!("code {code}"));
        }
        type_line(&mut run, &format!("{PROBE} do print=star''ted stop exit=6"));
        run.line("Stopped");
        type_line(&mut run, "fg");
        run.line("resumed");
        type_line(&mut run, "exit 7");
        run.end().exited(7).nothing_left();
    });
}

/// §7.1, C62.
#[test]
fn the_server_is_the_terminals_foreground() {
    each_cell(|cell| {
        if cell.terminal {
            let end = Setup::new(cell, ["--", PROBE, "state"]).start().end().exited(0);
            assert_eq!(said(&end.out, "foreground"), said(&end.out, "group"), "{}", end.story());
        }
    });
}

/// §9.5. The terminal sends ^C to the foreground group by itself: once is enough.
#[test]
fn an_interrupt_from_the_terminal_comes_once() {
    each_terminal_place(|cell| {
        let mut run = Setup::new(cell, ["--", PROBE, "signals"]).start();
        run.line("listening");
        run.write("\x03");
        run.line("signal 2 ");
        run.write("\x1c");
        run.line("signal 3 ");
        run.signal(signal::USR1);
        run.line("signal 10 ");
        run.write("end 4\n");
        let end = run.end().exited(4);
        assert_eq!(end.out.matches("signal 2 ").count(), 1, "{}", end.story());
        assert_eq!(end.out.matches("signal 3 ").count(), 1, "{}", end.story());
    });
}

/// C56. A change of the size is told to the server, once.
#[test]
fn the_server_is_told_of_a_new_size() {
    each_terminal_place(|cell| {
        let mut run = Setup::new(cell, ["--", PROBE, "signals"]).start();
        run.line("listening");
        run.resize(41, 97);
        run.line("signal 28 ");
        run.signal(signal::USR1);
        run.line("signal 10 ");
        run.write("end 4\n");
        let end = run.end().exited(4);
        assert_eq!(end.out.matches("signal 28 ").count(), 1, "{}", end.story());
    });
}

/// C57. As PID 1 nobody could resume it.
#[test]
fn a_stop_key_does_not_freeze_the_container() {
    for _ in 0..scale(1, 100) {
        let mut run = Setup::new(Cell::TERMINAL, ["--", PROBE, "do", "print=up", "read", "exit=5"]).start();
        run.line("up");
        run.write("\x1a");
        run.write("hello\n");
        run.line("read hello");
        run.end().exited(5).nothing_left();
    }
}

/// C57. Nor does a stop signal that comes to PID 1 from outside.
#[test]
fn a_forwarded_stop_signal_does_not_freeze_the_container() {
    for number in [signal::TSTP, signal::TTIN, signal::TTOU] {
        let mut run = Setup::new(Cell::TERMINAL, ["--", PROBE, "do", "print=up", "read", "exit=5"]).start();
        run.line("up");
        run.signal(number);
        run.write("hello\n");
        run.line("read hello");
        run.end().exited(5).nothing_left();
    }
}

/// C64, C63. Under a shell that can resume it, it stops with its child, and goes on with it.
#[test]
fn a_shells_job_stops_and_goes_on_with_its_child() {
    let mut run = bash(Setup::bare(Cell::TERMINAL_JOB, [""; 0]));
    type_line(&mut run, &format!("{APP_INIT} -- {PROBE} do print=u''p read exit=9"));
    run.line("up");
    run.write("\x1a");
    run.line("Stopped");
    type_line(&mut run, "echo he''re");
    run.line("here");
    type_line(&mut run, "fg");
    run.line(APP_INIT);
    run.write("hello\n");
    run.line("read hello");
    type_line(&mut run, "echo co''de $?");
    run.line("code 9");
    type_line(&mut run, "exit 2");
    run.end().exited(2);
}

/// C58.
#[test]
fn started_with_an_ampersand_it_leaves_the_terminal_alone() {
    let setup = Setup::new(Cell::TERMINAL_JOB, ["--", PROBE, "state"]).placed(["--background"]);
    let end = setup.start().end().exited(0).nothing_left();
    assert_eq!(said(&end.out, "foreground"), "1", "{}", end.story());

    let mut run = bash(Setup::bare(Cell::TERMINAL_JOB, [""; 0]));
    type_line(&mut run, &format!("{APP_INIT} {PROBE} do trap=10:0:3 print=u''p pause &"));
    run.line("up");
    type_line(&mut run, "echo st''ill here");
    run.line("still here");
    type_line(&mut run, "kill -USR1 %1; wait %1; echo co''de $?");
    run.line("code 3");
    type_line(&mut run, "exit 2");
    run.end().exited(2);
}

/// C59, C36. On a terminal too, a HUP from outside is handed on, the first one included; none comes by itself.
#[test]
fn only_a_real_hup_is_handed_on() {
    each_terminal_place(|cell| {
        let mut run = Setup::new(cell, ["--", PROBE, "signals"]).start();
        run.line("listening");
        run.signal(signal::USR1);
        let first = run.line("signal ");
        assert!(first.starts_with("signal 10 "), "{first}");
        for number in [signal::HUP, signal::CONT, signal::HUP] {
            run.signal(number);
            run.line(&format!("signal {number} "));
        }
        run.write("end 4\n");
        let end = run.end().exited(4);
        assert_eq!(end.out.matches("signal 1 ").count(), 2, "{}", end.story());
        assert_eq!(end.out.matches("signal 18 ").count(), 1, "{}", end.story());
    });
}

/// C60.
#[test]
fn a_terminal_that_stops_background_output_does_not_stop_app_init() {
    each_terminal_place(|cell| {
        let talkative = || {
            Setup::new(cell, ["-v", "--", PROBE, "do", "trap=15:0:3", "sleep=20", "exit=3"])
                .env("APP_INIT_LOG", "trace")
                .stopping_background_output()
        };
        talkative().start().end().exited(3).nothing_left();
        if !cell.pid1 {
            talkative().placed(["--background"]).start().end().exited(3).nothing_left();
        }
    });
}

/// C61. Its stdin is a terminal, but not this session's.
#[test]
fn a_terminal_of_another_session_is_harmless() {
    each_terminal_place(|cell| {
        let setup = Setup::new(cell, ["--", PROBE, "do", "trap=15:0:3", "print=up", "pause"]);
        let run = setup.placed(["--foreign-terminal"]).start();
        run.line("up");
        run.signal(signal::TERM);
        let end = run.end().exited(3).nothing_left();
        assert!(end.out.lines().all(|line| line.trim_end() == "up" || line.contains(" 15")), "{}", end.story());
    });
}

/// Root's shell may be at the other end of it: whoever shares a terminal may type on it.
#[test]
fn hooks_and_commands_of_waits_have_no_terminal() {
    each_terminal_place(|cell| {
        let none = |who: &str| format!("(: < /dev/tty) 2> /dev/null || echo {who} has none");
        let config = format!(
            "[[wait]]\ncommand = [\"sh\", \"-c\", \"! (: < /dev/tty)\"]\n[[hooks.deploy.run]]\n\
            command = [\"sh\", \"-c\", \"{}\"]\n",
            none("command")
        );
        let setup = Setup::new(cell, ["--", "sh", "-c", ": < /dev/tty && echo server has one"]).config(&config);
        let setup = setup.hook("deploy-env", &none("deploy-env")).hook("post-stop", &none("post-stop"));
        let end = setup.start().end().exited(0).nothing_left();
        let told: Vec<&str> = end.lines().into_iter().filter(|line| line.contains("has ")).collect();
        let told: Vec<&str> = told.into_iter().filter(|line| !line.contains("-----")).collect();
        let expected = ["deploy-env has none", "command has none", "server has one", "post-stop has none"];
        assert_eq!(told, expected, "{}", end.story());
    });
}

/// A program of somebody else's only writes on the terminal: what is typed there is for root's shell.
#[test]
fn hooks_of_others_cannot_read_from_the_terminal() {
    each_terminal_place(|cell| {
        // The last digit of open(2)'s flags says for what it is open.
        let modes = "for n in 1 2; do while read k v; do case $k in flags:) \
            echo has $(id -u) $n: ${v#${v%?}};; esac; done < /proc/$$/fdinfo/$n; done\n";
        let config =
            "user = \"1234:1234\"\n[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"sh\", \"/mnt/app/modes\"]\n";
        let setup = Setup::new(cell, ["--", "sh", "modes"]).config(config).file("modes", modes, 0o644);
        let setup = crate::identity::sealed(setup.hook("deploy-env", modes));
        let end = setup.start().end().exited(0).nothing_left();
        let told: Vec<&str> = end.lines().into_iter().filter(|line| line.starts_with("has ")).collect();
        // Root's own hook, and the server, whose terminal it is, have it as it was given: for both.
        let expected = ["has 1234 1: 1", "has 1234 2: 1", "has 0 1: 2", "has 0 2: 2", "has 1234 1: 2", "has 1234 2: 2"];
        assert_eq!(told, expected, "{}", end.story());
    });
}

/// C61. Its stdin is a terminal that has been hung up: every call on it fails.
#[test]
fn a_terminal_that_is_gone_is_harmless() {
    each_place(|cell| {
        let dead =
            [PROBE, "do", "dead-terminal", "exec", APP_INIT, "--", PROBE, "do", "trap=15:0:3", "print=up", "pause"];
        let run = Setup::bare(cell, dead).start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(3).nothing_left().silent_stderr();
    });
}

/// C62. stdin from elsewhere while the session has a terminal; stdout elsewhere while stdin is the terminal.
#[test]
fn redirected_streams_make_no_difference() {
    each_terminal_place(|cell| {
        let script = format!("{APP_INIT} -- {PROBE} do print=in exit=3 </dev/null; echo code $?");
        let run = Setup::bare(cell, ["sh", "-c", &script]).start();
        run.line("in");
        run.line("code 3");
        run.end().exited(0);
        let script = format!("{APP_INIT} -- {PROBE} state | grep -E 'foreground|group' | sort");
        let end = Setup::bare(cell, ["sh", "-c", &script]).start().end().exited(0);
        assert_eq!(said(&end.out, "foreground"), said(&end.out, "group"), "{}", end.story());
    });
}

/// §9.5. Where the server is not in the foreground, ^C comes to app-init, which hands it on, once.
#[test]
fn an_interrupt_reaches_a_server_without_the_terminal_once() {
    each_terminal_place(|cell| {
        let command = format!("exec {APP_INIT} -- {PROBE} do trap=2:0 trap=10:0:3 print=up pause </dev/null");
        let mut run = Setup::bare(cell, ["sh", "-c", &command]).start();
        run.line("up");
        run.write("\x03");
        run.line("trapped 2");
        run.signal(signal::USR1);
        let end = run.end().exited(3);
        assert_eq!(end.out.matches("trapped 2").count(), 1, "{}", end.story());
    });
}

/// C63. The group that had the terminal has it again.
#[test]
fn the_terminal_is_given_back_at_the_end() {
    let script =
        format!("{APP_INIT} -- {PROBE} do print=first exit=3; echo code $?; exec {PROBE} do print=second read exit=4");
    let mut run = Setup::bare(Cell::TERMINAL_JOB, ["sh", "-c", &script]).start();
    run.line("code 3");
    run.line("second");
    run.write("hello\n");
    run.line("read hello");
    run.end().exited(4);
}

/// C63. Also when a signal ends the server.
#[test]
fn the_terminal_is_given_back_after_an_interrupt() {
    let mut run = bash(Setup::bare(Cell::TERMINAL_JOB, [""; 0]));
    type_line(&mut run, &format!("{APP_INIT} {PROBE} do print=u''p pause"));
    run.line("up");
    run.write("\x03");
    type_line(&mut run, "echo co''de $?");
    run.line("code 130");
    type_line(&mut run, "exit 2");
    run.end().exited(2);
}
