//! Every entry of a tree, in no order, without following a symlink and without leaving the mount that it starts on.
//!
//! The tree may be somebody's trap, and may change under the walk. It goes by descriptors and never back by a name; it
//! needs no stack and two descriptors for each level, of which it takes [`DEEPEST`]; what lies deeper is told and left
//! alone. (No path that a program can name in full is that deep in practice: it has 4096 bytes.)

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::OwningIter;
use nix::errno::Errno;
use nix::unistd::geteuid;

use super::Owner;
use super::entry::Entry;
use super::report::{Failure, Report};

/// With a copy's third descriptor this is well below the usual limit of 1024.
const DEEPEST: usize = 256;

/// A walk at one of its places.
#[derive(Debug)]
pub struct Walk {
    levels: Vec<Level>,
    path: PathBuf,
}

#[derive(Debug)]
struct Level {
    directory: Entry,
    names: OwningIter,
}

/// What the walk comes to.
#[derive(Debug)]
pub enum News {
    /// An entry of the directory that it is in. To go in, [`Walk::descend`].
    Found(OsString, Entry),
    /// The end of a directory that was gone into, with its path; the top one last.
    Left(Entry, PathBuf),
}

impl Walk {
    pub fn start(top: &Entry, path: &Path) -> Result<Walk, Failure> {
        let entered = Entry::open(&top.fd, c".").and_then(|directory| Ok((directory.list()?.into_iter(), directory)));
        let failed = |errno| Failure::new(format_args!("list {}", path.display()), errno);
        let (names, directory) = entered.map_err(failed)?;
        Ok(Walk { levels: vec![Level { directory, names }], path: path.to_owned() })
    }

    /// Goes into a directory that was just found; hands it back where it could not.
    pub fn descend(&mut self, name: &OsStr, directory: Entry, report: &mut Report<'_>) -> Option<Entry> {
        let path = self.path.join(name);
        if self.levels.len() >= DEEPEST {
            report.skip(format_args!("{}, which is {DEEPEST} directories deep", path.display()));
            return Some(directory);
        }
        match directory.list() {
            Ok(names) => self.levels.push(Level { directory, names: names.into_iter() }),
            Err(errno) => {
                report.fail(&Failure::new(format_args!("list {}", path.display()), errno));
                return Some(directory);
            }
        }
        self.path = path;
        None
    }

    pub fn next(&mut self, report: &mut Report<'_>) -> Option<News> {
        loop {
            let level = self.levels.last_mut()?;
            let name = match level.names.next() {
                Some(Ok(listed)) => OsStr::from_bytes(listed.file_name().to_bytes()).to_owned(),
                ended => {
                    if let Some(Err(errno)) = ended {
                        report.fail(&Failure::new(format_args!("list {}", self.path.display()), errno));
                    }
                    let left = self.levels.pop()?;
                    let path = self.path.clone();
                    self.path.pop();
                    return Some(News::Left(left.directory, path));
                }
            };
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            match level.directory.open_within(&name) {
                Ok(entry) => return Some(News::Found(name, entry)),
                // It went while the directory was read.
                Err(Errno::ENOENT) => {}
                Err(Errno::EXDEV) => {
                    report.skip(format_args!("{}, which is another mount; name it by itself", self.shown(&name)));
                }
                Err(errno) => report.fail(&Failure::new(format_args!("open {}", self.shown(&name)), errno)),
            }
        }
    }

    /// The directory that the walk is in.
    pub fn directory(&self) -> Option<&Entry> {
        self.levels.last().map(|level| &level.directory)
    }

    /// The path of an entry of this directory, for messages.
    pub fn shown(&self, name: &OsStr) -> String {
        self.path.join(name).display().to_string()
    }
}

/// Makes everything below `top` the owner's, but not `top` itself.
///
/// A directory comes after what is in it: until then the new owner adds nothing there that is root's.
pub fn give_content(top: &Entry, path: &Path, owner: Owner, report: &mut Report<'_>) -> Result<(), Failure> {
    let mut walk = Walk::start(top, path)?;
    while let Some(news) = walk.next(report) {
        let (entry, shown) = match news {
            News::Left(directory, path) if walk.directory().is_some() => (directory, path.display().to_string()),
            News::Left(..) => return Ok(()),
            News::Found(name, entry) if entry.is_directory() => {
                let shown = walk.shown(&name);
                match walk.descend(&name, entry, report) {
                    Some(directory) => (directory, shown),
                    None => continue,
                }
            }
            News::Found(name, entry) => {
                let shown = walk.shown(&name);
                if entry.is_foreign_device(owner.uid) {
                    report.skip(format_args!("{shown}, which is a device and is uid {}'s", entry.stat.st_uid));
                    continue;
                }
                if walk.directory().is_some_and(|directory| entry.is_foreign_link(owner.uid, directory)) {
                    let uid = entry.stat.st_uid;
                    let links = if entry.stat.st_nlink > 1 { "has" } else { "may have (fs.protected_hardlinks)" };
                    report.skip(format_args!("{shown}, which {links} other hard links and is uid {uid}'s"));
                    continue;
                }
                (entry, shown)
            }
        };
        if let Err(errno) = entry.give(owner) {
            report.fail(&Failure::new(format_args!("set the owner of {shown}"), errno));
            // Without the right to do this once there is no point in trying a million times.
            if errno == Errno::EPERM && !geteuid().is_root() {
                return Ok(());
            }
        }
    }
    Ok(())
}
