//! One entry of an open directory, held by a descriptor that stands for it whatever becomes of its name.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use nix::NixPath;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchownat, geteuid};

use super::Owner;
use crate::sys::{descriptors, regular};

/// Names the entry itself, be it a symlink, and opens nothing: no fifo waits, no device starts (open(2), `O_PATH`).
const LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// What lets group and others write.
pub const WRITE_FOR_OTHERS: u32 = 0o022;

/// An entry and what it was when it was opened.
#[derive(Debug)]
pub struct Entry {
    pub fd: OwnedFd,
    pub stat: FileStat,
}

impl Entry {
    pub fn of(fd: OwnedFd) -> nix::Result<Entry> {
        let stat = fstat(&fd)?;
        Ok(Entry { fd, stat })
    }

    pub fn open<P: ?Sized + NixPath>(directory: impl AsFd, name: &P) -> nix::Result<Entry> {
        Entry::of(openat(directory, name, LOOK, Mode::empty())?)
    }

    /// The same, and `EXDEV` for what is mounted there.
    ///
    /// The kernel knows every mount, a bind mount of the same file system included. Before Linux 5.6, or where a filter
    /// refuses the call, only another file system's number shows.
    pub fn open_within(&self, name: &OsStr) -> nix::Result<Entry> {
        let how = OpenHow::new().flags(LOOK).resolve(ResolveFlag::RESOLVE_NO_XDEV);
        match openat2(&self.fd, name, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => {
                let entry = Entry::open(&self.fd, name)?;
                if entry.stat.st_dev == self.stat.st_dev { Ok(entry) } else { Err(Errno::EXDEV) }
            }
            opened => Entry::of(opened?),
        }
    }

    /// Makes a directory that only app-init can enter; whether it is new, and so whether mode and owner are to be set.
    ///
    /// Between making and opening somebody may have put another one in its place. Giving that one away could open it to
    /// people whom it was closed to, so a new one is one that is empty.
    pub fn make<P: ?Sized + NixPath>(directory: impl AsFd, name: &P) -> nix::Result<(Entry, bool)> {
        let made = match mkdirat(&directory, name, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(errno),
        };
        let entry = Entry::open(directory, name)?;
        if !made || !entry.is_directory() {
            return Ok((entry, false));
        }
        let mut listed = entry.list()?;
        let is_new = listed.iter().take(3).count() == 2;
        if is_new {
            descriptors::drop_access_lists(&listed)?;
        }
        Ok((entry, is_new))
    }

    /// The directory, to be read.
    pub fn list(&self) -> nix::Result<Dir> {
        Dir::openat(&self.fd, c".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
    }

    fn kind(&self) -> SFlag {
        SFlag::from_bits_truncate(self.stat.st_mode) & SFlag::S_IFMT
    }

    pub fn is_directory(&self) -> bool {
        self.kind() == SFlag::S_IFDIR
    }

    pub fn is_file(&self) -> bool {
        self.kind() == SFlag::S_IFREG
    }

    pub fn is_symlink(&self) -> bool {
        self.kind() == SFlag::S_IFLNK
    }

    /// For messages.
    pub fn what(&self) -> &'static str {
        match self.kind() {
            SFlag::S_IFDIR => "a directory",
            SFlag::S_IFREG => "a file",
            SFlag::S_IFLNK => "a symbolic link",
            _ => "a special file",
        }
    }

    /// Whether somebody who is not root may make names in it, or take them away.
    fn is_open_to_others(&self) -> bool {
        let is_own = self.stat.st_uid == 0 || self.stat.st_uid == geteuid().as_raw();
        !is_own || self.stat.st_mode & WRITE_FOR_OTHERS != 0
    }

    /// Whether it has names elsewhere, found as one in `directory`. Who linked it there may take that name away again
    /// before the names are counted, unless the kernel lets nobody link the files of others.
    fn may_have_other_names(&self, directory: &Entry) -> bool {
        let is_told = self.stat.st_nlink > 1 || directory.is_open_to_others() && !links_are_protected();
        !self.is_directory() && is_told
    }

    /// Whether it has names elsewhere and is not `uid`'s: somebody may have linked a foreign file to `directory`.
    pub fn is_foreign_link(&self, uid: u32, directory: &Entry) -> bool {
        self.stat.st_uid != uid && self.may_have_other_names(directory)
    }

    /// Whether it has names elsewhere, and its name in `directory` may have come from somebody who is not its owner.
    pub fn may_be_linked_to(&self, directory: &Entry) -> bool {
        let others_write = directory.stat.st_mode & WRITE_FOR_OTHERS != 0;
        (others_write || self.stat.st_uid != directory.stat.st_uid) && self.may_have_other_names(directory)
    }

    /// Whether it is a device of somebody else than `uid`: who gets that has what is behind it, wherever it lies.
    pub fn is_foreign_device(&self, uid: u32) -> bool {
        matches!(self.kind(), SFlag::S_IFBLK | SFlag::S_IFCHR) && self.stat.st_uid != uid
    }

    pub fn is_owned_by(&self, owner: Owner) -> bool {
        self.stat.st_uid == owner.uid && owner.gid.is_none_or(|gid| self.stat.st_gid == gid)
    }

    /// Makes it `owner`'s. The kernel takes the set-id bits and capabilities from a program that changes hands.
    pub fn give(&self, owner: Owner) -> nix::Result<()> {
        if self.is_owned_by(owner) {
            return Ok(());
        }
        let gid = owner.gid.map(Gid::from_raw);
        fchownat(&self.fd, c"", Some(Uid::from_raw(owner.uid)), gid, AtFlags::AT_EMPTY_PATH)
    }

    /// Sets a directory's permissions. Its set-id bits stay, as with chmod(1): a set-group-id bit hands the group down.
    pub fn set_mode(&self, mode: u32) -> nix::Result<()> {
        let now = self.stat.st_mode & 0o7777;
        let mode = mode | now & 0o6000;
        if mode == now { Ok(()) } else { fchmod(self.list()?, Mode::from_bits_truncate(mode)) }
    }
}

/// Whether nobody links files that they could not write to themselves (proc_sys_fs(5), `protected_hardlinks`).
fn links_are_protected() -> bool {
    static ARE_PROTECTED: OnceLock<bool> = OnceLock::new();
    let says_so = || regular::start_of(Path::new("/proc/sys/fs/protected_hardlinks"), 1).as_deref() == Some(b"1");
    *ARE_PROTECTED.get_or_init(says_so)
}
