//! §4.5: secrets come from files that variables name, and no word of app-init ever shows one.

use super::environment::{make_pipe, raw, refused, value, with_user};
use crate::harness::*;
use crate::identity::sealed;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

const ENVIRON: [&str; 3] = ["--", PROBE, "environ"];
const BY_VARIABLE: &str = "env.secrets = [\"SECRET\"]\n";
const LIMIT: usize = 64 << 10;

fn setup(cell: Cell, config: &str) -> Setup {
    Setup::new(cell, ENVIRON).config(config)
}

/// §4.5: all newlines at the end are dropped, and nothing else; children see the secret and not where it was.
#[test]
fn a_secret_is_read_from_the_file_that_its_variable_names() {
    each_cell_without_terminal(|cell| {
        for (written, means) in [
            ("plain", "plain"),
            ("one\n", "one"),
            ("two\n\r\n\n", "two"),
            (" a'b\"c\\ \nd \n", " a\\'b\\\"c\\\\ \\nd "),
            ("", ""),
        ] {
            let setup = setup(cell, BY_VARIABLE).file("deep/secret", written, 0o644);
            let setup = setup.env("SECRET_FILE", "/mnt/app/deep/secret").env("OTHER_FILE", "/kept");
            let end = setup.hook("deploy", &format!("{PROBE} environ; echo end of hook")).start().end().exited(0);
            let (hook, server) = end.out.split_once("end of hook").expect("the hook says so");
            for text in [hook, server] {
                let found = ["SECRET", "SECRET_FILE", "OTHER_FILE"].map(|name| value(text, name));
                assert_eq!(found, [Some(means), None, Some("/kept")], "{written:?}\n{}", end.story());
            }
        }
    });
    let bytes = b"\xff\xfe\n";
    let setup = setup(Cell::PID1, BY_VARIABLE).file("secret", bytes, 0o644).env("SECRET_FILE", "secret");
    assert_eq!(value(&setup.start().end().exited(0).out, "SECRET"), Some("\\xff\\xfe"));
}

/// §5: only a listed name makes app-init read a file.
#[test]
fn a_name_that_is_not_listed_stays_as_it_is() {
    each_place(|cell| {
        let setup = setup(cell, "env.secrets = [\"ANOTHER\"]\n").file("secret", "hunter2", 0o644);
        let out = setup.env("SECRET_FILE", "/mnt/app/secret").start().end().exited(0).out;
        assert_eq!((value(&out, "SECRET"), value(&out, "SECRET_FILE")), (None, Some("/mnt/app/secret")));
    });
}

/// §4.5: two sources are a fault, unless one is empty or preferred.
#[test]
fn a_variable_and_a_file_are_one_too_many() {
    each_place(|cell| {
        let both = |config: &str, variable: &str, file: &str| {
            let setup = setup(cell, config).file("secret", "of file\n", 0o644);
            setup.env("SECRET", variable).env("SECRET_FILE", file)
        };
        let told = ".docker/app-init.toml:1: env.secrets[0]: SECRET and SECRET_FILE are both set; \
            unset one of them, or write prefer = \"file\" or \"variable\"\n";
        let err = refused(both(BY_VARIABLE, "of variable", "/mnt/app/secret"));
        assert_eq!(err, format!("{told}app-init: 1 fault, nothing was started\n"));
        let found = |config: &str, variable: &str, file: &str| {
            let out = both(config, variable, file).start().end().exited(0).out;
            assert_eq!(value(&out, "SECRET_FILE"), None);
            value(&out, "SECRET").map(str::to_owned)
        };
        assert_eq!(found(BY_VARIABLE, "", "/mnt/app/secret").as_deref(), Some("of file"));
        assert_eq!(found(BY_VARIABLE, "of variable", "").as_deref(), Some("of variable"));
        let preferring = |what: &str| format!("env.secrets = [{{ name = \"SECRET\", prefer = \"{what}\" }}]\n");
        let (file, variable) = (preferring("file"), preferring("variable"));
        assert_eq!(found(&file, "of variable", "/mnt/app/secret").as_deref(), Some("of file"));
        assert_eq!(found(&file, "of variable", "").as_deref(), Some("of variable"));
        assert_eq!(found(&variable, "of variable", "/mnt/app/secret").as_deref(), Some("of variable"));
        assert_eq!(found(&variable, "", "/mnt/app/secret").as_deref(), Some("of file"));
    });
}

/// §4.5: a fixed path.
#[test]
fn a_secret_can_have_a_file_of_its_own() {
    each_place(|cell| {
        let without = |more: &str| {
            let config = format!("[env]\nsecrets = [{{ name = \"SECRET\", file = \"/mnt/app/own\"{more} }}]\n");
            setup(cell, &config)
        };
        let with = |more: &str| without(more).file("own", "of own\n", 0o644);
        let found = |setup: Setup| value(&setup.start().end().exited(0).out, "SECRET").map(str::to_owned);
        assert_eq!(found(with("")).as_deref(), Some("of own"));
        // The variable names another file.
        let other = with("").file("other", "of other", 0o644).env("SECRET_FILE", "/mnt/app/other");
        assert_eq!(found(other).as_deref(), Some("of other"));
        let told = "env.secrets[0]: SECRET: there is no /mnt/app/own; make it, or write optional = true\n";
        assert!(refused(without("")).starts_with(&format!(".docker/app-init.toml:2: {told}")));
        assert_eq!(found(without(", optional = true")), None);
        assert_eq!(found(without("").env("SECRET", "of variable")).as_deref(), Some("of variable"));
        let err = refused(with("").env("SECRET", "of variable"));
        assert!(err.contains("env.secrets[0]: SECRET and its file are both set; unset one of them"), "{err}");
        let preferred = |what: &str| found(with(&format!(", prefer = \"{what}\"")).env("SECRET", "of variable"));
        assert_eq!(preferred("file").as_deref(), Some("of own"));
        assert_eq!(preferred("variable").as_deref(), Some("of variable"));
        // Optional, and still required in the end.
        let required =
            "[env]\nrequire = [\"SECRET\"]\nsecrets = [{ name = \"SECRET\", file = \"none\", optional = true }]\n";
        assert!(refused(setup(cell, required)).contains("env.require: SECRET is not set, or empty; set it\n"));
    });
}

/// §4.5: what is no secret is refused, at once, and nothing of it is shown.
#[test]
fn a_file_that_holds_no_secret_is_a_fault() {
    type Prepare = fn(Setup) -> Setup;
    const FAULTS: [(Prepare, &str, &str); 6] = [
        (|setup| setup.file("s", longest_and(1), 0o644), "s", "/mnt/app/s holds more than 64 KiB"),
        (|setup| setup.file("s", "hunter2\0", 0o644), "s", "/mnt/app/s holds a NUL byte"),
        (|setup| setup.file("s/hunter2", "", 0o644), "s", "cannot read /mnt/app/s: it is no regular file"),
        (with_pipe, "s", "cannot read /mnt/app/s: it is no regular file"),
        (|setup| setup, "s", "there is no /mnt/app/s; make it"),
        (|setup| setup.file("s", "", 0o644), "s/below", "there is no /mnt/app/s/below; make it"),
    ];
    each_place(|cell| {
        let exact = setup(cell, BY_VARIABLE).file("s", longest_and(0), 0o644).env("SECRET_FILE", "/mnt/app/s");
        let out = exact.start().end().exited(0).out;
        assert_eq!(value(&out, "SECRET").map(str::len), Some(LIMIT));
        for (prepare, name, what) in FAULTS {
            let path = format!("/mnt/app/{name}");
            let fixed = format!("env.secrets = [{{ name = \"SECRET\", file = \"{path}\" }}]\n");
            for setup in [setup(cell, BY_VARIABLE).env("SECRET_FILE", &path), setup(cell, &fixed)] {
                let err = refused(prepare(setup).env("APP_INIT_LOG", "trace"));
                let told = format!(".docker/app-init.toml:1: env.secrets[0]: SECRET: {what}");
                assert!(err.starts_with(&told), "no `{told}` in\n{err}");
                assert!(!err.contains("hunter2"), "{err}");
            }
        }
    });
}

/// The longest secret, and so many bytes more.
fn longest_and(more: usize) -> Vec<u8> {
    b"hunter2".iter().copied().cycle().take(LIMIT + more).collect()
}

fn with_pipe(setup: Setup) -> Setup {
    make_pipe(&setup, "s");
    setup
}

/// §5: whoever may set a variable must not make root read a file for them; a path of the configuration is root's word.
#[test]
fn a_file_that_a_variable_names_is_read_with_the_users_rights() {
    each_place(|cell| {
        let who = |user: &str, secret: &str, mode: u32| {
            let config = format!("{user}[env]\nsecrets = [{secret}]\n");
            with_user(Setup::new(cell, ENVIRON), &config).file("secret", "hunter2", mode)
        };
        let (user, fixed) = ("user = \"app\"\n", "{ name = \"SECRET\", file = \"/mnt/app/secret\" }");
        let path = "/mnt/app/secret";
        let err = refused(who(user, "\"SECRET\"", 0o600).env("SECRET_FILE", path));
        let told = "/etc/app-init.toml:3: env.secrets[0]: SECRET: cannot read /mnt/app/secret: Permission denied";
        assert!(err.starts_with(told) && !err.contains("hunter2"), "{err}");
        let found = |setup: Setup| {
            let end = setup.start().end().exited(0);
            assert_eq!(value(&end.out, "SECRET"), Some("hunter2"), "{}", end.story());
        };
        found(who(user, "\"SECRET\"", 0o644).env("SECRET_FILE", path));
        // Where nobody but root could have put it, it may be for root alone; elsewhere it may be a link to anything.
        found(sealed(who(user, fixed, 0o600)));
        assert!(
            refused(who(user, fixed, 0o600)).starts_with(told),
            "read as root where the user could have put a link"
        );
        found(who(user, fixed, 0o644));
        // But whoever may set the variable may have named any file of root's.
        let err = refused(sealed(who(user, "\"SECRET\"", 0o600)).env("SECRET_FILE", path));
        assert!(err.starts_with(told), "{err}");
        found(who("", "\"SECRET\"", 0o600).env("SECRET_FILE", path));
        // What app-init did as somebody else for a moment, it no longer is: the server becomes that user all the same.
        let setup = who(user, "\"SECRET\"", 0o644).env("SECRET_FILE", path);
        let end = setup.hook("deploy", &format!("exec {PROBE} state")).start().end().exited(0);
        assert_eq!(said(&end.out, "Uid").split_whitespace().next(), Some("12345"), "{}", end.story());
    });
    // Without root there is nobody to become.
    let nobody = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let setup = setup(nobody, BY_VARIABLE).file("secret", "hunter2", 0o600).env("SECRET_FILE", "/mnt/app/secret");
    assert!(refused(setup).contains("cannot read /mnt/app/secret: Permission denied"));
}

/// Two parts, so that a value which is cut, escaped or made text shows all the same.
const PARTS: [&str; 2] = ["hunzter", "sesame"];
/// A word, and what is written differently somewhere: in JSON, in text, on a terminal.
const VALUES: [&[u8]; 4] = [b"hunzter-sesame", QUOTES, b"hunzter\xff\xfesesame", CONTROLS];
const QUOTES: &[u8] = b"hunzter \"'\\/sesame";
const CONTROLS: &[u8] = b"hunzter\n\t\x1bsesame";

/// Starts of app-init in which the secret is a word of something that fails, is announced or is shown; how each ends.
#[derive(Clone, Copy)]
struct Mention {
    args: &'static [&'static str],
    config: &'static str,
    code: i32,
    /// The values that cannot stand there, which is a fault.
    refused: &'static [&'static [u8]],
}

const fn mention(args: &'static [&'static str], config: &'static str, code: i32) -> Mention {
    Mention { args, config, code, refused: &[] }
}

const fn refusing(refused: &'static [&'static [u8]], mention: Mention) -> Mention {
    Mention { refused, ..mention }
}

const RUN: &[&str] = &["run", "-v", "--", PROBE, "do", "exit=3"];
const PLAIN: &[&str] = &["--", PROBE, "do", "exit=3"];

const MENTIONS: &[Mention] = &[
    mention(PLAIN, "", 3),
    mention(RUN, "", 3),
    // Commands of hooks.
    mention(RUN, "[[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"exit 3\", \"${SECRET}\"]\n", 70),
    mention(PLAIN, "[[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"kill -9 $$$$\", \"x${SECRET}x\"]\n", 70),
    mention(RUN, "[[hooks.deploy.run]]\ncommand = [\"true\", \"${SECRET}\"]\n", 3),
    mention(RUN, "[[hooks.deploy.run]]\ncommand = [\"${SECRET}\"]\n", 70),
    mention(PLAIN, "[[hooks.deploy.run]]\ncommand = [\"/none/${SECRET}\", \"${SECRET}\"]\n", 70),
    mention(PLAIN, "[[hooks.deploy.run]]\ncommand = [\"/etc/${SECRET}\"]\non_failure = \"continue\"\n", 3),
    mention(
        RUN,
        "[[hooks.deploy.run]]\ncommand = [\"false\", \"${SECRET}\"]\nretry = { max = 1, backoff = \"1ms\" }\n",
        70,
    ),
    mention(
        RUN,
        "[[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"exec sleep 60\", \"${SECRET}\"]\ntimeout = \"10ms\"\n",
        70,
    ),
    mention(
        RUN,
        "[[hooks.deploy.run]]\ncommand = [\"false\", \"${SECRET}\"]\nskip_if = [\"true\", \"${SECRET}\"]\n",
        3,
    ),
    mention(PLAIN, "[[hooks.deploy.run]]\ncommand = [\"true\"]\nskip_if = [\"/none/${SECRET}\"]\n", 3),
    mention(
        RUN,
        "[[hooks.deploy.run]]\ncommand = [\"false\", \"${SECRET}\"]\n[[hooks.on-failure.run]]\n\
         command = [\"sh\", \"-c\", \"echo $$APP_INIT_FAILED_HOOK $$APP_INIT_HOOK; exit 4\", \"${SECRET}\"]\n",
        70,
    ),
    mention(RUN, "[[hooks.post-stop.run]]\ncommand = [\"sh\", \"-c\", \"exit 3\", \"${SECRET}\"]\n", 3),
    mention(PLAIN, "[[hooks.post-stop.run]]\ncommand = [\"/none/${SECRET}\"]\n", 3),
    mention(RUN, "[[hooks.post-deploy.run]]\ncommand = [\"/none/${SECRET}\"]\n", 3),
    mention(&["hook", "deploy"], "[[hooks.deploy.run]]\ncommand = [\"sh\", \"-c\", \"exit 3\", \"${SECRET}\"]\n", 3),
    mention(&["hook", "mine"], "[[hooks.mine.run]]\ncommand = [\"${SECRET}\"]\n", 127),
    // The server.
    mention(&["run", "-v"], "server.command = [\"/mnt/bin/probe\", \"do\", \"exit=3\", \"${SECRET}\"]\n", 3),
    mention(&["run", "-v"], "server.command = [\"sh\", \"-c\", \"exit 3\"]\nserver.args = [\"${SECRET}\"]\n", 3),
    mention(&["--"], "server.command = [\"${SECRET}\"]\n", 127),
    mention(&["--"], "server.command = [\"/none/${SECRET}\", \"${SECRET}\"]\n", 127),
    mention(&["--exec", "--"], "server.command = [\"/none/${SECRET}\", \"${SECRET}\"]\n", 127),
    mention(&["--exec", "--"], "server.command = [\"/etc\", \"${SECRET}\"]\n", 126),
    mention(&["check"], "server.command = [\"true\", \"${SECRET}\"]\n", 0),
    mention(&["check"], "server.command = [\"${SECRET}\"]\n", 78),
    mention(
        &["check"],
        "[[hooks.deploy.run]]\ncommand = [\"true\", \"${SECRET}\"]\nskip_if = [\"true\", \"${SECRET}\"]\n",
        0,
    ),
    mention(&["check"], "[[hooks.deploy.run]]\ncommand = [\"/none/${SECRET}\"]\n", 78),
    refusing(
        &[CONTROLS],
        mention(
            &["check"],
            "[[wait]]\ncommand = [\"true\", \"${SECRET}\"]\n[[wait]]\ntarget = \"file:/none/${SECRET}\"\n",
            0,
        ),
    ),
    mention(&["check"], "[[prepare]]\ndir = \"/none/${SECRET}\"\n[[prepare]]\nremove = [\"/none/${SECRET}\"]\n", 0),
    mention(&["check"], "[[prepare]]\ncopy = \"/none/${SECRET}\"\nto = \"/none/${SECRET}\"\n", 0),
    mention(&["check"], "server.run_timeout = \"${SECRET}\"\n", 78),
    // The environment, and whatever is started in it.
    mention(&["env"], "env.set = { URL = \"postgres://u:${SECRET}@h\" }\n", 0),
    mention(&["env", "--json"], "env.set = { URL = \"postgres://u:${SECRET}@h\" }\n", 0),
    mention(&["exec", "-v", "--", "/none/program", "%"], "", 127),
    mention(&["exec", "--", "/none/%"], "", 127),
    mention(&["exec", "--", "true", "%"], "", 0),
    mention(&["exec", "--", "true"], "env.path_prepend = [\"${SECRET:?}\", \"${UNSET}\"]\n", 78),
    mention(&["shell", "-c", "true"], "[[hooks.deploy-env.run]]\ncommand = [\"true\"]\ntimeout = \"${SECRET}\"\n", 0),
    mention(&["shell", "-c", "true"], "[[hooks.deploy-env.run]]\ncommand = [\"/none/${SECRET}\"]\n", 0),
    mention(&["shell", "-c", "true", "%"], "env.require = [\"UNSET\"]\n", 0),
    // Waits.
    mention(PLAIN, "[[wait]]\ncommand = [\"false\", \"${SECRET}\"]\ntimeout = \"10ms\"\n", 124),
    mention(RUN, "[[wait]]\ncommand = [\"/none/${SECRET}\", \"${SECRET}\"]\ntimeout = \"10ms\"\n", 124),
    mention(
        RUN,
        "[[wait]]\ncommand = [\"sh\", \"-c\", \"echo ready $$SECRET; exit 1\"]\n\
         timeout = \"10ms\"\non_timeout = \"continue\"\n",
        3,
    ),
    refusing(&[CONTROLS], mention(PLAIN, "[[wait]]\ntarget = \"file:/none/${SECRET}\"\ntimeout = \"10ms\"\n", 124)),
    refusing(
        &[CONTROLS],
        mention(RUN, "[[wait]]\ntarget = \"unix:/none/${SECRET}\"\ntimeout = \"10ms\"\non_timeout = \"continue\"\n", 3),
    ),
    refusing(
        &[QUOTES, CONTROLS],
        mention(
            RUN,
            "[[wait]]\ntarget = \"http://127.0.0.1:1/${SECRET}\"\ntimeout = \"10ms\"\non_timeout = \"continue\"\n",
            3,
        ),
    ),
    mention(PLAIN, "[[wait]]\ntarget = \"${SECRET}\"\n", 78),
    mention(PLAIN, "[[wait]]\ntarget = \"tcp://127.0.0.1:${SECRET}\"\n", 78),
    mention(PLAIN, "[[wait]]\ntarget = \"${SECRET}://127.0.0.1\"\n", 78),
    // Durations.
    mention(PLAIN, "[[wait]]\ntarget = \"tcp://127.0.0.1:1\"\ntimeout = \"${SECRET}\"\ninterval = \"${SECRET}\"\n", 78),
    mention(PLAIN, "hooks.deploy.timeout = \"${SECRET}\"\n[[hooks.deploy.run]]\ncommand = [\"true\"]\n", 78),
    mention(
        PLAIN,
        "[server]\nstop_timeout = \"${SECRET}\"\n[stop]\ndrain = \"x${SECRET}\"\nbudget = \"${SECRET}s\"\n",
        78,
    ),
    // Files.
    mention(PLAIN, "[[prepare]]\ndir = \"/proc/none/${SECRET}\"\nrequired = true\n", 77),
    mention(RUN, "[[prepare]]\ndir = \"/proc/none/${SECRET}\"\n[[prepare]]\nremove = [\"/proc/self/${SECRET}\"]\n", 3),
    mention(
        RUN,
        "[[prepare]]\ndir = \"/proc/${SECRET}\"\n[[prepare]]\ncopy = \"/etc/passwd\"\nto = \"/proc/${SECRET}\"\n",
        3,
    ),
    mention(PLAIN, "[[prepare]]\ncopy = \"/none/${SECRET}\"\nto = \"/proc/none/${SECRET}\"\nrequired = true\n", 77),
    mention(PLAIN, "[[prepare]]\nremove = [\"/proc/self/status/${SECRET}\", \"/proc/${SECRET}/../self/status\"]\n", 3),
    // What the deploy-env hook writes.
    mention(PLAIN, "[[hooks.deploy-env.run]]\ncommand = [\"sh\", \"-c\", \"echo $$SECRET >&3\"]\n", 78),
    mention(PLAIN, "[[hooks.deploy-env.run]]\ncommand = [\"sh\", \"-c\", \"exit 3\", \"${SECRET}\"]\n", 70),
    mention(
        &["env"],
        "[[hooks.deploy-env.run]]\ncommand = [\"sh\", \"-c\", 'printf \"C<<E\\n%s\\nE\\n\" \"a$${SECRET}a\" >&3']\n",
        0,
    ),
];

/// §4: a value of `env.secrets` is in nothing that app-init says, at no level and in no format.
#[test]
fn a_secret_is_never_shown() {
    let mut shown = Vec::new();
    for (mention, cell) in in_both_places() {
        for (secret, format) in VALUES.iter().zip(["text", "json"].into_iter().cycle()) {
            let lines = where_shown(cell, mention, secret, format, true);
            // One is enough to mend it.
            if let Some((stream, line)) = lines.first() {
                shown.push(format!("{:?} {:?} in {cell}, {format}: {stream}: {line}", mention.args, mention.config));
                break;
            }
        }
    }
    assert!(shown.is_empty(), "a secret was shown in {} starts:\n{}", shown.len(), shown.join("\n"));
}

/// The test above would see one: words of commands and values are shown where they are no secrets.
#[test]
fn what_is_no_secret_is_shown() {
    let shows = |(mention, cell): &(&Mention, Cell)| !where_shown(*cell, mention, VALUES[0], "text", false).is_empty();
    let count = in_both_places().filter(shows).count();
    assert!(count > MENTIONS.len() / 2, "of {} mentions only {count} show anything", MENTIONS.len());
}

/// Every second one as PID 1.
fn in_both_places() -> impl Iterator<Item = (&'static Mention, Cell)> {
    MENTIONS.iter().zip([Cell::PID1, Cell::SUBREAPER].into_iter().cycle())
}

/// The lines of standard output, standard error and the termination file in which a part of the secret is.
fn where_shown(
    cell: Cell,
    mention: &Mention,
    secret: &[u8],
    format: &str,
    listed: bool,
) -> Vec<(&'static str, String)> {
    let args = mention.args.iter().map(|word| replaced(word.as_bytes(), secret));
    // The keys of [env] are at the top of a text, if there are any.
    let listing = if listed { BY_VARIABLE } else { "" };
    let config = format!(
        "{listing}log.format = \"{format}\"\nlog.level = \"trace\"\nlog.termination_file = \"/mnt/app/end\"\n{}",
        mention.config
    );
    let setup = Setup::new(cell, args.map(|word| raw(&word).to_owned())).config(&config).env("APP_INIT_LOG", "trace");
    let setup = setup.file("secret", secret, 0o644).file("end", "", 0o666);
    let setup = if listed { setup.env("SECRET_FILE", "/mnt/app/secret") } else { setup.env("SECRET", raw(secret)) };
    let mut termination = std::fs::File::open(setup.world.app().join("end")).expect("a test's own file");
    let end = setup.start().end();
    let code = if mention.refused.contains(&secret) { 78 } else { mention.code };
    assert_eq!(end.how, Ended::Exited(code), "{:?} {:?}\n{}", mention.args, mention.config, end.story());
    let mut text = Vec::new();
    termination.read_to_end(&mut text).expect("a test's own file");
    let streams = [("stdout", end.out_bytes), ("stderr", end.err_bytes), ("termination file", text)];
    let mut shown = Vec::new();
    for (stream, bytes) in streams {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let visible = text.lines().filter(|line| PARTS.iter().any(|part| line.contains(part)));
        shown.extend(visible.map(|line| (stream, line.to_owned())));
    }
    shown
}

fn replaced(word: &[u8], secret: &[u8]) -> Vec<u8> {
    match word.iter().position(|byte| *byte == b'%') {
        Some(at) => [&word[..at], secret, &word[at + 1..]].concat(),
        None => word.to_vec(),
    }
}

/// `env --reveal`, and nothing else.
#[test]
fn only_reveal_shows_secrets() {
    each_place(|cell| {
        for bytes in VALUES {
            let of = |args: &[&str]| {
                let setup =
                    Setup::new(cell, args).config("[env]\nsecrets = [\"SECRET\"]\nset = { URL = \"x:${SECRET}@h\" }\n");
                setup.env("SECRET", raw(bytes)).start().end().exited(0)
            };
            let shows = |end: &End| end.out_bytes.windows(6).any(|window| window == b"sesame");
            let hidden = of(&["env"]);
            assert!(!shows(&hidden), "{}", hidden.story());
            assert!(
                hidden.out.contains("SECRET='***'\n") && hidden.out.contains("URL='x:***@h'\n"),
                "{}",
                hidden.story()
            );
            let hidden = of(&["env", "--json"]);
            assert!(!shows(&hidden) && hidden.out.contains("\"URL\": \"x:***@h\""), "{}", hidden.story());
            for args in [&["env", "--reveal"][..], &["env", "--json", "--reveal"]] {
                let revealed = of(args);
                assert!(shows(&revealed) && !revealed.out.contains("***"), "{}", revealed.story());
            }
        }
    });
}

/// A hook that fetches a secret makes it one; so does whatever else sets a listed variable.
#[test]
fn a_listed_variable_is_hidden_wherever_its_value_came_from() {
    each_place(|cell| {
        for (env, hook) in [
            ("", "echo SECRET=hunzter >&3"),
            ("set = { SECRET = \"hunzter\" }\n", "true"),
            ("defaults = { SECRET = \"hunzter\" }\nunset = [\"OTHER\"]\n", "true"),
            ("files = [\".env\"]\n", "true"),
        ] {
            for hook in [Some(hook), None] {
                let setup = Setup::new(cell, ["env"]).config(&format!("[env]\nsecrets = [\"SECRET\"]\n{env}"));
                let setup = setup.file(".env", "SECRET=hunzter\n", 0o644);
                let setup = if let Some(hook) = hook { setup.hook("deploy-env", hook) } else { setup };
                if env.is_empty() && hook.is_none() {
                    continue;
                }
                let end = setup.start().end().exited(0);
                assert!(end.lines().contains(&"SECRET='***'"), "{env}\n{}", end.story());
            }
        }
    });
}

/// §4: no core file, and nobody else reads app-init's memory: what is not dumpable belongs to root (proc(5)).
#[test]
fn a_process_that_knows_secrets_is_not_dumpable() {
    for place in [Cell::PID1, Cell::SUBREAPER] {
        let cell = Cell { identity: Identity::Nobody, ..place };
        for (config, hook, expected) in [
            (BY_VARIABLE, None, 0),
            (BY_VARIABLE, Some("deploy-env"), 0),
            (BY_VARIABLE, Some("deploy"), 0),
            ("env.secrets = [\"ANOTHER\"]\n", None, 12345),
            ("umask = \"0022\"\n", None, 12345),
            ("umask = \"0022\"\n", Some("deploy-env"), 12345),
        ] {
            let server = [PROBE, "do", "trap=15:0:4", "print=server", "pause"];
            let setup = Setup::new(cell, ["--"]).args(server).config(config).env("SECRET", "hunter2");
            let setup = hook.into_iter().fold(setup, |setup, name| setup.hook(name, "exit 0"));
            let run = setup.start();
            run.line("server");
            let metadata = std::fs::metadata(format!("/proc/{}/environ", run.pid)).expect("app-init runs");
            assert_eq!(metadata.uid(), expected, "{config}, {hook:?} in {cell}");
            run.signal(signal::TERM);
            run.end().exited(4);
        }
        // The server is another program, which may be looked at by its user.
        let end = Setup::new(cell, ["--", PROBE, "state"]).config(BY_VARIABLE).env("SECRET", "hunter2").start().end();
        assert_eq!(said(&end.out, "dumpable"), "1", "{}", end.story());
    }
}

/// The same for its other processes: those that wait, and the keeper of exec mode.
#[test]
fn none_of_its_processes_is_dumpable_once_a_secret_is_known() {
    // Each process that is app-init still, and whose its memory is.
    const LOOK: &str =
        "for pid in /proc/[0-9]*; do echo $(cat $pid/comm) $(stat -c %u $pid/environ); done | grep app-init";
    for place in [Cell::PID1, Cell::SUBREAPER] {
        let cell = Cell { identity: Identity::Nobody, ..place };
        for (secrets, owner) in [(BY_VARIABLE, "0"), ("umask = \"0022\"\n", "12345")] {
            let owners = |setup: Setup| {
                let run = setup.env("SECRET", "hunter2").start();
                run.line("server");
                let seen = std::fs::read_to_string(run.world.app().join("seen")).expect("somebody has looked");
                run.end().exited(0);
                seen.lines().map(str::to_owned).collect::<Vec<_>>()
            };
            let server = ["--", PROBE, "do", "print=server"];
            let wait = format!(
                "{secrets}[[wait]]\ncommand = [\"sh\", \"-c\", \"{}\"]\n",
                format!("{LOOK} > seen").replace('$', "$$")
            );
            // app-init, the watcher and the probe.
            assert_eq!(owners(Setup::new(cell, server).config(&wait)), vec![format!("app-init {owner}"); 3], "{cell}");
            // app-init and the keeper.
            let exec = Setup::new(cell, [&["--exec"], &server[..]].concat()).config(secrets);
            let exec = exec.hook("deploy", &format!("{LOOK} > seen"));
            assert_eq!(owners(exec), vec![format!("app-init {owner}"); 2], "{cell}");
        }
    }
}

/// docs: every value that the name has had, whatever came over it, and whatever was made of it.
#[test]
fn a_value_that_another_one_has_replaced_is_hidden_too() {
    let url = "defaults = { URL = \"pg://u:${SECRET}@db/x\" }\n";
    let file = "secrets = [{ name = \"SECRET\", file = \"s\", prefer = \"file\" }]\n";
    let setup = |args: &[&str], env: &str| {
        Setup::new(Cell::PID1, args)
            .config(&format!("[env]\n{env}"))
            .file("s", "fromfile", 0o600)
            .env("SECRET", "was-given")
    };
    let hidden = |setup: Setup, value: &str| {
        let end = setup.start().end().exited(0);
        assert!(!end.out.contains(value) && !end.err.contains(value), "{}", end.story());
        assert!(end.out.contains("***"), "{}", end.story());
    };
    hidden(setup(&["env"], &format!("{file}{url}")), "was-given");
    let echo = "[[hooks.deploy.run]]\ncommand = [\"true\", \"${URL}\"]\n";
    hidden(setup(&["--", "true"], &format!("{file}{url}{echo}")), "was-given");
    let set = "secrets = [\"SECRET\"]\nset = { OTHER = \"${SECRET}\", SECRET = \"new-value\" }\n";
    hidden(setup(&["env"], set), "was-given");
    // deploy-env has the last word, and unset takes it away again.
    let unset =
        "secrets = [\"SECRET\"]\nunset = [\"SECRET\"]\n[[hooks.deploy.run]]\ncommand = [\"true\", \"written-1\"]\n";
    hidden(setup(&["--", "true"], unset).hook("deploy-env", "echo SECRET=written-1 >&3"), "written-1");
}

/// The two are one too many before a file is looked for, and `optional` is of the file that the configuration names.
#[test]
fn a_file_that_a_variable_names_has_to_be_there() {
    let optional = "secrets = [{ name = \"SECRET\", file = \"s\", optional = true }]\n";
    let setup = |env: &str| Setup::new(Cell::PID1, ENVIRON).config(&format!("[env]\n{env}"));
    let told = "env.secrets[0]: SECRET: there is no /run/secrets/typo; make it, or unset SECRET_FILE\n";
    for env in [optional, "secrets = [\"SECRET\"]\n"] {
        assert!(refused(setup(env).env("SECRET_FILE", "/run/secrets/typo")).contains(told));
        let both = setup(env).env("SECRET", "abcdef").env("SECRET_FILE", "/run/secrets/typo");
        let told = "env.secrets[0]: SECRET and SECRET_FILE are both set; unset one of them, or write prefer = \"file\" \
            or \"variable\"\n";
        assert!(refused(both).contains(told));
    }
    // The secret itself, where its file should be named.
    let err = refused(setup("secrets = [\"SECRET\"]\n").env("SECRET_FILE", "hunter2"));
    let told = "SECRET: the file that SECRET_FILE names is not there; make it, or unset SECRET_FILE\n";
    assert!(err.contains(told) && !err.contains("hunter2"), "{err}");
    // The fixed one need not be there, and an empty variable names nothing.
    setup(optional).env("SECRET_FILE", "").start().end().exited(0);
}

/// §4.5: what comes from a file and is no secret is read as the others are, and shown.
#[test]
fn what_is_said_to_be_no_secret_is_shown() {
    each_place(|cell| {
        let config = |more: &str| {
            format!(
                "[env]\nsecrets = [{{ name = \"SECRET\", secret = false }}{more}]\n\
                set = {{ URL = \"pg://${{SECRET}}:5432/x\" }}\n\
                [[hooks.deploy.run]]\ncommand = [\"echo\", \"${{SECRET}}\"]\n"
            )
        };
        let start = |args: &[&str], more: &str| {
            let setup = Setup::new(cell, args).config(&config(more));
            let setup = setup.file("host", "db.example\n", 0o644).file("word", "hunter2\n", 0o644);
            let setup = setup.env("SECRET_FILE", "/mnt/app/host").env("WORD_FILE", "/mnt/app/word");
            setup.start().end().exited(0)
        };
        let end = start(&["env"], ", \"WORD\"");
        for line in ["SECRET='db.example'", "URL='pg://db.example:5432/x'", "WORD='***'"] {
            assert!(end.lines().contains(&line), "no {line}: {}", end.story());
        }
        assert!(!end.out.contains("SECRET_FILE"), "{}", end.story());
        let end = start(&["--", "true"], "");
        assert_eq!(end.out, " -----> Running echo db.example\ndb.example\n", "{}", end.story());
        assert!(start(&["check"], "").out.contains("echo db.example"));
        // One that is also listed as a secret is one, and nothing else of the rules is another.
        let end = start(&["--", "true"], ", \"SECRET\"");
        assert!(end.out.contains("Running echo ***"), "{}", end.story());
        let both = setup(cell, &config("")).env("SECRET", "a").env("SECRET_FILE", "/mnt/app/host");
        assert!(refused(both).contains("SECRET and SECRET_FILE are both set"));
    });
}

/// §4: a default is for when nobody says anything, by a variable or a file.
#[test]
fn a_default_gives_way_to_the_secrets_file() {
    each_place(|cell| {
        for secret in ["\"A\"", "{ name = \"A\", prefer = \"variable\" }", "{ name = \"A\", file = \"s\" }"] {
            let config = format!("[env]\nsecrets = [{secret}]\ndefaults.A = \"default\"\n");
            let setup = || Setup::new(cell, ["--", PROBE, "environ"]).config(&config);
            let found = |setup: Setup| setup.start().end().exited(0).out;
            let out = found(setup().env("A_FILE", "/mnt/app/f").file("f", "filed", 0o644));
            assert_eq!(value(&out, "A"), Some("filed"), "{secret}");
            assert_eq!(value(&found(setup()), "A"), Some("default"), "{secret}");
            if secret.contains("file") {
                assert_eq!(value(&found(setup().file("s", "filed", 0o644)), "A"), Some("filed"), "{secret}");
            }
        }
    });
}

/// §4: the files are read before `env.set` and what `deploy-env` writes.
#[test]
fn a_secrets_file_that_is_named_too_late_is_told() {
    each_place(|cell| {
        let config = "[env]\nsecrets = [\"A\", \"B\"]\nset.A_FILE = \"/mnt/app/f\"\n";
        let setup = Setup::new(cell, ["--", PROBE, "do", "exit=4"]).config(config);
        let end = setup.hook("deploy-env", "echo B_FILE=/mnt/app/f >&3").file("f", "x", 0o644).start().end().exited(4);
        end.complains(&["A_FILE is set by env.set, after the", "B_FILE is set by the deploy-env hook, after the"]);
    });
}
