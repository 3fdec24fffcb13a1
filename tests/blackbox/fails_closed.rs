//! §0.5: what cannot be looked at is not taken for absent, and what cannot be read is not waited for.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::stat::Mode;

use crate::harness::*;

const NOBODY: Cell = Cell { identity: Identity::Nobody, ..Cell::PID1 };

fn deny(setup: &Setup, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let path = setup.world.app().join(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the test's own directory");
}

/// A migration that this user may not see must not be skipped.
#[test]
fn hooks_that_may_not_be_looked_at_are_a_fault() {
    for (directory, mode) in [(".docker/action_hooks", 0o700), (".docker/action_hooks", 0o711), (".docker", 0o700)] {
        let setup = Setup::new(NOBODY, ["--", PROBE, "do", "print=server"]).hook("deploy", "exit 3");
        deny(&setup, directory, mode);
        let end = setup.start().end();
        assert!(!end.out.contains("server"), "{directory} {mode:o}: {}", end.story());
        // A directory that may be entered and not listed has a hook that runs; it fails.
        end.exited(if mode == 0o711 { 70 } else { 78 });
    }
}

/// Where there may be a configuration it is no plain use: what cannot be looked at is not absent.
#[test]
fn a_place_that_may_not_be_looked_into_is_not_plain() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let server = ["--", PROBE, "do", "print=server"];
    let at_fault = |setup: Setup, why: &str| {
        let end = setup.start().end().exited(78).complains(&["app-init.toml: cannot be read: ", why]);
        assert!(!end.out.contains("server"), "{}", end.story());
    };
    // Whoever opens the directory may have been somebody else.
    let script = format!("mkdir in; cd in; mkdir .docker; chmod 0 .; exec {APP_INIT} {}", server.join(" "));
    at_fault(Setup::bare(NOBODY, ["sh", "-ec", &script]), "make it readable for this user");
    let setup = Setup::new(NOBODY, server).etc("app-init.toml", "");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(setup.world.etc(), mode).expect("the test's own directory");
    at_fault(setup, "make it readable for this user");
    each_place(|cell| {
        let setup = Setup::new(cell, server);
        symlink(".docker", setup.world.app().join(".docker")).expect("a link can be made");
        at_fault(setup, "mend the link");
    });
}

/// Opening a pipe waits for its writer, and nothing would ever write.
#[test]
fn a_pipe_in_place_of_a_config_or_a_hook_holds_nothing_up() {
    each_place(|cell| {
        let pipe = |setup: &Setup, name: &str| {
            let path = setup.world.app().join(name);
            nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o777)).expect("a pipe can be made");
        };
        let server = ["--", PROBE, "do", "print=server"];
        let setup = Setup::new(cell, server).file(".docker/x", "", 0o644);
        pipe(&setup, ".docker/app-init.toml");
        let refusal = "app-init.toml: cannot be read: it is no regular file; put one there\n";
        setup.start().end().exited(78).complains(&[refusal]);
        let setup = Setup::new(cell, server).hook("post-stop", "exit 0");
        pipe(&setup, ".docker/action_hooks/deploy");
        let end = setup.start().end().exited(0).complains(&["deploy", "skipped"]);
        assert!(end.out.contains("server"), "{}", end.story());
    });
}

/// Nobody reads what is wrong; it ends all the same.
#[test]
fn many_faults_and_a_full_pipe_do_not_hold_it_up() {
    each_place(|cell| {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        // Another description of it, non-blocking, fills it to the brim.
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let filler = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
        let mut filler = filler.expect("it can be opened again");
        while filler.write(&[b'x'; 4096]).is_ok() {}
        let faults = (0..50).fold(String::new(), |faults, number| faults + &format!("key{number} = 1\n"));
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=server"]).config(&faults).stderr_to(writer.into());
        setup.start().end().exited(78);
        drop(reader);
    });
}

/// §9: Kubernetes shows what is in this file.
#[test]
fn faults_are_left_in_the_termination_file() {
    each_place(|cell| {
        let config = "[log]\ntermination_file = \"/mnt/app/reason\"\n[stop]\ndrain = \"soon\"\n";
        let setup = Setup::new(cell, ["--", PROBE, "do"]).config(config).file("reason", "", 0o666);
        let reason = setup.world.app().join("reason");
        // Open before the run, whose directory is gone with it.
        let mut reason = std::fs::File::open(reason).expect("it was made");
        let end = setup.start().end().exited(78).complains(&["stop.drain"]);
        let mut text = String::new();
        reason.read_to_string(&mut text).expect("it can be read");
        assert!(text.contains("stop.drain"), "{text:?}\n{}", end.story());
    });
}

/// As many as are told, and more than any pipe takes at once.
fn many_faults() -> (String, usize) {
    const COUNT: usize = 50;
    let long = "x".repeat(4000);
    ((0..COUNT).fold(String::new(), |faults, number| faults + &format!("key{number}{long} = 1\n")), COUNT)
}

/// The first show what the others are like.
#[test]
fn of_very_many_faults_the_first_are_told_and_the_others_counted() {
    each_place(|cell| {
        let count = 3000;
        let config = (0..count).fold(String::new(), |faults, number| faults + &format!("key{number} = 1\n"));
        let end = Setup::new(cell, ["check"]).config(&config).start().end().exited(78);
        let told: Vec<&str> = end.err.lines().collect();
        assert_eq!(told.len(), 52, "{}", end.story());
        assert!(told[49].starts_with(".docker/app-init.toml:50: key49: "), "{}", end.story());
        assert_eq!(told[50..], ["… and 2950 more", "app-init: 3000 faults, nothing was started"]);
        // Those of the environment are found later.
        let faults =
            (0..count).fold("[env.set]\n".to_owned(), |all, number| all + &format!("A{number} = \"${{B}}\"\n"));
        let end = Setup::new(cell, ["check"]).config(&faults).start().end().exited(78);
        let told: Vec<&str> = end.err.lines().collect();
        assert_eq!(told[50..], ["… and 2950 more", "app-init: 3000 faults, nothing was started"]);
    });
}

/// Whoever reads hears all of it: of a boot, and of a check, whose reader is waited for as long as it takes.
#[test]
fn every_fault_comes_through_a_pipe() {
    each_place(|cell| {
        let (config, count) = many_faults();
        for args in [&["check"][..], &["env"], &["--", PROBE, "do", "print=server"]] {
            let end = Setup::new(cell, args).config(&config).start().end().exited(78);
            assert_eq!(end.err.lines().count(), count + 1, "{args:?}: some are missing");
            let last = format!("app-init: {count} faults, nothing was started\n");
            assert!(end.err.ends_with(&last), "{args:?}: {}", end.err.lines().last().unwrap_or_default());
        }
    });
}

/// Nothing depends on a check, and so does it not on its reader: it waits, and can be interrupted.
#[test]
fn a_check_waits_for_its_reader_and_can_be_interrupted() {
    let start = |writer: std::io::PipeWriter| {
        let setup = Setup::new(Cell::SUBREAPER, ["check", PROBE]).config(&many_faults().0);
        let run = setup.stderr_to(writer.into()).start();
        run.eventually("it waits for its reader", |run| {
            let call = std::fs::read_to_string(format!("/proc/{}/syscall", run.pid)).unwrap_or_default();
            // write(2) to standard error.
            call.starts_with(&format!("{} 0x2 ", nix::libc::SYS_write))
        });
        run
    };
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let run = start(writer);
    run.signal(signal::TERM);
    assert_eq!(run.end().how, Ended::Signaled(signal::TERM));
    drop(reader);
    let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
    let run = start(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("it is text");
    assert!(text.ends_with("app-init: 50 faults, nothing was started\n"), "{text}");
    run.end().exited(78);
}
