//! §7.2: app-init is replaced by the server.

use crate::harness::*;
use crate::soak::scale;
use crate::waits::nothing_lives;

/// §7.2, C69. The server has app-init's own number, and otherwise what a bare exec would give it.
#[test]
fn the_server_takes_app_inits_place() {
    each_cell(|cell| {
        let mix = |setup: Setup| {
            let null = std::fs::File::open("/dev/null").expect("it is there").into();
            setup.descriptor(5, null).blocking(10).blocking(34).ignoring(1).ignoring(13).ignoring(33)
        };
        let bare = mix(Setup::bare(cell, [PROBE, "state"])).start().end().exited(0);
        let end = mix(Setup::new(cell, ["--exec", "--", PROBE, "state"])).start().end().exited(0).nothing_left();
        // Only the kernel knows whether it is the foreground already: its group's number says that.
        let lines = differences(&bare.out, &end.out, &["pdeathsig "]);
        assert_eq!(lines, Vec::<String>::new(), "in {cell}");
    });
}

/// §7.2.
#[test]
fn the_servers_code_or_signal_is_the_end() {
    Setup::new(Cell::PID1, ["--exec", "--", PROBE, "do", "exit=3"]).start().end().exited(3).silent();
    let end = Setup::new(Cell::SUBREAPER, ["--exec", "--", PROBE, "do", "die=10"]).start().end();
    assert_eq!(end.how, Ended::Signaled(10), "{}", end.story());
    let end =
        Setup::new(Cell::SUBREAPER, ["--", PROBE, "do", "exit=3"]).config("[server]\nmode = \"exec\"\n").start().end();
    end.exited(3);
}

/// C17.
#[test]
fn a_program_that_cannot_be_run_has_the_usual_codes() {
    each_place(|cell| {
        Setup::new(cell, ["--exec", "--", "no-such-program"]).start().end().exited(127).complains(&["no-such-program"]);
        Setup::new(cell, ["--exec", "--", "/mnt/app"]).start().end().exited(126).complains(&["/mnt/app"]);
    });
}

/// §7.2. Hooks first; a failed one means no server.
#[test]
fn hooks_run_before_the_exec() {
    each_cell(|cell| {
        let end =
            Setup::new(cell, ["--exec", "--", PROBE, "state"]).hook("deploy", "echo deploying").start().end().exited(0);
        assert!(end.out.find("deploying") < end.out.find("SigBlk"), "{}", end.story());
        assert_eq!(said(&end.out, "pid"), if cell.pid1 { "1" } else { "2" }, "{}", end.story());
        let end = Setup::new(cell, ["--exec", "--", PROBE, "state"]).hook("deploy", "exit 3").start().end().exited(70);
        assert!(!end.out.contains("SigBlk"), "{}", end.story());
    });
}

/// §7.2.
#[test]
fn a_stop_request_during_a_hook_means_no_server() {
    each_cell(|cell| {
        let hook = format!("exec {PROBE} do trap=15:100:0 print=hook pause");
        let run = Setup::new(cell, ["--exec", "--", PROBE, "do", "print=server"]).hook("deploy", &hook).start();
        run.line("Running");
        run.line("hook");
        run.signal(signal::TERM);
        let end = run.end().exited(143).nothing_left();
        assert!(!end.lines().contains(&"server"), "{}", end.story());
    });
}

/// §7.2. What only a resident app-init can do is a fault that names the key.
#[test]
fn what_needs_a_resident_app_init_is_a_fault() {
    for (key, config) in [
        ("stop", "[stop]\ndrain = \"5s\"\n"),
        ("rewrite", "[server]\nrewrite = [\"HUP:USR1\"]\n"),
        ("success_codes", "[server]\nsuccess_codes = [143]\n"),
        ("run_timeout", "[server]\nrun_timeout = \"5s\"\n"),
    ] {
        let end = Setup::new(Cell::PID1, ["--exec", "--", PROBE, "do", "print=server"])
            .config(config)
            .start()
            .end()
            .exited(78)
            .complains(&[key, "exec"]);
        assert!(!end.out.contains("server"), "{}", end.story());
    }
    for hook in ["pre-stop", "post-stop"] {
        let setup = Setup::new(Cell::PID1, ["--exec", "--", PROBE, "do", "print=server"]).hook(hook, "exit 0");
        setup.start().end().exited(78).complains(&[hook, "exec"]);
    }
}

/// C68, §7.2. The helper takes its children's ends upon itself: the server is never told a code but 0.
#[test]
fn the_server_never_sees_the_code_of_post_deploy() {
    each_cell(|cell| {
        let hook = format!("{PROBE} do [ [ sleep=50 exit=9 ] ]; echo announced; exit 3");
        let steps = ["--exec", "--", PROBE, "do", "print=server", "wait", "exit=4"];
        let end = Setup::new(cell, steps).hook("post-deploy", &hook).start().end().exited(4);
        assert!(end.out.contains("announced"), "{}", end.story());
        let ends: Vec<&str> = end.out.lines().filter(|line| line.starts_with("child ")).collect();
        assert!(ends.len() == 1 && ends[0].trim_end().ends_with("exited 0"), "{}", end.story());
    });
}

/// C68: what the hook leaves behind is the helper's too.
#[test]
fn orphans_of_post_deploy_are_reaped() {
    each_place(|cell| {
        let hook = format!("exec {PROBE} do orphans=30 [ [ exit=3 ] ] exit=3");
        let steps = ["--exec", "--", PROBE, "do", "print=server", "wait", "reaped", "exit=4"];
        let run = Setup::new(cell, steps).hook("post-deploy", &hook).start();
        run.line("strangers 0");
        run.end().exited(4);
    });
}

/// §7.2. The keeper counts INTs and the time for itself, and nobody kills it: it still ends what the hook leaves behind.
#[test]
fn insisting_and_a_time_limit_reach_the_hook_and_not_its_keeper() {
    each_place(|cell| {
        let setup = |config: &str, trap: &str| {
            let left = format!("{PROBE} do setsid trap=15:0:0 print=left touch=/mnt/app/left pause");
            let hook = format!("{left} & exec {PROBE} do {trap} until=left print=hook pause");
            let setup = Setup::new(cell, ["--exec", "--", PROBE, "do", "print=server"]);
            setup.config(config).hook("deploy", &hook)
        };
        let run = setup("[log]\n", "trap=2:1100").start();
        run.line("left");
        run.line("hook");
        // A second and more is between the second INT and the third.
        for _ in 0..2 {
            run.signal(signal::INT);
            run.line("trapped 2");
            run.line("handled 2");
        }
        run.signal(signal::INT);
        let end = run.end().exited(130).nothing_left();
        assert!(end.out.ends_with("handled 2\ntrapped 15\nfinished 15\n"), "{}", end.story());
        let told = "app-init: stop requested by INT\n\
            app-init: deploy: stopped by INT before the server was started\n";
        assert_eq!(end.err, told);

        let start = |limit: &str| {
            let config = format!("[hooks.deploy]\ntimeout = \"{limit}\"\nstop_timeout = \"{limit}\"\n");
            setup(&config, "trap=15:0").start().end().exited(70).nothing_left()
        };
        let (end, limit) = within_a_limit(start, |end| end.out.contains("hook\ntrapped 15\n"));
        assert!(end.out.ends_with("hook\ntrapped 15\ntrapped 15\nfinished 15\n"), "{}", end.story());
        let hook = ".docker/action_hooks/deploy";
        let told = format!(
            "app-init: error: deploy hook {hook} ran longer than {limit}, stopping it\n\
            app-init: warning: {hook} did not end in time, sending KILL\n\
            app-init: error: deploy hook failed: {hook}: killed by signal 9 (KILL) after "
        );
        assert!(end.err.starts_with(&told) && end.err.lines().count() == 3, "{}", end.story());
    });
}

/// §7.2. The budget is the container's, and exec mode has none: what needs a resident is refused however it is said.
#[test]
fn a_budget_is_refused() {
    each_place(|cell| {
        let setup = Setup::new(cell, ["--exec", "--", PROBE, "do", "print=server"]).hook("deploy", "echo hook");
        let end = setup.env("APP_INIT_STOP_BUDGET", "5s").start().end().exited(78).nothing_left();
        let told = "APP_INIT_STOP_BUDGET: needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \
            \"supervise\"\napp-init: 1 fault, nothing was started\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
    });
}

/// §7.2. What is named is what somebody gave.
#[test]
fn what_needs_a_resident_is_named_as_it_was_given() {
    let given: [(&[&str], &str, &str); 13] = [
        (&[], "APP_INIT_DRAIN", "5s"),
        (&[], "APP_INIT_STOP_TIMEOUT", "5s"),
        (&[], "APP_INIT_STOP_SIGNAL", "QUIT"),
        (&[], "APP_INIT_RUN_TIMEOUT", "5s"),
        (&["--drain", "5s"], "--drain", ""),
        (&["--stop-timeout", "5s"], "--stop-timeout", ""),
        (&["--stop-signal", "QUIT"], "--stop-signal", ""),
        (&["--run-timeout", "5s"], "--run-timeout", ""),
        (&["--signal-group"], "--signal-group", ""),
        (&["--signal-process"], "--signal-process", ""),
        (&["--rewrite", "15:3"], "--rewrite", ""),
        (&["--success-code", "143"], "--success-code", ""),
        // What is not in force needs nobody.
        (&["--drain", "0"], "APP_INIT_DRAIN", "5s"),
    ];
    for (place, (options, name, value)) in given.into_iter().enumerate() {
        let args = [&["--exec"], options, &["--", "true"]].concat();
        let setup = Setup::new(Cell::PID1, args);
        let setup = if value.is_empty() { setup } else { setup.env(name, value) };
        let end = setup.start().end();
        if place == 12 {
            end.exited(0);
            continue;
        }
        let told = format!(
            "{name}: needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \"supervise\"\n\
             app-init: 1 fault, nothing was started\n"
        );
        assert_eq!(end.exited(78).err, told);
    }
}

/// §7.2. The application cannot take away what its base image says of a stop.
#[test]
fn a_later_files_mode_drops_what_an_earlier_one_says_of_a_stop() {
    each_place(|cell| {
        let base = "[stop]\ndrain = \"5s\"\ntimeout = \"1s\"\n[server]\nrewrite = [\"HUP:QUIT\"]\nstop_signal = \"QUIT\"\n\
            [[hooks.pre-stop.run]]\ncommand = [\"true\"]\n";
        let start = |args: &[&str], base: &str, own: &str| {
            let setup = Setup::new(cell, args).etc("app-init.toml", base);
            setup.config(&format!("{own}[server]\nmode = \"exec\"\ncommand = [\"true\"]\n")).start().end()
        };
        start(&[], base, "").exited(0).silent_stderr();
        let end = start(&["check"], base, "").exited(0);
        for (key, line) in [
            ("stop.drain", 2),
            ("stop.timeout", 3),
            ("server.rewrite", 5),
            ("server.stop_signal", 6),
            ("hooks.pre-stop", 7),
        ] {
            let told =
                format!("note: {key} (/etc/app-init.toml:{line}) is dropped: a later file has mode = \"exec\"\n");
            assert!(end.out.contains(&told), "{told}{}", end.story());
            assert!(!end.out.contains(&format!("  {key}")), "{key}\n{}", end.story());
        }
        // Its own it can.
        let told = "stop.drain: needs app-init to stay";
        start(&[], base, "stop.drain = \"1s\"\n").exited(78).complains(&[".docker/app-init.toml:1: ", told]);
        start(&[], "", "stop.drain = \"1s\"\n").exited(78).complains(&[told]);
        // And who has the image supervise all the same has what it says.
        start(&["check", "--supervise"], base, "").exited(0).silent_stderr();
        let base = format!("{base}[role.web]\nserver.run_timeout = \"5s\"\n");
        start(&["check", "web"], &base, "").exited(0);
        let setup =
            Setup::new(cell, ["check"]).etc("app-init.toml", "[stop]\ndrain = \"5s\"\n[server]\nmode = \"exec\"\n");
        setup.config("server.command = [\"true\"]\n").start().end().exited(78).complains(&[told]);
    });
}

/// It says what comes at the end of a time that nobody set.
#[test]
fn a_signal_for_a_run_time_without_one_is_a_warning() {
    each_place(|cell| {
        let told = "app-init: warning: APP_INIT_RUN_TIMEOUT_SIGNAL means nothing without a run time; set one, or remove this\n";
        let setup = || Setup::new(cell, ["--", "true"]).env("APP_INIT_RUN_TIMEOUT_SIGNAL", "KILL");
        let end = setup().start().end().exited(0);
        assert_eq!(end.err, format!("{told}app-init: running: true ended: exit 0\n"));
        setup().env("APP_INIT_RUN_TIMEOUT", "0").start().end().exited(0).complains(&[told]);
        let end = setup().env("APP_INIT_RUN_TIMEOUT", "600s").start().end().exited(0);
        assert!(!end.err.contains("warning"), "{}", end.story());
        let end = Setup::new(cell, ["--run-timeout-signal", "KILL", "--", "true"]).start().end().exited(0);
        end.complains(&["warning: --run-timeout-signal means nothing without a run time; set one, or remove this\n"]);
    });
}

/// C73, §6.3: it outlives the hook, and its code is never the server's to see.
#[test]
fn what_a_hook_leaves_behind_is_not_the_servers() {
    each_cell(|cell| {
        let hook = format!("({PROBE} do until=go print=failing; exit 3) &");
        let steps = ["--exec", "--", PROBE, "do", "print=server", "wait", "exit=4"];
        let run = Setup::new(cell, steps).hook("deploy", &hook).start();
        run.line("server");
        run.touch("go");
        let end = run.end().exited(4).nothing_left();
        let lines = end.lines();
        let [announced, "server", "failing", child] = lines[..] else { panic!("{}", end.story()) };
        assert_eq!(announced, " -----> Running .docker/action_hooks/deploy");
        // That is the keeper, which had nothing more to keep.
        assert!(child.starts_with("child ") && child.ends_with(" exited 0"), "{}", end.story());
    });
}

/// The server's input is not the keeper's, who may outlive all that reads it.
#[test]
fn the_keeper_has_no_input() {
    each_place(|cell| {
        let hook = format!("{PROBE} do trap=15:0:3 print=left pause &");
        let steps = ["--exec", "--", PROBE, "do", "trap=15:0:4", "print=server", "pause"];
        let run = Setup::new(cell, steps).hook("deploy", &hook).typed().start();
        run.lines(&["left", "server"]);
        let keepers: Vec<Process> = run.processes().into_iter().filter(|one| one.name == "app-init").collect();
        let [keeper] = &keepers[..] else { run.fail("one keeper is there") };
        assert_eq!(run.link(keeper.pid, "fd/0"), "/dev/null");
        run.signal(signal::TERM);
        run.end().exited(4);
    });
}

/// C73, C68: leftovers and pollers of a server that is not PID 1 are asked to end when it has ended. With PID 1 the kernel
/// ends them. The code is the server's.
#[test]
fn what_hooks_left_behind_ends_with_the_server() {
    each_place(|cell| {
        for name in ["deploy", "post-deploy"] {
            let left = format!("{PROBE} do trap=15:0:3 print=left pause");
            let hook = if name == "deploy" { format!("{left} &") } else { format!("exec {left}") };
            let steps = ["--exec", "--", PROBE, "do", "trap=15:0:4", "print=server", "pause"];
            let run = Setup::new(cell, steps).hook(name, &hook).start();
            run.lines(&["left", "server"]);
            run.signal(signal::TERM);
            let asked = if cell.pid1 { 1 } else { 2 };
            for _ in 0..asked {
                run.line("trapped 15");
                run.line("finished 15");
            }
            run.eventually("nothing of it is left", nothing_lives);
            let end = run.end().exited(4);
            assert_eq!(end.out.matches("trapped 15").count(), asked, "{}", end.story());
        }
    });
}

/// The hook that tells the load balancer runs only when there is a server to tell of.
#[test]
fn post_deploy_does_not_run_when_the_server_never_did() {
    for _ in 0..scale(3, 300) {
        let setup = Setup::new(Cell::SUBREAPER, ["--exec", "--", "no-such-program"]);
        let end = setup.hook("post-deploy", "echo announced").start().end().exited(127);
        assert!(!end.out.contains("announced"), "{}", end.story());
    }
}

/// Its own SIGPIPE is nobody else's: `exec` and `shell` run although a warning found no reader.
#[test]
fn exec_survives_a_log_that_nobody_reads() {
    each_place(|cell| {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let config = "colour = 1\n";
        let setup = Setup::new(cell, ["shell", "-c", "echo opened"]).config(config).stderr_to(writer.into());
        let end = setup.start().end().exited(0);
        assert!(end.out.contains("opened"), "{}", end.story());
    });
}
