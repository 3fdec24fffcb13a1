//! The whole application of docs/configuration.md, as somebody builds it who has only read that: its Dockerfile and its
//! configuration as they are printed, around a small project `shop` of Django and Celery (tests/docker/images/shop).

use std::fs;

use super::{PASSWORD, announced};
use crate::harness::container::{Container, Recipe};
use crate::harness::document::blocks;
use crate::harness::http;
use crate::harness::images;
use crate::harness::network::Network;
use crate::harness::volume::Volume;

const PORT: u16 = 8000;
const LISTENS: &str = "Listening at: http://0.0.0.0:8000";
/// As its compose.yaml has them.
const SECRETS: [&str; 4] =
    ["--env", "POSTGRES_PASSWORD_FILE=/run/secrets/db", "--env", "SECRET_KEY_FILE=/run/secrets/key"];

/// The last block of its kind in the document.
fn printed(kind: &str) -> String {
    blocks("docs/configuration.md").into_iter().rfind(|block| block.kind == kind).expect("the document has it").text
}

/// The documented image; what its readers have under plain names is ours.
pub fn image() -> String {
    let python = images::derived(
        "python",
        "FROM debian:bookworm-slim\n\
         RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python-is-python3 \
         && rm -rf /var/lib/apt/lists/*\n",
    );
    let mut dockerfile = printed("dockerfile");
    for (theirs, ours) in [("FROM python:3-slim\n", python), ("--from=app-init ", images::scratch())] {
        assert_eq!(dockerfile.matches(theirs).count(), 1, "{theirs:?}: {dockerfile}");
        let verb = theirs.split_inclusive([' ', '=']).next().expect("a first part");
        dockerfile = dockerfile.replace(theirs, &format!("{verb}{ours}{}", &theirs[theirs.len() - 1..]));
    }
    images::of_folder("shop", &dockerfile, |context| {
        images::copy_folder(&images::root().join("tests/docker/images/shop"), context);
        fs::create_dir(context.join(".docker")).expect("a folder of the context");
        fs::write(context.join(".docker/app-init.toml"), printed("toml")).expect("a file of the context");
    })
}

fn shop(network: &Network, media: &Volume) -> Recipe {
    with_secrets(network.member(&image())).options(&["--volume", &media.at("/data")])
}

fn with_secrets(recipe: Recipe) -> Recipe {
    recipe.options(&SECRETS).file("/run/secrets/db", &format!("{PASSWORD}\n")).file("/run/secrets/key", "a key\n")
}

/// The names that the documented configuration takes for granted.
fn database(network: &Network) -> Recipe {
    let dockerfile = format!(
        "FROM {}\n\
         RUN echo \"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'\" | postgres --single -D /data postgres \
         && echo 'CREATE DATABASE shop OWNER shop' | postgres --single -D /data postgres\n",
        images::companion("postgres")
    );
    network.service("db", &images::derived("shop-database", &dockerfile))
}

fn cache(network: &Network) -> Container {
    let cache = network.service("cache", &images::companion("redis")).start();
    cache.wait_for("Ready to accept connections");
    cache
}

#[test]
fn migrates_serves_and_works() {
    let (network, media) = (Network::new(), Volume::new());
    let web = shop(&network, &media).options(&["--env", "RUN_MIGRATIONS=true", "--env", "DB_WAIT_TIMEOUT=10m"]).start();
    web.wait_for("waiting for postgres://db:5432 (");
    let _cache = cache(&network);
    let _database = database(&network).start();
    web.wait_for(LISTENS);
    let told = web.logs();
    assert!(told.stdout.contains("Applying shop.0001_initial... OK"), "{told:?}");
    assert_eq!(announced(&web).len(), 1, "{told:?}");
    assert_eq!(http::get(&web, PORT, "/").body, "0 ordered, 0 delivered");

    let role = ["--env", "APP_INIT_ROLE=worker"];
    let worker = shop(&network, &media).options(&role).args(&["worker"]).start();
    worker.wait_for(" ready.");
    assert_eq!(announced(&worker), [""; 0], "nobody asked it to migrate");
    assert_eq!(http::get(&web, PORT, "/order").body, "order 1");
    worker.wait_for("] succeeded in ");
    assert_eq!(http::get(&web, PORT, "/").body, "1 ordered, 1 delivered");

    // Everything but app-init is unprivileged, and the volume is theirs.
    let owners = web.exec(&["stat", "-c", "%U:%G %a", "/data", "/data/media", "/data/media/receipt-1"]);
    assert_eq!(owners.stdout, "root:root 755\napp:app 750\napp:app 640\n", "{owners:?}");
    let servers = "cat /proc/1/task/1/children | xargs -n1 sh -c 'grep -h ^Uid: /proc/$0/status'";
    for container in [&web, &worker] {
        assert_eq!(container.exec(&["sh", "-c", servers]).stdout, "Uid:\t1000\t1000\t1000\t1000\n");
    }

    // The commands at the end of the document. The job is run in the place of the web service, with its variables: it is
    // the migration alone all the same.
    let job = shop(&network, &media).options(&["--env", "RUN_MIGRATIONS=true"]).args(&["migrate"]).start();
    assert_eq!(job.wait(), 0, "{:?}", job.logs());
    assert_eq!(announced(&job), [""; 0]);
    assert!(job.logs().stdout.contains("No migrations to apply."), "{:?}", job.logs());
    let look = "id -un; pwd; umask; command -v celery; echo $CELERY_BROKER_URL $SECRET_KEY ${SECRET_KEY_FILE:-none}";
    let shell = worker.exec(&["app-init", "shell", "-c", look]);
    assert_eq!(shell.stdout, "app\n/app\n0027\n/appenv/bin/celery\nredis://cache/0 a key none\n", "{shell:?}");
    let shown = web.exec(&["app-init", "env"]);
    assert!(shown.code == 0 && shown.stdout.contains("\nPOSTGRES_PASSWORD='***'\n"), "{shown:?}");
    assert!(!shown.stdout.contains(PASSWORD) && !shown.stdout.contains("a key"), "{shown:?}");

    assert_eq!(worker.stop(), 0, "{:?}", worker.logs());
    assert_eq!(web.stop(), 0, "{:?}", web.logs());
    // The volume is the users' already; the database is migrated.
    let again = shop(&network, &media).options(&["--env", "RUN_MIGRATIONS=true"]).start();
    again.wait_for(LISTENS);
    assert!(again.logs().stderr.contains("nothing to do, says python manage.py migrate --check"), "{:?}", again.logs());
    assert_eq!(http::get(&again, PORT, "/").body, "1 ordered, 1 delivered");
    assert_eq!(again.stop(), 0);
}

/// A job's code is the container's, and so is that of a stop while it waits.
#[test]
fn fails_and_stops_with_the_right_code() {
    let (network, media) = (Network::new(), Volume::new());
    let web = shop(&network, &media).start();
    web.wait_for("waiting for postgres://db:5432 (");
    assert_eq!(web.stop(), 143);
    let _database = database(&network).start();
    let wrong = shop(&network, &media).options(&["--env", "RUN_MIGRATIONS=true"]).file("/run/secrets/db", "wrong\n");
    let job = wrong.clone().args(&["migrate"]).start();
    assert_eq!(job.wait(), 1, "{:?}", job.logs());
    assert!(job.logs().stderr.contains("password authentication failed"), "{:?}", job.logs());
    // With the same mistake the web role does not serve.
    let wrong = wrong.start();
    assert_eq!(wrong.wait(), 70, "{:?}", wrong.logs());
    assert!(!format!("{:?}", wrong.logs()).contains(LISTENS), "{:?}", wrong.logs());
}

/// The last of the documented commands, with and without the secrets.
#[test]
fn is_checked() {
    let check = |recipe: Recipe| recipe.options(&["--entrypoint", "app-init"]).args(&["check", "web"]).start();
    let sound = check(with_secrets(Recipe::of(&image())));
    assert_eq!(sound.wait(), 0, "{:?}", sound.logs());
    let plan = sound.logs().stdout;
    assert!(plan.contains("gunicorn --bind 0.0.0.0:8000 shop.wsgi"), "{plan}");
    assert!(!plan.contains(PASSWORD), "{plan}");
    let faulty = check(Recipe::of(&image()));
    assert_eq!(faulty.wait(), 78, "{:?}", faulty.logs());
}
