//! A stop takes the server's own time and nothing on top of it, in each phase.
//!
//! This is no test of the machine's speed: the same image's server is stopped without app-init in the same minute, in
//! turns, and the median of three is compared with the median of three. The machine may be slow; then both are. What is
//! added may be two seconds, far more than a scheduler takes away from one of them, and less than what an init could be
//! waiting for needlessly: the 3 s of leftovers, or the 10 s after which Docker kills.

use std::time::{Duration, Instant};

use crate::harness::apps::{App, DEPLOY, GUNICORN_DJANGO, STARTING};
use crate::harness::cli::docker_ok;
use crate::harness::container::{Container, Recipe};

const APP: &App = &GUNICORN_DJANGO;
const TURNS: usize = 3;
const ADDED: Duration = Duration::from_secs(2);

/// The same server as PID 1, with nothing in front of it.
fn without_app_init() -> Recipe {
    APP.recipe().options(&["--entrypoint", "gunicorn"]).args(&[
        "--bind",
        "0.0.0.0:8000",
        "--threads",
        "4",
        "mysite.wsgi",
    ])
}

/// Ends at once when it is told, which `sleep` as PID 1 would not: what a stop costs where nothing has to be finished.
const ENDS_AT_ONCE: &str = "import signal, sys\n\
                            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n\
                            print('up', flush=True)\n\
                            signal.sigwait({signal.SIGTERM})\n\
                            sys.exit(143)\n";

#[test]
fn while_the_deploy_hook_runs() {
    let hook = || {
        let container = APP.recipe().file(DEPLOY, "#!/bin/sh\necho the hook runs\nexec sleep 1000\n").start();
        container.wait_for("the hook runs");
        (container, 143)
    };
    let alone = || {
        let container = APP.recipe().options(&["--entrypoint", "python"]).args(&["-c", ENDS_AT_ONCE]).start();
        container.wait_for("up");
        (container, 143)
    };
    is_prompt(hook, alone);
}

#[test]
fn while_the_server_starts() {
    is_prompt(|| starting(&APP.recipe()), || starting(&without_app_init()));
}

#[test]
fn while_the_server_runs() {
    is_prompt(|| running(&APP.recipe()), || running(&without_app_init()));
}

/// It is loading the application, and will for three more seconds.
fn starting(recipe: &Recipe) -> (Container, i32) {
    let container = recipe.clone().options(&["--env", "START_DELAY=3"]).start();
    container.wait_for(STARTING);
    (container, APP.stopped)
}

fn running(recipe: &Recipe) -> (Container, i32) {
    let container = APP.serving(recipe);
    assert_eq!(APP.get(&container, "/about").status, 200);
    (container, APP.stopped)
}

/// Both give a container in its phase, and the code that it has to end with.
fn is_prompt(ours: impl Fn() -> (Container, i32), reference: impl Fn() -> (Container, i32)) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(stop(reference()));
        with.push(stop(ours()));
    }
    let told = format!("with app-init: {with:?}, without: {without:?}");
    assert!(median(with) <= median(without) + ADDED, "{told}");
}

fn stop((container, code): (Container, i32)) -> Duration {
    let began = Instant::now();
    docker_ok(&["stop", "-t", "20", &container.name]);
    let took = began.elapsed();
    assert_eq!(container.code(), code, "{:?}", container.logs());
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
