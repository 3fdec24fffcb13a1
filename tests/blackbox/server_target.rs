//! §7.8: whom a stop signal is for, where the server is a shell that waits for somebody else.

use crate::harness::*;

const CHILD: &str = "/mnt/bin/probe do trap=15:100:9 print=server pause";

/// Stops it when the server is up, and expects the child's time and code.
fn stops_with_the_childs_code(setup: Setup) {
    let run = setup.start();
    run.line("server");
    run.signal(signal::TERM);
    let end = run.end().exited(9).nothing_left();
    assert!(end.out.contains("finished 15"), "{}", end.story());
}

/// The shell form of CMD, in plain use and otherwise.
#[test]
fn the_child_of_a_shell_is_stopped_and_not_the_shell() {
    each_cell(|cell| {
        let script = format!("{CHILD}; exit $?");
        stops_with_the_childs_code(Setup::new(cell, ["--", "sh", "-c", &script]));
        stops_with_the_childs_code(Setup::new(cell, ["--", "sh", "-c", &script]).config("[log]\n"));
    });
}

/// After a first command in the same line.
#[test]
fn a_migration_before_the_server_makes_no_difference() {
    each_place(|cell| {
        for shell in ["sh", "bash"] {
            let script = format!("echo migrating && {CHILD}; exit $?");
            stops_with_the_childs_code(Setup::new(cell, ["--", shell, "-c", &script]));
        }
    });
}

/// A shell that lived would go on with its next command, which nobody stops.
#[test]
fn a_stopped_shell_does_not_go_on_with_its_next_command() {
    each_place(|cell| {
        for shell in ["sh", "bash"] {
            let script = format!("{CHILD}; echo next; sleep 1000");
            let run = Setup::new(cell, ["--", shell, "-c", &script]).start();
            run.line("server");
            run.signal(signal::TERM);
            let end = run.end().exited(9);
            assert!(end.out.contains("finished 15") && !end.out.contains("next"), "{}", end.story());
        }
    });
}

/// A start script that forgot `exec`.
#[test]
fn a_script_that_forgot_exec_is_like_a_shell() {
    each_place(|cell| {
        for interpreter in ["#!/bin/sh\n", "#!/bin/bash -e\n", "#!/usr/bin/env bash\n", ""] {
            let script = format!("{interpreter}echo starting\n{CHILD}\n");
            stops_with_the_childs_code(Setup::new(cell, ["--", "./start"]).file("start", &script, 0o755));
        }
    });
}

/// The script knows best, and its child hears nothing. But INT the child gets in any case, as from a terminal.
#[test]
fn a_shell_with_a_trap_gets_its_signal_alone() {
    each_place(|cell| {
        let script = format!("trap 'echo heard' INT; {}; exit $?", CHILD.replace("15", "2"));
        let run = Setup::new(cell, ["--", "sh", "-c", &script]).start();
        run.line("server");
        run.signal(signal::INT);
        let end = run.end().exited(9).nothing_left();
        assert!(end.out.contains("finished 2") && end.out.contains("heard"), "{}", end.story());

        // What app-init does about the one signal is done before the other: a child that was sent both would tell both.
        let child = format!("{PROBE} do trap=15:0 trap=28:0:0 print=server pause");
        let traps = "trap 'echo heard' TERM; trap 'kill -WINCH $child; wait $child; exit 6' USR1";
        let script = format!("{traps}; {child} & child=$!; while true; do wait; done");
        let run = Setup::new(cell, ["--", "bash", "-c", &script]).start();
        run.line("server");
        run.signal(signal::TERM);
        run.line("heard");
        run.signal(signal::USR1);
        let end = run.end().exited(6).nothing_left();
        assert_eq!(end.out, "server\nheard\ntrapped 28\nfinished 28\n", "{}", end.story());
    });
}

/// A child that the shell has reaped itself is nobody's to wait for, however the shell ends then.
#[test]
fn a_shell_that_outlives_its_child_is_the_end() {
    each_place(|cell| {
        // As scripts are told to: the trap gives way to the signal's own effect.
        let script = format!("trap 'trap - INT; kill -INT $$' INT; {}; exit $?", CHILD.replace("15", "2"));
        for shell in ["sh", "bash"] {
            let run = Setup::new(cell, ["--", shell, "-c", &script]).start();
            run.line("server");
            run.signal(signal::INT);
            let end = run.end().exited(130).nothing_left();
            assert!(end.out.contains("finished 2"), "{}", end.story());
        }
    });
}

/// A shell that has exec'ed is the server itself.
#[test]
fn a_shell_that_has_execed_is_no_shell_any_more() {
    each_place(|cell| {
        let script = format!("exec {CHILD}");
        stops_with_the_childs_code(Setup::new(cell, ["--", "sh", "-c", &script]));
    });
}

/// A shell without children is stopped itself.
#[test]
fn a_shell_without_children_is_stopped_itself() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", "sh", "-c", "echo server; read line; exit 3"]).typed().start();
        run.line("server");
        run.signal(signal::TERM);
        let end = run.end();
        assert_eq!(end.how, Ended::Exited(143), "{}", end.story());
    });
}

/// Without `/proc` nothing is known of children: the process is meant.
#[test]
fn without_proc_the_process_is_meant() {
    each_place(|cell| {
        let script = format!("{CHILD}; exit $?");
        let run = Setup::new(cell, ["--", "sh", "-c", &script]).placed(["--no-proc"]).start();
        run.line("server");
        run.signal(signal::TERM);
        run.end().exited(143);
    });
}

/// `process` means the shell, whatever it waits for.
#[test]
fn the_process_can_be_demanded() {
    each_place(|cell| {
        let script = format!("{CHILD}; exit $?");
        let run = Setup::new(cell, ["--signal-process", "--", "sh", "-c", &script]).start();
        run.line("server");
        run.signal(signal::TERM);
        run.end().exited(143);
    });
}

/// With `group` the server has ended when its group is empty, and the code is the first process's.
#[test]
fn a_group_has_ended_when_it_is_empty() {
    each_place(|cell| {
        for (options, config) in [(&["-g"][..], None), (&[], Some("[server]\nsignal_target = \"group\"\n"))] {
            let steps =
                ["do", "[", "trap=15:400:7", "print=worker", "pause", "]", "trap=15:0:5", "print=server", "pause"];
            let mut setup = Setup::new(cell, options).args(["--", PROBE]).args(steps);
            if let Some(config) = config {
                setup = setup.config(config);
            }
            let run = setup.start();
            run.lines(&["worker", "server"]);
            run.signal(signal::TERM);
            let end = run.end().exited(5).nothing_left();
            assert_eq!(end.out.matches("finished 15").count(), 2, "{}", end.story());
        }
    });
}

/// The last member of the group has another parent than app-init, which lives on in a group of its own: nothing wakes
/// app-init when the group is empty. It looks.
#[test]
fn a_group_has_ended_also_where_somebody_else_reaps_its_last_member() {
    each_place(|cell| {
        let steps = "[ [ print=member eof ] setsid print=parent wait pause ] exit=7";
        let mut run = Setup::new(cell, ["-g", "--", PROBE, "do"]).args(steps.split(' ')).typed().start();
        run.lines(&["member", "parent"]);
        run.eventually("the server is reaped", |run| {
            let processes = run.processes();
            processes.iter().skip_while(|process| process.name != "app-init").count() == 3
        });
        run.close_input();
        run.line("child ");
        run.end().exited(7);
    });
}

/// §7.1, §9.3. A server that has no handler for WINCH yet would ignore it, and the stop request would be lost.
#[test]
fn a_stop_signal_that_would_be_ignored_is_replaced_by_term() {
    each_place(|cell| {
        let stops = |command: &[&str], said: &str| {
            let config = "[server]\nstop_signal = \"WINCH\"\n";
            let run = Setup::new(cell, ["--"]).args(command).config(config).start();
            run.line("up");
            run.signal(signal::TERM);
            let end = run.end().exited(0);
            assert!(end.out.contains(said), "{}", end.story());
        };
        stops(&[PROBE, "do", "trap=15:0:0", "print=up", "pause"], "trapped 15");
        let script =
            "trap 'echo heard WINCH; exit 0' WINCH; trap 'echo heard TERM; exit 3' TERM; echo up; sleep 100 & wait";
        stops(&["bash", "-c", script], "heard WINCH");
    });
}

/// Where a PID namespace was made without a `/proc` of its own, the one outside is in view: its second process is a shell
/// with a child, and neither number means anything here. A bystander would tell of the INT before it tells of its TERM.
#[test]
fn the_proc_of_another_namespace_says_nothing() {
    let bystander = "[ trap=2:0 trap=15:0:0 print=bystander pause ] ".repeat(4);
    let server = format!("{PROBE} do {bystander} trap=2:0:4 print=server eof kill=parent:2 pause");
    let script = format!(
        "sh -c 'sleep 1000 & : > /run/up; wait' & until [ -e /run/up ]; do :; done; \
         exec unshare --pid --fork {APP_INIT} -- {server}"
    );
    let mut run = Setup::bare(Cell::PID1, ["sh", "-c", &script]).typed().start();
    run.lines(&["bystander", "bystander", "bystander", "bystander", "server"]);
    run.close_input();
    let end = run.end().exited(4);
    assert_eq!(end.out.matches("trapped 2").count(), 1, "{}", end.story());
}
