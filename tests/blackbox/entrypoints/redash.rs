//! Redash: one image, many roles.

use super::stage::Case;
use crate::harness::*;

const UPGRADE: &str = "manage.py db upgrade";
const CREATE: &str = "manage.py database create_tables";
const GUNICORN: &str = "gunicorn -b [::]:5000 --name redash -w4 redash.wsgi:app --max-requests 1000 \
    --max-requests-jitter 100 --timeout 60 --limit-request-line 0";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

fn at(cell: Cell, arguments: &[&str]) -> Case {
    let commands = ["manage.py", "path/gunicorn", "path/rq", "path/watchmedo", "path/pytest", "path/celery"];
    Case::at(cell, "redash", arguments).plays(&commands)
}

#[test]
fn redash_upgrades_and_serves() {
    each_place(|cell| {
        let played = at(cell, &["--", "server"]).codes("gunicorn", &["4"]).play().exited(4);
        played.called(&[UPGRADE, GUNICORN]);
    });
}

/// Its database: nobody listens there yet.
fn with_database(role: &str, database: &Address) -> Case {
    let url = format!("postgresql://redash:s3cret@{}:{}/redash", database.host(), database.port());
    case(&["--", role]).env("REDASH_DATABASE_URL", &url)
}

#[test]
fn redash_waits_for_its_database() {
    for (role, lines) in [
        ("server", &[UPGRADE, GUNICORN][..]),
        ("scheduler", &["manage.py rq scheduler"]),
        ("worker", &["rq worker-pool --num-workers 2"]),
        ("create_db", &[CREATE]),
    ] {
        let database = Address::new();
        let playing = with_database(role, &database).start();
        playing.run.err_line(&database.port());
        let _listener = database.listen();
        let played = playing.end().exited(0);
        played.called(lines).never_says("s3cret");
        for call in &played.calls {
            assert!(call.env("REDASH_DATABASE_URL").contains(":s3cret@"), "{call}");
        }
    }
    // These do not need it.
    for (role, line) in [("workers_healthcheck", "rq info -R"), ("tests", "pytest")] {
        let played = with_database(role, &Address::new()).says(line, "2 workers, 1 queues\n").play().exited(0);
        played.called(&[line]);
    }
}

#[test]
fn redash_waits_in_vain() {
    let database = Address::new();
    let in_vain = |limit: &str| with_database("server", &database).env("DB_WAIT_TIMEOUT", limit).play().exited(124);
    let (played, _) = within_a_limit(in_vain, |played| played.end.err.contains("(connect: Connection refused)"));
    let played = played.complains(&[&database.host(), &database.port(), "(connect: Connection refused)"]);
    played.never_says("s3cret").called(&[]);
}

#[test]
fn redash_is_stopped_while_it_waits() {
    for role in ["server", "worker", "create_db"] {
        let database = Address::new();
        let playing = with_database(role, &database).start();
        playing.run.err_line(&database.port());
        playing.stop().exited(143).never_says("s3cret").called(&[]);
    }
}

#[test]
fn redash_takes_its_settings_from_the_environment() {
    let settings = [
        ("REDASH_GUNICORN_BIND", "0.0.0.0:80"),
        ("REDASH_WEB_WORKERS", "8"),
        ("MAX_REQUESTS", "1"),
        ("MAX_REQUESTS_JITTER", "2"),
        ("REDASH_GUNICORN_TIMEOUT", "3"),
        ("REDASH_GUNICORN_LIMIT_REQUEST_LINE", "4"),
    ];
    let case = settings.iter().fold(case(&["--", "server", "--reload"]), |case, (name, value)| case.env(name, value));
    let gunicorn = "gunicorn -b 0.0.0.0:80 --name redash -w8 redash.wsgi:app --max-requests 1 --max-requests-jitter 2 \
        --timeout 3 --limit-request-line 4 --reload";
    case.play().exited(0).called(&[UPGRADE, gunicorn]);
}

#[test]
fn redash_does_not_serve_what_it_could_not_upgrade() {
    let played = case(&["--", "server"]).codes(UPGRADE, &["3"]).play().exited(70);
    played.complains(&["exit 3"]).called(&[UPGRADE]);
}

/// Neither a step of the server nor the task, which is the whole of its role, is followed by anything.
#[test]
fn redash_is_stopped_while_it_works_on_its_database() {
    for (role, line) in [("server", UPGRADE), ("create_db", CREATE)] {
        let playing = case(&["--", role]).codes(line, &["hold"]).start();
        playing.run.line("manage.py holds");
        playing.stop().exited(143).called(&[line]);
    }
}

#[test]
fn redash_has_its_roles() {
    let watch = "watchmedo auto-restart --directory=./redash/ --pattern=*.py --recursive -- ./manage.py rq";
    let (watch_scheduler, watch_worker) = (format!("{watch} scheduler"), format!("{watch} worker emails"));
    for (arguments, line) in [
        (&["scheduler"][..], "manage.py rq scheduler"),
        (&["worker"], "rq worker-pool --num-workers 2 emails"),
        (&["create_db"], CREATE),
        (&["manage", "users", "list"], "manage.py users list"),
        (&["manage", "shell"], "manage.py shell"),
        (&["dev_server"], "manage.py runserver --debugger --reload -h 0.0.0.0"),
        (&["debug"], "manage.py runserver --debugger --no-reload -h 0.0.0.0"),
        (&["dev_scheduler"], &watch_scheduler),
        (&["dev_worker"], &watch_worker),
        (&["tests", "tests/a b"], "pytest tests/a b"),
        // No role, though one of app-init's commands: everything after `--` is the server's.
        (&["celery", "inspect", "ping"], "celery inspect ping"),
    ] {
        let arguments: Vec<&str> = ["--"].iter().chain(arguments).copied().collect();
        let played = case(&arguments).env("QUEUES", "emails").codes(line, &["4"]).play().exited(4);
        played.called(&[line]);
    }
}

#[test]
fn redash_roles_have_their_environment() {
    let variable = |role: &str, name: &str| {
        let case = case(&["--", role]).env("REDASH_REDIS_URL", "redis://:s3cret@redis/3");
        let played = case.play().exited(0);
        played.never_says("s3cret");
        played.calls.last().expect("a call").env(name).to_owned()
    };
    assert_eq!(variable("worker", "RQ_REDIS_URL"), "redis://:s3cret@redis/3");
    assert_eq!(variable("scheduler", "RQ_REDIS_URL"), "");
    assert_eq!(variable("dev_server", "FLASK_DEBUG"), "1");
    assert_eq!(variable("dev_server", "REMOTE_DEBUG"), "");
    assert_eq!(variable("debug", "REMOTE_DEBUG"), "1");
    assert_eq!(variable("server", "FLASK_DEBUG"), "");
    assert_eq!(variable("tests", "REDASH_DATABASE_URL"), "postgresql://postgres@postgres/tests");
}

#[test]
fn redash_counts_its_workers() {
    let pool = |count: &str| case(&["--", "worker"]).env("WORKERS_COUNT", count).play().exited(0);
    pool("5").called(&["rq worker-pool --num-workers 5"]);
    let health = |said: &str| case(&["--", "workers_healthcheck"]).says("rq info", said).play();
    let played = health("3 workers, 2 queues\n").exited(0);
    played.called(&["rq info -R"]);
    assert!(played.end.out.contains("3 workers are active\n"), "{}", played.story());
    health("1 workers, 2 queues\n").exited(1);
    health("").exited(1);
}

#[test]
fn redash_stops_its_pool() {
    let playing = case(&["--", "worker"]).codes("rq", &["hold"]).start();
    playing.run.line("rq holds");
    playing.stop().exited(143);
}

#[test]
fn redash_without_a_role_says_what_is_missing() {
    case(&["--"]).play().exited(64).called(&[]);
}
