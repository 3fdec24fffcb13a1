//! Rails: a step that belongs to one server command, and that other replicas do too.

use super::stage::Case;
use crate::harness::*;

const PREPARE: &str = "rails db:prepare";
const THRUST: &str = "thrust ./bin/rails server";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

fn at(cell: Cell, arguments: &[&str]) -> Case {
    Case::at(cell, "rails", arguments).plays(&["bin/rails", "bin/thrust", "bin/jobs"])
}

fn start() -> Case {
    case(&["--", "./bin/thrust", "./bin/rails", "server"])
}

#[test]
fn rails_prepares_its_database_for_the_server() {
    each_place(|cell| {
        let played = at(cell, &["--", "./bin/thrust", "./bin/rails", "server"]).codes(THRUST, &["4"]).play();
        played.exited(4).called(&[PREPARE, THRUST]);
    });
    case(&["--", "./bin/rails", "server"]).play().exited(0).called(&[PREPARE, "rails server"]);
}

/// As its image runs it.
#[test]
fn rails_runs_as_any_user() {
    let cell = Cell { identity: Identity::Nobody, ..Cell::PID1 };
    let played = at(cell, &["--", "./bin/rails", "server"]).play().exited(0);
    played.called(&[PREPARE, "rails server"]);
    assert!(played.calls.iter().all(|call| call.identity == "12345:12345"), "{}", played.story());
}

#[test]
fn rails_prepares_nothing_for_other_commands() {
    case(&["--", "./bin/jobs"]).play().exited(0).called(&["jobs"]);
    case(&["--", "./bin/rails", "console"]).play().exited(0).called(&["rails console"]);
    // The script compared the last two words.
    case(&["--", "./bin/rails", "server", "--help"]).play().exited(0).called(&["rails server --help"]);
}

#[test]
fn rails_tries_again_while_another_replica_migrates() {
    let played = start().codes(PREPARE, &["1", "1", "0"]).codes(THRUST, &["4"]).play().exited(4);
    played.called(&[PREPARE, PREPARE, PREPARE, THRUST]);
}

#[test]
fn rails_does_not_serve_without_its_database() {
    start().with("max = 20", "max = 1").codes(PREPARE, &["1"]).play().exited(70).called(&[PREPARE, PREPARE]);
    // What no other replica can cause is not tried again.
    start().codes(PREPARE, &["127"]).play().exited(70).complains(&["127"]).called(&[PREPARE]);
}

#[test]
fn rails_is_stopped_while_it_prepares() {
    let playing = start().codes(PREPARE, &["hold"]).start();
    playing.run.line("rails holds");
    playing.stop().exited(143).called(&[PREPARE]);
}

/// Between two attempts, too.
#[test]
fn rails_is_stopped_before_its_next_attempt() {
    let playing = start().with("backoff = \"500ms\"", "backoff = \"1h\"").with("\"5s\"", "\"1h\"");
    let playing = playing.codes(PREPARE, &["1"]).start();
    playing.until_called(PREPARE);
    playing.stop().exited(143).called(&[PREPARE]);
}

/// A library that every machine has plays it.
#[test]
fn rails_takes_jemalloc_where_it_is_installed() {
    let install = "mkdir -p /mnt/stand-in/lib/some-machine
        for library in /usr/lib/*/libdl.so.2; do cp $library /mnt/stand-in/lib/some-machine/libjemalloc.so.2; done
        mount -t overlay overlay -o lowerdir=/mnt/stand-in/lib:/usr/lib /usr/lib";
    let played = start().before(install).play().exited(0);
    played.called(&[PREPARE, THRUST]);
    for call in &played.calls {
        assert_eq!(call.env("LD_PRELOAD"), "/usr/lib/some-machine/libjemalloc.so.2", "{}", played.story());
    }
    let without = start().play().exited(0);
    assert!(without.calls.iter().all(|call| !call.has("LD_PRELOAD")), "{}", without.story());
}
