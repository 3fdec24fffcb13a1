//! Becoming another user, for good.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

use crate::identity::Identity;

/// Takes on `identity`: groups, then gid, then uid, since only root may change the former two. Then the kernel is asked
/// what became of it, because a filter or an LSM may have said yes and done nothing.
///
/// # Errors
///
/// What setgroups(2), setresgid(2) or setresuid(2) say, and EPERM where the answer is another identity or a way back to
/// root is left.
pub fn become_user(identity: &Identity) -> Result<(), Errno> {
    let uid = Uid::from_raw(identity.uid);
    let gid = Gid::from_raw(identity.gid);
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let (uids, gids) = (getresuid()?, getresgid()?);
    let now: BTreeSet<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
    let is_it = [uids.real, uids.effective, uids.saved].iter().all(|now| *now == uid)
        && [gids.real, gids.effective, gids.saved].iter().all(|now| *now == gid)
        && now == identity.groups.iter().copied().collect();
    let root = Uid::from_raw(0);
    if is_it && (uid == root || setresuid(root, root, root).is_err()) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Whether this process may become any user. A capability without uid 0 is not counted on: it may end with the change.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Reads a file with the rights of `identity`: root's own are put aside meanwhile. The kernel takes root's file
/// capabilities away with the file system uid (capabilities(7)), and gives them back with it.
pub fn with_rights_of<T>(identity: &Identity, read: impl FnOnce() -> T) -> T {
    use nix::unistd::{setfsgid, setfsuid};
    let own_groups = getgroups().unwrap_or_default();
    let own_gid = Gid::effective();
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    let _ = setgroups(&groups);
    setfsgid(Gid::from_raw(identity.gid));
    setfsuid(Uid::from_raw(identity.uid));
    let answer = read();
    setfsuid(Uid::effective());
    setfsgid(own_gid);
    let _ = setgroups(&own_groups);
    answer
}
