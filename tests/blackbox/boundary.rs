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
            "{key} comes from open/app.env, which the application's user could have written, and root would act on it; \
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
    end.complains(&["hooks.deploy.run[0].command: ${DATA} comes from the deploy-env hook, which "]);
    let end = of_user(setup("root"), &[]).start().end().exited(0);
    assert!(end.out.contains("\nwritten\nserver\n"), "{}", end.story());
}

/// A variable that steers a program does not lose its origin on the way.
#[test]
fn a_steering_variable_is_known_by_its_origin_whatever_is_made_of_it() {
    let root = "[[hooks.deploy.run]]\ncommand = [\"true\"]\nuser = \"root\"\n";
    let told = |name: &str, source: &str| format!("env: {name} from {source} would steer what runs as root; ");
    let vars = "/mnt/app/evil:/usr/bin:/bin";
    let path = |more: &str| {
        let config = format!("user = \"app\"\n{more}{root}");
        let setup = Setup::new(Cell::PID1, SERVER).config(&config).file("venv/bin/x", "", 0o644);
        of_user(setup.file(".docker/user_vars/PATH", vars, 0o644).file("evil/x", "", 0o644), &[])
    };
    let from = told("PATH", ".docker/user_vars/PATH");
    refused(path(""), &from);
    refused(path("virtualenv = \"venv\"\n"), &from);
    refused(path("env.path_prepend = [\"/opt\"]\n"), &from);
    refused(path("env.set = { PATH = \"/opt:${PATH}\" }\n"), &from);
    of_user(path("env.set = { PATH = \"/usr/bin:/bin\" }\n"), &[]).start().end().exited(0);
    // One that is taken away steers nobody.
    let config = format!("user = \"app\"\nenv.unset = [\"LD_PRELOAD\"]\n{root}");
    let setup = Setup::new(Cell::PID1, SERVER).config(&config).file(".docker/user_vars/LD_PRELOAD", "/x", 0o644);
    of_user(setup, &[]).start().end().exited(0);
    // A file that is found where the user puts it.
    let config = format!("user = \"app\"\nenv.first_file = {{ BASH_ENV = [\"open/rc\"] }}\n{root}");
    let setup = || Setup::new(Cell::PID1, SERVER).config(&config).file("open/rc", "echo steered", 0o644);
    refused(of_user(setup(), &["open"]), &told("BASH_ENV", "/mnt/app/open/rc"));
    of_user(setup(), &[]).start().end().exited(0);
    for name in ["PYTHONUSERBASE", "GIT_SSH_COMMAND", "OPENSSL_CONF", "GIT_CONFIG_COUNT", "LUA_INIT_5_4", "ZDOTDIR"] {
        let setup = Setup::new(Cell::PID1, SERVER).config(&format!("user = \"app\"\n{root}"));
        let setup = setup.file(&format!(".docker/user_vars/{name}"), "x", 0o644);
        refused(of_user(setup, &[]), &told(name, &format!(".docker/user_vars/{name}")));
    }
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
        for config in ["user = 4000\n", "user = [\"app\"]\n"] {
            let end = shell(config).exited(78);
            assert_eq!(
                end.err,
                "app-init: user: is no user; mend it, or name one\nanother user: app-init shell -u UID:GID\n",
                "{}",
                end.story()
            );
            assert_eq!(end.out, "");
        }
        // Who is meant cannot be read: the shell opens, for whoever asked for it, and no hook runs.
        let end = shell("user = \"app\n").exited(0);
        assert!(end.out == "shell as 0\n" && !end.err.contains("hook as"), "{}", end.story());
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
    end.complains(&["app-init.toml:3: server.command: app cannot run ./tool: Permission denied; run chmod a+rx "]);
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
    refused(of_user(server(&format!("user = \"app\"\n{own}")), &[]), &format!("by app: /mnt/app {told}"));
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

/// What the user wrote may steer by many more names than what an image brings along.
#[test]
fn every_name_of_a_family_steers_where_the_user_wrote_it() {
    let config =
        "user = \"app\"\nenv.files = [\"open/own.env\"]\n[[hooks.deploy.run]]\ncommand = [\"true\"]\nuser = \"root\"\n";
    for name in ["PYTHONPYCACHEPREFIX", "GIT_EXEC_PATH", "PIP_CONFIG_FILE", "npm_config_prefix", "BASH_LOADABLES_PATH"]
    {
        let setup = || Setup::new(Cell::PID1, SERVER).config(config).file("open/own.env", format!("{name}=x\n"), 0o644);
        refused(of_user(setup(), &["open"]), &format!("env: {name} from open/own.env would steer what runs as root; "));
        of_user(setup(), &[]).start().end().exited(0);
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
                "{user}env.files = [\"open/app.env\"]\n[[wait]]\ntarget = \"${{TARGET}}\"\ntimeout = \"{limit}\"\n"
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
    });
}
