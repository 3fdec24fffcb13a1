//! The README as somebody follows it who has read nothing else: images from its own snippets, around a small project
//! (tests/docker/images/readme), and every `docker run` and `docker exec` that it shows, as it is written there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::harness::cli::{Done, PATIENCE, docker_within};
use crate::harness::container::{Container, label};
use crate::harness::document::{Block, blocks};
use crate::harness::http;
use crate::harness::images;
use crate::harness::network::Network;
use crate::harness::pty::Session;

const PORT: u16 = 8000;
const MIGRATES: &str = " -----> Running .docker/action_hooks/deploy";
const PASSWORD: &str = "s3cret";

/// The README's blocks of one kind.
fn printed(kind: &str) -> Vec<String> {
    let blocks = blocks("README.md").into_iter().filter(|block| block.kind == kind);
    blocks.map(|block: Block| block.text).collect()
}

/// Every command that the README shows, without its comment.
fn shown() -> Vec<String> {
    let text = fs::read_to_string(images::root().join("README.md")).expect("the README");
    let in_blocks = blocks("README.md").into_iter().filter(|block| block.kind.is_empty());
    let in_blocks: Vec<String> =
        in_blocks.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let in_prose = text.split('`').map(|piece| piece.replace('\n', " "));
    let commands = in_blocks.into_iter().chain(in_prose);
    let commands = commands.filter(|line| line.starts_with("docker run ") || line.starts_with("docker exec "));
    commands.map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

/// An image of the project with one of the README's Dockerfiles; `with_configuration` adds its configuration.
fn image(name: &str, dockerfile: &str, with_configuration: bool) -> String {
    let python = images::derived(
        "readme-python",
        "FROM debian:bookworm-slim\n\
         RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
         && rm -rf /var/lib/apt/lists/* && python3 -m venv /usr/local\n",
    );
    let dockerfile = dockerfile
        .replace("FROM python:3-slim\n", &format!("FROM {python}\n"))
        .replace("--from=app-init ", &format!("--from={} ", images::scratch()));
    assert!(!dockerfile.contains("slim"), "{dockerfile}");
    images::of_folder(name, &dockerfile, |context| lay_out(context, with_configuration))
}

fn lay_out(context: &Path, with_configuration: bool) {
    images::copy_folder(&images::root().join("tests/docker/images/readme"), context);
    let hooks = context.join(".docker/action_hooks");
    fs::create_dir_all(&hooks).expect("a folder of the context");
    fs::write(hooks.join("deploy"), printed("sh").remove(0)).expect("the hook");
    fs::set_permissions(hooks.join("deploy"), fs::Permissions::from_mode(0o755)).expect("its mode");
    if with_configuration {
        fs::write(context.join(".docker/app-init.toml"), printed("toml").remove(0)).expect("the configuration");
    }
}

fn small_image() -> String {
    image("readme-small", &printed("dockerfile")[0], false)
}

fn whole_image() -> String {
    image("readme-whole", &printed("dockerfile")[1], true)
}

/// One command of the README, with what tells this run's containers from others.
struct Shown {
    container: Container,
    line: &'static str,
}

impl Shown {
    fn new(line: &'static str) -> Shown {
        assert!(shown().iter().any(|known| known == line), "the README does not show `{line}`: {:#?}", shown());
        Shown { container: Container::named("readme"), line }
    }

    /// Its words; `my-app` is `image`, and what follows `run` are `options` of this run.
    fn words(&self, image: &str, options: &[&str]) -> Vec<String> {
        let mut words: Vec<String> =
            self.line.split(' ').skip(1).map(|word| word.trim_matches('"').to_owned()).collect();
        for word in words.iter_mut().filter(|word| *word == "my-app") {
            image.clone_into(word);
        }
        let label = label();
        let own = ["--name", &self.container.name, "--label", &label].into_iter().chain(options.iter().copied());
        words.splice(1..1, own.map(str::to_owned));
        words
    }

    /// Runs it in the foreground to its end.
    fn run(&self, image: &str, options: &[&str]) -> Done {
        let words = self.words(image, options);
        docker_within(PATIENCE, &words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts it, to be looked at.
    fn start(self, image: &str, options: &[&str]) -> Container {
        let done = self.run(image, &[options, &["--detach"]].concat());
        assert_eq!(done.code, 0, "{}: {done:?}", self.line);
        self.container
    }

    /// Runs it on a terminal.
    fn session(&self, image: &str, options: &[&str]) -> Session {
        let words = self.words(image, options);
        Session::of(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A command that the README shows for a container that runs.
fn exec(line: &'static str, container: &Container) -> Vec<String> {
    assert!(shown().iter().any(|known| known == line), "the README does not show `{line}`: {:#?}", shown());
    let words = line.split(' ').skip(1);
    words.map(|word| if word == "my-container" { container.name.clone() } else { word.to_owned() }).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// PostgreSQL's port, under the name that the README's configuration has for it.
fn database(network: &Network) -> Container {
    let database = network.service("db", &images::companion("postgres")).start();
    database.wait_for("database system is ready to accept connections");
    database
}

/// The commands that the tests below run. One that is missing here was not tried.
#[test]
fn every_command_of_the_readme_is_tried() {
    let source = include_str!("readme.rs");
    let untried: BTreeSet<_> = shown().into_iter().filter(|line| !source.contains(&format!("{line:?}"))).collect();
    assert!(untried.is_empty(), "no test runs {untried:#?}");
    assert!(shown().len() > 10, "{:#?}", shown());
}

#[test]
fn the_small_image() {
    let image = small_image();
    let app = Shown::new("docker run my-app").start(&image, &[]);
    app.wait_for("serving on 8000");
    assert!(app.logs().stdout.contains(&format!("{MIGRATES}\nmanage.py migrate --noinput as 0\n")), "{:?}", app.logs());
    assert_eq!(http::get(&app, PORT, "/").body, "hello");
    assert_eq!(app.stop(), 143, "Python's own end by TERM: {:?}", app.logs());

    let other = Shown::new("docker run my-app python app.py --port 9000").start(&image, &[]);
    other.wait_for("serving on 9000");
    assert_eq!(http::get(&other, 9000, "/").body, "hello");
    assert_eq!(other.stop(), 143);

    let line = "docker run --rm --entrypoint app-init my-app --run-timeout 5s --run-timeout-signal KILL -- python3 untrusted.py";
    let done = Shown::new(line).run(&image, &[]);
    assert_eq!(done.code, 137, "{done:?}");
    assert!(done.stdout.contains("untrusted"), "what it had printed is there: {done:?}");
}

#[test]
fn the_configured_image_serves() {
    let (network, image) = (Network::new(), whole_image());
    let joined = network.option();
    let _database = database(&network);
    let app = Shown::new("docker run -e DB_PASSWORD=s3cret my-app").start(&image, &joined);
    app.wait_for("Listening at: http://0.0.0.0:8000");
    assert!(
        app.logs().stdout.contains(&format!("{MIGRATES}\nmanage.py migrate --noinput as 1000\n")),
        "{:?}",
        app.logs()
    );
    assert_eq!(http::get(&app, PORT, "/").body, format!("postgres://app:{PASSWORD}@db/app 1000 1000"));

    let environment = app.exec(&strs(&exec("docker exec my-container app-init env", &app))[2..]);
    assert!(environment.code == 0 && environment.stdout.contains("\nDB_PASSWORD='***'\n"), "{environment:?}");
    assert!(!environment.stdout.contains(PASSWORD), "{environment:?}");
    let mut shell = Session::of(&strs(&exec("docker exec -it my-container app-init shell", &app)));
    shell.type_in("echo $(id -u) $DATABASE_URL; exit\n");
    shell.expect(&format!("1000 postgres://app:{PASSWORD}@db/app"));
    shell.end();
    assert_eq!(app.stop(), 0, "{:?}", app.logs());

    let app = Shown::new("docker run -e DB_PASSWORD=s3cret my-app --workers 4").start(&image, &joined);
    app.wait_for("Listening at: http://0.0.0.0:8000");
    let command = app.exec(&["sh", "-c", "tr '\\0' ' ' </proc/$(cut -d' ' -f1 /proc/1/task/1/children)/cmdline"]);
    assert!(command.stdout.ends_with("gunicorn --bind 0.0.0.0:8000 example.wsgi --workers 4 "), "{command:?}");
    assert_eq!(app.stop(), 0, "{:?}", app.logs());

    // Other users than the image's, the volume included.
    let media = crate::harness::volume::Volume::new();
    for options in [&["--user", "1234:1234"][..], &["--env", "APP_INIT_USER=1234:1234", "--volume", &media.at("/data")]]
    {
        let app = Shown::new("docker run -e DB_PASSWORD=s3cret my-app").start(&image, &[&joined[..], options].concat());
        if options[0] == "--env" {
            app.wait_for("Listening at: http://0.0.0.0:8000");
            assert_eq!(http::get(&app, PORT, "/").body, format!("postgres://app:{PASSWORD}@db/app 1234 1234"));
        } else {
            app.wait_for("manage.py migrate --noinput as 1234");
            app.wait_for("Listening at: http://0.0.0.0:8000");
        }
        assert_eq!(app.stop(), 0, "{options:?}: {:?}", app.logs());
    }
}

#[test]
fn the_configured_image_works_and_is_checked() {
    let (network, image) = (Network::new(), whole_image());
    let joined = network.option();
    let _database = database(&network);
    let worker = Shown::new("docker run -e DB_PASSWORD=s3cret my-app worker").start(&image, &joined);
    worker.wait_for("worker: working as 1000");
    assert!(!worker.logs().stdout.contains(MIGRATES), "its role skips the hook: {:?}", worker.logs());
    assert_eq!(worker.stop(), 1, "{:?}", worker.logs());

    let secret = ["--env", "DB_PASSWORD=s3cret"];
    let options = [&joined[..], &secret].concat();
    for (line, command) in [
        ("docker run --rm --entrypoint app-init my-app check", "gunicorn --bind 0.0.0.0:8000 example.wsgi"),
        ("docker run --rm --entrypoint app-init my-app check worker", "python -m example.worker"),
    ] {
        let done = Shown::new(line).run(&image, &secret);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        assert!(done.stdout.contains(&format!("\nserver\n  {command}\n")), "{done:?}");
        // Without the secret it is the list of mistakes.
        let done = Shown::new(line).run(&image, &[]);
        assert_eq!(done.code, 78, "{done:?}");
        assert!(done.stderr.contains("DB_PASSWORD"), "{done:?}");
    }

    let told = Shown::new("docker run -e APP_INIT_LOG=debug my-app").start(&image, &options);
    told.wait_for("Listening at: http://0.0.0.0:8000");
    assert!(told.logs().stdout.contains(MIGRATES), "{:?}", told.logs());
    assert_eq!(told.stop(), 0);
    let skipping = Shown::new("docker run -e APP_INIT_SKIP=deploy my-app").start(&image, &options);
    skipping.wait_for("Listening at: http://0.0.0.0:8000");
    assert!(!skipping.logs().stdout.contains(MIGRATES), "{:?}", skipping.logs());
    let by_hand = skipping.exec(&strs(&exec("docker exec my-container app-init hook deploy", &skipping))[2..]);
    assert_eq!(by_hand.code, 0, "{by_hand:?}");
    assert!(by_hand.stdout.contains("manage.py migrate --noinput as 1000\n"), "{by_hand:?}");
    assert_eq!(skipping.stop(), 0);

    let shell = Shown::new("docker run --rm -it --entrypoint app-init my-app shell");
    let mut session = shell.session(&image, &secret);
    session.type_in("echo $(id -u) $DATABASE_URL; exit\n");
    session.expect(&format!("1000 postgres://app:{PASSWORD}@db/app"));
    session.end();

    let line = "docker run --rm --entrypoint app-init my-app exec -- python manage.py shell";
    let done = Shown::new(line).run(&image, &secret);
    assert_eq!((done.code, done.stdout.as_str()), (0, "manage.py shell as 1000\n"), "{done:?}");
}

/// The checkout of a developer, which belongs to that developer.
#[test]
fn a_bind_mount_for_development() {
    let (network, image) = (Network::new(), whole_image());
    let _database = database(&network);
    let checkout = tempfile::tempdir().expect("a temporary directory");
    lay_out(checkout.path(), true);
    give(checkout.path(), 1234);
    let line = "docker run --user \"$(id -u):$(id -g)\" -v \"$PWD:/app\" my-app";
    let shown = Shown::new(line);
    // What the shell of whoever types it makes of it.
    let mount = format!("{}:/app", checkout.path().display());
    let words = shown.words(&image, &[&network.option()[..], &["--env", "DB_PASSWORD=s3cret", "--detach"]].concat());
    let words: Vec<_> = words
        .iter()
        .map(|word| match word.as_str() {
            "$(id" => "1234:1234",
            "$PWD:/app" => mount.as_str(),
            word => word,
        })
        // `$(id -u):$(id -g)` was split at its blanks.
        .filter(|word| !["-u):$(id", "-g)"].contains(word))
        .collect();
    let done = docker_within(PATIENCE, &words);
    assert_eq!(done.code, 0, "{words:?}: {done:?}");
    shown.container.wait_for("Listening at: http://0.0.0.0:8000");
    let logs = shown.container.logs();
    assert!(logs.stdout.contains("manage.py migrate --noinput as 1234"), "{logs:?}");
    assert_eq!(shown.container.stop(), 0, "{logs:?}");
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).expect("the tests run as root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("it is readable") {
            give(&entry.expect("an entry").path(), uid);
        }
    }
}

/// What the README says of three mistakes is what happens.
#[test]
fn mistakes_that_it_warns_of() {
    let image = whole_image();
    let secret = ["--env", "DB_PASSWORD=s3cret"];
    // `COPY --chown=app`: the configuration is the user's.
    let dockerfile = printed("dockerfile")[1].replace("COPY . .\n", "COPY --chown=app . .\n");
    // Its own check would end the build.
    let dockerfile: String = dockerfile.split_inclusive('\n').filter(|line| !line.contains("app-init check")).collect();
    let given = self::image("readme-chown", &dockerfile, true);
    let done = Shown::new("docker run -e DB_PASSWORD=s3cret my-app").run(&given, &[]);
    assert_eq!(done.code, 77, "{done:?}");
    assert!(done.stderr.contains("could be changed by app"), "{done:?}");
    // Words in ENTRYPOINT are appended to the server's command.
    let plan = crate::harness::container::Recipe::of(&image)
        .options(&secret)
        .options(&["--entrypoint", "app-init"])
        .args(&["check", "--", "python", "app.py"])
        .run();
    assert!(plan.stdout.contains("example.wsgi python app.py\n"), "{plan:?}");
    // A line `.*` in .dockerignore: nothing is found, which `check` says; `!.docker` brings it back.
    for (ignored, is_there) in [(".*\n", false), (".*\n!.docker\n", true)] {
        let name = if is_there { "readme-kept" } else { "readme-ignored" };
        let dockerfile = printed("dockerfile")[0].replace("FROM python:3-slim\n", "FROM debian:bookworm-slim\n");
        let dockerfile = dockerfile.replace("--from=app-init ", &format!("--from={} ", images::scratch()));
        let tag = images::of_folder(name, &dockerfile, |context| {
            lay_out(context, true);
            fs::write(context.join(".dockerignore"), ignored).expect("a file of the context");
        });
        let recipe = crate::harness::container::Recipe::of(&tag).options(&secret);
        let done = recipe.options(&["--entrypoint", "app-init"]).args(&["check", "true"]).run();
        // This image has none of what the configuration asks for, so that it is told where it was found.
        assert_eq!(done.stderr.contains(".docker/app-init.toml:1: user:"), is_there, "{ignored:?}: {done:?}");
    }
}
