//! What becomes of the others when app-init itself fails.

use std::fmt::Write;

use crate::harness::*;
use crate::soak::scale;

/// C54. A panic asks everybody to end, lets them finish, kills who does not listen, and leaves with a code of its own.
#[test]
fn a_panic_stops_everybody_in_good_order() {
    each_place(|cell| {
        let setup = Setup::bare(cell, [format!("{APP}/panics")]);
        let built = probe().with_file_name("panics");
        std::fs::copy(&built, setup.world.app().join("panics")).expect("the example is built with the tests");
        let end = setup.start().end().exited(71).nothing_left().complains(&["internal error", "broken on purpose"]);
        assert!(end.out.contains("finished"), "{}", end.story());
    });
}

/// The hooks and the server are this program itself: what starts with a limit starts again with it.
const CONFIG: &str = r#"
[server]
command = ["/mnt/bin/app-init"]
[[hooks.deploy.run]]
command = ["/mnt/bin/app-init", "--version"]
[[hooks.post-stop.run]]
command = ["/mnt/bin/app-init", "--version"]
[stop]
leftovers = "1s"
"#;

/// The code of the server, which is given nothing to run.
const SERVERS: i32 = 64;

/// The step of the limits that are tried: a page or two more than what one growth of the heap takes.
const STEP: usize = 16 * 1024;

fn limited(cell: Cell, limit: usize) -> Setup {
    Setup::bare(cell, ["prlimit", &format!("--as={limit}"), APP_INIT])
}

/// The smallest limit of address space, in steps, with which the program starts at all.
fn first_limit() -> usize {
    let (mut below, mut from) = (0, 4096);
    while below + 1 < from {
        let middle = usize::midpoint(below, from);
        let end = limited(Cell::SUBREAPER, middle * STEP).args(["--version"]).start().end();
        if end.how == Ended::Exited(0) { from = middle } else { below = middle }
    }
    from * STEP
}

/// Memory that is refused is an end like any other: with each limit from the first it comes to the server's code, or to
/// 71 and a line, and nobody is left.
#[test]
fn refused_memory_is_an_end_in_good_order() {
    type Scenario<'a> = (&'a str, i32, fn(Setup) -> Setup);
    let large = (0..2000).fold(String::from(CONFIG), |mut config, number| {
        writeln!(config, "[role.number-{number}]\nhooks_dir = \"somewhere/else\"").expect("a String takes everything");
        config
    });
    let scenarios: [Scenario<'_>; 4] = [
        ("", SERVERS, |setup| setup.args(["--", APP_INIT])),
        (CONFIG, SERVERS, |setup| setup.args(["--config", "config.toml"])),
        (&large, SERVERS, |setup| setup.args(["--config", "config.toml"])),
        ("", 124, |setup| {
            setup.args(["--run-timeout", "20ms", "--", APP_INIT, "wait", "--timeout", "0", "file:/nowhere"])
        }),
    ];
    let first = first_limit();
    each_place(|cell| {
        for (config, code, scenario) in &scenarios {
            let (mut limit, mut refused, mut granted) = (first, 0, 0);
            while granted < 12 {
                let end = scenario(limited(cell, limit).file("config.toml", config, 0o644)).start().end();
                let story = || format!("{limit}: {}", end.story());
                // In a dynamic program the loader and glibc may come first.
                if !end.err.contains("Fatal glibc error") && !end.err.contains("loading shared libraries") {
                    assert!([*code, 71].map(Ended::Exited).contains(&end.how), "{}", story());
                    let is_granted = end.how == Ended::Exited(*code);
                    assert!(is_granted || end.err.contains("memory is refused"), "{}", story());
                    assert!(end.left.iter().all(|process| process.state == 'Z'), "{}", story());
                    (refused, granted) = if is_granted { (refused, granted + 1) } else { (refused + 1, 0) };
                }
                // Where one run has to do, the steps grow.
                limit += STEP * (1 + scale((limit - first) / (8 * STEP), 0));
            }
            assert!(
                refused > 0 || config.len() < large.len(),
                "the large configuration takes more than the first limit"
            );
        }
    });
}

/// A stop needs no memory: with none to be had it is handed on, and the server's code is app-init's.
#[test]
fn a_stop_needs_no_memory() {
    each_place(|cell| {
        for setup in [Setup::new(cell, [""; 0]), Setup::new(cell, [""; 0]).hook("deploy", "exit 0")] {
            let server = [
                PROBE,
                "do",
                "[",
                "setsid",
                "trap=15:0:0",
                "print=bg",
                "pause",
                "]",
                "trap=15:0:5",
                "print=up",
                "pause",
            ];
            let run = setup.args(["--"]).args(server).start();
            run.lines(&["bg", "up"]);
            run.limit_address_space(1);
            run.signal(signal::TERM);
            run.line("trapped 15");
            run.end().exited(5);
        }
    });
}
