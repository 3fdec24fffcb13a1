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
        let end = setup.env("APP_INIT_STOP_BUDGET", "2s").start().end().exited(78).nothing_left();
        let told = "APP_INIT_STOP_BUDGET: needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \
            \"supervise\"\napp-init: 1 fault, nothing was started\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
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
