//! Plain use: an init and nothing else. It prints nothing, writes nothing, changes nothing.

use crate::harness::cli::{docker, docker_ok};
use crate::harness::container::{Container, Recipe};
use crate::harness::images;

/// What a program sees of itself: its environment, directory, signals, limits and descriptors.
const LOOK: &str = "env | sort; pwd; umask; id; ulimit -a; grep -E 'Sig(Blk|Ign|Cgt)|NoNewPrivs|Cap' /proc/self/status; \
                    for fd in /proc/$$/fd/*; do echo ${fd##*/}; done; cat /proc/self/oom_score_adj";

#[test]
fn prints_nothing_and_passes_the_code() {
    for options in [&[][..], &["--init"], &["--tty"]] {
        let done = Recipe::of(&images::plain()).options(options).args(&["--", "sh", "-c", "exit 7"]).run();
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (7, "", ""), "{options:?}");
    }
}

#[test]
fn passes_both_streams() {
    for options in [&[][..], &["--init"]] {
        let recipe = Recipe::of(&images::plain()).options(options);
        let done = recipe.args(&["--", "sh", "-c", "echo out; echo err >&2"]).run();
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "out\n", "err\n"), "{options:?}");
    }
}

#[test]
fn writes_nothing() {
    let container = Recipe::of(&images::plain()).args(&["--", "sh", "-c", "echo up; exec sleep 1000"]).start();
    container.wait_for("up");
    assert_eq!(docker_ok(&["diff", &container.name]), "", "while it runs");
    assert_eq!(container.stop(), 143);
    assert_eq!(docker_ok(&["diff", &container.name]), "", "when it has ended");
    let logs = container.logs();
    assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("up\n", ""));
}

/// The control of the test above: a file that is written does show.
#[test]
fn a_written_file_shows() {
    let container = Recipe::of(&images::plain()).args(&["--", "sh", "-c", "echo > /tmp/trace"]).start();
    assert_eq!(container.wait(), 0);
    assert!(docker_ok(&["diff", &container.name]).contains("/tmp/trace"));
}

/// The same program with and without app-init in front of it.
#[test]
fn changes_nothing_for_the_program() {
    let image = images::plain();
    for options in [&[][..], &["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "12345"]] {
        let recipe = Recipe::of(&image).options(&["--hostname", "same"]).options(options);
        let with = recipe.clone().args(&["--", "sh", "-c", LOOK]).run();
        let without = recipe.options(&["--entrypoint", "sh"]).args(&["-c", LOOK]).run();
        assert_eq!((with.code, &with.stdout, &with.stderr), (without.code, &without.stdout, &without.stderr));
        assert!(with.stdout.contains("SigIgn"), "it has looked: {with:?}");
    }
}

/// Codes that Docker's users know: 126, 127, 128 + the signal.
#[test]
fn codes() {
    for (script, code) in [("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 137), ("kill -USR1 $$", 138)] {
        let done = Recipe::of(&images::plain()).args(&["--", "sh", "-c", script]).run();
        assert_eq!((done.code, done.stderr.as_str()), (code, ""), "{script}");
    }
    for (program, code) in [("/no/such/program", 127), ("/etc/passwd", 126)] {
        let done = Recipe::of(&images::plain()).args(&["--", program]).run();
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.stderr.contains(program), "the message names it: {done:?}");
    }
}

/// Signals go to the server as they come: `docker kill` with each of these ends in the handler of the program.
#[test]
fn docker_kill_reaches_the_server() {
    // Blocked and waited for: none is missed in between.
    let script = "import signal, sys\n\
                  wanted = {1, 2, 3, 10, 12, 28, 15}\n\
                  signal.pthread_sigmask(signal.SIG_BLOCK, wanted)\n\
                  print('up', flush=True)\n\
                  caught = 0\n\
                  while caught != 15:\n\
                  \x20   caught = int(signal.sigwait(wanted))\n\
                  \x20   print('caught', caught, flush=True)\n\
                  sys.exit(42)\n";
    let container = Recipe::of(&images::plain()).args(&["--", "python3", "-c", script]).start();
    let mut log = container.follow();
    log.wait_for("up");
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10), ("USR2", 12), ("WINCH", 28), ("TERM", 15)]
    {
        docker_ok(&["kill", "--signal", name, &container.name]);
        log.wait_for(&format!("caught {number}"));
    }
    assert_eq!(container.wait(), 42);
}

/// Removing a container that runs, by force and with what it has started in the background, leaves no error.
#[test]
fn docker_rm_by_force() {
    let container = Recipe::of(&images::plain()).args(&["--", "sh", "-c", "sleep 1000 & echo up; wait"]).start();
    container.wait_for("up");
    let Container { name } = &container;
    let done = docker(&["rm", "-f", "-v", name]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}
