//! One reaper owns every status: no zombie stays, no status is lost.

use crate::harness::*;
use crate::soak::scale;

/// C27.
#[test]
fn three_thousand_orphans_leave_no_zombie() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "orphans=3000", "reaped", "exit=5"]).start();
        run.line("strangers 0");
        run.end().exited(5).nothing_left().silent_stderr();
    });
}

/// C27, in every cell with fewer.
#[test]
fn orphans_are_reaped_everywhere() {
    each_cell(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "orphans=40", "reaped", "exit=5"]).start();
        run.line("strangers 0");
        run.end().exited(5).nothing_left();
    });
}

/// C27, C35. The main child's status is kept although a thousand others end with it.
#[test]
fn the_main_childs_code_survives_a_storm_of_orphans() {
    each_place(|cell| {
        for _ in 0..scale(1, 100) {
            let run = Setup::new(cell, ["--", PROBE, "do", "[", "orphans=500", "]", "orphans=500", "exit=6"]).start();
            let end = run.end().exited(6);
            // The half that still forks when everything is torn down is refused, and says so; app-init says nothing.
            let own: Vec<&str> = end.err.lines().filter(|line| !line.starts_with("probe: cannot fork: ")).collect();
            assert!(own.is_empty(), "{}", end.story());
        }
    });
}

/// C35. All orphans end at the moment at which the main child does.
#[test]
fn a_thousand_pending_zombies_do_not_hold_up_the_end() {
    each_place(|cell| {
        Setup::new(cell, ["--", PROBE, "do", "orphans=1000", "exit=3"]).start().end().exited(3).silent_stderr();
    });
}

/// C28, C29. A hook's status is its own, however many strangers end at the same time.
#[test]
fn a_hooks_code_is_not_lost_among_orphans() {
    each_place(|cell| {
        let hook = format!("exec {PROBE} do orphans=300 exit=41");
        Setup::new(cell, ["--", PROBE, "do", "print=server"])
            .hook("deploy", &hook)
            .start()
            .end()
            .exited(70)
            .complains(&["deploy", "41"]);
    });
}

/// C29. Hooks that end before anyone can ask.
#[test]
fn many_quick_hooks_are_all_noticed() {
    each_place(|cell| {
        let mut setup = Setup::new(cell, ["--", PROBE, "do", "print=server", "exit=4"]);
        for number in 0..50 {
            setup = setup.hook(&format!("deploy.d/{number:02}"), "exit 0");
        }
        let end = setup.start().end().exited(4).nothing_left();
        assert_eq!(end.out.lines().filter(|line| line.contains("-----> Running")).count(), 50, "{}", end.story());
    });
}

/// C30, C80. Signals and ends that interrupt each other.
#[test]
fn reaping_goes_on_under_a_storm_of_signals() {
    each_place(|cell| {
        let steps = ["do", "ignore=1", "ignore=10", "ignore=40", "print=up", "orphans=1500", "reaped", "exit=4"];
        let run = Setup::new(cell, ["--", PROBE]).args(steps).start();
        run.line("up");
        for _ in 0..scale(2_000, 200_000) {
            for number in [signal::HUP, signal::USR1, 40] {
                run.signal(number);
            }
        }
        run.line("strangers 0");
        run.end().exited(4).nothing_left();
    });
}

/// C31.
#[test]
fn a_stopped_child_has_not_ended() {
    each_cell_without_terminal(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "print=up", "stop", "exit=3"]).start();
        run.line("up");
        run.eventually("the server is stopped, and nothing has ended", |run| {
            run.processes().iter().any(|process| process.state == 'T')
        });
        run.signal(signal::CONT);
        run.line("resumed");
        run.end().exited(3).nothing_left();
    });
}

/// C32.
#[test]
fn a_child_that_ends_without_a_signal_is_reaped() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "silent-orphan", "silent-orphan", "reaped", "exit=5"]).start();
        run.line("strangers 0");
        run.end().exited(5).nothing_left();
    });
}

/// C32. The stops of traced processes are nobody's end.
#[test]
fn traced_descendants_do_not_confuse_it() {
    each_place(|cell| {
        let traced = ["--", PROBE, "trace", PROBE, "do", "exit=0"];
        let end = Setup::new(cell, traced).start().end().nothing_left();
        assert!(end.how == Ended::Exited(0) || end.how == Ended::Exited(1), "{}", end.story());
        let strace = ["--", "strace", "-f", "-o", "/dev/null", PROBE, "do", "orphans=20", "reaped", "exit=5"];
        let run = Setup::new(cell, strace).start();
        run.line("strangers 0");
        run.end().exited(5).nothing_left();
    });
}

/// C33. No signal goes to a number whose process has been reaped: it may be somebody else's by then.
#[test]
fn a_reaped_process_is_never_signalled() {
    let steps = "[ trap=15:50:0 print=bg pause ] [ ignore=15 print=deaf pause ] trap=15:0:4 print=server eof \
        kill=parent:15 pause";
    // The one that hears it has twenty times what it needs, the deaf one the same and no more.
    let mut run =
        Setup::traced(Cell::SUBREAPER, &["trace=execve,kill,tgkill,tkill,wait4,waitid"], ["--stop-timeout", "1h"])
            .args(["--", PROBE, "do"])
            .args(steps.split(' '))
            .config("[stop]\nleftovers = \"1s\"\n")
            .typed()
            .start();
    run.lines(&["bg", "deaf", "server"]);
    run.close_input();
    let end = run.end().exited(4).nothing_left();
    let mut reaped: Vec<i32> = Vec::new();
    let mut killed: Vec<i32> = Vec::new();
    let calls = end.calls_of_app_init();
    for call in &calls {
        reaped.extend(call.reaped());
        if let Some(target) = call.signalled() {
            assert!(!reaped.contains(&target.abs()), "{call:?} after its end\n{}", end.story());
            killed.extend(call.text.contains("SIGKILL").then_some(target));
        }
    }
    let asked = calls.iter().filter(|call| call.signalled().is_some() && call.text.contains("SIGTERM")).count();
    // The server, and the two that it leaves behind; of those the deaf one was killed, and all three were reaped.
    assert_eq!(end.out.matches("finished 15").count(), 2, "{}", end.story());
    assert!(asked >= 3 && killed.len() == 1 && reaped.len() == 3, "{asked} {killed:?} {reaped:?} {}", end.story());
    assert!(reaped.ends_with(&killed), "{killed:?} {reaped:?} {}", end.story());
}

/// C34.
#[test]
fn an_idle_app_init_makes_no_system_call() {
    each_place(|cell| {
        let steps = ["do", "trap=15:0:0", "print=up", "read", "sleep=2500", "print=done", "pause"];
        let mut run = Setup::new(cell, ["--", PROBE]).args(steps).typed().start();
        run.line("up");
        // It comes to rest once it knows that the server runs; then it stays in that one call.
        let path = format!("/proc/{}/syscall", run.pid);
        let call = format!("{} ", nix::libc::SYS_rt_sigtimedwait);
        let waits = |_: &Running| std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with(&call));
        run.eventually("it waits for news", waits);
        let before = run.status("voluntary_ctxt_switches");
        run.write("go on\n");
        run.line("read go on");
        run.line("done");
        assert_eq!(run.status("voluntary_ctxt_switches"), before, "it woke up in {cell}");
        run.signal(signal::TERM);
        run.end().exited(0);
    });
}
