//! What each step does, on real files and as root, which it is written for.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, mkfifo, setfsgid, setfsuid};
use tempfile::TempDir;

use super::report::Report;
use super::*;

/// Nobody's uid.
pub const USER: u32 = 12345;
pub const OWNER: Owner = Owner { uid: USER, gid: Some(USER) };

/// A directory that everybody can enter. On the way to it is /tmp, to which everybody can write.
pub fn shared_place() -> TempDir {
    open_up(TempDir::new().expect("a directory"))
}

/// A directory that nobody but root can have put anything in or on the way to.
fn private_place() -> TempDir {
    open_up(tempfile::tempdir_in("/run").expect("a directory"))
}

fn open_up(place: TempDir) -> TempDir {
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    place
}

/// Makes what a trailing slash tells to be a directory, or a file that holds its own name.
pub fn make(root: &Path, names: &[&str]) {
    for name in names {
        let path = root.join(name);
        fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().expect("one") }).expect("mkdir");
        if !name.ends_with('/') {
            fs::write(&path, name).expect("write");
        }
    }
}

pub fn uid(path: &Path) -> u32 {
    path.symlink_metadata().expect("stat").uid()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("stat").mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("read")
}

/// Failures and left alone ones of a step, which may fail as a whole.
fn counts(act: impl FnOnce(&mut Report<'_>) -> Result<(), report::Failure>) -> (usize, usize) {
    let mut report = Report::new("prepare[0]", false);
    if let Err(failure) = act(&mut report) {
        report.fail(&failure);
    }
    report.counts()
}

fn refusal(act: impl FnOnce(&mut Report<'_>) -> Result<(), report::Failure>) -> String {
    act(&mut Report::new("prepare[0]", false)).expect_err("a refusal").to_string()
}

fn own(path: &Path, recursive: Recursive) -> (usize, usize) {
    counts(|report| directory::prepare(path, Some(OWNER), None, recursive, report))
}

/// Runs it on a directory, in a thread that has a mount table of its own; its mounts end with it.
fn with_own_mounts(act: impl FnOnce(&Path) + Send) {
    let place = shared_place();
    let with_own_mounts = || {
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS).expect("unshare");
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).expect("private");
        act(place.path());
    };
    std::thread::scope(|scope| scope.spawn(with_own_mounts).join().expect("the thread"));
}

/// Runs it in a thread that has the rights of an unprivileged user as far as files go (setfsuid(2)).
pub fn as_user<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    let as_user = || {
        setfsgid(Gid::from_raw(USER));
        setfsuid(Uid::from_raw(USER));
        act()
    };
    std::thread::scope(|scope| scope.spawn(as_user).join().expect("the thread"))
}

#[test]
fn a_directory_is_made_with_its_parents() {
    let place = shared_place();
    let path = place.path().join("a/b/c");
    assert_eq!(counts(|r| directory::prepare(&path, Some(OWNER), Some(0o750), Recursive::Always, r)), (0, 0));
    assert_eq!((uid(&path), mode(&path)), (USER, 0o750));
    assert_eq!(path.metadata().expect("stat").gid(), USER);
    for parent in ["a", "a/b"] {
        assert_eq!((uid(&place.path().join(parent)), mode(&place.path().join(parent))), (0, 0o755), "{parent}");
    }
    let path = place.path().join("d");
    assert_eq!(counts(|r| directory::prepare(&path, None, None, Recursive::default(), r)), (0, 0));
    assert_eq!((uid(&path), mode(&path)), (0, 0o755));
}

#[test]
fn a_directory_that_is_there_is_set_right() {
    let place = shared_place();
    make(place.path(), &["data/file"]);
    let data = place.path().join("data");
    chmod(&data, 0o2777);
    assert_eq!(counts(|r| directory::prepare(&data, None, Some(0o700), Recursive::Never, r)), (0, 0));
    assert_eq!(mode(&data), 0o2700, "a numeric mode leaves the set-id bits, as with chmod(1)");
    assert_eq!(mode(&data.join("file")), 0o644, "the mode is the directory's alone");
    assert_eq!(own(&data, Recursive::Never), (0, 0));
    assert_eq!((uid(&data), uid(&data.join("file"))), (USER, 0));
}

#[test]
fn what_is_right_is_not_written_to() {
    with_own_mounts(|data| {
        make(data, &["file"]);
        own(data, Recursive::Always);
        mount(Some(data), data, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("bind");
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, data, None::<&str>, read_only, None::<&str>).expect("remount");
        let again = |mode| counts(|r| directory::prepare(data, Some(OWNER), Some(mode), Recursive::Always, r));
        assert_eq!(again(0o755), (0, 0));
        assert_eq!(again(0o700), (1, 0));
    });
}

#[test]
fn a_tree_changes_hands_when_its_top_does_or_always() {
    let place = shared_place();
    let data = place.path().join("data");
    make(place.path(), &["data/file", "data/sub/deep/file", "outside"]);
    symlink(place.path().join("outside"), data.join("link")).expect("symlink");
    mkfifo(&data.join("fifo"), Mode::S_IRWXU).expect("mkfifo");
    let socket = UnixListener::bind(data.join("socket")).expect("bind");
    let all = ["file", "sub", "sub/deep", "sub/deep/file", "link", "fifo", "socket"];

    // Enough for the clock to move while they are walked.
    (0..2000).for_each(|number| make(&data, &[&format!("many/{number}")]));
    assert_eq!(own(&data, Recursive::IfTopDiffers), (0, 0));
    for name in all {
        assert_eq!(uid(&data.join(name)), USER, "{name}");
    }
    let changed = |path: &Path| path.symlink_metadata().map(|stat| (stat.ctime(), stat.ctime_nsec())).expect("stat");
    for entry in fs::read_dir(data.join("many")).expect("list") {
        assert!(changed(&entry.expect("one").path()) <= changed(&data), "the top is the last");
    }
    assert_eq!(uid(&place.path().join("outside")), 0);

    lchown(data.join("sub/deep/file"), Some(0), None).expect("chown");
    assert_eq!(own(&data, Recursive::IfTopDiffers), (0, 0));
    assert_eq!(uid(&data.join("sub/deep/file")), 0, "the top is right: no walk");
    assert_eq!(own(&data, Recursive::Always), (0, 0));
    assert_eq!(uid(&data.join("sub/deep/file")), USER);
    drop(socket);
}

#[test]
fn a_program_that_changes_hands_loses_its_set_id_bits() {
    let place = shared_place();
    make(place.path(), &["data/program"]);
    let program = place.path().join("data/program");
    chmod(&program, 0o6755);
    own(&place.path().join("data"), Recursive::Always);
    assert_eq!((uid(&program), mode(&program)), (USER, 0o755));
}

#[test]
fn foreign_files_with_other_hard_links_are_left_alone() {
    let place = shared_place();
    make(place.path(), &["data/file", "shadow", "notes"]);
    let data = place.path().join("data");
    lchown(place.path().join("notes"), Some(USER), None).expect("chown");
    fs::hard_link(place.path().join("shadow"), data.join("shadow")).expect("link");
    fs::hard_link(place.path().join("notes"), data.join("notes")).expect("link");
    assert_eq!(own(&data, Recursive::Always), (0, 1));
    assert_eq!(uid(&place.path().join("shadow")), 0);
    assert_eq!(uid(&data.join("file")), USER);
}

#[test]
fn a_walk_stays_on_its_mount() {
    with_own_mounts(|place| {
        let data = place.join("data");
        make(place, &["data/tmpfs/", "data/bind/", "data/config", "same/file", "host"]);
        let bind = |from: &str, to: &str| {
            let (from, to) = (place.join(from), data.join(to));
            mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("bind");
        };
        bind("same", "bind");
        bind("host", "config");
        mount(Some("none"), &data.join("tmpfs"), Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("tmpfs");
        assert_eq!(own(&data, Recursive::Always), (0, 3));
        for name in ["same", "same/file", "host", "data/tmpfs"] {
            assert_eq!(uid(&place.join(name)), 0, "{name}");
        }
        assert_eq!(counts(|r| copy::copy(&data, &place.join("copy"), false, None, r)), (0, 3));
    });
}

#[test]
fn a_deep_tree_ends_the_walk_and_not_the_program() {
    let place = shared_place();
    let data = place.path().join("data");
    fs::create_dir_all(data.join("d/".repeat(300))).expect("mkdir");
    assert_eq!(own(&data, Recursive::IfTopDiffers), (0, 1));
    assert_eq!(uid(&data), USER);
    assert_eq!(uid(&data.join("d/".repeat(256))), USER);
    assert_eq!(counts(|r| copy::copy(&data, &place.path().join("copy"), false, None, r)), (0, 1));
    assert!(place.path().join("copy").join("d/".repeat(256)).exists());
}

#[test]
fn no_symlink_is_followed_that_others_than_root_can_have_placed() {
    let place = private_place();
    let root = place.path();
    make(root, &["real/", "image/"]);
    symlink("../real", root.join("image/relative")).expect("symlink");
    symlink(root.join("real"), root.join("image/absolute")).expect("symlink");
    symlink("absolute", root.join("image/chain")).expect("symlink");
    symlink("loop", root.join("image/loop")).expect("symlink");
    let make_below = |link: &str| {
        let path = root.join("image").join(link).join("new");
        let done = counts(|r| directory::prepare(&path, None, None, Recursive::Never, r)) == (0, 0);
        let came = root.join("real/new").exists();
        if came {
            fs::remove_dir(root.join("real/new")).expect("rmdir");
        }
        assert_eq!(done, came, "{link}");
        came
    };
    for link in ["relative", "absolute", "chain", "../image/./chain/../real"] {
        assert!(make_below(link), "{link}");
    }
    assert!(!make_below("loop"));

    lchown(root.join("image/relative"), Some(USER), None).expect("chown");
    assert!(!make_below("relative"), "the link is a user's");
    chmod(&root.join("image"), 0o1777);
    assert!(!make_below("absolute"), "everybody can put links there");
    chmod(&root.join("image"), 0o775);
    assert!(!make_below("absolute"), "a group can put links there");
    chmod(&root.join("image"), 0o755);
    lchown(root.join("image"), Some(USER), None).expect("chown");
    assert!(!make_below("absolute"), "a user can put links there");
    lchown(root.join("image"), Some(0), None).expect("chown");
    lchown(root, Some(USER), None).expect("chown");
    assert!(!make_below("absolute"), "a user can put another directory there");
}

#[test]
fn a_path_that_is_a_symlink_itself_is_never_followed() {
    let place = private_place();
    make(place.path(), &["real/file", "seed/file"]);
    let link = place.path().join("link");
    symlink("real", &link).expect("symlink");
    assert_eq!(
        refusal(|r| directory::prepare(&link, Some(OWNER), Some(0o700), Recursive::Always, r)),
        format!(
            "cannot enter {}: it is a symbolic link, which is not followed here; name what it leads to",
            link.display()
        )
    );
    assert_eq!((uid(&place.path().join("real")), mode(&place.path().join("real"))), (0, 0o755));
    refusal(|r| copy::copy(&link, &place.path().join("to"), false, None, r));
    refusal(|r| copy::copy(&place.path().join("seed"), &link, true, None, r));
    assert_eq!(read(place.path().join("real/file")), "real/file");
    refusal(|r| directory::prepare(Path::new("/"), Some(OWNER), None, Recursive::Always, r));
    refusal(|r| directory::prepare(&place.path().join("real/.."), Some(OWNER), None, Recursive::Never, r));
}

#[test]
fn files_are_removed_and_directories_are_not() {
    let place = shared_place();
    make(place.path(), &["server.pid", "kept", "directory/file"]);
    symlink("kept", place.path().join("link")).expect("symlink");
    symlink("directory", place.path().join("way")).expect("symlink");
    let at = |name: &str| place.path().join(name);
    for name in ["server.pid", "link", "missing", "missing/file"] {
        assert!(remove::remove(&at(name)).is_ok(), "{name}");
        assert!(at(name).symlink_metadata().is_err(), "{name}");
    }
    assert_eq!(
        remove::remove(&at("directory")).expect_err("a directory").to_string(),
        format!("cannot remove {}: it is a directory; remove names files", at("directory").display())
    );
    remove::remove(&at("way/file")).expect_err("by a symlink");
    assert!(at("kept").exists() && at("directory/file").exists());
}

#[test]
fn what_is_missing_is_copied_and_the_rest_left_alone() {
    let place = shared_place();
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    make(&from, &["a", "sub/b", "sub/program", "empty/", "mine"]);
    make(&to, &["mine", "sub/"]);
    fs::write(to.join("mine"), "the user's").expect("write");
    chmod(&from.join("sub/program"), 0o6751);
    chmod(&from.join("empty"), 0o1700);
    symlink("/nowhere", from.join("link")).expect("symlink");
    mkfifo(&from.join("fifo"), Mode::S_IRWXU).expect("mkfifo");
    fs::hard_link(from.join("a"), from.join("linked")).expect("link");
    for _ in 0..2 {
        assert_eq!(counts(|r| copy::copy(&from, &to, false, Some(OWNER), r)), (0, 1), "the fifo");
    }
    assert_eq!(read(to.join("mine")), "the user's");
    assert_eq!((uid(&to.join("mine")), uid(&to.join("sub")), uid(&to)), (0, 0, 0), "there already");
    for name in ["a", "sub/b", "sub/program", "empty", "link", "linked"] {
        assert_eq!(uid(&to.join(name)), USER, "{name}");
    }
    assert_eq!((mode(&to.join("sub/program")), mode(&to.join("empty"))), (0o751, 0o700));
    assert_eq!((read(to.join("a")), read(to.join("sub/b"))), ("a".to_owned(), "sub/b".to_owned()));
    assert_eq!(fs::read_link(to.join("link")).expect("a link"), Path::new("/nowhere"));
    let mut names: Vec<_> = fs::read_dir(&to).expect("list").map(|entry| entry.expect("one").file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "empty", "link", "linked", "mine", "sub"], "no temporary file is left");
}

#[test]
fn a_copy_can_be_a_new_tree_or_one_file() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["from/sub/file", "file", "there/"]);
    chmod(&at("from"), 0o711);
    assert_eq!(counts(|r| copy::copy(&at("from"), &at("new/tree"), false, Some(OWNER), r)), (0, 0));
    assert_eq!((uid(&at("new/tree")), mode(&at("new/tree")), uid(&at("new"))), (USER, 0o711, 0));
    assert_eq!(read(at("new/tree/sub/file")), "from/sub/file");
    assert_eq!(counts(|r| copy::copy(&at("file"), &at("deep/name"), false, None, r)), (0, 0));
    assert_eq!(counts(|r| copy::copy(&at("file"), &at("there"), false, None, r)), (0, 0));
    assert_eq!((read(at("deep/name")), read(at("there/file"))), ("file".to_owned(), "file".to_owned()));
    assert_eq!(uid(&at("there/file")), 0);
    refusal(|r| copy::copy(&at("missing"), &at("there"), false, None, r));
}

#[test]
fn overwriting_replaces_files_and_nothing_else() {
    let place = shared_place();
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    make(place.path(), &["from/file", "from/link", "from/directory", "from/way/x", "to/directory/kept", "outside/x"]);
    fs::write(to.join("file"), "old").expect("write");
    fs::hard_link(to.join("file"), place.path().join("old")).expect("link");
    symlink("../outside/x", to.join("link")).expect("symlink");
    symlink("../outside", to.join("way")).expect("symlink");
    for overwrite in [false, true] {
        assert_eq!(counts(|r| copy::copy(&from, &to, overwrite, None, r)), (1, 0), "the way is no directory");
        assert_eq!(read(to.join("file")), if overwrite { "from/file" } else { "old" });
    }
    assert_eq!(read(place.path().join("old")), "old", "the new file is another one");
    assert_eq!(read(place.path().join("outside/x")), "outside/x");
    assert!(to.join("link").is_symlink() && to.join("directory/kept").exists());
}

#[test]
fn a_copy_does_not_publish_what_somebody_linked() {
    let place = shared_place();
    let from = place.path().join("from");
    make(place.path(), &["from/own", "secret"]);
    fs::hard_link(place.path().join("secret"), from.join("secret")).expect("link");
    lchown(&from, Some(USER), None).expect("chown");
    assert_eq!(counts(|r| copy::copy(&from, &place.path().join("to"), false, Some(OWNER), r)), (0, 1));
    assert!(place.path().join("to/own").exists() && !place.path().join("to/secret").exists());
}

/// Whose the directory is that holds the file, and who else may write there, tells who could have linked it.
#[test]
fn a_link_may_come_from_whoever_can_write_to_its_directory() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["from/sub/deep/", "secret", "notes"]);
    lchown(at("notes"), Some(USER), None).expect("chown");
    let sub = at("from/sub/deep");
    for name in ["secret", "notes"] {
        fs::hard_link(at(name), sub.join(name)).expect("link");
    }
    let copied = |owner: u32, bits: u32| {
        lchown(&sub, Some(owner), None).expect("chown");
        chmod(&sub, bits);
        let to = at(&format!("to-{owner}-{bits:o}"));
        let left_alone = counts(|r| copy::copy(&at("from"), &to, false, Some(OWNER), r));
        let is_there = |name: &str| to.join("sub/deep").join(name).exists();
        let one = at(&format!("one-{owner}-{bits:o}"));
        let _ = counts(|r| copy::copy(&sub.join("secret"), &one, false, Some(OWNER), r));
        assert_eq!(one.exists(), is_there("secret"), "by itself as in its directory");
        (left_alone.1, is_there("secret"), is_there("notes"))
    };
    assert_eq!(copied(0, 0o755), (1, true, false), "nobody but root");
    assert_eq!(copied(USER, 0o755), (1, false, true), "the user");
    for bits in [0o775, 0o757, 0o1777, 0o2775] {
        assert_eq!(copied(0, bits), (2, false, false), "{bits:o}: others too");
        assert_eq!(copied(USER, bits), (2, false, false), "{bits:o}: others too");
    }
}

/// What everybody may write to root could not rely on.
#[test]
fn a_copy_is_nobody_elses_to_write() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["from/open", "from/group", "from/program", "from/sub/file", "to/open"]);
    for (name, bits) in [("open", 0o666), ("group", 0o664), ("program", 0o6777), ("sub", 0o1777), ("", 0o777)] {
        chmod(&at("from").join(name), bits);
    }
    for owner in [None, Some(OWNER)] {
        let to = at(&format!("to-{}", owner.is_some()));
        assert_eq!(counts(|r| copy::copy(&at("from"), &to, false, owner, r)), (0, 0));
        let modes = ["open", "group", "program", "sub", ""].map(|name| mode(&to.join(name)));
        assert_eq!(modes, [0o644, 0o644, 0o755, 0o755, 0o755]);
    }
    assert_eq!(counts(|r| copy::copy(&at("from/open"), &at("to/open"), true, None, r)), (0, 0));
    assert_eq!(mode(&at("to/open")), 0o644, "also in the place of another");
}

/// The file that is named may be such a link itself: whose the directory is tells who could have put it there.
#[test]
fn a_single_file_that_somebody_may_have_linked_is_not_copied() {
    let place = shared_place();
    make(place.path(), &["secret", "volume/"]);
    let (secret, volume) = (place.path().join("secret"), place.path().join("volume"));
    chmod(&secret, 0o600);
    fs::hard_link(&secret, volume.join("settings")).expect("link");
    let to = place.path().join("copy");
    let copied = || counts(|r| copy::copy(&volume.join("settings"), &to, false, Some(OWNER), r));
    lchown(&volume, Some(USER), None).expect("chown");
    assert_eq!((copied(), to.exists()), ((0, 1), false));
    // In a directory of root's it is root who linked it.
    lchown(&volume, Some(0), None).expect("chown");
    assert_eq!((copied(), to.exists()), ((0, 0), true));
}

#[test]
fn a_copy_into_itself_ends() {
    let place = shared_place();
    make(place.path(), &["data/sub/file"]);
    let data = place.path().join("data");
    assert_eq!(counts(|r| copy::copy(&data, &data.join("sub/backup"), false, None, r)), (1, 0));
    assert_eq!(read(data.join("sub/backup/sub/file")), "data/sub/file");
    assert_eq!(counts(|r| copy::copy(&data, &data, true, None, r)), (0, 0));
}

#[test]
fn a_uid_gets_one_entry() {
    let place = shared_place();
    let file = place.path().join("passwd");
    let add = |uid, home: &str| passwd::add(&file, uid, 0, home.as_bytes()).map_err(|failure| failure.to_string());
    fs::write(&file, "root:x:0:0:root:/root:/bin/sh\nwww:x:10001:3:1234::").expect("write");
    add(1234, "/srv").expect("added");
    add(1234, "/other").expect("there already");
    add(10001, "/other").expect("there already");
    add(3, "/a:b\nroot").expect("added");
    assert_eq!(
        read(file.clone()),
        "root:x:0:0:root:/root:/bin/sh\nwww:x:10001:3:1234::\napp:x:1234:0:app:/srv:/sbin/nologin\n\
         app3:x:3:0:app3:/:/sbin/nologin\n"
    );
    fs::write(&file, "").expect("write");
    add(7, "").expect("added");
    assert_eq!(read(file.clone()), "app:x:7:0:app:/:/sbin/nologin\n");

    let shown = file.display();
    assert_eq!(
        as_user(|| add(8, "/")).expect_err("not writable"),
        format!(
            "cannot add uid 8 to {shown}: Permission denied; let group 0 write it in the image (chmod g=u {shown}), or \
             leave out passwd_entry"
        )
    );
    fs::rename(&file, place.path().join("real")).expect("rename");
    add(9, "/").expect_err("it is missing");
    symlink("real", &file).expect("symlink");
    assert_eq!(
        add(9, "/").expect_err("it is a symlink"),
        format!(
            "cannot add uid 9 to {shown}: it is a symbolic link, which is not followed here; make it a file in the \
             image, or leave out passwd_entry"
        )
    );
    fs::remove_file(&file).expect("unlink");
    mkfifo(&file, Mode::S_IRWXU).expect("mkfifo");
    add(9, "/").expect_err("it is a fifo");
    assert_eq!(read(place.path().join("real")), "app:x:7:0:app:/:/sbin/nologin\n");
}

#[test]
fn without_the_right_nothing_is_changed_and_it_is_told() {
    let place = shared_place();
    make(place.path(), &["data/a", "data/b"]);
    let data = place.path().join("data");
    let denied = || {
        let owned = own(&data, Recursive::Always);
        let made = directory::prepare(&data.join("new"), None, None, Recursive::Never, &mut Report::new("", false));
        (owned, made.expect_err("refused").errno, remove::remove(&data.join("a")).expect_err("refused").errno)
    };
    assert_eq!(as_user(denied), ((3, 0), nix::errno::Errno::EACCES, nix::errno::Errno::EACCES));
    assert_eq!(uid(&data.join("a")), 0);
}

#[test]
fn a_required_step_that_fails_is_the_last() {
    let place = shared_place();
    make(place.path(), &["data/stale", "data/other"]);
    let data = place.path().join("data");
    let step = |name: &str, required| Preparation {
        step: Step::Remove { paths: vec![if name.is_empty() { data.clone() } else { data.join(name) }] },
        required,
        label: "prepare[0]".to_owned(),
    };
    assert_eq!(run(&[step("", false), step("stale", true), step("", true), step("other", false)]), PERMISSION);
    assert!(!data.join("stale").exists() && data.join("other").exists());
    assert_eq!(run(&[step("", false), step("other", false)]), 0);
    assert!(!data.join("other").exists());
}

#[test]
fn names_may_be_any_bytes() {
    let place = shared_place();
    let name = std::ffi::OsStr::from_bytes(b"\xff\x01 \n");
    make(place.path(), &["from/"]);
    fs::write(place.path().join("from").join(name), "x").expect("write");
    assert_eq!(counts(|r| copy::copy(&place.path().join("from"), &place.path().join("to"), false, None, r)), (0, 0));
    assert_eq!(own(&place.path().join("to"), Recursive::Always), (0, 0));
    assert_eq!(uid(&place.path().join("to").join(name)), USER);
}
