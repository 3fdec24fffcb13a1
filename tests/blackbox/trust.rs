//! §5: what the application's user could change, root does not run or read as its configuration.

use crate::harness::*;
use crate::identity::{image, mode, sealed};
use std::fs;
use std::os::unix::fs::{chown, symlink};

const CONFIG: &str = "user = \"app\"\n";
const ROOT_HOOK: &str = "user = \"app\"\n[hooks.deploy]\nuser = \"root\"\n";
const SERVER: [&str; 4] = ["--", PROBE, "do", "print=server"];
const FILE: &str = ".docker/app-init.toml";
const HOOK: &str = ".docker/action_hooks/deploy";

/// What is changed in an image that is in order: path below the working directory, mode, owner.
type Change<'a> = (&'a str, u32, u32, u32);

fn start(setup: Setup, changes: &[Change<'_>]) -> End {
    let setup = image(setup);
    for (name, bits, uid, gid) in changes {
        let path = setup.world.app().join(name);
        chown(&path, Some(*uid), Some(*gid)).expect("a test's own file can be given away");
        mode(&path, *bits);
    }
    setup.start().end()
}

fn with_hook(cell: Cell, args: &[&str], config: &str) -> Setup {
    Setup::new(cell, args).config(config).hook("deploy", "echo hook as $(id -u)")
}

#[track_caller]
fn refused(end: End, at_fault: &str) {
    let end = end.exited(77).nothing_left().complains(&["could be changed by app: ", at_fault]);
    assert!(!end.out.contains("server") && !end.out.contains("hook as"), "{}", end.story());
    assert!(end.err.contains("; make it root's, and nobody else's to write\n"), "{}", end.story());
}

/// The control of all that follows.
#[test]
fn what_is_roots_alone_is_trusted() {
    each_place(|cell| {
        let end = start(with_hook(cell, &SERVER, ROOT_HOOK), &[]).exited(0).nothing_left();
        assert!(end.out.contains("hook as 0\nserver\n"), "{}", end.story());
        let end = start(with_hook(cell, &SERVER, CONFIG), &[]).exited(0);
        assert!(end.out.contains("hook as 4000\nserver\n"), "{}", end.story());
    });
}

/// §5: the file, and each directory above it.
#[test]
fn a_config_that_the_user_could_change_is_refused() {
    each_place(|cell| {
        let cases: [(Change<'_>, &str); 8] = [
            ((FILE, 0o666, 0, 0), "/mnt/app/.docker/app-init.toml (mode 0666, owner 0:0)"),
            ((FILE, 0o644, 4000, 0), "/mnt/app/.docker/app-init.toml (mode 0644, owner 4000:0)"),
            ((FILE, 0o444, 4000, 0), "/mnt/app/.docker/app-init.toml (mode 0444, owner 4000:0)"),
            ((FILE, 0o664, 0, 4001), "/mnt/app/.docker/app-init.toml (mode 0664, owner 0:4001)"),
            ((FILE, 0o664, 0, 4033), "/mnt/app/.docker/app-init.toml (mode 0664, owner 0:4033)"),
            ((".docker", 0o777, 0, 0), "/mnt/app/.docker (mode 0777, owner 0:0)"),
            ((".docker", 0o755, 4000, 4001), "/mnt/app/.docker (mode 0755, owner 4000:4001)"),
            ((".", 0o777, 0, 0), "/mnt/app (mode 0777, owner 0:0)"),
        ];
        for (change, at_fault) in cases {
            for args in [
                &SERVER[..],
                &["--exec", "--", PROBE, "do", "print=server"],
                &["exec", "--", PROBE, "do", "print=server"],
            ] {
                refused(start(Setup::new(cell, args).config(CONFIG), &[change]), at_fault);
            }
            let end = start(Setup::new(cell, ["check"]).config(CONFIG), &[change]);
            assert_eq!(end.how, Ended::Exited(77), "{}", end.story());
        }
        // Somebody else's group, the user's to read: no way to change it.
        for change in [(FILE, 0o664, 0, 7), (FILE, 0o640, 0, 4001), (".docker", 0o775, 0, 7)] {
            start(Setup::new(cell, SERVER).config(CONFIG), &[change]).exited(0);
        }
    });
}

/// §5: whichever file it is.
#[test]
fn the_base_images_file_and_a_named_one_count_too() {
    each_place(|cell| {
        let setup = sealed(image(Setup::new(cell, SERVER).etc("app-init.toml", CONFIG)));
        mode(&setup.world.etc().join("app-init.toml"), 0o646);
        refused(setup.start().end(), "/etc/app-init.toml (mode 0646, owner 0:0)");
        let setup = || Setup::new(cell, ["-c", "own.toml"]).args(SERVER).file("own.toml", CONFIG, 0o644);
        refused(start(setup(), &[("own.toml", 0o666, 0, 0)]), "/mnt/app/own.toml (mode 0666, owner 0:0)");
        start(setup(), &[]).exited(0);
    });
}

/// §5: in a sticky directory everybody takes away only what is their own.
#[test]
fn a_sticky_directory_keeps_others_out() {
    each_place(|cell| {
        let setup = || Setup::new(cell, SERVER).config(CONFIG);
        start(setup(), &[(".docker", 0o1777, 0, 0), (".", 0o1777, 0, 0)]).exited(0);
        refused(
            start(setup(), &[(".docker", 0o1777, 0, 0), (FILE, 0o644, 4000, 0)]),
            "app-init.toml (mode 0644, owner 4000:0)",
        );
        refused(start(setup(), &[(".docker", 0o1777, 4000, 0)]), "/mnt/app/.docker (mode 1777, owner 4000:0)");
    });
}

/// §5: a hook that runs as root.
#[test]
fn a_hook_of_root_that_the_user_could_change_is_refused() {
    each_place(|cell| {
        let cases: [(Change<'_>, &str); 5] = [
            ((HOOK, 0o777, 0, 0), "/mnt/app/.docker/action_hooks/deploy (mode 0777, owner 0:0)"),
            ((HOOK, 0o755, 4000, 0), "/mnt/app/.docker/action_hooks/deploy (mode 0755, owner 4000:0)"),
            ((HOOK, 0o775, 0, 4044), "/mnt/app/.docker/action_hooks/deploy (mode 0775, owner 0:4044)"),
            ((".docker/action_hooks", 0o777, 0, 0), "/mnt/app/.docker/action_hooks (mode 0777, owner 0:0)"),
            ((".docker/action_hooks", 0o755, 4000, 4001), "/mnt/app/.docker/action_hooks (mode 0755, owner 4000:4001)"),
        ];
        for (change, at_fault) in cases {
            refused(start(with_hook(cell, &SERVER, ROOT_HOOK), &[change]), at_fault);
            refused(start(with_hook(cell, &["hook", "deploy"], ROOT_HOOK), &[change]), at_fault);
            // As the user it may be the user's.
            let end = start(with_hook(cell, &SERVER, CONFIG), &[change]).exited(0);
            assert!(end.out.contains("hook as 4000\nserver\n"), "{}", end.story());
        }
    });
}

/// §5: by whatever name it is found, and whatever asks for it.
#[test]
fn every_program_of_root_counts() {
    each_place(|cell| {
        let tool = |setup: Setup| setup.file("tool", "#!/bin/sh\necho hook as $(id -u)\n", 0o755);
        let change: &[Change<'_>] = &[("tool", 0o777, 0, 0)];
        let at_fault = "/mnt/app/tool (mode 0777, owner 0:0)";
        for config in [
            "user = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"./tool\"]\nuser = \"root\"\n",
            "user = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"/mnt/app/tool\"]\nuser = \"0:0\"\n",
            "user = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"/mnt/app/tool\"]\nuser = \"fullhouse\"\n",
            "user = \"app\"\n[env.set]\nPATH = \"/mnt/app:/usr/bin:/bin\"\n[[hooks.deploy.run]]\ncommand = \
                [\"tool\"]\nuser = \"root\"\n",
            "user = \"app\"\n[hooks.deploy]\nuser = \"root\"\n[[hooks.deploy.run]]\ncommand = [\"true\"]\nskip_if = \
                [\"./tool\"]\n",
            "user = \"app\"\n[hooks.pre-stop]\nuser = \"root\"\n[[hooks.pre-stop.run]]\ncommand = [\"./tool\"]\n",
            "user = \"app\"\n[hooks.post-deploy]\nuser = \"root\"\n[[hooks.post-deploy.run]]\ncommand = [\"./tool\"]\n",
        ] {
            refused(start(tool(Setup::new(cell, SERVER).config(config)), change), at_fault);
            start(tool(Setup::new(cell, SERVER).config(config)), &[]).exited(0);
        }
        // A link to a place that is the user's.
        let setup = with_hook(cell, &SERVER, ROOT_HOOK).file("open/real", "#!/bin/sh\necho hook as $(id -u)\n", 0o755);
        let hook = setup.world.app().join(HOOK);
        fs::remove_file(&hook).expect("the test's own");
        symlink("/mnt/app/open/real", &hook).expect("a link can be made");
        refused(start(setup, &[("open", 0o755, 4000, 0)]), "/mnt/app/open (mode 0755, owner 4000:0)");
    });
}

/// §5: a developer's checkout just works.
#[test]
fn without_a_user_nothing_is_looked_at() {
    each_place(|cell| {
        let open: &[Change<'_>] = &[
            (".", 0o777, 4000, 4001),
            (".docker", 0o777, 4000, 4001),
            (FILE, 0o666, 4000, 4001),
            (".docker/action_hooks", 0o777, 4000, 4001),
            (HOOK, 0o777, 4000, 4001),
        ];
        for config in ["strict = true\n", "user = \"root\"\n", "[hooks.deploy]\nuser = \"root\"\n"] {
            let end = start(with_hook(cell, &SERVER, config), open).exited(0);
            assert!(end.out.contains("hook as 0\nserver\n"), "{}", end.story());
        }
        let not_root = Cell { identity: Identity::Nobody, ..cell };
        let end = start(with_hook(not_root, &SERVER, "user = \"12345:12345\"\n"), open).exited(0);
        assert!(end.out.contains("hook as 12345\nserver\n"), "{}", end.story());
        // Another user than the one who owns it.
        let end = start(with_hook(cell, &SERVER, "user = \"app\"\n"), &[(FILE, 0o644, 12345, 12345)]).exited(0);
        assert!(end.out.contains("server"), "{}", end.story());
    });
}

/// §5: what the user wrote is no variable of root's, whatever its name; what root wrote is.
#[test]
fn a_variable_of_the_users_is_left_out_of_what_has_more_rights() {
    const OPEN: &[Change<'_>] = &[(".docker/user_vars", 0o755, 4000, 0)];
    let run = |config: &str, name: &str, changes: &[Change<'_>]| {
        let setup = Setup::new(Cell::PID1, ["--", "/usr/bin/env"]).config(config).hook("deploy", "exec /usr/bin/env");
        start(setup.file(&format!(".docker/user_vars/{name}"), "of-user", 0o644), changes).exited(0)
    };
    let end = run(&format!("env.path_prepend = [\"/usr/none\"]\n{ROOT_HOOK}"), "PATH", OPEN);
    let paths: Vec<&str> = end.out.lines().filter(|line| line.starts_with("PATH=")).collect();
    let [of_root, "PATH=/usr/none:of-user"] = paths.as_slice() else { panic!("{}", end.story()) };
    assert!(of_root.starts_with("PATH=/usr/none:/") && !of_root.contains("of-user"), "{}", end.story());
    for name in ["LD_LIBRARY_PATH", "BASH_ENV", "TAR_OPTIONS", "MAKEFILES", "APP_INIT_CONFIG", "PATH", "GREETING"] {
        let line = format!("\n{name}=of-user\n");
        let end = run(ROOT_HOOK, name, OPEN);
        // The server is the user's.
        assert_eq!(end.out.matches(&line).count(), 1, "{name}: {}", end.story());
        // There always is a PATH.
        let kept = if name == "PATH" { "; they get the earlier value of PATH" } else { "" };
        assert_eq!(
            end.err.lines().find(|line| line.contains("cannot hand on")),
            Some(&*format!(
                "app-init: warning: cannot hand on {name} to programs with more rights than app, who could have written it; \
                    set it in env.set{kept}"
            )),
            "{}",
            end.story()
        );
        let end = run(ROOT_HOOK, name, &[]);
        assert!(end.out.matches(&line).count() == 2 && !end.err.contains("hand on"), "{name}: {}", end.story());
    }
    // Without anything that has more rights, without a boundary, and where the configuration says it again.
    for config in [
        CONFIG.to_owned(),
        "[hooks.deploy]\nuser = \"root\"\n".to_owned(),
        format!("{ROOT_HOOK}[env.set]\nTAR_OPTIONS = \"of-user\"\n"),
    ] {
        let end = run(&config, "TAR_OPTIONS", OPEN);
        assert!(
            end.out.matches("\nTAR_OPTIONS=of-user\n").count() == 2 && !end.err.contains("hand on"),
            "{}",
            end.story()
        );
    }
}

/// §5: nor does the user take a variable away from root: what it had before counts.
#[test]
fn what_has_more_rights_keeps_the_value_that_is_not_the_users() {
    let config = format!(
        "{ROOT_HOOK}[env]\nfiles = [\"roots.env\", \"open/own.env\"]\n[env.defaults]\nD = \"default\"\n[env.set]\nMADE = \"x ${{A}}\"\n"
    );
    let names = ["A", "D", "F", "MADE", "PATH"];
    let run = |more: &str, changes: &[Change<'_>]| {
        let setup = Setup::new(Cell::PID1, ["--", "/usr/bin/env"]).config(&format!("{config}{more}"));
        let setup = setup.hook("deploy", "#!/bin/sh\nexec /usr/bin/env").file("roots.env", "F=roots\n", 0o644);
        let own = names.map(|name| format!("{name}=of-user\n")).concat();
        let setup = setup.file("open/own.env", own, 0o644).env("A", "given").env("MADE", "given");
        start(setup.env("PATH", "/usr/bin:/bin:/given"), changes).exited(0)
    };
    let open: &[Change<'_>] = &[("open", 0o755, 4000, 0)];
    let end = run("", open);
    let has = |end: &End, line: &str, count: usize| {
        assert_eq!(end.out.matches(&format!("\n{line}\n")).count(), count, "{line}: {}", end.story());
    };
    for line in ["A=given", "D=default", "F=roots", "MADE=given", "PATH=/usr/bin:/bin:/given"] {
        has(&end, line, 1);
    }
    for line in ["A=of-user", "D=of-user", "F=of-user", "MADE=x of-user", "PATH=of-user"] {
        has(&end, line, 1);
    }
    let told = "app-init: warning: cannot hand on A, D, F, MADE, PATH to programs with more rights than app, who could have \
        written it; set it in env.set; they get the earlier value of A, D, F, MADE, PATH\n";
    assert_eq!(end.err.matches("cannot hand on").count(), 1, "{}", end.story());
    let end = end.complains(&[told]);
    has(&end, "of-user", 0);
    // Nothing of before counts behind what root says last.
    let end = run("A = \"said\"\n", open);
    has(&end, "A=said", 2);
    let end = run("", &[]);
    has(&end, "A=of-user", 2);
    // A directory of the user's in what was given is refused, as it always is.
    let open: &[Change<'_>] = &[("open", 0o755, 4000, 0), ("bin", 0o755, 4000, 0)];
    let setup = Setup::new(Cell::PID1, ["--", "true"]).config(&config).hook("deploy", "#!/bin/sh\ntrue");
    let setup = setup.file("roots.env", "F=roots\n", 0o644).file("open/own.env", "A=1\nPATH=/bin\n", 0o644);
    let setup = setup.file("bin/x", "", 0o644).env("PATH", "/usr/bin:/bin:/mnt/app/bin");
    start(setup, open).exited(77).complains(&["looks for programs in /mnt/app/bin, which could be changed by app: "]);
}

/// §5: nor does the user say how long root's hook may take.
#[test]
fn the_time_of_what_has_more_rights_is_not_the_users_to_say() {
    let run = |user: &str| {
        let config = format!(
            "user = \"app\"\nenv.files = [\"open/own.env\"]\n[hooks.deploy]\ntimeout = \"${{T}}\"\nuser = \"{user}\"\n\
             [[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"sleep 1; echo finished\"]\n"
        );
        let setup = Setup::new(Cell::PID1, ["--", "true"]).config(&config).env("T", "1h");
        start(setup.file("open/own.env", "T=10ms\n", 0o644), &[("open", 0o755, 4000, 0)])
    };
    assert!(run("root").exited(0).out.contains("finished"));
    run("app").exited(70).complains(&["10ms"]);
}

/// §5: nor does the user choose what root does: conditions of what has more rights do not see the user's values.
#[test]
fn conditions_of_what_has_more_rights_see_no_value_of_the_users() {
    let run = |whens: &str, changes: &[Change<'_>]| {
        let hook = |user: &str, text: &str, when: &str| {
            format!("[[hooks.deploy.run]]\nuser = \"{user}\"\ncommand = [\"echo\", \"{text}\"]\n{when}\n")
        };
        let when = "when = [\"env:A=1\"]\n";
        let (of_hook, of_run) = if whens == "hook" { (when, "") } else { ("", when) };
        let config = format!(
            "user = \"app\"\n[env]\nfiles = [\"open/own.env\"]\n[[prepare]]\ndir = \"/mnt/app/made\"\n{when}[hooks.deploy]\n{of_hook}{}{}",
            hook("root", "by root", of_run),
            hook("app", "by app", of_run),
        );
        let args = ["--", "sh", "-c", "if [ -d made ]; then echo made; fi"];
        let setup = Setup::new(Cell::PID1, args).config(&config).file("open/own.env", "A=1\n", 0o644);
        start(setup.env("A", "given"), changes).exited(0).out
    };
    let open: &[Change<'_>] = &[("open", 0o755, 4000, 0)];
    for whens in ["hook", "run"] {
        let out = run(whens, open);
        assert!(
            out.contains("\nby app\n") && !out.contains("\nby root\n") && !out.contains("made\n"),
            "{whens}: {out}"
        );
        let out = run(whens, &[]);
        assert!(out.contains("\nby app\n") && out.contains("\nby root\n") && out.contains("made\n"), "{whens}: {out}");
    }
}

/// §5: by whatever way it comes, and what is made of it too; all of them are told at once.
#[test]
fn it_depends_on_where_the_variable_comes_from() {
    let config = format!(
        "{ROOT_HOOK}[env]\nfiles = [\"open/own.env\", \"roots.env\"]\nsecrets = [\"PW\", \"KEY\", {{ name = \"S\", file = \"open/s\" }}]\n\
        first_file = {{ RC = [\"open/r*\"], OWN_RC = [\"roots.*\"] }}\n[env.set]\nMADE = \"x ${{A}}\"\nSAID = \"said\"\n"
    );
    let setup = Setup::new(Cell::PID1, ["--", "true"]).config(&config).hook("deploy", "exec /usr/bin/env");
    let setup =
        setup.file("open/own.env", "A=1\nSAID=2\nKEY_FILE=/mnt/app/key\n", 0o644).file("roots.env", "B=1\n", 0o644);
    let setup = setup
        .file("open/s", "secret-of-user", 0o644)
        .file("open/rc", "", 0o644)
        .file("pw", "pw-of-root", 0o644)
        .file("key", "key-of-user", 0o644);
    let setup = setup.hook("deploy-env", "echo C=1 >&3").env("PW_FILE", "/mnt/app/pw").env("GIVEN", "1");
    let end = start(setup, &[("open", 0o755, 4000, 0)]).exited(0);
    let told = "app-init: warning: cannot hand on A, C, KEY, MADE, RC, S to programs with more rights than app, who could have \
        written it; set it in env.set\n";
    assert_eq!(end.err.matches("cannot hand on").count(), 1, "{}", end.story());
    let end = end.complains(&[told]);
    for line in ["B=1", "GIVEN=1", "SAID=said", "PW=pw-of-root", "OWN_RC=/mnt/app/roots.env"] {
        assert!(end.out.contains(&format!("\n{line}\n")), "{line}: {}", end.story());
    }
    for name in ["A", "C", "KEY", "MADE", "RC", "S"] {
        assert!(!end.out.contains(&format!("\n{name}=")), "{name}: {}", end.story());
    }
}

/// §11, §5: a shell opens with faults, but nothing that the user could have changed runs as root for it.
#[test]
fn a_shell_runs_nothing_of_the_users_as_root() {
    each_place(|cell| {
        let config = "user = \"app\"\n[hooks.deploy-env]\nuser = \"root\"\n";
        for args in [&["shell", "-c", "echo open $(id -u)"][..], &["exec", "--", "true"], &["env"], &["--", "true"]] {
            let run = |change: &[Change<'_>]| {
                let setup = Setup::new(cell, args).config(config).hook("deploy-env", "echo ran as $(id -u) >&2");
                start(setup, change)
            };
            let end = run(&[(".docker/action_hooks/deploy-env", 0o777, 0, 0)]);
            assert!(!end.err.contains("ran as 0"), "{args:?}: {}", end.story());
            // The control.
            let end = run(&[]).exited(0);
            assert!(end.err.contains("ran as 0"), "{args:?}: {}", end.story());
        }
    });
}

/// The same for variables: the shell's are the user's, and its hook's are not.
#[test]
fn a_shell_steers_nothing_of_root() {
    let config = "user = \"app\"\n[hooks.deploy-env]\nuser = \"root\"\n";
    let run = |config: &str, changes: &[Change<'_>]| {
        let hook = "#!/bin/bash\necho ran as $(id -u) >&2\n";
        let args = ["shell", "-c", "echo open as $(id -u)"];
        let setup = Setup::new(Cell::PID1, args).config(config).hook("deploy-env", hook);
        let setup = setup.file(".docker/user_vars/BASH_ENV", "/mnt/app/evil", 0o644);
        let end = start(setup.file("evil", "echo evil as $(id -u) >&2\n", 0o644), changes).exited(0).nothing_left();
        assert_eq!(end.out, "open as 4000\n", "{}", end.story());
        end.err
    };
    let open: &[Change<'_>] = &[(".docker/user_vars", 0o755, 4000, 0)];
    let told = "app-init: warning: cannot hand on BASH_ENV to programs with more rights than app, who could have written it; set \
        it in env.set\n";
    assert_eq!(run(config, open), format!("ran as 0\n{told}evil as 4000\n"));
    // The controls: root's own word counts, and the variable does steer a hook.
    assert_eq!(run(config, &[]), "evil as 0\nran as 0\nevil as 4000\n");
    assert_eq!(run(CONFIG, open), "evil as 4000\nran as 4000\nevil as 4000\n");
}
