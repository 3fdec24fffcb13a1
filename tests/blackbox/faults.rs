//! §3: each fault as it is told, to the letter: file, line, key, what is wrong and what to do.

use crate::harness::*;
use nix::sys::stat::Mode;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;

/// What is said of an application's file, which starts nothing.
fn told(setup: Setup) -> String {
    let end = setup.start().end().exited(78).nothing_left();
    assert_eq!(end.out, "", "{}", end.story());
    end.err
}

fn server(cell: Cell) -> Setup {
    Setup::new(cell, ["--", PROBE, "do", "print=server"])
}

/// The faults, each on a line after the file's name, and the line that counts them.
#[track_caller]
fn check(setup: Setup, faults: &[&str]) {
    let mut expected: Vec<String> = faults.iter().map(|fault| format!(".docker/app-init.toml{fault}\n")).collect();
    let things = if faults.len() == 1 { "fault" } else { "faults" };
    expected.push(format!("app-init: {} {things}, nothing was started\n", faults.len()));
    assert_eq!(told(setup), expected.concat());
}

/// What a file of one or two lines is told.
const FILES: &[(&str, &[&str])] = &[
    ("workdir = \"a\\u0000\"\n", &[":1: workdir: holds a NUL, which no program could be given; remove it"]),
    ("server = 1\n", &[":1: server: expected a table, found 1; change its value"]),
    ("[hooks]\ndeploy = 1\n", &[":2: hooks.deploy: expected a table; write [hooks.deploy]"]),
    ("env.files = [\"\"]\n", &[":1: env.files[0]: has no path; write { path = \".env\" }"]),
    ("env.files = [1]\n", &[":1: env.files[0]: expected a string or a table, found 1; change its value"]),
    (
        "[env.first_file]\n\"BAD-NAME\" = [\"x\"]\n",
        &[":2: env.first_file.BAD-NAME: is no name for a variable; use letters, digits and _, and no digit first"],
    ),
    (
        "[hooks.deploy]\nwhen = [1, [\"env:A\", \"B\"]]\n",
        &[
            ":2: hooks.deploy.when[0]: expected a condition like \"env:NAME\", or a list of them of which one must hold, \
              found 1; change its value",
            ":2: hooks.deploy.when[1][1]: `B` is no condition; write env:NAME, env:NAME=value, env:NAME!=value, argv:GLOB, \
              args:GLOB, role:NAME, file:PATH or root",
        ],
    ),
    (
        "server.stop_timeout = \"${X}\"\n",
        &[":1: server.stop_timeout: `${X}` does not give a duration; its value must be like 500ms, 10s, 10 or 1m30s"],
    ),
    (
        "server.stop_signal = true\n",
        &[":1: server.stop_signal: expected a signal like \"TERM\", \"RTMIN+3\" or 15, found true; change its value"],
    ),
    (
        "server.rewrite = [\"HUP\", \"KILL:TERM\", \"USR1:USR3\"]\n",
        &[
            ":1: server.rewrite[0]: `HUP` is not FROM:TO; write HUP:USR1, or HUP:0 to drop",
            ":1: server.rewrite[1]: KILL never reaches app-init as a signal to hand on; rewrite another one",
            ":1: server.rewrite[2]: `USR3` is not a signal; write TERM, SIGTERM, 15 or RTMIN+3",
        ],
    ),
    (
        "server.rewrite = [\"TERM:USR2\", \"USR1:0\", \"15:USR1\"]\n",
        &[":1: server.rewrite[2]: TERM is rewritten already; remove one of them"],
    ),
    (
        "hooks.post-deploy.on_failure = \"continue\"\nhooks.deploy.on_failure = \"stop\"\n\
         hooks.pre-stop = { on_failure = \"abort\", on_stop = \"finish\" }\nrole.x.hooks.on-failure.on_failure = \"abort\"\n\
         hooks.post-stop.run = [{ command = [\"true\"], on_failure = \"ignore\" }]\n\
         hooks.other.on_failure = \"ignore\"\n[[hooks.post-deploy.run]]\ncommand = [\"true\"]\non_failure = \"abort\"\n",
        &[
            ":1: hooks.post-deploy.on_failure: `continue` means nothing for post-deploy; write ignore or stop",
            ":2: hooks.deploy.on_failure: `stop` means nothing for deploy; write abort or continue",
            ":3: hooks.pre-stop.on_failure: `abort` means nothing for pre-stop; write continue",
            ":3: hooks.pre-stop.on_stop: `finish` means nothing for pre-stop; write stop",
            ":4: role.x.hooks.on-failure.on_failure: `abort` means nothing for on-failure; write continue",
            ":5: hooks.post-stop.run[0].on_failure: `ignore` means nothing for post-stop; write continue",
            ":6: hooks.other.on_failure: `ignore` means nothing for other; write abort or continue",
            ":9: hooks.post-deploy.run[0].on_failure: `abort` means nothing for post-deploy; write ignore or stop",
        ],
    ),
    (
        "server.command = [\"x\", \"${A\", \"${1A}\", \"${X:-${A}}\", \"${A}/${B:?say which}\"]\n",
        &[
            ":1: server.command: B: say which",
            ":1: server.command: `${1A}` is not understood; write ${NAME}, ${NAME:-default} or ${NAME:?message}, and $$ \
              for a dollar sign",
            ":1: server.command: `${A` has no closing brace; write $$ for a dollar sign",
            ":1: server.command: `${A}` ",
        ],
    ),
    ("server.command = []\n", &[":1: server.command: is empty; name a program, or remove it"]),
    (
        "server.command = [[\"x\", \"${A}\"]]\n",
        &[
            ":1: server.command: has no word left: each is optional, and a variable of it is not set; write its program \
              as a word of its own",
        ],
    ),
    (
        "[[hooks.deploy.run]]\ncommand = [[\"${A}\"]]\n[[wait]]\ncommand = [[\"${A}\"]]\n",
        &[
            ":2: hooks.deploy.run[0].command: has no word left: each is optional, and a variable of it is not set; write \
              its program as a word of its own",
            ":4: wait[0].command: has no word left: each is optional, and a variable of it is not set; write its program \
              as a word of its own",
        ],
    ),
    ("server.args = [\"x\"]\n", &[":1: server.args: extends server.command, which is not set; set it, or remove this"]),
    (
        "stop.signals = []\n",
        &[":1: stop.signals: is empty, so that nothing could stop the container; name a signal, or remove it"],
    ),
    ("workdir = \"/etc/passwd\"\n", &[":1: workdir: /etc/passwd is not a directory; name one"]),
    (
        "[[prepare]]\ndir = \"/mnt/app/x\"\nrecursive = \"always\"\n",
        &[":3: prepare[0].recursive: belongs to dir with an owner; remove it"],
    ),
    (
        "[[prepare]]\ndir = \"\"\n[[prepare]]\nremove = [\"x\", \"\"]\n",
        &[":2: prepare[0].dir: is empty; name a path", ":4: prepare[1].remove[1]: is empty; name a path"],
    ),
    ("hooks_dir = \"\"\n", &[":1: hooks_dir: is empty; name a path"]),
    (
        "env.vars_dir = \"~/vars\"\n",
        &[":1: env.vars_dir: `~/vars` is a path as it stands, and `~` is not expanded in it; write all of it"],
    ),
    (
        "[env]\nfirst_file = { A = [\"\", \"$B/x\"] }\npath_prepend = [\"\", \"~/bin\", \"$B/bin\"]\nfiles = [\"${B}\"]\n",
        &[
            ":2: env.first_file.A[0]: is empty; name a path",
            ":2: env.first_file.A[1]: `$B/x` is a path as it stands, and `$NAME` is not expanded in it; write all of it",
            ":3: env.path_prepend[0]: is empty; name a path",
            ":3: env.path_prepend[1]: `~` is not expanded; write ${HOME}",
            ":3: env.path_prepend[2]: `$NAME` is not expanded; write ${NAME}",
            ":4: env.files[0]: `${B}` is a path as it stands, and `${…}` is not expanded in it; write all of it",
        ],
    ),
    (
        "[[prepare]]\ndir = \"~/data\"\n[[prepare]]\nremove = [\"$DATA/x\", \"$$x\"]\n",
        &[
            ":2: prepare[0].dir: `~` is not expanded; write ${HOME}",
            ":4: prepare[1].remove[0]: `$NAME` is not expanded; write ${NAME}",
        ],
    ),
    (
        "hooks.deploy = { when = [[]], retry = { backoff = \"2s\" } }\n",
        &[
            ":1: hooks.deploy.retry: has no max, so that nothing is tried again; write max = 3",
            ":1: hooks.deploy.when[0]: is a list of tests of which one must hold, and has none; write one, or remove it",
        ],
    ),
    (
        // All of one step.
        "[[prepare]]\ncopy = \"${A}\"\nto = \"${B}/${C}\"\nowner = \"nobody-here\"\nmode = \"0700\"\n",
        &[
            ":2: prepare[0].copy: ${A} is not set; set it, or write ${A:-default}",
            ":3: prepare[0].to: ${B} is not set; set it, or write ${B:-default}",
            ":3: prepare[0].to: ${C} is not set; set it, or write ${C:-default}",
            ":4: prepare[0].owner: user `nobody-here` has no valid entry in /etc/passwd; add one, or write numbers, as in \
              1000:1000",
            ":5: prepare[0].mode: belongs to dir; remove it",
        ],
    ),
    (
        "[env.set]\nURL = \"${A}/${B}\"\n",
        &[
            ":2: env.set.URL: ${A} is not set; set it, or write ${A:-default}",
            ":2: env.set.URL: ${B} is not set; set it, or write ${B:-default}",
        ],
    ),
];

#[test]
fn each_fault_of_a_file_is_told_as_documented() {
    for (text, faults) in FILES {
        // One of them is a part of a line only: the inner variable's brace ends the outer one.
        let (parts, whole): (Vec<&str>, Vec<&str>) = faults.iter().partition(|fault| fault.ends_with("` "));
        let setup = server(Cell::PID1).config(text).env("X", "soon");
        if parts.is_empty() {
            check(setup, &whole);
        } else {
            let err = told(setup);
            for fault in whole {
                assert!(err.contains(&format!(".docker/app-init.toml{fault}\n")), "no `{fault}` in\n{err}");
            }
            let nested = ":1: server.command: `${X:-${A}` has a variable within another, which is not expanded; put the \
                inner one into env.defaults\n";
            assert!(err.contains(nested) && err.contains("app-init: 5 faults,"), "{err}");
        }
    }
}

/// A file as a whole.
#[test]
fn a_file_that_cannot_be_read_is_told() {
    let setup = || server(Cell::PID1);
    check(setup().config("").file(".docker/app-init.toml", b"\xff", 0o644), &[": is not UTF-8 text; save it as UTF-8"]);
    let err = told(setup().config("workdir = [\n"));
    assert!(err.starts_with(".docker/app-init.toml:1: not TOML: "), "{err}");
    let missing = Setup::new(Cell::PID1, ["-c", "missing.toml", "--", "true"]);
    assert_eq!(
        told(missing),
        "missing.toml: is not there; make it, or name another\napp-init: 1 fault, nothing was started\n"
    );
    let nobody = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let closed = "Permission denied (os error 13); make it readable for this user";
    check(server(nobody).file(".docker/app-init.toml", "", 0o600), &[&format!(": cannot be read: {closed}")]);
    let vars = server(nobody).config("[env]\nvars_dir = \"vars\"\nfiles = [\"own.env\"]\n");
    let vars = vars.file("vars/A", "x", 0o644).file("own.env", "", 0o600);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(vars.world.app().join("vars"), mode).expect("the test's own directory");
    check(
        vars,
        &[
            &format!(":2: env.vars_dir: cannot list vars: {closed}"),
            &format!(":3: env.files[0]: cannot read own.env: {closed}"),
        ],
    );
}

/// What env files and the hook that writes variables may hold.
#[test]
fn each_fault_of_a_line_is_told() {
    let lines = "A=\0\nB='x'y\nC\n D D=x\nE='\n";
    let setup = server(Cell::PID1).config("env.files = [\"own.env\"]\n").file("own.env", lines, 0o644);
    check(
        setup,
        &[
            ":1: env.files[0]: own.env, line 1: holds a NUL byte, which no variable can; remove it, or save the text as \
              UTF-8",
            ":1: env.files[0]: own.env, line 2: has text after the quote that is closed on line 2; quote the value as a \
              whole",
            ":1: env.files[0]: own.env, line 3: has no `=`; write NAME=value",
            ":1: env.files[0]: own.env, line 4: has a name that is empty, no UTF-8 text, or has a blank or a quote in it; \
              write NAME=value",
            ":1: env.files[0]: own.env, line 5: has a quote, opened on line 5, never closed; close it",
        ],
    );
    let hook = "printf 'A<<\\nB<<E F\\nC\\nD<<END\\nx\\n' >&3";
    let end = server(Cell::PID1).hook("deploy-env", hook).start().end().exited(78);
    let key = "hooks.deploy-env: what it wrote, line";
    let word = "has no single word after `<<`; write NAME<<END, the lines, and END alone on a line";
    let told = format!(
        "{key} 1: {word}\n{key} 2: {word}\n{key} 3: has no `=`; write NAME=value, or NAME<<END for several lines\n\
         {key} 4: has a `<<` that is never closed; write its word alone on a line after the value\n\
         app-init: 4 faults, nothing was started\n"
    );
    assert_eq!(end.err, told, "{}", end.story());
}

/// Hooks that are asked for, or looked for.
#[test]
fn each_fault_of_a_hook_is_told() {
    let hook = |name: &str| Setup::new(Cell::PID1, ["hook", name]);
    let place = ".docker/action_hooks/none";
    let end = hook("none").start().end().exited(78);
    let told = format!("hooks.none: there is no such hook; make {place} executable, or configure [[hooks.none.run]]\n");
    assert_eq!(end.err, format!("{told}app-init: 1 fault, nothing was started\n"));
    let end = hook("/bin/echo").start().end().exited(78);
    let told = "hook: `/bin/echo` is a path; write the name of a hook, like deploy\n";
    assert!(end.err.contains(told), "{}", end.story());
    let nobody = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let closed = "Permission denied (os error 13); make it readable for this user";
    let setup = server(nobody).hook("deploy.d/one", "exit 0");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(setup.world.app().join(".docker/action_hooks/deploy.d"), mode).expect("the test's own");
    let err = self::told(setup);
    assert!(err.contains(&format!("hooks_dir: cannot list .docker/action_hooks/deploy.d: {closed}\n")), "{err}");
    // A link to where nobody may look is not one that leads nowhere, and is not skipped.
    let setup = server(nobody).hook("other", "exit 0").file("closed/deploy", "exit 0", 0o755);
    let (link, mode) = (setup.world.app().join(".docker/action_hooks/deploy"), PermissionsExt::from_mode(0o700));
    std::os::unix::fs::symlink("/mnt/app/closed/deploy", link).expect("the test's own link");
    std::fs::set_permissions(setup.world.app().join("closed"), mode).expect("the test's own directory");
    let err = self::told(setup);
    assert!(err.contains(&format!("hooks_dir: cannot look at .docker/action_hooks/deploy: {closed}\n")), "{err}");
}

type Change = fn(Setup) -> Setup;

/// Warnings, which `strict` makes faults.
#[test]
fn each_warning_is_told_and_strict_makes_it_a_fault() {
    let budget = "stop.budget 3s is less than the 4s that drain, stop_timeout, leftovers and a second for the end add up \
        to; the later parts are cut short";
    let and_hook = "stop.budget 3s is less than the 4s that drain, stop_timeout, leftovers and a second for the end add \
        up to, and pre-stop takes its time too; the later parts are cut short";
    let directory = ".docker/action_hooks/deploy";
    let link = format!(
        "hook {directory} is a link that leads nowhere and is skipped: No such file or directory (os error 2); mend the \
        link"
    );
    let pipe = format!("hook {directory} is no regular file and is skipped; put a script there");
    let is_directory = format!(
        "hook {directory} is a directory and is skipped; put a script there, or its scripts into {directory}.d"
    );
    let bare = format!("hook {directory} has no #! line and is run by /bin/sh; begin it with #!/bin/sh");
    let mode = format!("hook {directory} is not executable and is skipped; run chmod +x {directory}");
    let cases: [(&str, &str, Change); 7] = [
        (budget, "stop.budget = \"3s\"\n", |setup| setup),
        (and_hook, "stop.budget = \"3s\"\n", |setup| setup.hook("pre-stop", "exit 0")),
        (&link, "", |setup| {
            symlink("/nowhere", setup.world.app().join(".docker/action_hooks/deploy")).expect("a link can be made");
            setup
        }),
        (&pipe, "", |setup| {
            let path = setup.world.app().join(".docker/action_hooks/deploy");
            nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o777)).expect("a pipe can be made");
            setup
        }),
        (&is_directory, "", |setup| setup.file(".docker/action_hooks/deploy/x", "", 0o644)),
        (&bare, "", |setup| setup.file(".docker/action_hooks/deploy", "exit 0\n", 0o755)),
        (&mode, "", |setup| setup.file(".docker/action_hooks/deploy", "#!/bin/sh\n", 0o644)),
    ];
    for (warning, config, change) in cases {
        let setup = |strict: &str| {
            let setup = server(Cell::PID1).config(&format!("{strict}{config}[log]\nlevel = \"warn\"\n"));
            // Something that makes the directory of hooks, and no plain use of it.
            change(setup.hook("release", "exit 0"))
        };
        let end = setup("").start().end().exited(0);
        assert_eq!(end.err, format!("app-init: warning: {warning}\n"), "{}", end.story());
        assert!(end.out.ends_with("server\n"), "{}", end.story());
        let err = told(setup("strict = true\n"));
        assert_eq!(err, format!("strict: {warning}\napp-init: 1 fault, nothing was started\n"));
    }
}

/// An option or a variable is blamed for itself, and not the file for it.
#[test]
fn a_fault_of_an_option_names_the_option() {
    let config = "workdir = \"/mnt/app\"\n[server]\ncommand = [\"true\"]\n";
    let setup = |args: &[&str]| Setup::new(Cell::PID1, args).config(config).etc("app-init.toml", config);
    let why = "cannot enter /nope: No such file or directory (os error 2); make it, or name another\n";
    assert!(told(setup(&["--workdir", "/nope"])).contains(&format!("--workdir: {why}")));
    assert!(told(setup(&[]).env("APP_INIT_WORKDIR", "/nope")).starts_with(&format!("APP_INIT_WORKDIR: {why}")));
    let resident = "needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \"supervise\"\n";
    for (option, key) in [
        (&["--drain", "1s"][..], "--drain"),
        (&["--stop-signal", "INT"], "--stop-signal"),
        (&["--stop-timeout", "3"], "--stop-timeout"),
        (&["-g"], "--signal-group"),
        (&["-r", "HUP:USR1"], "--rewrite"),
        (&["--success-code", "143"], "--success-code"),
        (&["--run-timeout", "3"], "--run-timeout"),
    ] {
        let args: Vec<&str> = [&["--exec"], option].concat();
        assert_eq!(told(setup(&args)), format!("{key}: {resident}app-init: 1 fault, nothing was started\n"));
    }
    for (line, key) in [
        ("stop.signals = [\"TERM\"]", "stop.signals"),
        ("stop.timeout = 1", "stop.timeout"),
        ("stop.drain = 1", "stop.drain"),
        ("stop.leftovers = 1", "stop.leftovers"),
        ("stop.budget = \"1m\"", "stop.budget"),
        ("server.stop_signal = \"INT\"", "server.stop_signal"),
        ("server.stop_timeout = 1", "server.stop_timeout"),
        ("server.signal_target = \"group\"", "server.signal_target"),
        ("server.rewrite = [\"HUP:USR1\"]", "server.rewrite"),
        ("server.success_codes = [143]", "server.success_codes"),
        ("server.run_timeout = 9", "server.run_timeout"),
        (
            "hooks.post-deploy = { on_failure = \"stop\", run = [{ command = [\"true\"] }] }",
            "hooks.post-deploy.on_failure",
        ),
        ("[[hooks.pre-stop.run]]\ncommand = [\"true\"]", "hooks.pre-stop"),
        ("[[hooks.post-stop.run]]\ncommand = [\"true\"]", "hooks.post-stop"),
    ] {
        let setup = Setup::new(Cell::PID1, ["--exec", "--", "true"]).config(&format!("{line}\n"));
        check(setup, &[&format!(":1: {key}: {}", resident.trim_end())]);
    }
}

/// `check` names the key of each program that is not there.
#[test]
fn check_says_where_a_program_that_is_missing_was_named() {
    let config = "[server]\ncommand = [\"/none\"]\n[[wait]]\ntarget = \"file:/\"\n[[wait]]\ncommand = [\"none1\"]\n\
        [[hooks.deploy.run]]\ncommand = [\"true\"]\n[[hooks.deploy.run]]\ncommand = [\"none2\"]\nskip_if = [\"none3\"]\n\
        [hooks.post-stop]\nskip_if = [\"./none4\"]\n[[hooks.post-stop.run]]\ncommand = [\"true\"]\n";
    let not_found = "it is not found in PATH; install it, or name another";
    let not_there = "it is not there; install it, or name another";
    check(
        Setup::new(Cell::PID1, ["check"]).config(config),
        &[
            &format!(":2: server.command: cannot run /none: {not_there}"),
            &format!(":6: wait[1].command: cannot run none1: {not_found}"),
            &format!(":10: hooks.deploy.run[1].command: cannot run none2: {not_found}"),
            &format!(":11: hooks.deploy.run[1].skip_if: cannot run none3: {not_found}"),
            &format!(":13: hooks.post-stop.skip_if: cannot run ./none4: {not_there}"),
        ],
    );
}

/// A `deploy-env` hook does not hide what is wrong whatever it writes, and nothing runs before that is told.
#[test]
fn what_is_wrong_in_any_case_is_told_before_the_deploy_env_hook_runs() {
    let config = "[server]\ncommand = [\"x\", \"${NOPE\"]\n[[wait]]\ntarget = \"db\"\n[[wait]]\n[hooks.deploy]\ntimeout = 1\n\
        [[hooks.deploy.run]]\ncommand = [\"${A:-${B}}\"]\n[server.later]\n";
    for args in [&["check"][..], &["--", "x"]] {
        let setup = Setup::new(Cell::PID1, args).config(config).hook("deploy-env", "echo ran; echo NOPE=x >&3");
        check(
            setup,
            &[
                ":2: server.command: `${NOPE` has no closing brace; write $$ for a dollar sign",
                ":4: wait[0].target: `db` has no port; add one, as in host:80",
                ":5: wait[1]: needs one of target and command; write target = \"tcp://db:5432\"",
                ":9: hooks.deploy.run[0].command: `${A:-${B}` has a variable within another, which is not expanded; put \
                  the inner one into env.defaults",
                ":10: server.later: `later` is no key of this table; remove it, or write one of `command`, `args`, `mode`, \
                  `stop_signal`, `stop_timeout`, `signal_target`, `rewrite`, `success_codes`, `run_timeout`, \
                  `run_timeout_signal`",
            ],
        );
    }
    // What it may still write is no fault for check, and one for the boot.
    let config = "[server]\ncommand = [\"echo\", \"${NAME}\"]\n";
    let setup = |args: &[&str], hook: &str| Setup::new(Cell::PID1, args).config(config).hook("deploy-env", hook);
    setup(&["check"], "exit 0").start().end().exited(0);
    let end = setup(&[], "echo NAME=written >&3").start().end().exited(0);
    assert!(end.out.ends_with("\nwritten\n"), "{}", end.story());
    let end = setup(&[], "exit 0").start().end().exited(78);
    end.complains(&[":2: server.command: ${NAME} is not set; set it, or write ${NAME:-default}\n"]);
}

/// What was meant is plain from what was written: it is said as it has to be.
#[test]
fn what_is_nearly_right_is_told_as_it_should_be() {
    for (config, told) in [
        (
            "server.command = \"python3 app.py\"",
            "server.command: expected a list, found a string; write [\"python3\", \"app.py\"]\n",
        ),
        ("skip = \"deploy\"", "skip: expected a list, found a string; write [\"deploy\"]\n"),
        (
            "server.command = \"psql postgres://a:b@db\"",
            "server.command: expected a list, found a string; write it in brackets, each word in quotes of its own\n",
        ),
        (
            "server.command = \"a && b\"",
            "server.command: expected a list, found a string; write it in brackets, each word in quotes of its own\n",
        ),
        ("server.success_codes = 143", "server.success_codes: expected a list, found 143; write [143]\n"),
        ("[wait]\ntarget = \"a:1\"", "wait: expected a list, found a table; write [[wait]]\n"),
        ("wait = \"a:1\"", "wait: expected a list, found a string; write [[wait]]\n"),
        ("[prepare]\ndir = \"/a\"", "prepare: expected a list, found a table; write [[prepare]]\n"),
        (
            "[hooks.deploy.run]\ncommand = [\"a\"]",
            "hooks.deploy.run: expected a list, found a table; write [[hooks.deploy.run]]\n",
        ),
        ("[env.secrets]\nname = \"A\"", "env.secrets: expected a list, found a table; write [[env.secrets]]\n"),
        (
            "[role.web.wait]\ntarget = \"a:1\"",
            "role.web.wait: expected a list, found a table; write [[role.web.wait]]\n",
        ),
        ("[[wait]]\ntarget = \"tcp://$DB_HOST:5432\"", "wait[0].target: $DB_HOST is not expanded; write ${DB_HOST}\n"),
        ("[hooks.'']\ntimeout = \"1s\"", "hooks: a hook has an empty name; write [hooks.NAME]\n"),
        ("[role.'']\numask = \"0\"", "role: a role has an empty name, which no argument could be; write [role.NAME]\n"),
        (
            "stop.budget = \"2999ms\"",
            "stop.budget: is under 3s, in which nothing could stop in order; write what the platform gives, or remove it\n",
        ),
    ] {
        for args in [["check", "true"], ["--", "true"]] {
            let end = Setup::new(Cell::PID1, args).config(&format!("{config}\n")).start().end().exited(78);
            end.complains(&[told, "app-init: 1 fault, nothing was started\n"]);
        }
    }
    let end = Setup::new(Cell::PID1, ["--", "true"]).env("APP_INIT_STOP_BUDGET", "1s").start().end().exited(78);
    end.complains(&["APP_INIT_STOP_BUDGET: is under 3s"]);
    for budget in ["0", "3s"] {
        Setup::new(Cell::PID1, ["--", "true"]).env("APP_INIT_STOP_BUDGET", budget).start().end().exited(0);
    }
    let end = Setup::new(Cell::PID1, ["hook", "start"]).config("").start().end().exited(78);
    end.complains(&["hooks.start: there is no such hook; make .docker/action_hooks/start executable\n"]);
}

/// A whole command line in the place of a program.
#[test]
fn a_program_whose_name_has_blanks_is_told_as_words() {
    for program in ["python3 app.py", "/bin/echo a"] {
        let start = |args: &[&str]| {
            let config = format!("server.command = [\"{program}\"]\n");
            Setup::new(Cell::PID1, args).config(&config).start().end()
        };
        let advice = "; it contains blanks: write each word in quotes of its own\n";
        start(&["check"]).exited(78).complains(&[advice]);
        start(&[]).exited(127).complains(&[advice]);
    }
}

/// What is missing is the device, and not the program.
#[test]
fn a_missing_null_device_is_named() {
    let start = |config: &str, hook: bool| {
        let script = format!("mount -t tmpfs none /dev && exec {APP_INIT} -v -- true");
        let setup = Setup::bare(Cell::PID1, ["sh", "-c", &script]).config(config);
        let setup = if hook { setup.hook("deploy", "exit 0") } else { setup };
        setup.start()
    };
    let run = start("[[wait]]\ncommand = [\"true\"]\n", false);
    run.err_line("waiting for true (exit 126: cannot open /dev/null: No such file or directory)");
    run.signal(signal::TERM);
    run.end().exited(143);
    let told = ": cannot open /dev/null: No such file or directory; see that /dev has it";
    start("", true).end().exited(70).complains(&["deploy hook failed", told]);
}
