use std::os::unix::fs::{PermissionsExt, symlink};

use nix::unistd::{Gid, Uid, chown, getuid};
use tempfile::TempDir;

use super::*;

const USER: u32 = 4321;
const GROUP: u32 = 4322;
const OTHER_GROUP: u32 = 4323;
const STRANGER: u32 = 4999;

fn boundary(uid: u32) -> Boundary {
    let identity = Identity { uid, gid: GROUP, groups: vec![GROUP], name: None, home: None };
    Boundary { identity: Rc::new(identity), groups: vec![GROUP, OTHER_GROUP], is_of_hook: false }
}

fn why(path: &Path, user: &Boundary) -> Option<String> {
    could_be_put_by(path, user, &[]).map(|at_fault| at_fault.why)
}

fn user() -> Boundary {
    boundary(USER)
}

/// A directory in `/tmp`, which is sticky, with `etc/` and the file `etc/hook` in it, all root's own.
struct Tree(TempDir);

impl Tree {
    fn new() -> Tree {
        assert!(getuid().is_root(), "these tests give files to other users; run them as root");
        let folder = tempfile::tempdir().expect("a directory");
        let tree = Tree(folder);
        tree.set(".", 0o755, 0, 0);
        fs::create_dir(tree.path("etc")).expect("a directory");
        tree.set("etc", 0o755, 0, 0);
        tree.file("etc/hook", 0o755, 0, 0);
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        if name == "." { self.0.path().to_owned() } else { self.0.path().join(name) }
    }

    fn file(&self, name: &str, mode: u32, uid: u32, gid: u32) {
        fs::write(self.path(name), "").expect("a file");
        self.set(name, mode, uid, gid);
    }

    fn directory(&self, name: &str, mode: u32, uid: u32, gid: u32) {
        fs::create_dir(self.path(name)).expect("a directory");
        self.set(name, mode, uid, gid);
    }

    fn link(&self, target: &str, name: &str, uid: u32) {
        symlink(target, self.path(name)).expect("a link");
        std::os::unix::fs::lchown(self.path(name), Some(uid), Some(uid)).expect("lchown");
    }

    fn set(&self, name: &str, mode: u32, uid: u32, gid: u32) {
        chown(&self.path(name), Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).expect("chown");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("chmod");
    }

    #[track_caller]
    fn safe(&self, name: &str) {
        assert_eq!(why(&self.path(name), &user()), None, "{name}");
    }

    #[track_caller]
    fn fault(&self, name: &str, at: &str, what: &str) {
        let at = format!("{} ({what})", self.path(at).display());
        assert_eq!(why(&self.path(name), &user()), Some(at), "{name}");
    }
}

#[test]
fn the_file_itself_counts() {
    let tree = Tree::new();
    for (mode, uid, gid, changeable) in [
        (0o755, 0, 0, false),
        (0o775, 0, 0, false),
        (0o775, STRANGER, STRANGER, false),
        (0o755, 0, GROUP, false),
        (0o755, USER, 0, true),
        // The owner may give the right back.
        (0o000, USER, 0, true),
        (0o775, 0, GROUP, true),
        (0o620, 0, OTHER_GROUP, true),
        (0o777, 0, 0, true),
        (0o002, STRANGER, STRANGER, true),
        // Only a directory's sticky bit means something.
        (0o1777, 0, 0, true),
    ] {
        tree.set("etc/hook", mode, uid, gid);
        if changeable {
            tree.fault("etc/hook", "etc/hook", &format!("mode {mode:04o}, owner {uid}:{gid}"));
        } else {
            tree.safe("etc/hook");
        }
    }
}

#[test]
fn each_directory_above_counts() {
    for (mode, uid, gid, changeable) in [
        (0o775, 0, 0, false),
        (0o700, STRANGER, 0, false),
        (0o555, USER, 0, true),
        (0o775, 0, GROUP, true),
        (0o2775, 0, OTHER_GROUP, true),
        (0o777, 0, 0, true),
        (0o1777, 0, 0, false),
        (0o1775, 0, GROUP, false),
        // Whoever owns a sticky directory may take everything out of it.
        (0o1777, USER, 0, true),
    ] {
        for directory in [".", "etc"] {
            let tree = Tree::new();
            tree.set(directory, mode, uid, gid);
            if changeable {
                tree.fault("etc/hook", directory, &format!("mode {mode:04o}, owner {uid}:{gid}"));
            } else {
                tree.safe("etc/hook");
            }
        }
    }
}

#[test]
fn in_a_sticky_directory_only_what_the_user_owns_can_be_replaced() {
    let tree = Tree::new();
    tree.directory("shared", 0o1777, 0, 0);
    tree.file("shared/roots", 0o755, 0, 0);
    tree.file("shared/strangers", 0o755, STRANGER, STRANGER);
    tree.file("shared/users", 0o755, USER, GROUP);
    tree.link("../etc/hook", "shared/roots-link", 0);
    tree.link("../etc/hook", "shared/users-link", USER);
    for name in ["shared/roots", "shared/strangers", "shared/roots-link"] {
        tree.safe(name);
    }
    tree.fault("shared/users", "shared/users", &format!("mode 0755, owner {USER}:{GROUP}"));
    tree.fault("shared/users-link", "shared/users-link", &format!("mode 0777, owner {USER}:{USER}"));
    // Who owns the directory can replace everything in it.
    tree.directory("own", 0o1777, USER, GROUP);
    tree.file("own/roots", 0o755, 0, 0);
    tree.fault("own/roots", "own", &format!("mode 1777, owner {USER}:{GROUP}"));
    // Elsewhere a link may be anybody's: it can be neither changed nor replaced.
    tree.link("etc/hook", "link", USER);
    tree.safe("link");
}

#[test]
fn a_directory_at_the_end_counts_with_its_own_mode() {
    let tree = Tree::new();
    tree.safe("etc");
    tree.safe("etc/../etc/.");
    tree.set("etc", 0o1777, 0, 0);
    for name in ["etc", "etc/", "etc/."] {
        tree.fault(name, "etc", "mode 1777, owner 0:0");
    }
    tree.directory("etc/inner", 0o755, 0, 0);
    tree.fault("etc/inner/..", "etc", "mode 1777, owner 0:0");
    assert_eq!(why(Path::new("/"), &user()), None);
    assert_eq!(why(Path::new("/../.."), &user()), None);
}

#[test]
fn both_ends_of_a_link_count() {
    let tree = Tree::new();
    tree.directory("users", 0o755, USER, GROUP);
    tree.file("users/hook", 0o755, 0, 0);
    let users = format!("mode 0755, owner {USER}:{GROUP}");
    // A link where the user may put another one, to a file that is safe.
    tree.link("../etc/hook", "users/link", 0);
    tree.fault("users/link", "users", &users);
    // A link that is safe, to a file that is not; and a directory that is a link.
    tree.link("../users/hook", "etc/link", 0);
    tree.link(&tree.path("users/hook").to_string_lossy(), "etc/absolute", 0);
    tree.link("../users", "etc/directory", 0);
    tree.fault("etc/link", "users", &users);
    tree.fault("etc/absolute", "users", &users);
    tree.fault("etc/directory/hook", "users", &users);
    // The same by links that are safe on both sides.
    tree.link("hook", "etc/good", 0);
    tree.link("good", "etc/better", 0);
    tree.link("..", "etc/up", 0);
    tree.safe("etc/better");
    tree.safe("etc/up/etc/better");
    // The user cannot change where `users/..` leads, but what is looked up in `users`.
    tree.link("../users/../etc/hook", "etc/detour", 0);
    tree.safe("etc/detour");
    tree.directory("users/inner", 0o755, 0, 0);
    tree.link("../users/inner/../../etc/hook", "etc/through", 0);
    tree.fault("etc/through", "users", &users);
}

#[test]
fn what_is_not_there_could_be_put_by_whoever_may_write_there() {
    let tree = Tree::new();
    let could = |name: &str| why(&tree.path(name), &user());
    tree.link("nowhere", "etc/dangling", 0);
    for name in ["etc/none", "none/at/all", "etc/dangling", "etc/hook", "none/../etc/hook", "etc/none/x/../../hook"] {
        assert_eq!(could(name), None, "{name}");
    }
    tree.directory("users", 0o755, USER, GROUP);
    tree.directory("shared", 0o1777, 0, 0);
    tree.link("../users/none", "etc/into", 0);
    tree.link("none/../../users/none", "etc/round", 0);
    for (name, at, what) in [
        ("users/none", "users", format!("mode 0755, owner {USER}:{GROUP}")),
        ("users/none/at/all", "users", format!("mode 0755, owner {USER}:{GROUP}")),
        ("etc/into", "users", format!("mode 0755, owner {USER}:{GROUP}")),
        ("shared/none", "shared", "mode 1777, owner 0:0".to_owned()),
        // Somebody may make what is not there.
        ("none/../users/x", "users", format!("mode 0755, owner {USER}:{GROUP}")),
        ("etc/none/deeper/../../../users/none", "users", format!("mode 0755, owner {USER}:{GROUP}")),
        ("etc/round", "users", format!("mode 0755, owner {USER}:{GROUP}")),
    ] {
        assert_eq!(could(name), Some(format!("{} ({what})", tree.path(at).display())), "{name}");
    }
    // What is there already is judged as it is.
    tree.file("shared/roots", 0o755, 0, 0);
    assert_eq!(could("shared/roots"), None);
}

#[test]
fn what_will_be_given_counts_as_given_wherever_it_is() {
    let tree = Tree::new();
    tree.directory("data", 0o755, 0, 0);
    tree.directory("users", 0o755, USER, GROUP);
    tree.link("../data/none/tool", "etc/dangling", 0);
    tree.link("data", "other", 0);
    let given = |name: &str, from: Option<&str>| Given::new(tree.path(name), from.map(|from| tree.path(from)));
    let why = |name: &str, given: Given| could_be_put_by(&tree.path(name), &user(), &[given]);
    for (name, place) in [
        ("data", "data"),
        ("data/none/tool", "data"),
        ("data/none/tool", "data/none/tool"),
        ("data/none/tool", "other/none"),
        ("other/tool", "data"),
        ("etc/dangling", "data/none"),
        ("none/../data/tool", "data"),
        ("etc/none/../../data/none/tool", "data/none"),
    ] {
        let at_fault = why(name, given(place, None)).expect(name);
        assert!(at_fault.is_given && at_fault.why.ends_with(" is given to that user by [[prepare]]"), "{at_fault:?}");
    }
    for (name, place) in [("data", "data/none"), ("etc/hook", "data"), ("data2/tool", "data")] {
        assert!(why(name, given(place, None)).is_none(), "{name}");
    }
    // A copy is whose its source is.
    let users = format!("{} (mode 0755, owner {USER}:{GROUP})", tree.path("users").display());
    let at_fault = why("etc/hook", given("etc", Some("users"))).expect("copied");
    assert_eq!(at_fault.why, format!("[[prepare]] copies it from {}: {users}", tree.path("users").display()));
    assert!(why("data/tool", given("data", Some("users/tool"))).is_some());
    assert!(why("data/tool", given("data", Some("etc"))).is_none());
    tree.file("etc/users", 0o666, 0, 0);
    assert!(why("data/users", given("data", Some("etc"))).is_some());
    assert!(why("data/hook", given("data", Some("etc"))).is_none());
    let round = [given("data", Some("etc")), given("etc", Some("data"))];
    assert!(could_be_put_by(&tree.path("data/tool"), &user(), &round).is_some());
    let chain = [given("data", Some("etc")), given("etc", Some("users"))];
    assert!(could_be_put_by(&tree.path("data/tool"), &user(), &chain).is_some());
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let tree = Tree::new();
    tree.link("loop", "etc/loop", 0);
    (0..=MOST_LINKS).for_each(|number| tree.link(&format!("link{}", number + 1), &format!("etc/link{number}"), 0));
    tree.link("hook", &format!("etc/link{}", MOST_LINKS + 1), 0);
    let long = "x".repeat(300);
    for name in ["etc/loop", "etc/link0", "etc/hook/below", &long] {
        let fault = why(&tree.path(name), &user()).expect(name);
        assert!(fault.starts_with(&format!("{} cannot be looked at: ", tree.path(name).display())), "{fault}");
    }
    let magic = why(Path::new("/proc/self/cwd/hook"), &user());
    assert_eq!(magic.as_deref(), Some("/proc/self leads each process elsewhere"));
    // As many links as the kernel follows are none too many.
    tree.safe("etc/link2");
}

#[test]
fn relative_paths_begin_in_the_current_directory() {
    let here = std::env::current_dir().expect("a directory");
    let absolute = here.join("Cargo.toml");
    assert_eq!(why(Path::new("Cargo.toml"), &user()), why(&absolute, &user()));
    let metadata = fs::metadata("Cargo.toml").expect("the manifest");
    // Its owner may change it; and so the walk has been to the right place.
    assert!(why(Path::new("Cargo.toml"), &boundary(metadata.uid())).is_some());

    let tree = Tree::new();
    tree.set("etc/hook", 0o777, 0, 0);
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(tree.path("etc/hook").strip_prefix("/").expect("an absolute path"));
    let fault = format!("{} (mode 0777, owner 0:0)", tree.path("etc/hook").display());
    assert_eq!(why(&relative, &user()), Some(fault));
}

#[test]
fn what_runs_with_a_right_more_is_above() {
    let runs_as = |uid: u32, gid: u32, groups: &[u32]| Identity {
        uid,
        gid,
        groups: groups.to_vec(),
        ..Identity::clone(&user().identity)
    };
    let of_hook = Boundary { is_of_hook: true, ..user() };
    for (uid, gid, groups, above, above_hook) in [
        (USER, GROUP, &[GROUP][..], false, false),
        (USER, GROUP, &[GROUP, OTHER_GROUP], true, false),
        (USER, 0, &[0], true, true),
        (USER, GROUP, &[0, GROUP], true, true),
        (STRANGER, GROUP, &[GROUP], true, false),
        (0, GROUP, &[GROUP], true, true),
    ] {
        let program = runs_as(uid, gid, groups);
        assert_eq!(user().is_below(Some(&program)), above, "{program:?}");
        assert_eq!(of_hook.is_below(Some(&program)), above_hook, "{program:?}");
    }
    assert!(user().is_below(None) && of_hook.is_below(None));
    // What the user has itself is no right more.
    let in_root = Boundary { groups: vec![GROUP, 0], ..of_hook };
    assert!(!in_root.is_below(Some(&runs_as(USER, 0, &[0]))) && in_root.is_below(Some(&runs_as(0, 0, &[0]))));
}
