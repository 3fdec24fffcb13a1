//! What a plan reads beside its configuration: regular files and directories, each bounded, none of which can block.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::users;
use crate::identity::Identity;
use crate::identity::trust::{self, Boundary};
use crate::sys::{credentials, on_behalf, regular};

/// The way to the disk; a test has its own. `None` is an answer: there is nothing.
pub trait Files {
    /// # Errors
    ///
    /// Why it cannot be read, and what to do.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String>;

    /// Reads with the rights of somebody else.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    fn read_as(&self, identity: &Identity, path: &Path) -> Result<Option<Vec<u8>>, String>;

    /// The names in a directory in byte order, without those that begin with a dot.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String>;

    /// The same with the rights of somebody else.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    fn list_as(&self, identity: &Identity, directory: &Path) -> Result<Option<Vec<OsString>>, String>;

    /// Whether somebody (`None`: app-init) sees something there.
    fn is_there(&self, path: &Path, identity: Option<&Identity>) -> bool;

    /// Whether `user` could change what is there, or put something there.
    fn is_of(&self, user: &Boundary, path: &Path) -> bool;
}

/// The real one.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String> {
        regular::read(path)
    }

    fn read_as(&self, identity: &Identity, path: &Path) -> Result<Option<Vec<u8>>, String> {
        if !credentials::is_root() {
            return self.read(path);
        }
        // Who app-init is itself may read it.
        on_behalf::of(identity, || self.read(path)).map_err(|why| why.replace("this user", &users::shown(identity)))
    }

    fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if regular::is_absence(&error) => return Ok(None),
            Err(error) => return Err(regular::why_not(&error)),
        };
        let mut names: Vec<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        Ok(Some(names))
    }

    fn list_as(&self, identity: &Identity, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        if !credentials::is_root() {
            return self.list(directory);
        }
        // No name holds a slash.
        let join = |names: Vec<OsString>| names.join(OsStr::new("/")).into_vec();
        let listed = on_behalf::of(identity, || Ok(self.list(directory)?.map(join)));
        let listed = listed.map_err(|why| why.replace("this user", &users::shown(identity)))?;
        let split = |joined: Vec<u8>| -> Vec<OsString> {
            let names = joined.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
            names.map(|name| OsStr::from_bytes(name).to_owned()).collect()
        };
        Ok(listed.map(split))
    }

    fn is_there(&self, path: &Path, identity: Option<&Identity>) -> bool {
        let look = || path.exists();
        identity.map_or_else(look, |identity| {
            on_behalf::of(identity, || Ok(look().then(Vec::new))).is_ok_and(|found| found.is_some())
        })
    }

    fn is_of(&self, user: &Boundary, path: &Path) -> bool {
        trust::could_be_put_by(path, user, &[]).is_some()
    }
}
