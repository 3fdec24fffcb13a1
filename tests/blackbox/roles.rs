//! §3: one image, several roles: the first argument chooses one.

use super::environment::{refused, value, with_user};
use crate::harness::*;

/// A file with a server and two roles; what each does shows what it was made from.
fn config() -> String {
    format!(
        "[env]\nset = {{ WHO = \"web\", KEPT = \"kept\" }}\n\
         [server]\ncommand = [\"{PROBE}\", \"do\", \"print=web\"]\nargs = [\"print=args\"]\nsuccess_codes = [9]\n\
         [[wait]]\ntarget = \"file:/mnt/app/web\"\ntimeout = \"${{LIMIT:-20s}}\"\n\
         [hooks.deploy]\non_failure = \"continue\"\n[[hooks.deploy.run]]\ncommand = [\"echo\", \"deploying web\"]\n\
         [role.worker]\n\
         server.command = [\"sh\", \"-c\", \"echo worker $WHO $KEPT; exec {PROBE} do \\\"$@\\\"\", \"sh\"]\n\
         env.set = {{ WHO = \"worker\" }}\n\
         [[role.worker.wait]]\ntarget = \"file:/mnt/app/worker\"\ntimeout = \"${{LIMIT:-20s}}\"\n\
         [[role.worker.hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"echo deploying $WHO\"]\n\
         [role.beat]\nserver.args = [\"print=beat\"]\n"
    )
}

fn setup(cell: Cell, args: &[&str]) -> Setup {
    Setup::new(cell, args).config(&config())
}

/// §3: what is not chosen changes nothing.
#[test]
fn without_a_role_the_file_is_as_it_is() {
    each_cell(|cell| {
        let end = setup(cell, &["--"]).file("web", "", 0o644).start().end().exited(0).nothing_left();
        assert_eq!(end.lines()[1..], ["deploying web", "web", "args"], "{}", end.story());
        setup(cell, &["--"]).env("LIMIT", "10ms").file("worker", "", 0o644).start().end().exited(124);
    });
}

/// §3: the word is consumed, the rest is appended to the role's command, and `server.args` are another command's.
#[test]
fn the_first_argument_chooses_a_role() {
    each_cell(|cell| {
        for args in [&["--", "worker"][..], &["worker"], &["run", "worker"], &["run", "--", "worker"]] {
            let setup = setup(cell, args).args(["print=more", "print=worker", "exit=9"]);
            let end = setup.file("worker", "", 0o644).start().end().exited(0).nothing_left();
            let lines = ["deploying worker", "worker worker kept", "more", "worker"];
            assert_eq!(end.lines()[1..], lines, "{args:?}\n{}", end.story());
        }
        // Its wait is its own.
        setup(cell, &["--", "worker"]).env("LIMIT", "10ms").file("web", "", 0o644).start().end().exited(124);
    });
}

/// §3: only what a role says is replaced.
#[test]
fn a_role_may_change_a_part() {
    each_place(|cell| {
        let setup = setup(cell, &["--", "beat", "exit=9"]);
        let end = setup.file("web", "", 0o644).start().end().exited(0).nothing_left();
        assert_eq!(end.lines()[1..], ["deploying web", "web", "beat"], "{}", end.story());
    });
}

/// §1: a word that names no role is an argument; a role is chosen once, and by its whole name.
#[test]
fn another_word_is_an_argument() {
    each_place(|cell| {
        for args in [["print=x", "worker"], ["work", "exit=9"], ["Worker", "exit=9"], ["", "exit=9"]] {
            let end = setup(cell, &["--"]).args(args).file("web", "", 0o644).start().end();
            assert!(end.lines().contains(&"args") && !end.lines().contains(&"deploying worker"), "{}", end.story());
        }
        let setup = setup(cell, &["--", "worker", "print=and", "beat"]).file("worker", "", 0o644);
        let end = setup.start().end().exited(64).complains(&["no such step: beat"]);
        assert!(end.lines().contains(&"and"), "{}", end.story());
    });
}

/// §3: what was meant for a role starts another server with a word that it may not even look at.
#[test]
fn a_word_that_is_nearly_a_role_is_told() {
    each_place(|cell| {
        let told = |word: &str, role: &str| {
            format!(
                "warning: `{word}` is no role and becomes an argument of server.command; for the role write {role}\n"
            )
        };
        let start = |args: &[&str]| setup(cell, args).file("web", "", 0o644).start().end();
        for (word, role) in [("wroker", "worker"), ("workers", "worker"), ("baet", "beat")] {
            start(&["--", word]).exited(64).complains(&[&told(word, role)]);
            let end = start(&["check", word]).exited(0);
            assert!(end.out.contains(&told(word, role)), "{}", end.story());
            let strict = format!("strict = true\n{}", config());
            Setup::new(cell, ["check", word])
                .config(&strict)
                .start()
                .end()
                .exited(78)
                .complains(&["for the role write"]);
        }
        for args in
            [&["--", "print=x", "wroker"][..], &["--", "--worker"], &["--", "manage"], &["exec", "--", "wroker"]]
        {
            let end = start(args);
            assert!(!end.err.contains("is no role"), "{}", end.story());
        }
        // Without a server.command it is the command.
        let end = Setup::new(cell, ["--", "wroker"]).config("[role.worker]\n").start().end().exited(127);
        assert!(!end.err.contains("is no role"), "{}", end.story());
    });
}

/// A file, a role, a variable and an option that leave something out.
const SKIPPING: &str = "skip = [\"post-stop\"]\n[[prepare]]\ndir = \"prepared\"\n[[wait]]\ntarget = \"file:/mnt/app/none\"\n\
    timeout = \"10ms\"\n[role.web]\nskip = [\"wait\"]\n[role.worker]\nskip = [\"wait\", \"deploy\", \"prepare\"]\n\
    [role.bare]\nskip = [\"all\"]\n";

fn skipping(cell: Cell, args: &[&str]) -> Setup {
    let names = ["deploy-env", "deploy", "pre-stop", "post-stop"];
    let setup = Setup::new(cell, args).config(SKIPPING);
    names
        .iter()
        .fold(setup, |setup, name| setup.hook(name, &format!("echo \"hook {name}\"; ls -d prepared 2>&1; true")))
}

/// §3, §6.7: what is left out adds up, and nothing else is left out.
#[test]
fn a_role_leaves_out_what_others_do() {
    each_place(|cell| {
        let hooks = |setup: Setup, code: i32| {
            let end = setup.start().end().exited(code);
            let of = |line: &&str| line.starts_with("hook ") || *line == "prepared";
            end.lines().into_iter().filter(of).collect::<Vec<_>>().join(", ")
        };
        let run = |role: &str| skipping(cell, &["--", role, PROBE, "do", "exit=4"]);
        assert_eq!(hooks(run("web"), 4), "hook deploy-env, prepared, hook deploy, prepared");
        assert_eq!(hooks(run("worker"), 4), "hook deploy-env");
        assert_eq!(hooks(run("bare"), 4), "");
        assert_eq!(hooks(run("worker").env("APP_INIT_SKIP", " deploy-env,"), 4), "");
        assert_eq!(hooks(run("web").env("APP_INIT_SKIP", "all"), 4), "");
        let no_hooks = skipping(cell, &["--no-hooks", "--", "web", PROBE, "do", "exit=4"]);
        assert_eq!(hooks(no_hooks, 4), "");
        // What is not left out counts.
        assert_eq!(hooks(skipping(cell, &["--", "true"]), 124), "hook deploy-env, prepared");
        // A hook that is asked for is not; the rest of its role is.
        let asked = skipping(cell, &["hook", "deploy"]).env("APP_INIT_ROLE", "worker");
        assert_eq!(hooks(asked, 0), "hook deploy-env, hook deploy");
        // A `start` hook is the server, unless it is named itself.
        for (skip, code) in [("all", 6), ("start", 4), ("all,start", 4)] {
            let setup = run("web").hook("start", "exit 6").env("APP_INIT_SKIP", skip);
            setup.start().end().exited(code);
        }
    });
}

/// §1: the variable is the boot's alone, as commands beside it inherit it.
#[test]
fn what_a_variable_leaves_out_is_left_out_of_the_boot_alone() {
    each_place(|cell| {
        for skip in ["deploy-env", "all", "nobody"] {
            let setup = |args: &[&str]| {
                let setup = Setup::new(cell, args).env("APP_INIT_SKIP", skip).hook("deploy-env", "echo A=1 >&3");
                setup.hook("deploy", "true").start().end().exited(0)
            };
            for args in [&["exec", "--", "sh", "-c", "echo A=$A"][..], &["shell", "-c", "echo A=$A"]] {
                let end = setup(args).silent_stderr();
                assert_eq!(end.lines().last(), Some(&"A=1"), "{}", end.story());
            }
            assert!(setup(&["env"]).silent_stderr().out.contains("A='1'\n"));
            let end = setup(&["check", "true"]).silent_stderr();
            assert!(
                end.out.contains("\n  .docker/action_hooks/deploy  (") && !end.out.contains("left out"),
                "{}",
                end.story()
            );
        }
        let end = skipping(cell, &["check", "worker", "true"]).start().end().exited(0);
        assert!(end.out.contains("note: left out: deploy, post-stop, prepare, wait\n"), "{}", end.story());
        assert!(!end.out.contains("\n  .docker/action_hooks/deploy  ("), "{}", end.story());
        let end = skipping(cell, &["-v", "--", "worker", "true"]).start().end().exited(0);
        end.complains(&["left out: deploy, post-stop, prepare, wait\n"]);
    });
}

/// §3: nobody of that name could ever be left out.
#[test]
fn what_is_left_out_and_is_nobodys_is_a_fault() {
    each_place(|cell| {
        let config = "skip = [\"post-deploy\", \"depoly\"]\n[role.worker]\nskip = [\"waits\"]\n";
        let known =
            "write deploy-env, deploy, start, post-deploy, pre-stop, post-stop, on-failure, prepare, wait, all\n";
        for args in [&["--", "true"][..], &["--", "worker", "true"], &["check"], &["exec", "--", "true"]] {
            let err = refused(Setup::new(cell, args).config(config));
            let told = format!(
                ".docker/app-init.toml:1: skip[1]: there is no depoly to leave out; {known}.docker/app-init.toml:3: \
                role.worker.skip[0]: there is no waits to leave out; {known}app-init: 2 faults, nothing was started\n"
            );
            assert_eq!(err, told, "{args:?}");
        }
    });
}

/// §3, §5: each key has its place in a role.
#[test]
fn a_role_has_a_user_limits_and_secrets_of_its_own() {
    each_place(|cell| {
        let config = "[server]\nstop_signal = \"INT\"\n[role.worker]\nuser = \"app\"\numask = \"0027\"\n\
            virtualenv = \"venv\"\nhooks_dir = \"other\"\n\
            [role.worker.limits]\nnofile = 77\n[role.worker.env]\nsecrets = [\"TOKEN\"]\ndefaults = { A = \"1\" }\n\
            [role.worker.log]\nlevel = \"error\"\n";
        let setup = |args: &[&str]| {
            let setup = with_user(Setup::new(cell, args), config).env("TOKEN_FILE", "/mnt/app/token");
            let setup = setup.file("token", "t", 0o644).file("venv/bin/x", "", 0o644);
            setup.file("other/deploy", "#!/bin/sh\necho \"hook $A $(id -u)\"\n", 0o755)
        };
        let end = setup(&["--", "worker", PROBE, "state"]).start().end().exited(0).silent_stderr();
        assert!(end.out.contains("hook 1 12345\n"), "{}", end.story());
        assert_eq!((said(&end.out, "Umask"), said(&end.out, "limit 7")), ("0027", "77 77"));
        assert_eq!(said(&end.out, "Uid").split_whitespace().next(), Some("12345"));
        let end = setup(&["--", "worker", PROBE, "environ"]).start().end().exited(0);
        let found = ["TOKEN", "TOKEN_FILE", "VIRTUAL_ENV", "HOME"].map(|name| value(&end.out, name));
        assert_eq!(found, [Some("t"), None, Some("/mnt/app/venv"), Some("/home/app")], "{}", end.story());
        let end = setup(&["--", PROBE, "environ"]).start().end().exited(0);
        let found = ["TOKEN", "TOKEN_FILE", "VIRTUAL_ENV", "A"].map(|name| value(&end.out, name));
        assert_eq!(found, [None, Some("/mnt/app/token"), None, None], "{}", end.story());
        assert!(!end.out.contains("hook"), "{}", end.story());
    });
}

/// §3: a mistake shows before its role is started; one of form, since values may differ from start to start.
#[test]
fn faults_of_every_role_are_told() {
    let config = "[role.worker]\nserver.command = \"no list\"\numask = \"9\"\ncolour = \"red\"\n\
        [[role.worker.wait]]\ntarget = \"db:1\"\ntimeout = \"soon\"\n[role.worker.env.set]\n\"BAD-NAME\" = \"x\"\n\
        [role.worker.hooks.deploy]\non_failure = \"explode\"\n[role.good]\n";
    each_cell_without_terminal(|cell| {
        for args in [&["--", "true"][..], &["--", "good", "true"], &["--", "worker"], &["check"], &["check", "worker"]]
        {
            let err = refused(Setup::new(cell, args).config(config));
            for (line, key) in [
                (2, "role.worker.server.command"),
                (3, "role.worker.umask"),
                (4, "role.worker.colour"),
                (7, "role.worker.wait[0].timeout"),
                (9, "role.worker.env.set.BAD-NAME"),
                (11, "role.worker.hooks.deploy.on_failure"),
            ] {
                let told = format!(".docker/app-init.toml:{line}: {key}: ");
                assert!(err.lines().any(|line| line.starts_with(&told)), "{args:?}: no `{told}` in\n{err}");
            }
            assert!(err.ends_with("app-init: 6 faults, nothing was started\n"), "{args:?}\n{err}");
        }
    });
}

/// §3: keys that are not for a role, chosen or not.
#[test]
fn what_is_not_for_a_role_is_a_fault() {
    each_place(|cell| {
        let config = "[role.worker]\nstrict = true\n[role.worker.role.inner]\numask = \"0\"\n[role]\nother = 3\n";
        for args in [&["--", "true"][..], &["check"], &["--", "worker", "true"], &["check", "worker"]] {
            let err = refused(Setup::new(cell, args).config(config));
            for told in [
                ":2: role.worker.strict: is not for a role; write it at the top of the file\n",
                "role.worker.role: is not for a role; write it at the top of the file\n",
                ":6: role.other: expected a table; write [role.other]\n",
            ] {
                assert!(err.contains(told), "{args:?}: no `{told}` in\n{err}");
            }
        }
    });
}

/// §1: a role that an argument could not choose is a fault, whatever is started.
#[test]
fn a_role_with_a_commands_name_is_a_fault() {
    each_place(|cell| {
        for name in ["run", "exec", "shell", "hook", "check", "env", "wait"] {
            let config = format!("[role.{name}]\numask = \"0022\"\n");
            let told = format!(".docker/app-init.toml:1: role.{name}: is a command of app-init");
            for args in [&["--", "true"][..], &["check"], &["--", name, "true"], &["check", "--", name]] {
                let err = refused(Setup::new(cell, args).config(&config));
                assert!(err.starts_with(&told), "{args:?}: no `{told}` in\n{err}");
            }
        }
    });
}

/// §1: what has no arguments of the container's is told the role by a variable.
#[test]
fn a_variable_names_the_role_of_what_has_no_arguments() {
    each_place(|cell| {
        let setup = |args: &[&str], role: &str| setup(cell, args).env("APP_INIT_ROLE", role);
        let echo = "echo found $WHO $KEPT";
        for args in [&["exec", "--", "sh", "-c", echo][..], &["shell", "-c", echo]] {
            for (role, expected) in
                [("worker", "found worker kept"), ("beat", "found web kept"), ("", "found web kept")]
            {
                let end = setup(args, role).start().end().exited(0);
                assert_eq!(end.lines(), [expected], "{role}: {}", end.story());
            }
        }
        for (role, expected) in [("worker", "deploying worker"), ("beat", "deploying web")] {
            let place = if role == "beat" { "web" } else { role };
            let end = setup(&["hook", "deploy"], role).file(place, "", 0o644).start().end().exited(0);
            assert_eq!(end.lines().last(), Some(&expected), "{}", end.story());
        }
        let end = setup(&["env"], "worker").start().end().exited(0);
        assert!(end.lines().contains(&"WHO='worker'"), "{}", end.story());
        // `exec`'s own words choose nothing.
        let setup_plain = Setup::new(cell, ["exec", "--", "worker"]).config(&config());
        setup_plain.start().end().exited(127).complains(&["cannot run worker"]);
    });
}

/// §1: for `run` the argument comes first, then the variable.
#[test]
fn a_variable_names_the_role_where_the_argument_does_not() {
    each_place(|cell| {
        let run = |args: &[&str], role: &str| {
            let setup = setup(cell, args).env("APP_INIT_ROLE", role);
            setup.file("worker", "", 0o644).file("web", "", 0o644).start().end()
        };
        let end = run(&["--", "print=more", "exit=9"], "worker").exited(0);
        assert_eq!(end.lines()[1..], ["deploying worker", "worker worker kept", "more"], "{}", end.story());
        let end = run(&["--", "worker", "exit=9"], "beat").exited(0);
        assert_eq!(end.lines().last(), Some(&"worker worker kept"), "{}", end.story());
        let end = run(&["--", "beat", "exit=9"], "worker").exited(0);
        assert_eq!(end.lines().last(), Some(&"beat"), "{}", end.story());
        for args in [&["--", "x"][..], &["env"], &["hook", "deploy"], &["check"]] {
            let end = run(args, "none").exited(78);
            let told = "APP_INIT_ROLE: there is no role `none`; write [role.none], or unset this\n";
            assert!(end.err.contains(told), "{}", end.story());
        }
    });
}

/// §3: `check` shows which file and line set each key, in the role that it is asked for.
#[test]
fn check_shows_a_role() {
    each_place(|cell| {
        let setup = |args: &[&str]| {
            let base = "umask = \"0022\"\n[role.worker]\nserver.stop_signal = \"INT\"\n";
            let app =
                "[server]\ncommand = [\"true\", \"web\"]\n[role.worker.server]\ncommand = [\"true\", \"worker\"]\n";
            Setup::new(cell, args).etc("app-init.toml", base).config(app)
        };
        let end = setup(&["check", "worker", "more"]).start().end().exited(0);
        for line in [
            "  umask  (/etc/app-init.toml:1)",
            "  role.worker.server.stop_signal  (/etc/app-init.toml:3)",
            "  role.worker.server.command  (.docker/app-init.toml:4)",
            "  true worker more",
            "  server: INT; no KILL: the platform's grace decides",
        ] {
            assert!(end.out.lines().any(|other| other == line), "no `{line}`\n{}", end.story());
        }
        assert!(!end.out.lines().any(|line| line.starts_with("  server.command")), "{}", end.story());
        let end = setup(&["check"]).start().end().exited(0);
        for line in ["  server.command  (.docker/app-init.toml:2)", "  true web"] {
            assert!(end.out.lines().any(|other| other == line), "no `{line}`\n{}", end.story());
        }
    });
}

/// §1: the `start` hook replaces `server.command`, but not that of a role: whoever chose it meant it.
#[test]
fn the_start_hook_does_not_replace_a_roles_command() {
    each_place(|cell| {
        let run = |args: &[&str], place: &str| {
            let setup = setup(cell, args).file(place, "", 0o644).hook("start", "echo \"start hook $WHO $*\"; exit 6");
            setup.start().end()
        };
        let end = run(&["--", "x"], "web").exited(6);
        assert_eq!(end.lines().last(), Some(&"start hook web x"), "{}", end.story());
        let end = run(&["--", "worker", "exit=5"], "worker").exited(5);
        assert_eq!(end.lines().last(), Some(&"worker worker kept"), "{}", end.story());
        // A role without a command has the server's, which is the hook.
        let end = run(&["--", "beat", "x"], "web").exited(6);
        assert_eq!(end.lines().last(), Some(&"start hook web x"), "{}", end.story());
    });
}

/// §6.6: the `deploy-env` hook is started for a role in the role's environment.
#[test]
fn a_role_goes_with_the_deploy_env_hook() {
    each_place(|cell| {
        let setup = setup(cell, &["--", "worker", "exit=5"]).file("worker", "", 0o644);
        let end = setup.hook("deploy-env", "echo \"KEPT=by the hook of $WHO\" >&3").start().end().exited(5);
        assert_eq!(end.lines().last(), Some(&"worker worker by the hook of worker"), "{}", end.story());
    });
}

/// §1: a check without a role looks at none of them whole, and says so.
#[test]
fn check_says_which_roles_it_has_not_looked_at() {
    let config =
        "server.command = [\"true\"]\n[role.web.env.set]\nA = \"b\"\n[role.worker]\nserver.command = [\"/no/such\"]\n";
    each_place(|cell| {
        let check = |args: &[&str]| Setup::new(cell, ["check"]).args(args).config(config).start().end();
        let line = "note: roles are checked one by one: app-init check web, app-init check worker\n";
        let end = check(&[]).exited(0);
        assert!(end.out.contains(line), "{}", end.story());
        let end = check(&["web"]).exited(0);
        assert!(!end.out.contains("one by one"), "{}", end.story());
        check(&["worker"]).exited(78).complains(&["role.worker.server.command: cannot run /no/such: "]);
    });
}
