//! The lines of `/etc/passwd` and `/etc/group`, read strictly (passwd(5), group(5)).
//!
//! A line that is not understood to the end gives nobody anything: it is skipped as a whole, as the C library's getpwnam
//! does, and never read as far as it goes. That holds for a number with a sign, too large or empty, for which careless
//! readers take 0, which is root. Lines for NIS (`+`, `-`) and comments are skipped too; white space around a line, and
//! so the end of a line from Windows, does not count.

use super::Databases;

/// One line of `/etc/passwd`; the password, the comment and the shell do not matter here.
pub(super) struct UserEntry<'a> {
    pub name: &'a [u8],
    pub uid: u32,
    pub gid: u32,
    pub home: Option<&'a [u8]>,
}

/// One line of `/etc/group`.
pub(super) struct GroupEntry<'a> {
    pub name: &'a [u8],
    pub gid: u32,
    members: &'a [u8],
}

impl GroupEntry<'_> {
    pub fn has_member(&self, name: &[u8]) -> bool {
        self.members.split(|&byte| byte == b',').any(|member| member == name)
    }
}

impl Databases {
    pub(super) fn users(&self) -> impl Iterator<Item = UserEntry<'_>> {
        lines(&self.passwd).filter_map(user_entry)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = GroupEntry<'_>> {
        lines(&self.group).filter_map(group_entry)
    }

    /// The groups that `/etc/gshadow` has this user in, as a member or an administrator, by their names.
    pub(super) fn shadow_groups_of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        lines(&self.gshadow).filter_map(move |line| {
            let mut fields = line.splitn(4, |&byte| byte == b':');
            let group = fields.next()?;
            let mut people = fields.skip(1).flat_map(|list| list.split(|&byte| byte == b','));
            people.any(|one| one == name).then_some(group)
        })
    }
}

/// The lines that may be entries. No field may hold a NUL: neither a name nor HOME could be handed on with one.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !matches!(line.first(), None | Some(b'#' | b'+' | b'-' | b':')) && !line.contains(&0))
}

/// `name:password:uid:gid:comment:home:shell`; what follows the gid may be missing.
fn user_entry(line: &[u8]) -> Option<UserEntry<'_>> {
    let mut fields = line.splitn(7, |&byte| byte == b':');
    let name = fields.next()?;
    let uid = number(fields.nth(1)?)?;
    let gid = number(fields.next()?)?;
    let home = fields.nth(1).filter(|home| !home.is_empty());
    Some(UserEntry { name, uid, gid, home })
}

/// `name:password:gid:member,member`; the members may be missing.
fn group_entry(line: &[u8]) -> Option<GroupEntry<'_>> {
    let mut fields = line.splitn(4, |&byte| byte == b':');
    let name = fields.next()?;
    let gid = number(fields.nth(1)?)?;
    Some(GroupEntry { name, gid, members: fields.next().unwrap_or_default() })
}

/// A uid or gid: plain decimal, 0 to 2147483647, which is what container engines accept. Larger ones mean something else
/// to some programs: 4294967295 is "no change" to chown(2), and signed readers make them negative.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || digits.first() != Some(&b'0'));
    let number: u32 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    i32::try_from(number).is_ok().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_is_a_number() {
        for (text, expected) in [("0", 0), ("1", 1), ("1000", 1000), ("2147483647", 2_147_483_647)] {
            assert_eq!(number(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "",
            "-1",
            "-0",
            "+1",
            " 1",
            "1 ",
            "0x0",
            "1.0",
            "1e3",
            "00",
            "007",
            "2147483648",
            "4294967295",
            "4294967296",
            "18446744073709551616",
            "99999999999999999999999999",
            "1\0",
            "\u{661}",
        ] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(number(b"1\xff"), None);
    }

    #[test]
    fn a_line_is_understood_as_a_whole_or_not_at_all() {
        let good: [(&[u8], Option<&[u8]>); 6] = [
            (b"app:x:1000:1001:An app,,,:/home/app:/bin/sh", Some(b"/home/app")),
            (b"app:x:1000:1001", None),
            (b"app::1000:1001::", None),
            (b"app:x:1000:1001::/srv:/bin/sh:more:and:more", Some(b"/srv")),
            (b"  app:x:1000:1001\r", None),
            (b"app:x:1000:1001:\xff:/\xfe", Some(b"/\xfe")),
        ];
        for (line, home) in good {
            let databases = Databases { passwd: line.to_vec(), ..Databases::default() };
            let entries: Vec<_> = databases.users().map(|user| (user.name, user.uid, user.gid, user.home)).collect();
            assert_eq!(entries, [(b"app".as_slice(), 1000, 1001, home)], "{}", line.escape_ascii());
        }
        let bad: [&[u8]; 19] = [
            b"",
            b"app",
            b"app:x",
            b"app:x:1000",
            b"app:x:1000:",
            b"app:x::",
            b"app:x::1000",
            b"app:x:+1000:1000",
            b"app:x:-1:-1::/:/bin/sh",
            b"app:x: 1000:1000",
            b"app:x:1000 :1000",
            b"app:x:4294967296:1000",
            b"app:x:1000:4294967296",
            b"app:x:0x0:0",
            b"app:x:1000:1000:\0:/:/bin/sh",
            b"+app:x:1000:1000::/:/bin/sh",
            b"-@netgroup::1000:1000::/:",
            b"#app:x:1000:1000::/:/bin/sh",
            b":x:1000:1000::/:/bin/sh",
        ];
        for line in bad {
            let databases = Databases { passwd: line.to_vec(), ..Databases::default() };
            assert_eq!(databases.users().count(), 0, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn groups_and_their_members() {
        let group =
            b"web:x:33:app,www\nempty:x:34:\nbare:x:35\n+::\n-@x:x:36:app\nbad:x:-1:app\n:x:37:app\nlast:x:38:www,app";
        let databases = Databases { group: group.to_vec(), ..Databases::default() };
        let gids: Vec<_> = databases.groups().map(|group| group.gid).collect();
        assert_eq!(gids, [33, 34, 35, 38]);
        let of_app: Vec<_> =
            databases.groups().filter(|group| group.has_member(b"app")).map(|group| group.gid).collect();
        assert_eq!(of_app, [33, 38]);
    }

    #[test]
    fn a_member_is_the_whole_name() {
        let group = b"one:x:1:application,ap,APP\ntwo:x:2:app:extra\nthree:x:3: app\nfour:x:4:,,app,\r\nfive:x:5:x:app";
        let databases = Databases { group: group.to_vec(), ..Databases::default() };
        let of_app: Vec<_> =
            databases.groups().filter(|group| group.has_member(b"app")).map(|group| group.gid).collect();
        assert_eq!(of_app, [4]);
    }
}
