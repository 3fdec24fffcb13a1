//! cookiecutter-django: a URL put together, a wait that all roles share, a step that the settings decide.

use super::stage::Case;
use crate::harness::*;

const COLLECT: &str = "python manage.py collectstatic --noinput";
const COMPRESSES: &str = "python -c …";
const COMPRESS: &str = "python manage.py compress";
const GUNICORN: &str = "gunicorn config.wsgi --bind 0.0.0.0:5000 --chdir=/app";
const MIGRATE: &str = "python manage.py migrate";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments, &Address::new())
}

/// Compression is on.
fn at(cell: Cell, arguments: &[&str], database: &Address) -> Case {
    let case = Case::at(cell, "cookiecutter-django", arguments).codes("python -c", &["1"]);
    case.plays(&["path/python", "path/gunicorn", "path/celery"])
        .env("POSTGRES_HOST", &database.host())
        .env("POSTGRES_PORT", &database.port())
        .env("POSTGRES_DB", "shop")
        .env("POSTGRES_PASSWORD", "s3cret")
        .env("REDIS_URL", "redis://redis:6379/0")
}

fn web(database: &Address) -> Case {
    at(Cell::PID1, &["--", "web"], database)
}

#[test]
fn django_waits_collects_and_serves() {
    each_place(|cell| {
        let database = Address::new();
        let playing = at(cell, &["--", "web"], &database).codes("gunicorn", &["4"]).start();
        playing.run.err_line(&database.port());
        let _listener = database.listen();
        let played = playing.end().exited(4);
        played.called(&[COLLECT, COMPRESSES, COMPRESS, GUNICORN]).never_says("s3cret");
        let (host, port) = (database.host(), database.port());
        for call in &played.calls {
            assert_eq!(call.env("POSTGRES_USER"), "postgres", "{call}");
            assert_eq!(call.env("DATABASE_URL"), format!("postgres://postgres:s3cret@{host}:{port}/shop"), "{call}");
            assert_eq!(call.env("CELERY_BROKER_URL"), "redis://redis:6379/0", "{call}");
        }
    });
}

#[test]
fn django_leaves_compression_to_its_settings() {
    let database = Address::new();
    let _listener = database.listen();
    let played = web(&database).codes("python -c", &["0"]).env("POSTGRES_USER", "debug").play().exited(0);
    played.called(&[COLLECT, COMPRESSES, GUNICORN]);
    assert!(played.call(GUNICORN).env("DATABASE_URL").starts_with("postgres://debug:"), "{}", played.story());
}

#[test]
fn django_has_its_roles() {
    let database = Address::new();
    let _listener = database.listen();
    let runserver = "python manage.py runserver_plus 0.0.0.0:8000";
    for (arguments, lines) in [
        (&["worker", "--beat"][..], &["celery -A config.celery_app worker -l INFO --beat"][..]),
        (&["beat"], &["celery -A config.celery_app beat -l INFO"]),
        (&["local"], &[MIGRATE, runserver]),
        (&["python", "manage.py", "migrate"], &[MIGRATE]),
    ] {
        let arguments: Vec<&str> = ["--"].iter().chain(arguments).copied().collect();
        at(Cell::PID1, &arguments, &database).play().exited(0).called(lines);
    }
}

/// Commands wait for the database as roles do.
#[test]
fn django_waits_in_vain() {
    for arguments in [&["--", "web"][..], &["--", "beat"], &["--", "python", "manage.py", "migrate"]] {
        let database = Address::new();
        let played = at(Cell::PID1, arguments, &database).env("DB_WAIT_TIMEOUT", "200ms").play().exited(124);
        played.complains(&[&database.host(), &database.port()]).never_says("s3cret").called(&[]);
    }
}

#[test]
fn django_is_stopped_while_it_waits() {
    let database = Address::new();
    let playing = web(&database).start();
    playing.run.err_line(&database.port());
    playing.stop().exited(143).called(&[]);
}

#[test]
fn django_does_not_serve_after_a_failed_step() {
    let database = Address::new();
    let _listener = database.listen();
    web(&database).codes(COLLECT, &["1"]).play().exited(70).called(&[COLLECT]);
    let played = web(&database).codes(COMPRESS, &["2"]).play().exited(70).complains(&["exit 2"]);
    played.never_says("s3cret").called(&[COLLECT, COMPRESSES, COMPRESS]);
    let local = at(Cell::PID1, &["--", "local"], &database).codes(MIGRATE, &["1"]).play().exited(70);
    local.called(&[MIGRATE]);
}

/// All that is missing is named, at once.
#[test]
fn django_needs_its_variables() {
    let case = || Case::new("cookiecutter-django", &["--", "web"]).plays(&["path/python", "path/gunicorn"]);
    let line = format!("app-init.toml:{}: env.require: ", case().line_of("require = "));
    let names = ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_PASSWORD", "REDIS_URL"];
    case().play().exited(78).complains(&[&line]).complains(&names).called(&[]);
}

/// A value that is made of a secret is one.
#[test]
fn django_keeps_its_password_to_itself() {
    let file = "mkdir -p /run/secrets; printf 'fr0m-file\\n' >/run/secrets/postgres";
    let with_file = |arguments: &[&str], database: &Address| {
        let case = at(Cell::PID1, arguments, database).before(file).env("POSTGRES_PASSWORD", "");
        case.env("POSTGRES_PASSWORD_FILE", "/run/secrets/postgres")
    };
    let database = Address::new();
    for arguments in [&["check"][..], &["env"], &["env", "--json"]] {
        with_file(arguments, &database).play().exited(0).never_says("fr0m-file").called(&[]);
        case(arguments).play().exited(0).never_says("s3cret").called(&[]);
    }
    let _listener = database.listen();
    let played = with_file(&["-v", "--", "web"], &database).play().exited(0);
    assert!(played.call(GUNICORN).env("DATABASE_URL").contains(":fr0m-file@"), "{}", played.story());
    played.never_says("fr0m-file");
}
