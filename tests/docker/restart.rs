//! Docker's restart policies see the codes that its rules are about.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::apps::{DEPLOY, GUNICORN_DJANGO};
use crate::harness::container::{Container, Recipe};
use crate::harness::images;
use crate::harness::lines::Lines;

/// Starts the container and waits for as many ends of it as `codes` has, each with its code.
fn starts_and_ends(recipe: &Recipe, codes: &[i32]) -> Container {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs().to_string();
    let container = recipe.create();
    let filter = format!("container={}", container.name);
    let format = "died with {{.Actor.Attributes.exitCode}}.";
    // From before the start, so that no end is missed however late this command gets to listen.
    let mut events =
        Lines::of(&["events", "--since", &since, "--filter", "event=die", "--filter", &filter, "--format", format]);
    container.start();
    for code in codes {
        let (_, line) = events.wait_for("died with ");
        assert_eq!(line, format!("died with {code}."));
    }
    container
}

fn ending_with(script: &str, policy: &str) -> Recipe {
    Recipe::of(&images::plain()).options(&["--restart", policy]).args(&["--", "sh", "-c", script])
}

#[test]
fn on_failure_tries_as_often_as_it_may() {
    let container = starts_and_ends(&ending_with("exit 3", "on-failure:2"), &[3, 3, 3]);
    assert_eq!(container.wait(), 3);
    assert_eq!(container.inspect("{{.RestartCount}} {{.State.Status}}"), "2 exited");
}

#[test]
fn on_failure_leaves_success_alone() {
    let container = starts_and_ends(&ending_with("exit 0", "on-failure:5"), &[0]);
    assert_eq!(container.wait(), 0);
    assert_eq!(container.inspect("{{.RestartCount}} {{.State.Status}}"), "0 exited");
}

#[test]
fn on_failure_takes_death_by_a_signal_for_one() {
    let container = starts_and_ends(&ending_with("kill -TERM $$", "on-failure:1"), &[143, 143]);
    assert_eq!(container.wait(), 143);
    assert_eq!(container.inspect("{{.RestartCount}}"), "1");
}

/// `--success-code 143` is what makes a server that ends by TERM a success for Docker.
#[test]
fn a_code_declared_a_success_is_one() {
    let recipe = Recipe::of(&images::plain()).options(&["--restart", "on-failure:5"]);
    let container = starts_and_ends(&recipe.args(&["--success-code", "143", "--", "sh", "-c", "kill -TERM $$"]), &[0]);
    assert_eq!(container.wait(), 0);
    assert_eq!(container.inspect("{{.RestartCount}}"), "0");
}

#[test]
fn always_restarts_until_it_is_stopped() {
    let container = starts_and_ends(&ending_with("exit 0", "always"), &[0, 0, 0]);
    container.stop();
    assert_eq!(container.inspect("{{.State.Running}} {{.State.Restarting}}"), "false false");
    let restarts: u32 = container.inspect("{{.RestartCount}}").parse().expect("a count");
    assert!(restarts >= 2, "{restarts}");
}

#[test]
fn a_stopped_server_is_not_restarted() {
    let container = GUNICORN_DJANGO.serving(&GUNICORN_DJANGO.recipe().options(&["--restart", "always"]));
    assert_eq!(container.stop(), 0);
    assert_eq!(container.inspect("{{.RestartCount}} {{.State.Status}}"), "0 exited");
}

#[test]
fn a_failed_hook_is_a_failure_each_time() {
    let recipe = GUNICORN_DJANGO.recipe().options(&["--restart", "on-failure:1"]);
    let container = starts_and_ends(&recipe.file(DEPLOY, "#!/bin/sh\nexit 9\n"), &[70, 70]);
    assert_eq!(container.wait(), 70);
    assert_eq!(container.inspect("{{.RestartCount}}"), "1");
}
