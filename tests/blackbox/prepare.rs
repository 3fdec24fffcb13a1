//! §5, prepare: what app-init does to files before anything of the application runs, through the whole product.

use crate::harness::*;
use crate::identity::{PASSWD, image, sealed};

/// Runs the lines as root in the container, as an image's build or an earlier start would, and then app-init.
fn after(cell: Cell, before: &str, args: &[&str]) -> Setup {
    let script = format!("{before}\nexec {APP_INIT} \"$@\"");
    Setup::bare(cell, ["sh", "-ec", &script, "sh"]).args(args)
}

/// What `stat` says of the paths when the server runs.
fn found(cell: Cell, before: &str, config: &str, paths: &str) -> End {
    let script = format!("stat -c '%n %u:%g %a %F' {paths} 2>&1");
    image(after(cell, before, &["--", "sh", "-c", &script]).config(config)).start().end().nothing_left()
}

/// Made with parents, for its owner, with its mode.
#[test]
fn a_directory_is_made() {
    each_place(|cell| {
        let config = "[[prepare]]\ndir = \"/run/new/deep/data\"\nowner = \"app:web\"\nmode = \"0750\"\n\
            [[prepare]]\ndir = \"/run/plain\"\n[[prepare]]\ndir = \"relative\"\nowner = \"1234\"\n\
            [[prepare]]\ndir = \"/run/${NAME}-${NONE:-x}\"\nmode = \"1777\"\n";
        let paths = "/run/new /run/new/deep /run/new/deep/data /run/plain /mnt/app/relative /run/a-x";
        let setup = |umask| after(cell, umask, &["--", "sh", "-c", &format!("stat -c '%n %u:%g %a' {paths}")]);
        let expected = "/run/new 0:0 755\n/run/new/deep 0:0 755\n/run/new/deep/data 4000:4033 750\n/run/plain 0:0 755\n\
            /mnt/app/relative 1234:0 755\n/run/a-x 0:0 1777\n";
        for umask in ["umask 0", "umask 077"] {
            let end = image(setup(umask).config(config).env("NAME", "a")).start().end().exited(0);
            assert_eq!(end.out, expected, "{umask}: {}", end.story());
        }
    });
}

/// What is there is set right, once.
#[test]
fn the_owner_of_a_tree_is_set_as_far_as_it_is_wanted() {
    const TREE: &str = "mkdir -p /run/data/sub; touch /run/data/file /run/data/sub/file; chmod 700 /run/data";
    let owners = |before: &str, recursive: &str| {
        let config = format!("[[prepare]]\ndir = \"/run/data\"\nowner = \"app:app\"\n{recursive}");
        let end =
            found(Cell::PID1, before, &config, "/run/data /run/data/file /run/data/sub /run/data/sub/file").exited(0);
        end.out.lines().filter_map(|line| line.split(' ').nth(1)).collect::<Vec<_>>().join(" ")
    };
    let top_is_right = format!("{TREE}; chown 4000:4001 /run/data");
    let all = "4000:4001 4000:4001 4000:4001 4000:4001";
    let top = "4000:4001 0:0 0:0 0:0";
    assert_eq!(owners(TREE, ""), all);
    assert_eq!(owners(TREE, "recursive = \"if-top-differs\"\n"), all);
    assert_eq!(owners(&top_is_right, "recursive = \"if-top-differs\"\n"), top);
    assert_eq!(owners(&top_is_right, "recursive = \"always\"\n"), all);
    assert_eq!(owners(TREE, "recursive = \"never\"\n"), top);
}

/// A volume follows whoever it is for, by whatever way that was said.
#[test]
fn an_owner_can_be_whoever_programs_run_as() {
    each_place(|cell| {
        let before = "mkdir -p /run/data defaults; touch /run/data/file defaults/one; chown -R 4000:4001 /run/data";
        let steps = "[[prepare]]\ndir = \"/run/data\"\nowner = \"@user\"\n\
            [[prepare]]\ncopy = \"defaults\"\nto = \"/run/data\"\nowner = \"@user\"\n\
            [role.web]\nuser = \"1235:web\"\n";
        let found = |config: &str, options: &[&str], variable: &str| {
            let script = "id -u; id -g; stat -c '%u:%g' /run/data /run/data/file /run/data/one";
            let args = [options, &["sh", "-c", script]].concat();
            let setup = after(cell, before, &args).config(&format!("{config}{steps}")).env("APP_INIT_USER", variable);
            image(setup).start().end().exited(0).lines().join(" ")
        };
        let all = |uid: &str, gid: &str| format!("{uid} {gid}{}", format!(" {uid}:{gid}").repeat(3));
        assert_eq!(found("user = \"app\"\n", &["--"], ""), all("4000", "4001"));
        assert_eq!(found("user = \"app:web\"\n", &["--"], ""), all("4000", "4033"));
        assert_eq!(found("user = \"app\"\n", &["--"], "1234:1234"), all("1234", "1234"));
        assert_eq!(found("user = \"app\"\n", &["--user", "5:6", "--"], "1234:1234"), all("5", "6"));
        assert_eq!(found("user = \"app\"\n", &["--", "web"], ""), all("1235", "4033"));
        assert_eq!(found("", &["--"], ""), all("0", "0"));
    });
}

/// Without root it is whoever the container is, and who cannot be found is nobody that something could be given to.
#[test]
fn without_root_the_owner_is_whoever_the_container_is() {
    each_place(|cell| {
        let start = |config: &str| {
            let script = format!("exec setpriv --reuid 4444 --regid 0 --clear-groups {APP_INIT} -- stat -c %u:%g data");
            let before = format!("chmod 777 /mnt/app\n{script}");
            image(Setup::bare(cell, ["sh", "-ec", &before]).config(config)).start().end()
        };
        let config = |owner: &str| format!("user = \"app\"\n[[prepare]]\ndir = \"data\"\nowner = \"{owner}\"\n");
        let end = start(&config("@user")).exited(0);
        assert_eq!(end.out, "4444:0\n", "{}", end.story());
        assert!(!end.err.contains("warning"), "{}", end.story());
        let end = start(&config("app:app")).exited(0).complains(&["warning: prepare[0]: cannot set the owner of "]);
        assert_eq!(end.out, "4444:0\n", "{}", end.story());
        let unknown = "prepare[0].owner: user `nosuch` has no valid entry in /etc/passwd; ";
        let end = start(&config("nosuch")).exited(0).complains(&[&format!("warning: {unknown}"), "stays as it is"]);
        assert_eq!(end.out, "4444:0\n", "{}", end.story());
        let required = format!("{}required = true\n", config("nosuch"));
        start(&required).exited(78).complains(&[unknown]);
        start(&format!("{}required = true\n", config("app"))).exited(77).complains(&["error: prepare[0]: "]);
    });
}

/// Stale files go, and nothing else.
#[test]
fn a_stale_file_is_removed() {
    each_place(|cell| {
        let before = "mkdir -p tmp/pids tmp/dir; touch tmp/pids/server.pid tmp/pids/other tmp/target; ln -s target \
            tmp/link";
        let config = "[[prepare]]\nremove = [\"tmp/pids/server.pid\", \"tmp/none\", \"tmp/link\", \
            \"no/such/dir/file\"]\n\
            [[prepare]]\nremove = [\"tmp/dir\"]\n";
        let args = ["--", "sh", "-c", "find tmp | sort"];
        let end = image(after(cell, before, &args).config(config)).start().end().exited(0);
        assert_eq!(end.out, "tmp\ntmp/dir\ntmp/pids\ntmp/pids/other\ntmp/target\n", "{}", end.story());
        let end = end
            .complains(&["warning: prepare[1]: cannot remove /mnt/app/tmp/dir: it is a directory; remove names files"]);
        assert!(!end.err.contains("prepare[0]"), "{}", end.story());
    });
}

/// What could not be done in any container is a fault, whether it is required or not.
#[test]
fn what_can_never_be_prepared_is_a_fault() {
    for (step, told) in [
        ("dir = \"/\"", "prepare[0].dir: / ends in no name; write its plain path"),
        ("dir = \"..\"", "prepare[0].dir: /mnt/app/.. ends in no name; write its plain path"),
        ("dir = \"x/..\"", "prepare[0].dir: /mnt/app/x/.. ends in no name; write its plain path"),
        ("remove = [\"/x\", \"..\"]", "prepare[0].remove[1]: /mnt/app/.. ends in no name; write its plain path"),
        ("copy = \"/\"\nto = \"/x\"", "prepare[0].copy: / ends in no name; write its plain path"),
        (
            "copy = \"/usr\"\nto = \"/usr/./sub/x\"",
            "prepare[0].to: cannot copy /usr into itself, to /usr/./sub/x; name another place",
        ),
    ] {
        for args in [["check", "true"], ["--", "true"]] {
            let setup = Setup::new(Cell::PID1, args).config(&format!("[[prepare]]\n{step}\n"));
            setup.start().end().exited(78).complains(&[told]);
        }
    }
    let config = "[[prepare]]\ndir = \".\"\n[[prepare]]\ncopy = \"x\"\nto = \"x\"\n";
    Setup::new(Cell::PID1, ["check", "true"]).config(config).start().end().exited(0);
}

/// What is there now says that it would fail.
#[test]
fn check_finds_a_directory_that_is_to_be_removed() {
    each_place(|cell| {
        let start = |args: &[&str], more: &str| {
            let config = format!("[[prepare]]\nremove = [\"link/\", \"tmp/\"]\n{more}");
            image(after(cell, "mkdir tmp; ln -s tmp link", args).config(&config)).start().end()
        };
        let told = "cannot remove /mnt/app/tmp/: it is a directory; remove names files\n";
        let end = start(&["check", "true"], "").exited(0);
        assert!(end.out.contains(&format!("warning: prepare[0]: {told}")), "{}", end.story());
        let required = start(&["check", "true"], "required = true\n").exited(78);
        required.complains(&[&format!("prepare[0].remove: {told}")]);
        start(&["--", "true"], "required = true\n").exited(77).complains(&[told]);
    });
}

#[test]
fn defaults_are_copied_where_they_are_missing() {
    each_place(|cell| {
        let before = "mkdir -p defaults/sub data; echo new > defaults/a; echo new > defaults/sub/b; echo own > \
            data/a; chmod 640 defaults/sub/b";
        let run = |more: &str| {
            let config = format!("[[prepare]]\ncopy = \"defaults\"\nto = \"data\"\nowner = \"app:app\"\n{more}");
            let args =
                ["--", "sh", "-c", "cat data/a data/sub/b; stat -c '%n %u:%g %a' data data/a data/sub data/sub/b"];
            image(after(cell, before, &args).config(&config)).start().end().exited(0).out
        };
        let text = run("overwrite = false\n");
        assert!(text.starts_with("own\nnew\n") && text.contains("data/a 0:0 644\n"), "{text}");
        assert!(text.contains("data/sub 4000:4001 755\ndata/sub/b 4000:4001 640\n"), "{text}");
        assert_eq!(run(""), text);
        assert!(run("overwrite = true\n").starts_with("new\nnew\n"));
    });
}

/// An arbitrary uid gets a name where the file may be written to, and a warning where it may not.
#[test]
fn a_uid_without_an_entry_gets_one() {
    let start = |before: &str, who: &str, config: &str| {
        let script = format!("{before}\nexec {who} {APP_INIT} -- sh -c 'id -un; grep :4444: /etc/passwd; true'");
        let setup = Setup::bare(Cell::PID1, ["sh", "-ec", &script]).env("HOME", "/home/it").config(config);
        image(setup).start().end().exited(0)
    };
    let open = "cp /etc/passwd /run/passwd; chmod 664 /run/passwd; mount --bind /run/passwd /etc/passwd";
    let arbitrary = "setpriv --reuid 4444 --regid 0 --clear-groups";
    let end = start(open, arbitrary, "passwd_entry = true\n");
    assert_eq!(end.out, "app4444\napp4444:x:4444:0:app4444:/home/it:/sbin/nologin\n", "{}", end.story());
    let end = start(open, "", "passwd_entry = true\nuser = \"4444:0\"\n");
    assert!(end.out.starts_with("app4444\napp4444:x:4444:0:"), "{}", end.story());
    // Not asked for; not writable; there already.
    let end = start(open, arbitrary, "passwd_entry = false\n");
    assert!(!end.out.contains(":4444:"), "{}", end.story());
    let end = start("true", arbitrary, "passwd_entry = true\n")
        .complains(&["warning: passwd_entry: cannot add uid 4444 to /etc/passwd"]);
    assert!(!end.out.contains(":4444:"), "{}", end.story());
    let end =
        start(&format!("{open}; echo own:x:4444:0::/:/bin/sh >> /etc/passwd"), arbitrary, "passwd_entry = true\n");
    assert_eq!(end.out, "own\nown:x:4444:0::/:/bin/sh\n", "{}", end.story());
}

/// A limit for the size of a file is a failure like others: nothing dies of it, and no part of a file is left.
#[test]
fn a_file_that_may_not_grow_is_told() {
    each_place(|cell| {
        let start = |before: &str, config: &str, args: &[&str]| {
            let before = format!("mkdir from to; head -c 4000 /dev/zero > from/large\n{before}\nulimit -f 2");
            image(after(cell, &before, args).config(config)).start().end().nothing_left()
        };
        let why = "File too large; raise the limit for the size of a file (ulimit -f)\n";
        let copy = "[[prepare]]\ncopy = \"from\"\nto = \"to\"\n";
        let told = format!("prepare[0]: cannot copy /mnt/app/from/large to /mnt/app/to: {why}");
        let list = ["--", "sh", "-c", "ls -A to; echo served"];
        let end = start("true", copy, &list).exited(0).complains(&[&format!("warning: {told}")]);
        assert_eq!(end.out, "served\n", "{}", end.story());
        let end = start("true", &format!("{copy}required = true\n"), &list).exited(77);
        end.complains(&[&format!("error: {told}")]);
        // Ten bytes have room still.
        let full = "{ cat /etc/passwd; printf 'x:x:9:9:'; head -c 2000 /dev/zero | tr '\\0' ' '; } | head -c 1005 > \
            /run/passwd; printf ':/:/x\\n' >> /run/passwd; cp /run/passwd /run/before; mount --bind /run/passwd /etc/passwd";
        let args = ["-u", "4444:0", "--", "sh", "-c", "cmp /etc/passwd /run/before && echo same"];
        let end = start(full, "passwd_entry = true\n", &args).exited(0);
        let end = end.complains(&[&format!("warning: passwd_entry: cannot add uid 4444 to /etc/passwd: {why}")]);
        assert_eq!(end.out, "same\n", "{}", end.story());
    });
}

/// The machine's own lines stay as they were.
#[test]
fn the_entry_is_appended() {
    let before = "cp /etc/passwd /run/passwd; chmod 666 /run/passwd; mount --bind /run/passwd /etc/passwd";
    let setup =
        after(Cell::PID1, before, &["-u", "4444:0", "--", "cat", "/etc/passwd"]).config("passwd_entry = true\n");
    let end = image(setup).start().end().exited(0);
    assert!(end.out.starts_with(PASSWD) && end.out.lines().count() == PASSWD.lines().count() + 1, "{}", end.story());
}

/// Without the right to do it: a warning, or the end where the application could not run without it.
#[test]
fn what_is_required_and_fails_ends_the_boot() {
    for cell in Cell::all() {
        if cell.terminal || cell.identity == Identity::Root {
            continue;
        }
        let start = |required: bool, args: &[&str]| {
            let config = format!("[[prepare]]\ndir = \"/sys/no/such/place\"\nrequired = {required}\n");
            let setup = Setup::new(cell, args).config(&config).hook("deploy", "echo ran");
            image(setup).start().end().nothing_left()
        };
        for args in
            [&["--", PROBE, "do", "print=ran"][..], &["--exec", "--", PROBE, "do", "print=ran"], &["hook", "deploy"]]
        {
            let end = start(true, args).exited(77).complains(&["error: prepare[0]: cannot make /sys/no: "]);
            assert_eq!(end.out, "", "{args:?}: {}", end.story());
            let end = start(false, args).exited(0).complains(&["warning: prepare[0]: cannot make /sys/no: "]);
            assert!(end.lines().contains(&"ran"), "{args:?}: {}", end.story());
        }
    }
}

/// The first that is required and fails is the last.
#[test]
fn nothing_is_prepared_after_a_failure() {
    each_place(|cell| {
        let config = "[[prepare]]\ndir = \"/proc/no\"\n[[prepare]]\ndir = \"one\"\n[[prepare]]\ndir = \"/proc/no\"\n\
            required = true\n\
            [[prepare]]\ndir = \"two\"\n";
        let run = image(Setup::new(cell, ["--", PROBE, "do", "print=ran"]).config(config)).start();
        let app = run.world.app().to_path_buf();
        run.err_line("prepare[2]");
        assert!(app.join("one").is_dir() && !app.join("two").exists());
        let end = run.end().exited(77).complains(&["warning: prepare[0]", "error: prepare[2]"]);
        assert_eq!(end.out, "", "{}", end.story());
    });
}

/// Boot order: prepare, deploy-env, waits, deploy hooks, server; and once.
#[test]
fn it_comes_before_everything_that_runs() {
    for cell in [Cell::PID1, Cell::SUBREAPER, Cell::TERMINAL] {
        let config = "user = \"app\"\n[[prepare]]\ndir = \"/run/data\"\nowner = \"app\"\n[[prepare]]\nremove = \
            [\"/run/data/made\"]\n\
            [[wait]]\ncommand = [\"sh\", \"-c\", \"echo wait >> /run/data/log\"]\n";
        for mode in ["--supervise", "--exec"] {
            let setup = Setup::new(
                cell,
                [mode, "--", "sh", "-c", "echo server >> /run/data/log; cat /run/data/log; ls /run/data/made"],
            )
            .config(config)
            .hook("deploy-env", "echo deploy-env >> /run/data/log; touch /run/data/made; echo A=b >&3")
            .hook("deploy", "echo deploy $A >> /run/data/log");
            let end = image(setup).start().end().exited(0).nothing_left();
            let lines: Vec<&str> = end.lines().into_iter().filter(|line| !line.contains("----->")).collect();
            let expected = ["deploy-env", "wait", "deploy b", "server", "/run/data/made"];
            assert_eq!(lines, expected, "{mode}: {}", end.story());
        }
    }
}

/// It is the boot's: `hook deploy` is one, other commands are none.
#[test]
fn it_belongs_to_the_boot() {
    each_place(|cell| {
        // What cannot be made is told, and so is that it was tried.
        let prepared = |args: &[&str]| {
            let config = "[[prepare]]\ndir = \"/proc/no\"\n";
            let setup = Setup::new(cell, args).config(config).hook("deploy", "exit 0").hook("other", "exit 0");
            image(setup).start().end().exited(0).err.contains("prepare[0]")
        };
        assert!(prepared(&["hook", "deploy"]));
        assert!(prepared(&["--", "true"]));
        assert!(prepared(&["--no-hooks", "--", "true"]));
        for args in [&["hook", "other"][..], &["exec", "--", "true"], &["shell", "-c", "true"], &["env"], &["check"]] {
            assert!(!prepared(args), "{args:?}");
        }
    });
}

#[test]
fn it_may_have_a_condition() {
    let lines = |role: &str, command: &str| {
        let config = "[[prepare]]\ndir = \"/run/web\"\nwhen = [\"env:ROLE=web\"]\n\
            [[prepare]]\ndir = \"/run/ls\"\nwhen = [\"argv:ls\", [\"env:NONE\", \"env:ROLE\"]]\n";
        let setup = Setup::new(Cell::PID1, ["--", command, "/run"]).env("ROLE", role).config(config);
        image(setup).start().end().exited(0).out
    };
    assert_eq!(lines("web", "ls"), "ls\nweb\n");
    assert_eq!(lines("worker", "ls"), "ls\n");
    assert_eq!(lines("web", "dir"), "web\n");
    assert_eq!(lines("", "ls"), "");
}

/// Whoever has a device has what is behind it.
#[test]
fn devices_of_somebody_else_stay_theirs() {
    let before = "mkdir -p /run/data/sub; mknod /run/data/block b 7 99; mknod /run/data/sub/null c 1 3; \
        mknod /run/data/own c 1 3; chown 4000 /run/data/own; mkfifo /run/data/pipe";
    let config = "[[prepare]]\ndir = \"/run/data\"\nowner = \"app:app\"\n";
    let paths = "/run/data/block /run/data/sub/null /run/data/own /run/data/pipe";
    each_place(|cell| {
        let end = found(cell, before, config, paths).exited(0);
        let owners: Vec<&str> = end.out.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(owners, ["0:0", "0:0", "4000:4001", "4000:4001"], "{}", end.story());
        end.complains(&["/run/data/block, which is a device and is uid 0's", "/run/data/sub/null, which is a device"]);
    });
}

/// A default ACL of the directory that the user has comes down to nothing that root makes there.
#[test]
fn what_it_makes_is_nobodys_by_an_access_list() {
    each_place(|cell| {
        let before = format!("mkdir -p /run/data d/sub; chown 4000:4001 /run/data; {PROBE} do share=4000:/run/data");
        let config = "user = \"app\"\n[[prepare]]\ncopy = \"/mnt/app/d\"\nto = \"/run/data\"\n\
            [[prepare]]\ndir = \"/run/data/deep/private\"\nowner = \"root:root\"\nmode = \"2770\"\n";
        let script = "cd /run/data; cat key sub/key 2> /dev/null; touch sub/made deep/made 2> /dev/null && echo made; \
            ls deep/private 2> /dev/null && echo entered; stat -c '%n %u:%g %a' key sub sub/key deep deep/private";
        let setup = after(cell, &before, &["--", "sh", "-c", script]).config(config);
        let setup = setup.file("d/key", "topsecret", 0o640).file("d/sub/key", "topsecret", 0o640);
        let setup = image(setup);
        crate::identity::mode(&setup.world.app().join("d/key"), 0o640);
        crate::identity::mode(&setup.world.app().join("d/sub/key"), 0o640);
        let end = setup.start().end().exited(0);
        let made = "key 0:0 640\nsub 0:0 755\nsub/key 0:0 640\ndeep 0:0 755\ndeep/private 0:0 2770\n";
        assert_eq!((end.out.as_str(), end.err.contains("prepare")), (made, false), "{}", end.story());
    });
}

/// §5: a volume of the application's is no trap: links are not followed, hard links of others are left alone.
#[test]
fn nobody_leads_it_astray() {
    each_place(|cell| {
        let before = "mkdir -p /run/volume/sub /run/secret; echo secret > /run/secret/file; chmod 600 \
            /run/secret/file\n\
            ln -s /run/secret /run/volume/link; ln -s /run/secret/file /run/volume/sub/link; ln /run/secret/file \
            /run/volume/hard\n\
            touch /run/volume/own; chown -hR 4000:4001 /run/volume/link /run/volume/own /run/volume/sub; chown -h \
            4000 /run/volume";
        let config = "[[prepare]]\ndir = \"/run/volume\"\nowner = \"app:app\"\nrecursive = \"always\"\n\
            [[prepare]]\ndir = \"/run/volume/link\"\nowner = \"app:app\"\n\
            [[prepare]]\ndir = \"/run/volume/link/made\"\n[[prepare]]\nremove = [\"/run/volume/link/file\"]\n\
            [[prepare]]\ncopy = \"/run/volume/own\"\nto = \"/run/volume/link/copied\"\n";
        let end = found(cell, before, config, "/run/secret/* /run/secret /run/volume/own").exited(0);
        let expected = "/run/secret/file 0:0 600 regular file\n/run/secret 0:0 755 directory\n\
            /run/volume/own 4000:4001 644 regular empty file\n";
        assert_eq!(end.out, expected, "{}", end.story());
        let told = [
            "prepare[0]: left alone: ",
            "prepare[1]: ",
            "prepare[2]: ",
            "prepare[3]: ",
            "prepare[4]: ",
            "symbolic link",
        ];
        end.complains(&told);
    });
}

/// §5: a name that was linked there, and is gone before it is counted, is none of the file any more. Root's is given away in
/// a directory of the user's only where nobody could have linked it; in one of root's, in any case.
#[test]
fn where_anybody_may_link_a_file_of_roots_it_stays_roots() {
    each_place(|cell| {
        let start = |protected: &str| {
            let before = format!(
                "mkdir -p /run/volume/sub; touch /run/volume/roots /run/volume/sub/file; chown 4000 /run/volume\n\
                echo {protected} > /run/says; mount --bind /run/says /proc/sys/fs/protected_hardlinks"
            );
            let config = "[[prepare]]\ndir = \"/run/volume\"\nowner = \"app\"\nrecursive = \"always\"\n\
                [[prepare]]\ncopy = \"/run/volume\"\nto = \"/run/copy\"\n";
            let paths = "/run/volume/roots /run/volume/sub /run/volume/sub/file /run/copy/*";
            let script = format!("stat -c '%n %u' {paths}");
            image(after(cell, &before, &["--", "sh", "-c", &script]).config(config)).start().end().exited(0)
        };
        let given = "/run/volume/roots 4000\n/run/volume/sub 4000\n/run/volume/sub/file 4000\n/run/copy/roots 0\n\
            /run/copy/sub 0\n";
        assert_eq!(start("1").out, given);
        let kept = "/run/volume/roots 0\n/run/volume/sub 4000\n/run/volume/sub/file 4000\n/run/copy/sub 0\n";
        let end = start("0").complains(&[
            "prepare[0]: left alone: /run/volume/roots, which may have (fs.protected_hardlinks) other hard links and is uid 0's",
            "prepare[1]: left alone: /run/volume/roots, which ",
        ]);
        assert_eq!(end.out, kept, "{}", end.story());
    });
}

#[test]
fn steps_that_are_none_are_faults() {
    let config = "[[prepare]]\nowner = \"app\"\n[[prepare]]\ndir = \"/a\"\nremove = [\"/b\"]\n[[prepare]]\ncopy = \
        \"/a\"\n\
        [[prepare]]\nremove = [\"/a\"]\nmode = \"0700\"\n[[prepare]]\ndir = \"/a\"\nmode = \"rwx\"\n\
        [[prepare]]\ndir = \"/a\"\nowner = \"nosuch\"\n[[prepare]]\ndir = \"/a\"\nrecursive = \"sometimes\"\n\
        [[prepare]]\ndir = \"${NONE}\"\n[[prepare]]\ndir = \"/a\"\nfolder = 1\n";
    let end = image(Setup::new(Cell::PID1, ["--", PROBE, "do", "print=ran"]).config(config)).start().end().exited(78);
    let told = [
        "prepare[0]: needs one of dir, remove and copy; write dir = \"/data\"\n",
        "prepare[1]: needs one of dir, remove and copy; write dir = \"/data\"\n",
        "prepare[2].to: belongs together with copy; write both\n",
        "prepare[3].mode: belongs to dir; remove it\n",
        "prepare[4].mode: `rwx` is not a mode; write octal digits as a string, like \"0750\"\n",
        "prepare[5].owner: user `nosuch` has no valid entry in /etc/passwd",
        "prepare[6].recursive: `sometimes` is not known",
        "prepare[7].dir: ",
        "prepare[8].folder",
    ];
    let end = end.complains(&told);
    assert_eq!(end.out, "", "{}", end.story());
}

/// Paths are exact: what looks like a pattern would be made, or be missing, without a word.
#[test]
fn a_pattern_is_no_path() {
    let told = |step: &str, code: i32| {
        let config = format!("[[prepare]]\n{step}\n");
        let setup = Setup::new(Cell::PID1, ["--", PROBE, "do", "print=ran"]).config(&config).env("PLACE", "/run/*");
        let end = image(setup).start().end().exited(code);
        assert_eq!(end.out.is_empty(), code != 0, "{}", end.story());
        end.err
    };
    for (step, key, pattern) in [
        ("remove = [\"tmp/a\", \"tmp/cache/*\"]", "remove[1]", "tmp/cache/*"),
        ("remove = [\"tmp/[ab]\"]", "remove[0]", "tmp/[ab]"),
        ("remove = [\"${PLACE}/x\"]", "remove[0]", "/run/*/x"),
        ("dir = \"/run/dat?\"", "dir", "/run/dat?"),
        ("dir = \"${PLACE}\"", "dir", "/run/*"),
    ] {
        let expected = format!(
            "prepare[0].{key}: `{pattern}` is a pattern, and paths here are exact; name each path, or do it in a hook\n"
        );
        let err = told(step, 78);
        assert!(err.contains(&expected), "{err}");
    }
    // What is copied may be called as it likes.
    told("copy = \"/etc/hostname\"\nto = \"/run/[id]\"", 0);
}

/// §0.3: a stop request while a volume is walked. Each change of an owner takes its time here, all of them minutes.
#[test]
fn a_stop_request_ends_a_long_walk() {
    let slow = ["trace=execve,fchownat,kill", "inject=fchownat:delay_enter=200000"];
    let config = "[[prepare]]\ndir = \"tree\"\nowner = \"1234\"\nrecursive = \"always\"\n";
    let setup = Setup::traced(Cell::SUBREAPER, &slow, ["--", PROBE, "do", "print=ran"]).config(config);
    let setup = (0..500).fold(setup, |setup, number| setup.file(&format!("tree/{number}"), "", 0o644));
    let run = sealed(setup).start();
    let log = run.world.app().join("strace.log");
    run.eventually("it walks", |_| std::fs::read_to_string(&log).is_ok_and(|text| text.contains("fchownat(")));
    ask_traced_to_stop(&run);
    let end = run.end().exited(143).nothing_left();
    assert!(!end.out.contains("ran"), "{}", end.story());
}

/// TERM for app-init itself, where strace is between.
pub fn ask_traced_to_stop(run: &Running) {
    let app_init =
        run.processes().into_iter().filter(|process| process.name == "app-init").map(|process| process.pid).min();
    let outside = outside(run, app_init.expect("it runs"));
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &outside.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    );
}

/// The pid by which the test knows a process of the namespace, from its PID 1's children down.
fn outside(run: &Running, inside: i32) -> i32 {
    let mut ahead = vec![run.pid];
    while let Some(pid) = ahead.pop() {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let own =
            status.lines().find_map(|line| line.strip_prefix("NSpid:")).and_then(|pids| pids.split_whitespace().last());
        if own == Some(inside.to_string().as_str()) {
            return pid;
        }
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        ahead.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    run.fail("app-init is not there")
}
