//! Redash: one image, whose first argument is what the container is. The workers are RQ's own pool, and
//! their jobs write to PostgreSQL.

use super::{PASSWORD, announced, database};
use crate::harness::cli::Done;
use crate::harness::container::{Container, Recipe};
use crate::harness::http;
use crate::harness::images;
use crate::harness::network::Network;

fn recipe(network: &Network) -> Recipe {
    let recipe = network.member(&images::companion("redash")).options(&["--env", "REDASH_REDIS_URL=redis://cache/0"]);
    let url = format!("REDASH_DATABASE_URL=postgresql://user:{PASSWORD}@db/app");
    recipe.options(&["--env", &url, "--env", "DB_WAIT_TIMEOUT=10m"])
}

fn waits_for_the_database(container: &Container) {
    container
        .follow()
        .wait_until("the database is missed", |_, line| line.contains("waiting for ") && line.contains("db:5432 ("));
}

/// What the jobs have left in the database, as PostgreSQL itself tells it.
fn rows(database: &Container) -> String {
    let query = "SELECT number, square FROM squares ORDER BY number";
    let done =
        database.exec(&["psql", "--host=/tmp", "--username=user", "--no-align", "--tuples-only", "-c", query, "app"]);
    assert_eq!(done.code, 0, "{done:?}");
    done.stdout
}

/// Puts a job on the queue, as another command in the container, and waits for what the workers made of it.
fn enqueue(container: &Container, job: &[&str]) -> Done {
    container.exec(&[&["app-init", "--", "./manage.py", "enqueue"], job].concat())
}

#[test]
fn each_role_does_its_part() {
    let network = Network::new();
    let _cache = network.service("cache", &images::companion("redis")).start();

    // Without an argument the image's CMD, `server`, which upgrades the database first.
    let server = recipe(&network).options(&["--env", "REDASH_WEB_WORKERS=2"]).start();
    let worker = recipe(&network).args(&["worker", "default"]).options(&["--env", "WORKERS_COUNT=3"]).start();
    waits_for_the_database(&server);
    waits_for_the_database(&worker);
    let database = database(&network).start();
    server.wait_for("Listening at: http://[::]:5000");
    assert_eq!(announced(&server).len(), 1);
    assert_eq!(http::get(&server, 5000, "/").body, "0 jobs wait");
    let processes = server.exec(&["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).stdout;
    assert!(processes.contains("-w2 redash.wsgi:app --max-requests 1000"), "{processes}");

    worker.wait_for("*** Listening on default");
    assert_eq!(announced(&worker), [""; 0], "only the server upgrades");
    let done = enqueue(&server, &["12"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "144\n"), "{done:?}");
    assert_eq!(rows(&database), "12|144\n");

    // Somebody has to take what is due later from where it waits.
    let scheduler = recipe(&network).args(&["scheduler"]).start();
    scheduler.wait_for("the scheduler runs");
    let done = enqueue(&worker, &["5", "0"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "25\n"), "{done:?}");
    assert_eq!(rows(&database), "5|25\n12|144\n");

    // A role that is a task ends with its own code; and so does what is no role.
    let task = recipe(&network).args(&["create_db"]).run();
    assert_eq!((task.code, task.stdout.as_str()), (0, "created\n"), "{task:?}");
    let task = recipe(&network).args(&["manage", "no", "such"]).run();
    assert_eq!(task.code, 1, "{task:?}");
    assert_eq!(rows(&database), "5|25\n12|144\n", "a task makes what is missing and leaves the rest");
    let own = recipe(&network).args(&["printenv", "RQ_REDIS_URL"]).run();
    assert_eq!((own.code, own.stdout.as_str()), (1, ""), "the worker's environment is the worker's: {own:?}");

    // RQ's pool ends its workers at a TERM, and so does its container, before the grace is over.
    assert_eq!(worker.stop(), 0);
    scheduler.stop();
    assert_eq!(server.stop(), 0);
    for container in [&server, &worker, &scheduler] {
        announced(container);
    }
}

/// The role that counts the pool's workers.
#[test]
fn the_workers_are_counted() {
    let network = Network::new();
    let _cache = network.service("cache", &images::companion("redis")).start();
    let count = || recipe(&network).args(&["workers_healthcheck"]).run();
    assert_eq!(count().code, 1, "there are none, and it does not wait for the database");
    let _database = database(&network).start();
    let worker = recipe(&network).args(&["worker"]).start();
    let mut log = worker.follow();
    log.wait_for("*** Listening on default");
    log.wait_for("*** Listening on default");
    let done = count();
    assert_eq!((done.code, done.stdout.as_str()), (0, "2 workers are active\n"), "{done:?}");
    // As its health check is asked, beside it.
    let done = worker.exec(&["app-init", "--", "workers_healthcheck"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "2 workers are active\n"), "{done:?}");
    assert_eq!(worker.stop(), 0);
}
