//! §0.1: without any sign that more is wanted, app-init is an init and nothing else.

use crate::harness::*;

/// Prints nothing in any cell, whatever is sent.
#[test]
fn nothing_is_printed() {
    each_cell(|cell| {
        let steps =
            ["--", PROBE, "do", "ignore=1", "trap=10:0", "trap=15:0:4", "orphans=5", "reaped", "print=up", "pause"];
        let run = Setup::new(cell, steps).start();
        run.line("up");
        for number in [signal::HUP, signal::USR1, signal::HUP] {
            run.signal(number);
        }
        run.line("trapped 10");
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        let lines: Vec<&str> = end.out.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["strangers 0", "up", "trapped 10", "trapped 15", "finished 15"]);
        assert_eq!(end.err, "");
    });
}

/// Its own system calls over a whole life: none writes, creates, connects or listens, and none asks for the time.
#[test]
fn nothing_is_written_and_no_socket_is_opened() {
    let steps = ["--", PROBE, "do", "trap=15:0:4", "orphans=5", "reaped", "kill=parent:15", "pause"];
    let end = Setup::traced(Cell::SUBREAPER, &["trace=all"], steps).start().end().exited(4);
    let calls = end.calls_of_app_init();
    assert!(calls.iter().any(|call| call.text.starts_with("kill(")), "the trace is whole\n{}", end.story());
    for call in &calls {
        let text = &call.text;
        let name = text.split('(').next().unwrap_or_default();
        let writes =
            ["write", "writev", "pwrite64", "sendto", "sendmsg", "mkdir", "mkdirat", "unlink", "rename", "creat"];
        assert!(!writes.contains(&name), "{text}\n{}", end.story());
        assert!(!["socket", "socketpair", "bind", "connect", "listen"].contains(&name), "{text}\n{}", end.story());
        let opens = name == "open" || name == "openat";
        let for_writing = text.contains("O_CREAT") || (text.contains("O_WRONLY") && !text.contains("/dev/null"));
        assert!(!(opens && for_writing), "{text}\n{}", end.story());
    }
    assert!(end.out.contains("strangers 0") && end.err.is_empty(), "{}", end.story());
}

/// §0: no file is looked at that does not decide whether more is wanted, or that the server needs.
#[test]
fn no_file_is_looked_at_without_need() {
    let how = ["trace=execve,%file,?clone,?clone3,?fork,?vfork"];
    let end = Setup::traced(Cell::SUBREAPER, &how, ["--", PROBE, "do", "exit=4"]).start().end().exited(4);
    let calls = end.calls_of_app_init();
    let forks = |call: &Call| {
        ["clone", "clone3", "fork", "vfork"].iter().any(|name| call.text.starts_with(&format!("{name}(")))
    };
    let before = calls.split(forks).next().unwrap_or_default();
    assert!(before.len() < calls.len(), "it forks\n{}", end.story());
    // Behind its own start; what is linked dynamically is found by the loader, which is not app-init.
    let loaders = |path: &&str| ["/lib", "/usr/lib", "/etc/ld.so"].iter().any(|place| path.starts_with(place));
    let paths: Vec<&str> = before[1..].iter().filter_map(|call| call.text.split('"').nth(1)).collect();
    let own: Vec<&str> = paths.into_iter().filter(|path| !loaders(path) && !path.is_empty()).collect();
    assert_eq!(own, ["/etc/app-init.toml", ".docker", "/dev/tty"], "{}", end.story());
}

/// Nothing is left in the working directory either.
#[test]
fn no_file_is_left() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", "sh", "-c", "ls -A / /run /tmp /dev/shm /mnt/app; exit 3"]).start();
        let bare =
            Setup::bare(cell, ["sh", "-c", "ls -A / /run /tmp /dev/shm /mnt/app; exit 3"]).start().end().exited(3);
        assert_eq!(run.end().exited(3).silent_stderr().out, bare.out);
    });
}

/// §0: TERM is handed on, again and again; QUIT and RTMIN+3 are signals like any other.
#[test]
fn there_is_no_stop_procedure() {
    each_cell(|cell| {
        let mut run = Setup::new(cell, ["--", PROBE, "signals"]).typed().start();
        run.line("listening");
        for number in [15, 15, 15, 2, 2, 2, 2, 3, 37, 37] {
            run.signal(number);
            run.line(&format!("signal {number} "));
        }
        run.write("end 5\n");
        run.end().exited(5).nothing_left();
    });
}

/// §9.3: as a subreaper leftovers are somebody else's.
#[test]
fn a_subreaper_leaves_leftovers_alone() {
    let steps = ["--", PROBE, "do", "[", "trap=15:0:0", "print=bg", "pause", "]", "eof", "exit=4"];
    let mut run = Setup::new(Cell::SUBREAPER, steps).typed().start();
    run.line("bg");
    run.close_input();
    let end = run.end().exited(4);
    assert_eq!(end.left.len(), 1, "{}", end.story());
    assert!(!end.out.contains("trapped"), "{}", end.story());
}

/// §9.3: while PID 1 waits for leftovers any signal ends the wait.
#[test]
fn a_signal_ends_the_wait_for_leftovers() {
    for number in [signal::TERM, signal::HUP] {
        let steps = ["--", PROBE, "do", "[", "trap=15:2800", "print=bg", "pause", "]", "eof", "exit=4"];
        let mut run = Setup::new(Cell::PID1, steps).typed().start();
        run.line("bg");
        run.close_input();
        run.line("trapped 15");
        run.signal(number);
        let end = run.end().exited(4).silent_stderr();
        assert!(!end.out.contains("handled 15"), "{}", end.story());
    }
}

/// §0: each of these is a sign that more is wanted; then a TERM during the boot is a stop request.
#[test]
fn each_sign_that_more_is_wanted_ends_plain_use() {
    // Outside plain use RTMIN+3 asks for a stop, and the server is sent TERM; in plain use it is sent RTMIN+3.
    let asked = |prepare: &dyn Fn(Setup) -> Setup, options: &[&str]| {
        let setup = prepare(Setup::new(Cell::PID1, options).args(["--", PROBE, "signals"]).typed());
        let mut run = setup.start();
        run.line("listening");
        run.signal(signal::RTMIN_3);
        let line = run.line("signal ");
        run.write("end 5\n");
        run.end().exited(5);
        line.split(' ').nth(1).map(str::to_string)
    };
    let plain = |setup: Setup| setup;
    assert_eq!(asked(&plain, &[]).as_deref(), Some("37"));
    assert_eq!(asked(&|setup| setup.env("APP_INIT_LOG", "warn"), &[]).as_deref(), Some("37"));
    assert_eq!(asked(&|setup| setup.config("[log]\n"), &[]).as_deref(), Some("15"));
    assert_eq!(asked(&|setup| setup.hook("deploy", "exit 0"), &[]).as_deref(), Some("15"));
    assert_eq!(asked(&|setup| setup.env("APP_INIT_STOP_BUDGET", "1h"), &[]).as_deref(), Some("15"));
    assert_eq!(asked(&plain, &["--run-timeout", "1h"]).as_deref(), Some("15"));
    assert_eq!(asked(&plain, &["-g"]).as_deref(), Some("37"), "signal handling alone is plain use");
}
