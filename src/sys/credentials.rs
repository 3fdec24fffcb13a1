//! Becoming another user, for good.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

use crate::identity::Identity;

/// Takes on `identity`: groups, then gid, then uid, since only root may change the former two. Then the kernel is asked
/// what became of it, because a filter or an LSM may have said yes and done nothing.
///
/// What is so already is not asked for: root without capabilities, or in a namespace of its own, is root all the same. It
/// keeps its groups where it may not change them: they are no less than what it has.
///
/// # Errors
///
/// What setgroups(2), setresgid(2) or setresuid(2) say, and EPERM where the answer is another identity or a way back to
/// root is left.
pub fn become_user(identity: &Identity) -> Result<(), Errno> {
    let uid = Uid::from_raw(identity.uid);
    let gid = Gid::from_raw(identity.gid);
    let root = Uid::from_raw(0);
    let keeps_groups = uid == root && has_uid(root)? && has_gid(gid)?;
    if !has_groups(identity)? {
        let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
        match setgroups(&groups) {
            Err(Errno::EPERM) if keeps_groups => {}
            set => set?,
        }
    }
    if !has_gid(gid)? {
        setresgid(gid, gid, gid)?;
    }
    if !has_uid(uid)? {
        setresuid(uid, uid, uid)?;
    }
    let is_it = has_uid(uid)? && has_gid(gid)? && (has_groups(identity)? || keeps_groups);
    if is_it && (uid == root || setresuid(root, root, root).is_err()) { Ok(()) } else { Err(Errno::EPERM) }
}

fn has_uid(uid: Uid) -> Result<bool, Errno> {
    let now = getresuid()?;
    Ok([now.real, now.effective, now.saved].iter().all(|now| *now == uid))
}

fn has_gid(gid: Gid) -> Result<bool, Errno> {
    let now = getresgid()?;
    Ok([now.real, now.effective, now.saved].iter().all(|now| *now == gid))
}

fn has_groups(identity: &Identity) -> Result<bool, Errno> {
    let now: BTreeSet<u32> = getgroups()?.into_iter().map(Gid::as_raw).collect();
    Ok(now == identity.groups.iter().copied().collect())
}

/// Whether this process may become any user. A capability without uid 0 is not counted on: it may end with the change.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}
