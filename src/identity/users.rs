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
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        app:x:1000:1001:An app:/srv/app:/bin/sh\n\
        4000:x:0:0:root by number:/root:/bin/sh\n\
        3proxy:x:13:13::/:/bin/false\n\
        0x0:x:0:0::/root:/bin/sh\n\
        1.0:x:0:0::/root:/bin/sh\n\
        twin:x:1000:0:same uid as app:/:/bin/sh\n\
        app:x:0:0:a second app:/root:/bin/sh\n\
        nohome:x:1002:1002";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,app\nweb:x:33:www-data,app,app\nweb:x:0:\n\
        appgroup:x:1001:app\n4000:x:0:app2\nagain:x:33:app\nlast:x:5:app";

    fn databases() -> Databases {
        Databases { passwd: PASSWD.into(), group: GROUP.into(), ..Databases::default() }
    }

    fn identity(uid: u32, gid: u32, groups: &[u32], name: Option<&str>, home: Option<&str>) -> Identity {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Identity { uid, gid, groups: groups.to_vec(), name: name.map(bytes), home: home.map(bytes) }
    }

    #[test]
    fn users_by_name_and_by_number() {
        let app = identity(1000, 1001, &[5, 10, 33, 1001], Some("app"), Some("/srv/app"));
        let alone = |gid: u32| identity(1000, gid, &[gid], Some("app"), Some("/srv/app"));
        let cases = [
            ("root", identity(0, 0, &[0, 10], Some("root"), Some("/root"))),
            ("0", identity(0, 0, &[0, 10], Some("root"), Some("/root"))),
            ("app", app.clone()),
            ("1000", app.clone()),
            ("app:web", alone(33)),
            ("app:33", alone(33)),
            ("1000:web", alone(33)),
            ("1000:1001", alone(1001)),
            ("1000:12345", alone(12345)),
            ("1234:1234", identity(1234, 1234, &[1234], None, None)),
            ("1234:web", identity(1234, 33, &[33], None, None)),
            ("2147483647:2147483647", identity(2_147_483_647, 2_147_483_647, &[2_147_483_647], None, None)),
            ("nohome", identity(1002, 1002, &[1002], Some("nohome"), None)),
            ("3proxy", identity(13, 13, &[13], Some("3proxy"), Some("/"))),
        ];
        for (spec, expected) in cases {
            assert_eq!(databases().resolve(spec), Ok(expected), "{spec}");
        }
        assert_eq!(databases().user_of(1000), Some(app));
        assert_eq!(databases().user_of(4000), None);
    }

    #[test]
    fn all_groups_that_could_be_a_users_are_in_reach() {
        // `twin` has the same uid.
        let databases = Databases {
            group: format!("{GROUP}\nlate:x:44:twin\n:x:45:app\nseen:x:46:\nrun:x:47:").into(),
            ..databases()
        };
        let databases = Databases { gshadow: "seen:!::x,twin\nrun:!:app:\nlate:!::other".into(), ..databases };
        for (spec, groups) in [
            ("app", &[0, 5, 10, 33, 44, 46, 47, 1001][..]),
            ("app:web", &[0, 5, 10, 33, 44, 46, 47, 1001]),
            ("1000:77", &[0, 5, 10, 33, 44, 46, 47, 77, 1001]),
            ("3proxy", &[13]),
            ("1234:1234", &[1234]),
        ] {
            let identity = databases.resolve(spec).expect(spec);
            assert_eq!(databases.groups_in_reach(&identity), groups, "{spec}");
        }
    }

    #[test]
    fn digits_are_a_number_and_no_name() {
        // An entry called 4000 is root's; neither the user nor the group is what these say.
        assert!(databases().resolve("4000").is_err());
        assert_eq!(databases().resolve("4000:4000"), Ok(identity(4000, 4000, &[4000], None, None)));
        assert_eq!(databases().owner("4000:4000"), Ok((4000, Some(4000))));
    }

    #[test]
    fn what_is_no_user_is_refused() {
        let specs = [
            "",
            ":",
            "::",
            "app:",
            ":app",
            "a:b:c",
            "app:web:",
            "4294967296",
            "2147483648",
            "-1",
            "+1",
            " 1",
            "1 ",
            "0x0",
            "1.0",
            "00",
            "01000",
            "1_000",
            "1,000",
            "1000:-1",
            "1000:+1",
            "1000: 1",
            "1000:0x0",
            "1000:4294967296",
            "app:4294967296",
            "app:00",
            " app",
            "app ",
            "app\n",
            "app\0",
            "+",
            "-",
            "+app",
            "#app",
            "app: web",
            "4000 ",
        ];
        for spec in specs {
            assert!(databases().resolve(spec).is_err(), "{spec:?}");
            assert!(databases().owner(spec).is_err(), "{spec:?} as an owner");
        }
    }

    #[test]
    fn faults_name_the_value_and_what_to_do() {
        let cases = [
            ("1234", "uid 1234 has no entry in /etc/passwd; add a group, as in 1234:1234"),
            ("nobody", "user `nobody` has no valid entry in /etc/passwd; add one, or write numbers, as in 1000:1000"),
            ("app:none", "group `none` has no valid entry in /etc/group; add one, or write its number"),
            ("a:b:c", "`a:b:c` is not a user; write NAME, NAME:GROUP, UID or UID:GID"),
            ("app:", "`app:` is not a user; write NAME, NAME:GROUP, UID or UID:GID"),
            (
                "app:4294967296",
                "`4294967296` is neither a name nor a number; write numbers as plain decimal, 0 to 2147483647",
            ),
        ];
        for (spec, fault) in cases {
            assert_eq!(databases().resolve(spec), Err(fault.to_owned()), "{spec}");
        }
    }

    #[test]
    fn the_uid_is_that_of_the_user_whatever_the_group_is() {
        for (spec, expected) in [
            ("root", Some(0)),
            ("0", Some(0)),
            ("0:nosuch", Some(0)),
            ("root:app", Some(0)),
            ("app:nosuch", Some(1000)),
            ("1234", Some(1234)),
            ("nobody", None),
            ("0x0", None),
            ("", None),
        ] {
            assert_eq!(databases().uid_of(spec), expected, "{spec}");
        }
        assert_eq!(Databases::default().uid_of("root:root"), Some(0));
        assert!(is_user("nobody:nosuch") && !is_user("app:") && !is_user("-1"));
    }

    #[test]
    fn an_owner_keeps_the_group_unless_it_names_one() {
        let cases = [
            ("app", (1000, None)),
            ("app:web", (1000, Some(33))),
            ("app:0", (1000, Some(0))),
            ("1234", (1234, None)),
            ("1234:web", (1234, Some(33))),
            ("0:0", (0, Some(0))),
        ];
        for (spec, expected) in cases {
            assert_eq!(databases().owner(spec), Ok(expected), "{spec}");
        }
        assert!(databases().owner("nobody").is_err());
        assert!(databases().owner("1234:none").is_err());
    }

    #[test]
    fn without_files_only_numbers_with_a_group_are_somebody() {
        let none = Databases::default();
        assert_eq!(none.resolve("1234:5678"), Ok(identity(1234, 5678, &[5678], None, None)));
        for spec in ["root", "0", "1234", "root:root", "1234:root"] {
            assert!(none.resolve(spec).is_err(), "{spec}");
        }
    }

    #[test]
    fn a_malformed_entry_is_no_entry() {
        let uids = ["", "-1", "+0", " 0", "0x0", "4294967296", "00", "zero", "0\0", "18446744073709551616"];
        for uid in uids {
            let passwd = format!("app:x:{uid}:1000::/:/bin/sh\nother:x:1000:{uid}::/:/bin/sh\n");
            let group = format!("web:x:{uid}:app,www\n");
            let databases = Databases { passwd: passwd.into(), group: group.into(), ..Databases::default() };
            for spec in ["app", "app:web", "other", "0", "1000", "1000:web"] {
                assert!(databases.resolve(spec).is_err(), "{spec} with {uid:?}");
            }
        }
    }

    #[test]
    fn long_lines_and_many_groups_take_no_time_to_speak_of() {
        let mut passwd = vec![b'a'; 1 << 20];
        passwd.extend_from_slice(b":x:0:0::/:/bin/sh\r\napp:x:1000:1000::/srv:/bin/sh\r\n");
        let members = "x,".repeat(1 << 19);
        let mut group = format!("long:x:7:{members}app\r\n");
        (0..100_000).for_each(|gid| group.push_str(&format!("g:x:{}:app\n", gid % 50_000)));
        let databases = Databases { passwd, group: group.into(), ..Databases::default() };
        let app = databases.resolve("app").expect("an entry");
        assert_eq!((app.uid, app.groups.len(), app.home), (1000, 50_000, Some(b"/srv".to_vec())));
    }
}
