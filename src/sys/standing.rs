//! Where in its container this process stands, and what the app-init that booted it says of itself.
//!
//! Without `/proc`, or with that of another PID namespace, this may be the boot.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::proc::{FirstChildren, each_process, is_ours, parent_of, process, whole_of};
use super::{opened, regular, signals};

/// How this process stands to the container in which it is (§1, nested use).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing says that the container was booted: this may be the boot.
    First,
    /// Another app-init is above this process, or is the container's init: this one.
    Nested(i32),
    /// Put by `docker exec` into a container that another program is the main process of: in exec mode the server.
    Beside,
}

/// Who is above this process, and who was in its container before it.
///
/// An app-init that is only beside it, such as another program of supervisord, says nothing. `docker exec` puts a process
/// into the namespace from outside: the kernel gives it 0 as its parent. So has the main process of a container that
/// shares the PID namespace of another, and that one boots: it is the first of those in its mount namespace.
#[must_use]
#[inline(never)]
pub fn standing() -> Standing {
    let own = signals::own_pid();
    if own == 1 || !is_ours() {
        return Standing::First;
    }
    let above = above(own);
    let top = above.last().copied().unwrap_or(own);
    // Of several the outermost has booted, unless all of them were put beside the one that has.
    let above = above.into_iter().rev().find(|&pid| is_app_init(pid)).map_or(Standing::First, Standing::Nested);
    if top == 1 || parent_of(top) != Some(0) {
        return above;
    }
    let mounts = mounts_of(own);
    let mut main = None;
    each_process(|pid| {
        let found = process(pid).filter(|process| process.parent == 0 && mounts.is_some() && mounts_of(pid) == mounts);
        main = main.into_iter().chain(found.map(|process| (process.start, pid))).min();
    });
    match main {
        Some((_, main)) if main != top => {
            // Below `docker run --init` another init is the main process, and app-init its child: the first of these,
            // since orphans that are app-inits too become its children later.
            let children = FirstChildren::of(main);
            let below = || children.all().iter().copied().filter(|&pid| is_app_init(pid));
            let first = || below().filter_map(|pid| Some((process(pid)?.start, pid))).min().map(|(_, pid)| pid);
            let init = if is_app_init(main) { Some(main) } else { first() };
            match (init, above) {
                (Some(init), _) => Standing::Nested(init),
                (None, Standing::First) => Standing::Beside,
                (None, above) => above,
            }
        }
        _ => above,
    }
}

/// Whether this process was put into its PID namespace from outside, as by `docker exec`.
#[must_use]
pub fn is_from_outside() -> bool {
    signals::own_pid() != 1 && nix::unistd::getppid().as_raw() == 0
}

/// The app-init that booted the container of a process that stands so, if this one may believe what that says of itself: it
/// belongs to root or to this process's user.
#[must_use]
pub fn boot(standing: Standing) -> Option<i32> {
    let Standing::Nested(pid) = standing else { return None };
    let own = nix::unistd::geteuid().as_raw();
    uids_of(pid)?.iter().all(|&uid| uid == 0 || uid == own).then_some(pid)
}

/// Who runs in this process's container and is not root: each with its group, once.
#[must_use]
pub fn others_than_root() -> Vec<(u32, u32)> {
    let mounts = mounts_of(signals::own_pid());
    let mut others = Vec::new();
    each_process(|pid| {
        let is_elsewhere = || mounts_of(pid).is_some_and(|its| mounts.as_ref() != Some(&its));
        let uids = uids_of(pid).filter(|uids| uids.iter().any(|&uid| uid != 0));
        let Some(uids) = uids.filter(|_| !is_elsewhere()) else { return };
        let gids = ids_of(pid, "Gid:").unwrap_or_default();
        others.extend(uids.into_iter().zip(gids).filter(|&(uid, _)| uid != 0));
    });
    others.sort_unstable();
    others.dedup();
    others
}

/// The uids of a process: real, effective, saved, and that for files.
fn uids_of(pid: i32) -> Option<Vec<u32>> {
    ids_of(pid, "Uid:")
}

fn ids_of(pid: i32, which: &str) -> Option<Vec<u32>> {
    let status = whole_of(pid, "status")?;
    let status = String::from_utf8_lossy(&status);
    let ids = status.lines().find_map(|line| line.strip_prefix(which))?;
    Some(ids.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect())
}

/// The words that a process was started with.
#[must_use]
pub fn command_of(pid: i32) -> Option<Vec<OsString>> {
    let text = whole_of(pid, "cmdline").filter(|text| !text.is_empty())?;
    let words = text.strip_suffix(b"\0").unwrap_or(&text).split(|&byte| byte == 0);
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// A variable that a process was given, empty where it was not; `None` where that cannot be seen.
#[must_use]
pub fn variable_of(pid: i32, name: &str) -> Option<OsString> {
    let text = whole_of(pid, "environ")?;
    let value = |string: &[u8]| string.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    Some(OsString::from_vec(text.split(|&byte| byte == 0).find_map(value).unwrap_or_default()))
}

/// The directory where a process is: itself, and not by its path, which may lead elsewhere by now.
///
/// # Errors
///
/// Why that cannot be seen.
pub fn directory_of(pid: i32) -> std::io::Result<File> {
    opened::open(Path::new(&format!("/proc/{pid}/cwd")), OFlag::O_PATH | OFlag::O_DIRECTORY)
}

/// The ancestors of a process, as far as they are in this PID namespace, from its parent on.
fn above(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut next = parent_of(pid);
    while let Some(parent) = next.filter(|&parent| parent != 0) {
        found.push(parent);
        next = parent_of(parent);
    }
    found
}

/// Whether a process executes this same program.
fn is_app_init(pid: i32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: String| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    if let (Some(one), Some(other)) = (file(format!("/proc/{pid}/exe")), file("/proc/self/exe".to_owned())) {
        return one == other;
    }
    // Another user may not look at its file, but at its name.
    whole_of(pid, "comm").is_some_and(|name| Some(name) == whole_of(signals::own_pid(), "comm"))
}

/// What tells a mount namespace from others: the number of its first mount, which everybody may read.
fn mounts_of(pid: i32) -> Option<Vec<u8>> {
    let start = regular::start_of(Path::new(&format!("/proc/{pid}/mountinfo")), 16)?;
    start.split(|&byte| byte == b' ').next().filter(|number| !number.is_empty()).map(<[u8]>::to_vec)
}
