//! `app-init check`, as it stands in somebody's Dockerfile, in the images of docker/ and tests/docker/images with their own
//! configurations, and with every example of the documents.

use std::fmt::Write;

use crate::cases::whole_application;
use crate::harness::apps::{App, CONFIG, each_application};
use crate::harness::cli::Done;
use crate::harness::container::Recipe;
use crate::harness::document::{blocks, documents};
use crate::harness::images;

mod an_application {
    super::each_application!(super::passes);
}

fn check(image: &str, args: &[&str], variables: &[&str]) -> Done {
    let variables: Vec<&str> = variables.iter().flat_map(|&one| ["--env", one]).collect();
    let recipe = Recipe::of(image).options(&["--entrypoint", "app-init"]).options(&variables);
    recipe.args(&["check"]).args(args).run()
}

/// A plan that was read from `origin`, with nothing to say against it.
fn is_sound(done: &Done, origin: &str, command: &str) {
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    assert!(done.stdout.contains(&format!("({origin}:")), "{origin} was not read: {}", done.stdout);
    assert!(done.stdout.contains(&format!("\nserver\n  {command}")), "{command:?}: {}", done.stdout);
}

fn passes(app: &App) {
    let done = check(&app.image(), &[&["--"], app.command].concat(), &[]);
    let (origin, command) = match app.name {
        "wsgi-hello" | "django-site" => ("/etc/app-init.toml", "mod_wsgi-express start-server"),
        "klein" => (".docker/app-init.toml", "python -m twisted"),
        _ => (".docker/app-init.toml", "gunicorn"),
    };
    is_sound(&done, origin, command);
    assert_eq!(done.stdout.contains("\ndeploy\n"), app.deploys, "{}", done.stdout);
}

#[test]
fn the_images_that_others_are_built_from() {
    for image in [images::base(), images::onbuild()] {
        is_sound(&check(&image, &["wsgi.py"], &[]), "/etc/app-init.toml", "mod_wsgi-express start-server");
    }
}

#[test]
fn the_demo() {
    let done = check(&images::demo(), &[], &[]);
    is_sound(&done, ".docker/app-init.toml", "python3 app.py");
    for hook in ["deploy", "post-deploy", "pre-stop"] {
        let line = format!("\n  .docker/action_hooks/{hook}");
        assert!(done.stdout.contains(&line), "{hook}: {}", done.stdout);
    }
}

/// The entrypoints that have an image, with each of their roles.
#[test]
fn the_real_entrypoints() {
    let postgres =
        ["HOST=db", "PORT=5432", "DB=app", "USER=user", "PASSWORD=secret"].map(|one| format!("POSTGRES_{one}"));
    let mut given: Vec<&str> = postgres.iter().map(String::as_str).collect();
    given.push("REDIS_URL=redis://x");
    for (args, command) in [(&["web"][..], "gunicorn"), (&["python", "manage.py", "migrate"], "python manage.py")] {
        let done = check(&images::companion("cookiecutter-django"), args, &given);
        is_sound(&done, ".docker/app-init.toml", command);
    }
    let given = ["DB_HOST=db", "DB_NAME=app", "DB_USER=user", "DB_PASSWORD=secret", "SUPERUSER_PASSWORD=s3cret"];
    let done = check(&images::companion("netbox"), &["/opt/netbox/launch-netbox.sh"], &given);
    is_sound(&done, ".docker/app-init.toml", "/opt/netbox/launch-netbox.sh");
    for role in ["server", "worker", "scheduler", "create_db"] {
        let done = check(&images::companion("redash"), &[role], &["REDASH_REDIS_URL=redis://cache/0"]);
        is_sound(&done, ".docker/app-init.toml", "");
    }
}

/// What the examples take for granted beside the image of the whole application.
const TAKEN_FOR_GRANTED: [&str; 7] = [
    "PATH=/appenv/bin:/usr/local/bin:/usr/bin:/bin",
    "DATABASE_URL=postgres://app:s3cret@db/app",
    "CELERY_BROKER_URL=redis://cache",
    "DB_PASSWORD=s3cret",
    "POSTGRES_PASSWORD=s3cret",
    "SECRET_KEY=k3yk3y",
    "DEBUG=1",
];

/// Each as it is printed, in the container's working directory.
#[test]
fn every_example_of_the_documents() {
    let examples = documents().into_iter().flat_map(|file| blocks(&file)).filter(|block| block.kind == "toml");
    let examples: Vec<_> = examples.collect();
    assert!(examples.len() > 12, "only {} examples were found", examples.len());
    let mut script = "touch build.env; mkdir .docker/user_vars\n".to_owned();
    for number in 0..examples.len() {
        let check = format!("APP_INIT_CONFIG=/examples/{number} app-init check sh 2>&1 >/dev/null");
        writeln!(script, "echo faults of {number}; {check}; echo code $?").expect("a string takes everything");
    }
    let variables: Vec<&str> = TAKEN_FOR_GRANTED.iter().flat_map(|&one| ["--env", one]).collect();
    let mut recipe = Recipe::of(&whole_application::image()).options(&variables).options(&["--entrypoint", "sh"]);
    for (number, block) in examples.iter().enumerate() {
        recipe = recipe.file(&format!("/examples/{number}"), &block.text);
    }
    let container = recipe.args(&["-c", &script]).start();
    assert_eq!(container.wait(), 0, "{:?}", container.logs());
    let told = container.logs().stdout;
    let mut said = told.split("faults of ").skip(1);
    for (number, block) in examples.iter().enumerate() {
        assert_eq!(said.next(), Some(format!("{number}\ncode 0\n").as_str()), "{}: {told}", block.name);
    }
}

/// The control: in the same image, a mistake is told.
#[test]
fn a_mistake_in_an_image() {
    let app = &crate::harness::apps::GUNICORN_DJANGO;
    let broken = app.config_with("[stop]\nbudget = \"soon\"");
    let container = app.recipe().options(&["--entrypoint", "app-init"]).file(CONFIG, &broken).args(&["check"]).start();
    assert_eq!(container.wait(), 78, "{:?}", container.logs());
    assert!(container.logs().stderr.contains("stop.budget: `soon` is not a duration"), "{:?}", container.logs());
}
