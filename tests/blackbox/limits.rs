//! `[limits]` (§3): what bounds server and hooks, by the kernel's own numbers, and what is said when it is refused.

use crate::harness::*;
use crate::identity::{image, root_cells};

const SERVER: [&str; 3] = ["--", PROBE, "state"];
const OWN: &[&str] = &["pid ", "parent ", "group ", "session ", "foreground ", "pdeathsig "];
const UNLIMITED: &str = "18446744073709551615";

/// Each limit's name, the kernel's number, and a value for it that a small program can live with.
const LIMITS: [(&str, u32, u64, u64); 16] = [
    ("as", 9, 1 << 40, 1 << 41),
    ("core", 4, 4096, 8192),
    ("cpu", 0, 600, 700),
    ("data", 2, 1 << 38, 1 << 39),
    ("fsize", 1, 1 << 30, 1 << 31),
    ("locks", 10, 50, 60),
    ("memlock", 8, 32768, 65536),
    ("msgqueue", 12, 4096, 8192),
    ("nice", 13, 0, 0),
    ("nofile", 7, 64, 128),
    ("nproc", 6, 500, 600),
    ("rss", 5, 1 << 30, 1 << 31),
    ("rtprio", 14, 0, 0),
    ("rttime", 15, 1_000_000, 2_000_000),
    ("sigpending", 11, 500, 600),
    ("stack", 3, 4 << 20, 8 << 20),
];

/// Whether root may do what takes CAP_SYS_RESOURCE here: in many containers it may not.
fn has_all_of_roots_powers() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("a test runs on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("the kernel says so");
    u64::from_str_radix(line.trim(), 16).expect("it is hexadecimal") & (1 << 24) != 0
}

fn limit(text: &str, number: u32) -> String {
    said(text, &format!("limit {number}")).to_string()
}

/// The server's and the hook's own words about themselves.
fn states(setup: Setup) -> [String; 2] {
    let end = setup.hook("deploy", &format!("{PROBE} state; echo")).start().end().exited(0).nothing_left();
    let (hook, server) = end.out.split_once("end of state").expect("two answers");
    assert!(server.contains("end of state"), "{}", end.story());
    [hook.to_string(), server.to_string()]
}

/// Elsewhere there may be more rights, so it is a warning.
#[test]
fn check_warns_of_a_limit_that_is_refused_here() {
    each_place(|cell| {
        let config = "[limits]\nnofile = 2000000000\ncore = 0\n";
        let start = |args: &[&str]| Setup::new(cell, args).config(config).start().end();
        let told =
            "limits.nofile is refused here: Operation not permitted; lower it, or raise the container's own limit\n";
        let end = start(&["check", "true"]).exited(0);
        assert!(
            end.out.contains(&format!("warning: {told}")) && !end.out.contains("limits.core is"),
            "{}",
            end.story()
        );
        start(&["--", "true"]).exited(71);
    });
}

/// §3: each of them, soft and hard.
#[test]
fn each_limit_reaches_server_and_hook() {
    each_place(|cell| {
        let config = LIMITS.map(|(name, _, soft, hard)| format!("{name} = \"{soft}:{hard}\"\n")).concat();
        let setup = Setup::new(cell, SERVER).config(&format!("[limits]\n{config}"));
        for text in states(setup) {
            for (name, number, soft, hard) in LIMITS {
                assert_eq!(limit(&text, number), format!("{soft} {hard}"), "{name}\n{text}");
            }
        }
    });
}

/// One number is both; a limit that is not named stays.
#[test]
fn nothing_but_what_is_named_changes() {
    for cell in Cell::all() {
        let config = "umask = \"0022\"\n[limits]\nnofile = 64\ncore = 0\n";
        let bare = Setup::bare(cell, [PROBE, "state"]).start().end().exited(0);
        let end = Setup::new(cell, SERVER).config(config).start().end().exited(0).nothing_left();
        let out = end.lines().join("\n");
        assert_eq!((limit(&out, 7), limit(&out, 4)), ("64 64".into(), "0 0".into()), "{}", end.story());
        let changed = differences(&bare.lines().join("\n"), &out, OWN);
        let others = changed.iter().filter(|line| !line.contains("limit 7 ") && !line.contains("limit 4 "));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new(), "{cell}");
    }
}

/// Root raises what the container was given, where it has the power.
#[test]
fn root_may_raise_a_limit() {
    for cell in root_cells() {
        let start = |config: &str| {
            let setup = Setup::new(cell, SERVER).placed(["--limit", CORE, "0", "--limit", NOFILE, "77"]);
            setup.config(config).start().end()
        };
        for (config, core, nofile) in [
            ("[limits]\ncore = \"unlimited\"\n", format!("{UNLIMITED} {UNLIMITED}"), "77 77"),
            ("[limits]\ncore = \"0:unlimited\"\n", format!("0 {UNLIMITED}"), "77 77"),
            ("[limits]\nnofile = \"80:200\"\n", "0 0".into(), "80 200"),
        ] {
            let end = start(config);
            if has_all_of_roots_powers() {
                let end = end.exited(0);
                assert_eq!((limit(&end.out, 4), limit(&end.out, 7)), (core, nofile.into()), "{}", end.story());
            } else {
                end.exited(71).complains(&["is refused: Operation not permitted; it is "]);
            }
        }
        start("[limits]\ncore = 0\nnofile = \"10:77\"\n").exited(0);
    }
}

/// With a user of its own, the server still has what only root may give.
#[test]
fn limits_are_set_before_the_user_is_taken_on() {
    each_place(|cell| {
        let config = "user = \"app\"\n[limits]\nnofile = \"80:200\"\noom_score_adj = -5\n";
        for args in [
            &SERVER[..],
            &["--exec", "--", PROBE, "state"],
            &["exec", "--", PROBE, "state"],
            &["shell", "-c", "/mnt/bin/probe state"],
        ] {
            let setup = Setup::new(cell, args).placed(["--limit", NOFILE, "77"]).config(config);
            let end = image(setup).start().end();
            if !has_all_of_roots_powers() {
                end.exited(71);
                continue;
            }
            let end = end.exited(0);
            assert_eq!(limit(&end.out, 7), "80 200", "{args:?}: {}", end.story());
            assert_eq!(said(&end.out, "oom_score_adj"), "-5", "{args:?}: {}", end.story());
            assert_eq!(said(&end.out, "Uid"), "4000\t4000\t4000\t4000", "{args:?}: {}", end.story());
        }
    });
}

/// PID 1 itself is nobody's to bound.
#[test]
fn app_init_keeps_its_own() {
    each_place(|cell| {
        let config = "[limits]\nnofile = 64\nno_new_privileges = true\noom_score_adj = 300\n";
        let args = ["--", PROBE, "do", "trap=15:0:0", "print=up", "pause"];
        let run = Setup::new(cell, args).config(config).start();
        run.line("up");
        let own = std::fs::read_to_string(format!("/proc/{}/limits", run.pid)).expect("it runs");
        assert!(!own.lines().any(|line| line.starts_with("Max open files") && line.contains(" 64 ")), "{own}");
        assert_eq!(run.status("NoNewPrivs"), "0");
        let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", run.pid)).expect("it runs");
        assert_ne!(score.trim(), "300");
        run.signal(signal::TERM);
        run.end().exited(0);
    });
}

/// §3, exit 71: the key, and what is there.
#[test]
fn a_limit_that_is_refused_is_named() {
    each_place(|cell| {
        let cell = Cell { identity: Identity::Nobody, ..cell };
        let start = |args: &[&str], config: &str| {
            let setup = Setup::new(cell, args).placed(["--limit", NOFILE, "77"]).config(config);
            setup.hook("other", "echo ran").start().end().nothing_left()
        };
        for args in [
            &["--", PROBE, "do", "print=ran"][..],
            &["--exec", "--", PROBE, "do", "print=ran"],
            &["exec", "--", PROBE, "do", "print=ran"],
        ] {
            let end = start(args, "[limits]\nnofile = 100\n").exited(71);
            let told = "cannot start /mnt/bin/probe: limits.nofile is refused: Operation not permitted; it is 77:77 \
                here; \
                lower it, or raise the container's own limit\n";
            assert_eq!(
                (end.out.as_str(), end.err.as_str()),
                ("", format!("app-init: error: {told}").as_str()),
                "{args:?}"
            );
        }
        let end =
            start(&["hook", "other"], "[limits]\nnofile = 100\n").exited(71).complains(&["limits.nofile is refused"]);
        assert!(!end.lines().contains(&"ran"), "{}", end.story());
        start(&["--", PROBE, "do", "exit=4"], "[limits]\nnofile = 77\n").exited(4);
        start(&["--", PROBE, "do", "exit=4"], "[limits]\nnofile = \"10:70\"\n").exited(4);
    });
}

/// Each limit by its own name, where the hard one would have to be raised for it.
#[test]
fn each_limit_that_is_refused_names_itself() {
    each_place(|cell| {
        let cell = Cell { identity: Identity::Nobody, ..cell };
        for (name, number, has, _) in LIMITS {
            let setup = Setup::new(cell, ["--", PROBE, "do", "print=ran"]);
            let setup = setup.placed(["--limit".to_string(), number.to_string(), has.to_string()]);
            let wants = has + 1;
            let end = setup.config(&format!("[limits]\n{name} = {wants}\n")).start().end().exited(71).nothing_left();
            let told = format!(
                "app-init: error: cannot start /mnt/bin/probe: limits.{name} is refused: Operation not permitted; it is \
                {has}:{has} here; lower it, or raise the container's own limit\n"
            );
            assert_eq!((end.out.as_str(), end.err.as_str()), ("", told.as_str()), "{name}");
            // The control: what it has it may have.
            let setup = Setup::new(cell, ["--", PROBE, "do", "print=ran"]);
            let setup = setup.placed(["--limit".to_string(), number.to_string(), has.to_string()]);
            let end = setup.config(&format!("[limits]\n{name} = {has}\n")).start().end().exited(0);
            assert_eq!(end.out, "ran\n", "{name}: {}", end.story());
        }
    });
}

/// A hook that cannot be bounded is not run, and no server is.
#[test]
fn a_hook_with_a_refused_limit_ends_the_boot() {
    each_place(|cell| {
        let cell = Cell { identity: Identity::Nobody, ..cell };
        let setup = Setup::new(cell, ["--", PROBE, "do", "print=server"]).placed(["--limit", NOFILE, "77"]);
        let setup = setup.config("[limits]\nnofile = 100\n").hook("deploy", "echo ran");
        let end = setup.start().end().exited(71).nothing_left().complains(&["limits.nofile is refused"]);
        assert!(!end.lines().iter().any(|line| ["ran", "server"].contains(line)), "{}", end.story());
    });
}

#[test]
fn no_new_privileges() {
    each_place(|cell| {
        let setup = |config: &str| Setup::new(cell, SERVER).config(config);
        for text in states(setup("[limits]\nno_new_privileges = true\n")) {
            assert_eq!(said(&text, "NoNewPrivs"), "1", "{text}");
        }
        for config in ["[limits]\nno_new_privileges = false\n", "[limits]\ncore = 0\n"] {
            for text in states(setup(config)) {
                assert_eq!(said(&text, "NoNewPrivs"), "0", "{text}");
            }
        }
        // It does not stand in the way of the user.
        let end = image(setup("user = \"app\"\n[limits]\nno_new_privileges = true\n")).start().end().exited(0);
        assert_eq!(said(&end.out, "NoNewPrivs"), "1", "{}", end.story());
        assert_eq!(said(&end.out, "Uid"), "4000\t4000\t4000\t4000", "{}", end.story());
    });
}

#[test]
fn the_oom_score() {
    each_place(|cell| {
        let lowered: &[&str] = if has_all_of_roots_powers() { &["-1", "-500", "-1000"] } else { &[] };
        for score in ["500", "1000", "1"].iter().chain(lowered) {
            for text in states(Setup::new(cell, SERVER).config(&format!("[limits]\noom_score_adj = {score}\n"))) {
                assert_eq!(said(&text, "oom_score_adj"), *score, "{text}");
            }
        }
        let nobody = Cell { identity: Identity::Nobody, ..cell };
        let start = |score: &str| {
            let setup = Setup::new(nobody, ["--", PROBE, "state"]).placed(["--oom-score", "100"]);
            setup.config(&format!("[limits]\noom_score_adj = {score}\n")).start().end()
        };
        assert_eq!(said(&start("300").exited(0).out, "oom_score_adj"), "300");
        let end = start("-5").exited(71);
        let told = "app-init: error: cannot start /mnt/bin/probe: limits.oom_score_adj is refused: Permission \
            denied; only \
            root with CAP_SYS_RESOURCE may lower it\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
    });
}

#[test]
fn the_umask_is_everybodys() {
    each_cell(|cell| {
        let setup = || Setup::new(cell, SERVER).config("umask = \"0027\"\n").placed(["--umask", "63"]);
        for text in states(setup()) {
            assert_eq!(said(&text, "Umask"), "0027", "{cell}\n{text}");
        }
        let end = Setup::new(cell, SERVER).placed(["--umask", "63"]).start().end().exited(0);
        assert_eq!(said(&end.out, "Umask"), "0077", "{}", end.story());
    });
}

/// Each with its own words, all in one run.
#[test]
fn values_that_are_none_are_named() {
    let form = |text: &str| format!("`{text}` is not a limit; write 65536, \"1024:65536\" or \"unlimited\"");
    let cases = [
        ("nofile = \"many\"", "limits.nofile", form("many")),
        ("core = \"1:2:3\"", "limits.core", form("1:2:3")),
        ("cpu = \"-1\"", "limits.cpu", form("-1")),
        ("data = \"\"", "limits.data", form("")),
        ("fsize = \"1k\"", "limits.fsize", form("1k")),
        ("locks = \"18446744073709551616\"", "limits.locks", form("18446744073709551616")),
        ("stack = \"2:1\"", "limits.stack", "`2:1`: the soft limit is above the hard one; swap them".into()),
        (
            "rss = \"unlimited:1\"",
            "limits.rss",
            "`unlimited:1`: the soft limit is above the hard one; swap them".into(),
        ),
        ("nproc = true", "limits.nproc", "expected a limit like 65536, \"1024:65536\" or \"unlimited\"".into()),
        ("nice = -1", "limits.nice", form("-1")),
        (
            "oom_score_adj = 1001",
            "limits.oom_score_adj",
            "expected a number from -1000 to 1000, found 1001; change its value".into(),
        ),
        (
            "no_new_privileges = 1",
            "limits.no_new_privileges",
            "expected true or false, found 1; change its value".into(),
        ),
        ("files = 1", "limits.files", "`files` is no key of this table; remove it, or write one of `as`, ".into()),
    ];
    let config = cases.each_ref().map(|(line, _, _)| *line).join("\n");
    each_place(|cell| {
        let end = Setup::new(cell, SERVER).config(&format!("[limits]\n{config}")).start().end().exited(78);
        for (place, (line, key, what)) in cases.iter().enumerate() {
            let told = end.err.lines().any(|told| {
                told.contains(&format!("app-init.toml:{}: ", place + 2))
                    && told.contains(key)
                    && told.contains(what.as_str())
            });
            assert!(told, "{line}: no `{key}`, `{what}`\n{}", end.story());
        }
        assert!(
            end.err.contains(&format!("app-init: {} faults, nothing was started\n", cases.len())),
            "{}",
            end.story()
        );
    });
    for score in ["1001", "-1001", "99999999999"] {
        let end = Setup::new(Cell::PID1, SERVER).config(&format!("[limits]\noom_score_adj = {score}\n")).start().end();
        end.exited(78)
            .complains(&["limits.oom_score_adj", &format!("expected a number from -1000 to 1000, found {score}; ")]);
    }
}
