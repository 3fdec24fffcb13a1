//! `probe ns`: starts a program as PID 1 of a fresh PID namespace, or as the child of a PID 1 that does nothing.
//!
//! Nothing is raced: the program is held at a gate until the test knows its pid, and stays a zombie until the test
//! wants no more, so that a signal can never reach a stranger. All of it dies with the test.
//!
//! News, a line each: `started PID FIRST` (as the test sees them; FIRST is the namespace's PID 1), `ended exited CODE` or
//! `ended signaled NUMBER`.

use crate::mounts;
use crate::options::Options;
use crate::surroundings;
use crate::sys::{self, Ended, say};
use nix::libc;
use std::ffi::OsString;

/// What the processes of the launcher tell each other. The gate opens with a byte.
struct Pipes {
    gate: (i32, i32),
    note: (i32, i32),
    /// (number, where it is until then) of the descriptors that the program inherits.
    given: Vec<(i32, i32)>,
}

impl Pipes {
    /// Only the program itself may keep what it is given: a test may wait for the end of such a pipe.
    fn forget_given(&self) {
        for (_, fd) in &self.given {
            sys::close(*fd);
        }
    }
}

pub fn launch(words: &[OsString]) -> i32 {
    let options = Options::read(words);
    surroundings::settle();
    sys::demand(sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64), "follow the test");
    let report = sys::move_away(sys::open(&options.report, libc::O_WRONLY));
    let control = sys::move_away(sys::open(&options.control, libc::O_RDONLY));
    let open = |path: &OsString| sys::move_away(sys::open(path, libc::O_RDWR));
    let given = options.descriptors.iter().map(|(number, path)| (*number, open(path))).collect();
    let pipes = Pipes { gate: sys::pipe(), note: sys::pipe(), given };
    sys::unshare(libc::CLONE_NEWPID);
    let first = sys::fork();
    if first == 0 {
        sys::close(report);
        sys::close(control);
        first_process(&options, &pipes);
    }
    sys::close(pipes.note.1);
    pipes.forget_given();
    watch(&options, first, report, &pipes);
    while !sys::read_some(control).is_empty() {}
    sys::kill(first, libc::SIGKILL);
    sys::wait_for(first);
    0
}

/// The launcher proper: tells the pid, opens the gate, tells the end.
fn watch(options: &Options, first: i32, report: i32, pipes: &Pipes) {
    if sys::read_some(pipes.note.0).is_empty() {
        say(report, "failed");
        return;
    }
    let program = if options.as_pid1 { first } else { only_child(first) };
    say(report, &format!("started {program} {first}"));
    // Nobody but the program may keep its descriptors open.
    for fd in 0..3 {
        sys::dup_to(sys::open("/dev/null".as_ref(), libc::O_RDWR), fd);
    }
    sys::write_all(pipes.gate.1, b"g");
    if options.as_pid1 {
        say(report, &end_line(sys::wait_keeping(first)));
    } else {
        let line = String::from_utf8_lossy(&sys::read_some(pipes.note.0)).into_owned();
        say(report, line.trim_end());
    }
}

/// The child's pid as this process sees it: the child itself knows only the one inside.
fn only_child(parent: i32) -> i32 {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    sys::demand(list.trim().parse::<i64>().unwrap_or(-1), "find the child's pid") as i32
}

fn end_line(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("ended exited {code}"),
        Ended::Signaled(signal) => format!("ended signaled {signal}"),
    }
}

/// PID 1 of the namespace: becomes the program, or has it as its child and does nothing more.
fn first_process(options: &Options, pipes: &Pipes) -> ! {
    sys::demand(sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64), "follow the launcher");
    sys::setsid();
    sys::unshare(libc::CLONE_NEWNS);
    if options.own_network {
        sys::unshare(libc::CLONE_NEWNET);
        sys::loopback_up();
    }
    mounts::lay_out(options);
    if options.as_pid1 {
        become_program(options, pipes);
    }
    let terminal = options.terminal.as_ref().filter(|_| !options.foreign_terminal).map(|path| {
        let fd = sys::move_away(sys::open(path, libc::O_RDWR));
        sys::take_terminal(fd);
        fd
    });
    let child = sys::fork();
    if child == 0 {
        // All signals are blocked, or the change of the foreground group would stop this background process.
        sys::set_mask(u64::MAX);
        sys::setpgid(0, 0);
        if let Some(fd) = terminal
            && !options.background
        {
            sys::set_foreground(fd, sys::getpid());
        }
        become_program(options, pipes);
    }
    if let Some(fd) = terminal {
        sys::close(fd);
    }
    for fd in 0..3 {
        sys::dup_to(sys::open("/dev/null".as_ref(), libc::O_RDWR), fd);
    }
    pipes.forget_given();
    say(pipes.note.1, &end_line(sys::wait_keeping(child)));
    // Orphans that the program has left behind stay as they are, for the test to see.
    loop {
        sys::wait_signal(0);
    }
}

/// The last steps before the exec, in the order in which each is still allowed.
fn become_program(options: &Options, pipes: &Pipes) -> ! {
    if let Some(path) = &options.terminal {
        let fd = sys::open(path, libc::O_RDWR);
        if options.as_pid1 && !options.foreign_terminal {
            sys::take_terminal(fd);
        }
        for to in 0..3 {
            sys::dup_to(fd, to);
        }
        if fd > 2 {
            sys::close(fd);
        }
    }
    if let Some(score) = &options.oom_score {
        std::fs::write("/proc/self/oom_score_adj", score).unwrap_or_else(|_| sys::exit_now(250));
    }
    if let Some(nice) = options.nice {
        sys::set_nice(nice);
    }
    if options.no_capabilities {
        sys::drop_bounding_set();
    }
    if let Some(umask) = options.umask {
        sys::umask(umask);
    }
    sys::close_range_on_exec(3);
    for (number, fd) in &pipes.given {
        sys::dup_to(*fd, *number);
    }
    for (limit, value) in &options.limits {
        sys::set_limit(*limit, *value);
    }
    if let Some(user) = options.user {
        sys::become_user(user);
    }
    if options.no_capabilities {
        sys::drop_capabilities();
    }
    if options.as_pid1 {
        // Taken away by the change of user.
        sys::demand(sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64), "follow the launcher");
    }
    if let Err(error) = std::env::set_current_dir(&options.directory) {
        say(2, &format!("probe ns: cannot enter {}: {error}", options.directory.display()));
        sys::exit_now(250);
    }
    for signal in 1..=64 {
        sys::set_disposition(signal, usize::from(options.ignored.contains(&signal)));
    }
    sys::set_mask(options.blocked);
    say(pipes.note.1, "ready");
    sys::read_some(pipes.gate.0);
    for fd in &options.closed {
        sys::close(*fd);
    }
    if !options.denied.is_empty() {
        sys::deny_calls(&options.denied);
    }
    let Some(file) = options.command.first() else { sys::exit_now(64) };
    let mut argv = options.command.clone();
    if let Some(name) = &options.name {
        argv[0].clone_from(name);
    }
    let error = sys::exec(file, &argv);
    say(2, &format!("probe ns: cannot run {}: error {error}", file.display()));
    sys::exit_now(251)
}
