//! §6.5: when hooks run at all: `when`, and the question that `skip_if` asks.

use crate::harness::*;

const SERVER: [&str; 4] = ["--", PROBE, "do", "print=server"];

/// What the hooks and the server said, without announcements.
fn said_in(end: &End) -> Vec<&str> {
    end.lines().into_iter().filter(|line| !line.contains("----->")).collect()
}

/// `[hooks.deploy]` with commands that say these words.
fn echoes(head: &str, words: &[(&str, &str)]) -> String {
    let runs: Vec<String> = words
        .iter()
        .map(|(word, more)| format!("[[hooks.deploy.run]]\ncommand = [\"echo\", \"{word}\"]\n{more}"))
        .collect();
    format!("[hooks.deploy]\n{head}{}", runs.concat())
}

/// Whether a hook with this condition runs.
fn runs(condition: &str, args: &[&str], environment: &[(&str, &str)]) -> bool {
    let config = echoes(&format!("when = {condition}\n"), &[("ran", "")]);
    let setup = environment
        .iter()
        .fold(Setup::new(Cell::PID1, args).config(&config), |setup, (name, value)| setup.env(name, value));
    let end = setup.start().end().exited(0).nothing_left();
    end.lines().contains(&"ran")
}

#[test]
fn conditions_on_the_environment() {
    let environment = [("SET", "true"), ("EMPTY", ""), ("ODD", "a=b!=c")];
    for (condition, expected) in [
        ("[\"env:SET\"]", true),
        ("[\"env:EMPTY\"]", false),
        ("[\"env:NONE\"]", false),
        ("[\"env:SET=true\"]", true),
        ("[\"env:SET=tru\"]", false),
        ("[\"env:SET=*\"]", false),
        ("[\"env:EMPTY=\"]", true),
        ("[\"env:NONE=\"]", false),
        ("[\"env:SET!=true\"]", false),
        ("[\"env:SET!=false\"]", true),
        ("[\"env:NONE!=true\"]", true),
        ("[\"env:ODD=a=b!=c\"]", true),
        ("[\"!env:NONE\"]", true),
        ("[\"!env:SET\"]", false),
        ("[\"!env:EMPTY\"]", true),
        ("[\"env:SET\", \"env:NONE\"]", false),
        ("[\"env:SET\", \"env:ODD\"]", true),
        ("[[\"env:NONE\", \"env:SET\"]]", true),
        ("[[\"env:NONE\", \"env:EMPTY\"]]", false),
        ("[\"env:SET\", [\"env:NONE\", \"!env:EMPTY\"]]", true),
        ("[\"env:NONE\", [\"env:SET\", \"env:ODD\"]]", false),
        ("[]", true),
    ] {
        assert_eq!(runs(condition, &SERVER, &environment), expected, "{condition}");
    }
}

#[test]
fn conditions_on_who_app_init_is() {
    let config = "[[hooks.deploy.run]]\ncommand = [\"echo\", \"root\"]\nwhen = [\"root\"]\n\
        [[hooks.deploy.run]]\ncommand = [\"echo\", \"other\"]\nwhen = [\"!root\"]\n";
    for cell in Cell::all().into_iter().filter(|cell| !cell.terminal) {
        let end = Setup::new(cell, SERVER).config(config).start().end().exited(0).nothing_left();
        let own = if cell.identity == Identity::Nobody { "other" } else { "root" };
        assert_eq!(said_in(&end), [own, "server"], "{}", end.story());
    }
}

#[test]
fn conditions_on_the_server() {
    let server: &[&str] = &["--", "/usr/bin/env", "true", "server", "-b", "x y"];
    for (condition, expected) in [
        ("[\"argv:/usr/bin/env\"]", true),
        ("[\"argv:env\"]", false),
        ("[\"argv:*env\"]", true),
        ("[\"argv:/usr/bin/en?\"]", true),
        ("[\"argv:true\"]", false),
        ("[\"args:/usr/bin/env true server -b x y\"]", true),
        ("[\"args:*true server*\"]", true),
        ("[\"args:*true server\"]", false),
        ("[\"!args:*true server\"]", true),
        ("[\"args:*x?y\"]", true),
        ("[[\"argv:gunicorn*\", \"argv:*env\"]]", true),
    ] {
        assert_eq!(runs(condition, server, &[]), expected, "{condition}");
    }
}

/// The configured command with the arguments of the container is what counts, and the computed environment.
#[test]
fn conditions_see_what_was_computed() {
    each_place(|cell| {
        let config = format!(
            "server.command = [\"{PROBE}\", \"do\"]\nenv.set = {{ COMPUTED = \"yes\" }}\n{}",
            echoes(
                "when = [\"args:*probe do print=server\", \"env:COMPUTED=yes\", \"env:HOOKED=too\"]\n",
                &[("ran", "")]
            )
        );
        let start = |args: &[&str]| {
            let setup = Setup::new(cell, ["--"]).args(args).config(&config);
            setup.hook("deploy-env", "echo HOOKED=too >&3").start().end().exited(0).nothing_left()
        };
        assert_eq!(said_in(&start(&["print=server"])), ["ran", "server"]);
        assert_eq!(said_in(&start(&["print=other"])), ["other"]);
    });
}

/// Compared is what stands there, which may be meant.
#[test]
fn a_value_that_is_hardly_meant_is_told() {
    each_place(|cell| {
        let config = "[[hooks.deploy.run]]\ncommand = [\"true\"]\nwhen = [\"env:A=true|1\"]\n";
        let run = |args: &[&str]| Setup::new(cell, args).config(config).start().end().exited(0);
        let told = ".docker/app-init.toml:3: hooks.deploy.run[0].when[0]: `env:A=true|1`: `|` is a part of the value";
        run(&["--", "true"]).complains(&[told]);
        let end = run(&["check", "true"]);
        assert!(end.out.contains(told), "{}", end.story());
    });
}

/// §6.5: they look at the command line that the `start` hook was given, and not at the hook.
#[test]
fn a_start_hook_does_not_change_what_conditions_see() {
    each_place(|cell| {
        let start = |server: &str, condition: &str, args: &[&str]| {
            let config = format!("{server}{}", echoes(&format!("when = [\"{condition}\"]\n"), &[("ran", "")]));
            let setup = Setup::new(cell, ["--"]).args(args).config(&config);
            setup.hook("start", "echo \"started with $*\"").start().end().exited(0).nothing_left()
        };
        let rails = "server.command = [\"rails\", \"${MODE:-server}\"]\nserver.args = [\"-b\", [\"${PORT}\"]]\n";
        let (ran, not) = (["ran", "started with x"], ["started with x"]);
        assert_eq!(said_in(&start(rails, "argv:rails", &["x"])), ran);
        assert_eq!(said_in(&start(rails, "args:rails server -b x", &["x"])), ran);
        assert_eq!(said_in(&start(rails, "argv:*start", &["x"])), not);
        assert_eq!(said_in(&start("", "argv:x", &["x"])), ran);
        // Nobody runs it, so that it need not be expandable.
        assert_eq!(said_in(&start("server.command = [\"rails\", \"${NONE}\"]\n", "argv:rails", &["x"])), ran);
        let end = Setup::new(cell, ["hook", "deploy"]).hook("start", "exit 0");
        let end = end.config(&format!("{rails}{}", echoes("when = [\"argv:rails\"]\n", &[("ran", "")])));
        assert_eq!(said_in(&end.start().end().exited(0)), ["ran"]);
    });
}

/// §3: of a role, and of a file when the plan is made.
#[test]
fn conditions_on_roles_and_files() {
    each_place(|cell| {
        let roles = "[role.web]\n[role.worker]\n";
        for (condition, args, expected) in [
            ("role:web", &["--", "web", "true"][..], true),
            ("role:web", &["--", "worker", "true"], false),
            ("role:web", &["--", "true"], false),
            ("!role:worker", &["--", "true"], true),
            ("!role:worker", &["--", "worker", "true"], false),
            ("file:made/here", &["--", "true"], true),
            ("file:/mnt/app/made", &["--", "true"], true),
            ("file:made/there", &["--", "true"], false),
            ("!file:made/there", &["--", "true"], true),
            ("root", &["--", "true"], true),
        ] {
            let config = format!("{}{roles}", echoes(&format!("when = [\"{condition}\"]\n"), &[("ran", "")]));
            let end = Setup::new(cell, args).config(&config).file("made/here", "", 0o644).start().end().exited(0);
            assert_eq!(end.lines().contains(&"ran"), expected, "{condition} {args:?}");
        }
        // In waits and preparations, and in the role itself.
        let config = "[[prepare]]\ndir = \"prepared\"\nwhen = [\"role:worker\"]\n\
            [[wait]]\ntarget = \"file:/mnt/app/none\"\nwhen = [\"!role:worker\"]\n\
            [role.worker.hooks.deploy]\nwhen = [\"role:worker\"]\n[[role.worker.hooks.deploy.run]]\ncommand = [\"ls\"]\n";
        let end = Setup::new(cell, ["--", "worker", "true"]).config(config).start().end().exited(0);
        assert_eq!(said_in(&end), ["prepared"], "{}", end.story());
    });
}

/// §3: a link of the user's must not tell the user what root can see.
#[test]
fn a_file_below_the_users_directory_is_looked_at_as_the_user() {
    let config = "user = \"12345:12345\"\n[hooks.deploy]\nuser = \"root\"\nwhen = [\"file:open/link\"]\n\
        [[hooks.deploy.run]]\ncommand = [\"echo\", \"seen\"]\n";
    let sees = |owner: &str| {
        let script = format!(
            "chmod 755 . .docker && mkdir open closed && echo > closed/it && chmod 700 closed && chown root closed && \
             ln -s /mnt/app/closed/it open/link && chown -h {owner} open open/link && exec {APP_INIT} -- true"
        );
        let setup = Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(config);
        setup.start().end().exited(0).lines().contains(&"seen")
    };
    assert!(sees("root"));
    assert!(!sees("12345"));
}

/// §3: what no role could ever be.
#[test]
fn a_condition_on_a_role_that_is_none_is_a_fault() {
    each_place(|cell| {
        let config =
            "[hooks.deploy]\nwhen = [\"role:wroker\"]\n[role.worker.hooks.x]\nwhen = [[\"env:A\", \"!role:none\"]]\n";
        for args in [&["--", "true"][..], &["--", "worker", "true"], &["check"]] {
            let end = Setup::new(cell, args).config(config).start().end().exited(78);
            let told = ".docker/app-init.toml:2: hooks.deploy.when[0]: there is no role `wroker`; write [role.wroker], or \
                name another\n.docker/app-init.toml:4: role.worker.hooks.x.when[0][1]: there is no role `none`; write \
                [role.none], or name another\napp-init: 2 faults, nothing was started\n";
            assert_eq!(end.err, told, "{args:?}");
        }
    });
}

/// §3: nothing is expanded in them, so that what looks as if it were is a mistake.
#[test]
fn a_variable_in_a_condition_is_a_fault() {
    for condition in ["env:A!=${B}", "!env:A=${B}", "argv:${C:-x}", "file:${DATA}/x"] {
        let config = echoes(&format!("when = [\"{condition}\"]\n"), &[("ran", "")]);
        let end = Setup::new(Cell::PID1, SERVER).config(&config).env("B", "b").start().end().exited(78);
        let told = format!(
            "app-init.toml:2: hooks.deploy.when[0]: `{condition}`: ${{…}} is not expanded in conditions; write the value \
            itself\napp-init: 1 fault"
        );
        end.complains(&[&told]);
    }
}

/// Of the phase for its file and its commands, unless a command has its own.
#[test]
fn a_command_may_have_a_condition_of_its_own() {
    each_place(|cell| {
        let config = echoes(
            "when = [\"env:A\"]\n",
            &[("phase", ""), ("own", "when = [\"env:B\"]\n"), ("always", "when = []\n")],
        );
        let start = |names: &[&str]| {
            let setup =
                Setup::new(cell, SERVER).config(&config).hook("deploy", "echo file").hook("deploy.d/1", "echo part");
            let end = names.iter().fold(setup, |setup, name| setup.env(name, "1")).start().end().exited(0);
            said_in(&end).join(" ")
        };
        assert_eq!(start(&[]), "always server");
        assert_eq!(start(&["A"]), "file part phase always server");
        assert_eq!(start(&["B"]), "own always server");
        assert_eq!(start(&["A", "B"]), "file part phase own always server");
    });
}

/// Every phase, and `app-init hook NAME` too.
#[test]
fn conditions_hold_for_every_hook() {
    each_place(|cell| {
        let names = ["deploy-env", "deploy", "post-deploy", "pre-stop", "post-stop", "other"];
        let config = names.map(|name| format!("[hooks.{name}]\nwhen = [\"env:GO\"]\n")).concat();
        let server = ["--", PROBE, "do", "trap=15:0:0", "print=up", "pause"];
        let setup = |args: &[&str], go: &str| {
            let setup = Setup::new(cell, args).config(&config).env("GO", go);
            names.iter().fold(setup, |setup, name| setup.hook(name, &format!("echo ran {name}")))
        };
        let run = setup(&server, "1").start();
        run.lines(&["up", "ran post-deploy"]);
        run.signal(signal::TERM);
        let end = run.end().exited(0);
        for name in names.into_iter().filter(|name| *name != "other") {
            assert!(end.lines().contains(&format!("ran {name}").as_str()), "{name}: {}", end.story());
        }
        let run = setup(&server, "").start();
        run.line("up");
        run.signal(signal::TERM);
        assert_eq!(run.end().exited(0).lines(), ["up", "trapped 15", "finished 15"]);
        let end = setup(&["hook", "other"], "1").start().end().exited(0);
        assert!(end.lines().contains(&"ran other"), "{}", end.story());
        let end = setup(&["hook", "other"], "").start().end().exited(0);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// For the phase: asked once, before all of it, and 0 skips all of it.
#[test]
fn one_question_for_a_whole_phase() {
    let start = |cell: Cell, code: i32| {
        let question = format!("skip_if = [\"sh\", \"-c\", \"echo question; exit {code}\"]\n");
        let setup = Setup::new(cell, SERVER).config(&echoes(&question, &[("one", ""), ("two", "")]));
        setup.hook("deploy", "echo file").hook("deploy.d/a", "echo part").start().end().exited(0).nothing_left()
    };
    each_cell(|cell| {
        let end = start(cell, 0).complains(&["app-init: deploy hook: nothing to do, says sh -c echo question; exit 0"]);
        assert_eq!(said_in(&end), ["question", "server"], "{}", end.story());
        assert!(!end.out.contains("----->"), "{}", end.story());
    });
    for code in [1, 3, 70, 126, 127, 255] {
        let end = start(Cell::PID1, code);
        assert_eq!(said_in(&end), ["question", "file", "part", "one", "two", "server"], "{}", end.story());
    }
}

/// For one command: that one alone.
#[test]
fn a_question_for_one_command() {
    each_place(|cell| {
        let ask = |code: i32| format!("skip_if = [\"sh\", \"-c\", \"echo question; exit {code}\"]\n");
        let start = |head: &str, more: &str| {
            let config = echoes(head, &[("one", ""), ("two", more), ("three", "")]);
            let end = Setup::new(cell, SERVER).config(&config).start().end().exited(0).nothing_left();
            said_in(&end).join(" ")
        };
        assert_eq!(start("", &ask(0)), "one question three server");
        assert_eq!(start("", &ask(1)), "one question two three server");
        assert_eq!(start("skip_if = [\"false\"]\n", &ask(0)), "one question three server");
        assert_eq!(start("skip_if = [\"true\"]\n", &ask(0)), "server");
        assert_eq!(start("skip_if = [\"true\"]\n", &ask(1)), "server");
    });
}

/// In doubt it is done: a question that cannot be asked, is killed or takes too long is no reason to skip a migration.
#[test]
fn in_doubt_it_is_done() {
    each_place(|cell| {
        for question in [
            "[\"no-such-program\"]",
            "[\"/mnt/app\"]",
            "[\"sh\", \"-c\", \"kill -9 $$$$\"]",
            "[\"sh\", \"-c\", \"kill -15 $$$$\"]",
        ] {
            let head = format!("skip_if = {question}\n");
            let end = Setup::new(cell, SERVER).config(&echoes(&head, &[("one", ""), ("two", "")])).start().end();
            let end = end.exited(0).nothing_left();
            assert_eq!(said_in(&end), ["one", "two", "server"], "{question}: {}", end.story());
        }
        // What it answers after its time does not count, and one that does not hear is killed.
        for (trap, stop_limit, told) in
            [("15:0:0", "1h", &["asked", "trapped 15", "finished 15"][..]), ("15:0", "TIME", &["asked", "trapped 15"])]
        {
            let start = |limit: &str| {
                let question = format!("[\"{PROBE}\", \"do\", \"trap={trap}\", \"print=asked\", \"pause\"]");
                let stop_limit = stop_limit.replace("TIME", limit);
                // The commands have the time that they need.
                let own = "timeout = \"1h\"\n";
                let head = format!("skip_if = {question}\ntimeout = \"{limit}\"\nstop_timeout = \"{stop_limit}\"\n");
                let setup = Setup::new(cell, SERVER).config(&echoes(&head, &[("one", own), ("two", own)]));
                setup.start().end().exited(0).nothing_left()
            };
            let (end, _) = within_a_limit(start, |end| end.out.contains("asked\ntrapped 15\n"));
            assert_eq!(said_in(&end), [told, &["one", "two", "server"]].concat(), "{trap}: {}", end.story());
        }
    });
}

/// A condition that does not hold leaves nothing to ask about.
#[test]
fn nobody_asks_about_what_does_not_run() {
    each_place(|cell| {
        let ask = "skip_if = [\"sh\", \"-c\", \"echo question; exit 1\"]\n";
        let config = echoes(&format!("when = [\"env:GO\"]\n{ask}"), &[("one", "")]);
        let start = |go: &str| Setup::new(cell, SERVER).config(&config).env("GO", go).start().end().exited(0);
        assert_eq!(said_in(&start("")), ["server"]);
        assert_eq!(said_in(&start("1")), ["question", "one", "server"]);
    });
}

/// A question is the hook's: in its directory, environment and phase, without the server's input.
#[test]
fn a_question_finds_what_a_hook_finds() {
    each_place(|cell| {
        let config = format!(
            "env.set = {{ A = \"b\" }}\n{}",
            echoes(&format!("skip_if = [\"{PROBE}\", \"${{WHAT}}\"]\n"), &[("one", "")])
        );
        let start = |what: &str| Setup::new(cell, SERVER).config(&config).env("WHAT", what).start().end().exited(0).out;
        let text = start("environ");
        for line in ["A=b", "APP_INIT_PHASE=deploy"] {
            assert!(text.lines().any(|other| other == line), "no {line}: {text}");
        }
        let text = start("state");
        let null_device = format!("device {}", nix::libc::makedev(1, 3));
        assert!(said(&text, "fd 0").contains(&null_device), "{text}");
        assert_eq!((said(&text, "cwd"), said(&text, "group")), (APP, said(&text, "pid")));
    });
}

/// §6.10: a stop request during the question.
#[test]
fn a_stop_request_during_a_question_means_no_server() {
    each_place(|cell| {
        for mode in ["--supervise", "--exec"] {
            for code in [0, 1] {
                let question =
                    format!("skip_if = [\"{PROBE}\", \"do\", \"trap=15:0:{code}\", \"print=asked\", \"pause\"]\n");
                let setup = Setup::new(cell, [mode]).args(SERVER).config(&echoes(&question, &[("one", "")]));
                let run = setup.start();
                run.line("asked");
                run.signal(signal::TERM);
                let end = run.end().exited(143).nothing_left();
                assert!(!said_in(&end).iter().any(|line| ["one", "server"].contains(line)), "{}", end.story());
            }
        }
    });
}

#[test]
fn conditions_that_are_none_are_faults() {
    for condition in ["always", "env:", "env:1A", "env", "var:A", "A=b", "", "!", "role:", "file:"] {
        let config = echoes(&format!("when = [\"{condition}\"]\n"), &[("ran", "")]);
        let end = Setup::new(Cell::PID1, SERVER).config(&config).start().end().exited(78);
        let told = format!(
            "app-init.toml:2: hooks.deploy.when[0]: `{condition}` is no condition; write env:NAME, env:NAME=value, \
            env:NAME!=value, argv:GLOB, args:GLOB, role:NAME, file:PATH or root\napp-init: 1 fault"
        );
        let end = end.complains(&[&told]);
        assert_eq!(end.out, "", "{}", end.story());
    }
    let end = Setup::new(Cell::PID1, SERVER).config(&echoes("skip_if = []\n", &[("ran", "")])).start().end().exited(78);
    end.complains(&[
        "hooks.deploy.skip_if: is empty; write a command that exits with 0 when there is nothing to do, or remove it",
    ]);
}

/// What a condition turns off is told by `check`, and by a boot at `-v`; a command that follows its hook is not told again.
#[test]
fn what_is_off_is_named() {
    let config = echoes("when = [\"env:NONE\"]\n", &[("hook", ""), ("ran", "when = [\"!env:NONE\"]\n")])
        + "[[hooks.post-stop.run]]\ncommand = [\"echo\", \"run\"]\nwhen = [\"env:NONE\"]\n\
            [[wait]]\ntarget = \"file:/none\"\nwhen = [\"env:NONE\"]\n\
            [[prepare]]\ndir = \"made\"\nwhen = [\"env:NONE\"]\n";
    let names = ["prepare[0]", "wait[0]", "hooks.post-stop.run[0]", "hooks.deploy"];
    let told = names.map(|name| format!("{name} is off: its `when` does not hold"));
    let start = |args: &[&str]| Setup::new(Cell::PID1, args).args(&SERVER[1..]).config(&config).start().end().exited(0);
    for (args, from) in [(&["check"][..], "note: "), (&["-v", "--"], "app-init: ")] {
        let end = start(args);
        let all = format!("{}{}", end.out, end.err);
        let off: Vec<&str> = all.lines().filter(|line| line.contains(" is off")).collect();
        assert_eq!(off, told.each_ref().map(|line| format!("{from}{line}")), "{}", end.story());
    }
    let end = start(&["--"]);
    assert!(!end.err.contains(" is off"), "{}", end.story());
    assert_eq!(said_in(&end), ["ran", "server"]);
}
