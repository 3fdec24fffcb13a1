//! The first instants: whatever state app-init is started in, nothing is lost and nothing is said.

use crate::harness::*;
use crate::soak::scale;
use std::time::Duration;

/// What a TERM of that moment made of the run.
fn early_term(setup: Setup, after: Duration) -> End {
    let run = setup.start();
    spin(after);
    run.signal(signal::TERM);
    run.end()
}

/// Delays from 0 to 4 ms, in steps that are no multiple of anything.
fn delays(count: u64) -> impl Iterator<Item = Duration> {
    (0..count).map(move |run| Duration::from_micros(run * 1543 % 4000))
}

const TRAPS_TERM: [&str; 7] = ["--", PROBE, "do", "trap=15:0:42", "print=up", "pause", "exit=1"];

/// C1, C14, C15. TERM is blocked from before the start on, so that no moment of it can kill: each must arrive.
#[test]
fn a_term_at_any_early_moment_arrives() {
    for delay in delays(scale(150, 3000)) {
        let end = early_term(Setup::new(Cell::SUBREAPER, TRAPS_TERM).blocking(signal::TERM), delay).nothing_left();
        let stopped_in_time = end.how == Ended::Exited(143) && !end.out.contains("up");
        assert!(end.how == Ended::Exited(42) || stopped_in_time, "after {delay:?}: {:?} {}", end.how, end.story());
    }
}

/// C1, C14, C15. With TERM at its default it ends app-init itself before it has taken over, or else the server.
#[test]
fn an_early_term_ends_app_init_or_reaches_the_server() {
    for delay in delays(scale(150, 3000)) {
        let end = early_term(Setup::new(Cell::SUBREAPER, TRAPS_TERM), delay).nothing_left();
        let server_ended = matches!(end.how, Ended::Exited(42 | 143));
        let nothing_started = end.how == Ended::Signaled(15) && end.out.is_empty();
        assert!(server_ended || nothing_started, "after {delay:?}: {:?} {}", end.how, end.story());
    }
}

/// C16. The same with the whole group as the target: there is no moment in which the group does not exist yet.
#[test]
fn an_early_term_for_the_group_arrives() {
    for delay in delays(scale(60, 1500)) {
        let setup = Setup::new(Cell::SUBREAPER, ["-g"]).args(TRAPS_TERM).blocking(signal::TERM);
        let end = early_term(setup, delay).nothing_left();
        assert!(matches!(end.how, Ended::Exited(42 | 143)), "after {delay:?}: {:?} {}", end.how, end.story());
    }
}

/// C1, C2. Nothing of the runtime, of the command line or of a file comes before it.
#[test]
fn signals_are_taken_over_within_the_first_five_calls() {
    let run = Setup::bare(Cell::PID1, [PROBE, "trace", APP_INIT, "--", PROBE, "do", "exit=0"]).start();
    let end = run.end();
    let index = said(&end.out, "mask").strip_prefix("at ").and_then(|text| text.split(' ').next()?.parse::<u32>().ok());
    assert!(index.is_some_and(|index| index <= 5), "{}", end.story());
}

/// C3. An inherited `SIGCHLD` = ignored would make every wait fail.
#[test]
fn sigchld_inherited_as_ignored_is_survived() {
    each_cell(|cell| {
        Setup::new(cell, ["--", PROBE, "do", "[", "[", "exit=3", "]", "]", "wait", "reaped", "exit=7"])
            .ignoring(signal::CHLD)
            .start()
            .end()
            .exited(7)
            .nothing_left();
    });
}

/// C4. With each signal blocked at the start, ends are noticed and a TERM is handed on.
#[test]
fn a_full_mask_is_survived() {
    each_cell(|cell| {
        let mut setup = Setup::new(cell, ["--", PROBE, "do", "trap=15:0:9", "print=up", "pause"]);
        for number in 1..=64 {
            setup = setup.blocking(number);
        }
        let run = setup.start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(9).nothing_left();
    });
}

/// C5. Later opens must not land on 0 to 2: the child finds nothing there but `/dev/null`.
#[test]
fn closed_standard_descriptors_are_survived() {
    let null_device = format!("device {}", nix::libc::makedev(1, 3));
    each_place(|cell| {
        for closed in [&[0][..], &[2], &[0, 2]] {
            let mut setup = Setup::new(cell, ["--", PROBE, "state"]);
            for fd in closed {
                setup = setup.closing(*fd);
            }
            let end = setup.start().end().exited(0).nothing_left();
            for line in end.out.lines().filter(|line| line.starts_with("fd ")) {
                let harmless = line.starts_with("fd 1 ") || line.contains(&null_device);
                let standard = ["fd 0 ", "fd 1 ", "fd 2 "].iter().any(|fd| line.starts_with(fd));
                // Descriptor 2 is the test's own pipe where only 0 was closed.
                let given = line.starts_with("fd 2 ") && !closed.contains(&2);
                assert!(standard && (harmless || given), "{closed:?}: {line}\n{}", end.story());
            }
        }
        let mut setup = Setup::new(cell, ["--", PROBE, "do", "exit=3"]);
        for fd in 0..3 {
            setup = setup.closing(fd);
        }
        setup.start().end().exited(3).nothing_left();
    });
}

/// C6.
#[test]
fn it_works_without_proc() {
    each_place(|cell| {
        let run = Setup::new(cell, ["--", PROBE, "do", "[", "exit=3", "]", "trap=15:0:6", "print=up", "pause"])
            .placed(["--no-proc"])
            .start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(6).silent_stderr();
    });
}

/// C6.
#[test]
fn sixteen_descriptors_are_enough() {
    each_cell(|cell| {
        Setup::new(cell, ["--", PROBE, "do", "exit=3"])
            .placed(["--limit", NOFILE, "16"])
            .start()
            .end()
            .exited(3)
            .nothing_left();
    });
}

/// C6. No process can be made: that is said, and is 71.
#[test]
fn a_refused_fork_is_71() {
    each_place(|cell| {
        Setup::new(cell, ["--", PROBE, "do", "exit=3"])
            .placed(["--user", "12401", "--limit", NPROC, "1"])
            .start()
            .end()
            .exited(71)
            .nothing_left()
            .complains(&["cannot"]);
    });
}

/// C7.
#[test]
fn arguments_arrive_byte_for_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let odd: [&[u8]; 8] = [b"", b"-x", b"--", b"\xff\xfe\x80", b"a b\tc\nd", b"$HOME `id` %s", b"", b"\xc3"];
    let words = || odd.iter().map(|word| OsStr::from_bytes(word));
    each_cell(|cell| {
        let bare = Setup::bare(cell, [PROBE, "argv"]).args(words()).start().end().exited(0);
        let end = Setup::new(cell, ["--", PROBE, "argv"]).args(words()).start().end().exited(0).nothing_left();
        assert_eq!(end.out, bare.out);
        assert!(end.out.contains("arg 2 <>") && end.out.contains("arg 5 <fffe80>"), "{}", end.story());
    });
}

/// C7. In plain use no variable is added, changed, removed or moved.
#[test]
fn the_environment_arrives_byte_for_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    each_cell(|cell| {
        let odd = |setup: Setup| {
            setup
                .env("BYTES", OsStr::from_bytes(b"\xff\x80 end"))
                .env("EMPTY", "")
                .env("odd.name", "1")
                .env("LANG", "C")
                .env("NOTIFY_SOCKET", "/run/none")
                .start()
                .end()
                .exited(0)
        };
        let bare = odd(Setup::bare(cell, [PROBE, "environ"]));
        let end = odd(Setup::new(cell, ["--", PROBE, "environ"]));
        assert_eq!(end.out, bare.out);
        assert!(end.out.contains("BYTES=\\xff\\x80 end"), "{}", end.story());
    });
}

/// C8. `--` may be left out; what follows the first operand is the program's, `--` included.
#[test]
fn options_end_at_the_first_operand() {
    each_place(|cell| {
        let end = Setup::new(cell, [PROBE, "argv", "-v", "--stop-signal", "--", "-q"]).start().end().exited(0);
        let bare = Setup::bare(cell, [PROBE, "argv", "-v", "--stop-signal", "--", "-q"]).start().end();
        assert_eq!(end.out, bare.out);
    });
}

/// C9. Not PID 1: it adopts without a word, the outer init notwithstanding.
#[test]
fn an_ordinary_process_adopts_orphans_silently() {
    each_cell_without_terminal(|cell| {
        // It ends when the orphan has: leftovers of a subreaper in plain use are left alone.
        let steps = ["do", "[", "[", "adopted", "]", "]", "wait", "eof", "reaped", "exit=2"];
        let mut run = Setup::new(cell, ["--", PROBE]).args(steps).typed().start();
        let own_pid = if cell.pid1 { 1 } else { 2 };
        run.line(&format!("adopted by {own_pid}"));
        run.close_input();
        let end = run.end().exited(2).nothing_left();
        assert_eq!(end.err, "");
    });
}

/// C10. `docker run --init` on an image that has it already.
#[test]
fn two_of_them_nested_change_nothing() {
    each_cell(|cell| {
        let nested = ["--", APP_INIT, "--", APP_INIT, "--", PROBE, "do"];
        Setup::new(cell, nested).args(["exit=9"]).start().end().exited(9).nothing_left().silent();
        let run = Setup::new(cell, nested).args(["trap=15:0:8", "print=up", "pause"]).start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(8).nothing_left();
    });
}
