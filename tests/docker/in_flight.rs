//! A request that is being answered when the container is stopped is answered.

use crate::harness::apps::{App, DJANGO_SITE, GUNICORN_DJANGO, WSGI_HELLO};
use crate::harness::cli::docker_within;
use crate::harness::container::{Container, STOPPED_WITHIN};
use crate::harness::http;

/// gunicorn finishes its requests on TERM.
#[test]
fn gunicorn_answers() {
    answers(&GUNICORN_DJANGO);
}

/// Apache finishes them on WINCH, which app-init sends it for docker's TERM.
#[test]
fn apache_answers() {
    answers(&WSGI_HELLO);
    answers(&DJANGO_SITE);
}

fn answers(app: &App) {
    assert!(app.answers_in_flight);
    let container = app.serving(&app.recipe());
    // Until the application is loaded a request may wait in the queue; the first reply says that it is.
    assert_eq!(app.get(&container, "/").status, 200);
    assert_eq!(stop_with_a_request_in_flight(&container, app.port), app.stopped, "{}", app.name);
}

/// Asks for a page that takes 5 s, stops the container meanwhile, and returns the container's code.
pub fn stop_with_a_request_in_flight(container: &Container, port: u16) -> i32 {
    let reply = http::get_meanwhile(container, port, "/slow?s=5");
    container.wait_for("slow request begins");
    let stopped = docker_within(STOPPED_WITHIN, &["stop", "-t", "20", &container.name]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    let reply = reply.join().unwrap_or_else(|_| panic!("the request in flight was dropped: {:?}", container.logs()));
    assert_eq!((reply.status, reply.body.trim()), (200, "answered at last"));
    container.code()
}
