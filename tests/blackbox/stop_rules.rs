//! §9: what a stop request sets going, in which order, and within which time.

use crate::harness::*;

const PATIENT: [&str; 7] = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause", "exit=1"];
const DEAF: [&str; 7] = ["--", PROBE, "do", "ignore=15", "ignore=2", "print=server", "pause"];

/// §9.1, §9.4: pre-stop, then the server, then what is left, then post-stop.
#[test]
fn the_order_is_pre_stop_server_leftovers_post_stop() {
    each_cell(|cell| {
        let background = format!("{PROBE} do trap=15:0:0 print=bg pause &\nexit 0");
        let run = Setup::new(cell, PATIENT)
            .hook("deploy", &background)
            .hook("pre-stop", "echo pre-stop-ran")
            .hook("post-stop", "echo post-stop-ran")
            .config("[server]\nstop_signal = \"TERM\"\n[stop]\nleftovers = \"3s\"\n")
            .start();
        run.lines(&["bg", "server"]);
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        let at: Vec<usize> = ["pre-stop-ran", "trapped 15", "post-stop-ran"]
            .iter()
            .map(|word| end.out.find(word).unwrap_or_else(|| panic!("no {word}: {}", end.story())))
            .collect();
        assert!(at.is_sorted(), "{}", end.story());
        assert_eq!(end.out.matches("finished 15").count(), 2, "{}", end.story());
        assert!(end.out.rfind("finished 15") < end.out.find("post-stop-ran"), "{}", end.story());
        assert_eq!(end.out.matches("-----> Running").count(), 3, "{}", end.story());
    });
}

/// §9.1: post-stop runs at every end of the server, a stop request or not; pre-stop belongs to the stop request.
#[test]
fn post_stop_runs_when_the_server_ends_by_itself() {
    each_place(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "do", "exit=4"])
            .hook("pre-stop", "echo pre-stop-ran")
            .hook("post-stop", "echo post-stop-ran; exit 9")
            .start()
            .end()
            .exited(4);
        assert!(end.out.contains("post-stop-ran") && !end.out.contains("pre-stop-ran"), "{}", end.story());
    });
}

/// §9.1, §9.3: the server serves on during the drain; a second request skips the rest, pre-stop runs once.
#[test]
fn a_second_request_skips_the_drain() {
    each_place(|cell| {
        let config = "[stop]\ndrain = \"1h\"\n";
        let run = Setup::new(cell, PATIENT).hook("pre-stop", "echo pre-stop-ran").config(config).start();
        run.line("server");
        run.signal(signal::TERM);
        run.line("pre-stop-ran");
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        assert_eq!(end.out.matches("trapped 15").count(), 1, "{}", end.story());
        assert_eq!(end.out.matches("pre-stop-ran").count(), 1, "{}", end.story());
    });
}

/// §9.1: a drain ends by itself.
#[test]
fn the_server_is_stopped_after_the_drain() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--drain", "300ms"]).args(PATIENT).start();
        run.line("server");
        run.signal(signal::TERM);
        run.end().exited(4).nothing_left();
    });
}

/// §9.1: signals that do not ask for a stop reach the server during the drain.
#[test]
fn other_signals_are_handed_on_during_the_drain() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["--drain", "1h", "--", PROBE, "signals"]).typed();
        let mut run = setup.hook("pre-stop", "echo withdrawn").start();
        run.line("listening");
        run.signal(signal::TERM);
        run.line("withdrawn");
        run.signal(signal::HUP);
        let first = run.line("signal ");
        assert!(first.starts_with("signal 1 "), "{first}");
        run.signal(signal::TERM);
        run.line("signal 15 ");
        run.write("end 3\n");
        run.end().exited(3).nothing_left();
    });
}

/// §9.3: which signal the server is sent.
#[test]
fn the_stop_signal_is_the_configured_one_or_the_one_that_asked() {
    each_place(|cell| {
        for (config, asked, sent) in [
            ("[log]\n", signal::TERM, 15),
            ("[log]\n", signal::INT, 2),
            ("[log]\n", signal::RTMIN_3, 15),
            ("[server]\nstop_signal = \"QUIT\"\n", signal::TERM, 3),
            ("[server]\nstop_signal = \"SIGWINCH\"\nsignal_target = \"process\"\n", signal::INT, 28),
            ("[server]\nstop_signal = \"RTMIN+4\"\n", signal::RTMIN_3, 38),
            ("[stop]\nsignals = [\"QUIT\", \"TERM\"]\n", signal::QUIT, 15),
        ] {
            let mut run = Setup::new(cell, ["--", PROBE, "signals"]).config(config).typed().start();
            run.line("listening");
            run.signal(asked);
            // A CONT that comes after it may be read before it.
            run.line(&format!("signal {sent} "));
            run.write("end 3\n");
            run.end().exited(3).nothing_left();
        }
    });
}

/// §0, §9.4: QUIT is a stop request only where it is configured; otherwise the server's.
#[test]
fn the_list_of_stop_requests_is_replaced() {
    each_place(|cell| {
        let config = "[stop]\nsignals = [\"QUIT\"]\n[server]\nstop_signal = \"USR2\"\n";
        let mut run = Setup::new(cell, ["--", PROBE, "signals"]).config(config).typed().start();
        run.line("listening");
        for (asked, sent) in [(signal::TERM, 15), (signal::INT, 2), (signal::QUIT, 12)] {
            run.signal(asked);
            run.line(&format!("signal {sent} "));
        }
        run.write("end 3\n");
        run.end().exited(3);
    });
}

/// §9.2: its own time.
#[test]
fn a_server_that_does_not_stop_in_its_time_is_killed() {
    each_cell(|cell| {
        let run = Setup::new(cell, DEAF).config("[server]\nstop_timeout = \"200ms\"\n").start();
        run.line("server");
        run.signal(signal::TERM);
        run.end().exited(137).nothing_left();
    });
}

/// §9.2: with its group.
#[test]
fn the_kill_is_for_the_servers_group() {
    each_place(|cell| {
        let steps =
            ["--", PROBE, "do", "[", "ignore=15", "print=bg", "pause", "]", "ignore=15", "print=server", "pause"];
        let run =
            Setup::new(cell, ["--stop-timeout", "200ms"]).args(steps).config("[stop]\nleftovers = \"5s\"\n").start();
        run.lines(&["bg", "server"]);
        run.signal(signal::TERM);
        run.end().exited(137).nothing_left();
    });
}

/// §9.2: the platform's grace, when it is told, is kept; who was slow is named.
#[test]
fn the_budget_ends_everything_in_time() {
    each_place(|cell| {
        for (config, variable) in
            [("[stop]\nbudget = \"2s\"\nleftovers = \"5s\"\n", ""), ("[stop]\nleftovers = \"5s\"\n", "2s")]
        {
            let mut setup =
                Setup::new(cell, DEAF).config(config).hook("deploy", &format!("{PROBE} do ignore=15 print=bg pause &"));
            if !variable.is_empty() {
                setup = setup.env("APP_INIT_STOP_BUDGET", variable);
            }
            let run = setup.start();
            run.lines(&["bg", "server"]);
            run.signal(signal::TERM);
            run.end().exited(137).nothing_left();
        }
    });
}

/// §9.3: a third SIGINT kills, if it comes a second or more after the second.
#[test]
fn a_third_interrupt_kills() {
    let steps = ["--stop-timeout", "1h", "--", PROBE, "do", "trap=2:1100", "print=server", "pause"];
    let run = Setup::new(Cell::PID1, steps).start();
    run.line("server");
    for _ in 0..2 {
        run.signal(signal::INT);
        run.line("trapped 2");
        run.line("handled 2");
    }
    run.signal(signal::INT);
    run.end().exited(137).nothing_left();
}

/// §9.3: a third one right after the second is the same impatient key, not a decision. A third TERM never kills.
#[test]
fn a_quick_third_interrupt_or_term_does_not_kill() {
    each_place(|cell| {
        let steps = [
            "--stop-timeout",
            "1h",
            "--",
            PROBE,
            "do",
            "trap=2:0",
            "trap=15:0",
            "trap=10:0:4",
            "print=server",
            "pause",
        ];
        let run = Setup::new(cell, steps).start();
        run.line("server");
        for _ in 0..4 {
            run.signal(signal::TERM);
            run.line("trapped 15");
        }
        run.signal(signal::INT);
        run.line("trapped 2");
        let second = std::time::Instant::now();
        run.signal(signal::INT);
        run.line("trapped 2");
        run.signal(signal::INT);
        if second.elapsed() > std::time::Duration::from_millis(900) {
            return; // A machine this slow has not pressed the key quickly.
        }
        run.line("trapped 2");
        run.signal(signal::USR1);
        run.end().exited(4).nothing_left();
    });
}

/// Exit codes, §1: 143 and others can be a success.
#[test]
fn success_codes_become_0() {
    each_place(|cell| {
        let died = |setup: Setup| {
            let run = setup.args(["--", PROBE, "do", "print=server", "pause"]).start();
            run.line("server");
            run.signal(signal::TERM);
            run.end()
        };
        died(Setup::new(cell, ["--success-code", "143"])).exited(0);
        died(Setup::new(cell, ["--success-code", "7", "--success-code", "143"])).exited(0);
        died(Setup::new(cell, [""; 0]).config("[server]\nsuccess_codes = [143]\n")).exited(0);
        died(Setup::new(cell, ["--success-code", "3"])).exited(143);
        Setup::new(cell, ["--success-code", "3", "--", PROBE, "do", "exit=3"]).start().end().exited(0);
    });
}

/// §9.6: a time for the server's life, as timeout(1) has it.
#[test]
fn a_run_timeout_ends_the_server_with_124() {
    each_cell(|cell| {
        let run = Setup::new(cell, ["--run-timeout", "200ms"]).args(PATIENT).start();
        run.line("server");
        let end = run.end().exited(124).nothing_left();
        assert!(end.out.contains("trapped 15"), "{}", end.story());
        let run = Setup::new(cell, ["--run-timeout", "200ms", "--run-timeout-signal", "HUP"])
            .args(["--", PROBE, "do", "trap=1:0:0", "print=server", "pause"])
            .start();
        run.end().exited(124).nothing_left();
    });
}

/// §9.6.
#[test]
fn a_run_timeout_that_comes_to_a_kill_is_137() {
    each_place(|cell| {
        let times = ["--run-timeout", "200ms", "--stop-timeout", "200ms"];
        Setup::new(cell, times).args(DEAF).start().end().exited(137).nothing_left();
    });
}

/// §9.6: with KILL nothing outlives it, in whatever session and whatever it ignores; all that was printed is there.
#[test]
fn a_run_timeout_with_kill_leaves_nothing() {
    each_cell(|cell| {
        let steps = [
            "do",
            "[",
            "setsid",
            "ignore=15",
            "print=bg",
            "pause",
            "]",
            "[",
            "[",
            "setsid",
            "ignore=15",
            "print=deep",
            "pause",
            "]",
            "]",
            "print=server",
            "pause",
        ];
        let end = Setup::new(cell, ["--run-timeout", "400ms", "--run-timeout-signal", "KILL", "--", PROBE])
            .args(steps)
            .start()
            .end()
            .exited(137)
            .nothing_left();
        for word in ["bg", "deep", "server"] {
            assert!(end.out.contains(word), "{}", end.story());
        }
    });
}

/// §9.6: a server that ends in time has its own code.
#[test]
fn a_run_timeout_not_reached_changes_nothing() {
    each_place(|cell| {
        Setup::new(cell, ["--run-timeout", "1h", "--", PROBE, "do", "exit=3"]).start().end().exited(3).nothing_left();
    });
}

/// §9.5: exit the moment nothing is left: no time of the stop is waited out.
#[test]
fn no_time_is_waited_out() {
    each_place(|cell| {
        let config = "[stop]\nbudget = \"2h\"\nleftovers = \"1h\"\ntimeout = \"1h\"\n[server]\nstop_timeout = \"1h\"\n";
        let background = format!("{PROBE} do trap=15:0:0 print=bg pause &");
        let run = Setup::new(cell, PATIENT).hook("deploy", &background).config(config).start();
        run.lines(&["bg", "server"]);
        run.signal(signal::TERM);
        run.end().exited(4).nothing_left();
    });
}

/// C79, §9.1: not PID 1, it touches nobody but its own descendants.
#[test]
fn a_bystander_is_never_signalled() {
    let script = format!(
        "{PROBE} signals & bystander=$!; {APP_INIT} --stop-timeout 1s -- {PROBE} do [ setsid ignore=15 pause ] exit=3; \
         echo code $?; kill -USR1 $bystander; read line; kill -KILL $bystander"
    );
    let mut run =
        Setup::bare(Cell::SUBREAPER, ["sh", "-c", &script]).config("[stop]\nleftovers = \"200ms\"\n").typed().start();
    run.line("code 3");
    let first = run.line("signal ");
    assert!(first.starts_with("signal 10 "), "{first}");
    run.write("\n");
    let end = run.end();
    assert_eq!(end.out.matches("signal ").count(), 1, "{}", end.story());
}

/// §6.10: who fails while it finishes is named.
#[test]
fn a_hook_that_fails_while_it_finishes_is_reported() {
    each_place(|cell| {
        let hook = format!("echo hook; {PROBE} do sleep=300; exit 3");
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=server"]).hook("deploy", &hook);
        let run = setup.config("[hooks.deploy]\non_stop = \"finish\"\n").start();
        run.line("hook");
        run.signal(signal::TERM);
        run.end().exited(143).complains(&["deploy", "exit 3"]);
    });
}

/// `post-stop` cleans up after a server; where there was none it has nothing to do.
#[test]
fn post_stop_does_not_run_when_the_server_never_did() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["--", "no-such-program"]).hook("post-stop", "echo cleaned");
        let end = setup.start().end().exited(127);
        assert!(!end.out.contains("cleaned"), "{}", end.story());
    });
}
