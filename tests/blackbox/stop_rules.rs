//! §9: what a stop request sets going, in which order, and within which time.

use crate::harness::*;
use std::time::{Duration, Instant};

const PATIENT: [&str; 7] = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause", "exit=1"];
/// Says that it was asked, and stays.
const STUBBORN: [&str; 6] = ["--", PROBE, "do", "trap=15:0", "print=server", "pause"];
const SLOW_SERVER: &str = "app-init: warning: /mnt/bin/probe did not end in time, sending KILL\n";

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

/// Each of them alone has the standard output that app-init was given, although nobody else of it does any more.
#[test]
fn a_hook_behind_the_servers_start_can_print() {
    each_place(|cell| {
        for name in ["post-deploy", "pre-stop", "post-stop"] {
            let server = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause"];
            let run = Setup::new(cell, server).hook(name, "echo printed").start();
            run.lines(if name == "post-deploy" { &["server", "printed"] } else { &["server"] });
            run.signal(signal::TERM);
            let end = run.end().exited(4);
            assert!(end.lines().contains(&"printed"), "{name}: {}", end.story());
        }
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
        let start = |limit: &str| {
            let config = format!("[server]\nstop_timeout = \"{limit}\"\n");
            let run = Setup::new(cell, STUBBORN).config(&config).start();
            run.line("server");
            run.signal(signal::TERM);
            run.end().exited(137).nothing_left()
        };
        let (end, _) = within_a_limit(start, |end| end.out.contains("trapped 15"));
        assert_eq!(end.lines(), ["server", "trapped 15"], "{}", end.story());
        end.complains(&["app-init: warning: /mnt/bin/probe did not end in time, sending KILL"]);
    });
}

/// §9.2: with its group.
#[test]
fn the_kill_is_for_the_servers_group() {
    each_place(|cell| {
        let steps =
            ["--", PROBE, "do", "[", "trap=15:0", "print=bg", "pause", "]", "ignore=15", "print=server", "pause"];
        let run =
            Setup::new(cell, ["--stop-timeout", "200ms"]).args(steps).config("[stop]\nleftovers = \"5s\"\n").start();
        run.lines(&["bg", "server"]);
        run.signal(signal::TERM);
        let end = run.end().exited(137).nothing_left();
        // Killed with the server it was never a leftover, which would have been asked first.
        assert!(!end.out.contains("trapped"), "{}", end.story());
        assert_eq!(end.err.matches(SLOW_SERVER).count(), 1, "{}", end.story());
    });
}

/// §9.2: the platform's grace, when it is told, is kept; who was slow is named.
#[test]
fn the_budget_ends_everything_in_time() {
    each_place(|cell| {
        for (config, variable) in
            [("[stop]\nbudget = \"3s\"\nleftovers = \"5s\"\n", ""), ("[stop]\nleftovers = \"5s\"\n", "3s")]
        {
            let mut setup = Setup::new(cell, STUBBORN).config(config).env("APP_INIT_LOG", "debug");
            if !variable.is_empty() {
                setup = setup.env("APP_INIT_STOP_BUDGET", variable);
            }
            let run = setup.hook("deploy", &format!("{PROBE} do trap=15:20 print=bg pause &")).start();
            run.lines(&["bg", "server"]);
            run.signal(signal::TERM);
            let end = run.end().exited(137).nothing_left();
            // The server's part is over first, then the leftovers have theirs: many times what it needs.
            assert_eq!(end.out.matches("trapped 15\n").count(), 2, "{}", end.story());
            assert!(end.out.ends_with("trapped 15\nhandled 15\n"), "{}", end.story());
            let named =
                [SLOW_SERVER, "app-init: warning: leftover processes did not end in time, sending KILL: probe ("];
            let at = named.map(|line| end.err.find(line).unwrap_or_else(|| panic!("no {line}: {}", end.story())));
            assert!(at.is_sorted(), "{}", end.story());
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
        run.signal(signal::USR1);
        run.end().exited(4).nothing_left();

        let presses = || {
            let run = Setup::new(cell, steps).start();
            run.line("server");
            run.signal(signal::INT);
            run.line("trapped 2");
            let second = Instant::now();
            run.signal(signal::INT);
            run.line("trapped 2");
            run.signal(signal::INT);
            run.signal(signal::USR1);
            let end = run.end().nothing_left();
            // A machine that takes a second for this has not pressed the key quickly, and may be told so.
            let killed = end.how == Ended::Exited(137) && second.elapsed() >= Duration::from_secs(1);
            (!killed).then_some(end)
        };
        let quick = (0..20).find_map(|_| presses());
        let end = quick.expect("one of so many times is quick").exited(4);
        assert_eq!(end.out.matches("trapped 2\n").count(), 3, "{}", end.story());
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
        for (options, signal) in [(&[][..], 15), (&["--run-timeout-signal", "HUP"], 1)] {
            let trap = format!("trap={signal}:0:0");
            let start = |limit: &str| {
                let setup = Setup::new(cell, ["--run-timeout", limit]).args(options);
                let setup = setup.args(["--", PROBE, "do", &trap, "print=server", "pause", "exit=1"]);
                setup.start().end().exited(124).nothing_left()
            };
            let (end, limit) = within_a_limit(start, |end| end.out.contains("server"));
            assert_eq!(end.lines(), ["server", &format!("trapped {signal}"), &format!("finished {signal}")]);
            let name = if signal == 1 { "HUP" } else { "TERM" };
            end.complains(&[&format!("run time limit of {limit} reached, sending {name}")]);
        }
    });
}

/// §9.6.
#[test]
fn a_run_timeout_that_comes_to_a_kill_is_137() {
    each_place(|cell| {
        let start = |limit: &str| {
            let times = ["--run-timeout", limit, "--stop-timeout", limit];
            Setup::new(cell, times).args(STUBBORN).start().end().nothing_left()
        };
        // Asked in its first moments, it would not be there yet to hear it, and end at once.
        let (end, _) = within_a_limit(start, |end| end.out.contains("trapped 15"));
        let end = end.exited(137).complains(&[SLOW_SERVER]);
        assert_eq!(end.out, "server\ntrapped 15\n", "{}", end.story());
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
            "trap=15:0",
            "print=bg",
            "pause",
            "]",
            "[",
            "[",
            "setsid",
            "trap=15:0",
            "print=deep",
            "pause",
            "]",
            "]",
            "print=server",
            "pause",
        ];
        let start = |limit: &str| {
            let options = ["--run-timeout", limit, "--run-timeout-signal", "KILL", "--", PROBE];
            Setup::new(cell, options).args(steps).start().end().exited(137).nothing_left()
        };
        let words = ["bg", "deep", "server"];
        let (end, limit) = within_a_limit(start, |end| words.iter().all(|word| end.out.contains(word)));
        let mut lines = end.lines();
        lines.sort_unstable();
        // Nobody was asked first. Who is left when PID 1 ends is the kernel's, so it has to say itself what it did.
        assert_eq!(lines, words, "{}", end.story());
        end.complains(&[
            &format!("app-init: run time limit of {limit} reached, sending KILL"),
            "app-init: running: /mnt/bin/probe was killed because its run time was over",
        ]);
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
        let hook = format!("echo hook; {PROBE} do until=go; exit 3");
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=server"]).hook("deploy", &hook);
        let run = setup.config("[hooks.deploy]\non_stop = \"finish\"\n").start();
        run.line("Running");
        run.line("hook");
        run.signal(signal::TERM);
        run.err_line("app-init: deploy hook .docker/action_hooks/deploy may finish first");
        run.touch("go");
        let end = run.end().exited(143);
        let end = end.complains(&["app-init: error: deploy hook failed: .docker/action_hooks/deploy: exit 3 after "]);
        assert!(!end.lines().contains(&"server"), "{}", end.story());
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

/// §6.10: whichever hook it is that does not hear the request; without `stop.timeout` too.
#[test]
fn a_hook_that_ignores_the_request_is_killed_after_its_own_stop_timeout() {
    each_place(|cell| {
        for (name, code) in [("deploy", 143), ("deploy-env", 143), ("on-failure", 70), ("post-stop", 4)] {
            let setup = Setup::new(cell, ["--", PROBE, "do", "exit=4"])
                .config(&format!("hooks.{name}.stop_timeout = \"200ms\"\n"))
                .hook(name, &format!("exec {PROBE} do ignore=15 print=stays pause"));
            let run = if name == "on-failure" { setup.hook("deploy", "exit 3").start() } else { setup.start() };
            run.line("stays");
            run.signal(signal::TERM);
            let end = run.end().exited(code).nothing_left();
            assert!(end.err.contains("did not end in time, sending KILL"), "{name}: {}", end.story());
        }
    });
}

/// Somebody traces it and never takes its status, so that no news comes of its end and PID 1 cannot reap it: what asks it to
/// end does all the same.
#[test]
fn a_server_that_cannot_be_reaped_is_not_waited_for() {
    each_place(|cell| {
        // Its end is told by /proc; where only KILL is there to say that it is over, it counts as killed.
        for (how, code) in [(&["exit=3"][..], 3), (&["print=lives", "ignore=15", "pause"], 137)] {
            let config = "[server]\nstop_timeout = \"100ms\"\n[stop]\nleftovers = \"100ms\"\n";
            let args = ["--", PROBE, "do", "traced", "print=up"].iter().chain(how);
            let run = Setup::new(cell, args).hook("post-stop", "echo post-stop ran").config(config).start();
            run.line("up");
            if code == 3 {
                run.eventually("the server is a zombie", |run| run.processes().iter().any(|one| one.state == 'Z'));
            }
            run.signal(signal::TERM);
            let end = run.end().exited(code).nothing_left();
            let end = end.complains(&[&format!("app-init: warning: {PROBE} cannot be reaped: somebody traces it")]);
            assert!(end.out.contains("post-stop ran"), "{}", end.story());
        }
    });
}

#[test]
fn a_hook_that_cannot_be_reaped_has_its_time_and_no_more() {
    each_place(|cell| {
        let config = format!(
            "[[hooks.deploy.run]]\ncommand = [\"{PROBE}\", \"do\", \"traced\", \"exit=3\"]\ntimeout = \"1s\"\n\
            on_failure = \"continue\"\n[stop]\nleftovers = \"100ms\"\n"
        );
        let end = Setup::new(cell, ["--", PROBE, "do", "print=server"]).config(&config).start().end().exited(0);
        let end =
            end.nothing_left().complains(&["ran longer than 1s, stopping it", "cannot be reaped", "exit 3 after"]);
        assert!(end.out.contains("server\n"), "{}", end.story());
    });
}
