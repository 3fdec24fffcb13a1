//! What looks like a hook and is none, and what looks like something else and is a hook.

use crate::harness::*;

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];

/// §6.1: hooks may have any name, so one that is misspelt is told, or it would never run.
#[test]
fn a_hook_whose_name_is_nearly_a_phases_is_told() {
    let setup = |cell| {
        let config = "[[hooks.post_deploy.run]]\ncommand = [\"true\"]\n[hooks.start]\ntimeout = \"1s\"\n\
            [[hooks.seed.run]]\ncommand = [\"true\"]\n[[hooks.predeploy.run]]\ncommand = [\"true\"]\n";
        let setup = Setup::new(cell, SERVER).hook("deploy.sh", "echo ran").hook("Pre_Stop", "exit 0");
        let setup = setup.hook("deploy_env.d/10", "exit 0").hook("seed.sh", "exit 0").hook("start.md", "exit 0");
        // Beside the hook itself it may be what that runs.
        let setup = setup.hook("post-stop", "exit 0").hook("post-stop.sh", "exit 0");
        (setup.file(".docker/action_hooks/on-failure.sh", "", 0o644).env("APP_INIT_STOP_TIMOUT", "5s"), config)
    };
    let told = [
        "hooks.post_deploy belongs to no phase and never runs; write hooks.post-deploy",
        "hooks.predeploy belongs to no phase and never runs; write hooks.deploy\n",
        "hooks.start has no effect: the start hook is a file; what is to be said of it goes into [server]",
        "hook .docker/action_hooks/deploy.sh belongs to no phase and never runs; name it deploy\n",
        "hook .docker/action_hooks/Pre_Stop belongs to no phase and never runs; name it pre-stop\n",
        "hook .docker/action_hooks/deploy_env.d belongs to no phase and never runs; name it deploy-env.d\n",
        "APP_INIT_STOP_TIMOUT means nothing; unset it, or set one of APP_INIT_CONFIG, ",
    ];
    each_place(|cell| {
        let (boot, config) = setup(cell);
        let end = boot.config(config).start().end().exited(4).complains(&told);
        assert_eq!(end.err.matches("warning: ").count(), told.len(), "{}", end.story());
        let (boot, config) = setup(cell);
        let end = boot.config(&format!("strict = true\n{config}")).start().end().exited(78).complains(&told);
        assert!(!end.out.contains("server"), "{}", end.story());
    });
}

/// §6.1: the plan tells of each hook that no phase runs how it is run.
#[test]
fn hooks_of_no_phase_are_in_the_plan() {
    each_place(|cell| {
        let config = "strict = true\n[[hooks.release.run]]\ncommand = [\"true\"]\n[[hooks.deploy.run]]\n\
            command = [\"true\"]\n";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config(config).hook("deploy", "exit 0").hook("deploy.sh", "exit 0");
            setup.hook("seed.d/10", "exit 0").hook("notes.md", "exit 0").file(".docker/action_hooks/x", "", 0o644)
        };
        let end = setup(&["check"]).start().end().exited(0);
        let notes: Vec<&str> = end.out.lines().filter(|line| line.contains("runs only by")).collect();
        let expected = [
            "note: hooks.release runs only by app-init hook release",
            "note: hook .docker/action_hooks/deploy.sh runs only by app-init hook deploy.sh",
            "note: hook .docker/action_hooks/seed.d runs only by app-init hook seed",
        ];
        assert_eq!(notes, expected, "{}", end.story());
        let end = setup(&[&["-v"], &SERVER[..]].concat()).start().end().exited(4);
        end.complains(&["hooks.release runs only by app-init hook release\n"]);
        let end = setup(&SERVER).start().end().exited(4);
        assert!(!end.err.contains("runs only by"), "{}", end.story());
    });
}

/// What hooks are given they hand on.
#[test]
fn the_variables_of_hooks_are_known() {
    let names = ["APP_INIT_PHASE", "APP_INIT_HOOK", "APP_INIT_FAILED_HOOK", "APP_INIT_FAILED_CODE"];
    let all = names.iter().fold(Setup::new(Cell::PID1, SERVER), |setup, name| setup.env(name, "deploy"));
    all.config("strict = true\n").start().end().exited(4);
}

/// §6.1: an editor's files, and the links of a volume of Kubernetes.
#[test]
fn names_that_begin_with_a_dot_are_no_hooks() {
    each_place(|cell| {
        let name = |name: &str| format!("deploy.d/{name}");
        let setup = Setup::new(cell, SERVER).hook(&name("..2024_01/10-a"), "echo 'of the volume'");
        let setup = setup.hook(&name(".10-a.swp"), "echo hidden").config("strict = true\n");
        let directory = setup.world.app().join(".docker/action_hooks/deploy.d");
        for (target, link) in [("..2024_01", "..data"), ("..data/10-a", "10-a")] {
            std::os::unix::fs::symlink(target, directory.join(link)).expect("a link can be made");
        }
        let end = setup.start().end().exited(4);
        let expected = [" -----> Running .docker/action_hooks/deploy.d/10-a", "of the volume", "server"];
        assert_eq!(end.lines(), expected, "{}", end.story());
    });
}

/// They do not end plain use either.
#[test]
fn a_hidden_file_among_the_hooks_is_plain_use() {
    Setup::new(Cell::PID1, SERVER).hook(".deploy.swp", "exit 0").start().end().exited(4).silent_stderr();
}

/// §6.2: `env` would look for `sh` and a carriage return.
#[test]
fn a_carriage_return_behind_an_interpreters_argument_is_said() {
    each_place(|cell| {
        let setup = || Setup::new(cell, SERVER).hook("post-stop", "#!/usr/bin/env sh\r\necho ran\r\n");
        let told = "hook .docker/action_hooks/post-stop will not run: its #! line ends in a carriage return (CRLF); run dos2unix on it\n";
        let end = setup().start().end().exited(4).complains(&[told]);
        assert!(!end.out.contains("ran"), "{}", end.story());
        setup().config("strict = true\n").start().end().exited(78).complains(&[told]);
        // Where it is said anyway, it is said once.
        let end = Setup::new(cell, SERVER).hook("deploy", "#!/bin/sh\r\necho ran\r\n").start().end().exited(70);
        assert_eq!(end.err.matches("CRLF").count(), 1, "{}", end.story());
    });
}

/// §6.5: whoever asks for a hook is told why nothing runs.
#[test]
fn a_hook_that_was_asked_for_and_is_not_due_is_told() {
    each_place(|cell| {
        let run = "[[hooks.deploy.run]]\ncommand = [\"echo\", \"ran\"]\nwhen = [\"env:MIGRATE\"]\n";
        let start = |value: &str| Setup::new(cell, ["hook", "deploy"]).config(run).env("MIGRATE", value).start().end();
        let end = start("").exited(0);
        let told = "app-init: deploy hook: nothing to run: its `when` does not hold\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
        let end = start("1").exited(0).silent_stderr();
        assert!(end.out.ends_with("ran\n"), "{}", end.story());
    });
}

/// Directories of hooks, too, are looked for by their names alone.
#[test]
fn directories_that_are_nearly_those_of_hooks_are_told() {
    each_place(|cell| {
        let warns = |setup: Setup, told: &str| {
            setup.config("[log]\nlevel = \"warn\"\n").start().end().exited(0).complains(&[told]);
        };
        for name in ["hooks", "action-hooks", "action_hook", "Action_Hooks"] {
            let setup = Setup::new(cell, ["--", "true"]).file(&format!(".docker/{name}/deploy"), "#!/bin/sh\n", 0o755);
            warns(setup, &format!("nothing in .docker/{name} is run: hooks are in .docker/action_hooks; name it so"));
        }
        let told = ".docker/action_hooks/deploy.D holds no hooks by its name; name it deploy.d";
        warns(Setup::new(cell, ["--", "true"]).hook("deploy.D/10", "exit 3"), told);
    });
}
