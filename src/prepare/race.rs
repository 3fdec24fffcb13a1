//! A user who changes the volume all the time while root prepares it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::report::Report;
use super::tests::{OWNER, USER, as_user, make, shared_place, uid};
use super::*;

const ROUNDS: u32 = 300;
/// Where the user's thread got no turn in all of these.
const MOST_ROUNDS: u32 = 100 * ROUNDS;

/// Everything that could be done to what lies outside: name, owner, mode, links, content.
fn snapshot(directory: &Path) -> Vec<(OsString, u32, u32, u64, String)> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).expect("list") {
        let entry = entry.expect("an entry");
        let stat = entry.metadata().expect("stat");
        let content = if stat.is_file() { fs::read_to_string(entry.path()).expect("read") } else { String::new() };
        entries.push((entry.file_name(), stat.uid(), stat.mode(), stat.nlink(), content));
        if stat.is_dir() {
            entries.extend(snapshot(&entry.path()));
        }
    }
    entries.sort();
    entries
}

/// Does something as the user, again and again, while root does its rounds; how often it came off.
fn race(user: impl Fn() -> u64 + Sync, mut root: impl FnMut()) -> u64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let again = || {
        while !stop.load(Ordering::Relaxed) {
            count.fetch_add(user(), Ordering::Relaxed);
        }
    };
    let is_due = |round: &u32| *round < ROUNDS || count.load(Ordering::Relaxed) == 0;
    std::thread::scope(|scope| {
        let user = scope.spawn(|| as_user(again));
        let rounds = AssertUnwindSafe(|| (0..MOST_ROUNDS).take_while(is_due).for_each(|_| root()));
        let rounds = std::panic::catch_unwind(rounds);
        stop.store(true, Ordering::Relaxed);
        user.join().and(rounds).expect("both threads");
    });
    let count = count.into_inner();
    assert!(count > 0, "nobody raced");
    count
}

fn copy(from: PathBuf, to: PathBuf, overwrite: bool) -> bool {
    let step = Step::Copy { from, to, overwrite, owner: Some(OWNER) };
    perform(&step, Report::new("race", false))
}

fn swap(one: &Path, other: &Path) -> u64 {
    u64::from(renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).is_ok())
}

/// `volume/a` and `volume/b` are a directory and a symlink to a root's directory that has the same names in it, and
/// `volume/a/x` and `y` a file and a symlink to a root's file; the user swaps both pairs, on and on.
#[test]
fn a_racing_user_gains_nothing() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["outside/x", "outside/sub/x", "outside/victim", "seed/x", "seed/sub/x", "seed/sub/z"]);
    make(place.path(), &["volume/a/x", "volume/a/sub/x", "volume/a/victim"]);
    symlink("../outside", at("volume/b")).expect("symlink");
    symlink("../../outside/x", at("volume/a/y")).expect("symlink");
    for name in ["volume", "volume/a", "volume/a/x", "volume/a/y", "volume/b", "volume/a/sub", "volume/a/sub/x"] {
        lchown(at(name), Some(USER), Some(USER)).expect("chown");
    }
    let outside = snapshot(&at("outside"));

    let owner = Some(OWNER);
    let directory = |name, recursive| Step::Directory { path: at(name), owner, mode: Some(0o775), recursive };
    let copy = |from, to, overwrite| Step::Copy { from: at(from), to: at(to), overwrite, owner };
    let steps = [
        directory("volume", Recursive::Always),
        directory("volume/a", Recursive::Always),
        directory("volume/a/sub", Recursive::Never),
        directory("volume/a/new/one", Recursive::Never),
        copy("seed", "volume/a", true),
        copy("seed", "volume/a", false),
        copy("seed/x", "volume/a/x", true),
        Step::Remove { paths: vec![at("volume/a/victim"), at("volume/a/sub/z"), at("volume/a/x")] },
    ];
    let user = || {
        // What was removed comes back, so that there is always something to swap and to remove.
        for name in ["volume/a/x", "volume/a/victim"] {
            let _ = File::create_new(at(name));
        }
        [("volume/a/x", "volume/a/y"), ("volume/a", "volume/b")]
            .iter()
            .map(|(one, other)| swap(&at(one), &at(other)))
            .sum()
    };
    let mut done = 0;
    race(user, || {
        done += steps.iter().filter(|step| perform(step, Report::new("race", false))).count();
    });
    assert_eq!(snapshot(&at("outside")), outside);
    assert!(done > 0, "nothing was done");
}

/// The user moves a directory while root is in it, to where the way back leads out of the volume.
#[test]
fn the_way_back_is_the_one_that_was_come() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["volume/a/sub/", "drop/sub/"]);
    for name in ["volume", "volume/a", "volume/a/sub", "drop", "drop/sub"] {
        lchown(at(name), Some(USER), Some(USER)).expect("chown");
    }
    let path = at("volume/a/sub/../../new");
    let step = Step::Directory { path, owner: Some(OWNER), mode: None, recursive: Recursive::Never };
    race(
        || swap(&at("volume/a/sub"), &at("drop/sub")),
        || {
            assert!(perform(&step, Report::new("race", false)));
            fs::remove_dir(at("volume/new")).expect("it is there");
        },
    );
}

/// The user swaps a file for a symlink and for a hard link to a secret, while root copies it to where all can read it.
#[test]
fn a_copy_reads_nothing_else_than_it_looked_at() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["secret/one", "secret/two", "volume/x", "to/"]);
    symlink("../secret/one", at("volume/y")).expect("symlink");
    fs::hard_link(at("secret/two"), at("volume/z")).expect("link");
    for name in ["volume", "volume/x", "volume/y"] {
        lchown(at(name), Some(USER), Some(USER)).expect("chown");
    }
    let user = || swap(&at("volume/x"), &at("volume/y")) + swap(&at("volume/x"), &at("volume/z"));
    race(user, || {
        copy(at("volume"), at("to"), true);
        for (name, .., content) in snapshot(&at("to")) {
            assert!(!content.starts_with("secret"), "{name:?}");
            fs::remove_file(at("to").join(name)).expect("unlink");
        }
    });
}

/// The user's own file comes while root is making a copy of that name.
#[test]
fn a_copy_replaces_nothing_that_came_meanwhile() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["seed/x", "volume/"]);
    lchown(at("volume"), Some(USER), Some(USER)).expect("chown");
    let mut seen = 0;
    let created = race(
        || u64::from(File::create_new(at("volume/x")).is_ok()),
        || {
            copy(at("seed"), at("volume"), false);
            // In one move, or the user's next one would be taken for this.
            fs::rename(at("volume/x"), at("taken")).expect("there is one");
            seen += u64::from(fs::read(at("taken")).expect("read").is_empty());
        },
    );
    assert_eq!(created, seen + u64::from(at("volume/x").exists()));
}

/// The user swaps a directory that is closed to it for one that was made a moment ago, and is about to be given away.
#[test]
fn a_closed_directory_does_not_pass_for_a_new_one() {
    let place = shared_place();
    let at = |name: &str| place.path().join(name);
    make(place.path(), &["seed/new/", "volume/closed/secret"]);
    lchown(at("volume"), Some(USER), Some(USER)).expect("chown");
    let (new, closed) = (at("volume/new"), at("volume/closed"));
    let user = || swap(&new, &closed);
    race(user, || {
        copy(at("seed"), at("volume"), false);
        // Only the empty one can be removed, whichever name it has now; then the names are as before.
        let removed = (0..1_000_000).any(|_| fs::remove_dir(&new).is_ok() || fs::remove_dir(&closed).is_ok());
        assert!(removed, "there is no empty one");
        let _ = fs::rename(&new, &closed);
    });
    assert_eq!(uid(&closed), 0);
}
