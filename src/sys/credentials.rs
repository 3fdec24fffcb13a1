//! Becoming another user, for good.

use std::collections::BTreeSet;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

use super::regular;
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

/// Why nobody could become `identity`, and what to do, as the rest of "cannot become UID:GID: ".
#[must_use]
pub fn why_not(identity: &Identity, errno: Errno) -> String {
    let advice = match errno {
        Errno::EINVAL | Errno::EPERM => match unmapped(identity) {
            Some(id) => format!(": {id} is not mapped in this user namespace; map it there, or name a user who is"),
            None if errno == Errno::EPERM => refusal().to_owned(),
            None => String::new(),
        },
        Errno::EAGAIN => "; raise the limit nproc".to_owned(),
        _ => String::new(),
    };
    format!("{}{advice}", errno.desc())
}

/// The first id of `identity` that this user namespace does not have (user_namespaces(7)).
fn unmapped(identity: &Identity) -> Option<String> {
    let lacks = |map: &str, id: u32| {
        let map = proc_file(map).filter(|map| !map.is_empty())?;
        let is_within = |line: &str| {
            let mut numbers = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
            let (first, _, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some((first..first.saturating_add(count)).contains(&id.into()))
        };
        (!map.lines().filter_map(is_within).any(|is_within| is_within)).then_some(id)
    };
    let gids = || identity.groups.iter().chain([&identity.gid]).find_map(|gid| lacks("gid_map", *gid));
    let uid = lacks("uid_map", identity.uid).map(|uid| format!("uid {uid}"));
    uid.or_else(|| gids().map(|gid| format!("gid {gid}")))
}

/// What stands in the way where the kernel only says that it is not permitted.
fn refusal() -> &'static str {
    /// CAP_SETGID and CAP_SETUID (capabilities(7)).
    const BOTH: u64 = 1 << 6 | 1 << 7;
    let status = proc_file("status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    if proc_file("setgroups").is_some_and(|answer| answer.starts_with("deny")) {
        ": this user namespace denies groups (/proc/self/setgroups); have root map its ids, as newgidmap does"
    } else if effective & BOTH == BOTH {
        ", though it has CAP_SETUID and CAP_SETGID: a security profile or securebits are in the way; loosen them, or start the container as that user"
    } else {
        "; give the container CAP_SETUID and CAP_SETGID, or start it as that user"
    }
}

fn proc_file(name: &str) -> Option<String> {
    let bytes = regular::read(&Path::new("/proc/self").join(name)).ok()??;
    String::from_utf8(bytes).ok()
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
