//! Every signal reaches the server, as it came; app-init's own never do.

use crate::harness::*;

/// Not to be caught, or app-init's own news of its children.
const NEVER: [i32; 3] = [signal::KILL, signal::CHLD, signal::STOP];
/// A terminal's stop signals have rules of their own where there is a terminal.
const STOPS: [i32; 3] = [signal::TSTP, signal::TTIN, signal::TTOU];

fn listening(setup: Setup) -> Running {
    let run = setup.start();
    run.line("listening");
    run
}

/// Ends the listening server and gives the numbers that it was sent.
fn heard(mut run: Running) -> Vec<i32> {
    run.write("end 11\n");
    let end = run.end().exited(11).nothing_left();
    let number = |line: &str| line.trim_end().strip_prefix("signal ")?.split(' ').next()?.parse().ok();
    end.out.lines().filter_map(number).collect()
}

/// It is on its way before anything else of its turn is done: nobody is reaped before, and the time is not asked for. Only a
/// stop signal waits for an answer: whether the server is a shell.
#[test]
fn a_signal_is_handed_on_first_of_all() {
    let steps = ["--", PROBE, "do", "trap=10:0", "trap=15:0:4", "kill=parent:10", "kill=parent:15", "pause"];
    let end = Setup::traced(Cell::SUBREAPER, &["trace=all"], steps).start().end().exited(4);
    let mut calls = end.calls_of_app_init();
    // Where another process came in between, a call has two lines.
    calls.retain(|call| !call.text.starts_with("<... kill resumed"));
    for (name, asks) in [("SIGUSR1", false), ("SIGTERM", true)] {
        let taken = format!("si_signo={name}");
        let place = calls.iter().position(|call| call.text.contains(&taken)).expect("it was taken");
        let mut next = calls[place + 1..].iter().filter(|call| !(asks && call.text.contains("readlink")));
        let next = next.next().map(|call| call.text.as_str()).unwrap_or_default();
        assert!(next.starts_with("kill(") && next.contains(name), "after {name}: {next}\n{}", end.story());
        // What is no stop signal is all that its turn has.
        let kill = calls.iter().position(|call| call.text == next).unwrap_or(0);
        let waits = calls.get(kill + 1).is_some_and(|call| call.text.starts_with("rt_sigtimedwait("));
        assert!(asks || waits, "after the kill: {:?}\n{}", calls.get(kill + 1), end.story());
    }
}

/// C36, C37, C44: all 64 but three, and each time it comes.
#[test]
fn every_signal_is_handed_on_each_time() {
    each_cell(|cell| {
        let run = listening(Setup::new(cell, ["--", PROBE, "signals"]).typed());
        for number in (1..=64).filter(|number| !NEVER.contains(number)) {
            if cell.terminal && STOPS.contains(&number) {
                continue;
            }
            for _ in 0..2 {
                run.signal(number);
                run.line(&format!("signal {number} code 0 "));
            }
        }
        let heard = heard(run);
        assert!(heard.len() >= 2 * 58 && heard.iter().all(|number| !NEVER.contains(number)), "{heard:?}");
    });
}

/// C36, C48: without a handler each has its usual effect on the server.
#[test]
fn a_forwarded_signal_ends_a_server_that_does_not_handle_it() {
    each_cell(|cell| {
        for number in [signal::TERM, signal::INT, signal::HUP, signal::USR1, 34, 64] {
            let run = Setup::new(cell, ["--", PROBE, "do", "print=up", "pause"]).start();
            run.line("up");
            run.signal(number);
            run.end().exited(128 + number).nothing_left();
        }
    });
}

/// A signal that becomes KILL comes after a long time without one: the time that the server may take to go counts from it,
/// and not from the news before it. With a tracer it takes some.
#[test]
fn a_signal_that_becomes_kill_leaves_the_server_time_to_go() {
    for (name, number) in [("USR1", signal::USR1), ("TERM", signal::TERM)] {
        let rewrite = format!("{name}:KILL");
        let kill = format!("kill=parent:{number}");
        // Longer than a child may take that has nothing more to do but to go.
        let args = ["-r", &rewrite, "--", PROBE, "do", "sleep=600", &kill, "pause"];
        each_place(|cell| drop(Setup::new(cell, args).start().end().exited(137).silent_stderr().nothing_left()));
        Setup::traced(Cell::SUBREAPER, &["trace=execve"], args).start().end().exited(137).silent_stderr();
    }
}

/// C38. A fault of app-init itself is its own end: the server is told nothing of it. The next instruction of the
/// sleeping app-init is overwritten by one that does not exist.
#[test]
fn a_fault_of_app_init_itself_is_not_handed_on() {
    use std::os::unix::fs::FileExt;
    let run = listening(Setup::new(Cell::SUBREAPER, ["--", PROBE, "signals"]).typed());
    // "NUMBER arguments… STACK INSTRUCTION" of a process that waits in a system call.
    let place = || {
        let text = std::fs::read_to_string(format!("/proc/{}/syscall", run.pid)).unwrap_or_default();
        u64::from_str_radix(text.trim().rsplit_once("0x")?.1, 16).ok()
    };
    run.eventually("it waits in a system call", |_| place().is_some());
    let memory = std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/mem", run.pid)).expect("root may");
    let nonsense: &[u8] = if cfg!(target_arch = "x86_64") { &[0x0f, 0x0b] } else { &[0, 0, 0, 0] };
    memory.write_all_at(nonsense, place().expect("it still waits")).expect("root may");
    run.signal(signal::USR1);
    let end = run.end();
    assert_eq!(end.how, Ended::Signaled(4), "{}", end.story());
    assert!(!end.out.contains("signal 4 "), "{}", end.story());
}

/// C39. What its own writing to a closed stderr causes stays with it; one that is sent is handed on.
#[test]
fn its_own_sigpipe_is_not_handed_on() {
    each_place(|cell| {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
        drop(read);
        let setup =
            Setup::new(cell, ["-v", "--", PROBE, "signals"]).env("APP_INIT_LOG", "trace").stderr_to(write).typed();
        let run = listening(setup);
        for number in [signal::USR1, signal::USR2, signal::PIPE] {
            run.signal(number);
            run.line(&format!("signal {number} "));
        }
        assert_eq!(heard(run), [signal::USR1, signal::USR2, signal::PIPE], "in {cell}");
    });
}

/// C39. The same for a log file that may not grow.
#[test]
fn its_own_sigxfsz_is_not_handed_on() {
    each_place(|cell| {
        let file = tempfile::tempfile().expect("a temporary file can be made");
        let setup = Setup::new(cell, ["-v", "--", PROBE, "signals"])
            .env("APP_INIT_LOG", "trace")
            .placed(["--limit", FSIZE, "0"])
            .stderr_to(file.into())
            .typed();
        let run = listening(setup);
        for number in [signal::USR1, signal::XFSZ] {
            run.signal(number);
            run.line(&format!("signal {number} "));
        }
        assert_eq!(heard(run), [signal::USR1, signal::XFSZ], "in {cell}");
    });
}

/// C41. Unprivileged, with a server that has become root: it cannot be signalled, and that is not app-init's end.
#[test]
fn a_signal_that_may_not_be_sent_is_not_fatal() {
    each_place(|cell| {
        let probe = std::fs::read(probe()).expect("the probe can be read");
        let steps = ["do", "user=0", "print=up", "read", "exit=5"];
        let mut run = Setup::new(cell, ["--", "/mnt/app/probe-as-root"])
            .args(steps)
            .file("probe-as-root", probe, 0o4755)
            .placed(["--user", "12402"])
            .typed()
            .start();
        run.line("up");
        for number in [signal::TERM, signal::USR1, signal::HUP] {
            run.signal(number);
        }
        run.write("go on\n");
        run.end().exited(5);
    });
}

/// C42. The process alone by default, its group with `-g`; a process that left the group is in neither.
#[test]
fn the_group_is_signalled_only_when_asked() {
    let steps =
        ["do", "[", "trap=10:0", "print=child", "pause", "]", "trap=10:0", "trap=12:0:5", "print=main", "pause"];
    each_place(|cell| {
        for (options, both) in
            [(&[][..], false), (&["-g"], true), (&["--signal-group"], true), (&["--signal-process"], false)]
        {
            let run = Setup::new(cell, options).args(["--", PROBE]).args(steps).start();
            run.lines(&["child", "main"]);
            run.signal(signal::USR1);
            run.line("trapped 10");
            if both {
                run.line("trapped 10");
            }
            run.signal(signal::USR2);
            let end = run.end();
            // Where the child was not meant, its line cannot come any more: it would have come before the end.
            assert_eq!(end.out.matches("trapped 10").count(), if both { 2 } else { 1 }, "{options:?} {}", end.story());
        }
    });
}

/// C45, C46.
#[test]
fn hup_and_winch_reach_the_server() {
    each_cell(|cell| {
        let run = listening(Setup::new(cell, ["--", PROBE, "signals"]).typed());
        for number in [signal::HUP, signal::WINCH, signal::HUP] {
            run.signal(number);
            run.line(&format!("signal {number} "));
        }
        assert_eq!(heard(run), [signal::HUP, signal::WINCH, signal::HUP]);
    });
}

/// C47. By name or number, one step only; 0 drops.
#[test]
fn rewriting_is_one_step() {
    each_place(|cell| {
        let rules = ["-r", "USR1:USR2", "--rewrite", "12:1", "-r", "SIGHUP:0", "-r", "WINCH:SIGRTMIN+3"];
        let run = listening(Setup::new(cell, rules).args(["--", PROBE, "signals"]).typed());
        for (number, becomes) in [(signal::USR1, 12), (signal::USR2, 1), (signal::WINCH, 37), (35, 35)] {
            run.signal(signal::HUP);
            run.signal(number);
            run.line(&format!("signal {becomes} "));
        }
        assert_eq!(heard(run), [12, 1, 37, 35], "in {cell}");
    });
}

/// As of every other option, so that those of an image's ENTRYPOINT can be overridden.
#[test]
fn the_last_rewriting_of_a_signal_counts() {
    each_place(|cell| {
        for more in [&[][..], &["--stop-timeout", "1h"]] {
            let rules = ["-r", "USR1:USR2", "-r", "WINCH:0", "-r", "10:HUP", "-r", "WINCH:WINCH"];
            let run = listening(Setup::new(cell, rules).args(more).args(["--", PROBE, "signals"]).typed());
            for (number, becomes) in [(signal::USR1, 1), (signal::WINCH, 28)] {
                run.signal(number);
                run.line(&format!("signal {becomes} "));
            }
            assert_eq!(heard(run), [1, 28], "in {cell}");
        }
    });
}

/// C47.
#[test]
fn a_wrong_rewriting_rule_is_a_usage_error() {
    for rule in ["15:3junk", "15", "15:", ":3", "0:15", "65:1", "NOSUCH:1", "15:3:2", " 15:3", "-1:3", "KILL:TERM"] {
        let end = Setup::new(Cell::PID1, ["-r", rule, "--", PROBE, "do", "print=ran"]).start().end().exited(64);
        assert!(!end.out.contains("ran") && !end.err.is_empty(), "{rule}: {}", end.story());
    }
}

/// C43, §9.3: with a server, a stop request that comes again is handed on again.
#[test]
fn a_repeated_stop_request_is_handed_on_again() {
    each_place(|cell| {
        let run = listening(Setup::new(cell, ["--stop-timeout", "1h", "--", PROBE, "signals"]).typed());
        for _ in 0..3 {
            run.signal(signal::TERM);
            run.line("signal 15 ");
        }
        assert_eq!(heard(run).iter().filter(|number| **number == 15).count(), 3);
    });
}
