//! What `user = "NAME:GROUP"` means, by the files of users and groups (§5).
//!
//! As `docker run --user` and gosu read it (both by GetExecUser of github.com/moby/sys/user), and stricter:
//!
//! - Digits are always a number and never the name of a user or group that is called so.
//! - What looks like a number but is none (`+1`, `0x0`, `1.0`, one that is too large) is refused, not looked up.
//! - A uid without an entry needs a group; it does not get gid 0.
//! - Of several entries the first counts.
//!
//! The supplementary groups always hold the gid, as the OCI runtime specification and initgroups(3) have it: a program
//! with the set-group-id bit could otherwise drop the group, and with it what files deny to it. gosu leaves it out.

use super::Databases;
use super::entries::{GroupEntry, UserEntry, number};

/// Who a program runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// All supplementary groups to set, `gid` among them; sorted, each once.
    pub groups: Vec<u32>,
    /// The user's name in `/etc/passwd`; `None` without an entry.
    pub name: Option<Vec<u8>>,
    /// The user's home in `/etc/passwd`; `None` where that has none.
    pub home: Option<Vec<u8>>,
}

impl Identity {
    /// The same user with these groups too.
    #[must_use]
    pub fn with_groups(mut self, more: &[u32]) -> Identity {
        self.groups.extend(more);
        self.groups.sort_unstable();
        self.groups.dedup();
        self
    }
}

/// One side of the colon.
enum Part<'a> {
    Number(u32),
    Name(&'a str),
}

impl Databases {
    /// Finds who `NAME`, `NAME:GROUP`, `UID` or `UID:GID` is (`NAME:GID` and `UID:GROUP` too).
    ///
    /// Without a group: the gid of the user's entry and all groups that name the user as a member. With one: that group
    /// alone.
    ///
    /// # Errors
    ///
    /// Everything else, users and groups by name that have no entry, and a uid without an entry and without a group.
    pub fn resolve(&self, spec: &str) -> Result<Identity, String> {
        let (user, group) = split(spec)?;
        let (uid, entry) = match user {
            Part::Number(uid) => (uid, self.users().find(|entry| entry.uid == uid)),
            Part::Name(name) => self.user_named(name).map(|entry| (entry.uid, Some(entry)))?,
        };
        if let Some(group) = group {
            let gid = self.gid_of(&group)?;
            let name = entry.as_ref().map(|entry| entry.name.to_vec());
            let home = entry.and_then(|entry| entry.home).map(<[u8]>::to_vec);
            return Ok(Identity { uid, gid, groups: vec![gid], name, home });
        }
        let entry =
            entry.ok_or_else(|| format!("uid {uid} has no entry in /etc/passwd; add a group, as in {uid}:{uid}"))?;
        Ok(self.identity_of(&entry))
    }

    /// Finds the owner that `spec` names for a file, as chown(1) with numbers for numbers: without a group the file keeps
    /// its own, and a uid needs no entry.
    ///
    /// # Errors
    ///
    /// As [`Databases::resolve`]; a group alone (`:GROUP`) too.
    pub fn owner(&self, spec: &str) -> Result<(u32, Option<u32>), String> {
        let (user, group) = split(spec)?;
        let uid = match user {
            Part::Number(uid) => uid,
            Part::Name(name) => self.user_named(name)?.uid,
        };
        let gid = group.map(|group| self.gid_of(&group)).transpose()?;
        Ok((uid, gid))
    }

    /// The uid that `spec` names, whatever its group is; `root` is 0 also without an entry.
    #[must_use]
    pub fn uid_of(&self, spec: &str) -> Option<u32> {
        match part(spec.split(':').next()?).ok()? {
            Part::Number(uid) => Some(uid),
            Part::Name(name) => {
                self.user_named(name).map(|entry| entry.uid).ok().or_else(|| (name == "root").then_some(0))
            }
        }
    }

    /// The user with this uid; `None` without an entry.
    #[must_use]
    pub fn user_of(&self, uid: u32) -> Option<Identity> {
        self.users().find(|entry| entry.uid == uid).map(|entry| self.identity_of(&entry))
    }

    /// Every group that could be this identity's: those of each entry of its uid, and those that name one of these.
    #[must_use]
    pub fn groups_in_reach(&self, identity: &Identity) -> Vec<u32> {
        let entries: Vec<UserEntry<'_>> = self.users().filter(|entry| entry.uid == identity.uid).collect();
        let shadow: Vec<&[u8]> = entries.iter().flat_map(|entry| self.shadow_groups_of(entry.name)).collect();
        let names_one = |group: &GroupEntry<'_>| {
            shadow.contains(&group.name) || entries.iter().any(|entry| group.has_member(entry.name))
        };
        let named = self.groups().filter(names_one).map(|group| group.gid);
        let own = entries.iter().map(|entry| entry.gid);
        let mut groups: Vec<u32> = named.chain(own).chain(identity.groups.iter().copied()).collect();
        groups.push(identity.gid);
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    fn identity_of(&self, entry: &UserEntry<'_>) -> Identity {
        let named = self.groups().filter(|group| group.has_member(entry.name)).map(|group| group.gid);
        let mut groups: Vec<u32> = named.chain([entry.gid]).collect();
        groups.sort_unstable();
        groups.dedup();
        Identity {
            uid: entry.uid,
            gid: entry.gid,
            groups,
            name: Some(entry.name.to_vec()),
            home: entry.home.map(<[u8]>::to_vec),
        }
    }

    fn user_named(&self, name: &str) -> Result<UserEntry<'_>, String> {
        self.users().find(|entry| entry.name == name.as_bytes()).ok_or_else(|| {
            format!("user `{name}` has no valid entry in /etc/passwd; add one, or write numbers, as in 1000:1000")
        })
    }

    fn gid_of(&self, group: &Part<'_>) -> Result<u32, String> {
        match *group {
            Part::Number(gid) => Ok(gid),
            Part::Name(name) => {
                let entry = self.groups().find(|entry| entry.name == name.as_bytes());
                entry.map(|entry| entry.gid).ok_or_else(|| {
                    format!("group `{name}` has no valid entry in /etc/group; add one, or write its number")
                })
            }
        }
    }
}

/// Whether `spec` has the form of a user, whoever that is.
#[must_use]
pub fn is_user(spec: &str) -> bool {
    split(spec).is_ok()
}

fn split(spec: &str) -> Result<(Part<'_>, Option<Part<'_>>), String> {
    let (user, group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
        return Err(format!("`{spec}` is not a user; write NAME, NAME:GROUP, UID or UID:GID"));
    }
    Ok((part(user)?, group.map(part).transpose()?))
}

fn part(text: &str) -> Result<Part<'_>, String> {
    if let Some(number) = number(text.as_bytes()) {
        return Ok(Part::Number(number));
    }
    let after_digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let begins_with_digit = after_digits.len() < text.len();
    // A user may be called `3proxy`, but `0x0` and `1.0` are somebody's number.
    let goes_on_as_name = |letter: char| letter.is_ascii_alphabetic() && !letter.eq_ignore_ascii_case(&'x');
    let is_name = if begins_with_digit {
        after_digits.starts_with(goes_on_as_name)
    } else {
        !text.starts_with(['+', '-', '#']) && text.trim() == text
    };
    if !is_name || text.contains('\0') {
        return Err(format!(
            "`{text}` is neither a name nor a number; write numbers as plain decimal, 0 to 2147483647"
        ));
    }
    Ok(Part::Name(text))
}

#[cfg(test)]
mod tests;
