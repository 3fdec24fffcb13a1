//! §6.4: a hook that fails is tried again.

use crate::harness::*;

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];

/// A hook that counts its tries and does `then` at each.
fn counting(then: &str) -> String {
    format!("echo x >> /mnt/app/tries; n=$(wc -l < /mnt/app/tries); echo try $n; {then}")
}

fn setup(cell: Cell, args: &[&str], retry: &str, then: &str) -> Setup {
    Setup::new(cell, args).config(&format!("[hooks.deploy]\nretry = {{ {retry} }}\n")).hook("deploy", &counting(then))
}

fn tries(end: &End) -> usize {
    end.lines().iter().filter(|line| line.starts_with("try ")).count()
}

#[test]
fn it_is_tried_until_it_succeeds() {
    each_cell(|cell| {
        let counts = counting("test $n = 3 || exit 7").replace("/mnt/app/", "/tmp/");
        // The count needs a place.
        let cell = Cell { read_only: false, ..cell };
        let config = "[hooks.deploy]\nretry = { max = 5, backoff = \"10ms\" }\n";
        let end =
            Setup::new(cell, SERVER).config(config).hook("deploy", &counts).start().end().exited(4).nothing_left();
        assert_eq!(tries(&end), 3, "{}", end.story());
        assert!(end.lines().contains(&"server"), "{}", end.story());
        assert_eq!(end.out.matches("-----> Running .docker/action_hooks/deploy").count(), 3, "{}", end.story());
        let end = end.complains(&[
            "warning: deploy hook failed: .docker/action_hooks/deploy: exit 7 after ",
            "; it is tried again in 10ms",
            "; it is tried again in 20ms",
        ]);
        assert!(!end.err.contains("40ms") && !end.out.contains("40ms"), "{}", end.story());
    });
}

/// After so many more tries it has failed.
#[test]
fn it_is_not_tried_for_ever() {
    each_place(|cell| {
        for (max, expected) in [(0, 1), (1, 2), (3, 4)] {
            for mode in ["--supervise", "--exec"] {
                let args = [&[mode], &SERVER[..]].concat();
                let end = setup(cell, &args, &format!("max = {max}, backoff = \"10ms\""), "exit 7");
                let end =
                    end.hook("on-failure", "echo alert $APP_INIT_FAILED_CODE").start().end().exited(70).nothing_left();
                assert_eq!(tries(&end), expected, "{}", end.story());
                assert_eq!(end.out.matches("alert 7").count(), 1, "{}", end.story());
                assert!(!end.lines().contains(&"server"), "{}", end.story());
            }
        }
        let end = setup(cell, &["hook", "deploy"], "max = 2, backoff = \"10ms\"", "exit 7").start().end().exited(7);
        assert_eq!(tries(&end), 3, "{}", end.story());
    });
}

/// It doubles up to a limit.
#[test]
fn the_pauses_grow_to_a_limit() {
    each_place(|cell| {
        let retry = "max = 5, backoff = \"10ms\", max_backoff = \"30ms\"";
        let end = setup(cell, &SERVER, retry, "exit 7").start().end().exited(70);
        let pauses: Vec<&str> = end.err.lines().filter_map(|line| line.split("is tried again in ").nth(1)).collect();
        assert_eq!(pauses, ["10ms", "20ms", "30ms", "30ms", "30ms"], "{}", end.story());
    });
}

#[test]
fn only_the_named_codes_are_tried_again() {
    each_place(|cell| {
        let count = |then: &str, code: i32| {
            let retry = "max = 3, backoff = \"10ms\", on_codes = [75, 7]";
            tries(&setup(cell, &SERVER, retry, then).start().end().exited(code))
        };
        assert_eq!(count("exit 7", 70), 4);
        assert_eq!(count("exit 75", 70), 4);
        assert_eq!(count("exit 8", 70), 1);
        assert_eq!(count("test $n = 1 && exit 7; exit 8", 70), 2);
        assert_eq!(count("test $n = 2 || exit 75", 4), 2);
        assert_eq!(count("kill -9 $$", 70), 1);
        assert_eq!(count("exit 0", 4), 1);
    });
}

/// Without a list of codes every failure counts, but one that will be the same in a second.
#[test]
fn what_counts_as_a_failure() {
    each_place(|cell| {
        let end = setup(cell, &SERVER, "max = 2, backoff = \"10ms\"", "kill -9 $$").start().end().exited(70);
        assert_eq!(tries(&end), 3, "{}", end.story());
        let config = "[[hooks.deploy.run]]\ncommand = [\"no-such-program\"]\nretry = { max = 3, backoff = \"10ms\" }\n";
        let end = Setup::new(cell, SERVER).config(config).start().end().exited(70);
        assert!(!end.err.contains("tried again"), "{}", end.story());
        // Its time is over: that is a failure too, whatever it says.
        let hook = counting(&format!("test $n = 2 || exec {PROBE} do trap=15:0:0 print=late pause"));
        let start = |limit: &str| {
            let config = format!("[hooks.deploy]\ntimeout = \"{limit}\"\nretry = {{ max = 1, backoff = \"10ms\" }}\n");
            Setup::new(cell, SERVER).config(&config).hook("deploy", &hook).start().end().nothing_left()
        };
        let (end, _) = within_a_limit(start, |end| end.out.contains("late\n") && tries(end) == 2);
        let lines: Vec<&str> = end.lines().into_iter().filter(|line| !line.contains("----->")).collect();
        assert_eq!(lines, ["try 1", "late", "trapped 15", "finished 15", "try 2", "server"], "{}", end.story());
        end.exited(4);
    });
}

/// For one command; the others are not run again.
#[test]
fn a_command_may_have_its_own() {
    each_place(|cell| {
        let config = format!(
            "[hooks.deploy]\nretry = {{ max = 9, backoff = \"10ms\" }}\n[[hooks.deploy.run]]\ncommand = [\"echo\", \
                \"before\"]\n\
            [[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"{}\"]\nretry = {{ max = 2, backoff = \"10ms\" }}\n\
            [[hooks.deploy.run]]\ncommand = [\"echo\", \"behind\"]\n",
            counting("test $n = GOAL").replace('$', "$$")
        );
        let start = |goal: &str| Setup::new(cell, SERVER).config(&config.replace("GOAL", goal)).start().end();
        let end = start("3").exited(4);
        assert_eq!(
            (tries(&end), end.lines().iter().filter(|line| ["before", "behind"].contains(line)).count()),
            (3, 2)
        );
        let end = start("4").exited(70);
        assert_eq!((tries(&end), end.lines().contains(&"behind")), (3, false), "{}", end.story());
    });
}

/// `on_failure = "continue"` comes after the last try.
#[test]
fn going_on_comes_after_the_last_try() {
    each_place(|cell| {
        let config = "[hooks.deploy]\non_failure = \"continue\"\nretry = { max = 2, backoff = \"10ms\" }\n";
        let end = Setup::new(cell, SERVER).config(config).hook("deploy", &counting("exit 7")).start().end().exited(4);
        assert_eq!(tries(&end), 3, "{}", end.story());
        assert_eq!(end.err.matches("going on without .docker/action_hooks/deploy").count(), 1, "{}", end.story());
    });
}

/// §6.5: the question is not asked again, and a retry is none of its business.
#[test]
fn a_question_is_asked_once() {
    each_place(|cell| {
        let config = "[hooks.deploy]\nretry = { max = 2, backoff = \"10ms\" }\nskip_if = [\"sh\", \"-c\", \"echo \
            question; exit 1\"]\n";
        let end =
            Setup::new(cell, SERVER).config(config).hook("deploy", &counting("test $n = 3")).start().end().exited(4);
        assert_eq!((tries(&end), end.out.matches("question\n").count()), (3, 1), "{}", end.story());
    });
}

/// §0.3: a stop request during the pause: nothing runs that could be asked, so it is over at once.
#[test]
fn a_stop_request_during_the_pause_is_acted_on_at_once() {
    for cell in Cell::all().into_iter().filter(|cell| !cell.read_only) {
        for (number, code) in [(signal::TERM, 143), (signal::INT, 130)] {
            for mode in ["--supervise", "--exec"] {
                let args = [&[mode], &SERVER[..]].concat();
                let run = setup(cell, &args, "max = 3, backoff = \"10m\", max_backoff = \"10m\"", "exit 7").start();
                run.err_line("is tried again in 10m");
                run.signal(number);
                let end = run.end().exited(code).nothing_left();
                assert_eq!((tries(&end), end.lines().contains(&"server")), (1, false), "{}", end.story());
            }
        }
    }
}

/// One that is asked to end while it runs is not tried again.
#[test]
fn a_stop_request_during_a_try_is_the_last() {
    each_place(|cell| {
        for stop in ["stop", "finish"] {
            let config = format!("[hooks.deploy]\non_stop = \"{stop}\"\nretry = {{ max = 3, backoff = \"10ms\" }}\n");
            let hook = counting(&format!("exec {PROBE} do trap=15:0:7 print=up sleep=0 pause"));
            let run = Setup::new(cell, SERVER).config(&config).hook("deploy", &hook).start();
            run.line("up");
            run.signal(signal::TERM);
            if stop == "finish" {
                run.err_line("may finish first");
                run.signal(signal::TERM);
            }
            let end = run.end().exited(143).nothing_left();
            assert_eq!((tries(&end), end.lines().contains(&"server")), (1, false), "{}", end.story());
        }
    });
}

/// Pollers too, beside the server.
#[test]
fn a_poller_is_tried_again() {
    each_place(|cell| {
        let config = "[hooks.post-deploy]\nretry = { max = 5, backoff = \"10ms\" }\n";
        let args = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause"];
        let setup =
            Setup::new(cell, args).config(config).hook("post-deploy", &counting("test $n = 3 && echo done || exit 7"));
        let run = setup.start();
        run.lines(&["server", "done"]);
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        assert_eq!(tries(&end), 3, "{}", end.story());
    });
}

#[test]
fn values_may_come_from_the_environment_or_are_faults() {
    let start =
        |retry: &str, value: &str| setup(Cell::PID1, &SERVER, retry, "exit 7").env("PAUSE", value).start().end();
    let end = start("max = 1, backoff = \"${PAUSE}\"", "15ms").exited(70).complains(&["is tried again in 15ms"]);
    assert_eq!(tries(&end), 2, "{}", end.story());
    for (retry, table, key) in [
        ("max = -1", "hooks.deploy.retry", "max"),
        ("max = \"5\"", "hooks.deploy.retry", "max"),
        ("max = 1, backoff = \"soon\"", "hooks.deploy.retry", "backoff"),
        ("max = 1, on_codes = [256]", "hooks.deploy.retry", "on_codes"),
        ("max = 1, times = 2", "hooks.deploy.retry", "times"),
    ] {
        let end = start(retry, "").exited(78).complains(&[table, key]);
        assert_eq!(end.out, "", "{}", end.story());
    }
}
