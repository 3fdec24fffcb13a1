//! §1, nested use: one boot for one container, and no boot left out because another app-init is somewhere.

use std::process::{Command, Stdio};

use crate::harness::*;

/// Its hook tells of each boot.
const HOOK: &str = "echo migrating";
const EXEC_MODE: &str = "[server]\nmode = \"exec\"\n";

/// Puts a command into the namespaces of a running container, as `docker exec` does: its code and all that it says.
fn exec(run: &Running, entering: &str, command: &str) -> (Option<i32>, String) {
    let script = format!("cd {APP} && exec {command} 2>&1");
    let words = format!("--target {} --mount --pid -- {entering} sh -c", run.pid);
    let mut nsenter = Command::new("nsenter");
    nsenter.args(words.split_whitespace()).arg(script).stdin(Stdio::null());
    // The variables of the test run are not the container's.
    let done = nsenter.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").output().expect("nsenter is there");
    (done.status.code(), format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)))
}

/// A container whose main process is this program, and has booted.
fn container(main: &[&str], config: &str) -> Running {
    let setup = Setup::bare(Cell::PID1, main).config(config).hook("deploy", HOOK);
    let run = setup.start();
    run.line("up");
    run
}

const COMMAND: &str = "/mnt/bin/probe do print=ran exit=9";

#[track_caller]
fn boots(run: &Running, entering: &str, command: &str) {
    let (code, said) = exec(run, entering, command);
    let place = |line: &str| said.lines().position(|other| other == line);
    let booted = place("migrating").is_some() && place("migrating") < place("ran");
    assert!(code == Some(9) && booted, "{command}: {code:?} {said}");
}

#[track_caller]
fn does_not_boot(run: &Running, command: &str) {
    assert_eq!(exec(run, "", command), (Some(9), "ran\n".to_owned()), "{command}");
}

/// Programs of a script or of supervisord: none is the other's init.
#[test]
fn one_beside_another_boots() {
    let one = format!("APP_INIT_SKIP=deploy {APP_INIT} -- sh -c 'echo > up; exec sleep infinity'");
    let other = format!("{APP_INIT} -- {PROBE} do print=second exit=4");
    let script = format!("mkfifo up; {one} & read line < up; {other}; exit $?");
    let end = Setup::bare(Cell::PID1, ["sh", "-c", &script]).hook("deploy", HOOK).start().end().exited(4);
    assert!(end.out.ends_with("\nmigrating\nsecond\n"), "{}", end.story());
}

/// Below another init too, or it would start itself over and over.
#[test]
fn one_in_a_hook_of_another_does_not_boot() {
    let script = format!("{APP_INIT} -- true; exit $?");
    let hook = format!("{HOOK}\n[ -n \"$DEEP\" ] || DEEP=1 {APP_INIT} -- echo ran");
    let end = Setup::bare(Cell::PID1, ["sh", "-c", &script]).hook("deploy", &hook).start().end().exited(0);
    assert_eq!(end.out.matches("migrating").count(), 1, "{}", end.story());
    assert!(end.out.ends_with("\nran\n"), "{}", end.story());
}

/// `docker exec c app-init -- CMD`, as root and as somebody who may not look at PID 1.
#[test]
fn one_put_beside_the_containers_init_does_not_boot() {
    let beside = |run: &Running| {
        does_not_boot(run, &format!("{APP_INIT} -- {COMMAND}"));
        let user = "setpriv --reuid 12345 --regid 12345 --clear-groups";
        does_not_boot(run, &format!("{user} {APP_INIT} -- {COMMAND}"));
        does_not_boot(run, &format!("sh -c '{APP_INIT} -- {COMMAND}; exit $?'"));
        boots(run, "", &format!("{APP_INIT} --hooks -- {COMMAND}"));
    };
    beside(&container(&[APP_INIT, "--", PROBE, "do", "print=up", "pause"], "[log]\n"));
    // As with `docker run --init`.
    beside(&container(&["sh", "-c", &format!("{APP_INIT} -- {PROBE} do print=up pause; exit $?")], "[log]\n"));
}

/// §7.2: in exec mode there is no app-init any more that could be found.
#[test]
fn one_put_beside_a_server_of_exec_mode_does_not_boot() {
    let run = container(&[APP_INIT, "--", PROBE, "do", "print=up", "pause"], EXEC_MODE);
    does_not_boot(&run, &format!("{APP_INIT} -- {COMMAND}"));
    does_not_boot(&run, &format!("setpriv --reuid 12345 --regid 12345 --clear-groups {APP_INIT} -- {COMMAND}"));
    boots(&run, "", &format!("{APP_INIT} --hooks -- {COMMAND}"));
    boots(&run, "", &format!("{APP_INIT} --supervise -- {COMMAND}"));
    let role = container(
        &["env", "APP_INIT_ROLE=web", APP_INIT, "--", PROBE, "do", "print=up", "pause"],
        "[role.web.server]\nmode = \"exec\"\n",
    );
    does_not_boot(&role, &format!("env APP_INIT_ROLE=web {APP_INIT} -- {COMMAND}"));
}

/// A container that was started to work in: whatever is started there is its first boot.
#[test]
fn one_put_beside_another_program_boots() {
    let run = container(&[PROBE, "do", "print=up", "pause"], "[log]\n");
    boots(&run, "", &format!("{APP_INIT} -- {COMMAND}"));
}

/// `docker run --pid=container:x`, a pod that shares its PID namespace: PID 1 is another container's.
#[test]
fn the_main_process_of_another_container_boots() {
    for config in ["[log]\n", EXEC_MODE] {
        let run = container(&[APP_INIT, "--", PROBE, "do", "print=up", "pause"], config);
        boots(&run, "unshare --mount --mount-proc", &format!("{APP_INIT} -- {COMMAND}"));
    }
}

/// Without a command there is nothing that it could mean.
#[test]
fn one_without_a_command_is_told_so() {
    let config = format!("[server]\ncommand = [\"{PROBE}\", \"do\", \"print=up\", \"pause\"]\n");
    let run = container(&[APP_INIT], &config);
    let (code, said) = exec(&run, "", APP_INIT);
    let told = "app-init: app-init runs here already; name a command, or use --hooks\n";
    assert!(code == Some(64) && said.starts_with(told), "{code:?} {said}");
}
