//! One whole life in every cell: hooks, server, orphans, signals, a background process, the end.

use crate::harness::*;

/// Everything that a boot and a stop do, with the code, the signals, the zombies and the output of each cell.
#[test]
fn a_whole_life_is_the_same_in_every_cell() {
    each_cell(|cell| {
        let background = format!("{PROBE} do [ setsid trap=15:100:3 print=announcer pause ] print=deployed exit=0");
        let steps = ["--", PROBE, "do", "trap=10:0", "trap=15:100:42", "orphans=20", "print=server", "pause"];
        let run = Setup::new(cell, steps)
            .config("[stop]\nleftovers = \"3s\"\n[env.set]\nGREETING = \"hello\"\n")
            .hook("deploy", &format!("echo \"$GREETING from deploy\"; exec {background}"))
            .hook("pre-stop", "echo \"$GREETING from pre-stop\"")
            .hook("post-stop", "echo \"$GREETING from post-stop\"")
            .start();
        run.lines(&["announcer", "server"]);
        run.signal(signal::USR1);
        run.line("trapped 10");
        run.signal(signal::TERM);
        let end = run.end().exited(42).nothing_left();
        let own = if cell.terminal { &end.out } else { &end.err };
        let own: Vec<&str> = own.lines().map(str::trim_end).filter(|line| line.starts_with("app-init: ")).collect();
        let told = ["app-init: stop requested by TERM", "app-init: running: /mnt/bin/probe ended: exit 42"];
        assert_eq!(own, told, "{}", end.story());
        assert_eq!(end.err.lines().count(), if cell.terminal { 0 } else { told.len() }, "{}", end.story());
        let lines = end.lines();
        for line in ["hello from deploy", "deployed", "announcer", "hello from pre-stop", "hello from post-stop"] {
            assert!(lines.contains(&line), "no `{line}`: {}", end.story());
        }
        assert_eq!(lines.iter().filter(|line| **line == "finished 15").count(), 2, "{}", end.story());
        assert_eq!(lines.last(), Some(&"hello from post-stop"), "{}", end.story());
    });
}

/// Plain use, the same way.
#[test]
fn a_plain_life_is_the_same_in_every_cell() {
    each_cell(|cell| {
        let steps = ["--", PROBE, "do", "trap=10:0", "trap=15:100:42", "orphans=20", "reaped", "print=server", "pause"];
        let run = Setup::new(cell, steps).start();
        run.line("strangers 0");
        run.line("server");
        run.signal(signal::USR1);
        run.line("trapped 10");
        run.signal(signal::TERM);
        let end = run.end().exited(42).nothing_left();
        assert_eq!(end.err, "", "{}", end.story());
        assert_eq!(end.out.lines().count(), 5, "{}", end.story());
    });
}

/// The launcher itself does what the cells say: the control of all other tests.
#[test]
fn a_cell_is_what_it_says() {
    each_cell(|cell| {
        let end = Setup::bare(cell, [PROBE, "state"]).start().end().exited(0);
        let text = &end.out;
        assert_eq!(said(text, "pid"), if cell.pid1 { "1" } else { "2" });
        let uid = if cell.identity == Identity::Nobody { "12345" } else { "0" };
        assert_eq!(said(text, "Uid"), [uid; 4].join("\t"));
        let powerless = cell.identity != Identity::Root;
        assert_eq!(said(text, "CapEff") == "0000000000000000", powerless, "{}", end.story());
        assert_eq!(said(text, "NoNewPrivs"), if powerless { "1" } else { "0" });
        assert_eq!(said(text, "foreground") != "-1", cell.terminal, "{}", end.story());
        let script = "for d in / /tmp /run /mnt /mnt/app /dev/shm /proc; do test -w $d && echo writable $d; done; true";
        let writable = Setup::bare(cell, ["sh", "-c", script]).start().end().exited(0).out;
        let some_writable = writable.contains("writable /tmp") && writable.contains("writable /mnt/app");
        assert_eq!(some_writable, !cell.read_only, "{writable}");
        assert!(!cell.read_only || writable.is_empty(), "{writable}");
    });
}
