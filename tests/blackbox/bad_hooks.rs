//! Hooks that cannot be run as they are: each is said as what it is.

use crate::harness::*;

const SERVER: [&str; 5] = ["--", PROBE, "do", "print=server", "exit=4"];

/// §6.2. The warning names the file, and what to do.
#[test]
fn a_hook_that_is_not_executable_is_skipped_with_a_hint() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .file(".docker/action_hooks/deploy", "#!/bin/sh\necho ran\n", 0o644)
            .start()
            .end()
            .exited(4)
            .nothing_left()
            .complains(&[".docker/action_hooks/deploy", "chmod"]);
        assert!(!end.lines().contains(&"ran"), "{}", end.story());
    });
}

/// §6.2, §3.
#[test]
fn a_hook_that_is_not_executable_is_a_fault_when_strict() {
    each_place(|cell| {
        let end = Setup::new(cell, SERVER)
            .file(".docker/action_hooks/deploy", "#!/bin/sh\necho ran\n", 0o644)
            .config("strict = true\n")
            .start()
            .end()
            .exited(78)
            .complains(&[".docker/action_hooks/deploy", "chmod"]);
        assert!(!end.lines().contains(&"server"), "{}", end.story());
    });
}

/// §6.2.
#[test]
fn a_missing_interpreter_is_named() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "#!/no/such/python3\nprint(1)\n")
            .start()
            .end()
            .exited(70)
            .nothing_left()
            .complains(&["deploy", "/no/such/python3"]);
        assert!(!end.lines().contains(&"server"), "{}", end.story());
    });
}

/// §6.2.
#[test]
fn a_carriage_return_in_the_interpreter_line_is_said() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .hook("deploy", "#!/bin/sh\r\necho ran\r\n")
            .start()
            .end()
            .exited(70)
            .nothing_left()
            .complains(&["deploy", "CRLF"]);
        assert!(!end.lines().contains(&"server") && !end.err.contains('\r'), "{}", end.story());
    });
}

/// §6.2.
#[test]
fn a_directory_in_place_of_a_hook_is_said() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .file(".docker/action_hooks/deploy/file", "", 0o644)
            .start()
            .end()
            .exited(4)
            .nothing_left()
            .complains(&[
                "app-init: warning: hook .docker/action_hooks/deploy is a directory and is skipped; put a script \
                there, or its scripts into .docker/action_hooks/deploy.d",
            ]);
        assert_eq!(end.lines(), ["server"], "{}", end.story());
    });
}

/// §6.2: run by sh as execvp does, with a warning.
#[test]
fn a_hook_without_an_interpreter_line_is_run_by_sh() {
    each_cell(|cell| {
        let end = Setup::new(cell, SERVER)
            .file(".docker/action_hooks/deploy", "echo \"ran by sh\"\n", 0o755)
            .start()
            .end()
            .exited(4)
            .nothing_left()
            .complains(&["deploy", "#!"]);
        assert!(end.out.contains("ran by sh"), "{}", end.story());
    });
}

/// Under strace, with the file `name` open for writing; what it says of each refusal is in its log.
fn busy(setup: Setup, name: &str) -> (Setup, std::fs::File) {
    let setup = setup.file(name, std::fs::read(probe()).expect("readable"), 0o755);
    let path = setup.world.app().join(name);
    let writer = std::fs::OpenOptions::new().append(true).open(path).expect("a test's own file");
    (setup.config("[hooks.deploy]\non_failure = \"continue\"\n"), writer)
}

fn refusals(log: &str) -> usize {
    log.matches("= -1 ETXTBSY").count()
}

/// §6.2. Somebody still writes to the file; the hook's turn comes again within a second.
#[test]
fn a_busy_hook_is_tried_again() {
    let setup = || Setup::traced(Cell::SUBREAPER, &["trace=execve"], SERVER);
    let (run, writer) = busy(setup(), ".docker/action_hooks/deploy");
    let run = run.start();
    run.eventually("it was refused", |run| {
        refusals(&std::fs::read_to_string(run.world.app().join("strace.log")).unwrap_or_default()) > 0
    });
    drop(writer);
    // The probe without arguments says how it is used, and ends with 64.
    run.err_line("probe: argv");
    run.end().exited(4).complains(&["64"]);

    // Who never ends writing is not waited for beyond that second.
    let (run, _writer) = busy(setup(), ".docker/action_hooks/deploy");
    let end = run.start().end().exited(4).complains(&["hook failed: .docker/action_hooks/deploy: ", "Text file busy"]);
    assert_eq!(refusals(&end.trace), 100, "a hundred times, 10 ms apart");
}

/// The server's own turn comes once: whoever starts the container tries again.
#[test]
fn a_busy_server_is_not_tried_again() {
    let setup = Setup::traced(Cell::SUBREAPER, &["trace=execve"], ["--", "./server"]);
    let (run, _writer) = busy(setup, "server");
    let end = run.start().end().exited(126).complains(&["Text file busy"]);
    assert_eq!(refusals(&end.trace), 1, "{}", end.story());
}

/// §6.2. A broken link is no hook that ran.
#[test]
fn a_broken_link_is_said() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).file(".docker/action_hooks/.keep", "", 0o644);
        let link = setup.world.app().join(".docker/action_hooks/deploy");
        std::os::unix::fs::symlink("nowhere", link).expect("a link can be made");
        let end = setup.start().end().exited(4).nothing_left();
        let told = "app-init: warning: hook .docker/action_hooks/deploy is a link that leads nowhere and is skipped: No \
            such file or directory (os error 2); mend the link\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("server\n", told));
    });
}

/// A start whose hooks are on a mount where nothing may be executed.
fn on_noexec(cell: Cell, args: &[&str]) -> Setup {
    let hooks = ".docker/action_hooks";
    let mount = format!("mount --bind {hooks} {hooks} && mount -o remount,bind,noexec {hooks}");
    let script = format!("{mount} && exec {APP_INIT} \"$@\"");
    Setup::bare(cell, ["sh", "-c", &script, "sh"]).args(args).hook("deploy", "echo ran")
}

/// §6.2: what is meant to run and cannot has failed; a migration must not be left out.
#[test]
fn a_hook_on_a_mount_without_execution_has_failed() {
    each_place(|cell| {
        let told = "app-init: error: deploy hook failed: .docker/action_hooks/deploy: cannot run \
            .docker/action_hooks/deploy: /mnt/app/.docker/action_hooks is mounted noexec; mount it without that, or put \
            the file elsewhere; the server is not started\n";
        let end = on_noexec(cell, &SERVER).start().end().exited(70).nothing_left();
        assert_eq!((end.out.as_str(), end.err.as_str()), (" -----> Running .docker/action_hooks/deploy\n", told));
        // It is a failure like others.
        let config = "[hooks.deploy]\non_failure = \"continue\"\n";
        on_noexec(cell, &SERVER).config(config).start().end().exited(4).complains(&["is mounted noexec"]);
        on_noexec(cell, &["hook", "deploy"]).start().end().exited(126).complains(&["is mounted noexec"]);
        // It is no plain use either, where a hook is the only thing that says so.
        let end = on_noexec(cell, &["--", "true"]).start().end().exited(70);
        assert!(end.out.contains("Running"), "{}", end.story());
    });
}

/// What would end the boot `check` finds, each with its reason.
#[test]
fn check_finds_each_hook_that_cannot_be_run() {
    let case = |hook: &'static str, why: &'static str| (hook, format!("cannot run .docker/action_hooks/deploy: {why}"));
    let carriage = |name: &str| {
        format!(
            "cannot run .docker/action_hooks/deploy: its #! line ends in a carriage return (CRLF), so {name} is looked for \
            with one; run dos2unix on it"
        )
    };
    let cases = [
        ("#!/bin/sh\r\necho ran\r\n", carriage("/bin/sh")),
        ("#!/usr/bin/env sh\r\necho ran\r\n", carriage("sh")),
        case(
            "#!/no/such/python3\n",
            "its interpreter /no/such/python3 is not there; install it, or name another, or change the #! line",
        ),
        case(
            "#!no/such/python3\n",
            "its interpreter /mnt/app/no/such/python3 is not there; install it, or name another, or change the #! line",
        ),
        case("#!/usr/bin/env no-such-python\n", "no-such-python is not found in PATH; install it, or name another"),
        case(
            "#!/mnt/app/plain\n",
            "its interpreter /mnt/app/plain is not executable; run chmod +x on it, or change the #! line",
        ),
        case("#!/mnt/app\n", "its interpreter /mnt/app is a directory; name a program, or change the #! line"),
    ];
    for (hook, why) in cases {
        let setup = |args: &[&str]| Setup::new(Cell::PID1, args).hook("deploy", hook).file("plain", "", 0o644);
        let end = setup(&["check", "true"]).start().end().exited(78).complains(&[&format!("hooks.deploy: {why}\n")]);
        assert_eq!(end.out, "", "{}", end.story());
        let code = if hook.starts_with("#!/usr/bin/env") { 127 } else { 0 };
        let end = setup(&["hook", "deploy"]).start().end();
        assert!(end.how != Ended::Exited(0) && (code == 0 || end.how == Ended::Exited(code)), "{}", end.story());
    }
    for hook in ["#!/bin/sh\n", "#! /bin/sh -e\n", "#!/usr/bin/env -S sh -e\n", "#!/usr/bin/env A=b sh\n", "echo\n"] {
        let setup = Setup::new(Cell::PID1, ["check", "true"]).file(".docker/action_hooks/deploy", hook, 0o755);
        setup.start().end().exited(0);
    }
    let noexec = on_noexec(Cell::PID1, &["check", "true"]).start().end().exited(78);
    noexec.complains(&[
        "cannot run .docker/action_hooks/deploy: it is on /mnt/app/.docker/action_hooks, which is mounted \
        noexec; mount it without that\n",
    ]);
}

/// As far as the kernel follows `#!` lines, `check` does, and no further.
#[test]
fn check_follows_interpreter_lines_as_the_kernel_does() {
    let deploy = ".docker/action_hooks/deploy";
    // `sh` at the end of so many scripts.
    let chain = |scripts: usize, args: &[&str]| {
        let setup = Setup::new(Cell::PID1, args).file("1", "#!/bin/sh\nexit 0\n", 0o755);
        let line = |before: usize| format!("#!/mnt/app/{before}\n");
        let setup = (2..scripts).fold(setup, |setup, place| setup.file(&place.to_string(), line(place - 1), 0o755));
        setup.file(deploy, line(scripts - 1), 0o755).start().end()
    };
    let too_deep = "cannot run .docker/action_hooks/deploy: its #! line leads to another script, and so on, further than the \
        kernel follows; name a program in it\n";
    chain(5, &["check", "true"]).exited(0);
    chain(5, &["--", "true"]).exited(0);
    chain(6, &["check", "true"]).exited(78).complains(&[too_deep]);
    chain(6, &["--", "true"]).exited(70);
    let no_name =
        "cannot run .docker/action_hooks/deploy: it has a #! line that names no interpreter; write #!/bin/sh\n";
    let no_program = "cannot run .docker/action_hooks/deploy: its interpreter /mnt/app/text is no program and has no #! line; \
        name another, or change the #! line\n";
    for (line, told) in [
        ("#!/mnt/app/.docker/action_hooks/deploy\n", too_deep),
        ("#!\necho ran\n", no_name),
        ("#! \t\necho ran\n", no_name),
        ("#!/mnt/app/text\n", no_program),
    ] {
        let start = |args: &[&str]| {
            Setup::new(Cell::PID1, args).file("text", "exit 0\n", 0o755).file(deploy, line, 0o755).start().end()
        };
        start(&["check", "true"]).exited(78).complains(&[told]);
        start(&["--", "true"]).exited(70);
    }
}

/// A script is read by its interpreter, which is the user; a program is not.
#[test]
fn check_finds_a_script_that_the_user_may_not_read() {
    let start = |args: &str, command: &str| {
        let script = format!(
            "chmod 755 . .docker && printf '#!/bin/sh\\nexit 0\\n' > script && cp /bin/true program && \
             chmod 711 script program && exec {APP_INIT} {args}"
        );
        let config = format!("user = \"12345:12345\"\nserver.command = [{command}]\n");
        Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(&config).start().end()
    };
    let told =
        "server.command: 12345 cannot run ./script: it is a script, and has to be readable too; run chmod a+r on it\n";
    start("check", "\"./script\"").exited(78).complains(&[told]);
    assert_ne!(start("--", "\"./script\"").how, Ended::Exited(0));
    start("check", "\"./program\"").exited(0).silent_stderr();
    start("--", "\"./program\"").exited(0);
    start("check", "\"env\", \"./script\"").exited(78).complains(&["./script is a script"]);
    // Who looks may not read it either.
    let nobody = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let end = Setup::new(nobody, ["check", "./script"]).file("script", "#!/bin/sh\n", 0o711).start().end().exited(0);
    let told = "warning: server.command: ./script may be executed and not read; if it is a script, it will not run: run \
        chmod a+r on it\n";
    assert!(end.out.contains(told), "{}", end.story());
}

/// A program of another system's C library.
#[test]
fn check_finds_a_missing_dynamic_loader() {
    let program = std::fs::read("/bin/true").expect("it is there");
    let text = b"/ld-linux-";
    let at = program.windows(text.len()).position(|window| window == text).expect("it is dynamic");
    let mut broken = program;
    broken[at + 1] = b'X';
    let setup = |args: &[&str]| {
        let setup = Setup::new(Cell::PID1, args).config("server.command = [\"./serve\"]\n");
        setup.file("serve", &broken, 0o755)
    };
    setup(&["check"])
        .start()
        .end()
        .exited(78)
        .complains(&["server.command: cannot run ./serve: it needs /", "/Xd-linux-"]);
    setup(&["--"]).start().end().exited(127);
    let whole = Setup::new(Cell::PID1, ["check", "/bin/true"]).start().end();
    whole.exited(0);
}

/// What the user may not reach is not there for it, though root could run it.
#[test]
fn check_looks_as_the_user() {
    let start = |mode: &str| {
        let script = format!(
            "chmod 755 . .docker && mkdir closed && printf '#!/bin/sh\\n' > closed/tool && chmod 755 closed/tool && \
             chmod {mode} closed && exec {APP_INIT} check"
        );
        let config = "user = \"12345:12345\"\nserver.command = [\"./closed/tool\"]\n";
        Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(config).start().end()
    };
    start("755").exited(0);
    start("700")
        .exited(78)
        .complains(&["server.command: 12345 cannot run ./closed/tool: it cannot be looked at: Permission \
        denied (os error 13); run chmod a+rx on it and on the directories above it\n"]);
}

/// §6.2: executable is executable, for whomever: one that this user may not run has failed as well.
#[test]
fn a_hook_of_somebody_else_has_failed() {
    let cell = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let hook = Setup::new(cell, SERVER).file(".docker/action_hooks/deploy", "#!/bin/sh\necho ran\n", 0o700);
    let end = hook.start().end().exited(70).complains(&["deploy hook failed: .docker/action_hooks/deploy: cannot run"]);
    assert!(!end.lines().contains(&"server"), "{}", end.story());
}

/// §6.2: where every file is executable, what editors and packagers leave behind is none the less no hook.
#[test]
fn leftovers_among_the_parts_of_a_hook_are_skipped() {
    let names = ["10-a~", "10-a.bak", "10-a.orig", "10-a.rej", ".10-a.swp", "10-a.swp", "#10-a#", "10-a.dpkg-dist"];
    let names = names.into_iter().chain(["10-a.rpmsave", "README.md", "notes.txt"]);
    each_place(|cell| {
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).hook("deploy.d/10-a", "echo part").config("strict = true\n");
            names.clone().fold(setup, |setup, name| setup.hook(&format!("deploy.d/{name}"), "echo leftover"))
        };
        let end = setup(&SERVER).start().end().exited(4);
        assert_eq!(end.err, "app-init: running: /mnt/bin/probe ended: exit 4\n");
        let expected = [" -----> Running .docker/action_hooks/deploy.d/10-a", "part", "server"];
        assert_eq!(end.lines(), expected, "{}", end.story());
        let end = setup(&["check"]).start().end().exited(0);
        let note = "note: .docker/action_hooks/deploy.d/README.md does not have a hook's name and is skipped\n";
        assert!(end.out.contains(note), "{}", end.story());
        let end = setup(&[&["-v"], &SERVER[..]].concat()).start().end().exited(4);
        end.complains(&["deploy.d/10-a~ does not have a hook's name and is skipped\n"]);
    });
    // They do not end plain use either.
    Setup::new(Cell::PID1, SERVER).hook("deploy.bak", "exit 0").start().end().exited(4).silent_stderr();
}

/// The interpreter is what the kernel cannot execute, and no other one is asked in its place.
#[test]
fn a_script_whose_interpreter_is_no_program_is_nobody_elses() {
    let setup = Setup::new(Cell::PID1, ["--", PROBE, "do", "print=served"]).file("bad", "\u{1}\u{2}\u{3}", 0o755);
    let hook = setup.file(".docker/action_hooks/deploy", "#!/mnt/app/bad\necho run by sh\n", 0o755);
    let end = hook.start().end().exited(70).complains(&["deploy hook failed: .docker/action_hooks/deploy: cannot run"]);
    assert!(!end.out.contains("run by sh") && !end.out.contains("served"), "{}", end.story());
}

/// A shell takes the carriage return for an option: `check` says what the boot would end with.
#[test]
fn check_finds_a_carriage_return_behind_an_option() {
    let check = |line: &str| {
        let setup = Setup::new(Cell::PID1, ["check", PROBE]);
        setup.file(".docker/action_hooks/deploy", format!("{line}\r\nexit 0\r\n"), 0o755).start().end()
    };
    check("#!/bin/sh -e").exited(78).complains(&["its #! line ends in a carriage return (CRLF)"]);
    check("#!/usr/bin/env -S sh").exited(0);
}

/// `check` says of a program for another machine what the boot would say with 126, unless somebody may run it here.
#[test]
fn a_program_for_another_machine_is_found() {
    // The header of one for a SPARC, whose numbers begin with the high byte.
    let mut program = vec![0_u8; 64];
    program[..6].copy_from_slice(b"\x7fELF\x02\x02");
    program[18..20].copy_from_slice(&43_u16.to_be_bytes());
    each_place(|cell| {
        let setup = |args: &[&str]| {
            Setup::new(cell, args).config("server.command = [\"./tool\"]\n").file("tool", &program, 0o755)
        };
        let told = "server.command: ./tool is built for another machine; build it for this one, or see that \
            binfmt_misc runs it here\n";
        let end = setup(&["check"]).start().end().exited(0);
        assert!(end.out.contains(&format!("warning: {told}")), "{}", end.story());
        setup(&["check", "--strict"]).start().end().exited(78).complains(&[told]);
        setup(&[]).start().end().exited(126);
    });
}
