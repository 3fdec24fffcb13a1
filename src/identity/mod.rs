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

use crate::sys::{credentials, regular};

pub use users::{Identity, is_user};

/// The files of users and groups, as bytes. A file that is not there is empty: images from scratch have none.
#[derive(Clone, Default, Debug)]
pub struct Databases {
    pub passwd: Vec<u8>,
    pub group: Vec<u8>,
    /// `/etc/gshadow`, which names members too (newgrp(1)); only root may read it, and only root asks.
    pub gshadow: Vec<u8>,
}

impl Databases {
    /// Reads `/etc/passwd`, `/etc/group` and, as root, `/etc/gshadow`.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read, is no regular file, or has more than 16 MiB.
    pub fn read() -> Result<Databases, String> {
        let [passwd, group] = ["/etc/passwd", "/etc/group"].map(|path| read(Path::new(path)));
        let gshadow = if credentials::is_root() { read(Path::new("/etc/gshadow"))? } else { Vec::new() };
        Ok(Databases { passwd: passwd?, group: group?, gshadow })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let content = regular::read(path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
    Ok(content.unwrap_or_default())
}
