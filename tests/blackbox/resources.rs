//! What app-init itself takes, and what it does where the kernel gives less.

use crate::harness::*;
use crate::soak::scale;

fn number_of(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX)
}

/// C74.
#[test]
fn plain_use_takes_little_memory_and_one_thread() {
    each_place(|cell| {
        let run =
            Setup::new(cell, ["--", PROBE, "do", "orphans=200", "reaped", "trap=15:0:0", "print=up", "pause"]).start();
        run.line("up");
        assert_eq!(run.status("Threads"), "1");
        let anonymous = number_of(&run.status("RssAnon"));
        assert!(anonymous <= 64, "{anonymous} kB of anonymous memory in {cell}");
        let resident = number_of(&run.status("VmRSS"));
        assert!(resident <= 700, "{resident} kB resident in {cell}");
        run.signal(signal::TERM);
        run.end().exited(0);
    });
}

/// C75. A user of the container may look at app-init; an end by QUIT of the server leaves no core of it.
#[test]
fn app_init_can_be_looked_at() {
    each_cell(|cell| {
        let pid = if cell.pid1 { 1 } else { 2 };
        // app-init could dump its core, the server and what it starts could not.
        let script = format!(
            "ulimit -Sc 0; readlink /proc/{pid}/exe; tr '\\0' '\\n' </proc/{pid}/environ; exec {PROBE} do print=up pause"
        );
        // Where app-init is, and by default the kernel writes one.
        let cores = || {
            let names =
                std::fs::read_dir("/").expect("it is readable").filter_map(|entry| Some(entry.ok()?.file_name()));
            names.filter(|name| name.to_string_lossy().starts_with("core")).collect::<Vec<_>>()
        };
        let before = cores();
        let setup = Setup::new(cell, ["--", "sh", "-c", &script]).env("GREETING", "hello");
        let run = setup.placed(["--limit", CORE, "1048576"]).start();
        run.line("/mnt/bin/app-init");
        run.line("GREETING=hello");
        run.line("up");
        run.signal(signal::QUIT);
        run.end().exited(131).nothing_left();
        assert_eq!(cores(), before);
    });
}

/// C76. Newer system calls are missing, as on an old kernel or under a strict profile.
#[test]
fn missing_system_calls_have_a_substitute() {
    use nix::libc::*;
    let newer = [SYS_signalfd4, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_close_range, SYS_clone3, SYS_timerfd_create];
    let more = [SYS_epoll_create1, SYS_eventfd2, SYS_faccessat2, SYS_statx, SYS_getrandom, SYS_rseq, SYS_openat2];
    each_place(|cell| {
        for denied in [&newer[..], &more[..]] {
            let steps = ["--", PROBE, "do", "trap=10:0", "trap=15:0:4", "orphans=20", "reaped", "print=up", "pause"];
            let setup = Setup::new(cell, steps).hook("deploy", "echo deployed").hook("pre-stop", "exit 0");
            let run = setup.denying(denied, ENOSYS).start();
            run.line("deployed");
            run.line("strangers 0");
            run.line("up");
            run.signal(signal::USR1);
            run.line("trapped 10");
            run.signal(signal::TERM);
            run.end().exited(4).nothing_left();
        }
    });
}

/// C77, beyond the matrix: in a user namespace, where root is root by name only.
#[test]
fn it_works_in_a_user_namespace() {
    each_place(|cell| {
        let command =
            ["unshare", "--user", "--map-root-user", APP_INIT, "--", PROBE, "do", "orphans=5", "reaped", "exit=3"];
        let end = Setup::bare(cell, command).start().end().exited(3).nothing_left();
        assert_eq!((end.out.as_str(), end.err.as_str()), ("strangers 0\n", ""));
    });
}

/// C78. It ends with whoever has started it; the server is not to inherit that.
#[test]
fn the_death_of_the_parent_is_a_signal() {
    let script = format!("{APP_INIT} -p TERM -- {PROBE} do trap=15:0:0 print=up pause & read line; exit 0");
    let mut run = Setup::bare(Cell::SUBREAPER, ["sh", "-c", &script]).typed().start();
    run.line("up");
    run.close_input();
    run.line("trapped 15");
    run.line("finished 15");
    run.end().exited(0);
    for options in [&["-p", "HUP"][..], &[]] {
        let end = Setup::new(Cell::SUBREAPER, options).args(["--", PROBE, "state"]).start().end().exited(0);
        assert_eq!(said(&end.out, "pdeathsig"), "0", "{}", end.story());
    }
}

/// C79. Only PID 1 may say "everybody": where the namespace is shared there are others.
#[test]
fn everybody_is_never_signalled_from_a_shared_namespace() {
    let steps = [
        "--stop-timeout",
        "1s",
        "--",
        PROBE,
        "do",
        "[",
        "setsid",
        "ignore=15",
        "print=bg",
        "pause",
        "]",
        "eof",
        "exit=3",
    ];
    let mut run = Setup::traced(Cell::SUBREAPER, &["trace=execve,kill"], steps)
        .config("[stop]\nleftovers = \"200ms\"\n")
        .typed()
        .start();
    run.line("bg");
    run.close_input();
    let end = run.end().exited(3);
    let targets: Vec<i32> = end.calls_of_app_init().iter().filter_map(Call::signalled).collect();
    assert!(!targets.is_empty() && !targets.contains(&-1) && !targets.contains(&0), "{targets:?} {}", end.story());
}

/// C80. A burst of signals is not stored, and keeps nobody from being reaped.
#[test]
fn a_burst_of_signals_takes_no_memory() {
    each_place(|cell| {
        let steps = [
            "--",
            PROBE,
            "do",
            "ignore=1",
            "ignore=36",
            "print=up",
            "orphans=300",
            "reaped",
            "trap=15:0:4",
            "print=ready",
            "pause",
        ];
        let run = Setup::new(cell, steps).start();
        run.line("up");
        for _ in 0..scale(80_000, 800_000) {
            run.signal(signal::HUP);
        }
        // These queue, as many as the kernel lets them.
        for _ in 0..scale(20_000, 200_000) {
            run.signal(36);
        }
        run.line("strangers 0");
        run.line("ready");
        let anonymous = number_of(&run.status("RssAnon"));
        assert!(anonymous <= 128, "{anonymous} kB of anonymous memory in {cell}");
        run.signal(signal::TERM);
        run.end().exited(4);
    });
}

/// C81. Time limits are measured on the clock that neither jumps nor runs on while the system sleeps.
#[test]
fn only_the_monotonic_clock_is_read() {
    let steps = ["--run-timeout", "300ms", "--run-timeout-signal", "KILL", "--", PROBE, "do", "print=up", "pause"];
    let how = ["trace=execve,clock_gettime,gettimeofday,time,timer_create,timerfd_create,setitimer,alarm"];
    let end = Setup::traced(Cell::SUBREAPER, &how, steps).start().end().exited(137);
    let calls = end.calls_of_app_init();
    let is_clock = |text: &str| !text.starts_with("execve") && text.contains('(');
    let clocks: Vec<&str> = calls.iter().map(|call| call.text.as_str()).filter(|text| is_clock(text)).collect();
    assert!(!clocks.is_empty(), "the time is asked for\n{}", end.story());
    for text in clocks {
        assert!(text.starts_with("clock_gettime(CLOCK_MONOTONIC"), "{text}\n{}", end.story());
    }
}
