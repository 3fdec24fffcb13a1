//! Healthchecks: a migration and a limit that a server's own configuration file had.

use super::stage::Case;
use crate::harness::*;

const MIGRATE: &str = "manage.py migrate";
const SERVER: &str = "uwsgi /opt/healthchecks/docker/uwsgi.ini";
const ARGUMENTS: [&str; 3] = ["--", "uwsgi", "/opt/healthchecks/docker/uwsgi.ini"];

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

fn at(cell: Cell, arguments: &[&str]) -> Case {
    Case::at(cell, "healthchecks", arguments).plays(&["manage.py", "path/uwsgi"])
}

#[test]
fn healthchecks_migrates_and_serves() {
    each_place(|cell| {
        for identity in [Identity::Root, Identity::Nobody] {
            let cell = Cell { identity, ..cell };
            let played = at(cell, &ARGUMENTS).codes("uwsgi", &["4"]).play().exited(4);
            played.called(&[MIGRATE, SERVER]);
            assert_eq!(played.call(SERVER).nofile, "10000:10000", "{}", played.story());
        }
    });
}

#[test]
fn healthchecks_does_not_serve_what_it_could_not_migrate() {
    let played = case(&ARGUMENTS).codes(MIGRATE, &["1"]).play().exited(70).complains(&["exit 1"]);
    played.called(&[MIGRATE]);
}

#[test]
fn healthchecks_is_stopped_while_it_migrates() {
    let playing = case(&ARGUMENTS).codes(MIGRATE, &["hold"]).start();
    playing.run.line("manage.py holds");
    playing.stop().exited(143).called(&[MIGRATE]);
}

#[test]
fn healthchecks_stops_as_its_server_does() {
    let playing = case(&ARGUMENTS).codes("uwsgi", &["hold"]).start();
    playing.run.line("uwsgi holds");
    playing.stop().exited(143).called(&[MIGRATE, SERVER]);
}
