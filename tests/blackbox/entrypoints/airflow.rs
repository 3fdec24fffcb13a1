//! Airflow: arbitrary uids, waits that depend on the command, steps that may fail.

use super::stage::{Case, Played};
use crate::harness::*;

const DATABASE: &str = "airflow db check";
const MIGRATE: &str = "airflow db migrate";
const CREATE: &str = "airflow users create";
const SCHEDULER: &str = "airflow scheduler";
/// An uid of the platform's choice, with group 0.
const SOMEBODY: &str = "setpriv --reuid 4711 --regid 0 --clear-groups";

pub fn case(arguments: &[&str]) -> Case {
    at(Cell::PID1, arguments)
}

fn at(cell: Cell, arguments: &[&str]) -> Case {
    let case = Case::at(cell, "airflow", arguments).plays(&["path/airflow", "path/python", "path/bash", "path/pip"]);
    case.through(SOMEBODY).env("CONNECTION_CHECK_SLEEP_TIME", "20ms")
}

/// It needs a broker: nobody listens there yet.
fn with_celery(arguments: &[&str], broker: &Address) -> Case {
    let url = format!("redis://:s3cret@{}:{}/0", broker.host(), broker.port());
    case(arguments).env("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor").env("AIRFLOW__CELERY__BROKER_URL", &url)
}

#[test]
fn airflow_waits_and_runs_its_command() {
    each_place(|cell| {
        let case = at(cell, &["--", "scheduler"]).codes(DATABASE, &["1", "1", "0"]).codes(SCHEDULER, &["4"]);
        let played = case.env("PIP_USER", "true").env("HOME", "/").play().exited(4);
        played.called(&[DATABASE, DATABASE, DATABASE, SCHEDULER]);
        for call in &played.calls {
            assert_eq!((call.identity.as_str(), call.umask.as_str()), ("4711:0", "0002"), "{call}");
            assert_eq!((call.env("HOME"), call.has("PIP_USER")), ("/home/airflow", false), "{call}");
            assert!(call.env("LD_PRELOAD").ends_with("/libstdc++.so.6"), "{call}: {}", call.env("LD_PRELOAD"));
        }
    });
}

#[test]
fn airflow_commands_are_what_they_were() {
    for (arguments, line) in [
        (&["webserver", "-p", "80"][..], "airflow webserver -p 80"),
        (&["airflow", "webserver"], "airflow webserver"),
        (&["airflow"], "airflow"),
        (&["bash", "-c", "id"], "bash -c id"),
        (&["python", "-V"], "python -V"),
        (&[], "airflow"),
    ] {
        let arguments: Vec<&str> = ["--"].iter().chain(arguments).copied().collect();
        case(&arguments).play().exited(0).called(&[DATABASE, line]);
    }
}

#[test]
fn airflow_need_not_wait() {
    let broker = Address::new();
    let case = with_celery(&["--", "scheduler"], &broker).env("CONNECTION_CHECK_MAX_COUNT", "0");
    case.play().exited(0).called(&[SCHEDULER]);
}

#[test]
fn airflow_waits_for_its_broker() {
    for (arguments, line) in
        [(&["--", "scheduler"][..], SCHEDULER), (&["--", "airflow", "celery", "worker"], "airflow celery worker")]
    {
        let broker = Address::new();
        let playing = with_celery(arguments, &broker).start();
        playing.run.err_line(&broker.port());
        let _listener = broker.listen();
        playing.end().exited(0).never_says("s3cret").called(&[DATABASE, line]);
    }
    // Others do not talk to it.
    let broker = Address::new();
    let played = with_celery(&["--", "webserver"], &broker).play().exited(0);
    played.called(&[DATABASE, "airflow webserver"]);
    let local = with_celery(&["--", "scheduler"], &broker).env("AIRFLOW__CORE__EXECUTOR", "LocalExecutor").play();
    local.exited(0).called(&[DATABASE, SCHEDULER]);
}

#[test]
fn airflow_waits_in_vain() {
    let in_vain = |limit: &str| {
        let case = case(&["--", "webserver"]).env("CONNECTION_CHECK_TIMEOUT", limit).codes(DATABASE, &["1"]);
        case.play().exited(124).complains(&[&format!("{DATABASE} is not there after {limit} (")])
    };
    let (played, _) = within_a_limit(in_vain, |played| !played.calls.is_empty());
    assert!(!played.calls.is_empty(), "{}", played.story());
    assert!(played.calls.iter().all(|call| call.to_string() == DATABASE), "{}", played.story());
    let broker = Address::new();
    let in_vain = |limit: &str| {
        let case = with_celery(&["--", "scheduler"], &broker).env("CONNECTION_CHECK_TIMEOUT", limit);
        case.play().exited(124).complains(&[&broker.host(), &broker.port()])
    };
    // The database is asked, and is there; the broker is not.
    let refused = "(connect: Connection refused)";
    let found =
        |played: &Played| played.end.err.contains(refused) && !played.end.err.contains(&format!("{DATABASE} is not"));
    let (played, _) = within_a_limit(in_vain, found);
    assert!(found(&played), "{}", played.story());
    played.never_says("s3cret").called(&[DATABASE]);
}

#[test]
fn airflow_is_stopped_while_it_waits() {
    let playing = case(&["--", "webserver"]).codes(DATABASE, &["hold"]).start();
    playing.until_called(DATABASE);
    playing.stop().exited(143).called(&[DATABASE]);
}

/// A failed migration or a user who is there already is no reason not to run.
#[test]
fn airflow_migrates_and_makes_its_user() {
    for variable in ["_AIRFLOW_DB_MIGRATE", "_AIRFLOW_DB_UPGRADE"] {
        let case = case(&["--", "webserver"]).env(variable, "true").codes(MIGRATE, &["1"]);
        case.play().exited(0).complains(&["exit 1"]).called(&[DATABASE, MIGRATE, "airflow webserver"]);
    }
    let create =
        || case(&["--", "webserver"]).env("_AIRFLOW_WWW_USER_CREATE", "true").env("_AIRFLOW_DB_MIGRATE", "true");
    let played = create().env("_AIRFLOW_WWW_USER_PASSWORD", "s3 cret").codes(CREATE, &["1"]).play().exited(0);
    let line = "airflow users create --username admin --firstname Airflow --lastname Admin \
        --email airflowadmin@example.com --role Admin --password s3 cret";
    played.called(&[DATABASE, MIGRATE, line, "airflow webserver"]);
    assert_eq!(played.call(CREATE).words.len(), 15, "{}", played.story());
    played.never_says("s3 cret");
    let named = create().env("_AIRFLOW_WWW_USER_PASSWORD", "x").env("_AIRFLOW_WWW_USER_USERNAME", "o'neil $HOME");
    assert!(named.play().exited(0).call(CREATE).words.contains(&"o'neil $HOME".to_owned()));
    // Without a password it would fail, and go on: it is a mistake instead, which is found before anything runs.
    create().play().exited(78).complains(&["_AIRFLOW_WWW_USER_PASSWORD"]).called(&[]);
}

#[test]
fn airflow_installs_what_is_asked_for() {
    let case = || {
        let case = case(&["--", "webserver"]).env("AIRFLOW_VERSION", "2.9.0");
        case.env("_PIP_ADDITIONAL_REQUIREMENTS", "first second==2")
    };
    let install = "pip install apache-airflow==2.9.0 --root-user-action ignore --no-cache-dir first second==2";
    let played = case().play().exited(0);
    played.called(&[DATABASE, install, "pip check", "airflow webserver"]);
    assert_eq!(played.call("pip install").words.len(), 8, "{}", played.story());
    case().codes("pip check", &["1"]).play().exited(70).called(&[DATABASE, install, "pip check"]);
}

/// What was not installed is not checked, and nothing is run without it.
#[test]
fn airflow_does_not_run_without_what_it_could_not_install() {
    let case = case(&["--", "webserver"]).env("AIRFLOW_VERSION", "2.9.0").env("_AIRFLOW_DB_MIGRATE", "true");
    let played = case.env("_PIP_ADDITIONAL_REQUIREMENTS", "first").codes("pip install", &["3"]).play().exited(70);
    let install = "pip install apache-airflow==2.9.0 --root-user-action ignore --no-cache-dir first";
    played.complains(&["exit 3"]).called(&[DATABASE, MIGRATE, install]);
}

/// That a step may fail does not make its end by a stop a failure to go on from.
#[test]
fn airflow_is_stopped_while_it_prepares() {
    let start = || {
        let case = case(&["--", "webserver"]).env("_AIRFLOW_DB_MIGRATE", "true").env("AIRFLOW_VERSION", "2.9.0");
        let case = case.env("_AIRFLOW_WWW_USER_CREATE", "true").env("_AIRFLOW_WWW_USER_PASSWORD", "s3cret");
        case.env("_PIP_ADDITIONAL_REQUIREMENTS", "first")
    };
    let steps = [DATABASE, MIGRATE, CREATE, "pip install", "pip check"];
    for (name, last) in [("airflow", 1), ("airflow", 2), ("pip", 3), ("pip", 4)] {
        let playing = start().codes(steps[last], &["hold"]).start();
        playing.run.line(&format!("{name} holds"));
        let played = playing.stop().exited(143);
        assert_eq!(played.calls.len(), last + 1, "{}", played.story());
        for step in &steps[..=last] {
            played.call(step);
        }
        played.never_says("s3cret");
    }
}

#[test]
fn airflow_reads_its_password_from_a_file() {
    const NAME: &str = "_AIRFLOW_WWW_USER_PASSWORD";
    let file = "mkdir -p /run/secrets; printf 's3 cret\\n' >/run/secrets/airflow; chmod 644 /run/secrets/airflow";
    let start = |path: &str| {
        let case = case(&["--", "webserver"]).before(file).env("_AIRFLOW_WWW_USER_CREATE", "true");
        case.env(&format!("{NAME}_FILE"), path)
    };
    let played = start("/run/secrets/airflow").play().exited(0);
    played.never_says("s3 cret");
    let (create, server) = (played.call(CREATE), played.call("airflow webserver"));
    assert_eq!(create.words.last().map(String::as_str), Some("s3 cret"), "{}", played.story());
    for call in [create, server] {
        assert_eq!((call.env(NAME), call.has(&format!("{NAME}_FILE"))), ("s3 cret", false), "{call}");
    }
    // Both are a mistake, and so is a file that is not there: nothing runs, not even the wait.
    let played = start("/run/secrets/airflow").env(NAME, "0ther").play().exited(78).complains(&[NAME]);
    played.never_says("s3 cret").never_says("0ther").called(&[]);
    let played = start("/run/secrets/another").play().exited(78);
    played.complains(&[NAME, "/run/secrets/another"]).called(&[]);
}

#[test]
fn airflow_demands_group_0() {
    let start = |through: &str| case(&["--", "webserver"]).through(through).play();
    start("setpriv --reuid 4711 --regid 4711 --clear-groups").exited(77).complains(&["4711"]).called(&[]);
    // A supplementary one is one.
    let played = start("setpriv --reuid 4711 --regid 4711 --groups 0").exited(0);
    assert_eq!(played.call("airflow webserver").identity, "4711:4711");
}

#[test]
fn airflow_gets_a_passwd_entry() {
    let passwd = "cp /etc/passwd /tmp/passwd; chown 0:0 /tmp/passwd; chmod 664 /tmp/passwd
        mount --bind /tmp/passwd /etc/passwd";
    let ask =
        || case(&["--", "bash"]).with("command = [\"bash\"]", "command = [\"sh\", \"-c\", \"getent passwd 4711\"]");
    let played = ask().before(passwd).play().exited(0);
    let entry = played.end.out.lines().find(|line| line.contains(":4711:0:")).unwrap_or_default().to_owned();
    assert!(entry.contains(":/home/airflow:"), "{}", played.story());
    // Where that cannot be written, it is a warning.
    case(&["--", "webserver"]).play().exited(0).complains(&["/etc/passwd"]).called(&[DATABASE, "airflow webserver"]);
}
