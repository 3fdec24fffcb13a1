//! `docker stop` in each phase of each application's life, with the usual stop signal and with one that the image
//! inherited. It has to end long before Docker's grace is used up, with the code that belongs to the phase.

use crate::harness::apps::{App, CONFIG, DEPLOY, STARTING, each_application};
use crate::harness::container::{Container, Recipe};

mod by_term {
    super::each_application!(super::stops_by_term);
}

mod by_quit {
    super::each_application!(super::stops_by_quit);
}

mod by_quit_as_a_stop_request {
    super::each_application!(super::stops_in_order_by_quit);
}

mod at_once {
    super::each_application!(super::stops_at_once);
}

/// A hook that would take for ever.
const SLOW_HOOK: &str = "#!/bin/sh\necho the hook runs\nexec sleep 1000\n";

fn stops_by_term(app: &App) {
    stops_in_each_phase(app, &app.recipe(), 143, app.stopped);
}

/// QUIT asks app-init to stop while no server has been started; later it is the server's signal like any other.
fn stops_by_quit(app: &App) {
    stops_in_each_phase(app, &app.recipe_that_stops_by_quit(), 131, app.quit);
}

fn stops_in_each_phase(app: &App, recipe: &Recipe, interrupted: i32, servers_own: i32) {
    // While the deploy hook runs: the server is never started.
    let container = recipe.clone().file(DEPLOY, SLOW_HOOK).start();
    container.wait_for("the hook runs");
    assert_eq!(container.stop(), interrupted, "{}: stopped during its deploy hook", app.name);
    assert!(!has_started(&container), "{}: the server ran after an interrupted hook", app.name);

    // While the server starts: it has been asked to load the application and is not done.
    let container = recipe.clone().options(&["--env", "START_DELAY=3"]).start();
    container.wait_for(STARTING);
    assert_eq!(container.stop(), servers_own, "{}: stopped while starting", app.name);

    // While it serves.
    let container = app.serving(recipe);
    container.wait_for(STARTING);
    assert_eq!(app.get(&container, "/").status, 200);
    assert_eq!(container.stop(), servers_own, "{}: stopped while running", app.name);
}

/// An image that says STOPSIGNAL SIGQUIT and whose configuration says so too: then the server gets its own stop signal.
fn stops_in_order_by_quit(app: &App) {
    let config = app.config_with("[stop]\nsignals = [\"TERM\", \"INT\", \"RTMIN+3\", \"QUIT\"]");
    let container = app.serving(&app.recipe_that_stops_by_quit().file(CONFIG, &config));
    container.wait_for(STARTING);
    assert_eq!(app.get(&container, "/").status, 200);
    assert_eq!(container.stop(), app.stopped);
}

/// No news waited for: somewhere between app-init's first instruction and the server's start.
fn stops_at_once(app: &App) {
    let container = app.recipe().start();
    container.wait_for_init();
    let code = container.stop();
    assert!(code == 143 || code == app.stopped, "{}: stopped at once, it ended with {code}", app.name);
}

fn has_started(container: &Container) -> bool {
    container.logs().stderr.lines().any(|line| line.ends_with(STARTING))
}
