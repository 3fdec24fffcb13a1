//! Untrusted code, bounded in time: `docker run --rm image --run-timeout 5s --run-timeout-signal KILL -- python3 …`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::apps::is_ours;
use crate::harness::cli::{docker, docker_ok};
use crate::harness::container::{Container, Recipe, unique_name};
use crate::harness::images;
use crate::soak::scale;

const LINES: usize = 20_000;

/// Prints more than a pipe holds, notes how far it has come, and never ends. Its child is in a session of its own and
/// ignores TERM; the first line is the child's, for which the parent waits.
const GREEDY: &str = "
import os, signal, sys, time
there, here = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(1, b'child %s\\n' % str(os.getsid(0) == os.getpid()).encode())
    os.write(here, b'!')
    while True: time.sleep(1000)
os.read(there, 1)
note = os.open('/note/printed', os.O_WRONLY | os.O_CREAT)
for line in range(20000):
    os.write(1, b'line %d\\n' % line)
    os.pwrite(note, b'%d' % (line + 1), 0)
os.write(1, b'all printed\\n')
while True: pass
";

/// The time limit is the program's own to lose: on a slow machine it comes less far, and what it notes is what it can be
/// held to. Only its start, up to the first line of its child, has to fit into the 5 s.
#[test]
fn ends_by_itself_each_time() {
    let image = images::plain();
    for round in 1..=scale(2, 20) {
        // It stands in the arguments of both processes, so that they can be found from outside the container.
        let mark = unique_name("greedy");
        let notes = tempfile::tempdir().expect("a temporary directory");
        let mount = format!("{}:/note", notes.path().display());
        let recipe = Recipe::of(&image).options(&["--rm", "--volume", &mount]).args(&[
            "--run-timeout",
            "5s",
            "--run-timeout-signal",
            "KILL",
        ]);
        let container = Container::named("greedy");
        let began = Instant::now();
        let done = recipe.args(&["--", "python3", "-c", GREEDY, &mark]).run_as(&container);
        assert_eq!(done.code, 137, "round {round}: {}", done.stderr);
        assert!(done.stderr.lines().all(is_ours), "round {round}: no error of docker's: {}", done.stderr);
        assert!(began.elapsed() >= Duration::from_secs(5), "round {round}: not before its time");
        everything_was_delivered(&done.stdout, notes.path(), round);
        assert_eq!(processes_with(&mark), 0, "round {round}: nobody is left");
        // Nobody has asked for its removal but --rm.
        let left = docker(&["inspect", "--type", "container", &container.name]);
        assert!(left.code != 0 && left.stderr.contains("No such container"), "round {round}: {left:?}");
        let filter = format!("name={}", container.name);
        assert_eq!(docker_ok(&["ps", "-a", "--quiet", "--filter", &filter]), "", "round {round}");
    }
}

/// Every line of which the program knew that it was written, in its order; the next one may have been on its way.
fn everything_was_delivered(stdout: &str, notes: &Path, round: usize) {
    let noted = fs::read_to_string(notes.join("printed")).unwrap_or_default();
    let noted: usize = if noted.is_empty() { 0 } else { noted.parse().expect("a number") };
    let mut lines = stdout.lines();
    assert_eq!(lines.next(), Some("child True"), "round {round}");
    let lines: Vec<&str> = lines.collect();
    let printed = lines.iter().filter(|&&line| line != "all printed").count();
    assert!(noted <= printed && printed <= noted + 1, "round {round}: {printed} lines are here, {noted} were printed");
    let all: Vec<String> = (0..printed).map(|line| format!("line {line}")).collect();
    assert_eq!(lines[..printed], all, "round {round}");
    assert!(lines.len() == printed || printed == LINES, "round {round}: the last one is the last");
}

/// The control of `nobody is left`: while such a container runs, its two processes, and app-init, are seen from here.
#[test]
fn the_processes_are_seen_while_they_run() {
    let mark = unique_name("greedy");
    let recipe = Recipe::of(&images::plain()).options(&["--tmpfs", "/note"]);
    let container = recipe.args(&["--", "python3", "-c", GREEDY, &mark]).start();
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
