//! NetBox: Django itself says when its database is there, and whether there is something to migrate; the superuser's
//! password is in a file.

use super::{PASSWORD, announced, database};
use crate::harness::container::Recipe;
use crate::harness::http;
use crate::harness::images;
use crate::harness::network::Network;

const LISTENS: &str = "Listening at: http://0.0.0.0:8080";
/// Would be code if it were put into the source.
const SUPERUSER: &str = "it's \"quoted\" $HOME";

fn recipe(network: &Network) -> Recipe {
    let given = ["DB_HOST=db", "DB_NAME=app", "DB_USER=user", "DB_PASSWORD=secret", "MAX_DB_WAIT_TIME=10m"];
    let options: Vec<&str> = given.iter().flat_map(|one| ["--env", one]).collect();
    let recipe =
        network.member(&images::companion("netbox")).options(&options).options(&["--env", "DB_WAIT_TIMEOUT=1"]);
    recipe
        .file("/run/secrets/superuser_password", &format!("{SUPERUSER}\n\n"))
        .file("/run/secrets/superuser_api_token", "t0ken\n")
}

#[test]
fn waits_migrates_once_and_makes_its_superuser() {
    let network = Network::new();
    let first = recipe(&network).start();
    let mut log = first.follow();
    // The line that Django ends with.
    log.wait_until("Django's own complaint", |_, line| {
        line.contains("waiting for ./manage.py showmigrations (exit 1: ")
            && line.contains("could not translate host name")
    });
    let _database = database(&network).start();
    log.wait_for("./manage.py showmigrations is there after");
    log.wait_for(LISTENS);
    let told = first.logs();
    for done in
        ["Applying users.0001_initial... OK", "trace_paths is done", "reindex is done", "created the superuser admin"]
    {
        assert!(told.stdout.contains(done), "{done}: {told:?}");
    }
    assert!(!told.stdout.lines().any(|line| line.starts_with("warning:")), "{told:?}");
    assert!(!told.stdout.contains("quoted") && !told.stdout.contains("t0ken"), "{told:?}");
    assert_eq!(announced(&first).len(), 3, "{told:?}");

    // The password is the file's, without the new lines at its end.
    let login = |password: &str| http::get(&first, 8080, &format!("/login?name=admin&password={password}")).body;
    assert_eq!(login("it's%20%22quoted%22%20$HOME"), "admin t0ken");
    assert_eq!(login("admin"), "None ");
    let umask = first.exec(&["app-init", "exec", "--", "sh", "-c", "umask; command -v python3"]);
    assert_eq!(umask.stdout, "0002\n/opt/netbox/venv/bin/python3\n", "{umask:?}");
    assert_eq!(first.stop(), 0);

    // Another container of the same database: nothing is left to migrate, and the superuser stays as it is.
    let second = recipe(&network).file("/run/secrets/superuser_password", "another").start();
    second.wait_for(LISTENS);
    let told = second.logs();
    assert!(told.stderr.contains("nothing to do, says ./manage.py migrate --check"), "{told:?}");
    let does_it_again = |line: &str| line.contains("Applying") || line.starts_with("created the superuser");
    assert!(!told.stdout.lines().any(does_it_again), "{told:?}");
    assert_eq!(announced(&second).len(), 2, "{told:?}");
    assert_eq!(http::get(&second, 8080, "/login?name=admin&password=another").body, "None ");
    assert_eq!(second.stop(), 0);
}

/// Django takes a second to say that it has no database; a stop does not wait for it.
#[test]
fn is_stopped_while_it_waits() {
    let network = Network::new();
    let container = recipe(&network).start();
    container.wait_for("waiting for ./manage.py showmigrations (");
    assert_eq!(container.stop(), 143);
    let told = container.logs();
    assert!(!told.stdout.contains(LISTENS) && !told.stderr.contains(LISTENS), "{told:?}");
    assert!(!told.stderr.contains(PASSWORD), "{told:?}");
}
