//! §3: the config file: what it says is done, and every fault of it is told at once.

use crate::harness::*;

/// What the server prints with this config.
fn environment_of(config: &str, prepare: impl Fn(Setup) -> Setup) -> String {
    let setup = prepare(Setup::new(Cell::PID1, ["--", PROBE, "environ"]).config(config));
    setup.start().end().exited(0).out
}

/// Each line that the mark points at, with the key that must be named.
const MISTAKES: &[(&str, &str)] = &[
    ("colour = \"red\"", "colour"),
    ("umask = \"0999\"", "umask"),
    ("strict = \"yes\"", "strict"),
    ("[env.set]", ""),
    ("\"BAD-NAME\" = \"x\"", "BAD-NAME"),
    ("[hooks.deploy]", ""),
    ("timeout = \"ten\"", "timeout"),
    ("on_failure = \"explode\"", "on_failure"),
    ("[server]", ""),
    ("command = [\"/bin/echo\", \"${NO_SUCH_VARIABLE}\"]", "command"),
    ("mode = \"fork\"", "mode"),
    ("stop_signal = \"SIGNOPE\"", "stop_signal"),
    ("rewrite = [\"HUP\"]", "rewrite"),
    ("success_codes = [256]", "success_codes"),
    ("[stop]", ""),
    ("drain = \"5 parsecs\"", "drain"),
    ("[log]", ""),
    ("level = \"loud\"", "level"),
];

/// §3: all faults in one run, each with file, line and key.
#[test]
fn every_mistake_is_listed_in_one_run() {
    let config: String = MISTAKES.iter().flat_map(|(line, _)| [line, "\n"]).collect();
    each_cell(|cell| {
        for args in [&["--"][..], &["check"]] {
            let end = Setup::new(cell, args).config(&config).start().end().exited(78).nothing_left();
            let text = format!("{}{}", end.out, end.err);
            for (number, (line, key)) in MISTAKES.iter().enumerate().filter(|(_, (_, key))| !key.is_empty()) {
                let place = format!("app-init.toml:{}: ", number + 1);
                let told = text.lines().any(|told| told.contains(&place) && told.contains(key));
                assert!(told, "`{line}` is not told as `{place}…{key}…`\n{}", end.story());
            }
            assert!(!text.contains("Running"), "{}", end.story());
        }
    });
}

/// §3: what is not TOML at all.
#[test]
fn a_syntax_error_is_told_with_its_line() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "do", "print=ran"])
            .config("umask = \"0022\"\nworkdir = [\n\n\"x\n")
            .start()
            .end();
        let end = end.exited(78).complains(&["app-init.toml:"]);
        assert!(!end.out.contains("ran"), "{}", end.story());
    });
}

/// A correct file with everything that this stage knows is accepted.
#[test]
fn every_known_key_is_accepted() {
    let config = format!(
        "workdir = \"/mnt/app\"\numask = \"0022\"\nhooks_dir = \".docker/action_hooks\"\nstrict = false\n\
        [env]\ndefaults = {{ LANG = \"C.UTF-8\" }}\nset = {{ A = \"1\" }}\n\
        [hooks.deploy]\ntimeout = \"10m\"\nstop_timeout = \"5s\"\non_failure = \"abort\"\non_stop = \"stop\"\n\
        [[hooks.deploy.run]]\ncommand = [\"true\"]\ntimeout = \"5s\"\non_failure = \"continue\"\n\
        [server]\ncommand = [\"{PROBE}\", \"do\"]\nargs = [\"exit=3\", [\"print=${{UNSET}}\"]]\nmode = \"supervise\"\n\
        stop_signal = \"TERM\"\nstop_timeout = \"30s\"\nsignal_target = \"auto\"\nrewrite = [\"HUP:USR1\", \"USR2:0\"]\n\
        success_codes = [143]\nrun_timeout = \"1h\"\nrun_timeout_signal = \"TERM\"\n\
        [stop]\nsignals = [\"TERM\", \"INT\"]\ntimeout = \"10s\"\ndrain = \"0s\"\nleftovers = \"3s\"\nbudget = \"60s\"\n\
        [log]\nlevel = \"warn\"\nformat = \"text\"\nhook_output = \"stdout\"\ntermination_file = \"/dev/termination-log\"\n"
    );
    each_cell(|cell| {
        let setup = |args: [&str; 1]| Setup::new(cell, args).config(&config).hook("other", "exit 1");
        setup(["--"]).start().end().exited(3).nothing_left();
        setup(["check"]).start().end().exited(0);
    });
}

/// §3: the base image's file first, the application's over it, key by key.
#[test]
fn the_applications_file_is_laid_over_the_base_images() {
    each_place(|cell| {
        let base = format!(
            "umask = \"0077\"\n[server]\ncommand = [\"{PROBE}\", \"do\"]\nargs = [\"print=base\"]\n[env.set]\nA = \"base\"\nB = \"base\"\n"
        );
        let run = |app: Option<&str>| {
            let mut setup = Setup::new(cell, ["--", "exit=3"]).etc("app-init.toml", &base);
            if let Some(app) = app {
                setup = setup.config(app);
            }
            setup.start().end().exited(3).out
        };
        assert_eq!(run(None), "base\n");
        assert_eq!(run(Some("[server]\nargs = [\"print=app\", \"print=more\"]\n")), "app\nmore\n");
        let config =
            "[server]\ncommand = [\"sh\", \"-c\"]\nargs = [\"echo $A $B $(umask); exit 3\"]\n[env.set]\nB = \"app\"\n";
        assert_eq!(run(Some(config)), "base app 0077\n");
    });
}

/// §3: a file that is named is read alone, and must be there.
#[test]
fn a_named_file_is_read_alone() {
    each_place(|cell| {
        let setup = |args: &[&str]| {
            Setup::new(cell, args)
                .args(["--", "sh", "-c", "echo \"<$A><$B>\"; exit 3"])
                .etc("app-init.toml", "[env.set]\nA = \"base\"\n")
                .config("[env.set]\nB = \"app\"\n")
                .file("other.toml", "[env.set]\nA = \"other\"\n", 0o644)
        };
        assert_eq!(setup(&["-c", "other.toml"]).start().end().exited(3).out, "<other><>\n");
        assert_eq!(setup(&[]).env("APP_INIT_CONFIG", "other.toml").start().end().exited(3).out, "<other><>\n");
        assert_eq!(setup(&[]).start().end().exited(3).out, "<base><app>\n");
        for args in [&["--config", "missing.toml"][..], &["--config", "/mnt/app"]] {
            setup(args).start().end().exited(78).complains(&[args[1]]);
        }
    });
}

/// §3: expanded once, without a shell; nothing else is special.
#[test]
fn variables_are_expanded_and_nothing_else_is() {
    let config = format!(
        "[server]\ncommand = [\"{PROBE}\", \"argv\"]\n\
        args = [\"${{WHO}}\", \"a${{WHO}}b\", \"${{NONE:-fall back}}\", \"${{EMPTY:-full}}\", \"$${{WHO}}\", \"${{NEST}}\", \"%s $(id) `id` * ~ $WHO\"]\n"
    );
    each_cell(|cell| {
        let end = Setup::new(cell, ["--"])
            .config(&config)
            .env("WHO", "x y")
            .env("EMPTY", "")
            .env("NEST", "${WHO}")
            .start()
            .end()
            .exited(0);
        let expected = ["x y", "ax yb", "fall back", "full", "${WHO}", "${WHO}", "%s $(id) `id` * ~ $WHO"];
        let bare = Setup::bare(cell, [PROBE, "argv"]).args(expected).start().end();
        assert_eq!(end.lines(), bare.lines());
    });
}

/// §3.
#[test]
fn a_demanded_variable_that_is_unset_is_a_fault_with_its_message() {
    each_place(|cell| {
        let config =
            format!("[server]\ncommand = [\"{PROBE}\", \"do\", \"print=${{NONE:?set NONE to a host name}}\"]\n");
        let end = Setup::new(cell, ["--"]).config(&config).start().end().exited(78);
        end.complains(&["NONE", "set NONE to a host name"]);
    });
}

/// §3: an optional group is left out as a whole.
#[test]
fn an_argument_group_without_its_variable_is_left_out() {
    let config = format!(
        "[server]\ncommand = [\"{PROBE}\", \"argv\"]\nargs = [\"-p\", \"80\", [\"--processes\", \"${{N}}\"], \"end\"]\n"
    );
    each_place(|cell| {
        let with = |value: Option<&str>| {
            let mut setup = Setup::new(cell, ["--"]).config(&config);
            if let Some(value) = value {
                setup = setup.env("N", value);
            }
            setup.start().end().exited(0).out
        };
        let bare = |args: &[&str]| Setup::bare(cell, [PROBE, "argv"]).args(args).start().end().out;
        assert_eq!(with(Some("4")), bare(&["-p", "80", "--processes", "4", "end"]));
        assert_eq!(with(Some("")), bare(&["-p", "80", "end"]));
        assert_eq!(with(None), bare(&["-p", "80", "end"]));
    });
}

/// §4: later steps win; a default gives way to what the container was given.
#[test]
fn defaults_give_way_and_set_wins() {
    let config = "[env.defaults]\nLANG = \"C.UTF-8\"\nGIVEN = \"default\"\n[env.set]\nGIVEN2 = \"set\"\nJOINED = \"${LANG}:${GIVEN}\"\n";
    let out = environment_of(config, |setup| setup.env("GIVEN", "container").env("GIVEN2", "container"));
    for line in ["LANG=C.UTF-8", "GIVEN=container", "GIVEN2=set", "JOINED=C.UTF-8:container"] {
        assert!(out.lines().any(|other| other == line), "no {line}: {out}");
    }
}

/// §3: `workdir` and `umask` are the server's and the hooks'.
#[test]
fn workdir_and_umask_are_set() {
    each_cell(|cell| {
        let config = "workdir = \"/usr\"\numask = \"0027\"\nhooks_dir = \"/mnt/app/.docker/action_hooks\"\n";
        let end = Setup::new(cell, ["--", PROBE, "state"])
            .config(config)
            .hook("deploy", "echo \"hook $(pwd) $(umask)\"")
            .start()
            .end()
            .exited(0);
        assert!(end.out.contains("hook /usr 0027"), "{}", end.story());
        assert_eq!((said(&end.out, "cwd"), said(&end.out, "Umask")), ("/usr", "0027"));
    });
}

/// A working directory that is not there is not mistaken for a missing program.
#[test]
fn a_missing_workdir_is_named() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=ran"]).config("workdir = \"/no/such/dir\"\n");
        let end = setup.start().end().exited(78).nothing_left();
        let told = ".docker/app-init.toml:1: workdir: cannot enter /no/such/dir: No such file or directory (os error 2); \
            make it, or name another\napp-init: 1 fault, nothing was started\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
    });
}

/// A directory of hooks that is misspelt, or on a volume that is not there, is not mistaken for one without hooks.
#[test]
fn a_missing_hooks_dir_is_named() {
    each_place(|cell| {
        for (args, variable, key, shown) in [
            (&[][..], "", ".docker/app-init.toml:1: hooks_dir", "file"),
            (&["--hooks-dir", "option"], "", "--hooks-dir", "option"),
            (&["--hooks-dir", ".docker/app-init.toml"], "", "--hooks-dir", ".docker/app-init.toml"),
            (&[], "variable", "APP_INIT_HOOKS_DIR", "variable"),
        ] {
            let setup = Setup::new(cell, args).args(["--", PROBE, "do", "print=ran"]).config("hooks_dir = \"file\"\n");
            let setup = if variable.is_empty() { setup } else { setup.env("APP_INIT_HOOKS_DIR", variable) };
            let end = setup.start().end().exited(78).nothing_left();
            let told = format!("{key}: there is no directory {shown}; make it, or remove this\n");
            assert_eq!(end.err, format!("{told}app-init: 1 fault, nothing was started\n"));
        }
        let setup = Setup::new(cell, ["--", PROBE, "do", "exit=3"]);
        setup.config("hooks_dir = \".docker/action_hooks\"\n").start().end().exited(3);
    });
}

/// §1: an option overrides the variable, which overrides the file.
#[test]
fn options_override_variables_which_override_the_file() {
    each_place(|cell| {
        let said = |args: &[&str], variable: Option<&str>| {
            let mut setup = Setup::new(cell, args)
                .args(["--", PROBE, "do", "exit=3"])
                .config("hooks_dir = \"file\"\n[log]\nlevel = \"error\"\n")
                .file("file/deploy", "#!/bin/sh\necho file\n", 0o755)
                .file("option/deploy", "#!/bin/sh\necho option\n", 0o755);
            if let Some(variable) = variable {
                setup = setup.env("APP_INIT_LOG", variable);
            }
            setup.start().end().exited(3)
        };
        assert!(said(&[], None).out.contains("file\n"));
        assert!(said(&["--hooks-dir", "option"], None).out.contains("option\n"));
        let levels = [said(&[], None), said(&[], Some("debug"))].map(|end| end.err.lines().count());
        assert!(levels[0] < levels[1], "{levels:?}");
    });
}

/// What relative paths start at is somewhere else than where the file was found: hooks and variables beside it are lost.
#[test]
fn what_lies_beside_the_file_and_not_in_the_workdir_is_told() {
    const HOOKS: &str =
        "the hooks in /mnt/app/.docker/action_hooks are not run: hooks_dir starts at the working directory";
    const VARS: &str =
        "the variables in /mnt/app/.docker/user_vars are not set: vars_dir starts at the working directory";
    each_place(|cell| {
        for (config, args, variable) in [
            ("workdir = \"/usr\"\n", &["--"][..], ""),
            ("role.web.workdir = \"/usr\"\n", &["--", "web"], ""),
            ("", &["--workdir", "/usr", "--"], ""),
            ("", &["--"], "/usr"),
        ] {
            let setup = Setup::new(cell, args)
                .args([PROBE, "do", "print=server"])
                .config(config)
                .env("APP_INIT_WORKDIR", variable)
                .hook("deploy", "echo deploying")
                .file(".docker/user_vars/A", "1", 0o644);
            let end = setup.start().end().exited(0).complains(&[HOOKS, VARS]);
            assert!(end.lines().contains(&"server"), "{}", end.story());
            let told = end.err.contains("/mnt/app/.docker/app-init.toml is not read: it is looked for in the working");
            assert_eq!(told, config.is_empty(), "{}", end.story());
        }
        // What is named is meant.
        let config = "workdir = \"/usr\"\nhooks_dir = \"/mnt/app/.docker/action_hooks\"\n";
        let setup = Setup::new(cell, ["--", "true"]).config(config).hook("deploy", "exit 0");
        let end = setup.start().end().exited(0);
        assert!(!end.err.contains("starts at"), "{}", end.story());
    });
}

/// What is said of the stop, or where nobody reads it, and does nothing.
#[test]
fn what_stops_or_steers_nothing_is_told() {
    each_place(|cell| {
        for (config, told) in [
            ("server.stop_signal = \"CHLD\"\n", "stop_signal CHLD makes no server end"),
            ("server.stop_signal = \"STOP\"\n", "stop_signal STOP makes no server end"),
            ("server.rewrite = [\"TERM:0\"]\n", "rewrite TERM:0 drops what asks the server to stop"),
            ("env.files = [\"f\"]\n", "APP_INIT_SKIP in f steers nothing"),
        ] {
            let setup = Setup::new(cell, ["--", "true"]).config(config).file("f", "APP_INIT_SKIP=deploy\n", 0o644);
            setup.start().end().exited(0).complains(&[told]);
        }
        let config = "server = { stop_signal = \"QUIT\", rewrite = [\"TERM:0\", \"HUP:0\"] }\n";
        let end = Setup::new(cell, ["--", "true"]).config(config).start().end().exited(0);
        assert!(!end.err.contains("rewrite"), "{}", end.story());
    });
}
