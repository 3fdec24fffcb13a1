//! Hooks: their order, what they find, what their end means, and what a stop request does to them.

use crate::harness::*;

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];
const SLOW: &str = "app-init: warning: .docker/action_hooks/deploy did not end in time, sending KILL\n";
const WAITING_SERVER: [&str; 7] = ["--", PROBE, "do", "trap=15:0:4", "print=server", "pause", "exit=1"];

/// The lines of the text that are exactly one of the words, in their order.
fn order<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    text.lines().map(str::trim_end).filter(|line| words.contains(line)).collect()
}

/// §6.1.
#[test]
fn hooks_run_in_their_order_before_the_server() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "echo one")
            .hook("deploy.d/10-b", "echo three")
            .hook("deploy.d/10-B", "echo two")
            .hook("deploy.d/9", "echo four")
            .config("[[hooks.deploy.run]]\ncommand = [\"echo\", \"five\"]\n[[hooks.deploy.run]]\ncommand = [\"echo\", \"six\"]\n")
            .start()
            .end()
            .exited(4)
            .nothing_left();
        let words = ["one", "two", "three", "four", "five", "six", "server"];
        assert_eq!(order(&end.out, &words), words, "{}", end.story());
    });
}

/// §6.1. The announcement is a line of stdout, before the hook's own output.
#[test]
fn each_hook_is_announced() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER).hook("deploy", "echo one").hook("deploy.d/a", "echo two").start().end();
        let lines: Vec<&str> = end.out.lines().map(str::trim_end).collect();
        let at = |line: &str| lines.iter().position(|other| *other == line);
        let first = at(" -----> Running .docker/action_hooks/deploy");
        let second = at(" -----> Running .docker/action_hooks/deploy.d/a");
        assert!(first.is_some() && first < at("one") && at("one") < second && second < at("two"), "{}", end.story());
    });
}

/// §6.1.
#[test]
fn hook_output_can_go_to_stderr() {
    each_place(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "echo one")
            .config("[log]\nhook_output = \"stderr\"\n")
            .start()
            .end()
            .exited(4)
            .complains(&[" -----> Running .docker/action_hooks/deploy", "one"]);
        assert_eq!(end.out, "server\n", "{}", end.story());
    });
}

/// C66, C70, §6.3, §7.9.
#[test]
fn a_hook_finds_what_it_is_promised() {
    each_cell(|cell| {
        let null = || std::fs::File::open("/dev/null").expect("it is there").into();
        let end = Setup::new(cell, SERVER)
            .hook("deploy", &format!("{PROBE} environ; exec {PROBE} state"))
            .env("NOTIFY_SOCKET", "/run/notify")
            .env("LISTEN_PID", "1")
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "web")
            .descriptor(3, null())
            .descriptor(9, null())
            .start()
            .end()
            .exited(4);
        let text = &end.out;
        assert_eq!(said(text, "group"), said(text, "pid"), "{}", end.story());
        assert_eq!(said(text, "cwd"), APP);
        assert_eq!((said(text, "SigBlk"), said(text, "SigIgn")), ("0000000000000000", "0000000000000000"));
        let null_device = format!("device {}", nix::libc::makedev(1, 3));
        assert!(said(text, "fd 0").contains(&null_device), "{}", end.story());
        assert!(!text.contains("fd 3 ") && !text.contains("fd 9 "), "{}", end.story());
        assert!(!text.contains("NOTIFY_SOCKET") && !text.contains("LISTEN_"), "{}", end.story());
        assert!(text.contains("APP_INIT_PHASE=deploy"), "{}", end.story());
        let named = text.lines().find(|line| line.starts_with("APP_INIT_HOOK=")).unwrap_or_default();
        assert!(named.contains("deploy"), "{}", end.story());
    });
}

/// §6.3: cwd is `workdir`.
#[test]
fn a_hook_runs_in_the_workdir() {
    each_place(|cell| {
        let end = Setup::new(cell, SERVER)
            .config("workdir = \"/usr\"\nhooks_dir = \"/mnt/app/hooks\"\n")
            .file("hooks/deploy", "#!/bin/sh\npwd\n", 0o755)
            .start()
            .end()
            .exited(4);
        assert!(order(&end.out, &["/usr"]) == ["/usr"], "{}", end.story());
    });
}

/// C66. On a terminal a hook is not in the foreground, so ^C goes to app-init, which stops it.
#[test]
fn an_interrupt_during_a_hook_ends_the_boot() {
    each_terminal_place(|cell| {
        let mut run = Setup::new(cell, SERVER).hook("deploy", &format!("exec {PROBE} do print=hook pause")).start();
        run.line("hook");
        run.line("hook");
        run.write("\x03");
        let end = run.end().exited(130).nothing_left();
        assert!(order(&end.out, &["server"]).is_empty(), "{}", end.story());
    });
}

/// §6.7. Fails closed: what comes after it does not run, the server neither.
#[test]
fn a_failed_hook_ends_the_boot_with_70() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "exit 3")
            .hook("deploy.d/later", "echo later")
            .start()
            .end()
            .exited(70)
            .nothing_left()
            .complains(&["deploy", "3"]);
        assert!(order(&end.out, &["later", "server"]).is_empty(), "{}", end.story());
    });
}

/// §6.7.
#[test]
fn with_continue_the_server_starts_and_it_is_said() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "exit 3")
            .config("[hooks.deploy]\non_failure = \"continue\"\n")
            .start()
            .end()
            .exited(4)
            .complains(&["deploy", "3"]);
        assert_eq!(order(&end.out, &["server"]), ["server"], "{}", end.story());
    });
}

/// §6.7.
#[test]
fn the_on_failure_hook_is_told_what_failed() {
    each_place(|cell| {
        for (policy, code) in [("abort", 70), ("continue", 4)] {
            let end = Setup::new(cell, SERVER)
                .hook("deploy", "exit 3")
                .hook("on-failure", "echo \"alert: $APP_INIT_FAILED_HOOK $APP_INIT_FAILED_CODE $APP_INIT_PHASE\"")
                .config(&format!("[hooks.deploy]\non_failure = \"{policy}\"\n"))
                .start()
                .end()
                .exited(code);
            let line = end.out.lines().find(|line| line.starts_with("alert: ")).unwrap_or_default();
            assert!(line.contains("deploy 3 on-failure"), "{}", end.story());
        }
    });
}

/// §6.7: its own failure changes nothing.
#[test]
fn a_failing_on_failure_hook_changes_nothing() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).hook("deploy", "exit 3").hook("on-failure", "exit 9");
        let end = setup.start().end().exited(70).nothing_left();
        // Who was to be told was not.
        end.complains(&["on-failure hook failed: .docker/action_hooks/on-failure: exit 9"]);
    });
}

/// C72.
#[test]
fn a_hook_that_a_signal_ended_is_reported_as_such() {
    each_place(|cell| {
        let end = Setup::new(cell, SERVER).hook("deploy", "kill -KILL $$").start().end().exited(70);
        let line = end.err.lines().find(|line| line.contains("deploy") && line.contains("KILL"));
        assert!(line.is_some_and(|line| !line.contains("exit 0")), "{}", end.story());
    });
}

/// §6.4. TERM to the group, then KILL; a hook out of time has failed.
#[test]
fn a_hook_out_of_time_is_stopped() {
    each_place(|cell| {
        let words = ["hook", "trapped 15", "handled 15", "finished 15", "server"];
        let announced = " -----> Running .docker/action_hooks/deploy\n";
        let start = |limit: &str, stop_limit: &str, trap: &str| {
            let config = format!("[hooks.deploy]\ntimeout = \"{limit}\"\nstop_timeout = \"{stop_limit}\"\n");
            let hook = format!("exec {PROBE} do trap={trap} print=hook pause");
            let end = Setup::new(cell, SERVER).hook("deploy", &hook).config(&config).start().end().exited(70);
            let end = end.nothing_left();
            assert!(end.out.starts_with(announced) && order(&end.out, &["server"]).is_empty(), "{}", end.story());
            end.complains(&[&format!("deploy hook .docker/action_hooks/deploy ran longer than {limit}, stopping it\n")])
        };
        // One that ends when it is asked is given the time for it.
        let (end, _) = within_a_limit(|limit| start(limit, "1h", "15:200:0"), |end| end.out.contains("hook\n"));
        assert_eq!(order(&end.out, &words), ["hook", "trapped 15", "finished 15"], "{}", end.story());
        assert!(!end.err.contains(SLOW), "{}", end.story());
        let (end, _) = within_a_limit(|limit| start(limit, limit, "15:0"), |end| end.out.contains("trapped 15\n"));
        assert_eq!(order(&end.out, &words), ["hook", "trapped 15"], "{}", end.story());
        end.complains(&[SLOW]);
    });
}

/// §6.4: a command may have its own time.
#[test]
fn a_command_may_have_its_own_timeout_and_policy() {
    each_place(|cell| {
        let config = "[hooks.deploy]\ntimeout = \"1h\"\n\
            [[hooks.deploy.run]]\ncommand = [\"sleep\", \"1000\"]\ntimeout = \"200ms\"\non_failure = \"continue\"\n\
            [[hooks.deploy.run]]\ncommand = [\"echo\", \"next\"]\n";
        let end = Setup::new(cell, SERVER).config(config).start().end().exited(4);
        assert_eq!(order(&end.out, &["next", "server"]), ["next", "server"], "{}", end.story());
    });
}

/// C43, C71, §6.10, §9.3: with its group, and nothing more is started.
#[test]
fn a_stop_request_during_a_hook_ends_the_boot() {
    each_cell(|cell| {
        for (number, code) in [(signal::TERM, 143), (signal::INT, 130), (signal::QUIT, 131), (signal::RTMIN_3, 165)] {
            let hook = format!("exec {PROBE} do trap={number}:100:0 trap=15:100:0 print=hook pause");
            let run = Setup::new(cell, SERVER).hook("deploy", &hook).hook("deploy.d/later", "echo later").start();
            run.line("Running");
            run.line("hook");
            run.signal(number);
            let end = run.end().exited(code).nothing_left();
            assert!(end.out.contains("finished "), "the hook had no time: {}", end.story());
            assert!(order(&end.out, &["later", "server"]).is_empty(), "{}", end.story());
        }
    });
}

/// §9.3. WINCH is a stop request where no window can have changed.
#[test]
fn winch_without_a_terminal_is_a_stop_request_during_a_hook() {
    each_place(|cell| {
        let run = Setup::new(cell, SERVER).hook("deploy", &format!("exec {PROBE} do print=hook pause")).start();
        run.line("Running");
        run.line("hook");
        run.signal(signal::WINCH);
        run.end().exited(128 + signal::WINCH).nothing_left();
    });
}

/// §6.10.
#[test]
fn a_hook_that_ignores_the_stop_is_killed() {
    each_place(|cell| {
        let deaf = format!("exec {PROBE} do ignore=15 print=hook pause");
        let setup = Setup::new(cell, SERVER).hook("deploy", &deaf).config("[stop]\ntimeout = \"300ms\"\n");
        let run = setup.start();
        run.line("Running");
        run.line("hook");
        run.signal(signal::TERM);
        let end = run.end().exited(143).nothing_left();
        assert!(order(&end.out, &["server"]).is_empty(), "{}", end.story());
    });
}

/// §6.10.
#[test]
fn a_hook_may_finish_before_the_stop() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).hook("deploy", &format!("echo hook; {PROBE} do until=go; echo done"));
        let run = setup.config("[hooks.deploy]\non_stop = \"finish\"\n").start();
        run.line("Running");
        run.line("hook");
        run.signal(signal::TERM);
        run.err_line("app-init: deploy hook .docker/action_hooks/deploy may finish first");
        run.touch("go");
        let end = run.end().exited(143).nothing_left();
        assert_eq!(order(&end.out, &["done", "server"]), ["done"], "{}", end.story());
    });
}

/// C45, §9.3. These mean nothing to a boot, and do not end it.
#[test]
fn other_signals_during_a_hook_are_dropped() {
    each_cell(|cell| {
        // They are blocked, so that those which are handed on stay with it until it says which have come.
        let hook = format!("exec {PROBE} do block=1 block=10 block=12 block=18 print=hook until=go pending exit=0");
        let run = Setup::new(cell, SERVER).env("APP_INIT_LOG", "debug").hook("deploy", &hook).start();
        run.line("Running");
        run.line("hook");
        let names = [(signal::HUP, "HUP"), (signal::USR1, "USR1"), (signal::USR2, "USR2"), (signal::CONT, "CONT")];
        for (number, name) in names {
            run.signal(number);
            run.err_line(&format!("app-init: {name} dropped: there is no server to send it to"));
        }
        run.touch("go");
        let end = run.end().exited(4).nothing_left();
        assert_eq!(order(&end.out, &["hook", "pending []", "server"]), ["hook", "pending []", "server"]);
    });
}

/// C73, §6.3: the original's way. It outlives the hook, its code means nothing, and it gets TERM at the stop.
#[test]
fn a_hooks_background_child_outlives_it() {
    each_place(|cell| {
        let hook = format!("{PROBE} do trap=15:200:3 print=background pause &\n(exit 3) &\nexit 0");
        let setup = Setup::new(cell, WAITING_SERVER).hook("deploy", &hook).config("[stop]\nleftovers = \"1h\"\n");
        let run = setup.start();
        run.lines(&["background", "server"]);
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        assert!(end.out.contains("background") && end.out.contains("finished 15"), "{}", end.story());
    });
}

/// §6.3: it is reaped when it ends by itself.
#[test]
fn a_hooks_background_child_is_reaped() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["--", PROBE, "do", "reaped", "exit=5"])
            .hook("deploy", "(sleep 0.1; exit 3) &")
            .start()
            .end()
            .exited(5)
            .nothing_left();
        assert!(end.out.contains("strangers 0"), "{}", end.story());
    });
}

/// They extend what the hook replaces; nobody gets them.
#[test]
fn a_start_hook_without_the_servers_args_is_a_warning() {
    each_place(|cell| {
        for (config, args) in [
            ("server.command = [\"false\"]\nserver.args = [\"a\"]\n", &["--", "x"][..]),
            ("server.args = [\"a\"]\n", &["--", "x"]),
            ("server.command = [\"false\"]\nrole.web.server.args = [\"a\"]\n", &["--", "web", "x"]),
        ] {
            let setup = Setup::new(cell, args).config(config).hook("start", "echo \"start: $*\"");
            let end = setup.start().end().exited(0).complains(&["server.args is not used: it extends server.command"]);
            assert!(end.lines().contains(&"start: x"), "{}", end.story());
        }
    });
}

/// §1. The `start` hook is the server: exec'ed with the arguments, and not announced.
#[test]
fn the_start_hook_replaces_the_servers_command() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["--", "one", "", "two words"])
            .config("[server]\ncommand = [\"/bin/false\"]\n")
            .hook("deploy", "echo deploy")
            .hook("start", "echo \"start: $# <$1> <$2> <$3>\"; exit 6")
            .start()
            .end()
            .exited(6)
            .nothing_left();
        assert!(end.out.contains("start: 3 <one> <> <two words>"), "{}", end.story());
        assert_eq!(end.out.matches("-----> Running").count(), 1, "{}", end.story());
        assert!(end.out.find("deploy") < end.out.find("start: "), "{}", end.story());
    });
}

/// C67, §8: beside the server, in its own group, and its code is never the container's.
#[test]
fn post_deploy_runs_beside_the_server() {
    each_cell(|cell| {
        for code in [0, 3] {
            let hook = format!("{PROBE} state; echo announced; exit {code}");
            let steps = ["--", PROBE, "do", "print=server", "until=go", "reaped", "exit=4"];
            let run = Setup::new(cell, steps).hook("post-deploy", &hook).start();
            run.lines(&["server", "announced"]);
            run.touch("go");
            let end = run.end().exited(4).nothing_left();
            assert!(end.out.contains("strangers 0"), "{}", end.story());
            let null_device = format!("device {}", nix::libc::makedev(1, 3));
            assert!(said(&end.out, "fd 0").contains(&null_device), "{}", end.story());
        }
    });
}

/// C67: it cannot be started, or a signal ends it.
#[test]
fn a_broken_post_deploy_never_ends_the_container() {
    each_place(|cell| {
        for hook in ["#!/no/such/interpreter\n", "kill -KILL $$"] {
            let run = Setup::new(cell, WAITING_SERVER).hook("post-deploy", hook).start();
            run.line("server");
            run.err_line("post-deploy");
            run.signal(signal::TERM);
            run.end().exited(4).nothing_left();
        }
    });
}

/// §8: its commands stop at the first that fails, and the server is stopped in order where that is asked for.
#[test]
fn a_failed_post_deploy_ends_the_container_where_it_says_so() {
    let config = |policy: &str| {
        format!(
            "{policy}[[hooks.post-deploy.run]]\ncommand = [\"echo\", \"one\"]\n[[hooks.post-deploy.run]]\n\
            command = [\"{PROBE}\", \"do\", \"until=go\", \"exit=3\"]\n[[hooks.post-deploy.run]]\ncommand = [\"echo\", \"three\"]\n\
            [hooks.pre-stop]\non_failure = \"continue\"\n"
        )
    };
    let setup = |cell, policy: &str| {
        let setup = Setup::new(cell, WAITING_SERVER).config(&config(policy));
        setup.hook("pre-stop", "echo withdrawn").hook("post-stop", "echo closed")
    };
    each_cell(|cell| {
        let stop = "[hooks.post-deploy]\non_failure = \"stop\"\n";
        let run = setup(cell, stop).start();
        run.lines(&["server", "one"]);
        run.touch("go");
        let end = run.end().exited(70).nothing_left().complains(&[
            "app-init: error: post-deploy hook failed: /mnt/bin/probe do until=go exit=3: exit 3; stopping, as on_failure = \
            \"stop\" says",
        ]);
        let words = ["one", "three", "withdrawn", "trapped 15", "closed"];
        assert_eq!(order(&end.out, &words), ["one", "withdrawn", "trapped 15", "closed"], "{}", end.story());
    });
    each_place(|cell| {
        for policy in ["", "[hooks.post-deploy]\non_failure = \"ignore\"\n"] {
            let run = setup(cell, policy).start();
            run.lines(&["server", "one"]);
            run.touch("go");
            run.err_line("post-deploy hook failed: /mnt/bin/probe do until=go exit=3: exit 3; the server goes on");
            run.signal(signal::TERM);
            let end = run.end().exited(4).nothing_left();
            assert!(order(&end.out, &["three"]).is_empty(), "{}", end.story());
        }
        let end = setup(cell, "[hooks.post-deploy]\non_failure = \"stop\"\ntimeout = \"10ms\"\n")
            .hook("post-deploy", &format!("exec {PROBE} do trap=15:0:0 pause"));
        end.start().end().exited(70).complains(&["ran longer than 10ms", "stopping, as on_failure"]);
        // As a command of its own it is a hook like others.
        let hook = |policy: &str| {
            let setup = Setup::new(cell, ["hook", "post-deploy"]).config(&config(policy));
            setup.file("go", "", 0o644).start().end().exited(3)
        };
        for policy in ["", "[hooks.post-deploy]\non_failure = \"ignore\"\n"] {
            let end = hook(policy);
            assert!(order(&end.out, &["one", "three"]) == ["one"], "{}", end.story());
        }
    });
}

/// §8, §9.1: pollers are stopped first.
#[test]
fn post_deploy_is_stopped_before_the_server() {
    each_place(|cell| {
        let hook = format!("exec {PROBE} do trap=15:0:0 print=poller pause");
        let steps =
            ["--stop-signal", "USR2", "--drain", "1s", "--", PROBE, "do", "trap=12:0:4", "print=server", "pause"];
        let run = Setup::new(cell, steps).hook("post-deploy", &hook).start();
        run.line("poller");
        run.signal(signal::TERM);
        let end = run.end().exited(4).nothing_left();
        let words = ["trapped 15", "trapped 12"];
        assert_eq!(order(&end.out, &words), words, "{}", end.story());
    });
}

/// §1: one hook, with its arguments and its code.
#[test]
fn a_hook_can_be_run_by_name() {
    each_cell(|cell| {
        let end = Setup::new(cell, ["hook", "seed", "one", "", "-x"])
            .hook("seed", "echo \"seed: $# <$1> <$2> <$3>\"; exit 9")
            .hook("deploy", "echo deploy")
            .start()
            .end()
            .exited(9)
            .nothing_left();
        assert!(end.out.contains("seed: 3 <one> <> <-x>") && !end.out.contains("deploy\n"), "{}", end.story());
    });
}

/// §1.
#[test]
fn an_unknown_hook_is_an_error() {
    each_place(|cell| {
        let end = Setup::new(cell, ["hook", "no-such-hook"]).start().end().exited(78).nothing_left();
        let told = "hooks.no-such-hook: there is no such hook; make .docker/action_hooks/no-such-hook executable, or \
            configure [[hooks.no-such-hook.run]]\napp-init: 1 fault, nothing was started\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
    });
}

/// §1.
#[test]
fn hooks_can_be_skipped_or_be_elsewhere() {
    each_place(|cell| {
        let code = |args: &[&str], name: &str, value: &str| {
            Setup::new(cell, args)
                .args(SERVER)
                .env(name, value)
                .hook("deploy", "exit 3")
                .file("other/deploy", "#!/bin/sh\necho other\n", 0o755)
                .start()
                .end()
        };
        code(&["--no-hooks"], "X", "").exited(4);
        code(&[], "APP_INIT_SKIP", "deploy").exited(4);
        let told = "APP_INIT_SKIP: there is no other to leave out; write deploy-env, deploy, start, post-deploy, pre-stop, \
            post-stop, on-failure, prepare, wait, all\napp-init: 1 fault, nothing was started\n";
        assert_eq!(code(&[], "APP_INIT_SKIP", "deploy,other").exited(78).err, told);
        let end = code(&["--hooks-dir", "other"], "X", "").exited(4);
        assert_eq!(order(&end.out, &["other", "server"]), ["other", "server"], "{}", end.story());
    });
}

/// §1, nested use: `docker exec c app-init -- x` must not migrate again.
#[test]
fn a_second_app_init_runs_no_hooks() {
    let nested = |options: &[&str]| {
        let end = Setup::new(Cell::PID1, ["--", APP_INIT])
            .args(options)
            .args(SERVER)
            .hook("deploy", "echo migrating")
            .start()
            .end()
            .exited(4)
            .nothing_left();
        end.out.matches("migrating").count()
    };
    assert_eq!(nested(&[]), 1);
    assert_eq!(nested(&["--hooks"]), 2);
}
