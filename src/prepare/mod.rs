//! What has to be so before anything of the application runs: directories, stale files, defaults, a passwd entry (§5).
//!
//! It is mostly root that does this, on volumes that the unprivileged application owns and may be changing right now.
//! Three rules keep it from becoming that user's tool:
//!
//! - **A look and its deed share one descriptor.** Everything is opened by `O_PATH | O_NOFOLLOW` from the directory
//!   that holds it, looked at, and changed by that descriptor. A file to be read is opened once more, without waiting,
//!   and looked at again. `entry`.
//! - **No symlink is followed**, except on the way to a path, where nobody but root can have placed it. `place`.
//! - **A tree ends** at another mount and at files that have several hard links and belong to somebody else, or may have
//!   been linked there by somebody else. `walk`, `entry`.
//!
//! It blocks, so a child of PID 1 does it.

mod copy;
mod directory;
mod entry;
mod passwd;
mod place;
mod remove;
mod report;
mod walk;

// nix has RENAME_EXCHANGE for glibc only.
#[cfg(all(test, target_env = "gnu"))]
mod race;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use report::Report;

use crate::exit::PERMISSION;

/// One thing to do. Relative paths start at the current directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Makes a directory, or sets right the one that is there.
    ///
    /// What is missing is made, parents with mode 0755 and for app-init's own user. Owner and mode are the last
    /// directory's, and are set only where they differ. As with chmod(1), its set-id bits stay.
    Directory {
        path: PathBuf,
        owner: Option<Owner>,
        /// The directory's own; 0755 for a new one.
        mode: Option<u32>,
        /// Whether `owner` is for everything in it too.
        recursive: Recursive,
    },
    /// Removes files, sockets and symbolic links. One that is missing is fine, a directory is a failure.
    Remove { paths: Vec<PathBuf> },
    /// Copies a file, or what is in a directory, as far as it is missing. With `overwrite` regular files take the place
    /// of regular files. New parents are as those of a directory. The head of `copy.rs` says what a copy is.
    Copy { from: PathBuf, to: PathBuf, overwrite: bool, owner: Option<Owner> },
    /// Gives a uid that has none an entry in `/etc/passwd`, which programs ask for their name and home.
    PasswdEntry { uid: u32, gid: u32, home: Vec<u8> },
}

/// Whose something is to be. Without `gid` the group stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    pub uid: u32,
    pub gid: Option<u32>,
}

/// When the owner of a directory's content is set too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Recursive {
    Never,
    /// When the directory itself is not the owner's. It is changed last, so an interrupted walk is done again at the
    /// next start. The default: one look at a volume that is right already.
    #[default]
    IfTopDiffers,
    Always,
}

/// A step of the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preparation {
    pub step: Step,
    /// Whether the application cannot do without it.
    pub required: bool,
    /// Its key, for messages: `prepare[0]`.
    pub label: String,
}

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
