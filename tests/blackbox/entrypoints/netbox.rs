//! NetBox: a wait by command, a migration only when there is one, secrets with a rank.

use super::stage::{Case, Played};
use crate::harness::*;

const WAIT: &str = "manage.py showmigrations";
const CHECK: &str = "manage.py migrate --check";
const MIGRATION: [&str; 5] = [
    "manage.py migrate --no-input",
    "manage.py trace_paths --no-input",
    "manage.py remove_stale_contenttypes --no-input",
    "manage.py clearsessions",
    "manage.py reindex --lazy",
];
const SUPERUSER: &str = "manage.py shell --interface python -c …";
const TOKEN: &str = SUPERUSER;
const SERVER: &str = "launch-netbox.sh --reload";

/// Where the image has its virtual environment.
const IMAGE: &str = "mount -t tmpfs none /opt; mkdir -p /opt/netbox/venv/bin";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

/// There is something to migrate.
fn at(cell: Cell, arguments: &[&str]) -> Case {
    let case = Case::at(cell, "netbox", arguments).plays(&["manage.py", "launch-netbox.sh"]);
    case.before(IMAGE).codes(CHECK, &["1"]).env("DB_WAIT_TIMEOUT", "20ms")
}

fn start() -> Case {
    case(&["--", "./launch-netbox.sh", "--reload"])
}

/// The call that makes the superuser: the first of the two.
fn superuser(played: &Played) -> &super::record::Call {
    played.calls.iter().find(|call| call.to_string() == SUPERUSER).expect("the superuser is made")
}

#[test]
fn netbox_waits_migrates_and_serves() {
    each_place(|cell| {
        let case = at(cell, &["--", "./launch-netbox.sh", "--reload"]);
        let played = case.codes(WAIT, &["1", "1", "0"]).codes(SERVER, &["4"]).play().exited(4);
        let [migrate, trace, stale, clear, index] = MIGRATION;
        played.called(&[WAIT, WAIT, WAIT, CHECK, migrate, trace, stale, clear, index, SUPERUSER, TOKEN, SERVER]);
        for call in &played.calls {
            assert_eq!((call.umask.as_str(), call.directory.as_str()), ("0002", APP), "{call}");
            assert_eq!(call.env("VIRTUAL_ENV"), "/opt/netbox/venv", "{call}");
            assert!(call.env("PATH").starts_with("/opt/netbox/venv/bin:/mnt/app/path:"), "{call}");
        }
    });
}

#[test]
fn netbox_has_nothing_to_migrate() {
    let played = start().codes(CHECK, &["0"]).play().exited(0);
    played.called(&[WAIT, CHECK, SUPERUSER, TOKEN, SERVER]);
}

#[test]
fn netbox_leaves_the_superuser_out() {
    let skipped = start().codes(CHECK, &["0"]).env("SKIP_SUPERUSER", "true").play().exited(0);
    skipped.called(&[WAIT, CHECK, TOKEN, SERVER]);
    let other = start().codes(CHECK, &["0"]).env("SKIP_SUPERUSER", "false").play().exited(0);
    other.called(&[WAIT, CHECK, SUPERUSER, TOKEN, SERVER]);
}

/// A file wins over the variable, which wins over the default.
#[test]
fn netbox_ranks_its_passwords() {
    let default = start().play().exited(0);
    assert_eq!(superuser(&default).env("SUPERUSER_PASSWORD"), "admin");
    assert_eq!(superuser(&default).env("SUPERUSER_NAME"), "admin");
    assert_eq!(superuser(&default).env("SUPERUSER_EMAIL"), "admin@example.com");
    assert_eq!(superuser(&default).env("SUPERUSER_API_TOKEN"), "0123456789abcdef0123456789abcdef01234567");
    let variable = start().env("SUPERUSER_PASSWORD", "of the variable").play().exited(0);
    assert_eq!(superuser(&variable).env("SUPERUSER_PASSWORD"), "of the variable");
    variable.never_says("of the variable");
    let file = "mkdir -p /run/secrets; printf 'of the file\\n\\n' >/run/secrets/superuser_password";
    let file = start().env("SUPERUSER_PASSWORD", "of the variable").before(file).play().exited(0);
    assert_eq!(superuser(&file).env("SUPERUSER_PASSWORD"), "of the file");
    file.never_says("of the file").never_says("of the variable");
}

/// The script put the values into Python's source.
#[test]
fn netbox_passes_quotes_as_values() {
    let name = "O'Neil\"; import os #${HOME} $(id)";
    let played = start().env("SUPERUSER_NAME", name).play().exited(0);
    let call = superuser(&played);
    assert_eq!(call.env("SUPERUSER_NAME"), name);
    assert!(call.words.iter().all(|word| !word.contains("Neil")), "{}", played.story());
}

#[test]
fn netbox_waits_in_vain() {
    let in_vain = |limit: &str| {
        let case = start().codes(WAIT, &["1"]).env("MAX_DB_WAIT_TIME", limit).env("SUPERUSER_PASSWORD", "s3cret");
        let played = case.play().exited(124).complains(&["showmigrations"]);
        assert!(played.calls.iter().all(|call| call.to_string() == WAIT), "{}", played.story());
        played.never_says("s3cret");
        played
    };
    let (played, limit) = within_a_limit(in_vain, |played| played.calls.len() > 1);
    assert!(played.calls.len() > 1, "{}", played.story());
    played.complains(&[&format!("is not there after {limit} (")]);
}

#[test]
fn netbox_is_stopped_while_it_waits() {
    let playing = start().codes(WAIT, &["1"]).start();
    playing.until_called(WAIT);
    let played = playing.stop().exited(143);
    assert!(played.calls.iter().all(|call| call.to_string() == WAIT), "{}", played.story());
    // And while an attempt hangs.
    let playing = start().codes(WAIT, &["hold"]).start();
    playing.until_called(WAIT);
    playing.stop().exited(143).called(&[WAIT]);
}

#[test]
fn netbox_does_not_serve_what_it_could_not_migrate() {
    for last in 0..MIGRATION.len() {
        let played = start().codes(MIGRATION[last], &["3"]).play().exited(70).complains(&["exit 3"]);
        played.called(&[&[WAIT, CHECK], &MIGRATION[..=last]].concat());
    }
}

/// Whether there was something to migrate or not.
#[test]
fn netbox_does_not_serve_without_its_superuser() {
    let played = start().codes(CHECK, &["0"]).codes("manage.py shell", &["3"]).play().exited(70);
    played.complains(&["exit 3"]).called(&[WAIT, CHECK, SUPERUSER]);
    let played = start().codes("manage.py shell", &["3"]).play().exited(70).complains(&["exit 3"]);
    played.called(&[&[WAIT, CHECK], &MIGRATION[..], &[SUPERUSER]].concat());
}

/// A check that cannot even run says that there is something to do, as the script's `if !` did.
#[test]
fn netbox_migrates_when_its_check_breaks() {
    let played = start().codes(CHECK, &["137"]).codes(SERVER, &["4"]).play().exited(4);
    played.called(&[&[WAIT, CHECK], &MIGRATION[..], &[SUPERUSER, TOKEN, SERVER]].concat());
}

/// The last step only warns.
#[test]
fn netbox_serves_without_its_warning() {
    let played = start().codes(CHECK, &["0"]).codes("manage.py shell", &["0", "1"]).codes(SERVER, &["4"]).play();
    played.exited(4).called(&[WAIT, CHECK, SUPERUSER, TOKEN, SERVER]);
}

#[test]
fn netbox_is_stopped_while_it_migrates() {
    for last in 0..MIGRATION.len() {
        let playing = start().codes(MIGRATION[last], &["hold"]).start();
        playing.run.line("manage.py holds");
        playing.stop().exited(143).called(&[&[WAIT, CHECK], &MIGRATION[..=last]].concat());
    }
}

#[test]
fn netbox_stops_as_its_server_does() {
    let playing = start().codes(SERVER, &["hold"]).start();
    playing.run.line("launch-netbox.sh holds");
    playing.stop().exited(143);
}
