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

/// §6.2. Somebody still writes to the file; the hook's turn comes again within a second.
#[test]
fn a_busy_hook_is_tried_again() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).file(
            ".docker/action_hooks/deploy",
            std::fs::read(probe()).expect("readable"),
            0o755,
        );
        let path = setup.world.app().join(".docker/action_hooks/deploy");
        let writer = std::fs::OpenOptions::new().append(true).open(path).expect("a test's own file");
        let run = setup.config("[hooks.deploy]\non_failure = \"continue\"\n").start();
        run.line("-----> Running");
        drop(writer);
        // The probe without arguments says how it is used, and ends with 64.
        run.err_line("probe: argv");
        run.end().exited(4).complains(&["64"]);
    });
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
