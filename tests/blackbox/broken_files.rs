//! §3: a configuration that is not there as it should be, or not as TOML wants it.

use std::os::unix::fs::symlink;

use crate::harness::*;

const SERVER: [&str; 4] = ["--", PROBE, "do", "print=server"];
const NOWHERE: &str = "app-init.toml: is a link that leads nowhere; mend the link, or remove it\n";

/// Such as of a volume that was not mounted: without it the server would run as nobody wants it.
#[test]
fn a_link_that_leads_nowhere_is_a_fault() {
    each_place(|cell| {
        let setup = Setup::new(cell, SERVER).file(".docker/keep", "", 0o644);
        symlink("/nonexist", setup.world.app().join(".docker/app-init.toml")).expect("a link can be made");
        let end = setup.start().end().exited(78).complains(&[NOWHERE]);
        assert!(!end.out.contains("server"), "{}", end.story());
        let setup = Setup::new(cell, SERVER).etc("other", "");
        symlink("/nonexist", setup.world.etc().join("app-init.toml")).expect("a link can be made");
        setup.start().end().exited(78).complains(&["/etc/", NOWHERE]);
    });
}

/// The same of directories: nobody would miss the hooks and the variables in them. Something else in their place is no
/// better.
#[test]
fn a_directory_that_is_a_link_to_nowhere_or_a_file_is_a_fault() {
    let lost = |cell, place: &str, told: &str| {
        for is_link in [true, false] {
            let setup = Setup::new(cell, SERVER);
            let path = setup.world.app().join(place);
            std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory can be made");
            if is_link {
                symlink("/nonexist", &path).expect("a link can be made");
            } else if place != ".docker" {
                std::fs::write(&path, "#!/bin/sh\n").expect("a file can be written");
            } else {
                continue;
            }
            let why = if is_link { "is a link that leads nowhere; mend" } else { "is no directory; make it one" };
            let end = setup.start().end().exited(78).complains(&[told, &format!("{place} {why}")]);
            assert!(!end.out.contains("server"), "{}", end.story());
        }
    };
    each_place(|cell| {
        lost(cell, ".docker", "app-init.toml: is not there: ");
        lost(cell, ".docker/action_hooks", "hooks_dir: no hook is found in .docker/action_hooks: ");
        lost(cell, ".docker/action_hooks/deploy.d", "hooks_dir: cannot list .docker/action_hooks/deploy.d: ");
        lost(cell, ".docker/user_vars", "env.vars_dir: no variable is found in .docker/user_vars: ");
    });
    // It is the way into an image that is broken.
    let setup = Setup::new(Cell::PID1, ["shell", "-c", "echo opened"]);
    symlink("/nonexist", setup.world.app().join(".docker")).expect("a link can be made");
    setup.start().end().exited(0).complains(&["is a link that leads nowhere"]);
}

/// One that leads somewhere is a file like any other.
#[test]
fn a_link_to_a_configuration_is_read() {
    let setup = Setup::new(Cell::PID1, SERVER).file(".docker/keep", "[server]\nsuccess_codes = [7]\n", 0o644);
    symlink("keep", setup.world.app().join(".docker/app-init.toml")).expect("a link can be made");
    setup.args(["exit=7"]).start().end().exited(0);
}

/// What else is wrong in a table is told although the table is there twice.
#[test]
fn a_table_that_is_there_twice_hides_no_fault() {
    let config = "[server]\ncolour = 1\n[stop]\ndrain = \"soon\"\n[server]\nmode = \"fork\"\n[stop]\nbudget = true\n\
        [log]\nformat = \"xml\"\n";
    each_place(|cell| {
        let end = Setup::new(cell, SERVER).config(config).start().end().exited(78);
        let told: Vec<&str> = end.err.lines().filter_map(|line| line.strip_prefix(".docker/app-init.toml:")).collect();
        let expected = [
            "2: server.colour: `colour` is no key",
            "4: stop.drain: `soon` is not a duration",
            "5: not TOML: duplicate key `server`; write it once",
            "6: server.mode: `fork` is not known",
            "7: not TOML: duplicate key `stop`; write it once",
            "8: stop.budget: expected a duration",
            "10: log.format: `xml` is not known",
        ];
        let fits = told.len() == expected.len() && told.iter().zip(expected).all(|(told, line)| told.starts_with(line));
        assert!(fits, "{}", end.story());
    });
}

/// One thing was forgotten, and it is told once, where it was: what follows from it is nobody's mistake.
#[test]
fn a_file_that_is_no_toml_is_one_fault_and_nothing_is_said_of_its_values() {
    let config = "[server]\nmode = \"fork\"\ncommand = [\"sleep\", \"1\"\nargs = []\ncolour = 1\n[[wait]]\ntarget = 1\n\
        [hooks.deploy\ntimeout = \"soon\"\n[role.web]\nuser = \"nobody-there\"\n";
    let told = "app-init.toml:3: not TOML: `[` is opened here and not closed before line 4; write `]`\n";
    each_place(|cell| {
        for args in [&["web"][..], &["check"], &["env"], &["exec", "--", PROBE, "environ"], &["hook", "none"], &[]] {
            let setup = || Setup::new(cell, args).env("APP_INIT_ROLE", "none").env("APP_INIT_STOP_SIGNAL", "none");
            let end = setup().config(config).start().end().exited(78);
            let expected = format!(".docker/{told}app-init: 1 fault, nothing was started\n");
            assert_eq!((end.out.as_str(), end.err.as_str()), ("", expected.as_str()), "{args:?}");
            // Each file has its own.
            let end = setup().config(config).etc("app-init.toml", "\n\n\n").start().end().exited(78);
            assert_eq!(end.err, expected, "{args:?}");
            let end = setup().config(config).etc("app-init.toml", config).start().end().exited(78);
            let expected = format!(".docker/{told}/etc/{told}app-init: 2 faults, nothing was started\n");
            assert_eq!(end.err, expected, "{args:?}");
        }
    });
}

/// A shell opens all the same, and hears no more of it.
#[test]
fn a_shell_is_told_where_a_file_is_no_toml() {
    let config = "umask = 0022\nserver.colour = 1\n";
    let end = Setup::new(Cell::PID1, ["shell", "-c", "echo opened"]).config(config).start().end();
    assert_eq!(end.err.matches("app-init.toml:").count(), 1, "{}", end.story());
    end.complains(&["app-init.toml:1: not TOML: "]);
}
