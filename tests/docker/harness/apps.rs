//! The four applications of docker/apps as a table: what differs between them is data, not another test.

use std::fs;

use super::container::{Container, Recipe};
use super::http::{self, Page};
use super::images;
use super::lines::Stream;

pub struct App {
    /// Its folder in docker/apps.
    pub name: &'static str,
    pub port: u16,
    /// The line that says that its port is open.
    pub listening: &'static str,
    /// What it must be given after the image's name together with any option, because that replaces CMD.
    pub command: &'static [&'static str],
    /// An option of its server …
    pub option: &'static [&'static str],
    /// … and the line that proves that the server got it.
    pub option_shows: &'static str,
    /// The port on which it serves with that option.
    pub option_port: u16,
    /// Its own code after its own stop signal.
    pub stopped: i32,
    /// Its own code after QUIT: gunicorn's quick shutdown; the others know no such signal and die of it.
    pub quit: i32,
    /// Where that what it prints on stdout comes out.
    pub prints_to: Stream,
    /// Whether it has a deploy hook of its own.
    pub deploys: bool,
    /// Whether it answers the requests in flight before it ends.
    pub answers_in_flight: bool,
}

/// What Apache prints when it has opened its port.
const APACHE: &str = "resuming normal operations";

pub const WSGI_HELLO: App = App {
    name: "wsgi-hello",
    port: 80,
    listening: APACHE,
    command: &["wsgi.py"],
    option: &["--processes", "2"],
    option_shows: "(2 processes * 5 threads)",
    option_port: 80,
    stopped: 0,
    quit: 131,
    prints_to: Stream::Err,
    deploys: false,
    answers_in_flight: true,
};

pub const DJANGO_SITE: App = App {
    name: "django-site",
    command: &[
        "--working-directory",
        "example",
        "--url-alias",
        "/static",
        "example/htdocs",
        "--application-type",
        "module",
        "example.wsgi",
    ],
    deploys: true,
    ..WSGI_HELLO
};

pub const KLEIN: App = App {
    name: "klein",
    port: 8080,
    listening: "Starting reactor...",
    command: &[],
    option: &["--port", "tcp:9000"],
    option_shows: "Site starting on 9000",
    option_port: 9000,
    // Twisted shuts down in order and then ends by the signal that it was sent.
    stopped: 143,
    quit: 131,
    prints_to: Stream::Out,
    deploys: false,
    answers_in_flight: false,
};

pub const GUNICORN_DJANGO: App = App {
    name: "gunicorn-django",
    port: 8000,
    listening: "Listening at: http://0.0.0.0:8000",
    command: &[],
    option: &["--log-level", "debug"],
    option_shows: "Current configuration:",
    option_port: 8000,
    stopped: 0,
    quit: 0,
    prints_to: Stream::Out,
    deploys: true,
    answers_in_flight: true,
};

/// The hook that a test puts in the place of the application's own, or where it has none.
pub const DEPLOY: &str = "/app/.docker/action_hooks/deploy";
/// The application's own configuration.
pub const CONFIG: &str = "/app/.docker/app-init.toml";
/// Every application says this first of all: where it is missing, the server never ran.
pub const STARTING: &str = "starting";

impl App {
    pub fn image(&self) -> String {
        images::application(self.name)
    }

    pub fn recipe(&self) -> Recipe {
        Recipe::of(&self.image())
    }

    /// The same application from an image that says STOPSIGNAL SIGQUIT.
    pub fn recipe_that_stops_by_quit(&self) -> Recipe {
        let dockerfile = format!("FROM {}\nSTOPSIGNAL SIGQUIT\n", self.image());
        Recipe::of(&images::derived(&format!("{}-quit", self.name), &dockerfile))
    }

    /// Its own configuration with more at its end.
    pub fn config_with(&self, more: &str) -> String {
        let file = images::root().join("docker/apps").join(self.name).join(".docker/app-init.toml");
        // The two on the onbuild image need none.
        let own = fs::read_to_string(file).unwrap_or_default();
        format!("{own}\n{more}\n")
    }

    /// Its own configuration with the server as PID 1.
    pub fn config_in_exec_mode(&self) -> String {
        let config = self.config_with("");
        let with = config.replacen("[server]\n", "[server]\nmode = \"exec\"\n", 1);
        assert_ne!(with, config, "{} configures its server", self.name);
        with
    }

    /// Waits until its port is open.
    pub fn wait_until_it_listens(&self, container: &Container) {
        container.wait_for(self.listening);
    }

    /// Starts it and waits until its port is open.
    pub fn serving(&self, recipe: &Recipe) -> Container {
        let container = recipe.start();
        self.wait_until_it_listens(&container);
        container
    }

    pub fn get(&self, container: &Container, path: &str) -> Page {
        http::get(container, self.port, path)
    }
}

/// Whether app-init, and not the server or a hook, printed this line.
pub fn is_ours(line: &str) -> bool {
    line.starts_with("app-init: ")
}

/// Makes one `#[test]` for each application out of a function that takes it.
macro_rules! each_application {
    ($body:path) => {
        #[test]
        fn wsgi_hello() {
            $body(&crate::harness::apps::WSGI_HELLO);
        }
        #[test]
        fn django_site() {
            $body(&crate::harness::apps::DJANGO_SITE);
        }
        #[test]
        fn klein() {
            $body(&crate::harness::apps::KLEIN);
        }
        #[test]
        fn gunicorn_django() {
            $body(&crate::harness::apps::GUNICORN_DJANGO);
        }
    };
}
pub(crate) use each_application;
