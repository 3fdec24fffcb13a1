//! §5: the application's user cannot become root by what it writes, now or while the container runs, and nothing of root's
//! is read for it.

use crate::harness::*;
use crate::identity::{image, mode};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};

const SERVER: [&str; 4] = ["--", PROBE, "do", "print=server"];
const TOOL: &str = "#!/bin/sh\necho tool as $(id -u)\n";

/// An image in order, but for these directories and files below the working directory, which are the user's.
fn of_user(setup: Setup, names: &[&str]) -> Setup {
    let setup = image(setup);
    for name in names {
        let path = setup.world.app().join(name);
        chown(path, Some(4000), Some(4001)).expect("a test's own file can be given away");
    }
    setup
}

/// Nothing ran, and this was the reason.
#[track_caller]
fn refused(setup: Setup, told: &str) {
    let end = setup.start().end().exited(77).nothing_left().complains(&[told]);
    assert!(!end.out.contains("server") && !end.out.contains("tool as"), "{}", end.story());
}

fn post_stop(command: &str) -> String {
    format!("user = \"app\"\n[[hooks.post-stop.run]]\ncommand = [\"{command}\"]\nuser = \"root\"\n")
}

/// The server has all the time in the world to put it there.
#[test]
fn a_program_of_root_that_is_not_there_yet_could_be_anybodys() {
    each_place(|cell| {
        let setup = |command: &str| Setup::new(cell, SERVER).config(&post_stop(command)).file("data/x", "", 0o644);
        let owned = "/mnt/app/data/tool could be changed by app: /mnt/app/data (mode 0755, owner 4000:4001); make it \
            root's, and nobody else's to write\n";
        refused(of_user(setup("/mnt/app/data/tool"), &["data"]), owned);
        refused(
            of_user(setup("./data/tool"), &["data"]),
            "/mnt/app/./data/tool could be changed by app: /mnt/app/data ",
        );
        // Where it is root's, it is only not found, at the end.
        let end = of_user(setup("/mnt/app/data/tool"), &[]).start().end().exited(0);
        end.complains(&["cannot run /mnt/app/data/tool: there is no such file"]);
    });
}

#[test]
fn a_directory_of_path_that_is_the_users_is_none_for_root() {
    each_place(|cell| {
        let config = |user: &str| {
            format!(
                "user = \"app\"\nvirtualenv = \"venv\"\n[[hooks.deploy.run]]\ncommand = [\"id\", \"-u\"]\nuser = \"{user}\"\n"
            )
        };
        let setup = |user: &str| Setup::new(cell, SERVER).config(&config(user)).file("venv/bin/x", "", 0o644);
        let told = "hooks.deploy.run[0].command: looks for programs in /mnt/app/venv/bin, which could be changed by app: \
            /mnt/app/venv/bin (mode 0755, owner 4000:4001); make it root's, or take it out of PATH\n";
        refused(of_user(setup("root"), &["venv/bin"]), told);
        let end = of_user(setup("app"), &["venv/bin"]).start().end().exited(0);
        assert!(end.out.contains("\n4000\nserver\n"), "{}", end.story());
        let end = of_user(setup("root"), &[]).start().end().exited(0);
        assert!(end.out.contains("\n0\nserver\n"), "{}", end.story());
    });
}

/// `#!`, and what `env` finds for it.
#[test]
fn an_interpreter_of_the_users_is_none_for_root() {
    let script = "#!/bin/sh\nshift\necho tool as $(id -u)\n";
    let config = "user = \"app\"\n[env]\npath_prepend = [\"/mnt/app/links\"]\n[hooks.deploy]\nuser = \"root\"\n";
    for line in ["#!/mnt/app/open/sh", "#!/mnt/app/open/sh -e", "#!/usr/bin/env own-sh", "#!/usr/bin/env -S own-sh -e"]
    {
        let setup = || {
            let setup = Setup::new(Cell::PID1, SERVER).config(config).hook("deploy", &format!("{line}\ntrue\n"));
            let setup = setup.file("open/sh", script, 0o755).file("links/x", "", 0o644);
            symlink("/mnt/app/open/sh", setup.world.app().join("links/own-sh")).expect("a link can be made");
            setup
        };
        refused(of_user(setup(), &["open"]), "could be changed by app: /mnt/app/open (mode 0755, owner 4000:4001)");
        let end = of_user(setup(), &[]).start().end();
        assert!(end.out.contains("tool as 0"), "{line}: {}", end.story());
    }
}

/// Which script that is must be clear, and what is loaded before it counts as much.
#[test]
fn what_an_interpreter_will_run_has_to_be_clear() {
    let run = |command: &str, names: &[&str]| {
        let config = format!(
            "user = \"app\"\n[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"{}\"]\n",
            command.replace('|', "\", \"")
        );
        let setup = Setup::new(Cell::PID1, SERVER).config(&config).file("own/task", "", 0o755);
        let names = names.to_vec();
        let setup = setup.file("task.js", "", 0o644).file("own/js.js", "", 0o644);
        let interpreter = "#!/bin/sh\necho tool as $(id -u)\n";
        let setup = ["python3", "perl5.36.0", "ruby", "node", "php8.2", "lua"]
            .into_iter()
            .fold(setup, |setup, name| setup.file(&format!("bin/{name}"), interpreter, 0o755));
        symlink("/bin/true", setup.world.app().join("bin/busybox")).expect("a link can be made");
        of_user(setup, &names)
    };
    for (command, word) in [
        ("bin/node|--build-snapshot|task.js", "--build-snapshot"),
        ("bin/node|task", "task"),
        ("bin/node|-r|./own/js|task.js", "./own/js"),
        ("bin/python3|-u|-Z|task.js", "-Z"),
        ("bin/python3|bin", "bin"),
        ("bin/ruby|-C|own|task.js", "-C"),
        ("bin/php8.2|-dauto_prepend_file=own/task|task.js", "-dauto_prepend_file=own/task"),
        ("bash|--debugger|task.js", "--debugger"),
        ("env|A=b|bash|--debugger|task.js", "--debugger"),
    ] {
        let told = format!(
            " would run after `{word}`; give it usual options and the whole name of a script, or let that user run it\n"
        );
        refused(run(command, &[]), &told);
    }
    let told = "could be changed by app: /mnt/app/own (mode 0755, owner 4000:4001); ";
    for (command, at) in [
        ("bin/node|-r|./own/js.js|task.js", "/mnt/app/./own/js.js "),
        ("bin/node|--env-file=own/task|task.js", "/mnt/app/own/task "),
        ("bin/perl5.36.0|-Iown|-w|task.js", "/mnt/app/own "),
        ("bin/perl5.36.0|-Mlib=own|task.js", "/mnt/app/own "),
        ("bin/perl5.36.0|-e|1|-Iown", "/mnt/app/own "),
        ("bin/node|-e|1|-r|./own/js.js", "/mnt/app/./own/js.js "),
        ("bin/ruby|-v|own/task", "/mnt/app/own/task "),
        ("bin/ruby|-I|/opt:own|task.js", "/mnt/app/own "),
        ("bin/php8.2|-d|error_log=own/task|task.js", "/mnt/app/own/task "),
        ("bin/python3|-X|pycache_prefix=own|task.js", "/mnt/app/own "),
        ("bash|--rcfile|own/task|task.js", "/mnt/app/own/task "),
        ("bash|-|own/task", "/mnt/app/own/task "),
        ("bin/php8.2|-f|own/task", "/mnt/app/own/task "),
        ("bin/busybox|sh|-e|own/task", "/mnt/app/own/task "),
        ("bin/busybox|ash|-|own/task", "/mnt/app/own/task "),
        ("bin/busybox|env|A=b|own/task", "/mnt/app/own/task "),
        ("/mnt/bin/app-init|exec|--|own/task", "/mnt/app/own/task "),
        ("/mnt/bin/app-init|wait|file:/|--|sh|own/task", "/mnt/app/own/task "),
    ] {
        refused(run(command, &["own"]), &format!("{at}{told}"));
    }
    for command in [
        "bin/python3|-E|-s|-B|-O|-I|-u|-X|dev|-W|ignore|task.js",
        "bin/python3|-u|-m|x",
        "bin/python3|-c|x",
        "bash|-e|-u|-x|-o|pipefail|-c|echo tool as $(id -u)",
        "bin/perl5.36.0|-w|-T|task.js",
        "bin/ruby|-W|task.js",
        "bin/node|--no-warnings|--max-old-space-size=64|-r|x|task.js",
        "bin/php8.2|-d|x|-f|task.js",
    ] {
        let end = run(command, &["own"]).start().end().exited(0);
        assert!(end.out.contains("tool as 0\n"), "{command}: {}", end.story());
    }
    // Modules are looked for in the directory, too.
    for (command, at) in [
        ("bin/node|-r|tracer|task.js", "/mnt/app/node_modules/tracer "),
        ("bin/lua|-l|own.foo|task.js", "/mnt/app/own/foo.lua "),
        ("bin/lua|-l|x=own.foo|task.js", "/mnt/app/own/foo.lua "),
    ] {
        let setup = run(command, &["own"]);
        symlink("own", setup.world.app().join("node_modules")).expect("a link can be made");
        refused(setup, &format!("{at}could be changed by app: /mnt/app/own (mode 0755, owner 4000:4001); "));
    }
}

/// A right more than the user has is enough.
#[test]
fn a_group_that_the_user_is_not_in_counts_as_much_as_root() {
    let config = |user: &str| format!("user = \"app\"\n[hooks.deploy]\nuser = \"{user}\"\n");
    let setup = |user: &str| Setup::new(Cell::PID1, SERVER).config(&config(user)).hook("deploy", "id -g");
    let hook = ".docker/action_hooks/deploy";
    for user in ["app:root", "4000:0", "app:7"] {
        refused(of_user(setup(user), &[hook]), "deploy could be changed by app: ");
    }
    for user in ["app", "app:web", "4000:4001"] {
        of_user(setup(user), &[hook]).start().end().exited(0);
    }
}

/// A group that the container was given makes the user somebody who could change more.
#[test]
fn a_group_that_is_kept_is_the_users() {
    each_place(|cell| {
        let setup = |config: &str| {
            let script = format!(
                "chown 0:7777 /mnt/app/tool\nchmod 775 /mnt/app/tool\nexec setpriv --groups 7777 {APP_INIT} -- true"
            );
            let config = format!("{config}{}", post_stop("/mnt/app/tool"));
            image(Setup::bare(cell, ["sh", "-ec", &script]).config(&config).file("tool", TOOL, 0o755))
        };
        setup("").start().end().exited(0);
        let end = setup("keep_groups = true\n").start().end().exited(77);
        end.complains(&["/mnt/app/tool could be changed by app: /mnt/app/tool (mode 0775, owner 0:7777)"]);
    });
}

/// What is given away before the hooks run is the user's by then.
#[test]
fn what_prepare_gives_away_is_no_place_for_roots_programs() {
    each_place(|cell| {
        let config = |owner: &str| {
            format!("{}[[prepare]]\ndir = \"/mnt/app/data\"\nowner = \"{owner}\"\n", post_stop("/mnt/app/data/tool"))
        };
        let setup = |owner: &str| Setup::new(cell, SERVER).config(&config(owner)).file("data/tool", TOOL, 0o755);
        let told = "/mnt/app/data/tool could be changed by app: /mnt/app/data is given to that user by [[prepare]]; ";
        refused(of_user(setup("app"), &[]), told);
        // Also where the plan is made again for what deploy-env wrote.
        refused(of_user(setup("app").hook("deploy-env", "echo A=b >&3"), &[]), told);
        let end = of_user(setup("web:root"), &[]).start().end();
        assert_eq!(end.how, Ended::Exited(78), "web is a group: {}", end.story());
        let end = of_user(setup("fullhouse"), &[]).start().end().exited(0);
        assert!(end.out.contains("tool as 0"), "{}", end.story());
    });
}

/// Otherwise what is under suspicion could take the suspicion away.
#[test]
fn a_file_of_the_users_cannot_say_that_there_is_no_user() {
    each_place(|cell| {
        let own = ".docker/app-init.toml";
        for text in ["user = \"root\"\n", "user = \"0:0\"\n", "user = \"fullhouse\"\n", "strict = true\n"] {
            let setup = || Setup::new(cell, SERVER).etc("app-init.toml", "user = \"app\"\n").config(text);
            refused(
                of_user(setup(), &[own]),
                ".docker/app-init.toml could be changed by app: /mnt/app/.docker/app-init.toml (mode 0644, owner 4000:4001); ",
            );
            of_user(setup(), &[]).start().end().exited(0);
        }
        let role = "user = \"app\"\n[role.admin]\nuser = \"root\"\nserver.command = [\"id\", \"-u\"]\n";
        let setup = || Setup::new(cell, ["--", "admin"]).config(role);
        refused(
            of_user(setup(), &[own]),
            ".docker/app-init.toml could be changed by app: /mnt/app/.docker/app-init.toml (mode 0644, owner 4000:4001); ",
        );
        let end = of_user(setup(), &[]).start().end().exited(0);
        assert_eq!(end.out, "0\n", "{}", end.story());
    });
}

/// So it is with each `user` that stands in a role or at a hook.
#[test]
fn a_file_of_the_users_cannot_say_who_is_nobody_in_a_role_or_hook() {
    let server = "[server]\ncommand = [\"echo\", \"server\"]\n";
    for (base, own) in [
        ("[role.web]\nuser = \"app\"\n", "role.web.user = \"root\"\n"),
        ("[hooks.deploy]\nuser = \"app\"\n", "hooks.deploy.user = \"root\"\n"),
        (
            "[[hooks.deploy.run]]\nuser = \"app\"\ncommand = [\"true\"]\n",
            "[[hooks.deploy.run]]\ncommand = [\"true\"]\n",
        ),
        ("[role.web.hooks.deploy]\nuser = \"app\"\n", "[role.web]\nhooks.deploy.user = \"root\"\n"),
        ("[hooks.deploy]\nuser = \"app\"\n", "[role.web]\nhooks.deploy.user = \"root\"\n"),
        ("[hooks.pre-stop]\nuser = \"app\"\n", "[server]\nmode = \"exec\"\n"),
    ] {
        let setup = || {
            let setup = Setup::new(Cell::PID1, ["web"]).etc("app-init.toml", &format!("{base}{server}"));
            setup.config(&format!("{own}[role.web.log]\nlevel = \"warn\"\n"))
        };
        let told = ".docker/app-init.toml could be changed by app: /mnt/app/.docker/app-init.toml (mode 0644, owner ";
        refused(of_user(setup(), &[".docker/app-init.toml"]), told);
        of_user(setup(), &[]).start().end().exited(0);
    }
}

/// A role may replace it in the same file; what was copied for the role counts, too.
#[test]
fn whom_a_role_replaces_counts_and_so_do_its_copies() {
    let run = "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"/mnt/app/made/tool\"]\n";
    let replaced = |of_run: &str| format!("{of_run}[role.web.hooks.deploy]\nuser = \"root\"\n");
    let setup = |config: &str| Setup::new(Cell::PID1, ["web", "echo", "server"]).config(config);
    let setup = |config: &str| setup(config).file("made/tool", TOOL, 0o755).file("own/tool", TOOL, 0o755);
    let config =
        replaced(&format!("[hooks.deploy]\nuser = \"app\"\n{run}")).replace("user = \"root\"\ncommand", "command");
    refused(of_user(setup(&config), &["made"]), "made/tool could be changed by app: /mnt/app/made (mode ");
    let copy = "[[role.seed.prepare]]\ncopy = \"/mnt/app/own/tool\"\nto = \"/mnt/app/made/tool\"\n";
    let setup = setup(&format!("user = \"app\"\nrole.web.umask = \"0022\"\n{run}"));
    let setup = setup.etc("app-init.toml", copy);
    let later = setup.world.app().join(".docker/app-init.toml");
    let text = fs::read_to_string(&later).expect("it was made");
    fs::write(&later, format!("{text}[[role.seed.prepare]]\ndir = \"/mnt/app/data\"\n")).expect("it can be written");
    refused(of_user(setup, &["own"]), "made/tool could be changed by app: [[prepare]] copies it from ");
}

/// A link may lead to what only root may read, and faults quote.
#[test]
fn nothing_is_told_of_a_file_that_a_link_of_the_users_leads_to() {
    let secret = "api_token = \"tok-1\"\n[server]\nmode = \"tok-2\"\n[tok-3]\nx = 1\n";
    let broken = "tok-4:$y$tok-5:19000:0:99999:7:::\ntok-6\n";
    for (text, base) in [(secret, ""), (broken, ""), (secret, "user = \"app\"\n"), (broken, "user = \"app\"\n")] {
        let setup = || {
            let setup = Setup::new(Cell::PID1, SERVER).etc("app-init.toml", base).file("roots/x.toml", text, 0o600);
            fs::create_dir_all(setup.world.app().join(".docker")).expect("a directory can be made");
            symlink("../roots/x.toml", setup.world.app().join(".docker/app-init.toml")).expect("a link can be made");
            setup
        };
        let end = of_user(setup(), &[".docker"]).start().end();
        let end = end.complains(&[".docker/app-init.toml: is wrong, and what it says is not told, since "]);
        assert!(end.how != Ended::Exited(0) && !end.err.contains("tok"), "{}", end.story());
        assert!(!end.out.contains("server"), "{}", end.story());
        let end = of_user(setup(), &[]).start().end().exited(78);
        assert!(!end.err.contains("not told"), "{}", end.story());
    }
}

/// Root reads nothing for the user, who may have put a link there.
#[test]
fn files_that_the_user_could_have_placed_are_read_with_the_users_rights() {
    each_place(|cell| {
        let secret = |setup: Setup| {
            let setup = setup.file("roots/shadow", "TOPSECRET=topsecret\n", 0o600);
            symlink("/mnt/app/roots/shadow", setup.world.app().join("open/link")).expect("a link can be made");
            setup
        };
        for (env, key) in [
            ("files = [\"open/link\"]\n", "env.files[0]: cannot read open/link: Permission denied"),
            ("vars_dir = \"open\"\n", "env.vars_dir: cannot read open/link: Permission denied"),
            (
                "secrets = [{ name = \"S\", file = \"/mnt/app/open/link\" }]\n",
                "env.secrets[0]: S: cannot read /mnt/app/open/link: Permission denied",
            ),
        ] {
            let config = format!("user = \"app\"\n[env]\n{env}");
            let setup =
                || secret(Setup::new(cell, ["env", "--reveal"]).config(&config).file("open/GOOD", "A=b\n", 0o644));
            let end = of_user(setup(), &["open"]).start().end().exited(78).complains(&[key]);
            assert!(!end.err.contains("topsecret") && !end.out.contains("topsecret"), "{}", end.story());
            // The control: where only root writes, a link is root's.
            let end = of_user(setup(), &[]).start().end().exited(0);
            assert!(end.out.contains("topsecret"), "{}", end.story());
        }
        // A directory that is a link: what root's own has in it is not listed.
        let config = "user = \"app\"\n[env]\nvars_dir = \"open/vars\"\n";
        let setup = Setup::new(cell, ["env"]).config(config).file("roots/NAME", "x", 0o644).file("open/x", "", 0o644);
        symlink("/mnt/app/roots", setup.world.app().join("open/vars")).expect("a link can be made");
        let setup = of_user(setup, &["open"]);
        mode(&setup.world.app().join("roots"), 0o700);
        let end = setup.start().end().exited(78).complains(&["env.vars_dir: cannot list open/vars: Permission denied"]);
        assert!(!end.err.contains("NAME"), "{}", end.story());
    });
}

/// A link of the user's leads root nowhere: server, hooks and commands of waits enter their directory as who they run as.
#[test]
fn a_working_directory_is_entered_with_the_rights_of_the_user() {
    let told = "cannot enter /mnt/app/open/w: Permission denied";
    each_place(|cell| {
        let setup = |config: &str, args: &[&str]| {
            let config = format!("user = \"app\"\nworkdir = \"/mnt/app/open/w\"\n{config}");
            let setup = Setup::new(cell, args.iter().chain(&["cat", "s"])).config(&config);
            setup.file("open/x", "", 0o644).file("roots/pub/s", "topsecret", 0o644)
        };
        let led = |config: &str, args: &[&str]| {
            let setup = of_user(setup(config, args), &["open"]);
            mode(&setup.world.app().join("roots"), 0o700);
            symlink("/mnt/app/roots/pub", setup.world.app().join("open/w")).expect("a link can be made");
            let end = setup.start().end();
            assert!(!end.out.contains("topsecret") && !end.err.contains("topsecret"), "{}", end.story());
            end
        };
        for args in [&["--"][..], &["exec", "--"]] {
            led("", args).exited(78).complains(&[told]);
        }
        // Root's own link is there already when the plan is made.
        let swapped = |config: &str, code: i32, told: &str| {
            let swap = "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"chmod\", \"700\", \"/mnt/app/roots\"]\n";
            let setup = of_user(setup(&format!("{swap}{config}"), &["--"]), &[]);
            symlink("/mnt/app/roots/pub", setup.world.app().join("open/w")).expect("a link can be made");
            let end = setup.start().end().exited(code).complains(&[told]);
            assert!(!end.out.contains("topsecret"), "{}", end.story());
        };
        swapped("", 126, &format!("{told}; it runs as 4000:4001: let that user enter, or name another directory\n"));
        swapped("[[hooks.deploy.run]]\ncommand = [\"cat\", \"s\"]\n", 70, told);
        // The control: where the user may enter, everything runs there.
        let open = setup("[[hooks.deploy.run]]\ncommand = [\"cat\", \"s\"]\n", &["--"]);
        let open = of_user(open, &["open"]);
        symlink("/mnt/app/roots/pub", open.world.app().join("open/w")).expect("a link can be made");
        let end = open.start().end().exited(0);
        assert_eq!(end.out.matches("topsecret").count(), 2, "{}", end.story());
    });
}

/// A wait looks from where its user may be.
#[test]
fn a_waits_command_enters_its_directory_as_its_user() {
    let config = "user = \"app\"\nworkdir = \"/mnt/app/roots\"\n[[prepare]]\ndir = \"/mnt/app/roots\"\nmode = \"0700\"\n\
        [[wait]]\ncommand = [\"cat\", \"s\"]\ntimeout = \"2s\"\n";
    let setup = Setup::new(Cell::PID1, SERVER).config(config).file("roots/s", "topsecret", 0o644);
    let end = of_user(setup, &[]).start().end().exited(124);
    let end = end.complains(&["cannot enter /mnt/app/roots: Permission denied"]);
    assert_eq!(end.out, "", "{}", end.story());
}

/// One process reads them all: with one for each the boot would take most of a minute. What could be the user's is named
/// in a line that can be read.
#[test]
fn many_files_of_the_users_are_read_and_few_are_named() {
    each_place(|cell| {
        let config = "user = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"id\", \"-u\"]\nuser = \"root\"\n";
        let setup = Setup::new(cell, ["--", PROBE, "environ"]).config(config);
        let file = |setup: Setup, number: usize| {
            setup.file(&format!(".docker/user_vars/V{number:04}"), format!("value {number}\n"), 0o644)
        };
        let setup = of_user((0..3000).fold(setup, file), &[".docker/user_vars"]);
        let end = setup.start().end().exited(0);
        let found: Vec<&str> = end.out.lines().filter(|line| line.starts_with('V')).collect();
        let expected: Vec<String> = (0..3000).map(|number| format!("V{number:04}=value {number}")).collect();
        assert_eq!(found, expected);
        end.complains(&[
            "cannot hand on V0000, V0001, ",
            "V0019 and 2980 more to programs with more rights than app, ",
        ]);
    });
}

/// What the user wrote is a value for the user, and no path or argument for root.
#[test]
fn root_does_not_act_on_a_value_of_the_users() {
    let steps = "[[prepare]]\ndir = \"${DATA:-/mnt/app/data}\"\nowner = \"app\"\n";
    let hook = "[[hooks.deploy.run]]\ncommand = [\"echo\", \"tool as\", \"${DATA:-x}\"]\nuser = \"root\"\n";
    let copy = "[[prepare]]\ncopy = \"${DATA:-/mnt/app/data}\"\nto = \"/mnt/app/copy\"\n";
    let derived = "[env.set]\nPLACE = \"${DATA:-/mnt/app/data}/x\"\n[[prepare]]\nremove = [\"${PLACE}\"]\n";
    for (what, key) in [
        (steps, "prepare[0].dir: ${DATA}"),
        (copy, "prepare[0].copy: ${DATA}"),
        (hook, "hooks.deploy.run[0].command: ${DATA}"),
        (derived, "prepare[0].remove[0]: ${PLACE}"),
    ] {
        let config = format!("user = \"app\"\nenv.files = [\"open/app.env\"]\n{what}");
        let setup = |text: &str| {
            let setup = Setup::new(Cell::PID1, SERVER).config(&config).file("open/app.env", text, 0o644);
            setup.file("data/x", "", 0o644).file("victim/x", "", 0o600)
        };
        let end = of_user(setup("DATA=/mnt/app/victim\n"), &["open"]).start();
        let victim = end.world.app().join("victim");
        let end = {
            let owner = fs::metadata(&victim).expect("it is there").uid();
            assert_eq!(owner, 0);
            end.end().exited(77)
        };
        let told = format!(
            "{key} comes from open/app.env, which app could have written, and this runs as root (0:0); \
            set it in env.set, or make its source root's\n"
        );
        let end = end.complains(&[&told]);
        assert!(!end.out.contains("tool as") && !end.out.contains("server"), "{}", end.story());
        // Root's own file may say it, and the user's may say something else.
        of_user(setup("DATA=/mnt/app/data\n"), &[]).start().end().exited(0);
        of_user(setup("OTHER=/mnt/app/victim\n"), &["open"]).start().end().exited(0);
    }
    // What deploy-env writes is the user's, unless it is root's.
    let config = |user: &str| {
        format!(
            "user = \"app\"\n[hooks.deploy-env]\nuser = \"{user}\"\n[[hooks.deploy.run]]\ncommand = [\"echo\", \"${{DATA}}\"]\nuser = \"root\"\n"
        )
    };
    let setup =
        |user: &str| Setup::new(Cell::PID1, SERVER).config(&config(user)).hook("deploy-env", "echo DATA=written >&3");
    let end = of_user(setup("app"), &[]).start().end().exited(77);
    end.complains(&[
        "hooks.deploy.run[0].command: ${DATA} comes from the deploy-env hook, which app could have written, ",
    ]);
    // Each is called by its name: whose the value is, and who it is kept from.
    let config = "[env]\nfiles = [\"open/app.env\"]\n[hooks.post-stop]\nuser = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"echo\", \"${DATA}\"]\nuser = \"fullhouse:root\"\n";
    let named = Setup::new(Cell::PID1, SERVER).config(config).file("open/app.env", "DATA=x\n", 0o644);
    let told = "${DATA} comes from open/app.env, which app could have written, and this runs as fullhouse (4012:0); ";
    of_user(named, &["open"]).start().end().exited(77).complains(&[told]);
    let end = of_user(setup("root"), &[]).start().end().exited(0);
    assert!(end.out.contains("\nwritten\nserver\n"), "{}", end.story());
}

/// PATH is a variable like others: what is made of the user's is not root's, and root's programs are looked for without it.
#[test]
fn a_path_of_the_users_is_none_for_root() {
    let root = "[[hooks.deploy.run]]\ncommand = [\"id\", \"-u\"]\nuser = \"root\"\n";
    let path = |more: &str, names: &[&str]| {
        let config = format!("user = \"app\"\n{more}{root}");
        let setup = Setup::new(Cell::PID1, SERVER).config(&config).file("venv/bin/x", "", 0o644);
        let setup = setup.file(".docker/user_vars/PATH", "/mnt/app/evil:/usr/bin:/bin", 0o644);
        of_user(setup.file("evil/id", TOOL, 0o755), names).start().end()
    };
    let of_user = [".docker/user_vars", "evil"];
    for more in
        ["", "virtualenv = \"venv\"\n", "env.path_prepend = [\"/opt\"]\n", "env.set = { PATH = \"/opt:${PATH}\" }\n"]
    {
        let end =
            path(more, &of_user).exited(0).complains(&["cannot hand on PATH to programs with more rights than app, "]);
        assert!(end.out.contains("\n0\nserver\n"), "{}", end.story());
        // Root wrote it, and the directory is the user's.
        path(more, &["evil"]).exited(77).complains(&["looks for programs in /mnt/app/evil, "]);
    }
    let end = path("env.set = { PATH = \"/usr/bin:/bin\" }\n", &of_user).exited(0);
    assert!(!end.err.contains("hand on"), "{}", end.story());
    let end = path("env.unset = [\"PATH\"]\n", &of_user).exited(0);
    assert!(!end.err.contains("hand on"), "{}", end.story());
}

/// §11: a shell opens with faults, but nobody's hook runs as somebody it should not, and the shell itself neither.
#[test]
fn a_shell_does_not_guess_who_it_is_for() {
    each_place(|cell| {
        let shell = |config: &str| {
            let setup = Setup::new(cell, ["shell", "-c", "echo shell as $(id -u)"]).config(config);
            of_user(setup.hook("deploy-env", "echo hook as $(id -u) >&2"), &[]).start().end()
        };
        let end = shell("user = \"app\"\n").exited(0);
        assert!(end.out == "shell as 4000\n" && end.err.contains("hook as 4000"), "{}", end.story());
        let end = shell("user = \"app\"\n[hooks.deploy-env]\nuser = \"webapp\"\n").exited(0);
        assert!(end.out == "shell as 4000\n" && !end.err.contains("hook as"), "{}", end.story());
        // Who is meant cannot be told.
        let told = "app-init: this shell was not opened; another user: app-init shell -u UID:GID\n";
        for config in ["user = 4000\n", "user = [\"app\"]\n"] {
            let end = shell(config).exited(78).complains(&[".docker/app-init.toml:", told]);
            assert!(end.out.is_empty() && !end.err.contains("hook as"), "{}", end.story());
        }
        // Nothing can be read: it is for whoever asks, and no hook runs.
        for config in ["user = \"app\n", "user = \"app\"\n[[[\n", "\u{0}"] {
            let end = shell(config).exited(0).complains(&[".docker/app-init.toml:"]);
            assert!(end.out == "shell as 0\n" && !end.err.contains("hook as"), "{}", end.story());
        }
    });
}

/// Without the right to become the user nothing is read in its name.
#[test]
fn a_file_is_not_read_as_root_where_root_cannot_become_the_user() {
    for cell in [Cell { identity: Identity::PowerlessRoot, ..Cell::PID1 }, Cell::PID1] {
        let config = "user = \"app\"\n[env]\nsecrets = [\"PW\"]\n";
        let setup = Setup::new(cell, ["env", "--reveal"]).config(config).file("secret", "rootonly", 0o400);
        let end = of_user(setup.env("PW_FILE", "/mnt/app/secret"), &[]).start().end().exited(78);
        let why = if cell.identity == Identity::Root { "Permission denied" } else { "cannot become 4000:4001, " };
        let end = end.complains(&[&format!("env.secrets[0]: PW: cannot read /mnt/app/secret: {why}")]);
        assert!(!end.out.contains("rootonly") && !end.err.contains("rootonly"), "{}", end.story());
    }
}

/// Root is root already, whatever was taken from it.
#[test]
fn root_without_capabilities_is_root() {
    for cell in Cell::all().into_iter().filter(|cell| cell.identity == Identity::PowerlessRoot) {
        for user in ["root", "0", "0:0", "root:root"] {
            let setup = Setup::new(cell, ["--", "id", "-u"]).config(&format!("user = \"{user}\"\n"));
            let end = image(setup).start().end().exited(0);
            assert_eq!(end.lines(), ["0"], "{user}: {}", end.story());
        }
        let setup = Setup::new(cell, SERVER).config("user = \"app\"\n");
        image(setup).start().end().exited(77);
    }
}

/// `log.termination_file` is no way for the user to have root write somewhere.
#[test]
fn the_reason_of_the_end_is_not_written_where_the_user_leads() {
    let config = "user = \"app\"\n[log]\ntermination_file = \"/mnt/app/open/reason\"\n";
    let setup = || Setup::new(Cell::PID1, SERVER).config(config).file("open/reason", "", 0o644);
    let told =
        "log.termination_file: /mnt/app/open could be changed by app: /mnt/app/open (mode 0755, owner 4000:4001); ";
    refused(of_user(setup(), &["open"]), told);
    // The file itself may be everybody's, as the one is that Kubernetes makes.
    let written = |setup: Setup| {
        let run = setup.start();
        let path = run.world.app().join("open/reason");
        run.line("server");
        let held = fs::File::open(&path).expect("it is there");
        run.end().exited(0);
        std::io::read_to_string(held).expect("text")
    };
    let open = of_user(setup(), &["open/reason"]);
    mode(&open.world.app().join("open/reason"), 0o666);
    assert!(written(open).contains("ended: exit 0"));
    // A link is not followed.
    let setup = Setup::new(Cell::PID1, SERVER)
        .config("[log]\ntermination_file = \"link\"\n")
        .file("precious", "precious", 0o644);
    symlink("precious", setup.world.app().join("link")).expect("a link can be made");
    let run = setup.start();
    run.line("server");
    let held = fs::File::open(run.world.app().join("precious")).expect("it is there");
    run.end().exited(0);
    assert_eq!(std::io::read_to_string(held).expect("text"), "precious");
}

/// Judged before anything runs and again at the end: a hook of root's may have given the directory away.
#[test]
fn the_reason_of_the_end_is_not_written_where_the_user_leads_by_the_end() {
    let chown = "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"chown\", \"-R\", \"app\", \"/mnt/app/open\"]\n";
    let server = "mv /mnt/app/open/d /mnt/app/open/e; ln -s /mnt/app/roots /mnt/app/open/d; cat /mnt/app/open/d/reason";
    for (hook, is_led) in [(chown, true), ("", false)] {
        let config = format!("user = \"app\"\n{hook}[log]\ntermination_file = \"/mnt/app/open/d/reason\"\n");
        let setup = Setup::new(Cell::PID1, ["--", "sh", "-c", &format!("{server}; echo up; cat")]).config(&config);
        let setup = setup.file("open/d/reason", "", 0o644).file("roots/reason", "precious\n", 0o644);
        let run = of_user(setup, &[]).start();
        let place = if is_led { "roots/reason" } else { "open/d/reason" };
        let path = run.world.app().join(place);
        run.line("up");
        let held = fs::File::open(&path).expect("it is there");
        run.signal(signal::TERM);
        let end = run.end();
        let text = std::io::read_to_string(held).expect("text");
        let told = "not written to /mnt/app/open/d/reason: /mnt/app/open/d could be changed by others than root: /mnt/app/open (";
        assert_eq!(end.err.contains(told), is_led, "{}", end.story());
        assert_eq!(text == "precious\n", is_led, "{text}");
    }
}

/// The process is not dumpable once it knows a secret, and its files in /proc are root's then.
#[test]
fn a_score_can_be_set_beside_a_secret() {
    // In the others /proc cannot be written to.
    for cell in Cell::all().into_iter().filter(|cell| !cell.read_only) {
        let config = "[env]\nsecrets = [\"PW\"]\n[limits]\noom_score_adj = 500\n";
        let setup = Setup::new(cell, ["--", "cat", "/proc/self/oom_score_adj"]).config(config);
        let end = setup.env("PW", "hunter2hunter2").start().end().exited(0);
        assert_eq!(end.lines(), ["500"], "{}", end.story());
    }
}

/// `check` asks whether the user may run it, not whether root may.
#[test]
fn check_looks_with_the_rights_of_the_user() {
    let setup = |config: &str| Setup::new(Cell::PID1, ["check"]).config(config).file("tool", TOOL, 0o700);
    let config = "user = \"app\"\n[server]\ncommand = [\"./tool\"]\n";
    let end = of_user(setup(config), &[]).start().end().exited(78);
    end.complains(&["app-init.toml:3: server.command: app cannot run ./tool: it may not be executed: Permission denied; run chmod a+rx "]);
    of_user(setup(config), &["tool"]).start().end().exited(0);
    of_user(setup("[server]\ncommand = [\"./tool\"]\n"), &[]).start().end().exited(0);
}

/// docs: a hook's own user has its HOME, USER and LOGNAME, also where app-init is that user already.
#[test]
fn a_hooks_own_user_has_its_home_without_root_too() {
    for cell in [Cell::PID1, Cell { identity: Identity::Nobody, ..Cell::PID1 }] {
        let config = "[hooks.deploy]\nuser = \"app\"\n";
        let setup = crate::environment::with_user(Setup::new(cell, ["--", "env"]), config).env("HOME", "/root");
        let end = setup.hook("deploy", "echo $HOME $USER $LOGNAME").start().end().exited(0);
        assert!(end.out.contains("\n/home/app app app\n"), "{}", end.story());
        // The server is whoever app-init is, and has what was given.
        assert!(end.out.contains("\nHOME=/root\n") && !end.out.contains("\nUSER="), "{}", end.story());
    }
}

/// What is given away counts wherever it is used: as a configuration, as a directory of PATH, by a link, as one file, and
/// also where everybody or the user's group is let in.
#[test]
fn what_prepare_gives_away_is_no_place_for_anything_of_roots() {
    let given = |what: &str| format!("{what}: /mnt/app");
    let told = "is given to that user by [[prepare]]; ";
    let step = |step: &str| format!("[[prepare]]\n{step}\n");
    let server = |config: &str| Setup::new(Cell::PID1, SERVER).config(config).file("data/tool", TOOL, 0o755);
    // The directory of the configuration: the next start would believe what the user wrote.
    let own = step("dir = \"/mnt/app\"\nowner = \"app\"\nrecursive = \"always\"");
    let out_of_there = format!("by app: /mnt/app {told}move it out of there, to /etc/app-init.toml\n");
    refused(of_user(server(&format!("user = \"app\"\n{own}")), &[]), &out_of_there);
    let hook = "[[hooks.post-stop.run]]\nuser = \"root\"\ncommand = ";
    for (config, at) in [
        // A directory of PATH in which something could be put before the program that is meant.
        (
            format!(
                "env.path_prepend = [\"/mnt/app/data\"]\n{hook}[\"true\"]\n{}",
                step("dir = \"data\"\nowner = \"app\"")
            ),
            "data",
        ),
        (format!("{hook}[\"links/tool\"]\n{}", step("dir = \"data\"\nowner = \"app\"")), "data"),
        (
            format!("{hook}[\"data/tool\"]\n{}", step("copy = \"seed\"\nto = \"data/tool\"\nowner = \"app\"")),
            "data/tool",
        ),
        (format!("{hook}[\"data/tool\"]\n{}", step("dir = \"data\"\nmode = \"0777\"")), "data"),
        (format!("{hook}[\"data/tool\"]\n{}", step("dir = \"data\"\nowner = \"root:app\"\nmode = \"0775\"")), "data"),
    ] {
        let setup = |config: &str| {
            let setup =
                server(&format!("user = \"app\"\n{config}")).file("seed", TOOL, 0o755).file("links/x", "", 0o644);
            symlink("/mnt/app/data/tool", setup.world.app().join("links/tool")).expect("a link can be made");
            of_user(setup, &[])
        };
        refused(setup(&config), &format!("{}/{at} {told}", given("by app")));
        // A step that is not due gives nothing away.
        setup(&format!("{config}when = [\"env:NEVER\"]\n")).start().end().exited(0);
    }
}

/// They say who the user is, and so whether there is anything to protect.
#[test]
fn the_files_of_users_must_not_be_the_users() {
    for name in ["passwd", "group"] {
        let setup = |user: &str| image(Setup::new(Cell::PID1, SERVER).config(&format!("user = \"{user}\"\n")));
        let open = |setup: Setup| {
            mode(&setup.world.etc().join(name), 0o666);
            setup
        };
        let told = format!("user: /etc/{name} could be changed by app: /etc/{name} (mode 0666, owner 0:0); ");
        refused(open(setup("app")), &told);
        refused(open(setup("app:web")), &told);
        // Numbers are nobody's to say.
        open(setup("4000:4001")).start().end().exited(0);
        setup("app").start().end().exited(0);
    }
}

/// As exec does, `check` passes over what the user may not execute.
#[test]
fn check_goes_on_in_path_as_exec_does() {
    let config =
        "user = \"app\"\nenv.path_prepend = [\"/mnt/app/closed\", \"/mnt/app/open\"]\nserver.command = [\"tool\"]\n";
    let setup = |args: &[&str]| {
        let setup = Setup::new(Cell::PID1, args).config(config);
        of_user(setup.file("closed/tool", TOOL, 0o700).file("open/tool", TOOL, 0o755), &[])
    };
    setup(&["check"]).start().end().exited(0);
    assert_eq!(setup(&[]).start().end().exited(0).out, "tool as 4000\n");
}

/// A command beside the boot does not tell the platform why the container ended.
#[test]
fn only_a_boot_leaves_the_reason_of_its_end() {
    let config = "[log]\ntermination_file = \"/mnt/app/reason\"\n[server]\nnone = 1\n";
    let left = |args: &[&str]| {
        let run = Setup::new(Cell::PID1, args).config(config).file("reason", "", 0o644).start();
        let held = fs::File::open(run.world.app().join("reason")).expect("it is there");
        run.end().exited(78);
        std::io::read_to_string(held).expect("text")
    };
    assert!(left(&["--", "true"]).contains("`none` is no key"));
    assert_eq!(left(&["exec", "--", "true"]), "");
}

/// It starts where all paths do, whatever directory app-init itself is in by then, and for each kind of end.
#[test]
fn a_relative_file_for_the_reason_is_below_the_working_directory() {
    each_place(|cell| {
        let config = "workdir = \"below\"\n[log]\ntermination_file = \"reason\"\n";
        for (more, args, code, told) in [
            ("", &SERVER[..], 0, "ended: exit 0"),
            ("", &["--exec", "--", "/no/such"], 127, "cannot run /no/such: "),
            ("[server]\nnone = 1\n", &SERVER, 78, "`none` is no key"),
            ("[[hooks.deploy.run]]\ncommand = [\"false\"]\n", &SERVER, 70, "false failed: exit 1"),
        ] {
            let setup = Setup::new(cell, args).config(&format!("{config}{more}")).file("below/reason", "", 0o644);
            let setup = setup.file("reason", "", 0o644);
            let open = |name: &str| fs::File::open(setup.world.app().join(name)).expect("it is there");
            let [right, wrong] = ["below/reason", "reason"].map(open);
            let end = setup.start().end().exited(code);
            let left = std::io::read_to_string(right).expect("text");
            assert!(left.contains(told), "{left:?}: {}", end.story());
            assert_eq!(std::io::read_to_string(wrong).expect("text"), "", "{}", end.story());
        }
    });
}

/// Whoever cannot become the user does not look as root for it.
#[test]
fn a_wait_that_may_not_look_ends_the_boot() {
    for cell in Cell::all().into_iter().filter(|cell| cell.identity == Identity::PowerlessRoot && !cell.terminal) {
        let config = "user = \"app\"\n[[wait]]\ntarget = \"file:/\"\ntimeout = 0\non_timeout = \"continue\"\n";
        let end = image(Setup::new(cell, SERVER).config(config)).start().end().exited(77).nothing_left();
        let told = "error: cannot wait for file:/: cannot become 4000:4001, to look with its rights: Operation not \
            permitted; give the container CAP_SETUID and CAP_SETGID, or start it as that user\n";
        let end = end.complains(&[told]);
        assert_eq!(end.out, "", "{}", end.story());
    }
}

/// A target may be the user's own choice: nobody looks with root's rights for it.
#[test]
fn a_wait_looks_with_the_rights_of_the_user() {
    each_place(|cell| {
        let start = |user: &str, target: &str, limit: &str, bits: u32| {
            let config = format!(
                "env.files = [\"open/app.env\"]\n{user}[[wait]]\ntarget = \"${{TARGET}}\"\ntimeout = \"{limit}\"\n"
            );
            let setup = Setup::new(cell, SERVER).config(&config).file("rootonly/x", "", 0o600);
            let setup = setup.file("open/app.env", format!("TARGET={target}\n"), 0o644);
            let rootonly = setup.world.app().join("rootonly");
            let listener =
                std::os::unix::net::UnixListener::bind(rootonly.join("s")).expect("the test's own directory");
            mode(&rootonly.join("s"), 0o666);
            let setup = of_user(setup, &["open"]);
            mode(&rootonly, bits);
            let end = setup.start().end().nothing_left();
            drop(listener);
            end
        };
        for (target, step) in [("unix:/mnt/app/rootonly/s", "connect"), ("file:/mnt/app/rootonly/none", "exists")] {
            let (end, limit) =
                within_a_limit(|limit| start("user = \"app\"\n", target, limit, 0o700), crate::waits::was_tried);
            end.exited(124).complains(&[&format!(
                "cannot go on: {target} is not there after {limit} ({step}: Permission denied); see"
            )]);
        }
        // What the user may look at, and root where there is nobody else.
        for target in ["unix:/mnt/app/rootonly/s", "file:/mnt/app/rootonly/x"] {
            start("user = \"app\"\n", target, "25s", 0o755).exited(0);
            start("", target, "25s", 0o700).exited(0);
        }
        // Of a hook's user it is the choice as well.
        let (end, limit) = within_a_limit(
            |limit| start("[hooks.post-stop]\nuser = \"app\"\n", "unix:/mnt/app/rootonly/s", limit, 0o700),
            crate::waits::was_tried,
        );
        end.exited(124)
            .complains(&[&format!("unix:/mnt/app/rootonly/s is not there after {limit} (connect: Permission denied)")]);
    });
}

/// In each directory of PATH up to the one where it is found now, whatever has the name may be what is found later.
#[test]
fn whatever_has_a_programs_name_in_path_counts() {
    let hook = "user = \"app\"\nenv.set = { PATH = \"/mnt/app/first:/usr/bin:/bin\" }\n[[hooks.post-stop.run]]\nuser = \"root\"\n";
    let setup = |command: &str, target: &str| {
        let setup = Setup::new(Cell::PID1, SERVER).config(&format!("{hook}command = {command}\n"));
        let setup =
            setup.file("first/x", "", 0o644).file("data/x", "", 0o644).file("script", "#!/usr/bin/env id\n", 0o755);
        symlink(target, setup.world.app().join("first/id")).expect("a link can be made");
        setup
    };
    let told = "/mnt/app/first/id could be changed by app: /mnt/app/data (mode 0755, owner 4000:4001); ";
    for command in ["[\"id\"]", "[\"/mnt/app/script\"]", "[\"env\", \"A=b\", \"id\"]", "[\"sh\", \"id\"]"] {
        refused(of_user(setup(command, "/mnt/app/data/id"), &["data"]), told);
        of_user(setup(command, "/mnt/app/none/id"), &["data"]).start().end().exited(0);
    }
    // One that cannot be executed yet, by its owner's will.
    let setup = || {
        let setup = Setup::new(Cell::PID1, SERVER).config(&format!("{hook}command = [\"id\"]\n"));
        setup.file("first/id", TOOL, 0o644)
    };
    refused(
        of_user(setup(), &["first/id"]),
        "first/id could be changed by app: /mnt/app/first/id (mode 0644, owner 4000",
    );
    of_user(setup(), &[]).start().end().exited(0);
    // After the one that is found nothing is looked at; but for somebody else it may not be the one.
    let config = |user: &str| {
        format!(
            "user = \"app\"\nenv.set = {{ PATH = \"/usr/bin:/bin:/mnt/app/last\" }}\n[[hooks.deploy.run]]\nuser = \"{user}\"\ncommand = [\"id\"]\n"
        )
    };
    let setup = |user: &str| Setup::new(Cell::PID1, SERVER).config(&config(user)).file("last/id", TOOL, 0o755);
    of_user(setup("root"), &["last/id"]).start().end().exited(0);
    refused(of_user(setup("fullhouse"), &["last/id"]), "last/id could be changed by app: ");
}

/// As the kernel reads the first line, and `env` its words, from the directory where the program is started.
#[test]
fn judged_is_what_will_be_executed() {
    let run = |line: &str, names: &[&str]| {
        let config = "user = \"app\"\n[hooks.deploy]\nuser = \"root\"\n";
        let setup = Setup::new(Cell::PID1, SERVER).config(config).hook("deploy", &format!("{line}\necho hook\n"));
        let setup = setup.file("own/sh", TOOL, 0o755).file("own/run", "#!/usr/bin/env -S ./own/sh -e\n", 0o755);
        of_user(setup, names)
    };
    let own_sh = "/own/sh could be changed by app: /mnt/app/own (mode 0755, owner 4000:4001); ";
    for line in [
        "#!own/sh",
        "#! \t./own/sh -e",
        "#!/usr/bin/env -S A=b ./own/sh",
        "#!/usr/bin/env -vS A=b ./own/sh -e",
        "#!/usr/bin/env --split-string=-u A -- B=c ./own/sh",
        "#!/usr/bin/env ./own/sh",
        "#!/mnt/app/.docker/../own/sh",
    ] {
        refused(run(line, &["own"]), own_sh);
        let end = run(line, &[]).start().end().exited(0);
        assert!(end.out.contains("tool as 0\n"), "{line}: {}", end.story());
    }
    refused(run("#!/mnt/app/own/run", &["own/sh"]), "own/sh could be changed by app: /mnt/app/own/sh ");
    // What cannot be told is refused, and what to write instead.
    for (line, call) in [
        ("#!/usr/bin/env -S PATH=/mnt/app/own:/bin sh", "PATH=/mnt/app/own:/bin"),
        ("#!/usr/bin/env -iS sh", "-iS sh"),
        ("#!/usr/bin/env -S -i sh", "-i"),
        ("#!/usr/bin/env -S -C /mnt/app/own ./sh", "-C"),
        ("#!/usr/bin/env -S 'sh'", "-S 'sh'"),
        ("#!/usr/bin/env -S ${SHELL}", "-S ${SHELL}"),
    ] {
        let told = format!(
            "hooks.deploy: cannot tell what /usr/bin/env would run after `{call}`; name the program by its path, and \
            set variables in env.set\n"
        );
        refused(run(line, &["own"]), &told);
    }
    // The user's own hooks may say what they like.
    let config = "user = \"app\"\n";
    let setup =
        Setup::new(Cell::PID1, SERVER).config(config).hook("deploy", "#!/usr/bin/env -S -u A -i sh\necho hook\n");
    let end = of_user(setup, &[]).start().end().exited(0);
    assert!(end.out.contains("\nhook\nserver\n"), "{}", end.story());
}

/// A script as an argument of the usual interpreters, and `env` as a command.
#[test]
fn a_script_that_is_an_argument_counts() {
    let run = |command: &str, names: &[&str]| {
        let config = format!("user = \"app\"\n[[hooks.deploy.run]]\nuser = \"root\"\ncommand = {command}\n");
        of_user(
            Setup::new(Cell::PID1, SERVER).config(&config).file("own/task", "echo tool as $(id -u)\n", 0o755),
            names,
        )
    };
    for command in [
        "[\"sh\", \"own/task\", \"x\"]",
        "[\"bash\", \"-euo\", \"pipefail\", \"own/task\"]",
        "[\"/bin/dash\", \"--\", \"own/task\"]",
        "[\"env\", \"A=b\", \"sh\", \"-e\", \"own/task\"]",
        "[\"env\", \"-S\", \"A=b own/task\"]",
    ] {
        refused(
            run(command, &["own"]),
            "own/task could be changed by app: /mnt/app/own (mode 0755, owner 4000:4001); ",
        );
        let end = run(command, &[]).start().end().exited(0);
        assert!(end.out.contains("tool as 0\n"), "{command}: {}", end.story());
    }
    // An interpreter may be a script itself, or a link.
    for name in ["bin/python3", "bin/interpreter"] {
        let config = format!(
            "user = \"app\"\n[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"{name}\", \"-u\", \"own/task\"]\n"
        );
        let start = |names: &[&str]| {
            let setup = Setup::new(Cell::PID1, SERVER).config(&config).file("own/task", "", 0o755);
            let setup = setup.file("bin/python3", "#!/bin/sh\necho tool as $(id -u)\n", 0o755);
            symlink("python3", setup.world.app().join("bin/interpreter")).expect("a link can be made");
            of_user(setup, names)
        };
        refused(start(&["own"]), "own/task could be changed by app: /mnt/app/own (mode 0755, owner 4000:4001); ");
        start(&[]).start().end().exited(0);
    }
    refused(run("[\"sh\", \"own/none\"]", &["own"]), "own/none could be changed by app: ");
    run("[\"sh\", \"-c\", \"true\", \"own/task\"]", &["own"]).start().end().exited(0);
    refused(run("[\"env\", \"-i\", \"true\"]", &[]), "env would run after `-i`; ");
}

/// It can be had with newgrp(1).
#[test]
fn every_group_that_names_the_user_counts() {
    let config = |user: &str| format!("user = \"{user}\"\n[hooks.deploy]\nuser = \"root\"\n");
    let setup = |user: &str, gid: u32| {
        let setup = image(Setup::new(Cell::PID1, SERVER).config(&config(user)).hook("deploy", "echo hook"));
        let hook = setup.world.app().join(".docker/action_hooks/deploy");
        chown(&hook, Some(0), Some(gid)).expect("a test's own file can be given away");
        mode(&hook, 0o775);
        setup
    };
    for user in ["app:app", "4000:4001", "app:7", "app"] {
        refused(setup(user, 4044), "deploy (mode 0775, owner 0:4044); ");
        refused(setup(user, 4001), "deploy (mode 0775, owner 0:4001); ");
        setup(user, 4012).start().end().exited(0);
    }
    setup("1234:1234", 4044).start().end().exited(0);
}

/// A user of a hook alone is one whom root is to be protected from.
#[test]
fn a_hooks_own_user_counts_for_what_is_roots() {
    each_place(|cell| {
        let of_hook = "[hooks.post-deploy]\nuser = \"app\"\n";
        let of_run = "[[hooks.post-deploy.run]]\ncommand = [\"true\"]\nuser = \"app\"\n";
        for config in [of_hook, of_run] {
            let server = || Setup::new(cell, ["--", "/mnt/app/own/server"]).file("own/server", TOOL, 0o755);
            let setup = || server().config(config);
            refused(of_user(setup(), &[".docker"]), "app-init.toml could be changed by app: /mnt/app/.docker (mode ");
            refused(of_user(setup(), &["own"]), "server.command: /mnt/app/own/server could be changed by app: ");
            let path = format!("env.path_prepend = [\"/mnt/app/own\"]\n{config}");
            refused(
                of_user(Setup::new(cell, SERVER).config(&path).file("own/x", "", 0o644), &["own"]),
                "looks for programs in ",
            );
            let step = format!("{config}[[prepare]]\ndir = \"/mnt/app/own\"\nowner = \"app\"\n");
            refused(
                of_user(server().config(&step), &[]),
                "own is given to that user by [[prepare]]; move it out of there\n",
            );
            let end = of_user(setup(), &[]).start().end().exited(0);
            assert!(end.out.contains("tool as 0\n"), "{}", end.story());
        }
        // It is no matter of somebody else's, and that user's own is its own.
        let config =
            "[hooks.deploy]\nuser = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"own/tool\"]\nuser = \"fullhouse\"\n";
        let setup = Setup::new(cell, SERVER).config(config).file("own/tool", TOOL, 0o755).hook("deploy", "own/tool");
        let end = of_user(setup, &["own", ".docker/action_hooks"]).start().end().exited(0);
        assert!(end.out.contains("tool as 4000\n") && end.out.contains("tool as 4012\n"), "{}", end.story());
        // Values: of a file, and as words of the server, of a wait and of a step.
        let values = |more: &str, args: &[&str]| {
            let setup = Setup::new(cell, args).config(&format!("env.files = [\"own/env\"]\n{of_hook}{more}"));
            of_user(setup.file("own/env", "DATA=of-user\n", 0o644), &["own"])
        };
        let end = values("", &["--", "/usr/bin/env"]).start().end().exited(0);
        let end = end.complains(&["cannot hand on DATA to programs with more rights than app, "]);
        assert!(!end.out.contains("DATA="), "{}", end.story());
        for (more, key) in [
            (
                "[server]\ncommand = [\"echo\", \"server\", \"${DATA}\"]\n",
                "server.command: ${DATA} comes from own/env, ",
            ),
            ("[[wait]]\ncommand = [\"echo\", \"${DATA}\"]\n", "wait[0].command: ${DATA} comes from own/env, "),
            ("[[prepare]]\nremove = [\"${DATA}\"]\n", "prepare[0].remove[0]: ${DATA} comes from own/env, "),
        ] {
            let args = if more.contains("server") { &[][..] } else { &SERVER };
            refused(values(more, args), key);
        }
        refused(
            values("[[wait]]\ncommand = [\"./own/tool\"]\n", &SERVER),
            "wait[0].command: /mnt/app/./own/tool could be changed by app: ",
        );
    });
}

/// Beside the application, which runs as the user of the file, and in place of it.
#[test]
fn a_user_that_an_option_replaced_by_root_counts_beside_the_application() {
    each_place(|cell| {
        let start = |args: &[&str], variable: Option<&str>| {
            let setup = Setup::new(cell, args).config("user = \"app\"\n");
            let setup = if let Some(user) = variable { setup.env("APP_INIT_USER", user) } else { setup };
            of_user(setup, &[".docker"]).start().end()
        };
        let told = "app-init.toml could be changed by app: /mnt/app/.docker (mode 0755, owner 4000:4001); ";
        for user in ["root", "0:0"] {
            start(&["exec", "-u", user, "--", "true"], None).exited(77).complains(&[told]);
            start(&["env", "-u", user], None).exited(77).complains(&[told]);
            start(&["exec", "--", "true"], Some(user)).exited(77).complains(&[told]);
            start(&["-u", user, "--", "true"], None).exited(0);
            start(&["--", "true"], Some(user)).exited(0);
        }
    });
}

/// A copy is as trustworthy as its source.
#[test]
fn a_copy_of_the_users_is_the_users() {
    each_place(|cell| {
        let config = |from: &str, more: &str| {
            format!(
                "user = \"app\"\nhooks_dir = \"/mnt/app/hooks\"\n{more}[[prepare]]\ncopy = \"{from}\"\nto = \"/mnt/app/hooks\"\n[hooks.deploy]\nuser = \"root\"\n"
            )
        };
        let setup = |from: &str, more: &str| {
            let setup = Setup::new(cell, SERVER).config(&config(from, more)).file("src/sub/deploy", TOOL, 0o755);
            setup.file("src/deploy", TOOL, 0o755).file("hooks/deploy", TOOL, 0o755).file("other/x", "", 0o644)
        };
        let told = "hooks/deploy could be changed by app: [[prepare]] copies it from /mnt/app/src";
        refused(of_user(setup("/mnt/app/src", ""), &["src"]), &format!("{told}: /mnt/app/src (mode 0755, owner "));
        refused(
            of_user(setup("/mnt/app/src", ""), &["src/deploy"]),
            &format!("{told}/deploy: /mnt/app/src/deploy (mode "),
        );
        refused(of_user(setup("/mnt/app/src/sub", ""), &["src/sub"]), &format!("{told}/sub: /mnt/app/src/sub (mode "));
        // Once more removed.
        let before = "[[prepare]]\ncopy = \"/mnt/app/other\"\nto = \"/mnt/app/src\"\n";
        refused(
            of_user(setup("/mnt/app/src", before), &["other"]),
            &format!("{told}: [[prepare]] copies it from /mnt/app/other"),
        );
        let given = "[[prepare]]\ndir = \"/mnt/app/src\"\nowner = \"app\"\n";
        refused(
            of_user(setup("/mnt/app/src", given), &[]),
            &format!("{told}: /mnt/app/src is given to that user by [[prepare]]; "),
        );
        let end = of_user(setup("/mnt/app/src", ""), &["src/sub", "other"]).start().end().exited(0);
        assert!(end.out.contains("tool as 0\n"), "{}", end.story());
    });
}

/// What ran since the plan was made may have given it to the user; each program is judged right before it starts.
#[test]
fn what_became_the_users_is_not_run_as_root() {
    let chown = "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"chown\", \"-R\", \"app\", \"/mnt/app/opt\"]\n";
    let run = |phase: &str| format!("[[hooks.{phase}.run]]\nuser = \"root\"\ncommand = [\"/mnt/app/opt/bin/tool\"]\n");
    let told = "/mnt/app/opt/bin/tool could be changed by app: /mnt/app/opt (mode 0755, owner 4000:0); make it root's, and \
        nobody else's to write\n";
    let also =
        "cannot start /mnt/app/opt/bin/tool: somebody else could have changed what it runs, as the line before says";
    let setup = |cell: Cell, config: &str| {
        let setup = Setup::new(cell, SERVER).config(&format!("user = \"app\"\n{config}"));
        of_user(setup.file("opt/bin/tool", TOOL, 0o755), &[])
    };
    each_place(|cell| {
        for (config, code) in [
            (format!("{chown}{}", run("deploy")), 77),
            (format!("{chown}{}", run("post-stop")), 0),
            (
                format!(
                    "{chown}{}",
                    run("on-failure").replace("[[", "[[hooks.deploy.run]]\ncommand = [\"false\"]\n[[")
                ),
                70,
            ),
        ] {
            let end = setup(cell, &config).start().end().exited(code).nothing_left().complains(&[told, also]);
            assert!(!end.out.contains("tool as"), "{}", end.story());
        }
        // Whoever has no more rights may run it.
        let config = format!("{chown}{}", run("post-stop").replace("root", "app"));
        let end = setup(cell, &config).start().end().exited(0);
        assert!(end.out.contains("tool as 4000\n"), "{}", end.story());
    });
    // In exec mode nobody else could.
    let config = format!("{chown}[server]\nmode = \"exec\"\ncommand = [\"/mnt/app/opt/bin/tool\"]\n");
    let config = format!("[hooks.post-deploy]\nuser = \"app\"\n{config}");
    let root = Setup::new(Cell::PID1, ["--"]).config(&config).file("opt/bin/tool", TOOL, 0o755);
    let end = of_user(root, &[]).start().end().exited(77).complains(&[told, also]);
    assert!(!end.out.contains("tool as"), "{}", end.story());
    // A command that is asked while waiting.
    let wait = "[[wait]]\ntimeout = \"1s\"\ncommand = [\"/mnt/app/opt/bin/tool\"]\n[hooks.post-stop]\nuser = \"app\"\n";
    let prepare = "[[prepare]]\ndir = \"/mnt/app/data\"\nowner = \"app\"\n";
    let script = format!("mkdir data && mount --bind opt data && exec {APP_INIT} -- true");
    let alias = Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(&format!("{prepare}{wait}"));
    let end = of_user(alias.file("opt/bin/tool", TOOL, 0o755), &[]).start().end();
    let end = end.complains(&["/mnt/app/opt/bin/tool could be changed by app: /mnt/app/opt (mode 0755, owner 4000:0)"]);
    assert!(!end.out.contains("tool as") && end.how != Ended::Exited(0), "{}", end.story());
    // What [[prepare]] gives away has another name.
    let config = format!("user = \"app\"\nhooks_dir = \"/mnt/app/opt/bin\"\nhooks.deploy.user = \"root\"\n{prepare}");
    let alias = Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(&config);
    let end = of_user(alias.file("opt/bin/deploy", TOOL, 0o755), &[]).start().end().exited(77);
    let end = end.complains(&["/mnt/app/opt/bin/deploy could be changed by app: /mnt/app/opt (mode "]);
    assert!(!end.out.contains("tool as"), "{}", end.story());
}

/// A question that is refused has no answer, and what it is asked for does not run.
#[test]
fn a_question_that_became_the_users_is_no_answer() {
    let chown = "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"chown\", \"-R\", \"app\", \"/mnt/app/opt\"]\n";
    let asked =
        "[[hooks.deploy.run]]\nuser = \"root\"\nskip_if = [\"/mnt/app/opt/tool\"]\ncommand = [\"echo\", \"imports\"]\n";
    let last = "[[hooks.deploy.run]]\ncommand = [\"echo\", \"last\"]\n";
    for (on_failure, code, out) in [("", 77, ""), ("on_failure = \"continue\"\n", 0, "last\nserver\n")] {
        let setup = Setup::new(Cell::PID1, SERVER);
        let setup = setup.config(&format!("user = \"app\"\n{chown}{asked}{on_failure}{last}"));
        let end = of_user(setup.file("opt/tool", TOOL, 0o755), &[]).start().end().exited(code);
        let end = end.complains(&["/mnt/app/opt/tool could be changed by app: /mnt/app/opt (mode 0755, owner 4000:0)"]);
        assert!(!end.out.contains("imports") && end.out.ends_with(out), "{}", end.story());
    }
}

/// What an earlier start copied is root's on the disk.
#[test]
fn a_copy_of_another_start_is_what_its_source_is() {
    let copy = "prepare]]\ncopy = \"/mnt/app/src\"\nto = \"/mnt/app/bin\"\n";
    let run = "hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"/mnt/app/bin/tool\"]\n";
    for config in [
        // Off, another role's, and one that a role replaces.
        format!("[[{run}[[{copy}when = [\"env:SEED\"]\n"),
        format!("[[{run}[[role.seed.{copy}[role.web]\numask = \"0022\"\n"),
        format!("[[{run}[[{copy}[[role.web.prepare]]\ndir = \"/mnt/app/tmp\"\n"),
        format!("[[role.web.{run}[[role.seed.{copy}"),
    ] {
        let web = if config.contains("role.web") { "web" } else { "true" };
        let setup = |names: &[&str]| {
            let config = format!("user = \"app\"\n{config}[server]\ncommand = [\"echo\", \"server\"]\n");
            let setup = Setup::new(Cell::PID1, ["--", web]).config(&config).file("src/tool", TOOL, 0o755);
            of_user(setup.file("bin/tool", TOOL, 0o755), names)
        };
        let told = "/mnt/app/bin/tool could be changed by app: [[prepare]] copies it from /mnt/app/src: ";
        refused(setup(&["src"]), told);
        let end = setup(&[]).start().end().exited(0);
        assert!(end.out.contains("tool as 0\n"), "{}", end.story());
    }
}

/// §0.3: that user may stop the process that looks with its rights, here as soon as it has them.
#[test]
fn a_stop_request_is_heard_while_somebody_stops_whoever_looks() {
    let stopped = ["trace=execve,kill,setresuid", "inject=setresuid:signal=SIGSTOP"];
    let config = "user = \"app\"\nenv.files = [\"open/own.env\"]\nserver.command = [\"true\"]\n";
    for args in [
        &["--", "true"][..],
        &["hook", "deploy"],
        &["check"],
        &["env"],
        &["shell", "-c", "echo server"],
        &["exec", "--", "echo", "server"],
    ] {
        let setup = Setup::traced(Cell::SUBREAPER, &stopped, args).config(config).hook("deploy", "echo server");
        let run = of_user(setup.file("open/own.env", "A=b\n", 0o644), &["open"]).start();
        let is_stopped = |run: &Running| {
            let mut all = run.processes().into_iter();
            all.any(|process| process.name == "app-init" && matches!(process.state, 'T' | 't'))
        };
        let log = run.world.app().join("strace.log");
        run.eventually("it is stopped", |run| {
            is_stopped(run) && fs::read_to_string(&log).is_ok_and(|text| text.contains("stopped by SIGSTOP"))
        });
        crate::prepare::ask_traced_to_stop(&run);
        let end = run.end().exited(143).nothing_left();
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", "app-init: stop requested by TERM\n"), "{args:?}");
    }
}

/// §11: what a file says that is refused, or that cannot be read, no command uses; a shell opens with what is left.
#[test]
fn a_shell_uses_nothing_of_a_file_that_is_refused() {
    let values = "[env.set]\nPATH = \"/mnt/app/own:/usr/bin:/bin\"\nEVIL = \"1\"\n";
    let root = format!("user = \"root\"\n{values}");
    each_place(|cell| {
        for text in [
            root.as_str(),
            &format!("user = \"0:0\"\n[hooks.deploy]\nuser = \"nosuch\"\n{values}"),
            &format!("user = \"nosuch\"\n{values}"),
            &format!("user = 0\n{values}"),
            &format!("workdir = \"/mnt/app/own\"\n{values}"),
            &format!("{root}]["),
            &format!("{root}#\u{0}"),
        ] {
            let start = |args: &[&str]| {
                let setup = Setup::new(cell, args).etc("app-init.toml", "user = \"app\"\n[env.set]\nGOOD = \"1\"\n");
                of_user(setup.config(text).file("own/id", TOOL, 0o755), &[".docker", "own"]).start().end()
            };
            let end = start(&["shell", "-c", "echo $GOOD$EVIL; id -u"]).exited(0);
            assert_eq!(end.out, "1\n4000\n", "{text}: {}", end.story());
            let last = "app-init: warning: the configuration is wrong; this shell has what could be made of it\n";
            assert!(end.err.contains(".docker/app-init.toml") && end.err.ends_with(last), "{}", end.story());
            let end = start(&["exec", "--", "id", "-u"]);
            assert!(matches!(end.how, Ended::Exited(77 | 78)) && end.out.is_empty(), "{}", end.story());
        }
    });
}

/// Who it is for, it must not guess.
#[test]
fn a_shell_is_not_opened_as_more_than_what_is_right_says() {
    each_place(|cell| {
        let start = |config: &str, args: &[&str], names: &[&str]| {
            let setup =
                Setup::new(cell, ["shell"]).args(args).args(["-c", "echo open as $(id -u) $EVIL"]).config(config);
            of_user(setup.file("own/env", "EVIL=evil\n", 0o644), names).start().end()
        };
        let refused = |end: End, code: i32| {
            let end =
                end.exited(code).complains(&["app-init: this shell was not opened; another user: app-init shell -u "]);
            assert_eq!(end.out, "", "{}", end.story());
        };
        let values = "env.files = [\"own/env\"]\n[env.set]\nEVIL = \"evil\"\n";
        let own = format!("user = \"app\"\n{values}");
        refused(start(&own, &[], &[".docker"]), 77);
        for user in ["4000:4001", "0:0", "app"] {
            let end = start(&own, &["-u", user], &[".docker"]).exited(0);
            let uid = if user == "0:0" { "0" } else { "4000" };
            assert_eq!(end.out, format!("open as {uid}\n"), "{}", end.story());
        }
        // Whose the values of the rest are, said what is left out.
        let setup = Setup::new(cell, ["shell", "-u", "0:0", "-c", "echo open as $(id -u) $EVIL"]).config("]");
        let setup = setup.etc("app-init.toml", "env.files = [\"/mnt/app/own/env\"]\n");
        let end = of_user(setup.file("own/env", "EVIL=evil\n", 0o644), &["own"]).start().end().exited(0);
        assert_eq!(end.out, "open as 0\n", "{}", end.story());
        // A role that there is not may have been somebody's.
        let role = |user: &str, names: &[&str]| {
            let config = format!("user = \"{user}\"\n{values}");
            let setup = Setup::new(cell, ["shell", "-c", "echo open as $(id -u) $EVIL"]).config(&config);
            of_user(setup.file("own/env", "", 0o644).env("APP_INIT_ROLE", "none"), names).start().end()
        };
        refused(role("root", &[]), 78);
        assert_eq!(role("app", &[]).exited(0).out, "open as 4000 evil\n");
        // Who app is, says a file of app's; numbers are nobody's to say.
        let passwd = |args: &[&str]| {
            let setup = Setup::new(cell, ["shell"]).args(args).args(["-c", "echo open as $(id -u)"]);
            let setup = of_user(setup.config("user = \"app\"\n"), &[]);
            mode(&setup.world.etc().join("passwd"), 0o666);
            setup.start().end()
        };
        refused(passwd(&[]), 77);
        assert_eq!(start("user = \"4000:4001\"\n", &[], &[]).exited(0).out, "open as 4000\n");
    });
}

/// Root's own, beside an application that is the user's, in whatever role, and whoever said so.
#[test]
fn a_shell_of_roots_has_nothing_of_the_users() {
    each_place(|cell| {
        for (config, args, variable) in [
            ("user = \"app\"\n", &["-u", "0:0"][..], ""),
            ("user = \"fullhouse\"\n", &["-u", "0:0"], "4000:4001"),
            ("", &["-u", "0:0"], "app"),
            ("[hooks.deploy]\nuser = \"app\"\n", &[], ""),
            ("[role.worker]\nuser = \"app\"\n[role.other]\nuser = \"nobody-at-all\"\n", &[], ""),
        ] {
            let config = format!(
                "env.files = [\"own/env\"]\nenv.path_prepend = [\"own\"]\nenv.set = {{ GOOD = \"1\" }}\n{config}"
            );
            let setup = Setup::new(cell, ["shell"]).args(args).args(["-c", "echo $GOOD$EVIL; id -u"]).config(&config);
            let setup = if variable.is_empty() { setup } else { setup.env("APP_INIT_USER", variable) };
            let setup = setup.file("own/env", "EVIL=1\nSHELL=/mnt/app/own/id\nENV=/mnt/app/own/id\n", 0o644);
            let setup = setup.env("SHELL", "/mnt/app/own/id");
            let end = of_user(setup.file("own/id", TOOL, 0o755), &["own"]).start().end().exited(0);
            assert_eq!(end.out, "1\n0\n", "{}", end.story());
            end.complains(&[
                "cannot hand on ENV, EVIL, SHELL to programs with more rights than ",
                "PATH is without own, which somebody else could change; name programs there by their paths\n",
            ]);
        }
    });
}

/// A program executes these before it does what it was told, whoever said so.
#[test]
fn libraries_of_roots_programs_are_roots() {
    each_place(|cell| {
        let setup = |name: &str, value: &str| {
            let config = format!("workdir = \"own\"\n{}", post_stop("/bin/true"));
            of_user(Setup::new(cell, SERVER).config(&config).file("own/x", "", 0o644).env(name, value), &["own"])
        };
        for (name, value, told) in [
            ("LD_LIBRARY_PATH", "/usr/lib:/mnt/app/own", "looks for libraries in /mnt/app/own, which"),
            ("LD_LIBRARY_PATH", "lib;/usr/lib", "looks for libraries in /mnt/app/own/lib, which"),
            // As in `/usr/lib:$LD_LIBRARY_PATH`: what is empty is the working directory.
            ("LD_LIBRARY_PATH", "/usr/lib:", "looks for libraries in /mnt/app/own/, which"),
            ("LD_PRELOAD", "libnone.so /mnt/app/own/x", "loads /mnt/app/own/x, which"),
            ("LD_PRELOAD", "/usr/none\t/mnt/app/own/x", "loads /mnt/app/own/x, which"),
            ("LD_PRELOAD", "$ORIGIN/../../mnt/app/own/x", "loads /usr/bin/../../mnt/app/own/x, which"),
            ("LD_PRELOAD", "${ORIGIN}/../../mnt/app/own/x", "loads /usr/bin/../../mnt/app/own/x, which"),
            (
                "LD_LIBRARY_PATH",
                "$ORIGIN/../../mnt/app/own",
                "looks for libraries in /usr/bin/../../mnt/app/own, which",
            ),
            ("LD_AUDIT", "/mnt/app/own/x", "loads /mnt/app/own/x, which"),
            ("BASH_ENV", "/mnt/app/own/x", "begins with /mnt/app/own/x, which"),
            ("PYTHONPATH", "/usr/lib:/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("PYTHONPATH", ":/usr/lib", "may look for modules in /mnt/app/own/, which"),
            ("PYTHONHOME", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("PERL5LIB", "/mnt/app/own/none", "may look for modules in /mnt/app/own/none, which"),
            ("PERLLIB", "own", "may look for modules in /mnt/app/own/own, which"),
            ("RUBYLIB", "/usr:/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("GEM_PATH", "/mnt/app/own:/usr", "may look for modules in /mnt/app/own, which"),
            ("GEM_HOME", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("NODE_PATH", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("LUA_PATH", ";;/mnt/app/own/?.lua", "may look for modules in /mnt/app/own/?.lua, which"),
            ("PHPRC", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("CLASSPATH", "/mnt/app/own/x.jar", "may look for modules in /mnt/app/own/x.jar, which"),
            ("LUA_CPATH_5_4", "/mnt/app/own/?.so;;", "may look for modules in /mnt/app/own/?.so, which"),
            ("PYTHONPYCACHEPREFIX", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("PYTHONUSERBASE", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("GIT_EXEC_PATH", "/mnt/app/own", "may look for modules in /mnt/app/own, which"),
            ("OPENSSL_CONF", "/mnt/app/own/x", "may read /mnt/app/own/x, which"),
            ("PYTHONSTARTUP", "x", "may read /mnt/app/own/x, which"),
            ("GIT_CONFIG_GLOBAL", "/mnt/app/own/x", "may read /mnt/app/own/x, which"),
            ("ENV", "/mnt/app/own/x", "begins with /mnt/app/own/x, which"),
            ("NODE_OPTIONS", "--max-old-space-size=64 --require x", "may load /mnt/app/own/x, which"),
            ("NODE_OPTIONS", "--import=file:///mnt/app/own/x", "may load ///mnt/app/own/x, which"),
            ("PERL5OPT", "-wI/mnt/app/own", "may load /mnt/app/own, which"),
            ("PERL5OPT", "-Mlib=x", "may load /mnt/app/own/x, which"),
            ("PERL5OPT", "-Ix", "may load /mnt/app/own/x, which"),
            ("RUBYOPT", "-W0 -r/mnt/app/own/x", "may load /mnt/app/own/x, which"),
            ("LUA_INIT", "@/mnt/app/own/x", "may load /mnt/app/own/x, which"),
            ("LUA_INIT_5_4", "dofile('/mnt/app/own/x')", "may load /mnt/app/own/x, which"),
            ("JAVA_TOOL_OPTIONS", "-Xmx1g -javaagent:x=a", "may load /mnt/app/own/x, which"),
            ("JDK_JAVA_OPTIONS", "-Da=b \"@/mnt/app/own/x\"", "may load /mnt/app/own/x, which"),
            ("GIT_SSH_COMMAND", "ssh -F /mnt/app/own/x", "may load /mnt/app/own/x, which"),
        ] {
            let told = format!("hooks.post-stop.run[0].command: {told} could be changed by app: ");
            refused(setup(name, value), &told);
        }
        for (name, value, entry) in [
            ("LD_PRELOAD", "/usr/none:/mnt/$LIB/x", "/mnt/$LIB/x"),
            ("LD_PRELOAD", "$ORIGIN/$PLATFORM", "$ORIGIN/$PLATFORM"),
            ("LD_LIBRARY_PATH", "/mnt/${LIB}", "/mnt/${LIB}"),
            ("BASH_ENV", "$HOME/x", "$HOME/x"),
            ("BASH_ENV", "`echo /mnt/app/own/x`", "`echo /mnt/app/own/x`"),
            ("BASH_ENV", "/mnt/app/\"own\"/x", "/mnt/app/\"own\"/x"),
            ("BASH_ENV", "~app/x", "~app/x"),
            ("NODE_OPTIONS", "--import=file:///mnt/app/%6fwn/x", "///mnt/app/%6fwn/x"),
        ] {
            let told = format!(
                "hooks.post-stop.run[0].command: cannot tell what {name} leads to by `{entry}`; write the path without \
                 variables and quotes\n"
            );
            refused(setup(name, value), &told);
        }
        for (name, value) in [
            ("LD_LIBRARY_PATH", ""),
            ("LD_LIBRARY_PATH", "$ORIGIN/../lib:/usr/none"),
            ("BASH_ENV", "/etc/none"),
            ("PYTHONPATH", "/usr/lib"),
            ("NODE_PATH", ":/usr/lib"),
            ("GEM_PATH", ""),
            ("ENV", "production"),
            ("NODE_OPTIONS", "--max-old-space-size=64 --require=/usr/none.js --title=web"),
            ("PERL5OPT", "-w -Mstrict"),
            ("RUBYOPT", "-W:no-deprecated --yjit"),
            ("JAVA_TOOL_OPTIONS", "-Xmx1g -XX:+UseZGC -Dfile.encoding=UTF-8 -javaagent:/usr/none.jar=a"),
            ("LUA_INIT", "x = 1"),
            ("OPENSSL_CONF", "/etc/none"),
        ] {
            setup(name, value).start().end().exited(0);
        }
    });
}

/// It is the same whether the environment or `env` has it.
#[test]
fn what_env_sets_for_roots_programs_is_looked_at() {
    each_place(|cell| {
        let setup = |words: &str| {
            let config =
                format!("user = \"app\"\n[[hooks.post-stop.run]]\nuser = \"root\"\ncommand = [\"env\", {words}]\n");
            of_user(Setup::new(cell, SERVER).config(&config).file("own/x", "", 0o644), &["own"])
        };
        for (words, told) in [
            ("'BASH_ENV=/mnt/app/own/x', '/bin/true'", "begins with /mnt/app/own/x, which"),
            ("'A=b', 'LD_PRELOAD=/mnt/app/own/x', '/bin/true'", "loads /mnt/app/own/x, which"),
            ("'-S', 'PYTHONPATH=/mnt/app/own /bin/true'", "may look for modules in /mnt/app/own, which"),
            ("'env', 'PERL5LIB=/mnt/app/own', '/bin/true'", "may look for modules in /mnt/app/own, which"),
            ("'BASH_ENV=$HOME/x', '/bin/true'", "cannot tell what BASH_ENV leads to by `$HOME/x`"),
        ] {
            refused(setup(words), told);
        }
        setup("'BASH_ENV=/etc/none', 'A=/mnt/app/own/x', '/bin/true'").start().end().exited(0);
    });
}

/// What a link of the user's leads to is not read by root, not even its first line.
#[test]
fn the_first_line_of_the_users_hook_is_read_with_the_users_rights() {
    each_place(|cell| {
        let config = "user = \"app\"\n[hooks.deploy]\non_failure = \"continue\"\n";
        let start = |names: &[&str]| {
            let setup = Setup::new(cell, SERVER).config(config).file("roots", "echo hook\n", 0o700);
            let setup = setup.file(".docker/action_hooks/x", "", 0o644);
            symlink("/mnt/app/roots", setup.world.app().join(".docker/action_hooks/deploy"))
                .expect("a link can be made");
            of_user(setup, names).start().end().exited(0)
        };
        let told = "has no #! line";
        let end = start(&[".docker/action_hooks"]);
        assert!(!end.err.contains(told) && end.err.contains("deploy hook failed"), "{}", end.story());
        start(&[]).complains(&[told]);
    });
}

/// Nor does a boot write where such a file leads.
#[test]
fn the_reason_of_the_end_is_not_written_where_a_refused_file_says() {
    let setup = Setup::new(Cell::PID1, SERVER).etc("app-init.toml", "user = \"app\"\n");
    let setup = setup.config("log.termination_file = \"/mnt/app/precious\"\n").file("precious", "precious", 0o644);
    let run = of_user(setup, &[".docker"]).start();
    let held = fs::File::open(run.world.app().join("precious")).expect("it is there");
    run.end().exited(77);
    assert_eq!(std::io::read_to_string(held).expect("text"), "precious");
}

/// What a hook is called by may have words of the user's in it, and is told to root's.
#[test]
fn a_failed_command_of_the_users_words_is_told_by_its_key() {
    let config = "user = \"app\"\nenv.files = [\"open/env\"]\n[[hooks.deploy.run]]\ncommand = [\"false\", \"${DATA}\"]\n\
        [[hooks.on-failure.run]]\ncommand = [\"sh\", \"-c\", \"echo told $APP_INIT_FAILED_HOOK\"]\nuser = \"root\"\n";
    let setup = || Setup::new(Cell::PID1, SERVER).config(config).file("open/env", "DATA=of-user\n", 0o644);
    for (names, told) in [(&["open"][..], "told hooks.deploy.run[0].command\n"), (&[], "told false of-user\n")] {
        let end = of_user(setup(), names).start().end().exited(70);
        assert!(end.out.ends_with(told), "{}", end.story());
    }
}

/// In which role the application runs is not known beside it.
#[test]
fn a_user_of_another_role_counts_beside_the_application() {
    let config = "[role.web]\nuser = \"app\"\n[role.job]\nuser = \"root\"\n";
    let start = |args: &[&str]| of_user(Setup::new(Cell::PID1, args).config(config), &[".docker"]).start().end();
    for args in [&["exec", "--", "id", "-u"][..], &["env"], &["shell", "-c", "id -u"]] {
        let end = start(args).exited(77).complains(&["app-init.toml could be changed by app: /mnt/app/.docker (mode "]);
        assert_eq!(end.out, "", "{}", end.story());
    }
    assert_eq!(start(&["job", "id", "-u"]).exited(0).out, "0\n");
}

/// A shell without a PATH looks where it was started, which may be the user's: what has more rights always has one.
#[test]
fn what_has_more_rights_always_has_a_path() {
    each_place(|cell| {
        for (config, path) in [("env.files = [\"own/env\"]\n", true), ("env.unset = [\"PATH\"]\n", false)] {
            let config = format!("user = \"app\"\nworkdir = \"/mnt/app/own\"\n{}", config.replace("own/env", "env"));
            let hooks =
                "[[hooks.deploy.run]]\nuser = \"root\"\ncommand = [\"/bin/bash\", \"-c\", \"stolen; echo at $PATH\"]\n";
            let setup = Setup::new(cell, ["--", "/bin/true"]).config(&format!("{config}{hooks}"));
            let setup = setup.file("own/stolen", "#!/bin/sh\necho stolen as $(id -u)\n", 0o755);
            let setup = setup.file("own/env", if path { "PATH=/mnt/app/own:/usr/bin:/bin\n" } else { "" }, 0o644);
            let setup = setup.env("PATH", "/usr/bin:/bin:/given");
            let end = of_user(setup, &["own"]).start().end().exited(0);
            assert!(!end.out.contains("stolen as"), "{}", end.story());
            // What the container was given, or, where root has taken that away, the usual one.
            let own = if path { "/given" } else { "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
            assert!(end.out.contains(&format!("{own}\n")), "{}", end.story());
        }
        let shell = Setup::new(cell, ["shell", "-u", "0:0", "-c", "stolen; echo at $PATH"]).config("user = \"app\"\n");
        let shell = shell.file("own/stolen", "#!/bin/sh\necho stolen as $(id -u)\n", 0o755);
        let shell = of_user(shell.env("PATH", "/mnt/app/own").env("SHELL", "/bin/bash"), &["own"]);
        let end = shell.start().end().exited(0);
        assert!(!end.out.contains("stolen as") && end.out.starts_with("at /usr/local/sbin:"), "{}", end.story());
        // A PATH of the user's over the container's own takes nothing from that, and nothing from how it is judged.
        let shell = Setup::new(cell, ["shell", "-u", "0:0", "-c", "stolen; echo at $PATH"]);
        let shell = shell.config("user = \"app\"\nenv.files = [\"own/env\"]\n").file("own/env", "PATH=/x\n", 0o644);
        let shell = shell.file("own/stolen", "#!/bin/sh\necho stolen as $(id -u)\n", 0o755);
        let shell = of_user(shell.env("PATH", "/mnt/app/own:/usr/bin:/bin").env("SHELL", "/bin/bash"), &["own"]);
        let end = shell.start().end().exited(0);
        assert_eq!(end.out, "at /usr/bin:/bin\n", "{}", end.story());
    });
}
