//! The end: the right code, nothing cut off, nothing left.

use crate::harness::*;
use crate::soak::scale;

/// C48.
#[test]
fn the_exit_code_is_the_servers() {
    each_cell(|cell| {
        for code in ["0", "1", "42", "64", "126", "127", "128", "143", "255"] {
            let number = code.parse().expect("a number");
            let step = format!("exit={code}");
            Setup::new(cell, ["--", PROBE, "do", &step]).start().end().exited(number).nothing_left().silent();
        }
    });
}

/// C48. Whatever the signal, a core file or not.
#[test]
fn a_server_that_a_signal_ended_gives_128_and_the_number() {
    each_place(|cell| {
        let deadly = (1..=64).filter(|number| ![17, 18, 19, 20, 21, 22, 23, 28].contains(number));
        for number in deadly {
            let die = format!("die={number}");
            Setup::new(cell, ["--", PROBE, "do", "core", &die]).start().end().exited(128 + number).silent();
        }
    });
}

/// C49, §9.1 and plain use's rule in §9.3: every time. A server that has ended does not take the others' time away.
#[test]
fn a_background_process_finishes_its_work() {
    for _ in 0..scale(1, 100) {
        // A thirtieth of the time that leftovers have in plain use.
        let steps = ["do", "[", "trap=15:100:0", "print=bg", "pause", "]", "eof", "exit=4"];
        let mut run = Setup::new(Cell::PID1, ["--", PROBE]).args(steps).typed().start();
        run.line("bg");
        run.close_input();
        let end = run.end().exited(4).silent_stderr();
        assert!(end.out.contains("finished 15"), "{}", end.story());
    }
}

/// C49, C42. Also one that has left the group and the session.
#[test]
fn a_process_in_its_own_session_finishes_its_work() {
    each_leftover_setup("1h", |setup| {
        let steps = ["do", "[", "[", "setsid", "trap=15:300:0", "print=bg", "pause", "]", "]", "eof", "exit=4"];
        let mut run = setup.args(["--", PROBE]).args(steps).typed().start();
        run.line("bg");
        run.close_input();
        let end = run.end().exited(4).nothing_left();
        assert!(end.out.contains("finished 15"), "{}", end.story());
    });
}

/// C49, §9.1. One that will not end is killed when its time is over, and the code stays the server's.
#[test]
fn a_leftover_that_ignores_term_is_killed() {
    // What is left when PID 1 ends is the kernel's: that it was asked and had its time, a twentieth of which is enough for
    // both lines, it says itself.
    each_leftover_setup("1s", |setup| {
        let steps = ["do", "[", "[", "setsid", "trap=15:50", "print=bg", "pause", "]", "]", "eof", "exit=4"];
        let mut run = setup.env("APP_INIT_LOG", "debug").args(["--", PROBE]).args(steps).typed().start();
        run.line("bg");
        run.close_input();
        let end = run.end().exited(4).nothing_left();
        assert_eq!(end.out, "bg\ntrapped 15\nhandled 15\n", "{}", end.story());
        // It is named, with the number that it has in the container.
        let told = "app-init: warning: leftover processes did not end in time, sending KILL: probe (";
        let names: Vec<&str> = end.err.lines().filter_map(|line| line.strip_prefix(told)).collect();
        let number = |name: &str| name.strip_suffix(')').is_some_and(|pid| pid.parse::<i32>().is_ok_and(|pid| pid > 2));
        assert!(names.len() == 1 && number(names[0]), "{}", end.story());
    });
}

/// Outside plain use, with a time for leftovers: as PID 1 and as a subreaper.
fn each_leftover_setup(time: &str, test: impl Fn(Setup)) {
    each_place(|cell| test(Setup::new(cell, [""; 0]).config(&format!("[stop]\nleftovers = \"{time}\"\n"))));
}

/// C50. Nothing is killed for being slow unless somebody has said how slow is too slow.
#[test]
fn a_server_that_ignores_term_is_killed_only_on_demand() {
    each_place(|cell| {
        let steps = ["do", "trap=15:0", "trap=10:0:6", "print=up", "pause"];
        let run = Setup::new(cell, ["--", PROBE]).args(steps).start();
        run.line("up");
        for _ in 0..3 {
            run.signal(signal::TERM);
            run.line("trapped 15");
        }
        run.signal(signal::USR1);
        run.end().exited(6).nothing_left();

        let steps = ["do", "ignore=15", "print=up", "pause"];
        let run = Setup::new(cell, ["--stop-timeout", "300ms", "--", PROBE]).args(steps).start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(137).nothing_left();
    });
}

/// C51. A stopped server can take its TERM.
#[test]
fn a_stopped_server_ends_at_a_term() {
    each_cell_without_terminal(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "print=up", "stop", "pause"]).start();
        run.line("up");
        run.eventually("the server is stopped", |run| run.processes().iter().any(|process| process.state == 'T'));
        run.signal(signal::TERM);
        run.end().exited(143).nothing_left();
    });
}

/// C51, for leftovers.
#[test]
fn a_stopped_leftover_ends() {
    each_leftover_setup("1h", |setup| {
        let steps = ["do", "[", "trap=15:0:0", "print=bg", "stop", "pause", "]", "eof", "exit=4"];
        let mut run = setup.args(["--", PROBE]).args(steps).typed().start();
        run.line("bg");
        run.eventually("it is stopped", |run| run.processes().iter().any(|process| process.state == 'T'));
        run.close_input();
        let end = run.end().exited(4).nothing_left();
        assert!(end.out.contains("finished 15"), "{}", end.story());
    });
}

/// C52, C6. The process limit is used up by the application: the stop needs no process, and the code is the server's.
#[test]
fn stopping_needs_no_new_process() {
    for (cell, user) in [(Cell::PID1, "12403"), (Cell::SUBREAPER, "12404")] {
        let steps = ["do", "trap=15:0:42", "forks=50", "print=up", "pause"];
        let run = Setup::new(cell, ["--", PROBE]).args(steps).placed(["--user", user, "--limit", NPROC, "4"]).start();
        assert!(run.line("forked").contains("error 11"), "the limit was not reached");
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(42);
    }
}

/// C53, §9.1. While it delays the stop it reaps, and a second request or the server's end cuts the delay short.
#[test]
fn a_drain_delay_keeps_reaping_and_can_be_cut_short() {
    each_place(|cell| {
        let steps = ["do", "trap=15:0:7", "print=up", "read", "orphans=50", "reaped", "pause"];
        let mut run = Setup::new(cell, ["--drain", "1h", "--", PROBE]).args(steps).typed().start();
        run.line("up");
        run.signal(signal::TERM);
        run.write("go on\n");
        run.line("strangers 0");
        run.signal(signal::TERM);
        let end = run.end().exited(7).nothing_left();
        assert_eq!(end.out.matches("trapped 15").count(), 1, "{}", end.story());

        let mut run =
            Setup::new(cell, ["--drain", "1h", "--", PROBE, "do", "print=up", "eof", "exit=8"]).typed().start();
        run.line("up");
        run.signal(signal::TERM);
        run.close_input();
        run.end().exited(8).nothing_left();
    });
}

/// C55. A megabyte of every byte there is, on both streams at once.
#[test]
fn the_servers_output_is_untouched() {
    let data: Vec<u8> = (0..1_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    each_place(|cell| {
        let end = Setup::new(cell, ["-v", "--", "sh", "-c", "cat data; cat data >&2"])
            .file("data", &data, 0o644)
            .start()
            .end()
            .exited(0);
        assert!(end.out_bytes == data, "stdout was changed in {cell}");
        let inside = end.err_bytes.windows(data.len()).any(|window| window == data);
        assert!(inside, "stderr was changed in {cell}");
    });
}

/// C55. Asked to talk, it talks on stderr.
#[test]
fn its_own_words_go_to_stderr() {
    each_place(|cell| {
        let end = Setup::new(cell, ["-v", "--", PROBE, "do", "print=up", "exit=1"])
            .env("APP_INIT_LOG", "trace")
            .start()
            .end()
            .exited(1);
        assert_eq!(end.out, "up\n", "{}", end.story());
        assert!(cell.pid1 || end.err.contains("subreaper"), "{}", end.story());
    });
}
