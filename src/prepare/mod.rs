//! What has to be so before anything of the application runs: directories, stale files, defaults, a passwd entry (§5).
//!
//! It is mostly root that does this, on volumes that the unprivileged application owns and may be changing right now.
//! Three rules keep it from becoming that user's tool:
//!
//! - **A look and its deed share one descriptor.** Everything is opened by `O_PATH | O_NOFOLLOW` from the directory
//!   that holds it, looked at, and changed by that descriptor. A file to be read is opened once more, without waiting,
//!   and looked at again. `entry`.
//! - **No symlink is followed**, except on the way to a path, where nobody but root can have placed it. `place`.
//! - **A tree ends** at another mount, at devices of somebody else's, and at files that have several hard links and belong
//!   to somebody else, or may have been linked there by somebody else. `walk`, `entry`.
//!
//! It blocks, so a child of PID 1 does it.

mod copy;
mod directory;
mod entry;
mod passwd;
mod place;
mod remove;
mod report;
mod steps;
mod walk;

// nix has RENAME_EXCHANGE for glibc only.
#[cfg(all(test, target_env = "gnu"))]
mod race;
#[cfg(test)]
mod tests;

use std::path::Path;

use report::Report;

use crate::exit::PERMISSION;

pub use steps::{Owner, Preparation, Recursive, Step};

/// Does them in order: 0, or 77 when a required one failed, which is the last that is tried. The failures of others are
/// warnings. What is left alone on purpose (hard links, other mounts) is a warning and no failure.
#[must_use]
pub fn run(preparations: &[Preparation]) -> u8 {
    for Preparation { step, required, label } in preparations {
        if !perform(step, Report::new(label, *required)) && *required {
            return PERMISSION;
        }
    }
    0
}

/// Whether nothing of it failed.
fn perform(step: &Step, mut report: Report<'_>) -> bool {
    let done = match step {
        Step::Directory { path, owner, mode, recursive } => {
            directory::prepare(path, *owner, *mode, *recursive, &mut report)
        }
        Step::Remove { paths } => {
            for path in paths {
                if let Err(failure) = remove::remove(path) {
                    report.fail(&failure);
                }
            }
            Ok(())
        }
        Step::Copy { from, to, overwrite, owner } => copy::copy(from, to, *overwrite, *owner, &mut report),
        Step::PasswdEntry { uid, gid, home } => passwd::add(Path::new("/etc/passwd"), *uid, *gid, home),
    };
    if let Err(failure) = done {
        report.fail(&failure);
    }
    report.finish()
}
