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
    let databases =
        Databases { group: format!("{GROUP}\nlate:x:44:twin\n:x:45:app\nseen:x:46:\nrun:x:47:").into(), ..databases() };
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
