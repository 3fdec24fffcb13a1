//! What can be prepared.

use std::path::PathBuf;

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
