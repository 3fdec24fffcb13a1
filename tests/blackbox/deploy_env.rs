//! §6.6: the `deploy-env` hook writes variables for everything that comes after it.

use super::environment::{value, with_user};
use crate::harness::*;

const ENVIRON: [&str; 3] = ["--", PROBE, "environ"];
const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];

fn lines_of<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    text.lines().map(str::trim_end).filter(|line| words.contains(line)).collect()
}

/// §6.6: both forms, and that each byte of a value is taken as it is.
#[test]
fn what_the_hook_writes_is_the_servers_environment() {
    let hook = "echo A=plain >&3\n\
        printf 'B= x \"y\" # z '\"'\"' $HOME =\\n\\n' >&3\n\
        printf 'C<<END\\none\\n\\n END\\nEND two\\nEND\\n' >&3\n\
        printf 'D<<E\\nE\\n' >&3\n\
        printf 'F=\\377\\r\\n' >&3\n\
        echo A=again >&3\n\
        echo G= >&3\n\
        printf 'H=no newline' >&3\n";
    each_cell(|cell| {
        let setup = Setup::new(cell, ENVIRON).env("A", "given").env("KEPT", "1").hook("deploy-env", hook);
        let end = setup.start().end().exited(0).nothing_left();
        let expected = [
            ("A", "again"),
            ("B", " x \\\"y\\\" # z \\' $HOME ="),
            ("C", "one\\n\\n END\\nEND two"),
            ("D", ""),
            ("F", "\\xff\\r"),
            ("G", ""),
            ("H", "no newline"),
            ("KEPT", "1"),
        ];
        for (name, text) in expected {
            assert_eq!(value(&end.out, name), Some(text), "{name}\n{}", end.story());
        }
    });
}

/// §6.1, §6.6: the file, the files of the directory and the configured commands, one after another, all write.
#[test]
fn all_commands_of_the_hook_write_in_their_order() {
    each_place(|cell| {
        let config =
            "[[hooks.deploy-env.run]]\ncommand = [\"sh\", \"-c\", \"echo A=4 >&3; echo D=$${A:-unset} >&3\"]\n";
        let setup = Setup::new(cell, ENVIRON)
            .config(config)
            // Its last line is one, whatever the next one writes.
            .hook("deploy-env", "printf 'A=1\nB=1\n' >&3; printf E=1 >/dev/fd/3")
            .hook("deploy-env.d/1", "echo A=2 >&3; echo \"B=$APP_INIT_PHASE\" >&3")
            .hook("deploy-env.d/2", "echo A=3 >&3; echo C=3 >&3");
        let end = setup.start().end().exited(0);
        let found = ["A", "B", "C", "D", "E"].map(|name| value(&end.out, name));
        // They do not see each other's: that is known when all have run.
        assert_eq!(found, [Some("4"), Some("deploy-env"), Some("3"), Some("unset"), Some("1")], "{}", end.story());
        let announced = lines_of(
            &end.out,
            &[
                " -----> Running .docker/action_hooks/deploy-env",
                " -----> Running .docker/action_hooks/deploy-env.d/1",
                " -----> Running .docker/action_hooks/deploy-env.d/2",
            ],
        );
        assert_eq!(announced.len(), 3, "{}", end.story());
    });
}

/// §6.6, §0.5: the line is named; what is in it, which may be a secret, is not.
#[test]
fn a_malformed_line_is_a_fault_without_its_value() {
    each_place(|cell| {
        for (written, line, what) in [
            ("GOOD=1\\nhunter2\\n", 2, "has no `=`; write NAME=value, or NAME<<END for several lines"),
            ("BAD-NAME=hunter2\\n", 1, "has a name that no variable can have; use letters, digits and _"),
            ("export A=hunter2\\n", 1, "has a name that no variable can have"),
            ("# hunter2\\n", 1, "has no `=`"),
            ("A<<\\nhunter2\\n", 1, "has no single word after `<<`; write NAME<<END"),
            ("A=1\\n\\nB<<END\\nhunter2\\n", 3, "has a `<<` that is never closed; write its word alone on a line"),
            ("A<hunter2\\n", 1, "has no `=`"),
            ("A=hunter2\\000\\n", 1, "holds a NUL byte, which no variable can"),
        ] {
            let hook = format!("printf '{written}' >&3");
            for args in
                [&["-v", "--", PROBE, "do", "print=server"][..], &["env"], &["exec", "true"], &["hook", "deploy"]]
            {
                let setup = Setup::new(cell, args).env("APP_INIT_LOG", "trace").hook("deploy", "echo deploying");
                let end = setup.hook("deploy-env", &hook).start().end().exited(78).nothing_left();
                let told = format!("hooks.deploy-env: what it wrote, line {line}: {what}");
                let end = end.complains(&[&told, "nothing was started"]);
                assert!(!format!("{}{}", end.out, end.err).contains("hunter2"), "{}", end.story());
                assert_eq!(lines_of(&end.out, &["server", "deploying"]), Vec::<&str>::new(), "{}", end.story());
            }
        }
    });
}

/// §6.7.
#[test]
fn a_failed_hook_ends_the_boot() {
    each_cell(|cell| {
        let setup = |args: &[&str]| {
            let setup =
                Setup::new(cell, args).hook("deploy-env", "echo A=1 >&3; exit 3").hook("deploy", "echo deploying");
            setup.hook("on-failure", "echo \"alert $APP_INIT_FAILED_HOOK $APP_INIT_FAILED_CODE\"")
        };
        let end = setup(&SERVER).start().end().exited(70).nothing_left();
        let end = end.complains(&[
            "deploy-env hook failed: .docker/action_hooks/deploy-env: exit 3",
            "the server is not started",
        ]);
        let alert = "alert .docker/action_hooks/deploy-env 3";
        assert_eq!(lines_of(&end.out, &["server", "deploying", alert]), [alert], "{}", end.story());
        for args in [&["exec", PROBE, "do", "print=server"][..], &["hook", "deploy"]] {
            let end = setup(args).start().end().exited(70).nothing_left();
            assert_eq!(lines_of(&end.out, &["server", "deploying"]), Vec::<&str>::new(), "{}", end.story());
        }
        // A shell always opens (§11).
        let end = setup(&["shell", "-c", "echo \"shell <$A>\""]).start().end().exited(0);
        end.complains(&["this shell has no environment of the deploy-env hook"]);
    });
}

/// §6.7: what it wrote before it failed counts.
#[test]
fn with_continue_the_server_starts_all_the_same() {
    each_place(|cell| {
        let config = "hooks.deploy-env.on_failure = \"continue\"\n";
        let setup = Setup::new(cell, ENVIRON).config(config).hook("deploy-env", "echo A=1 >&3; exit 3");
        let end = setup.hook("deploy", "echo \"deploying $A\"").start().end().exited(0);
        let end = end.complains(&["deploy-env hook failed", "going on without .docker/action_hooks/deploy-env"]);
        assert_eq!(value(&end.out, "A"), Some("1"), "{}", end.story());
        assert_eq!(lines_of(&end.out, &["deploying 1"]), ["deploying 1"], "{}", end.story());
    });
}

/// What it prints is the container's output, as every hook's; `exec`, `env` and a shell print their own alone.
#[test]
fn what_the_hook_prints_is_not_what_it_writes() {
    each_place(|cell| {
        let hook = "echo 'A=printed'; echo 'B=complained' >&2; echo C=written >&3";
        let setup = |args: &[&str]| Setup::new(cell, args).hook("deploy-env", hook);
        let end = setup(&ENVIRON).start().end().exited(0).complains(&["B=complained"]);
        let at = |line: &str| end.out.lines().position(|other| other == line);
        assert!(at("A=printed") < at("C=written") && at("A=printed").is_some(), "{}", end.story());
        assert_eq!(end.out.matches("A=printed").count(), 1, "{}", end.story());
        for args in [&["exec", "--", "sh", "-c", "echo $C"][..], &["shell", "-c", "echo $C"]] {
            let end = setup(args).start().end().exited(0).complains(&["A=printed", "B=complained"]);
            assert_eq!(end.out, "written\n", "{args:?}\n{}", end.story());
        }
        let end = setup(&ENVIRON).config("log.hook_output = \"stderr\"\n").start().end().exited(0);
        let end = end.complains(&["A=printed", " -----> Running"]);
        assert!(!end.out.contains("printed"), "{}", end.story());
    });
}

/// More than a pipe takes does not block it, and a kernel's refusal of that much is told as such.
#[test]
fn much_can_be_written() {
    each_place(|cell| {
        let hook = |lines: usize| {
            let line = format!("'LONG_%d='{}'\\n'", "x".repeat(1000));
            format!("i=0; while [ $i -lt {lines} ]; do printf {line} $i; i=$((i+1)); done >&3; echo LAST=end >&3")
        };
        let end = Setup::new(cell, ENVIRON).hook("deploy-env", &hook(1050)).start().end().exited(0).nothing_left();
        assert_eq!(end.out.lines().filter(|line| line.starts_with("LONG_") && line.len() > 1000).count(), 1050);
        assert_eq!(value(&end.out, "LAST"), Some("end"));
        let one = "head -c 1048576 /dev/zero | tr '\\0' x | sed 's/^/LONG=/' >&3";
        let end = Setup::new(cell, ENVIRON).hook("deploy-env", one).start().end().exited(78).nothing_left();
        end.complains(&["env: LONG from the deploy-env hook has more than the 128 KiB that the kernel takes"]);
        let endless = "yes A=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 5000000 >&3";
        let end = Setup::new(cell, SERVER).hook("deploy-env", endless).start().end().nothing_left();
        let end = end.exited(70).complains(&["the deploy-env hook wrote more than 4 MiB of variables; write less"]);
        assert_eq!(lines_of(&end.out, &["server"]), Vec::<&str>::new(), "{}", end.story());
    });
}

/// §6.3: what it leaves behind is app-init's, and lives on. It holds descriptor 3, and nobody waits for its end.
#[test]
fn what_the_hook_leaves_behind_lives_on() {
    each_place(|cell| {
        let hook = format!("{PROBE} do trap=15:0:3 print=helper pause &\necho A=1 >&3");
        let server = [PROBE, "do", "trap=15:0:4", "print=server", "pause"];
        let setup = Setup::new(cell, ["--"]).args(server).hook("deploy-env", &hook);
        let run = setup.config("stop.leftovers = \"3s\"\n").start();
        run.lines(&["helper", "server"]);
        let helpers =
            |run: &Running| run.processes().iter().filter(|one| one.name == "probe" && one.state != 'Z').count();
        // In the place that is no PID 1 the launcher's own PID 1 is a probe, too.
        let own = usize::from(!cell.pid1);
        assert_eq!(helpers(&run), 2 + own, "{:#?}", run.processes());
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        assert_eq!(end.out.matches("finished 15").count(), 2, "{}", end.story());
    });
}

/// §7.2: in exec mode it would be the server's child, so it is gone before.
#[test]
fn in_exec_mode_what_the_hook_leaves_behind_is_ended_first() {
    each_place(|cell| {
        let hook = format!("{PROBE} do trap=15:0:3 print=helper pause &\necho A=1 >&3\n");
        let look = format!("echo \"server <$A>\"; {PROBE} do reaped");
        let setup = Setup::new(cell, ["--exec", "--", "sh", "-c", &look]).hook("deploy-env", &hook);
        let end = setup.start().end().exited(0).nothing_left();
        let lines = lines_of(&end.out, &["helper", "finished 15", "server <1>", "strangers 0"]);
        assert_eq!(lines.last(), Some(&"strangers 0"), "{}", end.story());
        assert!(lines.contains(&"server <1>"), "{}", end.story());
    });
}

/// §6.10.
#[test]
fn a_stop_request_during_the_hook_ends_the_boot() {
    each_cell(|cell| {
        for args in [&SERVER[..], &["--exec", "--", PROBE, "do", "print=server"]] {
            let hook = format!("echo A=1 >&3; exec {PROBE} do trap=15:100:0 print=hook pause");
            let run = Setup::new(cell, args).hook("deploy-env", &hook).hook("deploy", "echo deploying").start();
            run.line("Running");
            run.line("hook");
            run.signal(signal::TERM);
            let end = run.end().exited(143).nothing_left();
            assert_eq!(lines_of(&end.out, &["server", "deploying"]), Vec::<&str>::new(), "{}", end.story());
        }
    });
}

/// Whoever writes without end keeps nobody from hearing it.
#[test]
fn a_stop_request_is_heard_while_the_hook_writes() {
    each_place(|cell| {
        let writers = "for i in 1 2 3 4; do cat /dev/zero >&3 & done; echo writing; wait";
        let run = Setup::new(cell, SERVER).hook("deploy-env", writers).start();
        run.line("writing");
        run.signal(signal::TERM);
        run.end().exited(143);
    });
}

/// §0.3, §11: a shell opens with every fault, and not when somebody wants it to end.
#[test]
fn a_stop_request_during_the_hook_opens_no_shell() {
    each_place(|cell| {
        let hook = format!("exec {PROBE} do trap=15:0:0 eprint=hook pause");
        for args in [&["shell", "-c", "echo opened"][..], &["exec", "echo", "opened"], &["env"]] {
            let run = Setup::new(cell, args).hook("deploy-env", &hook).start();
            run.err_line("hook");
            run.signal(signal::TERM);
            let end = run.end().exited(143).nothing_left();
            assert!(!end.out.contains("opened") && !end.out.contains("PATH="), "{args:?}\n{}", end.story());
        }
    });
}

/// §0.3: a stop request that comes together with the hook's end is not lost between the two plans.
#[test]
fn a_stop_request_at_the_hooks_end_is_heard() {
    each_place(|cell| {
        let first = if cell.pid1 { 1 } else { 2 };
        let at_its_end = format!("echo A=1 >&3; exec {PROBE} do kill={first}:15");
        let after_it = format!("echo A=1 >&3; {PROBE} do kill={first}:15 &");
        for hook in [at_its_end, after_it].iter().cycle().take(40) {
            let server = [PROBE, "do", "trap=15:0:4", "print=server", "pause"];
            let end = Setup::new(cell, ["--"]).args(server).hook("deploy-env", hook).start().end();
            // Whether the server was there already is a matter of moments.
            assert!(matches!(end.how, Ended::Exited(4 | 143)), "{}", end.story());
        }
    });
}

/// §7.2: nor is it where the server takes app-init's place.
#[test]
fn in_exec_mode_a_stop_request_at_the_hooks_end_is_heard() {
    each_place(|cell| {
        let first = if cell.pid1 { 1 } else { 2 };
        // Before its end: the server is not there yet.
        let hook = format!("exec {PROBE} do kill={first}:15");
        for name in ["deploy-env", "deploy"].iter().cycle().take(40) {
            let server = [PROBE, "do", "trap=15:0:4", "print=server", "pause"];
            let setup = Setup::new(cell, ["--exec", "--"]).args(server).hook(name, &hook);
            let run = setup.hook(if *name == "deploy" { "x" } else { "deploy.d/x" }, "exit 0").start();
            let end = run.end().nothing_left();
            assert!(matches!(end.how, Ended::Exited(143)), "{name}: {}", end.story());
        }
    });
}

/// §3, §6.6: they are there for the server's command, waits and other hooks, `when` included.
#[test]
fn what_was_written_expands_in_everything_after_it() {
    each_place(|cell| {
        let config = format!(
            "[server]\ncommand = [\"{PROBE}\", \"do\", \"print=server ${{A}}\"]\n\
             args = [[\"print=optional ${{B}}\"], \"exit=${{CODE}}\"]\n\
             [[wait]]\ntarget = \"file:${{PLACE}}\"\ntimeout = \"${{LIMIT}}\"\n\
             [[wait]]\ncommand = [\"sh\", \"-c\", \"[ $$A = 1 ] && [ ${{A}} = 1 ]\"]\n\
             [[hooks.deploy.run]]\ncommand = [\"echo\", \"deploying ${{A}}\"]\nwhen = [\"env:A=1\"]\n\
             [[hooks.deploy.run]]\ncommand = [\"echo\", \"not this\"]\nwhen = [\"env:A!=1\"]\n\
             [env]\nrequire = [\"A\", \"CODE\"]\nunset = [\"GONE\"]\n"
        );
        let hook = "printf 'A=1\\nCODE=5\\nPLACE=/mnt/app/there\\nLIMIT=20s\\nGONE=1\\n' >&3";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config(&config).file("there", "", 0o644);
            setup.hook("deploy-env", hook).hook("deploy", "echo \"file $A $CODE <$GONE>\"")
        };
        let end = setup(&["--"]).start().end().exited(5).nothing_left();
        let words = ["file 1 5 <>", "deploying 1", "not this", "server 1"];
        assert_eq!(lines_of(&end.out, &words), ["file 1 5 <>", "deploying 1", "server 1"], "{}", end.story());
        let end = setup(&["hook", "deploy"]).start().end().exited(0);
        assert_eq!(lines_of(&end.out, &words), ["file 1 5 <>", "deploying 1"], "{}", end.story());
        for args in [
            &["exec", "--", "sh", "-c", "echo \"other $A <$GONE>\""][..],
            &["shell", "-c", "echo \"other $A <$GONE>\""],
        ] {
            let end = setup(args).start().end().exited(0);
            assert_eq!(end.lines().last(), Some(&"other 1 <>"), "{}", end.story());
        }
        // `check` runs nothing, so what is not set may come from the hook.
        let end = setup(&["check"]).start().end().exited(0);
        assert!(end.out.contains("\ndeploy-env\n  .docker/action_hooks/deploy-env"), "{}", end.story());
        // Without the hook it is a fault.
        let end = setup(&["--"]).env("APP_INIT_SKIP", "deploy-env").start().end().exited(78);
        end.complains(&["${A} is not set", "env.require: A, CODE are not set"]);
        let end = setup(&["--no-hooks", "--"]).start().end().exited(78);
        end.complains(&["env.require: A, CODE are not set"]);
    });
}

/// §6.2, §11: what is odd in what comes after the hook is said all the same.
#[test]
fn what_is_found_after_the_hook_is_told() {
    each_place(|cell| {
        let told = "hook .docker/action_hooks/deploy is not executable and is skipped; run chmod +x";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).file(".docker/action_hooks/deploy", "#!/bin/sh\n", 0o644);
            setup.hook("deploy-env", "echo A=1 >&3")
        };
        setup(&SERVER).env("APP_INIT_SKIP", "deploy-env").start().end().exited(4).complains(&[told]);
        let end = setup(&SERVER).start().end().exited(4).complains(&[told]);
        assert_eq!(end.err.matches(told).count(), 1, "{}", end.story());
        // A shell opens with faults, and tells them.
        let shell = ["shell", "-c", "echo \"shell <$A>\""];
        let end = setup(&shell).config("env.require = [\"NONE\"]\n").start().end().exited(0);
        let end = end.complains(&["env.require: NONE is not set, or empty; set it"]);
        assert_eq!(end.lines().last(), Some(&"shell <1>"), "{}", end.story());
        let end = Setup::new(cell, shell).hook("deploy-env", "echo A=1 >&3; echo hunter2 >&3").start().end().exited(0);
        let end = end.complains(&["hooks.deploy-env: what it wrote, line 2: has no `=`"]);
        assert!(!end.err.contains("hunter2"), "{}", end.story());
    });
}

/// §6.4: it has the settings of every hook; every try writes, and the last word counts.
#[test]
fn the_hook_has_the_settings_of_every_hook() {
    each_place(|cell| {
        let run = |config: &str, hook: &str| {
            Setup::new(cell, ENVIRON)
                .config(&format!("[hooks.deploy-env]\n{config}\n"))
                .hook("deploy-env", hook)
                .start()
                .end()
        };
        let end = run(
            "retry = { max = 3, backoff = \"1ms\" }",
            "echo \"A=$(ls | wc -l)\" >&3; [ -e two ] || { >one; mv one two; exit 1; }",
        );
        assert_eq!(value(&end.exited(0).out, "A"), Some("1"));
        let end = run("timeout = \"100ms\"", &format!("echo A=1 >&3; exec {PROBE} do pause")).exited(70);
        end.complains(&["deploy-env hook .docker/action_hooks/deploy-env ran longer than 100ms"]);
        for config in ["skip_if = [\"true\"]", "when = [\"env:NONE\"]", "when = [\"argv:other\"]"] {
            assert_eq!(value(&run(config, "echo A=1 >&3").exited(0).out, "A"), None, "{config}");
        }
        for config in ["skip_if = [\"false\"]", "when = [\"env:PATH\"]", "when = [\"argv:*/probe\"]"] {
            assert_eq!(value(&run(config, "echo A=1 >&3").exited(0).out, "A"), Some("1"), "{config}");
        }
        // One that does not run gives nothing.
        let end = run("when = [\"env:NONE\"]\n[env]\nrequire = [\"A\"]", "echo A=1 >&3").exited(78);
        end.complains(&["env.require: A is not set"]);
    });
}

/// `exec` and `env` leave nobody behind them.
#[test]
fn what_the_hook_leaves_behind_does_not_outlive_a_command() {
    each_place(|cell| {
        let hook = format!("{PROBE} do trap=15:0:3 eprint=helper pause &\necho A=1 >&3\n");
        for args in [&["exec", PROBE, "do", "reaped"][..], &["env"]] {
            let end = Setup::new(cell, args).hook("deploy-env", &hook).start().end().exited(0).nothing_left();
            assert!(args[0] == "env" || end.lines().contains(&"strangers 0"), "{}", end.story());
        }
    });
}

/// APP_INIT_SKIP.
#[test]
fn the_hook_can_be_skipped() {
    each_place(|cell| {
        let setup = Setup::new(cell, ENVIRON).hook("deploy-env", "echo A=1 >&3").hook("deploy", "echo deploying");
        let end = setup.env("APP_INIT_SKIP", "deploy-env").start().end().exited(0);
        assert_eq!(value(&end.out, "A"), None, "{}", end.story());
        assert_eq!(lines_of(&end.out, &["deploying"]), ["deploying"], "{}", end.story());
        // Asked for by name it runs, and shows that nobody hears it.
        let setup = Setup::new(cell, ["hook", "deploy-env"]).hook("deploy-env", "echo A=1 >&3; echo ran; exit 7");
        let end = setup.start().end().exited(7);
        assert_eq!(lines_of(&end.out, &["ran"]), ["ran"], "{}", end.story());
    });
}

/// §6.3, §7.9: it finds what every hook finds, and descriptor 3; no other hook has that.
#[test]
fn only_this_hook_has_the_descriptor() {
    each_cell(|cell| {
        let null = || std::fs::File::open("/dev/null").expect("it is there").into();
        let end = Setup::new(cell, SERVER)
            .hook("deploy-env", &format!("{PROBE} state; echo middle"))
            .hook("deploy", &format!("exec {PROBE} state"))
            .descriptor(3, null())
            .descriptor(9, null())
            .start()
            .end()
            .exited(4);
        let (first, second) = end.out.split_once("middle").expect("the first hook says so");
        let descriptors = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("fd "));
            lines.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(descriptors(first), ["0", "1", "2", "3"], "{}", end.story());
        assert_eq!(descriptors(second), ["0", "1", "2"], "{}", end.story());
        for key in ["SigBlk", "SigIgn", "cwd", "Umask", "fd 0"] {
            assert_eq!(said(first, key), said(second, key), "{key}: {}", end.story());
        }
    });
}

/// §5: it runs as the user, in the environment of the steps before it.
#[test]
fn the_hook_runs_as_the_configured_user() {
    each_place(|cell| {
        let config = "user = \"app\"\n[env]\nset = { A = \"set\" }\n";
        let hook = "echo \"WHO=$(id -u):$(id -g):$HOME:$USER:$A:$(pwd)\" >&3";
        let end = with_user(Setup::new(cell, ENVIRON), config).hook("deploy-env", hook).start().end().exited(0);
        assert_eq!(value(&end.out, "WHO"), Some("12345:12345:/home/app:app:set:/mnt/app"), "{}", end.story());
        // What it says is the user's, and nothing for what runs as root.
        let config = "user = \"app\"\n[[hooks.deploy.run]]\ncommand = [\"env\"]\nuser = \"root\"\n";
        let setup = with_user(Setup::new(cell, ENVIRON), config);
        let end = setup.hook("deploy-env", "echo WRITTEN=x >&3").start().end().exited(0).nothing_left();
        let end = end
            .complains(&["cannot hand on WRITTEN to programs with more rights than app, who could have written it; "]);
        assert_eq!(end.out.matches("WRITTEN=x").count(), 1, "{}", end.story());
    });
}

/// It could set a variable for what comes after it, and not for what runs before it has written anything: that would be
/// left out without a word. `on-failure` may be told of this hook's own failure.
#[test]
fn what_runs_before_the_hook_has_written_needs_its_variables() {
    const BEFORE: [(&str, &str); 7] = [
        ("hooks.deploy-env.run = [{ command = [\"true\", \"${A}\"] }]\n", "hooks.deploy-env.run[0].command: ${A} is"),
        ("hooks.deploy-env.run = [{ command = [\"true\", \"${A:?say A}\"] }]\n", "run[0].command: A: say A"),
        ("hooks.deploy-env.skip_if = [\"true\", \"${A}\"]\n", "hooks.deploy-env.skip_if: ${A} is not set"),
        ("hooks.deploy-env.timeout = \"${A}\"\n", "hooks.deploy-env.timeout: ${A} is not set"),
        (
            "hooks.deploy-env.retry = { max = 1, backoff = \"${A:-x}\" }\n",
            "hooks.deploy-env.retry.backoff: `${A:-x}` does",
        ),
        ("hooks.on-failure.run = [{ command = [\"echo\", \"${A}\"] }]\n", "hooks.on-failure.run[0].command: ${A} is"),
        ("prepare = [{ dir = \"${A}\" }]\n", "prepare[0].dir: ${A} is not set"),
    ];
    each_place(|cell| {
        for (config, told) in BEFORE {
            let setup =
                |args: &[&str]| Setup::new(cell, args).config(config).hook("deploy-env", "echo ran; echo A=1 >&3");
            let end = setup(&SERVER).start().end().exited(78).complains(&[told]);
            assert_eq!(lines_of(&end.out, &["ran", "server"]), Vec::<&str>::new(), "{}", end.story());
            setup(&["check", "true"]).start().end().exited(78).complains(&[told]);
        }
        // All else has them.
        let config = "hooks.deploy.run = [{ command = [\"echo\", \"${A}\"] }]\n";
        let setup = Setup::new(cell, SERVER).config(config).hook("deploy-env", "echo A=deploying >&3");
        let end = setup.start().end().exited(4);
        assert_eq!(lines_of(&end.out, &["deploying"]), ["deploying"], "{}", end.story());
    });
}

/// What is wrong whatever the hook writes is told before it runs, and by `check`.
#[test]
fn what_the_hook_cannot_mend_is_told_before_it_runs() {
    let late = "${A} is not set; set it, or write ${A:-default}; what deploy-env writes is not there yet";
    let never = "env.require: A is taken away by env.unset; remove it from one of them";
    for (config, told) in [
        ("[env.set]\nB = \"${A}\"\n", format!("env.set.B: {late}")),
        ("[env.defaults]\nB = \"${A}\"\n", format!("env.defaults.B: {late}")),
        ("[env]\npath_prepend = [\"/x\", \"${A}/bin\"]\n", format!("env.path_prepend[1]: {late}")),
        ("[env]\nrequire = [\"B\", \"A\"]\nunset = [\"A\"]\n", never.to_owned()),
    ] {
        for args in [&["check", PROBE][..], &SERVER, &["exec", "--", PROBE], &["hook", "deploy"]] {
            let setup = Setup::new(Cell::PID1, args).config(config).hook("deploy-env", "echo A=1 >&3; echo B=1 >&3");
            let end = setup.hook("deploy", "").start().end().exited(78).complains(&[&told]);
            assert_eq!(end.out, "", "{}", end.story());
        }
    }
    // Without the hook as well, and what it can mend is none.
    let config = "[env]\nrequire = [\"A\"]\nunset = [\"A\"]\n";
    Setup::new(Cell::PID1, SERVER).config(config).env("A", "1").start().end().exited(78).complains(&[never]);
    let config = "[env]\nrequire = [\"A\"]\n";
    Setup::new(Cell::PID1, SERVER).config(config).hook("deploy-env", "echo A=1 >&3").start().end().exited(4);
}
