//! Each system call of a start and of the loop, refused as a strict profile or a sandbox refuses it, for app-init and for
//! all that it starts: it ends with the server's own code, or with one of its own and a line that names the call.
//! `docs/system-calls.md` says which, and has the same rows.

use std::collections::BTreeSet;

use crate::harness::*;
use nix::libc::*;

/// What becomes of a start.
#[derive(Clone, Copy)]
enum Becomes {
    /// As if nothing were refused.
    Usual,
    /// The usual code, and a line with these words where orphans have to be adopted: not as PID 1, but by its keeper.
    Warned(&'static str),
    /// This code, and a line with these words.
    Ends(u8, &'static str),
    /// This code. What nobody can write, nobody reads.
    Mute(u8),
}

use Becomes::{Ends, Mute, Usual, Warned};

/// As the document's row has it, the calls' numbers, and what becomes of each of [`SCENARIOS`].
type Row = (&'static str, &'static [i64], [Becomes; 5]);

#[cfg(target_arch = "x86_64")]
mod number {
    use nix::libc::*;

    pub const FORK: &[i64] = &[SYS_clone, SYS_clone3, SYS_fork, SYS_vfork];
    pub const DUP2: &[i64] = &[SYS_dup2, SYS_dup3];
    pub const PIPE2: &[i64] = &[SYS_pipe2, SYS_pipe];
    pub const POLL: &[i64] = &[SYS_poll, SYS_ppoll];
    pub const GETPGRP: &[i64] = &[SYS_getpgrp, SYS_getpgid];
    pub const READLINK: &[i64] = &[SYS_readlink, SYS_readlinkat];
}

#[cfg(not(target_arch = "x86_64"))]
mod number {
    use nix::libc::*;

    pub const FORK: &[i64] = &[SYS_clone, SYS_clone3];
    pub const DUP2: &[i64] = &[SYS_dup3];
    pub const PIPE2: &[i64] = &[SYS_pipe2];
    pub const POLL: &[i64] = &[SYS_ppoll];
    pub const GETPGRP: &[i64] = &[SYS_getpgid];
    pub const READLINK: &[i64] = &[SYS_readlinkat];
}

const WAIT: &str = "rt_sigtimedwait is refused";
const SUBREAPER: &str = "cannot become a child subreaper";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // plain use, hooks, exec mode, a wait, a shell
    ("rt_sigtimedwait", &[SYS_rt_sigtimedwait], [Usual; 5]),
    ("rt_sigtimedwait and signalfd4", &[SYS_rt_sigtimedwait, SYS_signalfd4], [Ends(71, WAIT); 5]),
    ("wait4", &[SYS_wait4], [Usual, Usual, Usual, Ends(71, "wait4 is refused"), Usual]),
    ("waitid", &[SYS_waitid], [Usual; 5]),
    ("rt_sigprocmask", &[SYS_rt_sigprocmask], [Ends(71, "rt_sigprocmask is refused"); 5]),
    ("rt_sigaction", &[SYS_rt_sigaction], [Ends(71, "rt_sigaction is refused"); 5]),
    ("rt_sigpending", &[SYS_rt_sigpending], [Usual; 5]),
    ("getpid", &[SYS_getpid], [Ends(71, "getpid is refused"); 5]),
    ("getppid", &[SYS_getppid], [Usual; 5]),
    ("clock_gettime", &[SYS_clock_gettime], [Usual; 5]),
    ("fork", number::FORK, [Ends(71, "a process (fork) is refused"); 5]),
    ("execve", &[SYS_execve], [Ends(126, "execve is refused"), Ends(70, "execve is refused"), Ends(70, "execve is refused"), Ends(126, "execve is refused"), Ends(126, "execve is refused")]),
    ("pipe2", number::PIPE2, [Ends(71, "a pipe (pipe2) is refused"); 5]),
    ("socketpair", &[SYS_socketpair], [Usual, Usual, Ends(71, "(socketpair) is refused"), Usual, Usual]),
    ("sendto", &[SYS_sendto], [Usual, Usual, Ends(71, "sendto is refused"), Usual, Usual]),
    ("recvfrom", &[SYS_recvfrom], [Usual, Usual, Ends(71, "recvfrom is refused"), Usual, Usual]),
    ("fcntl", &[SYS_fcntl], [Usual, Ends(71, "(fcntl) is refused"), Ends(71, "(fcntl) is refused"), Ends(71, "fcntl"), Usual]),
    ("dup2", number::DUP2, [Usual, Ends(70, "cannot redirect its standard input"), Ends(70, "cannot redirect its standard input"), Usual, Usual]),
    ("chdir", &[SYS_chdir], [Usual, Ends(70, "cannot enter"), Ends(70, "cannot enter"), Usual, Usual]),
    ("setpgid", &[SYS_setpgid], [Usual; 5]),
    ("getpgrp", number::GETPGRP, [Usual; 5]),
    ("getsid", &[SYS_getsid], [Usual; 5]),
    ("ioctl", &[SYS_ioctl], [Usual; 5]),
    ("prctl", &[SYS_prctl], [Warned(SUBREAPER), Warned(SUBREAPER), Warned(SUBREAPER), Usual, Usual]),
    ("kill", &[SYS_kill], [Usual; 5]),
    ("poll", number::POLL, [Usual, Usual, Usual, Ends(71, "poll is refused"), Usual]),
    ("close_range", &[SYS_close_range], [Usual; 5]),
    ("umask", &[SYS_umask], [Usual; 5]),
    ("fchown", &[SYS_fchown], [Usual; 5]),
    ("getdents64", &[SYS_getdents64], [Usual; 5]),
    ("readlink", number::READLINK, [Usual; 5]),
    ("prlimit64", &[SYS_prlimit64], [Usual; 5]),
    ("getrandom", &[SYS_getrandom], [Usual; 5]),
    ("statx", &[SYS_statx], [Usual; 5]),
    ("write", &[SYS_write], [Mute(5); 5]),
];

type Scenario = fn(Cell) -> Setup;

const SERVER: [&str; 4] = ["--", PROBE, "do", "exit=5"];

const SCENARIOS: [Scenario; 5] = [
    |cell| Setup::new(cell, SERVER),
    |cell| Setup::new(cell, SERVER).hook("deploy-env", "exit 0").hook("deploy", "exit 0").hook("post-stop", "exit 0"),
    |cell| Setup::new(cell, ["--exec"]).args(SERVER).hook("deploy", "exit 0").hook("post-deploy", "exit 0"),
    |cell| Setup::new(cell, ["wait", "file:/mnt/bin/probe"]).args(SERVER),
    |cell| Setup::new(cell, ["shell", "-c", "exit 5"]).env("SHELL", "/bin/sh"),
];

/// The rows in one scenario: as PID 1 a profile says no, below another init a kernel that knows no such call.
fn try_rows(place: usize, cells: &[(Cell, i32)]) {
    for &(name, numbers, becomes) in ROWS {
        for &(cell, errno) in cells {
            let end = SCENARIOS[place](cell).denying(numbers, errno).start().end();
            let story = || format!("{name}: {}", end.story());
            let (code, words) = match becomes[place] {
                Usual => (5, ""),
                Mute(code) => (code, ""),
                Warned(words) => (5, if cell.pid1 && place != 2 { "" } else { words }),
                Ends(code, words) => (code, words),
            };
            assert_eq!(end.how, Ended::Exited(i32::from(code)), "{}", story());
            assert!(end.err.contains(words), "no `{words}` in: {}", story());
            if words.is_empty() {
                assert!(!end.err.contains("error: ") && !end.err.contains("warning: "), "{}", story());
            }
            if cell.pid1 {
                assert_eq!(end.left, [], "{}", story());
            }
        }
    }
}

const BOTH: &[(Cell, i32)] = &[(Cell::PID1, EPERM), (Cell::SUBREAPER, ENOSYS)];

#[test]
fn in_plain_use() {
    try_rows(0, BOTH);
}

#[test]
fn with_hooks() {
    try_rows(1, BOTH);
}

#[test]
fn in_exec_mode() {
    try_rows(2, &BOTH[..1]);
}

#[test]
fn in_a_wait() {
    try_rows(3, BOTH);
}

/// Below another init the shell takes app-init's place.
#[test]
fn as_a_shell() {
    try_rows(4, &BOTH[..1]);
}

/// Whatever the answer is, a call that the loop lives on neither spins nor hangs.
#[test]
fn every_answer_of_the_loops_calls_is_worked_around() {
    each_place(|cell| {
        for errno in [EACCES, EINVAL, EINTR, EAGAIN, ECHILD] {
            for call in [SYS_rt_sigtimedwait, SYS_wait4, SYS_clock_gettime] {
                let end = SCENARIOS[0](cell).denying(&[call], errno).start().end();
                assert_eq!((end.how, end.err.as_str()), (Ended::Exited(5), ""), "{call} {errno} {}", end.story());
            }
        }
    });
}

/// The line between the keeper and the server is announced once: what was not heard then is never heard.
#[test]
fn a_keeper_and_a_server_that_cannot_talk_do_not_wait_for_each_other() {
    for (name, call) in [("sendto", SYS_sendto), ("recvfrom", SYS_recvfrom)] {
        let end = SCENARIOS[2](Cell::PID1).denying(&[call], EINTR).start().end().exited(71);
        assert!(end.err.contains(&format!("{name} is refused: Interrupted")), "{}", end.story());
    }
}

/// Signals come by another way, and time limits too.
#[test]
fn signals_are_heard_without_the_usual_wait() {
    each_place(|cell| {
        let sleeper = ["--", "sh", "-c", "echo up; exec sleep 1000"];
        let run = Setup::new(cell, sleeper).denying(&[SYS_rt_sigtimedwait], ENOSYS).start();
        run.line("up");
        run.signal(signal::TERM);
        run.end().exited(143).nothing_left();
        let run = Setup::new(cell, ["--run-timeout", "200ms"]).args(sleeper).denying(&[SYS_rt_sigtimedwait], EPERM);
        run.start().end().exited(124).nothing_left();
    });
}

/// Nobody can be asked for the code then: everybody is given the time that Docker gives, and the call is named.
#[test]
fn without_statuses_everything_ends_in_good_order() {
    each_place(|cell| {
        let end = SCENARIOS[0](cell).denying(&[SYS_wait4, SYS_waitid], EPERM).start().end().exited(71);
        assert!(end.err.contains("wait4 is refused: Operation not permitted; allow it"), "{}", end.story());
    });
}

/// It is said, and is no reason to end: the server may end by itself.
#[test]
fn a_stop_that_cannot_be_sent_is_said() {
    each_place(|cell| {
        for setup in [Setup::new(cell, [""; 0]), Setup::new(cell, [""; 0]).hook("deploy", "exit 0")] {
            let mut run = setup
                .args(["--", PROBE, "do", "print=up", "eof", "exit=5"])
                .typed()
                .denying(&[SYS_kill], EPERM)
                .start();
            run.line("up");
            run.signal(signal::TERM);
            run.err_line("warning: cannot send TERM to /mnt/bin/probe: kill is refused: Operation not permitted");
            run.close_input();
            run.end().exited(5).nothing_left();
        }
    });
}

/// Who cannot even be killed has no other end than app-init's own; as PID 1 that takes everybody along.
#[test]
fn a_time_limit_that_cannot_be_enforced_is_the_end() {
    each_place(|cell| {
        let limit = ["--run-timeout", "200ms", "--run-timeout-signal", "KILL", "--", PROBE, "do", "pause"];
        let end = Setup::new(cell, limit).denying(&[SYS_kill], EPERM).start().end().exited(71);
        assert!(end.err.contains("cannot go on: kill is refused"), "{}", end.story());
    });
}

/// A filter that says yes and does nothing takes no byte, however often it is asked.
#[test]
fn an_answer_that_is_never_taken_ends_all_the_same() {
    each_place(|cell| {
        Setup::new(cell, ["--version"]).denying(&[SYS_write], 0).start().end().exited(71);
    });
}

/// What `[[prepare]]` makes must keep no access control list; where the kernel has none, there is none to take away.
#[test]
fn prepare_fails_where_a_list_cannot_be_taken_away() {
    for (errno, code) in [(nix::libc::EPERM, 77), (nix::libc::ENOSYS, 5)] {
        let setup = Setup::new(Cell::PID1, SERVER).config("[[prepare]]\ndir = \"made\"\nrequired = true\n");
        setup.denying(&[SYS_fremovexattr], errno).start().end().exited(code);
    }
}

/// The document has the rows of this test.
#[test]
fn the_document_has_these_rows() {
    let document = include_str!("../../docs/system-calls.md");
    let said = document.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let said: BTreeSet<String> = said.map(|row| row.replace('`', "")).collect();
    let tried: BTreeSet<String> = ROWS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let both: Vec<_> = said.symmetric_difference(&tried).collect();
    assert!(both.is_empty(), "only in one of the two: {both:?}");
}
