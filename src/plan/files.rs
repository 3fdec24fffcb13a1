//! What a plan reads beside its configuration: regular files and directories, each bounded, none of which can block.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::users;
use crate::identity::Identity;
use crate::identity::trust::{self, Boundary};
use crate::sys::{credentials, on_behalf, regular};

/// What a file holds; `None`: there is nothing. Or why it cannot be read, and what to do.
pub type Content = on_behalf::Found;

/// The way to the disk; a test has its own. `None` is an answer: there is nothing.
pub trait Files {
    /// # Errors
    ///
    /// Why it cannot be read, and what to do.
    fn read(&self, path: &Path) -> Content;

    /// Reads with the rights of somebody else.
    ///
    /// # Errors
    ///
    /// As [`Files::read`].
    fn read_as(&self, identity: &Identity, path: &Path) -> Content;

    /// The same for many, which are read by one process: to start one for each takes long.
    fn read_all_as(&self, identity: &Identity, paths: &[PathBuf]) -> Vec<Content>;

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

/// Appends a content to others: what it is, its length, itself.
fn pack(all: &mut Vec<u8>, content: Content) {
    let (mark, bytes) = on_behalf::packed(content);
    all.push(mark);
    all.extend_from_slice(&bytes.len().to_ne_bytes());
    all.extend_from_slice(&bytes);
}

/// Takes the first content off.
fn unpack(all: &[u8]) -> Option<(Content, &[u8])> {
    let (mark, rest) = all.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(usize::from_ne_bytes(*length))?;
    Some((on_behalf::unpacked(*mark, bytes.to_vec())?, rest))
}

/// The real one.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Content {
        regular::read(path)
    }

    fn read_as(&self, identity: &Identity, path: &Path) -> Content {
        if !credentials::is_root() {
            return self.read(path);
        }
        // Who app-init is itself may read it.
        on_behalf::of(identity, || self.read(path)).map_err(|why| why.replace("this user", &users::shown(identity)))
    }

    fn read_all_as(&self, identity: &Identity, paths: &[PathBuf]) -> Vec<Content> {
        if !credentials::is_root() {
            return paths.iter().map(|path| self.read(path)).collect();
        }
        let found = on_behalf::of(identity, || {
            let mut all = Vec::new();
            for path in paths {
                if all.len() as u64 <= regular::LARGEST {
                    pack(&mut all, self.read(path));
                }
            }
            Ok(Some(all))
        });
        let (mut packed, why) = match &found {
            Ok(all) => (all.as_deref().unwrap_or_default(), "the files before it are more than 16 MiB".to_owned()),
            Err(why) => (&[][..], why.clone()),
        };
        let mut read = Vec::with_capacity(paths.len());
        while let Some((content, others)) = unpack(packed) {
            read.push(content);
            packed = others;
        }
        read.resize(paths.len(), Err(why));
        let of_identity = |why: String| why.replace("this user", &users::shown(identity));
        read.into_iter().map(|content| content.map_err(of_identity)).collect()
    }

    fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if regular::is_absence(&error) => return Ok(None),
            Err(error) => return Err(regular::why_not(&error)),
        };
        let names: std::io::Result<Vec<OsString>> = entries.map(|entry| Ok(entry?.file_name())).collect();
        let mut names = names.map_err(|error| regular::why_not(&error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_back_as_they_were() {
        let large = vec![b'+'; 1 << 20];
        let contents: [Content; 6] = [
            Ok(Some(b"x\n".to_vec())),
            Ok(None),
            Ok(Some(Vec::new())),
            Err("no".to_owned()),
            Ok(Some(large)),
            Ok(None),
        ];
        let mut packed = Vec::new();
        for content in &contents {
            pack(&mut packed, content.clone());
        }
        let mut rest = packed.as_slice();
        for content in contents {
            let (read, others) = unpack(rest).expect("there is one more");
            assert_eq!(read, content);
            rest = others;
        }
        assert_eq!(unpack(rest), None);
        assert_eq!(unpack(&packed[..5]), None);
    }
}
