//! Umami: a wait for what a URL names, switches, a migration that is tried again.

use super::stage::Case;
use crate::harness::*;

const CHECK: &str = "node scripts/check-db.js";
const MIGRATE: &str = "npx prisma migrate deploy";
const TRACKER: &str = "node scripts/update-tracker.js";
const SERVER: &str = "node server.js";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments, &Address::new())
}

fn at(cell: Cell, arguments: &[&str], database: &Address) -> Case {
    let url = format!("postgresql://umami:s3cret@{}:{}/umami", database.host(), database.port());
    Case::at(cell, "umami", arguments).plays(&["path/node", "path/npx"]).env("DATABASE_URL", &url)
}

fn start(database: &Address) -> Case {
    at(Cell::PID1, &["--"], database)
}

#[test]
fn umami_waits_checks_migrates_and_serves() {
    each_place(|cell| {
        let database = Address::new();
        let playing = at(cell, &["--"], &database).codes(SERVER, &["4"]).start();
        playing.run.err_line(&database.port());
        let _listener = database.listen();
        let played = playing.end().exited(4);
        played.called(&[CHECK, MIGRATE, SERVER]).never_says("s3cret");
        // The check leaves the migration to the next step.
        assert_eq!(played.call(CHECK).env("SKIP_DB_MIGRATION"), "1");
        assert_eq!(played.call(MIGRATE).env("SKIP_DB_MIGRATION"), "");
        assert!(played.call(SERVER).env("DATABASE_URL").contains(":s3cret@"), "{}", played.story());
    });
}

/// A URL without a port means the service's own.
#[test]
fn umami_knows_the_databases_port() {
    let start = |port: &str| {
        let case = Case::new("umami", &["--"]).plays(&["path/node", "path/npx"]).in_a_network_of_its_own();
        let case = case.env("DATABASE_URL", "postgresql://umami:s3cret@127.0.0.1/umami").env("DB_WAIT_TIMEOUT", "4s");
        case.before(&format!("{PROBE} do listen=127.0.0.1:{port} [ pause ]")).play()
    };
    start("5432").exited(0).called(&[CHECK, MIGRATE, SERVER]);
    // The control: another port is not it.
    start("5433").exited(124).complains(&["5432"]).called(&[]);
}

#[test]
fn umami_leaves_steps_out() {
    let database = Address::new();
    start(&database).env("SKIP_DB_CHECK", "1").play().exited(0).called(&[SERVER]);
    let _listener = database.listen();
    start(&database).env("SKIP_DB_MIGRATION", "1").play().exited(0).called(&[CHECK, SERVER]);
    let played = start(&database).env("COLLECT_API_ENDPOINT", "/collect").play().exited(0);
    played.called(&[CHECK, MIGRATE, TRACKER, SERVER]);
}

#[test]
fn umami_needs_its_url() {
    let case = || Case::new("umami", &["--"]).plays(&["path/node", "path/npx"]);
    let line = format!("app-init.toml:{}: env.require: ", case().line_of("require = "));
    case().play().exited(78).complains(&[&line, "DATABASE_URL"]).called(&[]);
    case().env("DATABASE_URL", "").play().exited(78).complains(&[&line, "DATABASE_URL"]).called(&[]);
}

#[test]
fn umami_waits_in_vain() {
    let database = Address::new();
    let played = start(&database).env("DB_WAIT_TIMEOUT", "200ms").play().exited(124);
    played.complains(&[&database.host(), &database.port()]).never_says("s3cret").called(&[]);
}

#[test]
fn umami_is_stopped_while_it_waits() {
    let database = Address::new();
    let playing = start(&database).start();
    playing.run.err_line(&database.port());
    playing.stop().exited(143).never_says("s3cret").called(&[]);
}

#[test]
fn umami_migrates_again_while_another_replica_does() {
    let database = Address::new();
    let _listener = database.listen();
    let played = start(&database).codes(MIGRATE, &["1", "0"]).play().exited(0);
    played.called(&[CHECK, MIGRATE, MIGRATE, SERVER]);
}

#[test]
fn umami_does_not_serve_without_its_database() {
    let database = Address::new();
    let _listener = database.listen();
    start(&database).codes(CHECK, &["1"]).play().exited(70).called(&[CHECK]);
    let once = start(&database).with("max = 5", "max = 1").codes(MIGRATE, &["1"]).play().exited(70);
    once.called(&[CHECK, MIGRATE, MIGRATE]).never_says("s3cret");
    let played = start(&database).env("COLLECT_API_ENDPOINT", "/collect").codes(TRACKER, &["1"]).play().exited(70);
    played.called(&[CHECK, MIGRATE, TRACKER]);
}
