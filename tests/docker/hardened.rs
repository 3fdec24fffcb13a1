//! Nothing is demanded of the platform: no root, no capability, no writable file, no second free process.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::apps::KLEIN;
use crate::harness::container::Recipe;
use crate::harness::images;

const HARDENED: [&str; 7] =
    ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--user", "12345"];

/// The ways in which app-init is PID 1, or is not, or has a terminal.
const WAYS: [&[&str]; 3] = [&[], &["--init"], &["--tty"]];

/// Output and code arrive, for a uid that nobody has heard of.
#[test]
fn plain_use() {
    let script = "echo out; echo err >&2; id -u; exit 7";
    for options in WAYS {
        let recipe = Recipe::of(&images::plain()).options(&HARDENED).options(options);
        let done = recipe.args(&["--", "sh", "-c", script]).run();
        assert_eq!(done.code, 7, "{options:?}: {done:?}");
        assert!(done.stdout.contains("out") && done.stdout.contains("12345"), "{options:?}: {done:?}");
        assert!(options == ["--tty"] || done.stderr == "err\n", "{options:?}: {done:?}");
    }
}

/// A child leaves a grandchild behind: it becomes app-init's, and when it has ended nothing of it is left in the table of
/// processes. The server reaps its own child only.
const FORSAKES: &str = "
import os, time
told, tell = os.pipe()
go_on, go = os.pipe()
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os.read(go_on, 1)
        print('child of', os.getppid(), flush=True)
        os._exit(3)
    os.write(tell, b'%d' % grandchild)
    os._exit(0)
os.waitpid(child, 0)
orphan = '/proc/' + os.read(told, 32).decode()
print('app-init is', os.getppid(), flush=True)
print('at first', os.path.exists(orphan), flush=True)
os.write(go, b'!')
while os.path.exists(orphan): time.sleep(0.01)
print('reaped', flush=True)
";

#[test]
fn orphans_are_adopted_and_reaped() {
    for options in WAYS {
        let recipe = Recipe::of(&images::plain()).options(&HARDENED).options(options);
        let done = recipe.args(&["--", "python3", "-c", FORSAKES]).run();
        assert_eq!(done.code, 0, "{options:?}: {done:?}");
        let lines: Vec<&str> = done.stdout.lines().collect();
        let [parent, "at first True", adopter, "reaped"] = lines[..] else { panic!("{options:?}: {done:?}") };
        let parent = parent.strip_prefix("app-init is ");
        assert_eq!(parent == Some("1"), options != ["--init"], "{options:?}: {done:?}");
        assert_eq!(adopter.strip_prefix("child of "), parent, "{options:?}: {done:?}");
    }
}

/// A real server with hooks, under the same conditions: boot, serve, stop.
#[test]
fn an_application() {
    // docker cp does not write into a read-only container; a mount does not have to.
    let hooks = tempfile::tempdir().expect("a temporary directory");
    let hook = hooks.path().join("deploy");
    fs::set_permissions(hooks.path(), fs::Permissions::from_mode(0o755)).expect("readable for every uid");
    fs::write(&hook, "#!/bin/sh\necho hook as $(id -u)\n").expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("executable");
    let mount = format!("{}:/app/.docker/action_hooks:ro", hooks.path().display());
    let container = KLEIN.serving(&KLEIN.recipe().options(&HARDENED).options(&["--volume", &mount]));
    container.wait_for("hook as 12345");
    assert_eq!(KLEIN.get(&container, "/").status, 200);
    let shell = container.exec(&["app-init", "shell", "-c", "id -u; echo $LANG"]);
    assert_eq!((shell.code, shell.stdout.as_str()), (0, "12345\nC.UTF-8\n"), "{shell:?}");
    assert_eq!(container.stop(), KLEIN.stopped);
}

/// Ends with 42 on TERM, also on one that comes before it waits for it.
const SERVER: &str = "import signal, sys\n\
                      signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n\
                      print('up', flush=True)\n\
                      signal.sigwait({signal.SIGTERM})\n\
                      sys.exit(42)\n";

/// One process for app-init, one for the server, none to spare: a stop needs neither a fork nor a thread (C52).
#[test]
fn no_process_to_spare() {
    let container =
        Recipe::of(&images::plain()).options(&["--pids-limit", "2"]).args(&["--", "python3", "-c", SERVER]).start();
    container.wait_for("up");
    assert_eq!(container.stop(), 42);
}

/// The same outside plain use, where a stop has a procedure.
#[test]
fn no_process_to_spare_outside_plain_use() {
    // An option that asks for more than signal handling, and needs no process.
    let image = images::plain();
    let container = Recipe::of(&image)
        .options(&["--pids-limit", "2"])
        .args(&["--stop-timeout", "30s", "--", "python3", "-c", SERVER])
        .start();
    container.wait_for("up");
    assert_eq!(container.stop(), 42);
}
