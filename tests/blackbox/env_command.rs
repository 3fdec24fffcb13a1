//! `app-init env`: the environment, for a shell to evaluate and for programs to read.

use super::environment::{raw, value};
use crate::harness::*;
use nix::unistd::pipe2;
use std::fs::File;
use std::io::Read;

/// Values that a shell, a terminal or a parser could misread.
const VALUES: &[(&str, &[u8])] = &[
    ("PLAIN", b"plain"),
    ("EMPTY", b""),
    ("QUOTES", b"it's \"quoted\" 'twice' '' '"),
    ("SPECIAL", b"$HOME ${PATH} $(id) `id` \\ \\n ! * ~ # ; & | < > % =="),
    ("LINES", b"one\ntwo\n\nOTHER='x'\n\n"),
    ("CONTROL", b"\t\r\x1b[2J\x01\x7f"),
    ("RAW", b"\xff\xfe\xc3\x28 \xe2\x82\xac"),
    ("BLANKS", b"  x  "),
    ("_under_9", b"x"),
];

fn with_values(setup: Setup) -> Setup {
    // Anything but plain use needs a configuration.
    VALUES.iter().fold(setup.config("umask = \"0022\"\n"), |setup, (name, value)| setup.env(name, raw(value)))
}

/// The lines of the variables above, as the probe prints them.
fn of_values(text: &str) -> Vec<Option<&str>> {
    VALUES.iter().map(|(name, _)| value(text, name)).collect()
}

/// A value of the user's could drive the terminal of root's on which it is shown.
#[test]
fn a_terminal_gets_no_control_characters() {
    each_terminal_place(|cell| {
        let end = with_values(Setup::new(cell, ["env"])).env("TURNS", "a\u{202e}b\u{9b}c").start().end().exited(0);
        let told = "# control characters are shown here and not written; to a pipe or a file they are";
        assert_eq!(end.lines().first(), Some(&told), "{}", end.story());
        for line in
            ["CONTROL='\\t\\r\\u{1b}[2J\\u{1}\\u{7f}'", "RAW='\\xff\\xfe\\xc3( €'", "TURNS='a\\u{202e}b\\u{9b}c'"]
        {
            assert!(end.lines().contains(&line), "no {line}: {}", end.story());
        }
        assert!(!end.out.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7f}']), "{}", end.story());
        // One that there is nothing to show of is as it is elsewhere.
        let end = Setup::new(cell, ["env"]).config("umask = \"0022\"\n").start().end().exited(0);
        assert!(!end.out.contains(told), "{}", end.story());
    });
}

/// `eval "$(app-init env)"` gives back every byte.
#[test]
fn a_shell_can_evaluate_the_lines() {
    each_cell_without_terminal(|cell| {
        let expected = with_values(Setup::bare(cell, [PROBE, "environ"])).start().end().exited(0).out;
        let lines = with_values(Setup::new(cell, ["env"])).start().end().exited(0).silent_stderr();
        for shell in ["/bin/sh", "/bin/bash"] {
            let read = format!("set -a; eval \"$(cat lines)\"; exec {PROBE} environ");
            let evaluated = Setup::bare(cell, ["env", "-i", shell, "-c", &read]).file("lines", &lines.out_bytes, 0o644);
            let evaluated = evaluated.start().end().exited(0);
            assert_eq!(of_values(&evaluated.out), of_values(&expected), "{}", evaluated.story());
        }
        assert!(of_values(&expected).iter().all(Option::is_some), "{expected}");
        // An env file is read by the same rules, so that one container's can be another's.
        let again = Setup::new(cell, ["--", PROBE, "environ"]).config("env.files = [\"lines\"]\n");
        let again = again.file("lines", &lines.out_bytes, 0o644).start().end().exited(0);
        assert_eq!(of_values(&again.out), of_values(&expected), "{}", again.story());
    });
}

/// No shell could set such a name: it reads a comment. JSON can hold it.
#[test]
fn a_name_that_no_shell_knows_is_a_comment_in_the_lines() {
    each_place(|cell| {
        let of = |args: &[&str]| {
            let setup =
                with_values(Setup::new(cell, args)).env("my.name", "x").env("A-B", "x'; touch ran; '\ntouch ran\n");
            let setup = setup.env("two\ntouch ran; names", "x");
            setup.start().end().exited(0).out
        };
        let lines = of(&["env"]);
        assert!(lines.contains("\n# my.name='x'\n") && lines.contains("PLAIN='plain'\n"), "{lines}");
        assert!(lines.contains("# A-B='x'\\''; touch ran; '\\''\n# touch ran\n# '\n"), "{lines}");
        assert!(lines.contains("\n# two\n# touch ran; names='x'\n"), "{lines}");
        let json = of(&["env", "--json"]);
        assert!(json.contains("\"my.name\": \"x\"") && json.contains("\"A-B\": "), "{json}");
    });
}

/// §1: the kernel hands on two values of a name, of which getenv(3) sees the first, and a shell the last.
#[test]
fn a_name_that_was_given_twice_is_shown_and_handed_on_once() {
    let twice = "import os, sys\n\
        given = [b'TWICE=first', b'PATH=' + os.environb[b'PATH'], b'TWICE=second', b'a.b=1', b'a.b=2']\n\
        import ctypes\n\
        libc = ctypes.CDLL(None)\n\
        array = lambda words: (ctypes.c_char_p * (len(words) + 1))(*words, None)\n\
        argv = [os.fsencode(word) for word in sys.argv[1:]]\n\
        libc.execve(argv[0], array(argv), array(given))\n";
    each_place(|cell| {
        let of = |args: &[&str]| {
            let words = ["python3", "twice.py", "/mnt/bin/app-init"].iter().chain(args);
            let setup = Setup::bare(cell, words).config("umask = \"0022\"\n").file("twice.py", twice, 0o644);
            setup.start().end().exited(0).out
        };
        let json = of(&["env", "--json"]);
        assert!(json.contains("\"TWICE\": \"first\"") && json.contains("\"a.b\": \"1\""), "{json}");
        assert_eq!((json.matches("TWICE").count(), json.matches("a.b").count()), (1, 1), "{json}");
        let lines = of(&["env"]);
        assert!(lines.contains("TWICE='first'\n") && !lines.contains("second"), "{lines}");
        let environ = of(&["--", PROBE, "environ"]);
        assert_eq!((value(&environ, "TWICE"), environ.matches("TWICE=").count()), (Some("first"), 1), "{environ}");
    });
}

/// `env --json` is JSON to somebody else's parser.
#[test]
fn json_is_read_by_others() {
    let look = "import json, sys\n\
        found = json.load(sys.stdin)\n\
        for name in sys.argv[1:]:\n    print(name + '=' + ascii(found[name]))\n";
    each_place(|cell| {
        let json = with_values(Setup::new(cell, ["env", "--json"])).start().end().exited(0).silent_stderr();
        let names = VALUES.iter().map(|(name, _)| *name);
        let read = Setup::bare(cell, ["sh", "-c", "exec python3 look.py \"$@\" <found.json", "sh"]).args(names);
        let read = read.file("look.py", look, 0o644).file("found.json", &json.out_bytes, 0o644);
        let read = read.start().end().exited(0);
        let expected = [
            ("PLAIN", "'plain'"),
            ("EMPTY", "''"),
            ("QUOTES", "'it\\'s \"quoted\" \\'twice\\' \\'\\' \\''"),
            ("LINES", "\"one\\ntwo\\n\\nOTHER='x'\\n\\n\""),
            ("CONTROL", "'\\t\\r\\x1b[2J\\x01\\x7f'"),
            // What is no text can only be told as such.
            ("RAW", "'\\ufffd\\ufffd\\ufffd( \\u20ac'"),
        ];
        for (name, text) in expected {
            assert_eq!(value(&read.out, name), Some(text), "{name}\n{}", read.story());
        }
    });
}

/// §1: what it does not know it does not guess.
#[test]
fn other_words_are_a_usage_error() {
    each_cell_without_terminal(|cell| {
        for args in [
            &["env", "--jsno"][..],
            &["env", "-x"],
            &["env", "A=1"],
            &["env", "--json", "--", "sh"],
            &["--jsno", "env"],
        ] {
            let end = with_values(Setup::new(cell, args)).start().end().exited(64).complains(&["app-init: "]);
            assert_eq!(end.out, "", "{}", end.story());
        }
        // Behind two dashes it is a program.
        let end = with_values(Setup::new(cell, ["--", "env", "-i", "A=1"])).start().end().exited(0);
        assert_eq!(end.out, "A=1\n", "{}", end.story());
    });
}

/// Standard output is the environment and nothing else; only the deploy-env hook is run for it.
#[test]
fn nothing_else_is_on_standard_output() {
    each_place(|cell| {
        let setup = |hook: &str| {
            Setup::new(cell, ["env"])
                .config("[[wait]]\ntarget = \"tcp://127.0.0.1:1\"\ntimeout = \"0\"\n[[prepare]]\ndir = \"made\"\n")
                .hook("deploy", "echo deploy ran")
                .hook("start", "echo start ran")
                .hook("deploy-env", hook)
        };
        let run = setup("echo talks; echo HOOK=1 >&3");
        let made = run.world.app().join("made");
        let run = run.start();
        run.until_stdout_ends();
        assert!(!made.exists(), "env prepares nothing");
        let end = run.end().exited(0).complains(&["talks"]);
        let lines: Vec<_> = end.lines().into_iter().map(|line| line.split('=').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["PATH", "HOME", "HOOK"], "{}", end.story());
        assert!(!end.err.contains("ran"), "{}", end.story());
        let end = setup("exit 3").start().end().exited(70).complains(&["deploy-env hook failed"]);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// More than a pipe takes: whoever reads late gets all of it.
#[test]
fn a_slow_reader_gets_everything() {
    each_place(|cell| {
        let (read, write) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
        // The hook is started in it, so that each of them is one that the kernel takes.
        let line = |place: usize| format!("LONG_{place}={}\n", "x".repeat(100_000));
        let file: String = (0..10).map(line).collect();
        let setup = Setup::new(cell, ["env"]).config("env.files = [\".env\"]\n").stdout_to(write);
        let setup = setup.file(".env", format!("{file}LAST=end\n"), 0o644);
        let run = setup.hook("deploy-env", "echo HOOK=1 >&3").start();
        run.eventually("it waits for its reader", |run| {
            // As PID 1 it hears who asks to stop meanwhile, and a process of its own writes.
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.pid)).unwrap_or_default();
            let writer = if cell.pid1 { children.trim().to_owned() } else { run.pid.to_string() };
            let call = std::fs::read_to_string(format!("/proc/{writer}/syscall")).unwrap_or_default();
            // The hook has ended.
            let only = run.processes().into_iter().all(|process| process.name == "app-init" || process.name == "probe");
            // write(2) to standard output.
            only && call.starts_with(&format!("{} 0x1 ", nix::libc::SYS_write))
        });
        let mut text = String::new();
        File::from(read).read_to_string(&mut text).expect("it is text");
        run.end().exited(0).silent_stderr();
        let lengths: Vec<_> = text.lines().filter(|line| line.starts_with("LONG_")).map(str::len).collect();
        assert_eq!(lengths, [100_009; 10]);
        assert!(text.contains("\nLAST='end'\n") && text.contains("HOOK='1'\n"));
    });
}

/// A reader that is gone is nobody's failure: as any program's, its writer's end is SIGPIPE.
#[test]
fn a_reader_that_is_gone_ends_it() {
    each_place(|cell| {
        let (read, write) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe can be made");
        drop(read);
        let end = with_values(Setup::new(cell, ["env"])).stdout_to(write).start().end().silent_stderr();
        // The kernel spares a PID 1 without a handler.
        let expected = if cell.pid1 { Ended::Exited(141) } else { Ended::Signaled(signal::PIPE) };
        assert_eq!(end.how, expected, "{}", end.story());
    });
}

/// A signal by which the kernel told of the hook's words, still pending, once ended it in front of its reader.
#[test]
fn it_can_be_piped_after_a_deploy_env_hook() {
    let script = "for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n\
        { /mnt/bin/app-init env; echo \"code $?\"; } | cat\ndone\n";
    each_place(|cell| {
        let setup = Setup::bare(cell, ["sh", "-c", script]).hook("deploy-env", "echo FROM_HOOK=1 >&3; echo AND=2 >&3");
        let end = setup.start().end().exited(0).silent_stderr();
        for line in ["FROM_HOOK='1'", "AND='2'", "code 0"] {
            assert_eq!(end.lines().iter().filter(|other| **other == line).count(), 20, "{line}\n{}", end.story());
        }
        assert_eq!(end.lines().iter().filter(|line| line.starts_with("code ")).count(), 20, "{}", end.story());
    });
}

/// §1, §4: options of `run` that say where things are count here too.
#[test]
fn it_is_the_environment_of_what_was_asked_for() {
    each_place(|cell| {
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config("env.set = { A = \"file\" }\n");
            let setup = setup.file(
                "other.toml",
                "env.set = { A = \"other\" }\n[role.worker]\nenv.set = { A = \"role\" }\n",
                0o644,
            );
            setup.file("sub/.docker/app-init.toml", "env.set = { A = \"sub\" }\n", 0o644)
        };
        for (args, expected) in [
            (&["env"][..], "file"),
            (&["-c", "other.toml", "env"], "other"),
            (&["env", "-c", "other.toml"], "other"),
            (&["env", "--workdir", "/mnt/app/sub"], "sub"),
        ] {
            let end = setup(args).start().end().exited(0);
            let line = format!("A='{expected}'");
            assert!(end.lines().contains(&line.as_str()), "{args:?}\n{}", end.story());
        }
        let end = setup(&["env", "-c", "other.toml"]).env("APP_INIT_ROLE", "worker").start().end().exited(0);
        assert!(end.lines().contains(&"A='role'"), "{}", end.story());
        let end = setup(&["env", "-c", "none.toml"]).start().end().exited(78);
        assert_eq!(end.out, "", "{}", end.story());
    });
}
