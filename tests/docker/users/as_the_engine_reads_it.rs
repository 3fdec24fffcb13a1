//! `user = SPEC` against `docker run --user SPEC`: who a program is, told by the kernel for both. Where app-init is
//! stricter, what it refuses, and what the engine does instead. (src/identity/users.rs has the list of differences.)

use super::CONFIG;
use crate::harness::cli::Done;
use crate::harness::container::Recipe;
use crate::harness::images;

/// `alice` is in groups of her own, `bob` in none; `crew` is nobody's but by name.
fn image() -> Recipe {
    let dockerfile = format!(
        "FROM {}\n\
         RUN groupadd -g 2000 crew && groupadd -g 2001 extra && groupadd -g 2002 more \
         && useradd -u 1500 -g crew -G extra,more,audio alice && useradd -u 1600 -g extra -M -d /none bob\n",
        images::plain()
    );
    Recipe::of(&images::derived("identities", &dockerfile))
}

/// Every form, for a user with supplementary groups, one without, and nobody at all.
const FORMS: [&str; 15] = [
    "alice",
    "alice:extra",
    "alice:crew",
    "alice:staff",
    "alice:2001",
    "alice:4343",
    "1500",
    "1500:2001",
    "1500:extra",
    "1500:4343",
    "bob",
    "1600",
    "4242:4343",
    "4242:extra",
    "root",
];

/// The lines of /proc/self/status by which the kernel knows a program.
const WHO: [&str; 3] = ["grep", "-E", "^(Uid|Gid|Groups):"];

fn by_engine(spec: &str) -> Done {
    let recipe = image().options(&["--user", spec, "--entrypoint", WHO[0]]);
    recipe.args(&WHO[1..]).args(&["/proc/self/status"]).run()
}

fn by_app_init(spec: &str) -> Done {
    let command = [&["--"], &WHO[..], &["/proc/self/status"]].concat();
    let container = image().file(CONFIG, &format!("user = \"{spec}\"\n")).args(&command).start();
    let code = container.wait();
    Done { code, ..container.logs() }
}

#[test]
fn every_form_gives_the_same_identity() {
    for spec in FORMS {
        let (engine, ours) = (by_engine(spec), by_app_init(spec));
        assert_eq!(engine.code, 0, "{spec}: {engine:?}");
        assert_eq!((ours.code, in_order(&ours)), (0, in_order(&engine)), "{spec}: {ours:?}");
    }
}

/// What makes the comparison worth something: a user with three more groups, who has none of them with an explicit one.
#[test]
fn the_forms_differ() {
    let name = in_order(&by_app_init("alice"));
    assert_eq!(name, ["Uid: 1500 1500 1500 1500", "Gid: 2000 2000 2000 2000", "Groups: 29 2000 2001 2002"]);
    let with_group = in_order(&by_app_init("alice:extra"));
    assert_eq!(with_group, ["Uid: 1500 1500 1500 1500", "Gid: 2001 2001 2001 2001", "Groups: 2001"]);
}

/// A uid that nobody has heard of, without a group: root's group by omission there, a fault here (§5).
#[test]
fn a_uid_without_an_entry_and_without_a_group_is_refused() {
    let engine = in_order(&by_engine("4242"));
    assert_eq!(engine[..2], ["Uid: 4242 4242 4242 4242", "Gid: 0 0 0 0"]);
    let ours = by_app_init("4242");
    assert_eq!((ours.code, ours.stdout.as_str()), (78, ""), "{ours:?}");
    let fault = "/etc/app-init.toml:1: user: uid 4242 has no entry in /etc/passwd; add a group, as in 4242:4242";
    assert!(ours.stderr.contains(fault), "{ours:?}");
}

/// The three lines, with groups in the order of their numbers: the kernel keeps them as a set.
fn in_order(done: &Done) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut lines: Vec<Vec<String>> = done.stdout.lines().map(words).collect();
    for groups in lines.iter_mut().filter(|line| line[0] == "Groups:") {
        groups[1..].sort_by_key(|group| group.parse::<u32>().expect("a group is a number"));
    }
    lines.iter().map(|line| line.join(" ")).collect()
}
