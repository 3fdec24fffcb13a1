//! Real services that come late: app-init says what it waits for and which step fails, and the server runs when they are
//! there. Nothing starts before the log has said that it is missed.

use crate::harness::cli::docker_ok;
use crate::harness::container::Container;
use crate::harness::images;
use crate::harness::lines::Lines;
use crate::harness::network::Network;
use crate::harness::pty::Session;

const CONFIG: &str = "/etc/app-init.toml";
/// Holds a password, as the URLs of real applications do.
const DATABASE_URL: &str = "DATABASE_URL=postgres://user:p%40ssw0rd@db/app?sslpassword=p%40ssw0rd";
const PASSWORD: &str = "ssw0rd";
const WAIT_FOR_DATABASE: &str = "[[wait]]\ntarget = \"${DATABASE_URL}\"\n";
/// Where this is missing from the log, the server never ran.
const SERVES: &str = "the server runs";
const SERVER: [&str; 4] = ["--", "sh", "-c", "echo the server runs; exec sleep infinity"];

fn waiting(network: &Network, config: &str) -> Container {
    let waiter = network.member(&images::plain()).options(&["--env", DATABASE_URL]);
    waiter.file(CONFIG, config).args(&SERVER).start()
}

/// Waits until the log says which step fails for `target`.
fn misses(log: &mut Lines, target: &str, step: &str) {
    let missing = format!("{target} ({step}");
    log.wait_until(&missing, |_, line| line.starts_with("app-init: waiting for ") && line.contains(&missing));
}

/// It serves, has never told the password, and stops as it should.
fn serves_and_keeps_the_secret(container: &Container) {
    // Looked for from the log's beginning: what comes on two streams has no order.
    container.wait_for(SERVES);
    container.wait_for("is there after");
    let told = container.logs();
    assert!(!told.stderr.contains(PASSWORD) && !told.stdout.contains(PASSWORD), "{told:?}");
    // Nobody is left of those who looked.
    let processes = docker_ok(&["top", &container.name, "-eo", "pid,args"]);
    assert_eq!(processes.lines().skip(1).count(), 2, "app-init and the server: {processes}");
    assert_eq!(container.stop(), 143);
}

/// The name is not known; then it is, but nobody listens; then the server is there.
#[test]
fn postgres_is_looked_up_then_connected_to() {
    let postgres = images::companion("postgres");
    let network = Network::new();
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = 0\n"));
    let mut log = waiter.follow();
    misses(&mut log, "postgres://db:5432", "lookup");

    let database = network.service("db", &postgres).args(&["sleep", "infinity"]).start();
    misses(&mut log, "postgres://db:5432", "connect");

    docker_ok(&["exec", "--detach", &database.name, "postgres", "-D", "/data", "-c", "listen_addresses=*"]);
    serves_and_keeps_the_secret(&waiter);
}

/// nginx answers, but its application is not ready.
#[test]
fn http_is_there_when_its_status_says_so() {
    let web = images::companion("web");
    let network = Network::new();
    let waiter = waiting(&network, "[[wait]]\ntarget = \"http://web/health\"\ntimeout = \"10m\"\n");
    let mut log = waiter.follow();
    misses(&mut log, "http://web:80/health", "lookup");

    let nginx = network.service("web", &web).start();
    misses(&mut log, "http://web:80/health", "status: 503");

    let healthy = "mkdir /tmp/health && echo 'return 200 ok;' >/tmp/health/ok.conf && \
                   nginx -e /dev/stderr -c /etc/web/nginx.conf -s reload";
    let reload = nginx.exec(&["sh", "-c", healthy]);
    assert_eq!(reload.code, 0, "{reload:?}");
    serves_and_keeps_the_secret(&waiter);
}

/// Three services, which come one after another: those that are missing are named, the others are not.
#[test]
fn each_missing_one_is_named() {
    let (postgres, redis, web) = (images::companion("postgres"), images::companion("redis"), images::companion("web"));
    let network = Network::new();
    let more = "[[wait]]\ntarget = \"redis://cache\"\ntimeout = 0\n[[wait]]\ntarget = \"http://web/\"\ntimeout = 0\n";
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = 0\n{more}"));
    let mut log = waiter.follow();
    let all = ["postgres://db:5432 (", "redis://cache:6379 (", "http://web:80/ ("];
    let named = |which: &'static [&'static str]| {
        move |_, line: &str| {
            line.contains("waiting for ") && all.iter().all(|one| line.contains(one) == which.contains(one))
        }
    };
    log.wait_until("all three", named(&["postgres://db:5432 (", "redis://cache:6379 (", "http://web:80/ ("]));
    let _cache = network.service("cache", &redis).start();
    log.wait_for("redis://cache:6379 is there after");
    log.wait_until("the two", named(&["postgres://db:5432 (", "http://web:80/ ("]));
    let _web = network.service("web", &web).start();
    log.wait_for("http://web:80/ is there after");
    log.wait_until("the last", named(&["postgres://db:5432 ("]));
    let _database = network.service("db", &postgres).start();
    log.wait_for("postgres://db:5432 is there after");
    serves_and_keeps_the_secret(&waiter);
}

/// `docker stop` ends it at once, in the middle of whatever it is doing.
#[test]
fn docker_stop_ends_the_waiting() {
    let network = Network::new();
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = 0\n"));
    misses(&mut waiter.follow(), "postgres://db:5432", "lookup");
    assert_eq!(waiter.stop(), 143);
    never_served(&waiter);
}

/// Before a look-up can have ended: no news is waited for but that app-init holds its signals.
#[test]
fn docker_stop_ends_the_waiting_at_once() {
    let network = Network::new();
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = 0\n"));
    waiter.wait_for_init();
    assert_eq!(waiter.stop(), 143);
    never_served(&waiter);
}

#[test]
fn a_time_out_ends_the_boot() {
    let network = Network::new();
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = \"1s\"\n"));
    assert_eq!(waiter.wait(), 124);
    let told = waiter.logs().stderr;
    assert!(told.contains("cannot go on: postgres://db:5432 is not there after 1s (lookup"), "{told}");
    never_served(&waiter);
}

#[test]
fn a_time_out_may_be_ignored() {
    let network = Network::new();
    let waiter = waiting(&network, &format!("{WAIT_FOR_DATABASE}timeout = \"1s\"\non_timeout = \"continue\"\n"));
    waiter.wait_for("postgres://db:5432 is not there after 1s (lookup");
    waiter.wait_for(SERVES);
    assert_eq!(waiter.stop(), 143);
}

/// A person sees one line, which is written over, and may lose patience.
#[test]
fn control_c_ends_the_waiting() {
    let network = Network::new();
    let waiter = network.member(&images::plain()).options(&["--interactive", "--tty", "--env", DATABASE_URL]);
    let waiter = waiter.file(CONFIG, &format!("{WAIT_FOR_DATABASE}timeout = 0\n")).args(&SERVER).create();
    let mut session = Session::of(&["start", "--attach", "--interactive", &waiter.name]);
    session.expect("waiting for postgres://db:5432 (lookup");
    let between = session.expect("waiting for postgres://db:5432 (lookup");
    assert!(between.contains('\r') && !between.contains('\n'), "a line of its own each time: {between:?}");
    session.type_in("\x03");
    let (status, screen) = session.end();
    assert_eq!(status.code(), Some(130), "{screen}");
    never_served(&waiter);
    assert!(!screen.contains(PASSWORD), "{screen}");
}

/// The command in the place of a wait script, options between the targets, with nothing configured.
#[test]
fn the_wait_command_becomes_the_server() {
    let postgres = images::companion("postgres");
    let network = Network::new();
    let command = ["wait", "db:5432", "-t", "10m", "-v", "--", "sh", "-c", "echo the server is $$; exit 7"];
    let waiter = network.member(&images::plain()).args(&command).start();
    misses(&mut waiter.follow(), "tcp://db:5432", "lookup");
    let _database = network.service("db", &postgres).start();
    assert_eq!(waiter.wait(), 7);
    assert_eq!(waiter.logs().stdout, "the server is 1\n", "nobody stays in front of it");
}

#[test]
fn the_wait_command_may_wait_in_vain() {
    let network = Network::new();
    let command = |options: &[&'static str]| [&["wait", "db:5432"], options, &["--", "echo", SERVES]].concat();
    let member = |options: &[&'static str]| network.member(&images::plain()).args(&command(options));
    let done = member(&["-t", "1"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (124, ""), "{done:?}");
    assert!(done.stderr.contains("tcp://db:5432 is not there after 1s"), "{done:?}");
    let done = member(&["--timeout=1", "--no-strict"]).run();
    assert_eq!((done.code, done.stdout.trim_end()), (0, SERVES), "{done:?}");
    let done = member(&["-t", "1", "-q", "--no-strict"]).run();
    assert_eq!((done.code, done.stdout.trim_end(), done.stderr.as_str()), (0, SERVES, ""), "{done:?}");
}

/// The password is for the server: there it arrives as it was.
#[test]
fn the_server_gets_the_url_as_it_was() {
    let network = Network::new();
    let redis = images::companion("redis");
    let _cache = network.service("db", &redis).start();
    let config = "[env.set]\nURL = \"redis://:${PASS}@db/0\"\n[[wait]]\ntarget = \"${URL}\"\ntimeout = \"10m\"\n";
    let waiter = network.member(&images::plain()).options(&["--env", "PASS=ssw0rd"]).args(&["--", "printenv", "URL"]);
    let waiter = waiter.file(CONFIG, config).start();
    assert_eq!(waiter.wait(), 0);
    let told = waiter.logs();
    assert_eq!(told.stdout, "redis://:ssw0rd@db/0\n", "{told:?}");
    assert!(told.stderr.contains("redis://db:6379 is there after") && !told.stderr.contains(PASSWORD), "{told:?}");
}

fn never_served(container: &Container) {
    let told = container.logs();
    assert!(!told.stdout.contains(SERVES), "{told:?}");
    assert!(!told.stderr.contains(PASSWORD), "{told:?}");
}
