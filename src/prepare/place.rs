//! The way to a path, component by component, on which nobody can lead root astray.
//!
//! A symlink is followed only where nobody but root (or app-init's own user) can have placed it: it is theirs, and so
//! is every directory from the start to it, none of them writable by group or others. `/var/run -> /run` of an image
//! is; one on a volume is not, nor is one in `/tmp`, into which a user can move root's links. `..` goes back the way
//! that was come, so that a directory which is moved meanwhile leads nowhere else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, readlinkat};
use nix::unistd::geteuid;

use super::entry::{Entry, WRITE_FOR_OTHERS};
use super::report::Failure;

/// As many as the kernel follows (path_resolution(7)).
const LINKS: u32 = 40;
const PARENT_MODE: u32 = 0o755;

/// A directory on the way, and whether all of the way to it can be trusted.
struct Place {
    directory: Entry,
    trusted: bool,
}

impl Place {
    fn start(path: &Path) -> Result<Place, Failure> {
        let start = Path::new(if path.is_absolute() { "/" } else { "." });
        let directory = Entry::open(AT_FDCWD, start).map_err(|errno| refusal("enter", start, errno))?;
        Ok(Place::new(directory, true))
    }

    fn new(directory: Entry, trusted: bool) -> Place {
        let trusted = trusted && is_ours(&directory) && directory.stat.st_mode & WRITE_FOR_OTHERS == 0;
        Place { directory, trusted }
    }
}

fn is_ours(entry: &Entry) -> bool {
    entry.stat.st_uid == 0 || entry.stat.st_uid == geteuid().as_raw()
}

/// What to do about a missing directory on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    Fail,
    /// With mode 0755.
    Make,
}

/// The directory that holds `path`, and the name there, which is not looked at.
pub fn parent(path: &Path, missing: Missing) -> Result<(Entry, &OsStr), Failure> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((open(parent, missing)?, name)),
        _ => Err(Failure::refused(format!("cannot use {}: it ends in no name; write its plain path", path.display()))),
    }
}

/// The directory that is, or is to be, at `path`, where no symlink is followed; whether it is new, for which
/// [`Entry::make`] says what is left to do.
pub fn directory(path: &Path) -> Result<(Entry, bool), Failure> {
    let (parent, name) = parent(path, Missing::Make)?;
    let (entry, is_new) = match Entry::open(&parent.fd, name) {
        Err(Errno::ENOENT) => Entry::make(&parent.fd, name),
        opened => opened.map(|entry| (entry, false)),
    }
    .map_err(|errno| refusal("make", path, errno))?;
    if entry.is_directory() { Ok((entry, is_new)) } else { Err(not_a_directory(path, &entry)) }
}

fn open(path: &Path, missing: Missing) -> Result<Entry, Failure> {
    let mut here = Place::start(path)?;
    let mut above = Vec::new();
    let mut shown = PathBuf::new();
    let mut ahead = backwards(path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match name.as_bytes() {
            b"." => {}
            b"/" => {
                here = Place::start(Path::new("/"))?;
                above.clear();
                shown = PathBuf::from("/");
            }
            b".." => {
                here = match above.pop() {
                    Some(place) => place,
                    None => Place::new(look(&here, &name, &shown)?, here.trusted),
                };
                shown.push(&name);
            }
            _ => {
                let found = match look(&here, &name, &shown) {
                    Err(failure) if failure.errno == Errno::ENOENT && missing == Missing::Make => {
                        make(&here, &name, &shown.join(&name))?
                    }
                    found => found?,
                };
                if found.is_directory() {
                    let trusted = here.trusted;
                    above.push(std::mem::replace(&mut here, Place::new(found, trusted)));
                    shown.push(&name);
                } else if found.is_symlink() && here.trusted && is_ours(&found) && links < LINKS {
                    links += 1;
                    let target = readlinkat(&found.fd, c"");
                    let target = target.map_err(|errno| refusal("follow", &shown.join(&name), errno))?;
                    ahead.append(&mut backwards(Path::new(&target)));
                } else {
                    return Err(not_a_directory(&shown.join(&name), &found));
                }
            }
        }
    }
    Ok(here.directory)
}

fn backwards(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|component| component.as_os_str().to_owned()).collect()
}

fn look(here: &Place, name: &OsStr, shown: &Path) -> Result<Entry, Failure> {
    Entry::open(&here.directory.fd, name).map_err(|errno| refusal("enter", &shown.join(name), errno))
}

fn make(here: &Place, name: &OsStr, shown: &Path) -> Result<Entry, Failure> {
    let made = Entry::make(&here.directory.fd, name).and_then(|(entry, is_new)| {
        if is_new {
            entry.set_mode(PARENT_MODE)?;
        }
        Ok(entry)
    });
    made.map_err(|errno| refusal("make", shown, errno))
}

fn refusal(what: &str, path: &Path, errno: Errno) -> Failure {
    Failure::new(format_args!("{what} {}", path.display()), errno)
}

fn not_a_directory(path: &Path, entry: &Entry) -> Failure {
    let why = if entry.is_symlink() {
        "a symbolic link, which is not followed here; name what it leads to"
    } else {
        "not a directory; name another path"
    };
    Failure::refused(format!("cannot enter {}: it is {why}", path.display()))
}
