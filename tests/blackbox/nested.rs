//! §1, nested use: one boot for one container, and no boot left out because another app-init is somewhere.

use std::process::{Command, Stdio};

use crate::harness::*;

/// Its hook tells of each boot.
const HOOK: &str = "echo migrating";
const EXEC_MODE: &str = "[server]\nmode = \"exec\"\n";

/// Puts a command into the namespaces of a running container, as `docker exec` does: its code and all that it says.
fn exec(run: &Running, entering: &str, command: &str) -> (Option<i32>, String) {
    exec_in(APP, run, entering, command)
}

/// The same as `docker exec -w`.
fn exec_in(directory: &str, run: &Running, entering: &str, command: &str) -> (Option<i32>, String) {
    let script = format!("cd {directory} && exec {command} 2>&1");
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

/// An application with a worker and a health check: `server` prints what it is, and waits.
const ROLES: &str = "[server]\ncommand = [\"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]\n\
    [env.set]\nWHO = \"web\"\n[role.worker]\numask = \"0027\"\n[role.worker.env.set]\nWHO = \"worker\"\n\
    [role.worker.hooks.which]\nrun = [{ command = [\"sh\", \"-c\", \"echo which $WHO\"], when = [\"args:*up pause print=x\"] }]\n\
    [role.health]\nserver.command = [\"sh\", \"-c\", \"echo $WHO $(pwd) $*; exit 3\", \"sh\"]\nserver.args = [\"a\"]\n\
    [role.health.env.set]\nWHO = \"health\"\n";

/// §1, §3: a role's word is that role's command, in its environment, whatever was booted.
#[test]
fn a_roles_word_is_its_command() {
    for started in [&[APP_INIT, "--"][..], &[APP_INIT, "--", "worker", "print=x"]] {
        let run = container(started, ROLES);
        let health = |more: &str| (Some(3), format!("health {APP} a{more}\n"));
        assert_eq!(exec(&run, "", &format!("{APP_INIT} -- health")), health(""));
        assert_eq!(exec_in("/usr", &run, "", &format!("{APP_INIT} health b 'c d'")), health(" b c d"));
        // A word that is none is a command, in the environment of what was booted.
        let who = if started.len() == 2 { "web" } else { "worker" };
        let (code, said) = exec(&run, "", &format!("{APP_INIT} -- sh -c 'echo $WHO; exit 9'"));
        assert_eq!((code, said), (Some(9), format!("{who}\n")));
    }
    // Without a command of its own or of the server it is a word for nothing.
    let run = container(&[APP_INIT, "--", PROBE, "do", "print=up", "pause"], "[role.bare.env.set]\nA = \"b\"\n");
    let (code, said) = exec(&run, "", &format!("{APP_INIT} -- bare"));
    assert!(code == Some(64) && said.starts_with("app-init: nothing to run: "), "{code:?} {said}");
    assert_eq!(exec(&run, "", &format!("{APP_INIT} -- bare sh -c 'echo $A'")), (Some(0), "b\n".to_owned()));
}

/// §1: to boot once more is to boot the same application: as it was configured there, and for whom.
#[test]
fn another_boot_beside_it_is_of_the_same_configuration() {
    let config = format!("{ROLES}[hooks.deploy]\nrun = [{{ command = [\"sh\", \"-c\", \"echo deploying $WHO\"] }}]\n");
    for started in [format!("{APP_INIT} --config other.toml --"), format!("{APP_INIT} -c other.toml -- worker print=x")]
    {
        let script = format!("exec {started}");
        let setup = Setup::bare(Cell::PID1, ["sh", "-c", &script]).file("other.toml", &config, 0o644);
        let run = setup.start();
        run.line("up");
        for directory in [APP, "/usr"] {
            let says = |command: &str| exec_in(directory, &run, "", &format!("{APP_INIT} --hooks {command}"));
            let (code, said) = says("-- health");
            assert!(code == Some(3) && said.contains("deploying health\n"), "{code:?} {said}");
            assert!(said.contains(&format!("\nhealth {APP} a\n")), "{said}");
            // Its own options count more.
            let (code, said) = says("-c /dev/null -- health");
            assert!(code != Some(3) && !said.contains("deploying"), "{code:?} {said}");
        }
    }
}

/// §1: what is put beside a boot is of that boot: its role, its options, its directory.
#[test]
fn commands_beside_a_boot_are_of_its_role() {
    let started = format!("{APP_INIT} -- worker print=x");
    for main in [&["sh", "-c", &format!("exec {started}")][..], &["sh", "-c", &format!("{started}; exit $?")]] {
        let run = container(main, ROLES);
        for directory in [APP, "/usr"] {
            let says = |command: &str| exec_in(directory, &run, "", &format!("{APP_INIT} {command}"));
            let worker = (Some(0), format!("worker {APP} 0027\n"));
            assert_eq!(says("exec -- sh -c 'echo $WHO $(pwd) $(umask)'"), worker);
            assert_eq!(says("shell -c 'echo $WHO $(pwd) $(umask)'"), worker);
            assert!(says("env").1.contains("WHO='worker'\n"));
            assert_eq!(says("hook which").1.lines().last(), Some("which worker"));
            let (code, plan) = says("check");
            assert_eq!(code, Some(0), "{plan}");
            assert!(plan.contains("\n  /mnt/bin/probe do print=up pause print=x\n"), "{plan}");
            assert!(plan.contains("  role.worker.umask  (.docker/app-init.toml:6)\n"), "{plan}");
            // Somebody who says another one means it.
            assert!(says("check health").1.contains("\n  sh -c"), "{plan}");
            let other = format!("env APP_INIT_ROLE=health {APP_INIT} exec -- sh -c 'echo $WHO'");
            assert_eq!(exec_in(directory, &run, "", &other), (Some(0), "health\n".to_owned()));
        }
    }
}

/// §1: the options that the container was started with count too, and those that are typed count more.
#[test]
fn commands_beside_a_boot_have_its_options() {
    let config =
        "[server]\ncommand = [\"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]\n[env.set]\nA = \"other\"\n";
    let script = format!(
        "chmod 755 . && mkdir conf && printf '{}' > conf/x.toml && \
         exec {APP_INIT} -c conf/x.toml -u 12345:12345 --workdir conf --drain 7s",
        config.replace('"', "\\\"").replace("\\\"", "\"")
    );
    let setup = Setup::bare(Cell::PID1, ["sh", "-c", &script]);
    let run = setup.start();
    run.line("up");
    let says = |command: &str| exec_in("/usr", &run, "", &format!("{APP_INIT} {command}"));
    let echo = "sh -c 'echo $A $(id -u) $(pwd)'";
    assert_eq!(says(&format!("exec -- {echo}")), (Some(0), "other 12345 /mnt/app/conf\n".to_owned()));
    assert_eq!(says(&format!("-- {echo}")), (Some(0), "other 12345 /mnt/app/conf\n".to_owned()));
    assert_eq!(says(&format!("-u 0:0 --workdir share exec -- {echo}")), (Some(0), "other 0 /usr/share\n".to_owned()));
    assert_eq!(says("shell -u 4:4 -c 'id -u'"), (Some(0), "4\n".to_owned()));
    let (code, plan) = says("check");
    assert!(code == Some(0) && plan.contains("  drain 7s\n") && plan.contains("12345:12345"), "{plan}");
    let (code, plan) = says("--drain 1s check");
    assert!(code == Some(0) && plan.contains("  drain 1s\n"), "{plan}");
}

/// A plain init has no application: what is put beside it is where it was put, and silent.
#[test]
fn a_plain_start_beside_a_plain_init_stays_where_it_is() {
    let run = Setup::bare(Cell::PID1, [APP_INIT, "--", PROBE, "do", "print=up", "pause"]).start();
    run.line("up");
    for user in ["", "setpriv --reuid 12345 --regid 12345 --clear-groups "] {
        assert_eq!(exec_in("/usr", &run, "", &format!("{user}{APP_INIT} -- pwd")), (Some(0), "/usr\n".to_owned()));
        let exec = format!("{user}{APP_INIT} exec -- sh -c 'pwd >&3' 3>&1");
        assert!(exec_in("/usr", &run, "", &exec).1.ends_with("/usr\n"));
    }
}

/// Another user may not see where it was started: that is said where it matters.
#[test]
fn who_may_not_see_where_the_boot_was_started_is_told() {
    let run = container(&[APP_INIT, "--", "worker", "print=x"], ROLES);
    let user = "setpriv --reuid 12345 --regid 12345 --clear-groups";
    let exec = format!("{user} {APP_INIT} exec -- sh -c 'echo $WHO'");
    assert_eq!(exec_in(APP, &run, "", &exec), (Some(0), "worker\n".to_owned()));
    let told = "app-init: warning: cannot see where the running app-init was started (Permission denied (os error 13)); its \
        configuration is looked for in /usr: name its directory by --workdir\n";
    assert_eq!(exec_in("/usr", &run, "", &exec), (Some(0), format!("{told}\n")));
    let exec = format!("{user} {APP_INIT} --workdir {APP} exec -- sh -c 'echo $WHO'");
    assert!(exec_in("/usr", &run, "", &exec).1.ends_with("worker\n"));
}

/// Docker's root may not look into a process that must leave no core file.
#[test]
fn the_role_of_a_boot_with_secrets_is_seen_without_a_right_to_trace() {
    let secret = "[env]\nsecrets = [\"TOKEN\"]\n[env.defaults]\nTOKEN = \"s3cret\"\n";
    let setup = Setup::bare(Cell::PID1, [APP_INIT, "--", "worker", "print=x"]).config(&format!("{secret}{ROLES}"));
    // Only root can have filled it.
    let run = crate::identity::sealed(setup).start();
    run.line("up");
    let confined = format!("setpriv --bounding-set -sys_ptrace {APP_INIT} exec -- sh -c 'echo $WHO $TOKEN'");
    assert_eq!(exec(&run, "", &confined), (Some(0), "worker s3cret\n".to_owned()));
    let (code, said) = exec_in("/usr", &run, "", &confined);
    let told = "app-init: cannot see where the running app-init was started (Permission denied (os error 13)), and there is \
        no configuration in /usr/.docker; name the files and the directory: --config FILE --workdir DIR\n";
    assert_eq!((code, &*said), (Some(77), told));
    let named = confined.replace("exec --", &format!("--workdir {APP} exec --"));
    assert_eq!(exec_in("/usr", &run, "", &named), (Some(0), "worker s3cret\n".to_owned()));
}

/// §5: where the boot was started may not show; `docker exec -w` then leads root into nothing that others could have filled.
#[test]
fn root_uses_nothing_of_a_directory_of_others_for_the_boots() {
    let server = "[server]\ncommand = [\"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]\n";
    let secrets = "[env]\nsecrets = [\"TOKEN\"]\n[env.defaults]\nTOKEN = \"s3cret\"\n";
    for (user, kind, told) in [
        ("user = \"app\"\n", secrets, "cannot see where the running app-init was started"),
        // Whoever it is, and wherever that is said.
        ("", secrets, "cannot see where the running app-init was started"),
        ("user = \"app\"\n", "mode = \"exec\"\n", "nobody says where the application was started"),
    ] {
        let setup = Setup::bare(Cell::PID1, [APP_INIT]).config(&format!("{user}{server}{kind}"));
        let evil = "[env.set]\nEVIL = \"1\"\n[[hooks.x.run]]\ncommand = [\"echo\", \"EVIL\"]\n";
        let setup = setup.file("data/.docker/app-init.toml", evil, 0o644);
        let setup = setup.file("data/.docker/action_hooks/deploy-env", "#!/bin/sh\necho EVIL\n", 0o755);
        let setup = crate::identity::image(setup);
        let data = setup.world.app().join("data");
        std::os::unix::fs::chown(&data, Some(4000), Some(4001)).expect("a test's own file can be given away");
        let run = setup.start();
        run.line("up");
        let says = |directory: &str, command: &str| {
            exec_in(directory, &run, "", &format!("setpriv --bounding-set -sys_ptrace {APP_INIT} {command}"))
        };
        let data = format!("{APP}/data");
        for command in
            ["exec -- printenv", "-- printenv", "hook x", "env", "check", "shell -c printenv", "--hooks -- printenv"]
        {
            let (code, said) = says(&data, command);
            assert!(code == Some(77) && !said.contains("EVIL"), "{command}: {code:?} {said}");
            let why = format!(
                "{told}{}, and {data}/.docker could be changed by others than root: {data} (mode 0755, owner 4000:4001); \
                 name the files and the directory: --config FILE --workdir DIR\n",
                if told.starts_with("cannot") { " (Permission denied (os error 13))" } else { "" }
            );
            assert!(said.contains(&why), "{command}: {said}");
        }
        // A shell opens as somebody who is sure.
        let (code, said) = says(&data, "shell -u 4000:4001 -c 'id -u; printenv EVIL; pwd'");
        assert!(code == Some(0) && said.ends_with("\n4000\n/\n"), "{code:?} {said}");
        // What is named counts, and so does what only root could have filled.
        let uid = if user.is_empty() { "0\n" } else { "4000\n" };
        assert_eq!(says(&data, &format!("--workdir {APP} exec -- id -u")), (Some(0), uid.to_owned()));
        assert_eq!(says(APP, "exec -- id -u"), (Some(0), uid.to_owned()));
    }
}

/// §5: whoever runs in the container may have got the directory of the boot since then, named by its files or not.
#[test]
fn root_uses_nothing_that_became_somebodys_since_the_boot() {
    let server = "[\"setpriv\", \"--reuid\", \"4000\", \"--regid\", \"4001\", \"--clear-groups\", \"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]";
    let config =
        format!("server.command = {server}\nenv.set.WHO = \"image\"\n[[hooks.x.run]]\ncommand = [\"echo\", \"x\"]\n");
    let run = crate::identity::image(Setup::bare(Cell::PID1, [APP_INIT]).config(&config)).start();
    run.line("up");
    let says = |command: &str| exec_in("/usr", &run, "", &format!("{APP_INIT} {command}"));
    assert_eq!(says("exec -- printenv WHO"), (Some(0), "image\n".to_owned()));
    let file = run.world.app().join(".docker/app-init.toml");
    std::os::unix::fs::chown(&file, Some(4000), Some(4001)).expect("a test's own file can be given away");
    let told =
        format!("app-init.toml could be changed by app: {APP}/.docker/app-init.toml (mode 0644, owner 4000:4001); ");
    for command in ["exec -- printenv WHO", "-- printenv WHO", "hook x", "env", "shell -c 'printenv WHO'"] {
        let (code, said) = says(command);
        assert!(code == Some(77) && said.contains(&told) && !said.contains("image"), "{command}: {code:?} {said}");
    }
}

/// Another directory may have the name that the kernel shows for it.
#[test]
fn root_does_not_take_another_directory_for_one_that_is_gone() {
    let server = format!("[server]\ncommand = [\"{PROBE}\", \"do\", \"print=up\", \"pause\"]\n");
    let script = format!("mkdir data && cd data && exec {APP_INIT}");
    let evil = "env.set.EVIL = \"1\"\n";
    let setup = Setup::bare(Cell::PID1, ["sh", "-c", &script]).etc("app-init.toml", &server);
    let setup = crate::identity::image(setup.file("data (deleted)/.docker/app-init.toml", evil, 0o644));
    let run = setup.start();
    run.line("up");
    std::fs::remove_dir(run.world.app().join("data")).expect("it is empty");
    for command in ["exec -- printenv", "-- printenv", "env", "check"] {
        let (code, said) = exec_in("/usr", &run, "", &format!("{APP_INIT} {command}"));
        let told = "app-init: the directory where the running app-init was started has been removed, and nothing says what was \
                    configured there; name the files and the directory: --config FILE --workdir DIR\n";
        assert_eq!((code, &*said), (Some(77), told), "{command}");
    }
    let named = format!("{APP_INIT} -c /etc/app-init.toml --workdir /usr exec -- pwd");
    assert_eq!(exec_in("/usr", &run, "", &named), (Some(0), "/usr\n".to_owned()));
}

/// Where the directory of the boot cannot be entered, root takes no other one for it.
#[test]
fn root_stays_in_no_other_directory_where_the_boots_cannot_be_entered() {
    let server = format!("server.command = [\"{PROBE}\", \"do\", \"print=up\", \"pause\"]\n");
    let run = Setup::bare(Cell::PID1, [APP_INIT]).config(&server).start();
    run.line("up");
    let refusing = "strace --follow-forks --quiet=all --output=/dev/null --inject=fchdir:error=EACCES";
    let says =
        |entering: &str, files: &str| exec_in("/usr", &run, entering, &format!("{APP_INIT} {files} exec -- pwd"));
    assert_eq!(says("", ""), (Some(0), format!("{APP}\n")));
    let (code, said) = says(refusing, "");
    assert!(code == Some(77) && !said.contains("/usr\n"), "{code:?} {said}");
    let (code, said) = says(refusing, &format!("-c {APP}/.docker/app-init.toml --workdir /usr"));
    assert_eq!((code, said.lines().last()), (Some(0), Some("/usr")), "{said}");
}

/// What calls itself app-init, and may not be looked at, says nothing that root believes.
#[test]
fn root_takes_no_file_from_what_only_calls_itself_app_init() {
    let server = "[server]\ncommand = [\"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]\n";
    let config = format!("{server}[env]\nsecrets = [\"TOKEN\"]\n[env.defaults]\nTOKEN = \"s3cret\"\n");
    let main = format!("exec {APP_INIT} --config data/evil.toml");
    let setup = Setup::bare(Cell::PID1, ["sh", "-c", &main]).config("[log]\n").file("data/evil.toml", &config, 0o644);
    let setup = crate::identity::image(setup);
    let data = setup.world.app().join("data");
    let run = setup.start();
    run.line("up");
    let confined = format!("setpriv --bounding-set -sys_ptrace {APP_INIT} exec -- echo ran");
    assert_eq!(exec(&run, "", &confined), (Some(0), "ran\n".to_owned()));
    std::os::unix::fs::chown(&data, Some(4000), Some(4001)).expect("a test's own file can be given away");
    let (code, said) = exec(&run, "", &confined);
    let why = format!("data/evil.toml could be changed by others than root: {APP}/data (mode 0755, owner 4000:4001)");
    assert!(code == Some(77) && said.contains(&why), "{code:?} {said}");
}

/// Root believes nothing that another user's app-init says of itself.
#[test]
fn what_a_users_app_init_was_started_with_is_not_roots() {
    let config =
        "[env.set]\nWHO = \"the user\"\n[server]\ncommand = [\"/mnt/bin/probe\", \"do\", \"print=up\", \"pause\"]\n";
    let setup = Setup::new(Cell { identity: Identity::Nobody, ..Cell::PID1 }, ["-c", "evil.toml", "--"]);
    let setup = setup.file("evil.toml", config, 0o644).config("[env.set]\nWHO = \"image\"\n");
    let run = crate::identity::sealed(setup).start();
    run.line("up");
    let command = format!("{APP_INIT} exec -- sh -c 'echo $WHO'");
    assert_eq!(exec(&run, "", &command), (Some(0), "image\n".to_owned()));
    let user = format!("setpriv --reuid 12345 --regid 12345 --clear-groups {command}");
    assert_eq!(exec(&run, "", &user), (Some(0), "the user\n".to_owned()));
}

/// Root's command beside it has nothing of whoever the boot runs everything as, also where that is in no file.
#[test]
fn whom_a_boot_was_given_is_kept_from_root() {
    for (variable, option) in [("", "-u 4000:4001"), ("APP_INIT_USER=4000:4001", "")] {
        let server = "sh -c 'echo up; exec sleep infinity'";
        let main = format!("echo EVIL=1 > env; chown 4000 env; {variable} exec {APP_INIT} {option} -- {server}");
        let setup = Setup::bare(Cell::PID1, ["sh", "-c", &main]).config("env.files = [\"env\"]\n");
        let run = crate::identity::sealed(setup).start();
        run.line("up");
        let (code, said) = exec(&run, "", &format!("{APP_INIT} exec -u 0:0 -- printenv EVIL"));
        assert!(
            code == Some(1) && said.contains("cannot hand on EVIL to programs with more rights than 4000, "),
            "{said}"
        );
    }
}
