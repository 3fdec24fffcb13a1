//! Who programs run as, and what that user must not be able to change.
//!
//! - [`Databases`]: `/etc/passwd` and `/etc/group`, read once by app-init itself; `entries.rs` knows their lines.
//! - [`Identity`]: what `user = "…"` means there (`users.rs`).
//! - [`trust`]: whether a user could change a file that root is about to run or read.

mod entries;
#[cfg(test)]
mod properties;
pub mod trust;
mod users;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

pub use users::Identity;

/// A file of users that is larger than this is no file of users. It bounds what is read and how long it takes.
const LARGEST: u64 = 16 << 20;

/// The files of users and groups, as bytes. A file that is not there is empty: images from scratch have none.
#[derive(Clone, Default, Debug)]
pub struct Databases {
    pub passwd: Vec<u8>,
    pub group: Vec<u8>,
}

impl Databases {
    /// Reads `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read, is no regular file, or has more than 16 MiB.
    pub fn read() -> Result<Databases, String> {
        Ok(Databases { passwd: read(Path::new("/etc/passwd"))?, group: read(Path::new("/etc/group"))? })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let refuse = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    // A pipe in the file's place would be waited for.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refuse(&error)),
    };
    if !file.metadata().map_err(|error| refuse(&error))?.is_file() {
        return Err(refuse(&"it is not a regular file; put one there, or none"));
    }
    let mut content = Vec::new();
    let length = file.take(LARGEST + 1).read_to_end(&mut content).map_err(|error| refuse(&error))?;
    if length as u64 > LARGEST {
        return Err(refuse(&"it has more than 16 MiB; make it smaller"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn a_regular_file_is_read_and_a_missing_one_is_empty() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("passwd");
        assert_eq!(read(&path), Ok(Vec::new()));
        fs::write(&path, "root:x:0:0::/root:/bin/sh\n").expect("writing");
        assert_eq!(read(&path), Ok(b"root:x:0:0::/root:/bin/sh\n".to_vec()));
        // Images may keep it elsewhere.
        std::os::unix::fs::symlink("passwd", folder.path().join("link")).expect("a link");
        assert!(read(&folder.path().join("link")).is_ok_and(|content| !content.is_empty()));
        assert!(Databases::read().is_ok());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().expect("a directory");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            let fault = read(path).expect_err("no regular file");
            assert_eq!(
                fault,
                format!("cannot read {}: it is not a regular file; put one there, or none", path.display())
            );
        }
        let loops = folder.path().join("loop");
        std::os::unix::fs::symlink("loop", &loops).expect("a link");
        assert!(read(&loops).is_err());
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("large");
        let file = File::create(&path).expect("a file");
        file.set_len(LARGEST).expect("a hole");
        assert!(read(&path).is_ok());
        file.set_len(1 << 40).expect("a larger hole");
        assert!(read(&path).is_err_and(|fault| fault.contains("16 MiB")));
    }
}
