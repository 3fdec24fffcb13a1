//! §4: the environment of the application: one order of steps, the same for whatever is started in it.

use crate::harness::*;
use std::os::unix::fs::symlink;

const ENVIRON: [&str; 3] = ["--", PROBE, "environ"];

/// Adds the user `app`, and the base image's file, which that user must not be able to change.
pub fn with_user(setup: Setup, config: &str) -> Setup {
    let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:12345:12345::/home/app:/bin/sh\n";
    let setup = setup.etc("passwd", passwd).etc("group", "root:x:0:\napp:x:12345:\n").etc("app-init.toml", config);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(setup.world.etc(), mode).expect("the mode of a test's own directory can be set");
    setup
}

/// The value of a variable in what `probe environ` printed.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_end_matches('\r').strip_prefix(name)?.strip_prefix('='))
}

/// The variables in what `probe environ` printed, but for those of one program only, in order.
fn variables(text: &str, but: &[&str]) -> Vec<String> {
    let named = |line: &&str| !but.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
    let mut lines: Vec<String> =
        text.lines().filter(|line| line.contains('=')).filter(named).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What a server with this configuration finds.
fn found(cell: Cell, config: &str, prepare: impl Fn(Setup) -> Setup) -> String {
    prepare(Setup::new(cell, ENVIRON).config(config)).start().end().exited(0).out
}

/// What is said where nothing is started: the exit code is 78 then.
#[track_caller]
pub fn refused(setup: Setup) -> String {
    let end = setup.start().end().exited(78).nothing_left();
    assert_eq!(end.out, "", "{}", end.story());
    end.err
}

/// An empty entry of PATH is the working directory.
#[test]
fn what_expands_to_nothing_is_not_put_before_the_path() {
    each_place(|cell| {
        let config = "env.path_prepend = [\"${NONE:-}\", \"${NONE:-}:/opt/a:\", \"/opt/b\"]\n";
        let out = found(cell, config, |setup| setup.env("PATH", "/usr/bin"));
        assert_eq!(value(&out, "PATH"), Some("/opt/a:/opt/b:/usr/bin"));
    });
}

/// §4. Every step sets HOME, which is also what the one of the identity sets.
struct Step {
    name: &'static str,
    /// Before any table.
    top: &'static str,
    /// In `[env]`.
    env: &'static str,
    prepare: fn(Setup) -> Setup,
    /// What is there when this is the last step; none: it is not set.
    wins: Option<&'static str>,
}

const STEPS: &[Step] = &[
    Step {
        name: "1: what the container was given",
        top: "",
        env: "",
        prepare: |setup| setup.env("HOME", "given"),
        wins: Some("given"),
    },
    Step {
        name: "2: a default gives way",
        top: "",
        env: "defaults = { HOME = \"default\" }\n",
        prepare: |setup| setup,
        wins: Some("given"),
    },
    Step {
        name: "3: env.files",
        top: "",
        env: "files = [\"first.env\", \"second.env\"]\n",
        prepare: |setup| setup.file("first.env", "HOME=first\n", 0o644).file("second.env", "HOME=file\n", 0o644),
        wins: Some("file"),
    },
    Step {
        name: "4: the directory of variables",
        top: "",
        env: "vars_dir = \"vars\"\n",
        prepare: |setup| setup.file("vars/HOME", "directory\n", 0o644),
        wins: Some("directory"),
    },
    Step {
        name: "5: secrets",
        top: "",
        env: "secrets = [{ name = \"HOME\", file = \"secret\", prefer = \"file\" }]\n",
        prepare: |setup| setup.file("secret", "hidden\n", 0o644),
        wins: Some("hidden"),
    },
    Step {
        name: "6: env.set",
        top: "",
        env: "set = { HOME = \"set over ${HOME}\" }\n",
        prepare: |setup| setup,
        wins: Some("set over hidden"),
    },
    Step { name: "7: the identity", top: "user = \"app\"\n", env: "", prepare: |setup| setup, wins: Some("/home/app") },
    Step {
        name: "8: the deploy-env hook",
        top: "",
        env: "",
        prepare: |setup| setup.hook("deploy-env", "echo \"HOME=hook over $HOME\" >&3"),
        wins: Some("hook over /home/app"),
    },
    Step { name: "9: env.unset", top: "", env: "unset = [\"HOME\"]\n", prepare: |setup| setup, wins: None },
];

/// The first so many steps, in the base image's file: a configured user must not be able to change it.
fn up_to(count: usize, cell: Cell, args: &[&str]) -> Setup {
    let steps = &STEPS[..count];
    let all = |part: fn(&Step) -> &'static str| steps.iter().map(part).collect::<String>();
    let config = format!("{}[env]\n{}", all(|step| step.top), all(|step| step.env));
    steps.iter().fold(with_user(Setup::new(cell, args), &config), |setup, step| (step.prepare)(setup))
}

/// §4: later steps win, one by one.
#[test]
fn each_step_wins_over_the_ones_before_it() {
    each_place(|cell| {
        for (place, step) in STEPS.iter().enumerate() {
            let end = up_to(place + 1, cell, &ENVIRON).start().end().exited(0);
            assert_eq!(value(&end.out, "HOME"), step.wins, "step {}\n{}", step.name, end.story());
        }
    });
}

/// §4.10: what is required is asked for after everything else.
#[test]
fn what_was_unset_at_the_end_is_missing() {
    each_place(|cell| {
        let all = |required: &str| {
            let config = format!("[env]\nset = {{ A = \"1\", B = \"\" }}\nunset = [\"A\"]\nrequire = [{required}]\n");
            Setup::new(cell, ENVIRON).config(&config).env("C", "1")
        };
        let err = refused(all("\"A\", \"B\", \"C\", \"D\""));
        let told = ".docker/app-init.toml:4: env.require: A is taken away by env.unset; remove it from one of them\n\
            .docker/app-init.toml:4: env.require: B, D are not set, or empty; set them\n";
        assert!(err.contains(told), "{err}");
        let err = refused(all("\"C\", \"D\""));
        assert!(err.contains("env.require: D is not set, or empty; set it\n"), "{err}");
        all("\"C\"").start().end().exited(0);
    });
}

/// §4: server, hook, `exec`, `shell` and `env` agree on every variable.
#[test]
fn whatever_is_started_finds_the_same_environment() {
    each_place(|cell| {
        // A shell would have one of its own.
        let setup = |args: &[&str]| {
            let setup = up_to(8, cell, args).env("GIVEN", "a 'b' \"c\" $d `e`\n").env("RAW", raw(b"\xff\n\xfe"));
            setup.env("TERM", "vt100")
        };
        // What a shell itself, and app-init for a hook, add.
        let but = ["PS1", "PWD", "OLDPWD", "SHLVL", "_", "APP_INIT_PHASE", "APP_INIT_HOOK"];
        let of = |setup: Setup| {
            let end = setup.start().end().exited(0);
            assert_eq!(value(&end.out, "HOME"), Some("hook over /home/app"), "{}", end.story());
            variables(&end.out, &but)
        };
        let server = of(setup(&ENVIRON));
        assert!(server.iter().any(|line| line == "RAW=\\xff\\n\\xfe"), "{server:?}");
        assert_eq!(of(setup(&["hook", "deploy"]).hook("deploy", &format!("exec {PROBE} environ"))), server);
        assert_eq!(of(setup(&["exec", "--", PROBE, "environ"])), server);
        assert_eq!(of(setup(&["shell", "-c", &format!("exec {PROBE} environ")])), server);
        let lines = setup(&["env", "--reveal"]).start().end().exited(0).out_bytes;
        let read = format!("set -a; . ./lines; exec {PROBE} environ");
        assert_eq!(of(Setup::bare(cell, ["env", "-i", "/bin/sh", "-c", &read]).file("lines", &lines, 0o644)), server);
        // The comparison sees a difference.
        assert_ne!(of(setup(&ENVIRON).env("ANOTHER", "")), server);
    });
}

pub fn raw(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

/// §4.3: what is written, and what it means, escaped as the probe does.
const FORMS: &[(&str, &str)] = &[
    ("A=plain", "plain"),
    ("A=", ""),
    ("export A = x y ", "x y"),
    ("\t A=x", "x"),
    ("A=it's {\"a\": \"C:\\new\"}=", "it\\'s {\\\"a\\\": \\\"C:\\\\new\\\"}="),
    ("A=x # note", "x"),
    ("A=x#y", "x#y"),
    ("A='$x \"\\n' # note", "$x \\\"\\\\n"),
    ("A=\"$x \\$ \\\" \\\\ \\t \\n \\d\"", "$x $ \\\" \\\\ \\t \\n \\\\d"),
    ("A='x'\\''y'\"z\"", "x\\'yz"),
    ("A='one\n# two\nB=three'", "one\\n# two\\nB=three"),
    ("A=${HOME} $(id) `id` %s", "${HOME} $(id) `id` %s"),
    ("A=crlf\r", "crlf"),
    ("A=\"in\r\nquotes\"\r", "in\\r\\nquotes"),
    ("\u{feff}A=after a byte order mark", "after a byte order mark"),
    ("# comment\n\n  # another\nA=x", "x"),
    ("A=first\nA=last", "last"),
    ("A=é€", "\\xc3\\xa9\\xe2\\x82\\xac"),
];

#[test]
fn env_files_are_read_as_compose_does() {
    for cell in [Cell::PID1, Cell { identity: Identity::Nobody, ..Cell::SUBREAPER }] {
        for (written, means) in FORMS {
            // Whether the last line ends with a newline or not.
            for newline in ["", "\n"] {
                let text = format!("{written}{newline}");
                let out = found(cell, "env.files = [\".env\"]\n", |setup| setup.file(".env", &text, 0o644));
                assert_eq!(value(&out, "A"), Some(*means), "{text:?} in {cell}");
                assert_eq!(value(&out, "B"), None, "{text:?}");
            }
        }
        let out = found(cell, "env.files = [\".env\"]\n", |setup| setup.file(".env", b"A=\xff\xfe\n", 0o644));
        assert_eq!(value(&out, "A"), Some("\\xff\\xfe"));
    }
}

/// §4.3: relative paths are relative to `workdir`; several files, each with its rights.
#[test]
fn env_files_are_looked_for_in_the_workdir() {
    each_place(|cell| {
        let config = "workdir = \"/mnt/app/deep\"\n\
            env.files = [\"a.env\", \"/mnt/app/b.env\", { path = \"c.env\" }, \
            { path = \"none.env\", optional = true }]\n";
        let end = Setup::new(cell, ENVIRON)
            .args(["--"])
            .config(config)
            .file("deep/a.env", "A=1\nB=a\nC=a\n", 0o644)
            .file("b.env", "B=2\nC=b\n", 0o644)
            .file("deep/c.env", "C=3\n", 0o644)
            .file("a.env", "A=wrong\n", 0o644)
            .start()
            .end()
            .exited(0);
        let found = ["A", "B", "C"].map(|name| value(&end.out, name));
        assert_eq!(found, [Some("1"), Some("2"), Some("3")], "{}", end.story());
    });
}

/// §4.3, §0.5.
#[test]
fn an_env_file_that_cannot_be_read_is_named() {
    each_place(|cell| {
        let setup = |config: &str| Setup::new(cell, ENVIRON).config(config);
        let config = "umask = \"0022\"\n\n[env]\nfiles = [\"deep/.env\"]\n";
        let told = ".docker/app-init.toml:4: env.files[0]: there is no deep/.env; make it, or write optional = true\n";
        assert_eq!(refused(setup(config)), format!("{told}app-init: 1 fault, nothing was started\n"));
        setup("env.files = [{ path = \"deep/.env\", optional = true }]\n").start().end().exited(0);
        let config = "env.files = [{ path = \"a\", optional = true }, \"b\"]\n";
        let told = "env.files[1]: there is no b; make it";
        assert!(refused(setup(config)).contains(told));
        let directory = setup("env.files = [{ path = \".docker\", optional = true }]\n");
        assert!(refused(directory).contains("env.files[0]: cannot read .docker: it is no regular file; put one there"));
        let pipe = setup("env.files = [\"pipe\"]\n");
        make_pipe(&pipe, "pipe");
        assert!(refused(pipe).contains("cannot read pipe: it is no regular file; put one there"));
    });
    let nobody = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let optional = "env.files = [{ path = \".env\", optional = true }]\n";
    let err = refused(Setup::new(nobody, ENVIRON).config(optional).file(".env", "A=1\n", 0o600));
    assert!(err.contains("env.files[0]: cannot read .env: Permission denied"), "{err}");
}

pub fn make_pipe(setup: &Setup, name: &str) {
    let path = setup.world.app().join(name);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("a pipe can be made");
}

/// §4.3: the line is named, all of them at once; never what is in it.
#[test]
fn bad_lines_of_an_env_file_are_told_without_their_values() {
    let text = "GOOD=1\nhunter2\nBAD NAME=hunter2\n\nQUOTED='x' hunter2\nNUL=hunter2\0\n\
        ALSO_GOOD=2\nOPEN=\"hunter2\nhunter2=1\n";
    each_place(|cell| {
        for log in ["trace", "off"] {
            let setup = Setup::new(cell, ENVIRON).env("APP_INIT_LOG", log).config("env.files = [\"x/.env\"]\n");
            let err = refused(setup.file("x/.env", text, 0o644));
            for (line, what) in [
                (2, "has no `=`; write NAME=value"),
                (3, "has a name that is empty, no UTF-8 text, or has a blank or a quote in it; write NAME=value"),
                (5, "has text after the quote that is closed on line 5"),
                (6, "holds a NUL byte, which no variable can; remove it"),
                (8, "has a quote, opened on line 8, never closed; close it"),
            ] {
                let told = format!(".docker/app-init.toml:1: env.files[0]: x/.env, line {line}: {what}");
                assert!(err.contains(&told), "no `{told}` in\n{err}");
            }
            assert!(err.ends_with("app-init: 5 faults, nothing was started\n"), "{err}");
            assert!(!err.contains("hunter2") && !err.contains("BAD NAME"), "{err}");
        }
    });
}

/// An env file of so many variables: V0, V1 and so on.
fn lines(count: usize, value: &str) -> String {
    (0..count).fold(String::new(), |lines, number| lines + &format!("V{number}={value}\n"))
}

/// The kernel takes no string longer than 128 KiB, and a quarter of the stack's limit of all: it is said before anything
/// runs, and whose it is.
#[test]
fn more_than_the_kernel_takes_is_a_fault() {
    each_place(|cell| {
        let setup = |args: &[&str], text: &str| {
            let setup = Setup::new(cell, args).config("[env]\nfiles = [\"small.env\", \".env\"]\n");
            setup.file("small.env", "A=1\n", 0o644).file(".env", text, 0o644).hook("deploy", "echo deploy ran")
        };
        let long = |length: usize| format!("LONG={}\n", "x".repeat(length));
        for args in [&ENVIRON[..], &["exec", "--", PROBE, "environ"], &["--exec", "--", PROBE, "environ"]] {
            // With `LONG=` and its NUL it is all that fits.
            let end = setup(args, &long((128 << 10) - 6)).start().end().exited(0);
            assert_eq!(value(&end.out, "LONG").map(str::len), Some((128 << 10) - 6));
            let err = refused(setup(args, &long((128 << 10) - 5)));
            let what = "env: LONG from .env has more than the 128 KiB that the kernel takes; make it shorter, or hand on \
                the name of a file that holds it\napp-init: 1 fault, nothing was started\n";
            assert_eq!(err, format!(".docker/app-init.toml:1: {what}"));
        }
        let many = lines(70, &"x".repeat(100_000));
        let err = refused(setup(&ENVIRON, &many));
        let known =
            err.starts_with(".docker/app-init.toml:1: env: with V") && err.contains(" from .env it is more than the ");
        assert!(known && err.ends_with("app-init: 1 fault, nothing was started\n"), "{err}");
        // The limit that programs are given counts.
        let config = |stack: u32| format!("env.files = [\".env\"]\nlimits.stack = \"{stack}:unlimited\"\n");
        let of = |stack: u32| setup(&ENVIRON, &lines(5, &"x".repeat(100_000))).config(&config(stack));
        of(3 << 20).start().end().exited(0);
        let err = refused(of(1 << 20));
        assert!(
            err.contains("env: with V2 from .env it is more than the 256 KiB that the kernel takes; hand on less"),
            "{err}"
        );
    });
}

/// So are arguments, which may be made of values.
#[test]
fn arguments_that_are_longer_than_the_kernel_takes_are_a_fault() {
    let long = format!("env.set.LONG = \"{}\"\n", "x".repeat(100_000));
    let what = "its arguments are longer than the kernel takes; shorten them, or hand on the name of a file\n";
    each_place(|cell| {
        let setup = |more: &str| Setup::new(cell, ENVIRON).config(&format!("{long}{more}"));
        let server = format!("[server]\ncommand = [\"{PROBE}\", \"environ\"]\nargs = [\"${{LONG}}${{LONG}}\"]\n");
        let err = refused(setup(&server).hook("deploy", "echo deploy ran"));
        assert_eq!(
            err,
            format!(".docker/app-init.toml:3: server.command: {what}app-init: 1 fault, nothing was started\n")
        );
        let hook = format!("[[hooks.deploy.run]]\ncommand = [{}]\n", ["\"${LONG}\""; 70].join(", "));
        let err = refused(setup(&hook));
        assert!(err.contains("hooks.deploy.run[0]") && err.contains(what), "{err}");
        // A shell is opened in any case, and it is the kernel that says it.
        let end = Setup::new(cell, ["shell", "-c", "true"]).config("env.files = [\".env\"]\n");
        let end = end.file(".env", format!("LONG={}\n", "x".repeat(1 << 20)), 0o644).start().end().exited(126);
        end.complains(&["arguments or its environment are longer than the kernel takes", "shorten them"]);
    });
}

/// As many as the kernel takes.
#[test]
fn many_variables_arrive() {
    const COUNT: usize = 40_000;
    let file = lines(COUNT, "x");
    each_place(|cell| {
        let setup = Setup::new(cell, ENVIRON).config("env.files = [\".env\"]\n").file(".env", &file, 0o644);
        let end = setup.start().end().exited(0);
        let found = end.out.lines().filter(|line| line.starts_with('V')).count();
        assert_eq!((found, value(&end.out, "V39999")), (COUNT, Some("x")));
    });
}

/// A file that is something else is told as such, and not by each of its lines.
#[test]
fn of_many_bad_lines_the_first_are_told() {
    each_place(|cell| {
        let lines = "no equals\n".repeat(100_000);
        let setup = Setup::new(cell, ENVIRON).config("env.files = [\".env\"]\n").file(".env", &lines, 0o644);
        let err = refused(setup);
        let told: Vec<&str> = err.lines().collect();
        assert_eq!(told.len(), 22, "{err}");
        assert_eq!(told[20], ".docker/app-init.toml:1: env.files[0]: .env, … and 99980 more lines");
        let hook = "i=0; while [ $i -lt 30 ]; do echo no equals; i=$((i+1)); done >&3";
        let err = Setup::new(cell, ENVIRON).hook("deploy-env", hook).start().end().exited(78).nothing_left().err;
        assert!(err.contains("hooks.deploy-env: what it wrote, … and 10 more lines\napp-init: 21 faults"), "{err}");
        let files = |setup: Setup, number: usize| setup.file(&format!(".docker/user_vars/{number}"), "", 0o644);
        let err = refused((0..25).fold(Setup::new(cell, ENVIRON), files));
        assert!(err.contains("env.vars_dir: .docker/user_vars/… and 5 more files\napp-init: 21 faults"), "{err}");
    });
}

/// §4: others expand these, and app-init does not. What they are is not told.
#[test]
fn what_an_env_file_does_not_expand_is_a_warning() {
    let warning = |file: &str, lines: &str| {
        format!(
            "{file}, line {lines}: ${{NAME}} and $NAME are not expanded there; put the value into env.set, or in single quotes"
        )
    };
    each_place(|cell| {
        let setup = |strict: &str| {
            let setup =
                Setup::new(cell, ENVIRON).config(&format!("{strict}env.files = [\"a.env\", \"b.env\", \"c.env\"]\n"));
            let setup = setup.file("a.env", "A='$B'\nB=\"\\$A\"\n", 0o644);
            setup.file("b.env", "#\nB=hunter2$A\nC=\"hunter2${A}\"\n", 0o644).file("c.env", "D=$\nE=${A}", 0o644)
        };
        let end =
            setup("").start().end().exited(0).complains(&[&warning("b.env", "2 (and 1 more)"), &warning("c.env", "2")]);
        assert!(!end.err.contains("a.env") && !end.err.contains("hunter2"), "{}", end.story());
        for (name, expected) in [("A", "$B"), ("B", "hunter2$A"), ("C", "hunter2${A}"), ("D", "$"), ("E", "${A}")] {
            assert_eq!(value(&end.out, name), Some(expected), "{}", end.story());
        }
        let err = refused(setup("strict = true\n"));
        assert!(err.contains(&format!("strict: {}\n", warning("c.env", "2"))), "{err}");
    });
}

/// §4: as Elasticsearch and .NET ask for them.
#[test]
fn names_that_no_shell_knows_are_handed_on_from_env_files() {
    each_place(|cell| {
        let setup = Setup::new(cell, ENVIRON).config("env.files = [\".env\"]\n").env("given.name", "given");
        let end = setup.file(".env", "discovery.type=single-node\nLog:Level='x'\n", 0o644).start().end().exited(0);
        for (name, expected) in [("discovery.type", "single-node"), ("Log:Level", "x"), ("given.name", "given")] {
            assert_eq!(value(&end.out, name), Some(expected), "{}", end.story());
        }
    });
}

/// §4: Windows' editors write one.
#[test]
fn a_byte_order_mark_is_skipped_in_each_kind_of_file() {
    each_place(|cell| {
        let setup = Setup::new(cell, ENVIRON).config(
            "[env]\nfiles = [\".env\"]\nvars_dir = \"vars\"\nsecrets = [{ name = \"SECRET\", file = \"secret\" }]\n",
        );
        let setup = setup.file(".env", "\u{feff}FILE=1\n", 0o644).file("vars/VARIABLE", "\u{feff}2\n", 0o644);
        let setup =
            setup.file("secret", "\u{feff}secret\n", 0o644).hook("deploy-env", "printf '\\357\\273\\277HOOK=4\\n' >&3");
        let end = setup.start().end().exited(0);
        for (name, expected) in [("FILE", "1"), ("VARIABLE", "2"), ("SECRET", "secret"), ("HOOK", "4")] {
            assert_eq!(value(&end.out, name), Some(expected), "{}", end.story());
        }
    });
}

/// §4.4, §0: the original system's directory is there, so this is no plain use.
#[test]
fn the_usual_directory_of_variables_needs_no_configuration() {
    each_cell_without_terminal(|cell| {
        let setup = || Setup::new(cell, ENVIRON);
        assert_eq!(value(&setup().start().end().exited(0).silent_stderr().out, "TOKEN"), None);
        let end = setup().file(".docker/user_vars/TOKEN", "one\n", 0o644).start().end().exited(0);
        assert_eq!(value(&end.out, "TOKEN"), Some("one"), "{}", end.story());
        // Only outside of plain use the end is told.
        end.complains(&["ended: exit 0"]);
    });
}

/// §4.4.
#[test]
fn each_file_of_the_directory_is_a_variable() {
    each_place(|cell| {
        let files = [("A", "value\n"), ("B", "two\n\n"), ("C", "none"), ("D", "crlf\r\n"), ("E", ""), ("F", "\n")];
        let out = found(cell, "[env]\nset = { SEEN = \"${B}\" }\n", |setup| {
            let setup = setup.env("A", "given").file(".docker/user_vars/.hidden", "x", 0o644);
            let setup = setup.file(".docker/user_vars/G", "a=b 'c' # \"d\"\nsecond", 0o644);
            files
                .iter()
                .fold(setup, |setup, (name, text)| setup.file(&format!(".docker/user_vars/{name}"), text, 0o644))
        });
        let expected = [
            ("A", "value"),
            ("B", "two\\n"),
            ("C", "none"),
            ("D", "crlf"),
            ("E", ""),
            ("F", ""),
            ("G", "a=b \\'c\\' # \\\"d\\\"\\nsecond"),
            ("SEEN", "two\\n"),
        ];
        for (name, text) in expected {
            assert_eq!(value(&out, name), Some(text), "{name}");
        }
        assert!(!out.contains("hidden"), "{out}");
    });
}

/// §4.4: what Kubernetes mounts: each name a link to a link to a directory with a dot.
#[test]
fn a_volume_of_kubernetes_is_a_directory_of_variables() {
    each_place(|cell| {
        let out = found(cell, "env.vars_dir = \"/mnt/app/volume\"\n", |setup| {
            let setup = setup.file("volume/..2024_01_01/TOKEN", "t", 0o644).file("volume/..2024_01_01/KEY", "k", 0o644);
            let volume = setup.world.app().join("volume");
            symlink("..2024_01_01", volume.join("..data")).expect("a link can be made");
            for name in ["TOKEN", "KEY"] {
                symlink(format!("..data/{name}"), volume.join(name)).expect("a link can be made");
            }
            // Where something is named, the usual directory is nothing.
            setup.file(".docker/user_vars/OTHER", "x", 0o644)
        });
        assert_eq!((value(&out, "TOKEN"), value(&out, "KEY"), value(&out, "OTHER")), (Some("t"), Some("k"), None));
    });
}

/// §4.4.
#[test]
fn what_is_no_variable_in_the_directory_is_a_fault() {
    each_place(|cell| {
        let setup = || Setup::new(cell, ENVIRON).file(".docker/user_vars/GOOD", "x", 0o644);
        let setup = setup()
            .file(".docker/user_vars/BAD-NAME", "hunter2", 0o644)
            .file(".docker/user_vars/0DIGIT", "hunter2", 0o644)
            .file(".docker/user_vars/NUL", "hunter2\0", 0o644)
            .file(".docker/user_vars/DIRECTORY/x", "hunter2", 0o644);
        symlink("nowhere", setup.world.app().join(".docker/user_vars/LINK")).expect("a link can be made");
        make_pipe(&setup, ".docker/user_vars/PIPE");
        let err = refused(setup);
        for told in [
            "env.vars_dir: .docker/user_vars/BAD-NAME: is no name for a variable; rename it, or begin it with a dot\n",
            "env.vars_dir: .docker/user_vars/0DIGIT: is no name for a variable; rename it, or begin it with a dot\n",
            "env.vars_dir: .docker/user_vars/NUL: holds a NUL byte, which no variable can",
            "env.vars_dir: cannot read .docker/user_vars/DIRECTORY: it is no regular file; put one there\n",
            "env.vars_dir: cannot read .docker/user_vars/PIPE: it is no regular file; put one there\n",
            "env.vars_dir: .docker/user_vars/LINK leads nowhere; mend the link\n",
            "app-init: 6 faults, nothing was started\n",
        ] {
            assert!(err.contains(told), "no `{told}` in\n{err}");
        }
        assert!(!err.contains("hunter2"), "{err}");
        let err = refused(Setup::new(cell, ENVIRON).config("env.vars_dir = \"vars\"\n"));
        let told = ".docker/app-init.toml:1: env.vars_dir: there is no directory vars; make it, or remove this\n";
        assert!(err.starts_with(told), "{err}");
    });
}

/// `env.path_prepend`: in this order, and it is where the server is looked for.
#[test]
fn directories_are_put_before_the_path() {
    each_place(|cell| {
        let config = "[env]\npath_prepend = [\"/mnt/app/one\", \"${TOP}/two\"]\n";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config(config).env("TOP", "/mnt/app");
            let setup = setup.file("one/tool", "#!/bin/sh\necho one; exit 3\n", 0o755);
            let setup = setup.file("two/tool", "#!/bin/sh\necho two; exit 4\n", 0o755);
            setup.file("two/other", "#!/bin/sh\necho \"$PATH\"; exit 5\n", 0o755)
        };
        assert_eq!(setup(&["--", "tool"]).start().end().exited(3).out, "one\n");
        let path = "/mnt/app/one:/mnt/app/two:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n";
        assert_eq!(setup(&["--", "other"]).start().end().exited(5).out, path);
        assert_eq!(setup(&["exec", "other"]).start().end().exited(5).out, path);
        let end = setup(&["--", "/mnt/app/two/other"]).env("PATH", "").start().end().exited(5);
        assert!(end.out.starts_with("/mnt/app/one:/mnt/app/two:/usr/local/sbin:"), "{}", end.story());
    });
}

/// `env.first_file`: the first path that is there; nothing where none is.
#[test]
fn a_variable_can_be_the_first_file_there_is() {
    each_place(|cell| {
        let config = "[env.first_file]\nPRELOAD = [\"/none/*\", \"/mnt/app/lib/*/libx.so.?\", \"late\"]\n\
            LATE = [\"none\", \"late\"]\nNONE = [\"none\", \"lib/*/none\"]\nSET = [\"late\"]\n\
            LITERAL = [\"lib/[a]/x\"]\n";
        let out = found(cell, config, |setup| {
            let files =
                ["lib/b/libx.so.2", "lib/a/libx.so.22", "lib/c/libx.so.1", "late", "lib/a/x", "lib/.d/libx.so.2"];
            let setup = files.iter().fold(setup, |setup, name| setup.file(name, "", 0o644));
            setup.env("SET", "given")
        });
        let found = ["PRELOAD", "LATE", "NONE", "SET", "LITERAL"].map(|name| value(&out, name));
        let expected = [Some("/mnt/app/lib/b/libx.so.2"), Some("/mnt/app/late"), None, Some("given"), None];
        assert_eq!(found, expected);
    });
}

/// `virtualenv`, the only one of them that looks whether it is there.
#[test]
fn a_virtual_environment_is_entered() {
    each_place(|cell| {
        let config = "virtualenv = \"venv\"\nenv.path_prepend = [\"/more\"]\n";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config(config).env("PYTHONHOME", "/old").env("VIRTUAL_ENV", "/old");
            setup.file("venv/bin/python", "#!/bin/sh\necho \"python of venv\"; exit 3\n", 0o755)
        };
        let out = setup(&ENVIRON).start().end().exited(0).out;
        let path = "/mnt/app/venv/bin:/more:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        assert_eq!(value(&out, "PATH"), Some(path));
        assert_eq!((value(&out, "VIRTUAL_ENV"), value(&out, "PYTHONHOME")), (Some("/mnt/app/venv"), None));
        assert_eq!(setup(&["--", "python"]).start().end().exited(3).out, "python of venv\n");
        let err = refused(Setup::new(cell, ENVIRON).config(config).file("venv/lib/x", "", 0o644));
        let told = ".docker/app-init.toml:1: virtualenv: /mnt/app/venv has no bin directory; \
            make it with python3 -m venv, or name another\n";
        assert!(err.starts_with(told), "{err}");
    });
}

/// Faults of every step are told at once, and `check` tells the same.
#[test]
fn faults_of_all_steps_are_told_together() {
    let config = "virtualenv = \"venv\"\n[env]\ndefaults = { D = \"${UNSET_1}\" }\nfiles = [\"none\"]\n\
        vars_dir = \"none\"\n\
        secrets = [{ name = \"S\", file = \"none\" }]\nset = { E = \"${UNSET_2}\" }\npath_prepend = [\"${UNSET_3}\"]\n\
        require = [\"R\"]\n";
    each_cell(|cell| {
        for args in [&ENVIRON[..], &["check"], &["env"], &["exec", "true"], &["hook", "deploy"]] {
            let end = Setup::new(cell, args).config(config).hook("deploy", "echo ran").start().end().exited(78);
            let text = format!("{}{}", end.out, end.err);
            for told in [
                ":1: virtualenv: ",
                ":3: env.defaults.D: ${UNSET_1} is not set",
                ":4: env.files[0]: ",
                ":5: env.vars_dir: ",
                ":6: env.secrets[0]: ",
                ":7: env.set.E: ${UNSET_2} is not set",
                ":8: env.path_prepend[0]: ${UNSET_3} is not set",
                ":9: env.require: ",
                "app-init: 8 faults, nothing was started",
            ] {
                assert!(text.contains(told), "{args:?}: no `{told}`\n{}", end.story());
            }
            assert!(!text.contains("ran"), "{}", end.story());
        }
    });
}
