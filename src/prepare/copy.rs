//! Copies what is missing, as `cp -rn from/. to/` does for a directory and `cp -n from to` for a file.
//!
//! - What is there is left alone. With `overwrite` a regular file takes a regular file's place; nothing else is
//!   replaced.
//! - A file appears whole or not at all, so an interrupted start is made good by the next. It is written under a
//!   temporary name (`.app-init-…`), which only a kill at that moment leaves behind.
//! - Permissions are kept, without set-id bits and without the right to write for group and others: what root relies on
//!   would be anybody's. Symbolic links are copied as links. Times, extended attributes and ACLs are not copied, nor
//!   are ACLs taken over from where the copy lies. Without an owner the copies are app-init's own.
//! - Files with other hard links are left alone where they do not belong to the owner of the directory that holds them, or
//!   where group or others may write to that directory: who can write there may have linked what only root should read.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::Owner;
use super::entry::{Entry, WRITE_FOR_OTHERS};
use super::place::{self, Missing};
use super::report::{Failure, Report, errno_of};
use super::walk::{News, Walk};
use crate::sys::descriptors;

const PERMISSIONS: u32 = 0o777 & !WRITE_FOR_OTHERS;

/// Copies `from`, a file or what is in a directory, to `to`.
pub fn copy(
    from: &Path,
    to: &Path,
    overwrite: bool,
    owner: Option<Owner>,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let (directory, name) = place::parent(from, Missing::Fail)?;
    let shown = from.display().to_string();
    let entry = Entry::open(&directory.fd, name);
    let entry = entry.map_err(|errno| Failure::new(format_args!("copy {shown}"), errno))?;
    let copies = Copies { to, overwrite, owner };
    if entry.is_directory() {
        return copies.tree(&entry, from, report);
    }
    if !entry.is_file() {
        let what = entry.what();
        return Err(Failure::refused(format!("cannot copy {shown}: it is {what}; name a file or a directory")));
    }
    if let Some(why) = unfit(&entry, &directory) {
        report.skip(format_args!("{shown}, which {why}"));
        return Ok(());
    }
    let source = Source { entry: &entry, directory: &directory, name, shown: &shown };
    let (target, new_name) = place::parent(to, Missing::Make)?;
    match Entry::open(&target.fd, new_name) {
        // As cp(1): into a directory that is there, under its own name.
        Ok(there) if there.is_directory() => copies.leaf(&source, &there, name),
        _ => copies.leaf(&source, &target, new_name),
    }
}

/// Why an entry of a directory is not copied.
fn unfit(entry: &Entry, directory: &Entry) -> Option<&'static str> {
    if entry.may_be_linked_to(directory) {
        return Some("has other hard links, and somebody else could have put it there");
    }
    let is_special = !entry.is_file() && !entry.is_directory() && !entry.is_symlink();
    is_special.then_some("is neither a file nor a directory nor a symbolic link")
}

/// How the copies are to be.
struct Copies<'t> {
    to: &'t Path,
    overwrite: bool,
    owner: Option<Owner>,
}

/// What is to be copied, and where it was found.
struct Source<'s> {
    entry: &'s Entry,
    directory: &'s Entry,
    name: &'s OsStr,
    shown: &'s str,
}

/// A directory that is being filled.
struct Target {
    directory: Entry,
    is_new: bool,
}

impl Copies<'_> {
    fn tree(&self, from: &Entry, path: &Path, report: &mut Report<'_>) -> Result<(), Failure> {
        let (directory, is_new) = place::directory(self.to)?;
        let top = (directory.stat.st_dev, directory.stat.st_ino);
        let mut targets = vec![Target { directory, is_new }];
        let mut walk = Walk::start(from, path)?;
        while let Some(news) = walk.next(report) {
            let done = match news {
                News::Left(from, _) => match targets.pop() {
                    Some(target) => self.finish(&target, from.stat.st_mode, path),
                    None => Ok(()),
                },
                News::Found(name, entry) => {
                    let shown = walk.shown(&name);
                    let (Some(directory), Some(target)) = (walk.directory(), targets.last()) else { break };
                    let source = Source { entry: &entry, directory, name: &name, shown: &shown };
                    if let Some(why) = unfit(&entry, directory) {
                        report.skip(format_args!("{shown}, which {why}"));
                        Ok(())
                    } else if !entry.is_directory() {
                        self.leaf(&source, &target.directory, &name)
                    } else if (entry.stat.st_dev, entry.stat.st_ino) == top {
                        Err(Failure::refused(format!("cannot copy {shown} into itself; name another place")))
                    } else {
                        let mode = entry.stat.st_mode;
                        self.directory(&source, &target.directory).and_then(|target| {
                            if walk.descend(&name, entry, report).is_some() {
                                return self.finish(&target, mode, path);
                            }
                            targets.push(target);
                            Ok(())
                        })
                    }
                }
            };
            if let Err(failure) = done {
                report.fail(&failure);
            }
        }
        Ok(())
    }

    fn failure(&self, what: &str, shown: &str, errno: Errno) -> Failure {
        Failure::new(format_args!("{what} {shown} to {}", self.to.display()), errno)
    }

    /// The directory to copy one into.
    fn directory(&self, source: &Source<'_>, target: &Entry) -> Result<Target, Failure> {
        let opened = match target.open_within(source.name) {
            Err(Errno::ENOENT) => Entry::make(&target.fd, source.name),
            opened => opened.map(|directory| (directory, false)),
        };
        match opened {
            Ok((directory, is_new)) if directory.is_directory() => Ok(Target { directory, is_new }),
            Ok(_) => Err(self.failure("copy", source.shown, Errno::ENOTDIR)),
            Err(errno) => Err(self.failure("copy", source.shown, errno)),
        }
    }

    /// Gives a new directory its mode and owner once it is full: until then nobody else enters it.
    fn finish(&self, target: &Target, mode: u32, path: &Path) -> Result<(), Failure> {
        if !target.is_new {
            return Ok(());
        }
        let done = target.directory.set_mode(mode & PERMISSIONS).and_then(|()| self.give(&target.directory));
        done.map_err(|errno| self.failure("set mode and owner of a directory from", &path.display().to_string(), errno))
    }

    fn give(&self, copy: &Entry) -> nix::Result<()> {
        self.owner.map_or(Ok(()), |owner| copy.give(owner))
    }

    fn leaf(&self, source: &Source<'_>, target: &Entry, new_name: &OsStr) -> Result<(), Failure> {
        let copied = match Entry::open(&target.fd, new_name) {
            Ok(there) if !(self.overwrite && there.is_file() && source.entry.is_file()) => return Ok(()),
            Ok(_) | Err(Errno::ENOENT) if source.entry.is_symlink() => self.link(source, target, new_name),
            Ok(_) | Err(Errno::ENOENT) => self.file(source, target, new_name),
            Err(errno) => Err(errno),
        };
        copied.map_err(|errno| self.failure("copy", source.shown, errno))
    }

    fn link(&self, source: &Source<'_>, target: &Entry, new_name: &OsStr) -> nix::Result<()> {
        match symlinkat(readlinkat(&source.entry.fd, c"")?.as_os_str(), &target.fd, new_name) {
            Err(Errno::EEXIST) => return Ok(()),
            made => made?,
        }
        let made = Entry::open(&target.fd, new_name)?;
        // Another entry that took its name since is not touched.
        if made.is_symlink() && made.stat.st_nlink == 1 { self.give(&made) } else { Ok(()) }
    }

    fn file(&self, source: &Source<'_>, target: &Entry, new_name: &OsStr) -> nix::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let from = Entry::of(openat(&source.directory.fd, source.name, flags, Mode::empty())?)?;
        // The name may be another entry's by now.
        if !from.is_file() || unfit(&from, source.directory).is_some() {
            return Err(Errno::ESTALE);
        }
        let temporary = format!(".app-init-{:016x}", RandomState::new().build_hasher().finish());
        let temporary = temporary.as_str();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let new = Entry::of(openat(&target.fd, temporary, flags, Mode::S_IRUSR | Mode::S_IWUSR)?)?;
        let appear = || {
            // A link replaces nothing. Where there are none, or not to another user's file, a name that was free a
            // moment ago is taken by force.
            if !self.overwrite
                && let Ok(()) | Err(Errno::EEXIST) =
                    linkat(&target.fd, temporary, &target.fd, new_name, AtFlags::empty())
            {
                return Ok(());
            }
            renameat(&target.fd, temporary, &target.fd, new_name)
        };
        let made = self.fill(from, &new).and_then(|owned| appear().and(owned));
        // Gone already when it was renamed.
        let _ = unlinkat(&target.fd, temporary, UnlinkatFlags::NoRemoveDir);
        made
    }

    /// Content and permissions, and then the owner: whether that one could be set is the inner result.
    fn fill(&self, from: Entry, new: &Entry) -> nix::Result<nix::Result<()>> {
        let mode = Mode::from_bits_truncate(from.stat.st_mode & PERMISSIONS);
        descriptors::drop_access_lists(&new.fd)?;
        let mut file = File::from(new.fd.try_clone().map_err(errno_of)?);
        io::copy(&mut File::from(from.fd), &mut file).map_err(errno_of)?;
        fchmod(&new.fd, mode)?;
        Ok(self.give(new))
    }
}
