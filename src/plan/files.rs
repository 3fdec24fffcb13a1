//! What a plan reads beside its configuration: regular files and directories, each bounded, none of which can block.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::identity::Identity;
use crate::sys::{credentials, regular};

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

    fn is_there(&self, path: &Path) -> bool;
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
        credentials::with_rights_of(identity, || self.read(path))
    }

    fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if regular::is_absence(&error) => return Ok(None),
            Err(error) => return Err(format!("{error}; make it readable for this user")),
        };
        let mut names: Vec<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        Ok(Some(names))
    }

    fn is_there(&self, path: &Path) -> bool {
        path.exists()
    }
}
