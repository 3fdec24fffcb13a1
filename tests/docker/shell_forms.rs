//! Commands that go through a shell which does not exec: a stop still reaches the server behind it.

use crate::harness::apps::GUNICORN_DJANGO;
use crate::harness::container::Recipe;
use crate::harness::images;
use crate::in_flight::stop_with_a_request_in_flight;

const GUNICORN: &str = "gunicorn --chdir /app --bind 0.0.0.0:8000 --threads 4 mysite.wsgi";
const MIGRATE: &str = "mkdir -p /app/data; python /app/manage.py migrate --no-input";

/// `CMD gunicorn …`: the shell may or may not stay, as it likes.
#[test]
fn shell_form_of_cmd() {
    finishes(&image("shell-form", &format!("CMD {GUNICORN}")));
}

#[test]
fn migrate_and_then_serve() {
    finishes(&image("migrate-and-serve", &format!("CMD {MIGRATE} && {GUNICORN}")));
}

/// This shell has something left to do, so it certainly stays; its code is its child's.
#[test]
fn a_shell_that_stays() {
    finishes(&image("shell-stays", &shell_that_stays("sh")));
}

/// bash does other things than dash before it execs, or does not.
#[test]
fn a_bash_that_stays() {
    finishes(&image("bash-stays", &shell_that_stays("bash")));
}

/// Under docker's own init, where app-init is not PID 1.
#[test]
fn a_shell_that_stays_under_docker_init() {
    finishes(&image("shell-stays", &shell_that_stays("sh")).options(&["--init"]));
}

/// A start script whose author did not think of `exec`.
#[test]
fn a_start_script_without_exec() {
    let script = format!("#!/bin/sh\n{MIGRATE}\n{GUNICORN}\n");
    finishes(&image("start-script", "CMD [\"/start\"]").file("/start", &script));
}

/// A script that would go on with its next command when the first one is stopped must not get there, or not stay there:
/// nobody asks it a second time to stop.
#[test]
fn a_script_does_not_go_on() {
    let goes_on = [
        "echo up; sleep 1000; sleep 1000",
        "sleep 1000 & echo up; sleep 1000; sleep 1000",
        // This one is a shell no longer when it goes on.
        "echo up; sleep 1000; exec sleep 1000",
    ];
    for script in goes_on {
        let container = Recipe::of(&images::plain()).args(&["--", "sh", "-c", script]).start();
        container.wait_for("up");
        assert_ne!(container.stop(), 137, "{script}: killed for being slow");
    }
}

fn shell_that_stays(shell: &str) -> String {
    format!("CMD [\"{shell}\", \"-c\", \"{MIGRATE}; {GUNICORN}; exit $?\"]")
}

/// The application under another command. Outside /app there is no configuration: plain use.
fn image(name: &str, command: &str) -> Recipe {
    let dockerfile = format!("FROM {}\nWORKDIR /\n{command}\n", GUNICORN_DJANGO.image());
    Recipe::of(&images::derived(name, &dockerfile))
}

fn finishes(recipe: &Recipe) {
    let container = GUNICORN_DJANGO.serving(recipe);
    assert_eq!(GUNICORN_DJANGO.get(&container, "/about").status, 200);
    assert_eq!(stop_with_a_request_in_flight(&container, GUNICORN_DJANGO.port), 0);
}
