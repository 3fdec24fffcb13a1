//! cookiecutter-django: a wait for PostgreSQL, static files, and a migration when it is chosen.

use super::{PASSWORD, announced, database};
use crate::harness::container::{Container, Recipe};
use crate::harness::http;
use crate::harness::images;
use crate::harness::network::Network;

const PORT: u16 = 5000;
const LISTENS: &str = "Listening at: http://0.0.0.0:5000";

fn recipe(network: &Network) -> Recipe {
    let given =
        ["POSTGRES_HOST=db", "POSTGRES_PORT=5432", "POSTGRES_DB=app", "POSTGRES_USER=user", "REDIS_URL=redis://x"];
    let options: Vec<&str> = given.iter().flat_map(|one| ["--env", one]).collect();
    let secret = ["--env", "POSTGRES_PASSWORD_FILE=/run/secrets/postgres", "--env", "DB_WAIT_TIMEOUT=10m"];
    let recipe = network.member(&images::companion("cookiecutter-django")).options(&options).options(&secret);
    recipe.file("/run/secrets/postgres", &format!("{PASSWORD}\n"))
}

fn waits_for_the_database(container: &Container) {
    container.follow().wait_until("the database is missed", |_, line| line.contains("waiting for tcp://db:5432 ("));
}

/// The web role serves a page that reads the database, which somebody has to have migrated.
#[test]
fn migrates_when_asked_and_serves() {
    let network = Network::new();
    let migration = recipe(&network).args(&["python", "manage.py", "migrate"]).start();
    let web = recipe(&network).options(&["--env", "COMPRESS_ENABLED=False"]).start();
    waits_for_the_database(&migration);
    waits_for_the_database(&web);
    let _database = database(&network).start();

    assert_eq!(migration.wait(), 0, "{:?}", migration.logs());
    let told = migration.logs().stdout;
    assert!(told.contains("Applying guests.0001_initial... OK"), "{told}");
    assert_eq!(announced(&migration), [""; 0], "a command of its own has no steps");

    web.wait_for(LISTENS);
    assert_eq!(http::get(&web, PORT, "/").body, "Ada");
    let steps = announced(&web);
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert!(steps[0].contains("collectstatic"), "{steps:?}");
    assert!(web.logs().stdout.contains("1 static file copied to '/app/staticfiles'."), "{:?}", web.logs());
    let style = web.exec(&["cat", "staticfiles/style.css"]);
    assert_eq!(style.code, 0, "{style:?}");

    // What the server was told is what a look inside sees; the secret's file is not among it.
    let url = web.exec(&["app-init", "--", "sh", "-c", "echo $DATABASE_URL $POSTGRES_PASSWORD_FILE"]);
    assert_eq!(url.stdout, "postgres://user:secret@db:5432/app\n", "{url:?}");
    let shown = web.exec(&["app-init", "env"]).stdout;
    assert!(shown.contains("POSTGRES_PASSWORD='***'") && !shown.contains("secret@"), "{shown}");
    assert_eq!(web.stop(), 0);
}

/// The settings decide whether there is something to compress, and the local role migrates by itself.
#[test]
fn compresses_and_migrates_where_it_is_configured() {
    let network = Network::new();
    let _database = database(&network).start();
    let web = recipe(&network).start();
    web.wait_for(LISTENS);
    let steps = announced(&web);
    assert!(steps.len() == 2 && steps[1].contains("compress"), "{steps:?}");
    assert!(web.logs().stdout.lines().any(|line| line == "compressed"), "{:?}", web.logs());

    // Its server is of django-extensions, which this image does not have: 1, of Django's, after the migration.
    let local = recipe(&network).args(&["local"]).start();
    assert_eq!(local.wait(), 1, "{:?}", local.logs());
    assert!(local.logs().stdout.contains("Applying guests.0001_initial... OK"), "{:?}", local.logs());
    assert_eq!(http::get(&web, PORT, "/").body, "Ada");
    assert_eq!(web.stop(), 0);
}

/// Every name that is missing is told at once.
#[test]
fn says_what_is_missing() {
    let done = Recipe::of(&images::companion("cookiecutter-django")).run();
    assert_eq!(done.code, 78, "{done:?}");
    for name in ["POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_PASSWORD", "REDIS_URL"] {
        assert!(done.stderr.contains(name), "{name}: {done:?}");
    }
}
