//! A stale file that has to be gone.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::place::{self, Missing};
use super::report::Failure;

pub fn remove(path: &Path) -> Result<(), Failure> {
    let (parent, name) = match place::parent(path, Missing::Fail) {
        Err(failure) if failure.errno == Errno::ENOENT => return Ok(()),
        found => found?,
    };
    match unlinkat(&parent.fd, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(Errno::EISDIR) => {
            Err(Failure::refused(format!("cannot remove {}: it is a directory; remove names files", path.display())))
        }
        Err(errno) => Err(Failure::new(format_args!("remove {}", path.display()), errno)),
    }
}
