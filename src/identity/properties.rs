//! Whatever is in the files and in `user`: no panic, and nobody becomes root who was not called so.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Databases;

const LARGEST: u32 = 2_147_483_647;

/// No file is written about a failure: the message has the case.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Fields that careless readers take for 0, and some that are sound. None of them is 0.
fn field() -> impl Strategy<Value = String> {
    let fields = vec![
        "",
        " ",
        "-1",
        "-0",
        "+0",
        "+1",
        " 0",
        "0 ",
        "00",
        "0x0",
        "0.0",
        "0\0",
        "\0",
        "O",
        "none",
        "4294967296",
        "4294967295",
        "2147483648",
        "18446744073709551616",
        "1",
        "1000",
        "2147483647",
        "app",
        "root",
        "x",
        "*",
        "/",
        "app,root",
        "\u{661}",
        "\t",
    ];
    select(fields).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["app", "web", "1000", "1", "+", "-app", "+@all", "#app", "", " app", "ap p", "0x0", "1.0", "é"])
        .prop_map(str::to_owned)
}

fn line() -> impl Strategy<Value = String> {
    (name(), vec(field(), 0..9)).prop_map(|(name, fields)| [vec![name], fields].concat().join(":"))
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    (vec(line(), 0..12), select(vec!["\n", "\r\n", "\n\n", "\r"])).prop_map(|(lines, end)| lines.join(end).into_bytes())
}

/// Users and groups that are neither called root nor 0.
fn spec() -> impl Strategy<Value = String> {
    let part = || prop_oneof![name(), field().prop_filter("root", |field| field != "root")];
    vec(part(), 1..4).prop_map(|parts| parts.join(":"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_and_any_words_are_survived(
        passwd in vec(any::<u8>(), 0..2000),
        group in vec(any::<u8>(), 0..2000),
        spec in any::<String>(),
        uid in any::<u32>(),
    ) {
        let databases = Databases { passwd, group, ..Databases::default() };
        let _ = databases.owner(&spec);
        let _ = databases.resolve(&spec);
        if let Some(user) = databases.user_of(uid) {
            prop_assert_eq!(user.uid, uid);
        }
    }

    #[test]
    fn numbers_stay_in_range_and_nobody_becomes_root(passwd in file(), group in file(), spec in spec()) {
        let databases = Databases { passwd, group, ..Databases::default() };
        if let Ok(user) = databases.resolve(&spec) {
            let mut groups = user.groups.clone();
            groups.dedup();
            prop_assert_eq!(&groups, &user.groups);
            prop_assert!(groups.contains(&user.gid));
            for id in groups.into_iter().chain([user.uid]) {
                prop_assert!((1..=LARGEST).contains(&id), "{:?}", user);
            }
            let (uid, gid) = databases.owner(&spec).expect("who is a user is an owner");
            prop_assert_eq!(uid, user.uid);
            prop_assert!(gid.is_none_or(|gid| gid == user.gid));
        }
        if let Ok((uid, gid)) = databases.owner(&spec) {
            prop_assert!((1..=LARGEST).contains(&uid));
            prop_assert!(gid.is_none_or(|gid| (1..=LARGEST).contains(&gid)));
        }
        prop_assert_eq!(databases.user_of(0), None);
    }

    #[test]
    fn a_uid_in_the_file_is_found_whatever_else_is_in_it(
        before in vec("[^\n]{0,40}", 0..6),
        uid in 0..=LARGEST,
        gid in 0..=LARGEST,
        after in any::<Vec<u8>>(),
    ) {
        let mut passwd: Vec<u8> = before.iter().flat_map(|text| format!("#{text}\n").into_bytes()).collect();
        passwd.extend_from_slice(format!("someone:x:{uid}:{gid}::/srv:/bin/sh\n").as_bytes());
        passwd.extend_from_slice(&after);
        let databases = Databases { passwd, group: after, ..Databases::default() };
        let user = databases.resolve("someone").expect("it is there");
        prop_assert_eq!((user.uid, user.gid), (uid, gid));
        prop_assert_eq!(databases.resolve(&uid.to_string()), Ok(user));
    }
}
