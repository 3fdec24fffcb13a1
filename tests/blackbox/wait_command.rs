//! §1, §8: `app-init wait`: what wait-for-it and its like do, and then the command in this process's place.

use crate::harness::*;
use crate::waits::{nothing_lives, serve, was_tried};
use std::fs;

const RAN: [&str; 5] = ["--", PROBE, "do", "print=ran", "exit=4"];

fn wait(cell: Cell, args: &[&str]) -> Setup {
    Setup::new(cell, ["wait"]).args(args)
}

/// Time is over: 124, and one line that says for what.
#[test]
fn time_that_runs_out_is_124() {
    let runs_out = |cell: Cell, args: &[&str]| {
        let address = Address::new();
        let target = address.to_string();
        let start = |limit: &str| {
            let args: Vec<String> = args.iter().map(|word| word.replace("TIME", limit)).collect();
            wait(cell, &[&target]).args(args).args(RAN).start().end().exited(124).nothing_left()
        };
        let (end, limit) = within_a_limit(start, was_tried);
        let told = format!(
            "app-init: error: cannot go on: tcp://{target} is not there after {limit} (connect: Connection refused); \
                see that \
            it runs and can be reached from here, or raise the timeout\n"
        );
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()), "{args:?}");
    };
    each_cell_without_terminal(|cell| runs_out(cell, &["-t", "TIME"]));
    for args in [&["-q", "--timeout=TIME"][..], &["--timeout", "TIME", "--strict"], &["-tTIME", "-s"]] {
        runs_out(Cell::PID1, args);
    }
    wait(Cell::PID1, &["127.0.0.1:1", "-t", "1"]).start().end().exited(124).complains(&["after 1s"]);
}

/// What is there is not waited for.
#[test]
fn what_is_there_runs_the_command() {
    each_cell_without_terminal(|cell| {
        let address = Address::new();
        let _listener = address.listen();
        let target = format!("tcp://{address}");
        let end = wait(cell, &[&[target.as_str()], &RAN[..]].concat()).start().end().exited(4).nothing_left();
        assert_eq!(end.out, "ran\n", "{}", end.story());
        let line = format!("app-init: {target} is there after ");
        assert!(end.err.starts_with(&line) && end.err.lines().count() == 1, "{}", end.story());
        let end = wait(cell, &["-q", &target]).start().end().exited(0).silent();
        end.nothing_left();
        wait(cell, &[&target]).start().end().exited(0);
        // Dashes with nothing behind them.
        wait(cell, &[&target, "--"]).start().end().exited(0);
    });
}

/// As people are used to from other such scripts.
#[test]
fn options_stand_wherever_they_like() {
    each_place(|cell| {
        let (there, gone) = (Address::new(), Address::new());
        let _listener = there.listen();
        let (there, gone) = (there.to_string(), gone.to_string());
        for args in [
            &["-t", "TIME", &there, &gone][..],
            &[&there, "-t", "TIME", &gone],
            &[&there, &gone, "-t", "TIME"],
            &[&there, "--interval=10ms", &gone, "--timeout=TIME"],
            &["-i", "10ms", &there, "-q", &gone, "-tTIME"],
        ] {
            let start = |limit: &str| {
                let args = args.iter().map(|word| word.replace("TIME", limit));
                wait(cell, &[]).args(args).args(RAN).start().end().exited(124).nothing_left()
            };
            let (end, limit) = within_a_limit(start, |end| !end.err.contains(&format!("tcp://{there} is not")));
            let end = end.complains(&[&format!("cannot go on: tcp://{gone} is not there after {limit} (")]);
            assert!(!end.err.contains(&format!("tcp://{there} is not")) && end.out.is_empty(), "{}", end.story());
        }
        // Behind the dashes they are the command's.
        let end = wait(cell, &[&there, "-q", "--", PROBE, "argv", "-t", "1", "--", "-q"])
            .start()
            .end()
            .exited(0)
            .silent_stderr();
        let bare = Setup::bare(cell, [PROBE, "argv", "-t", "1", "--", "-q"]).start().end();
        assert_eq!(end.out, bare.out);
        // The last of two counts.
        wait(cell, &["-t", "1h", &gone, "-t", "100ms"]).start().end().exited(124);
        wait(cell, &["--no-strict", &gone, "-t", "100ms", "-s"]).args(RAN).start().end().exited(124);
    });
}

#[test]
fn the_old_way_runs_the_command_all_the_same() {
    each_place(|cell| {
        let address = Address::new();
        let gone = address.to_string();
        let start = |limit: &str| {
            wait(cell, &["--no-strict", "-t", limit, &gone]).args(RAN).start().end().exited(4).nothing_left()
        };
        let (end, limit) = within_a_limit(start, was_tried);
        let told = format!(
            "app-init: warning: tcp://{gone} is not there after {limit} (connect: Connection refused); going on \
                without it\n"
        );
        assert_eq!((end.out.as_str(), end.err.as_str()), ("ran\n", told.as_str()));
        wait(cell, &["-q", "--no-strict", "-t", "200ms", &gone]).args(RAN).start().end().exited(4).silent_stderr();
    });
}

/// The command takes this process's place, and finds what it would have found without.
#[test]
fn the_command_is_executed_in_its_place() {
    each_cell(|cell| {
        let mix = |setup: Setup| {
            let null = || fs::File::open("/dev/null").expect("it is there").into();
            setup
                .descriptor(3, null())
                .descriptor(9, null())
                .blocking(10)
                .ignoring(1)
                .ignoring(13)
                .env("GREETING", "hello")
        };
        let args = ["-q", "file:/", "--", PROBE, "state"];
        let bare = mix(Setup::bare(cell, [PROBE, "state"])).start().end().exited(0);
        let end = mix(wait(cell, &args)).start().end().exited(0).nothing_left();
        assert_eq!(differences(&bare.out, &end.out, &["pdeathsig "]), Vec::<String>::new(), "in {cell}");
        let args = ["-q", "file:/", "--", PROBE, "environ"];
        let bare = mix(Setup::bare(cell, [PROBE, "environ"])).start().end().exited(0);
        assert_eq!(mix(wait(cell, &args)).start().end().exited(0).out, bare.out, "in {cell}");
    });
}

/// Standard input is the command's, to the last byte.
#[test]
fn standard_input_is_left_alone() {
    each_place(|cell| {
        let mut run = wait(cell, &["-q", "-i", "10ms", "file:/mnt/app/ready", "--", "cat"]).typed().start();
        run.write("one\n");
        fs::write(run.world.app().join("ready"), "").expect("the test's own directory");
        run.line("one");
        run.write("two\n");
        run.line("two");
        run.close_input();
        run.end().exited(0).nothing_left();
    });
}

#[test]
fn a_command_that_cannot_be_run_has_the_usual_codes() {
    each_place(|cell| {
        wait(cell, &["file:/", "--", "no-such-program"])
            .start()
            .end()
            .exited(127)
            .complains(&["cannot run no-such-program"]);
        wait(cell, &["file:/", "--", "/mnt/app"]).start().end().exited(126).complains(&["cannot run /mnt/app"]);
        let end = wait(cell, &["file:/", "--", PROBE, "do", "die=10"]).start().end();
        let expected = if cell.pid1 { Ended::Exited(0) } else { Ended::Signaled(10) };
        assert_eq!(end.how, expected, "{}", end.story());
    });
}

/// Each wrong word with what is wrong, as a usage error.
#[test]
fn what_is_no_target_is_told() {
    let forms = "tcp://host:port, host:port, http://host/path, unix:/path, file:/path or a service's URL";
    let cases = [
        ("db", "`db` has no port; add one, as in host:80".to_string()),
        ("db:", "`db:` has a port that is not a number from 1 to 65535; mend it".into()),
        ("db:0", "`db:0` has a port that is not a number from 1 to 65535; mend it".into()),
        ("db:65536", "`db:65536` has a port that is not a number from 1 to 65535; mend it".into()),
        (":80", "`:80` has no host; add one, or wait for a socket with unix:/path".into()),
        ("::1:80", "a target has too many colons; put an IPv6 address in brackets, as in [::1]:80".into()),
        ("", format!("a target is empty; write {forms}")),
        ("file:relative", "`file:…` has no absolute path; write it like file:/run/name".into()),
        ("user:s3cret@db:1", "a target has an @ but no scheme; write scheme://user@host:port".into()),
        ("unheard://user:s3cret@db", "`unheard://…` has no port; add one, as in host:80".into()),
        ("db:80/path", format!("a target has neither a scheme nor the form host:port; write {forms}")),
    ];
    for (target, what) in cases {
        let end = wait(Cell::PID1, &["file:/", target]).args(RAN).start().end().exited(64).nothing_left();
        let told = format!("app-init: {what}\nsee app-init wait --help\n");
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()), "{target}");
    }
    for args in [
        &["-t", "soon", "file:/"][..],
        &["--unknown", "file:/"],
        &["-u", "1", "file:/"],
        &["-t"],
        &["-t", "-1", "file:/"],
    ] {
        let end = wait(Cell::PID1, args).args(RAN).start().end().exited(64).nothing_left();
        assert_eq!(end.out, "", "{args:?}");
    }
}

/// Without anything to wait for, it is said what is missing.
#[test]
fn a_target_is_asked_for() {
    for args in [&[][..], &["-t", "1"], &["--", "true"]] {
        wait(Cell::PID1, args).start().end().exited(64).complains(&["TARGET"]);
    }
}

/// For ever, and at every try in vain until it is there.
#[test]
fn without_a_time_it_waits_until_it_comes() {
    for cell in [Cell::TERMINAL, Cell::TERMINAL_JOB] {
        let address = Address::new();
        let target = address.to_string();
        let run = wait(cell, &["--timeout=0", &target]).args(RAN).start();
        let before = run.text("(connect: Connection refused), 2s");
        assert!(!before.contains(" of "), "{before}");
        let _listener = address.listen();
        run.line("is there after ");
        run.line("ran");
        run.end().exited(4).nothing_left();
    }
}

/// As PID 1: a stop is acted on at once.
#[test]
fn a_stop_request_ends_it() {
    for (number, code) in [(signal::TERM, 143), (signal::INT, 130)] {
        each_place(|cell| {
            let address = Address::new();
            let asked = serve(address.listen(), |_| None);
            let target = format!("http://{address}");
            let run = wait(cell, &["-t", "0", &target, "tcp://127.0.0.1:1", "file:/no/such"]).args(RAN).start();
            asked.recv_timeout(DEADLINE).expect("it is asked");
            run.signal(number);
            run.eventually("nothing of it is left", nothing_lives);
            let end = run.end().exited(code);
            assert_eq!(end.out, "", "{}", end.story());
        });
    }
}

/// As PID 1: somebody else's children are reaped meanwhile.
#[test]
fn zombies_are_reaped_meanwhile() {
    let orphans = format!(
        "{PROBE} do orphans=30 [ [ sleep=50 exit=3 ] ]; exec {APP_INIT} wait -q -t 0 -i 10ms file:/mnt/app/ready -- \
            {PROBE} do reaped"
    );
    let run = Setup::bare(Cell::PID1, ["sh", "-c", &orphans]).start();
    run.eventually("nobody but app-init and its own is left", |run| {
        let all = run.processes();
        all.iter().any(|process| process.pid == 1 && process.name == "app-init")
            && all.iter().all(|process| process.state != 'Z' && process.name == "app-init")
    });
    fs::write(run.world.app().join("ready"), "").expect("the test's own directory");
    let end = run.end().exited(0);
    assert_eq!(end.out, "strangers 0\n", "{}", end.story());
}

/// It is a tool of its own: a broken configuration, hooks and users are no matter.
#[test]
fn the_configuration_is_none_of_its_business() {
    each_place(|cell| {
        let setup = wait(cell, &["file:/mnt/app/ready"]).args(["--", PROBE, "environ"]);
        let setup = setup.file("ready", "", 0o644).config("user = [\ncolour = \"red\"\n").hook("deploy", "echo hook");
        let end = setup.file(".docker/user_vars/A", "b", 0o644).env("APP_INIT_USER", "nosuch").start().end().exited(0);
        assert!(!end.out.contains("hook") && !end.out.contains("A=b"), "{}", end.story());
        // The control: it is broken.
        Setup::new(cell, ["--", "true"]).config("user = [\ncolour = \"red\"\n").start().end().exited(78);
    });
}

/// A program of that name is run all the same.
#[test]
fn a_program_called_wait_is_run_behind_dashes() {
    let setup = Setup::new(Cell::PID1, ["--", "wait", "x"]).env("PATH", "/mnt/app:/usr/bin:/bin");
    let end = setup.file("wait", "#!/bin/sh\necho own $1\nexit 5\n", 0o755).start().end().exited(5);
    assert_eq!(end.out, "own x\n", "{}", end.story());
}

/// An option that it does not take is never ignored, wherever it stands.
#[test]
fn an_option_of_another_command_is_refused() {
    for (before, behind, option) in [
        (&["-u", "4000:4001"][..], &[][..], "-u"),
        (&["--user=4000:4001"], &[], "--user"),
        (&["-v", "-c", "/mnt/app/own.toml"], &[], "-c"),
        (&["--no-hooks"], &[], "--no-hooks"),
        (&[], &["-p", "5432"], "-p"),
    ] {
        let setup = Setup::new(Cell::PID1, before).args(["wait", "file:/"]).args(behind).args(RAN);
        let end = setup.start().end().exited(64).nothing_left();
        let told = format!(
            "app-init: wait takes no {option}; write targets like db:5432, options are -t, -i, -s, --no-strict, -q and -v\n\
            see app-init wait --help\n"
        );
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()), "{before:?}");
    }
    Setup::new(Cell::PID1, ["-q", "wait", "file:/"]).start().end().exited(0).silent();
}

/// Another script takes its host by -h. Help and a 0 would let its caller go on without having waited.
#[test]
fn the_other_form_of_a_host_and_a_port_is_refused() {
    for args in [
        &["-h", "127.0.0.1", "-p", "1"][..],
        &["-h127.0.0.1", "-p1", "-t1"],
        &["-q", "-h", "127.0.0.1", "-p", "1"],
        &["--host=127.0.0.1", "--port=1"],
        &["-h"],
    ] {
        let end = wait(Cell::PID1, args).args(RAN).start().end().exited(64).complains(&["write targets like db:5432"]);
        assert_eq!(end.out, "", "{}", end.story());
    }
    for help in ["-h", "--help"] {
        let end = wait(Cell::PID1, &[help]).start().end().exited(0).silent_stderr();
        assert!(end.out.contains("Usage: app-init wait") && end.out.contains("--no-strict"), "{}", end.story());
    }
}

/// A last attempt is made shortly before the time is over, however long the pause would be.
#[test]
fn who_comes_at_the_last_moment_is_seen() {
    let was_seen = |_: u32| {
        let address = Address::new();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let _asked = serve(address.listen(), move |_| {
            let code = if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 { 503 } else { 200 };
            Some(format!("HTTP/1.1 {code} Whatever\r\n\r\n"))
        });
        let end = wait(Cell::PID1, &["-t", "2s", "-i", "1h", &format!("http://{address}")]).start().end();
        end.how == Ended::Exited(0) && end.err.contains(" is there after ")
    };
    // That a machine is too busy for that attempt proves nothing.
    assert!((0..10).any(was_seen), "there was no other attempt");
}
