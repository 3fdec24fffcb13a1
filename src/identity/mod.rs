//! Who programs run as, and what that user must not be able to change.
//!
//! - [`Databases`]: `/etc/passwd` and `/etc/group`, as they were read; `entries.rs` knows their lines.
//! - [`Identity`]: what `user = "…"` means there (`users.rs`).
//! - [`trust`]: whether a user could change a file that root is about to run or read.

mod databases;
mod entries;
#[cfg(test)]
mod properties;
pub mod trust;
mod users;

pub use databases::Databases;
pub use users::{Identity, is_user};
