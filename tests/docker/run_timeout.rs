//! Untrusted code, bounded in time: `docker run --rm image --run-timeout 5s --run-timeout-signal KILL -- python3 …`.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::apps::is_ours;
use crate::harness::container::{Recipe, unique_name};
use crate::harness::images;

const ROUNDS: usize = 20;

/// Prints more than a pipe holds, starts a child in a session of its own that ignores TERM, and never ends.
const GREEDY: &str = "
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print('child', os.getsid(0) == os.getpid(), flush=True)
    while True: time.sleep(1000)
time.sleep(0.5)
for line in range(20000): print('line', line)
print('all printed', flush=True)
while True: pass
";

#[test]
fn ends_by_itself_twenty_times_in_a_row() {
    let image = images::plain();
    for round in 1..=ROUNDS {
        // It stands in the arguments of both processes, so that they can be found from outside the container.
        let mark = unique_name("greedy");
        let recipe =
            Recipe::of(&image).options(&["--rm"]).args(&["--run-timeout", "5s", "--run-timeout-signal", "KILL"]);
        let began = Instant::now();
        let done = recipe.args(&["--", "python3", "-c", GREEDY, &mark]).run();
        assert_eq!(done.code, 137, "round {round}: {}", done.stderr);
        assert!(done.stderr.lines().all(is_ours), "round {round}: no error of docker's: {}", done.stderr);
        assert!(began.elapsed() >= Duration::from_secs(5), "round {round}: not before its time");
        let lines: Vec<&str> = done.stdout.lines().collect();
        assert_eq!(
            (lines.len(), lines.first(), lines.last()),
            (20002, Some(&"child True"), Some(&"all printed")),
            "round {round}"
        );
        assert_eq!(processes_with(&mark), 0, "round {round}: nobody is left");
    }
}

/// The control of `nobody is left`: while such a container runs, its two processes, and app-init, are seen from here.
#[test]
fn the_processes_are_seen_while_they_run() {
    let mark = unique_name("greedy");
    let container = Recipe::of(&images::plain()).args(&["--", "python3", "-c", GREEDY, &mark]).start();
    container.wait_for("all printed");
    assert_eq!(processes_with(&mark), 3);
}

/// A milder signal: the program may say good-bye, and the code is timeout(1)'s.
#[test]
fn a_milder_signal_gives_124() {
    let image = images::plain();
    let polite = "trap 'echo good-bye; exit 0' TERM; echo up; while :; do sleep 1; done";
    let recipe = Recipe::of(&image).options(&["--rm"]).args(&["--run-timeout", "1s", "--run-timeout-signal", "TERM"]);
    let done = recipe.args(&["--", "sh", "-c", polite]).run();
    assert_eq!((done.code, done.stdout.as_str()), (124, "up\ngood-bye\n"), "{done:?}");
}

/// Who ends in time keeps its own code.
#[test]
fn in_time_nothing_happens() {
    let recipe =
        Recipe::of(&images::plain()).options(&["--rm"]).args(&["--run-timeout", "1m", "--run-timeout-signal", "KILL"]);
    let done = recipe.args(&["--", "sh", "-c", "echo done; exit 3"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (3, "done\n"));
    assert!(done.stderr.lines().all(is_ours), "{done:?}");
}

/// Counts the processes of this machine that have `mark` as an argument, docker's own client excepted.
fn processes_with(mark: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| !line.starts_with("docker\0") && line.split('\0').any(|arg| arg == mark))
        .count()
}
