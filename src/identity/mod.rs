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

use std::path::Path;

use crate::sys::regular;

pub use users::{Identity, is_user};

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
    let content = regular::read(path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
    Ok(content.unwrap_or_default())
}
