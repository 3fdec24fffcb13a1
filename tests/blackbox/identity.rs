//! §5: who server, hooks and commands run as, by the kernel's own answer, and that there is no way back.

use crate::harness::*;
use nix::sys::stat::Mode;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

pub const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:4000:4001:An app:/srv/app:/bin/sh\n\
    homeless:x:4010:4010:::\nfullhouse:x:4012:4012::/srv/full:/bin/sh\n";
pub const GROUP: &str = "root:x:0:\napp:x:4001:\nweb:x:4033:app\nlogs:x:4044:app,fullhouse\nfullhouse:x:4012:\n";
/// What every one of these tests runs: it says who it is.
const STATE: [&str; 2] = [PROBE, "state"];

/// What `setpriv` of util-linux is to be told for the same identity.
const FORMS: [(&str, &[&str]); 8] = [
    ("app", &["--reuid", "app", "--regid", "app", "--init-groups"]),
    ("4000", &["--reuid", "app", "--regid", "app", "--init-groups"]),
    ("app:web", &["--reuid", "4000", "--regid", "web", "--groups", "web"]),
    ("4000:4044", &["--reuid", "4000", "--regid", "4044", "--groups", "4044"]),
    ("app:5678", &["--reuid", "4000", "--regid", "5678", "--groups", "5678"]),
    ("1234:1234", &["--reuid", "1234", "--regid", "1234", "--groups", "1234"]),
    ("1234:web", &["--reuid", "1234", "--regid", "web", "--groups", "web"]),
    ("2147483647:2147483647", &["--reuid", "2147483647", "--regid", "2147483647", "--groups", "2147483647"]),
];

/// An image with users; nothing of it is anybody's but root's.
pub fn image(setup: Setup) -> Setup {
    sealed(setup.etc("passwd", PASSWD).etc("group", GROUP))
}

/// Closes the directories of the test to everybody else.
pub fn sealed(setup: Setup) -> Setup {
    seal(setup.world.app());
    seal(setup.world.etc());
    setup
}

fn seal(directory: &Path) {
    mode(directory, 0o755);
    for entry in fs::read_dir(directory).expect("it is readable") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() && !path.is_symlink() {
            seal(&path);
        }
    }
}

pub fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode of a test's own file can be set");
}

pub fn root_cells() -> Vec<Cell> {
    Cell::all().into_iter().filter(|cell| cell.identity == Identity::Root).collect()
}

/// The kernel's lines on identity and power.
fn who(text: &str) -> Vec<String> {
    let keys = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];
    keys.iter().map(|key| format!("{key} {}", said(text, key))).collect()
}

/// What setpriv makes of it.
fn expected(cell: Cell, how: &[&str]) -> Vec<String> {
    let control = Setup::bare(cell, ["setpriv"]).args(how).args(STATE);
    who(&image(control).start().end().exited(0).out)
}

fn ids(text: &str) -> [&str; 3] {
    ["Uid", "Gid", "Groups"].map(|key| said(text, key).trim())
}

const APP_IDS: [&str; 3] = ["4000\t4000\t4000\t4000", "4001\t4001\t4001\t4001", "4001 4033 4044"];
const ROOT_UID: &str = "0\t0\t0\t0";

fn with_user(cell: Cell, args: &[&str], user: &str) -> Setup {
    Setup::new(cell, args).config(&format!("user = \"{user}\"\n"))
}

/// §5: the server, in each form, is who setpriv would make of it.
#[test]
fn each_form_of_a_user_is_what_setpriv_makes_of_it() {
    each_place(|cell| {
        for (spec, how) in FORMS {
            let expected = expected(cell, how);
            let end = image(with_user(cell, &["--", PROBE, "state"], spec)).start().end().exited(0).nothing_left();
            assert_eq!(who(&end.out), expected, "{spec}: {}", end.story());
            let end = image(with_user(cell, &["--exec", "--", PROBE, "state"], spec)).start().end().exited(0);
            assert_eq!(who(&end.out), expected, "{spec} with --exec: {}", end.story());
        }
        // The comparison can fail.
        assert_ne!(expected(cell, FORMS[0].1), expected(cell, FORMS[2].1));
    });
}

/// §5: hooks, `exec` and `shell -c` too.
#[test]
fn hooks_exec_and_shell_have_the_same_identity() {
    each_place(|cell| {
        for (spec, how) in FORMS {
            let expected = expected(cell, how);
            let run = |args: &[&str]| {
                let setup = with_user(cell, args, spec).hook("deploy", &format!("exec {PROBE} state"));
                image(setup).start().end().exited(0).nothing_left()
            };
            for args in [
                &["--", "true"][..],
                &["--exec", "--", "true"],
                &["hook", "deploy"],
                &["exec", "--", PROBE, "state"],
                &["shell", "-c", "/mnt/bin/probe state"],
            ] {
                let end = run(args);
                assert_eq!(who(&end.out), expected, "{spec} {args:?}: {}", end.story());
            }
        }
    });
}

/// §5, in every place in which root may start it, with nothing else changed.
#[test]
fn the_user_changes_nothing_but_who_it_is() {
    const OWN: &[&str] = &["pid ", "parent ", "group ", "session ", "foreground ", "pdeathsig "];
    for cell in root_cells() {
        let control = Setup::bare(cell, ["setpriv"]).args(FORMS[0].1).args(STATE);
        let control = image(control).start().end().exited(0);
        let end = image(with_user(cell, &["--", PROBE, "state"], "app")).start().end().exited(0).nothing_left();
        assert_eq!(ids(&end.out), APP_IDS, "{}", end.story());
        let out = end.lines().join("\n");
        assert_eq!(differences(&control.out, &out, OWN), Vec::<String>::new(), "{cell}");
    }
}

/// §5: phases of every kind, questions and waits.
#[test]
fn whatever_runs_for_the_application_runs_as_its_user() {
    each_place(|cell| {
        let to = |name: &str| format!("[\"sh\", \"-c\", \"{PROBE} state > /tmp/{name}\"]");
        let config = format!(
            "user = \"app\"\n[[wait]]\ncommand = {}\n[[hooks.deploy.run]]\ncommand = [\"false\"]\nskip_if = {}\n\
            [[hooks.pre-stop.run]]\ncommand = {}\n",
            to("wait"),
            to("question"),
            to("pre-stop")
        );
        let all = "for name in wait question poller pre-stop post-stop environment; do echo \"[$name]\"; \
            grep -E '^(Uid|Gid|Groups) ' /tmp/$name; done";
        let setup = Setup::new(cell, ["--", PROBE, "do", "trap=15:0:0", "print=up", "pause"])
            .config(&config)
            .hook("deploy-env", &format!("{PROBE} state > /tmp/environment"))
            .hook("post-deploy", &format!("{PROBE} state > /tmp/poller; echo polled"))
            .hook("post-stop", &format!("{PROBE} state > /tmp/post-stop; {all}"));
        let run = image(setup).start();
        run.lines(&["up", "polled"]);
        run.signal(signal::TERM);
        let end = run.end().exited(0).nothing_left();
        let [uid, gid, groups] = APP_IDS;
        for name in ["wait", "question", "poller", "pre-stop", "post-stop", "environment"] {
            let told = format!("[{name}]\nUid {uid}\nGid {gid}\nGroups {groups}\n");
            assert!(end.out.contains(&told), "{name}\n{}", end.story());
        }
    });
}

/// §5: `id` looks the same user up in the same files.
#[test]
fn the_groups_are_those_that_id_finds() {
    each_place(|cell| {
        for user in ["app", "fullhouse", "homeless", "root"] {
            let script = format!(
                "id -u; id -g; id -G | tr ' ' '\\n' | sort; echo; id -u {user}; id -g {user}; id -G {user} | tr ' ' \
                    '\\n' | sort"
            );
            let end = image(with_user(cell, &["--", "sh", "-c", &script], user)).start().end().exited(0);
            let (own, found) = end.out.split_once("\n\n").expect("two answers");
            assert_eq!(own, found.trim_end(), "{user}: {}", end.story());
        }
    });
}

fn environment(cell: Cell, user: &str, args: &[&str]) -> String {
    let setup = with_user(cell, args, user).hook("deploy", &format!("exec {PROBE} environ"));
    let setup = setup.env("HOME", "/given").env("USER", "given").env("LOGNAME", "given").env("SHELL", "/bin/given");
    image(setup).start().end().exited(0).out
}

/// §5: HOME, USER, LOGNAME from the entry; SHELL untouched.
#[test]
fn home_user_and_logname_are_the_entrys() {
    each_place(|cell| {
        for args in [&["--", PROBE, "environ"][..], &["--", "true"], &["exec", "--", PROBE, "environ"]] {
            let has = |text: &str, line: &str| text.lines().any(|other| other == line);
            for (user, home, name) in
                [("app", "/srv/app", "app"), ("4000:web", "/srv/app", "app"), ("homeless", "/", "homeless")]
            {
                let text = environment(cell, user, args);
                let lines = [format!("HOME={home}"), format!("USER={name}"), format!("LOGNAME={name}")];
                for line in lines.iter().map(String::as_str).chain(["SHELL=/bin/given"]) {
                    assert!(has(&text, line), "{user} {args:?}: no {line}\n{text}");
                }
            }
            assert!(has(&environment(cell, "1234:1234", args), "HOME=/"), "{args:?}");
        }
    });
}

/// §5: there is no way back, by any of the calls.
#[test]
fn root_cannot_be_had_again() {
    const CALLS: &str = "for call in 'POSIX::setuid(0)' '$< = 0' '$> = 0' 'POSIX::setgid(0)' '$) = \"0 0\"'; do \
        perl -MPOSIX -e \"$call; print join(\\\" \\\", \\$<, \\$>, \\$(, \\$)), \\\"\\n\\\"\"; done; \
        /mnt/bin/probe do user=0 print=back 2>/dev/null || echo refused; \
        setpriv --clear-groups true 2>/dev/null || echo refused";
    each_place(|cell| {
        let tried = |setup: Setup| {
            let setup = setup.file("tried", "", 0o666).file("calls", CALLS, 0o644);
            let mut tried = fs::File::open(setup.world.app().join("tried")).expect("a test's own file");
            let end = image(setup).start().end().exited(0).nothing_left();
            let mut text = String::new();
            tried.read_to_string(&mut text).expect("it is text");
            assert_eq!(end.lines().last(), Some(&"ran"), "{}", end.story());
            text
        };
        let script = "sh /mnt/app/calls >> /mnt/app/tried";
        let said = format!("{script}; echo ran");
        let hook = |name: &str| format!("[[hooks.{name}.run]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n");
        let ran: &[&str] = &["--", "echo", "ran"];
        let exec = &["--exec", "--", "echo", "ran"];
        let cases = [
            (&["--", "sh", "-c", &said][..], String::new()),
            (&["--exec", "--", "sh", "-c", &said], String::new()),
            (&["exec", "--", "sh", "-c", &said], String::new()),
            (&["shell", "-c", &said], String::new()),
            (ran, hook("deploy")),
            (exec, hook("deploy")),
            (ran, hook("deploy-env")),
            (ran, format!("[[wait]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n")),
            (exec, format!("[[wait]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n")),
            (ran, format!("[[hooks.deploy.run]]\ncommand = [\"false\"]\nskip_if = [\"sh\", \"-c\", \"{script}\"]\n")),
        ];
        let stays = "4000 4000 4033 4033 4033 4033\n".repeat(5) + "refused\nrefused\n";
        for (args, config) in cases {
            let config = format!("user = \"app:web\"\n{config}");
            assert_eq!(tried(Setup::new(cell, args).config(&config)), stays, "{args:?} {config}");
            // Root may.
            let config = config.replace("app:web", "root");
            let text = tried(Setup::new(cell, args).config(&config));
            assert!(text.contains("back\n") && !text.contains("refused"), "{args:?} {config}: {text}");
        }
    });
}

/// §5: nothing of the caller's groups and powers survives.
#[test]
fn the_callers_groups_and_capabilities_are_gone() {
    each_place(|cell| {
        let start = |options: &[&str], command: &[&str]| {
            let caller = ["setpriv", "--groups", "4,20,27,4044", "--inh-caps", "+chown,+setuid", "--ambient-caps"];
            let setup = Setup::bare(cell, caller).args(["+chown,+setuid", APP_INIT]).args(options).args(command);
            image(setup).start().end().exited(0)
        };
        for options in [&["-u", "app:web"][..], &["--exec", "-u", "app:web"]] {
            let end = start(options, &["--", PROBE, "state"]);
            assert_eq!(said(&end.out, "Groups").trim(), "4033", "{}", end.story());
            for key in ["CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(said(&end.out, key), "0000000000000000", "{key}: {}", end.story());
            }
        }
        // Without a user they are the server's.
        let end = start(&[], &["--", PROBE, "state"]);
        assert_eq!(said(&end.out, "Groups").trim(), "4 20 27 4044", "{}", end.story());
        assert_ne!(said(&end.out, "CapAmb"), "0000000000000000", "{}", end.story());
    });
}

/// §5: what the container was given beside its user, for whom it was meant.
#[test]
fn the_containers_groups_are_kept_where_that_is_asked_for() {
    each_place(|cell| {
        let start = |config: &str, args: &[&str]| {
            let setup = Setup::bare(cell, ["setpriv", "--groups", "0,20,4044,7777", APP_INIT]).args(args);
            let config =
                format!("{config}[hooks.deploy]\nuser = \"fullhouse:web\"\n[role.plain]\nkeep_groups = false\n");
            image(setup.config(&config).hook("deploy", "echo hook $(id -G)")).start().end().exited(0)
        };
        let groups = |config: &str, args: &[&str]| {
            let end = start(config, &[args, &[PROBE, "state"]].concat());
            said(&end.out, "Groups").trim().to_owned()
        };
        let keeping = "keep_groups = true\nuser = \"app\"\n";
        assert_eq!(groups(keeping, &["--"]), "20 4001 4033 4044 7777");
        assert_eq!(groups(keeping, &["--exec", "--"]), "20 4001 4033 4044 7777");
        assert_eq!(groups(keeping, &["exec", "--"]), "20 4001 4033 4044 7777");
        assert_eq!(groups(keeping, &["--user", "1234:web", "--"]), "20 4033 4044 7777");
        assert_eq!(groups(&format!("require_gid = 0\n{keeping}"), &["--"]), "0 20 4001 4033 4044 7777");
        assert_eq!(groups(&format!("require_gid = 7777\n{keeping}"), &["--"]), "20 4001 4033 4044 7777");
        assert_eq!(groups("user = \"app\"\n", &["--"]), "4001 4033 4044");
        assert_eq!(groups(keeping, &["--", "plain"]), "4001 4033 4044");
        // A group of the user's own is the user's.
        assert_eq!(groups("keep_groups = true\nuser = \"app:0\"\n", &["--"]), "0 20 4044 7777");
        // A hook's user, in whatever order id tells them.
        let end = start(keeping, &["--", "true"]);
        let line = end.lines().into_iter().find_map(|line| line.strip_prefix("hook ")).unwrap_or_default();
        let mut of_hook: Vec<&str> = line.split(' ').collect();
        of_hook.sort_unstable();
        assert_eq!(of_hook, ["20", "4033", "4044", "7777"], "{}", end.story());
        let end = start("user = \"app\"\n", &["--", "true"]);
        assert!(end.lines().contains(&"hook 4033"), "{}", end.story());
    });
}

/// §5: where the kernel would let the powers of root stay with another uid, nobody is started.
#[test]
fn an_identity_that_keeps_a_way_back_is_refused() {
    each_place(|cell| {
        let bits = ["setpriv", "--securebits", "+no_setuid_fixup", APP_INIT];
        let end = image(Setup::bare(cell, bits).args(["-u", "app", "--", PROBE, "state"])).start().end().exited(77);
        assert_eq!(end.out, "", "{}", end.story());
        let end = image(Setup::bare(cell, bits).args(["--", PROBE, "state"])).start().end().exited(0);
        assert_eq!(said(&end.out, "Uid"), ROOT_UID, "{}", end.story());
    });
}

/// §5, §1: an option overrides the variable, which overrides the file.
#[test]
fn the_user_of_the_option_wins() {
    each_place(|cell| {
        let uid = |args: &[&str], variable: Option<&str>| {
            let mut setup = with_user(cell, args, "app").args(["--", "id", "-u"]);
            if let Some(user) = variable {
                setup = setup.env("APP_INIT_USER", user);
            }
            image(setup).start().end().exited(0).out
        };
        assert_eq!(uid(&[], None), "4000\n");
        assert_eq!(uid(&[], Some("fullhouse")), "4012\n");
        assert_eq!(uid(&["-u", "1:1"], Some("fullhouse")), "1\n");
        assert_eq!(uid(&["--user", "0"], Some("fullhouse")), "0\n");
        // As the one thing that is asked for it ends plain use.
        let end = image(Setup::new(cell, ["--", "id", "-u"]).env("APP_INIT_USER", "app")).start().end().exited(0);
        assert_eq!(end.out, "4000\n", "{}", end.story());
    });
}

/// §5, §6.4: a hook's own user, with that user's home, for the phase or for one command.
#[test]
fn a_hook_may_have_a_user_of_its_own() {
    each_place(|cell| {
        let say = "sh -c 'echo $1 $(id -u):$(id -g) $HOME $USER' sh";
        let config = "user = \"app\"\n[hooks.deploy]\nuser = \"root\"\n\
            [[hooks.deploy.run]]\ncommand = [\"./say\", \"phase\"]\n\
            [[hooks.deploy.run]]\ncommand = [\"./say\", \"own\"]\nuser = \"fullhouse\"\n\
            [[hooks.other.run]]\ncommand = [\"./say\", \"other\"]\n";
        let setup = |args: &[&str]| {
            let setup = Setup::new(cell, args).config(config).hook("deploy", &format!("{say} file"));
            image(setup.file("say", format!("#!/bin/sh\n{say} $1\n"), 0o755))
        };
        let end = setup(&["--", "./say", "server"]).start().end().exited(0).nothing_left();
        let lines: Vec<&str> = end.out.lines().filter(|line| !line.contains("----->")).collect();
        let expected = [
            "file 0:0 /root root",
            "phase 0:0 /root root",
            "own 4012:4012 /srv/full fullhouse",
            "server 4000:4001 /srv/app app",
        ];
        assert_eq!(lines, expected, "{}", end.story());
        let end = setup(&["hook", "other"]).start().end().exited(0);
        assert!(end.out.contains("other 4000:4001 /srv/app app\n"), "{}", end.story());
    });
}

/// §5: files of users that are wrong in every way end in a fault, and never in root.
#[test]
fn evil_files_of_users_are_a_clean_fault() {
    for line in [
        "app:x:-1:4001::/:/bin/sh",
        "app:x:4294967296:4001::/:/bin/sh",
        "app:x:4294967295:4001::/:/bin/sh",
        "app:x:0x0:0::/:/bin/sh",
        "app:x:+0:0::/:/bin/sh",
        "app:x: 0:0::/:/bin/sh",
        "app:x:00:0::/:/bin/sh",
        "app:x:::::",
        "app:x:4000",
        "app:x:4000:",
        "app:x:4000:-1::/:/bin/sh",
        "app",
        "app:x:0\0:0::/:/bin/sh",
        "+app:x:0:0::/:/bin/sh",
        "#app:x:0:0::/:/bin/sh",
        "ap:x:0:0::/:/bin/sh",
        "app2:x:0:0::/:/bin/sh",
        "",
    ] {
        let passwd = format!("root:x:0:0:root:/root:/bin/sh\n{line}\n");
        let setup = Setup::new(Cell::PID1, ["--", PROBE, "state"]).config("user = \"app\"\n").etc("passwd", &passwd);
        let end =
            sealed(setup).start().end().exited(78).complains(&["app-init.toml:1: user: user `app` has no valid entry"]);
        assert_eq!(end.out, "", "{line}: {}", end.story());
    }
    // A sound line among them is found.
    let passwd = "app:x:-1:0::/:\n\napp:\napp:x:4000:4001::/srv/app:/bin/sh\napp:x:0:0::/root:/bin/sh";
    let setup = with_user(Cell::PID1, &["--", PROBE, "state"], "app").etc("passwd", passwd).etc("group", GROUP);
    let end = sealed(setup).start().end().exited(0);
    assert_eq!(ids(&end.out), APP_IDS, "{}", end.story());
}

/// Root without the power over files, as on a network file system, may not enter a directory that is the user's alone.
#[test]
fn a_directory_that_only_the_user_may_enter_is_entered() {
    each_place(|cell| {
        let weak = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", APP_INIT];
        let start = |mode_of_it: u32| {
            let setup = Setup::bare(cell, weak).args(["--", PROBE, "state"]);
            let config = "user = \"app\"\nworkdir = \"/mnt/app/own\"\nhooks_dir = \"/mnt/app/hooks\"\n\
                [env]\nvars_dir = \"/mnt/app/vars\"\n";
            let setup = image(setup.config(config).file("own/file", "", 0o644).file("vars/A", "a", 0o644));
            let setup = setup.file("hooks/other", "", 0o644);
            let own = setup.world.app().join("own");
            std::os::unix::fs::chown(&own, Some(4000), Some(4001)).expect("root may give it away");
            mode(&own, mode_of_it);
            setup.start().end()
        };
        let end = start(0o700).exited(0);
        assert_eq!(said(&end.out, "cwd"), "/mnt/app/own", "{}", end.story());
        start(0o600).exited(126).complains(&["cannot enter /mnt/app/own: Permission denied"]);
    });
}

/// §5: what is no file is neither read nor waited for; none at all is an image from scratch.
#[test]
fn a_file_of_users_that_is_no_file() {
    let start = |user: &str, make: &dyn Fn(&Path)| {
        let setup = with_user(Cell::PID1, &["--", PROBE, "state"], user).etc("group", GROUP);
        let path = setup.world.etc().join("passwd");
        fs::remove_file(&path).expect("every test has one");
        make(&path);
        sealed(setup).start().end()
    };
    let directory = |path: &Path| fs::create_dir(path).expect("a directory can be made");
    let pipe = |path: &Path| nix::unistd::mkfifo(path, Mode::S_IRWXU).expect("a pipe can be made");
    for make in [&directory as &dyn Fn(&Path), &pipe] {
        let end = start("app", make).exited(78);
        let end = end.complains(&["user: cannot read /etc/passwd: it is no regular file; put one there\n"]);
        assert_eq!(end.out, "", "{}", end.story());
    }
    let large = |path: &Path| {
        let file = fs::File::create(path).and_then(|file| file.set_len((16 << 20) + 1));
        file.expect("a file with a hole can be made");
    };
    start("app", &large).exited(78).complains(&["cannot read /etc/passwd: it has more than 16 MiB; make it smaller\n"]);
    let none = |_: &Path| {};
    start("app", &none).exited(78).complains(&["user `app` has no valid entry in /etc/passwd"]);
    let end = start("1234:1234", &none).exited(0);
    assert_eq!(said(&end.out, "Uid"), "1234\t1234\t1234\t1234", "{}", end.story());
}

/// §5: each with its message.
#[test]
fn users_that_are_none_are_named() {
    let numbers = |text: &str| {
        format!("`{text}` is neither a name nor a number; write numbers as plain decimal, 0 to 2147483647")
    };
    let shape = |text: &str| format!("`{text}` is not a user; write NAME, NAME:GROUP, UID or UID:GID");
    let cases = [
        (
            "nosuch",
            "user `nosuch` has no valid entry in /etc/passwd; add one, or write numbers, as in 1000:1000".into(),
        ),
        ("app:nosuch", "group `nosuch` has no valid entry in /etc/group; add one, or write its number".into()),
        ("1234", "uid 1234 has no entry in /etc/passwd; add a group, as in 1234:1234".into()),
        ("4294967296", numbers("4294967296")),
        ("2147483648", numbers("2147483648")),
        ("-1", numbers("-1")),
        ("+1", numbers("+1")),
        (" 1", numbers(" 1")),
        ("0x0", numbers("0x0")),
        ("1.0", numbers("1.0")),
        ("app:-1", numbers("-1")),
        ("", shape("")),
        (":", shape(":")),
        (":0", shape(":0")),
        ("app:", shape("app:")),
        ("app:web:", shape("app:web:")),
    ];
    for (user, message) in cases {
        for args in [&["--", PROBE, "state"][..], &["check"], &["exec", "--", PROBE, "state"]] {
            let end = image(with_user(Cell::PID1, args, user)).start().end().exited(78);
            let line = format!(".docker/app-init.toml:1: user: {message}\napp-init: 1 fault, nothing was started\n");
            assert_eq!((end.out.as_str(), end.err.as_str()), ("", line.as_str()), "{args:?}");
        }
    }
    let end = image(Setup::new(Cell::PID1, ["-u", "nosuch", "--", PROBE, "state"])).start().end().exited(78);
    end.complains(&["--user: user `nosuch` has no valid entry"]);
    let setup = Setup::new(Cell::PID1, ["--", PROBE, "state"]).env("APP_INIT_USER", "nosuch");
    image(setup).start().end().exited(78).complains(&["APP_INIT_USER: user `nosuch` has no valid entry"]);
    let config = "[hooks.deploy]\nuser = \"nosuch\"\n[[hooks.deploy.run]]\ncommand = [\"true\"]\n";
    let end = image(Setup::new(Cell::PID1, ["--", PROBE, "state"]).config(config)).start().end().exited(78);
    end.complains(&["user: user `nosuch` has no valid entry"]);
}

const NOT_ROOT: Identity = Identity::Nobody;

/// §5: without root somebody has chosen already who everything runs as.
#[test]
fn without_root_everything_runs_as_whoever_the_container_is() {
    let passwd = format!("{PASSWD}me:x:12345:9::/srv/me:/bin/sh\n");
    let said = "env | grep -E '^(HOME|USER|LOGNAME)=' | sort; id -u; id -g; id -G";
    for cell in Cell::all().into_iter().filter(|cell| cell.identity == NOT_ROOT && !cell.terminal) {
        for user in ["app", "app:web", "4000", "1234", "1234:1234", "nosuch", "app:nosuch", "root"] {
            for args in [&["--", "sh", "-c", said][..], &["--exec", "--", "sh", "-c", said], &["shell", "-c", said]] {
                let start = |passwd: &str| {
                    let setup = with_user(cell, args, user).etc("passwd", passwd).etc("group", GROUP);
                    let end = sealed(setup.env("HOME", "/given").env("USER", "given")).start().end().exited(0);
                    let end = end.nothing_left();
                    assert!(!end.err.contains("passed over"), "{}", end.story());
                    end.lines().join(" ")
                };
                let own = "HOME=/srv/me LOGNAME=me USER=me 12345 12345 12345";
                assert_eq!(start(&passwd), own, "{user} {args:?}");
                assert_eq!(start(PASSWD), "HOME=/given USER=given 12345 12345 12345", "{user} {args:?}");
            }
        }
    }
    let noted = |user: &str, also: &str| {
        let cell = Cell { identity: NOT_ROOT, ..Cell::PID1 };
        let end = image(with_user(cell, &["-v", "--", "true"], user)).start().end().exited(0);
        let note = format!(
            "app-init: user: `{user}` is passed over{also}: app-init is not root, and everything runs as 12345:12345\n"
        );
        assert_eq!(end.err.matches(&note).count(), 1, "{}", end.story());
    };
    noted("app", "");
    noted("nosuch", " (user `nosuch` has no valid entry in /etc/passwd; add one, or write numbers, as in 1000:1000)");
    // What is no user is a mistake everywhere.
    for user in ["app:", "-1", "4294967296"] {
        let cell = Cell { identity: NOT_ROOT, ..Cell::PID1 };
        image(with_user(cell, &["--", "true"], user)).start().end().exited(78).complains(&["app-init.toml:1: user: `"]);
    }
}

/// §5: the same for a hook; what is meant for root is never left to somebody else.
#[test]
fn without_root_a_hook_runs_as_whoever_the_container_is_unless_it_is_roots() {
    each_place(|cell| {
        let cell = Cell { identity: NOT_ROOT, ..cell };
        let start = |config: &str, args: &[&str]| {
            let setup = Setup::new(cell, args).config(config).hook("deploy", "echo as $(id -u) $HOME");
            image(setup.env("HOME", "/given")).start().end().nothing_left()
        };
        let args = &["--", "echo", "server"];
        for user in ["app", "1234", "nosuch:nosuch"] {
            for config in [
                format!("[hooks.deploy]\nuser = \"{user}\"\n"),
                format!("user = \"app\"\n[role.x]\nuser = \"web\"\n[hooks.deploy]\nuser = \"{user}\"\n"),
            ] {
                for args in [&args[..], &["hook", "deploy"]] {
                    let end = start(&config, args).exited(0);
                    assert!(end.lines().contains(&"as 12345 /given"), "{config}: {}", end.story());
                }
            }
        }
        for user in ["root", "0", "0:0", "root:app", "0:nosuch"] {
            for more in ["", "user_required = true\n"] {
                let config = format!("{more}[hooks.deploy]\nuser = \"{user}\"\n");
                let end = start(&config, args).exited(77);
                let told = format!(
                    "hooks.deploy.user: `{user}` is root, and app-init runs as 12345:12345; start the container as root, \
                    or write when = [\"root\"] for what only root can do\napp-init: 1 fault, nothing was started\n"
                );
                assert!(end.out.is_empty() && end.err.ends_with(&told), "{}", end.story());
                // What is off is no fault.
                let off = format!("{config}when = [\"root\"]\n");
                assert_eq!(start(&off, args).exited(0).out, "server\n");
                let one = "[[hooks.deploy.run]]\ncommand = [\"false\"]\nwhen = [\"root\"]\n";
                let end = start(&format!("{more}{one}user = \"{user}\"\n"), args).exited(0);
                assert_eq!(end.lines().last(), Some(&"server"), "{}", end.story());
            }
        }
    });
}

/// §5: what was asked for this container is never passed over, nor what the file insists on.
#[test]
fn without_root_who_is_asked_for_has_to_be_had() {
    for cell in Cell::all().into_iter().filter(|cell| cell.identity == NOT_ROOT && !cell.terminal) {
        let told = "`app` is 4000:4001, and app-init runs as 12345:12345, which cannot become anybody else; start the \
            container as root or as that user, or remove this\n";
        for args in [&["--", PROBE, "state"][..], &["exec", "--", PROBE, "state"], &["hook", "deploy"]] {
            let refused = |key: &str, setup: Setup| {
                let end = image(setup.hook("deploy", "echo ran")).start().end().exited(77).nothing_left();
                let text = format!("{key}: {told}app-init: 1 fault, nothing was started\n");
                assert_eq!((end.out.as_str(), end.err.as_str()), ("", text.as_str()), "{args:?}");
            };
            refused("APP_INIT_USER", with_user(cell, args, "me").env("APP_INIT_USER", "app"));
            refused("--user", with_user(cell, &[&["--user", "app"], args].concat(), "me"));
            let config = "user_required = true\nuser = \"app\"\n";
            refused(".docker/app-init.toml:2: user", Setup::new(cell, args).config(config));
        }
        // Of a role, for a hook, and for somebody who is nobody.
        let config = "user = \"nosuch\"\n[role.x]\nuser_required = true\n[hooks.deploy]\nuser = \"app\"\n";
        let start = |args: &[&str]| {
            image(Setup::new(cell, args).config(config).hook("deploy", "echo ran")).start().end().nothing_left()
        };
        assert_eq!(start(&["--", "true"]).exited(0).lines().last(), Some(&"ran"));
        start(&["--", "x", "true"]).exited(78).complains(&[
            "user: user `nosuch` has no valid entry in /etc/passwd",
            "hooks.deploy.user: `app` is 4000:4001, and app-init runs as 12345:12345",
        ]);
        // Who it is already is fine.
        let config = "user_required = true\nuser = \"12345:12345\"\n";
        image(Setup::new(cell, ["--", "true"]).config(config)).start().end().exited(0);
    }
}

/// §5: the same identity is fine.
#[test]
fn without_root_the_same_user_is_fine() {
    let passwd = format!("{PASSWD}me:x:12345:12345::/srv/me:/bin/sh\n");
    for cell in Cell::all().into_iter().filter(|cell| cell.identity == NOT_ROOT) {
        for user in ["12345:12345", "me", "12345"] {
            for args in [&["--", PROBE, "state"][..], &["exec", "--", PROBE, "state"]] {
                let setup = with_user(cell, args, user).etc("passwd", &passwd).etc("group", GROUP);
                let end = sealed(setup).start().end().exited(0).nothing_left();
                let same = "12345\t12345\t12345\t12345";
                assert_eq!((said(&end.out, "Uid"), said(&end.out, "Gid")), (same, same), "{}", end.story());
            }
        }
    }
}

/// §5: HOME, USER and LOGNAME are the entry's also where there is nothing to change.
#[test]
fn without_root_the_same_user_has_its_home() {
    each_place(|cell| {
        let cell = Cell { identity: NOT_ROOT, ..cell };
        let passwd = format!("{PASSWD}me:x:12345:12345::/srv/me:/bin/sh\n");
        let setup = with_user(cell, &["--", PROBE, "environ"], "me").etc("passwd", &passwd).etc("group", GROUP);
        let end = sealed(setup).start().end().exited(0);
        for line in ["HOME=/srv/me", "USER=me", "LOGNAME=me"] {
            assert!(end.out.lines().any(|other| other == line), "no {line}: {}", end.story());
        }
    });
}

/// §0.5, §5: root without the capabilities for it. Nothing runs, and nothing runs as root.
#[test]
fn an_identity_that_cannot_be_taken_is_77() {
    let powerless = |cell: &Cell| cell.identity == Identity::PowerlessRoot && !cell.terminal;
    for cell in Cell::all().into_iter().filter(powerless) {
        for args in [
            &["--", PROBE, "do", "print=ran"][..],
            &["--exec", "--", PROBE, "do", "print=ran"],
            &["exec", "--", PROBE, "do", "print=ran"],
            &["shell", "-c", "/mnt/bin/probe do print=ran"],
        ] {
            let end = image(with_user(cell, args, "app")).start().end().exited(77).nothing_left();
            let refused = "cannot become 4000:4001: Operation not permitted; give the container CAP_SETUID and \
                CAP_SETGID, or start it as that user\n";
            let end = end.complains(&["cannot start ", refused]);
            assert_eq!(end.out, "", "{args:?}: {}", end.story());
        }
        for args in
            [&["--", PROBE, "do", "print=ran"][..], &["--exec", "--", PROBE, "do", "print=ran"], &["hook", "deploy"]]
        {
            let setup = with_user(cell, args, "app").hook("deploy", "echo ran");
            let end = image(setup).start().end().exited(77).nothing_left().complains(&["cannot become 4000:4001"]);
            assert!(!end.lines().contains(&"ran"), "{args:?}: {}", end.story());
        }
        // It is root already.
        let end = Setup::new(cell, ["--", PROBE, "state"]).start().end().exited(0);
        assert_eq!(said(&end.out, "Uid"), ROOT_UID, "{}", end.story());
    }
}

/// A user namespace with these maps, written from outside, as an engine does it.
fn within(uids: &str, gids: &str, groups: &str) -> String {
    format!(
        "mkfifo -m 666 /run/up /run/go; unshare --user sh -c 'echo > /run/up; read go < /run/go; exec RUN' & \
        read up < /run/up; echo {groups} > /proc/$!/setgroups; echo {uids} > /proc/$!/uid_map; \
        echo {gids} > /proc/$!/gid_map; echo > /run/go; wait $!"
    )
}

/// §5: what is in the way is named, and nobody is sent for a capability that is there.
#[test]
fn an_identity_that_a_namespace_or_a_profile_denies_says_what_is_in_the_way() {
    let start = |before: &str| {
        let run = format!("{APP_INIT} --user app:web -- {PROBE} do print=ran");
        let end = image(Setup::bare(Cell::PID1, ["bash", "-c", &before.replace("RUN", &run)])).start().end();
        let end = end.exited(77);
        assert_eq!(end.out, "", "{}", end.story());
        let (_, told) = end.err.split_once("cannot become 4000:4033: ").unwrap_or_else(|| panic!("{}", end.story()));
        told.trim_end().to_owned()
    };
    let mapped = "; map it there, or name a user who is";
    assert_eq!(
        start("exec unshare --user --map-root-user RUN"),
        format!("Operation not permitted: uid 4000 is not mapped in this user namespace{mapped}")
    );
    assert_eq!(
        start(&within("0 0 5000", "0 0 4000", "allow")),
        format!("Invalid argument: gid 4033 is not mapped in this user namespace{mapped}")
    );
    assert_eq!(
        start(&within("0 0 4000", "0 0 5000", "allow")),
        format!("Invalid argument: uid 4000 is not mapped in this user namespace{mapped}")
    );
    assert_eq!(
        start(&within("0 0 5000", "0 0 5000", "deny")),
        "Operation not permitted: this user namespace denies groups (/proc/self/setgroups); have root map its ids, as \
        newgidmap does"
    );
    assert_eq!(
        start("exec setpriv --securebits +no_setuid_fixup RUN"),
        "Operation not permitted, though it has CAP_SETUID and CAP_SETGID: a security profile or securebits are in the \
        way; loosen them, or start the container as that user"
    );
}

/// §5: a condition of a wait is never asked as root instead.
#[test]
fn a_wait_is_not_asked_as_root_instead() {
    each_place(|cell| {
        // Who asked leaves the number in a file of the test's.
        let start = |identity: Identity, limit: &str| {
            let config = format!(
                "user = \"app\"\n[[wait]]\ncommand = [\"sh\", \"-c\", \"id -u >> /mnt/app/asked\"]\n\
                timeout = \"{limit}\"\non_timeout = \"continue\"\n"
            );
            let setup = Setup::new(Cell { identity, ..cell }, ["--", PROBE, "do", "print=ran"]).config(&config);
            let setup = setup.file("asked", "", 0o666);
            let mut asked = fs::File::open(setup.world.app().join("asked")).expect("a test's own file");
            let end = image(setup).start().end().nothing_left();
            let mut text = String::new();
            asked.read_to_string(&mut text).expect("it is text");
            (end, text)
        };
        let why = "(exit 126: cannot run sh: Operation not permitted)";
        let powerless = |limit: &str| start(Identity::PowerlessRoot, limit);
        let ((end, asked), limit) = within_a_limit(powerless, |(end, _)| end.err.contains(why));
        let told = format!(
            "app-init: warning: sh -c id -u >> /mnt/app/asked is not there after {limit} {why}; going on without it\n\
            app-init: error: cannot start /mnt/bin/probe: cannot become 4000:4001: Operation not permitted; "
        );
        assert!(end.err.starts_with(&told) && asked.is_empty(), "{asked}{}", end.story());
        assert_eq!(end.exited(77).out, "");
        // The control: who may become that user asks as that user.
        let (end, asked) = start(Identity::Root, "25s");
        assert_eq!((asked.as_str(), end.exited(0).out.as_str()), ("4000\n", "ran\n"));
    });
}

/// §11: a shell opens in any case but as somebody else.
#[test]
fn a_shell_of_an_unknown_user_says_how_to_get_one() {
    each_place(|cell| {
        let shell = |args: &[&str], user: &str| image(with_user(cell, args, user)).start().end();
        let end = shell(&["shell", "-c", "echo open"], "nosuch").exited(78);
        let told = ".docker/app-init.toml:1: user: user `nosuch` has no valid entry in /etc/passwd; add one, or write \
            numbers, as in 1000:1000\napp-init: this shell was not opened; another user: app-init shell -u UID:GID\n";
        assert_eq!((end.out.as_str(), end.err.as_str()), ("", told));
        for spec in ["0:0", "app", "1234:1234"] {
            let end = shell(&["shell", "-u", spec, "-c", "echo open $(id -u)"], "nosuch").exited(0);
            let uid = spec.split(':').next().unwrap_or(spec).replace("app", "4000");
            assert_eq!(end.out, format!("open {uid}\n"), "{}", end.story());
        }
        let end = shell(&["shell", "-u", "nosuch", "-c", "echo open"], "app").exited(78);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// The group with which a platform starts arbitrary users.
#[test]
fn a_required_group_is_looked_for() {
    let start = |command: &[&str], gid: u32| {
        let setup = Setup::bare(Cell::PID1, command).args([APP_INIT, "--", PROBE, "do", "print=ran"]);
        image(setup.config(&format!("require_gid = {gid}\n"))).start().end()
    };
    let as_7 = ["setpriv", "--reuid", "7", "--regid", "7"];
    let refused = start(&[&as_7[..], &["--clear-groups"]].concat(), 0).exited(77);
    let told = ".docker/app-init.toml:1: require_gid: app-init runs with gid 7 and not 0; start the container with \
        --user UID:0\napp-init: 1 fault, nothing was started\n";
    assert_eq!((refused.out.as_str(), refused.err.as_str()), ("", told));
    start(&[&as_7[..], &["--clear-groups"]].concat(), 7).exited(0);
    start(&[&as_7[..], &["--groups", "0"]].concat(), 0).exited(0);
    start(&["setpriv", "--reuid", "7", "--regid", "0", "--clear-groups"], 0).exited(0);
    start(&["env"], 0).exited(0);
    start(&["env"], 7).exited(77);
}

/// §1, nested use: `docker exec c app-init -- x`, as root and as the user.
#[test]
fn a_second_app_init_keeps_the_user() {
    let nested = format!("{APP_INIT} -- {PROBE} state");
    let config = "user = \"app\"\n[hooks.root]\nuser = \"root\"\n";
    let setup = Setup::new(Cell::PID1, ["--", APP_INIT, "--", PROBE, "state"]).config(config);
    let end = image(setup.hook("deploy", "echo migrating")).start().end().exited(0).nothing_left();
    assert_eq!(ids(&end.out), APP_IDS, "{}", end.story());
    assert_eq!(end.out.matches("migrating").count(), 1, "{}", end.story());
    let setup =
        Setup::new(Cell::PID1, ["--", "sleep", "0"]).config("user = \"app\"\n[hooks.deploy]\nuser = \"root\"\n");
    let end = image(setup.hook("deploy", &format!("echo migrating; id -u; {nested}"))).start().end().exited(0);
    assert_eq!(ids(&end.out), APP_IDS, "{}", end.story());
    assert!(end.out.contains("migrating\n0\n"), "{}", end.story());
    assert_eq!(end.out.matches("migrating").count(), 1, "{}", end.story());
}

/// §5: nginx and Apache open /dev/stdout.
#[test]
fn the_user_can_open_its_standard_streams() {
    const OPEN: &str = "cd /proc/$$/fd; stat -L -c 'owner %u' 0 1 2; \
        echo opened > /dev/stdout && echo opened > /dev/stderr && : < /dev/stdin && echo done";
    // Where every mount is read-only, so is that of the terminals, and it stays root's.
    for cell in root_cells().into_iter().filter(|cell| !(cell.terminal && cell.read_only)) {
        for args in
            [&["--", "sh", "-c", OPEN][..], &["--exec", "--", "sh", "-c", OPEN], &["exec", "--", "sh", "-c", OPEN]]
        {
            let setup = with_user(cell, args, "app");
            // An open pipe as stdin; a terminal is one already.
            let setup = if cell.terminal { setup } else { setup.typed() };
            let end = image(setup).start().end().exited(0);
            let end = if cell.terminal { end } else { end.complains(&["opened"]) };
            let lines = end.lines();
            assert_eq!(
                lines.first_chunk(),
                Some(&["owner 4000", "owner 4000", "owner 4000", "opened"]),
                "{}",
                end.story()
            );
            assert_eq!(lines.last(), Some(&"done"), "{args:?}: {}", end.story());
        }
        // That of a shell is the shell's, before and after.
        if cell.terminal {
            let script = format!("{APP_INIT} exec -- true; {APP_INIT} -- true; stat -L -c 'owner %u' /dev/stdin");
            let setup =
                with_user(cell, &["exec", "-u", "0:0", "--", "setsid", "--ctty", "--wait", "sh", "-c", &script], "app");
            let end = image(setup).start().end().exited(0);
            assert_eq!(end.lines().last(), Some(&"owner 0"), "{}", end.story());
        }
        // Without help it cannot.
        if !cell.terminal {
            let setup = Setup::bare(cell, ["setpriv"]).args(FORMS[0].1).args(["sh", "-c", OPEN]).typed();
            let end = image(setup).start().end();
            assert_eq!(end.lines(), ["owner 0"; 3], "{}", end.story());
        }
    }
}

/// §5: before the first hook, which is the user's too.
#[test]
fn a_hook_can_open_its_standard_output() {
    each_place(|cell| {
        let setup = with_user(cell, &["--", PROBE, "do", "print=ran"], "app");
        let end = image(setup.hook("deploy", "echo opened > /dev/stdout")).start().end().exited(0);
        assert!(end.out.contains("opened\nran\n"), "{}", end.story());
    });
}

/// §5: files and `/dev/null` are somebody else's.
#[test]
fn files_keep_their_owner() {
    each_place(|cell| {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        let file = fs::File::create(&path).expect("a file can be made");
        let setup = with_user(cell, &["--", "stat", "-L", "-c", "%u", "/proc/self/fd/0"], "app");
        let end = image(setup.stdout_to(file.into())).start().end().exited(0);
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "0\n", "{}", end.story());
        assert_eq!(fs::metadata(&path).expect("it is there").uid(), 0);
        assert_eq!(fs::metadata("/dev/null").expect("it is there").uid(), 0);
    });
}

/// Without a user nothing is handed to anybody.
#[test]
fn without_a_user_streams_keep_their_owner() {
    each_place(|cell| {
        let args = ["--workdir", "/mnt/app", "--", "stat", "-L", "-c", "%u", "/proc/self/fd/1"];
        let end = image(Setup::new(cell, args)).start().end().exited(0);
        assert_eq!(end.out, "0\n", "{}", end.story());
    });
}

/// §5: `check` says of each program who it runs as, root included.
#[test]
fn the_plan_says_who_each_program_runs_as() {
    let hooks = "[[hooks.deploy.run]]\ncommand = [\"true\", \"one\"]\n[[hooks.deploy.run]]\ncommand = [\"true\", \"two\"]\n\
        user = \"fullhouse:web\"\n[[hooks.pre-stop.run]]\ncommand = [\"true\", \"three\"]\nuser = \"0\"\nwhen = [\"root\"]\n";
    let shown = |cell: Cell, top: &str, args: &[&str]| {
        let setup = Setup::new(cell, [&["check"], args].concat()).config(&format!("{top}{hooks}"));
        let end = image(setup).start().end().exited(0);
        let lines = end.out.lines().filter(|line| !line.starts_with("note"));
        let lines = lines.filter_map(|line| line.find("as ").and_then(|at| line.get(at..)));
        let whom = lines.filter(|line| line.contains(':')).map(|line| line.trim_end_matches(')').to_owned() + "|");
        whom.collect::<String>()
    };
    let (root, app, other) = ("as root (0:0|", "as app (4000:4001|", "as fullhouse (4012:4033|");
    assert_eq!(shown(Cell::PID1, "", &["true"]), format!("{root}{other}{root}{root}"));
    assert_eq!(shown(Cell::PID1, "", &[]), format!("{root}{other}{root}{root}"));
    assert_eq!(shown(Cell::PID1, "user = \"app\"\n", &["true"]), format!("{app}{other}{app}{root}"));
    assert_eq!(shown(Cell::PID1, "user = \"app\"\n", &[]), format!("{app}{other}{app}{root}"));
    let unnamed = "as 12:34|";
    assert_eq!(shown(Cell::PID1, "user = \"12:34\"\n", &["true"]), format!("{unnamed}{other}{unnamed}{root}"));
    let cell = Cell { identity: NOT_ROOT, ..Cell::PID1 };
    for top in ["", "user = \"app\"\n"] {
        assert_eq!(shown(cell, top, &["true"]), "as 12345:12345|".repeat(3), "{top}");
    }
}

/// A `user` at the end of the file is the last role's, and nobody may notice that everything else runs as root.
#[test]
fn a_user_that_only_another_role_has_is_pointed_out() {
    each_place(|cell| {
        let start = |cell: Cell, config: &str, args: &[&str]| {
            let config = format!("{config}[role.web]\n[role.worker]\nuser = \"app\"\n[role.cron]\nuser = \"web\"\n");
            image(Setup::new(cell, args).config(&config)).start().end().exited(0)
        };
        let told = "warning: user is set in [role.cron], [role.worker] only, and this runs as root; write it above the \
            first table, or user = \"root\" there\n";
        for args in [&["--", "true"][..], &["--", "web", "true"], &["check"], &["check", "web", "true"]] {
            let end = start(cell, "", args);
            assert_eq!((end.out + &end.err).matches(told).count(), 1, "{args:?}");
        }
        for (config, args) in [
            ("user = \"root\"\n", &["--", "true"][..]),
            ("user = \"app\"\n", &["--", "true"]),
            ("", &["--", "worker", "true"]),
            ("", &["--user", "app", "--", "true"]),
            ("", &["exec", "--", "true"]),
        ] {
            let end = start(cell, config, args);
            assert!(!end.err.contains("user is set"), "{config} {args:?}: {}", end.story());
        }
        let end = start(Cell { identity: NOT_ROOT, ..cell }, "", &["--", "true"]);
        assert!(!end.err.contains("user is set"), "{}", end.story());
        let config = "[role.job]\nuser = \"0:0\"\n";
        let end = image(Setup::new(cell, ["--", "true"]).config(config)).start().end().exited(0);
        assert!(!end.err.contains("user is set"), "{}", end.story());
        let config = "strict = true\n[role.job]\nuser = \"app\"\n";
        image(Setup::new(cell, ["--", "true"]).config(config))
            .start()
            .end()
            .exited(78)
            .complains(&["strict: user is set"]);
    });
}
