//! Whether a user could change what root is about to run or read as its configuration (§5).
//!
//! The path is walked from `/` as the kernel walks it (path_resolution(7)), and every file on the way counts: who may
//! write to a directory may put another file in its place, and who owns something may change its mode. In a directory
//! with the sticky bit everybody may make files, but takes away only their own (inode(7)).
//!
//! Modes and owners are looked at, access control lists are not: where one grants a write, the mode's group bits show it
//! only to the file's own group.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::Identity;

/// As many links as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;
/// More than anybody needs.
const MOST_COPIES: u32 = 3;
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;

/// A user who is not root, and must not be able to become it.
#[derive(Clone, Debug)]
pub struct Boundary {
    pub identity: Rc<Identity>,
    /// Every group that could be this user's, with which it runs or not (newgrp(1)).
    pub groups: Vec<u32>,
    /// Only hooks run as this user: kept from it is what is root's, and not what is another user's.
    pub is_of_hook: bool,
}

impl Boundary {
    /// Whether a program has a right that this user must not get at; `None`: it runs as app-init, which is root.
    #[must_use]
    pub fn is_below(&self, program: Option<&Identity>) -> bool {
        let Some(program) = program else { return true };
        let mut groups = program.groups.iter().chain([&program.gid]);
        if self.is_of_hook {
            return program.uid == 0 || groups.any(|gid| *gid == 0) && !self.groups.contains(&0);
        }
        let own = &self.identity;
        program.uid != own.uid || !groups.all(|gid| *gid == own.gid || own.groups.contains(gid))
    }

    /// Whether the user may write to what has this owner, group and mode, or may give itself the right to.
    #[must_use]
    pub fn can_write(&self, uid: u32, gid: u32, mode: u32) -> bool {
        uid == self.identity.uid || mode & OTHERS_WRITE != 0 || mode & GROUP_WRITES != 0 && self.groups.contains(&gid)
    }
}

/// Whose doing is looked for.
#[derive(Clone, Copy)]
enum Who<'a> {
    User(&'a Boundary),
    /// Where it is not known who the users are: whoever is neither root nor this one.
    AnybodyBut(u32),
}

impl Who<'_> {
    fn owns(self, uid: u32) -> bool {
        match self {
            Who::User(user) => uid == user.identity.uid,
            Who::AnybodyBut(sure) => uid != 0 && uid != sure,
        }
    }

    fn can_write(self, file: &Metadata) -> bool {
        match self {
            Who::User(user) => user.can_write(file.uid(), file.gid(), file.mode()),
            Who::AnybodyBut(_) => self.owns(file.uid()) || file.mode() & (GROUP_WRITES | OTHERS_WRITE) != 0,
        }
    }
}

/// What is done to a path before anything else runs.
#[derive(Debug)]
pub struct Given {
    path: PathBuf,
    /// It is a copy, and whose this is it is; `None`: it is the user's.
    from: Option<PathBuf>,
}

impl Given {
    #[must_use]
    pub fn new(path: PathBuf, from: Option<PathBuf>) -> Given {
        // As the walk comes to it: without links. What is not there yet has none.
        let real = |above: &Path| Some(below(&fs::canonicalize(above).ok()?, path.strip_prefix(above).ok()?));
        Given { path: path.ancestors().find_map(real).unwrap_or(path), from }
    }
}

/// Joins two paths; an empty one adds no slash.
fn below(path: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { path.to_owned() } else { path.join(rest) }
}

/// Why something is as good as the user's.
#[derive(Debug)]
pub struct AtFault {
    /// The file or directory and its mode, as "PATH (mode 0775, owner 1000:1000)", the one nearest to `/`.
    pub why: String,
    /// It is not so now, but will be made so.
    pub is_given: bool,
}

/// Whether `path` (absolute or relative to the current directory) could be changed by `user`, or by everyone, or put there
/// if it is not there yet; `given` is what will have been done by then.
///
/// A directory at the end of the path counts with its own mode, sticky or not, since files could be added; what is in it
/// has to be asked for by itself. What cannot be looked at is a reason too: "PATH cannot be looked at: …".
#[must_use]
pub fn could_be_put_by(path: &Path, user: &Boundary, given: &[Given]) -> Option<AtFault> {
    Walk::new(Who::User(user), given).ask(path)
}

/// The same for whoever is not root.
#[must_use]
pub fn could_be_put_by_anybody(path: &Path) -> Option<AtFault> {
    Walk::new(Who::AnybodyBut(0), &[]).ask(path)
}

/// Whether a file is not for everybody to read, and could have been put there by somebody whose it is not, as a link to it:
/// what it says is then not to be told.
#[must_use]
pub fn is_kept_from_whoever_put_it(path: &Path) -> bool {
    let Ok(real) = fs::canonicalize(path) else { return false };
    let Ok(file) = fs::metadata(&real) else { return false };
    let above = real.ancestors().skip(1).map(fs::metadata);
    let is_everybodys = file.mode() & OTHERS_READ != 0
        && above.into_iter().all(|directory| directory.is_ok_and(|directory| directory.mode() & OTHERS_ENTER != 0));
    !is_everybodys && Walk::new(Who::AnybodyBut(file.uid()), &[]).ask(path).is_some()
}

/// What ends a walk before its end.
enum Obstacle {
    AtFault(AtFault),
    Unseen(io::Error),
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Obstacle {
        Obstacle::Unseen(error)
    }
}

struct Walk<'a> {
    who: Who<'a>,
    given: &'a [Given],
    /// Where the walk is: without links and `..`.
    at: PathBuf,
    /// The names that are still ahead.
    todo: VecDeque<Step>,
    links: u32,
    /// How many copies led here.
    copies: u32,
}

enum Step {
    Root,
    Up,
    Down(OsString),
}

impl<'a> Walk<'a> {
    fn new(who: Who<'a>, given: &'a [Given]) -> Walk<'a> {
        Walk { who, given, at: PathBuf::new(), todo: VecDeque::new(), links: 0, copies: 0 }
    }

    fn ask(self, path: &Path) -> Option<AtFault> {
        match self.along(path) {
            Ok(()) => None,
            Err(Obstacle::AtFault(at_fault)) => Some(at_fault),
            Err(Obstacle::Unseen(error)) => {
                Some(AtFault { why: format!("{} cannot be looked at: {error}", path.display()), is_given: false })
            }
        }
    }

    fn along(mut self, path: &Path) -> Result<(), Obstacle> {
        self.turn_to(path);
        if path.is_relative() {
            // The kernel gives it without links.
            self.turn_to(&std::env::current_dir()?);
        }
        while let Some(step) = self.todo.pop_front() {
            match step {
                Step::Root => self.at = PathBuf::from("/"),
                // `/..` is `/`.
                Step::Up => drop(self.at.pop()),
                Step::Down(name) => self.enter(&name)?,
            }
        }
        // The last one: nothing was looked up in it, so it has not been asked for yet.
        let Some(end) = look_at(&self.at)? else { return Ok(()) };
        if self.can_write(&end) { Err(at_fault(&self.at, &end)) } else { Ok(()) }
    }

    /// Puts the path before what is still ahead.
    fn turn_to(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::RootDir => self.todo.push_front(Step::Root),
                Component::ParentDir => self.todo.push_front(Step::Up),
                Component::Normal(name) => self.todo.push_front(Step::Down(name.to_owned())),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    /// Looks up one name in the directory where the walk is, after looking at who could put something else there.
    ///
    /// What is not there, and cannot be put there by the user, may be made by root some day: a directory, from which `..`
    /// leads back to what is there. So the walk goes on as if it were one of root's.
    fn enter(&mut self, name: &OsString) -> Result<(), Obstacle> {
        let path = self.at.join(name);
        self.take_given(&path)?;
        let Some(directory) = look_at(&self.at)? else {
            self.at = path;
            return Ok(());
        };
        let can_write = self.can_write(&directory);
        // The sticky bit keeps nobody from making files.
        let keeps_others_out = directory.mode() & STICKY != 0 && !self.who.owns(directory.uid());
        // Nothing in a directory of the user's is looked at: its file system may be the user's too, and never answer.
        if can_write && !keeps_others_out {
            return Err(at_fault(&self.at, &directory));
        }
        let Some(entry) = look_at(&path)? else {
            if can_write {
                return Err(at_fault(&self.at, &directory));
            }
            self.at = path;
            return Ok(());
        };
        if can_write && self.who.owns(entry.uid()) {
            return Err(at_fault(&path, &entry));
        }
        if entry.is_symlink() {
            if self.at.starts_with("/proc") {
                let why = format!("{} leads each process elsewhere", path.display());
                return Err(Obstacle::AtFault(AtFault { why, is_given: false }));
            }
            self.links += 1;
            if self.links > MOST_LINKS {
                return Err(io::Error::from(nix::errno::Errno::ELOOP).into());
            }
            // A link's own mode means nothing, and its owner cannot change where it leads.
            self.turn_to(&fs::read_link(&path)?);
        } else {
            self.at = path;
        }
        Ok(())
    }

    /// What is to be given to the user, or made from something else, counts as what it will be.
    fn take_given(&self, path: &Path) -> Result<(), Obstacle> {
        for Given { path: given, from } in self.given {
            let Ok(rest) = path.strip_prefix(given) else { continue };
            let Some(from) = from else {
                let why = format!("{} is given to that user by [[prepare]]", given.display());
                return Err(Obstacle::AtFault(AtFault { why, is_given: true }));
            };
            let from = below(from, rest);
            // Copies may go round in circles, and each name on the way is asked for.
            let copies = self.copies.saturating_add(1);
            let at_fault = if copies > MOST_COPIES {
                Some(AtFault { why: "too many copies of copies".to_owned(), is_given: false })
            } else {
                Walk { copies, ..Walk::new(self.who, self.given) }.ask(&from)
            };
            if let Some(AtFault { why, is_given }) = at_fault {
                let why = format!("[[prepare]] copies it from {}: {why}", from.display());
                return Err(Obstacle::AtFault(AtFault { why, is_given }));
            }
        }
        Ok(())
    }

    fn can_write(&self, file: &Metadata) -> bool {
        self.who.can_write(file)
    }
}

/// What there is of this name; `None`: nothing.
fn look_at(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn at_fault(path: &Path, file: &Metadata) -> Obstacle {
    let (mode, owner, group) = (file.mode() & 0o7777, file.uid(), file.gid());
    let why = format!("{} (mode {mode:04o}, owner {owner}:{group})", path.display());
    Obstacle::AtFault(AtFault { why, is_given: false })
}

#[cfg(test)]
mod tests;
