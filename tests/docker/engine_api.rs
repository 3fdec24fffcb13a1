//! The same containers driven over the Engine's HTTP API, as a client library would.

use std::thread;

use crate::harness::container::{Container, label};
use crate::harness::engine::{frames, joined, request};
use crate::harness::images;
use crate::harness::json;
use crate::harness::lines::Stream;

/// Creates a container; returns its guard and its id.
fn create(image: &str, command: &str, more: &str) -> (Container, String) {
    let container = Container::named("api");
    let (key, run) = label().split_once('=').map(|(key, run)| (key.to_owned(), run.to_owned())).expect("KEY=VALUE");
    let body = format!(r#"{{"Image":"{image}","Cmd":{command},"Labels":{{"{key}":"{run}"}}{more}}}"#);
    let reply = request("POST", &format!("/containers/create?name={}", container.name), &body).must_be(201);
    let id = json::text(&reply, "Id").expect("an id").to_owned();
    (container, id)
}

fn start(id: &str) {
    request("POST", &format!("/containers/{id}/start"), "").must_be(204);
}

/// Blocks until the container has ended, and returns its code.
fn wait(id: &str) -> i64 {
    let reply = request("POST", &format!("/containers/{id}/wait"), "").must_be(200);
    json::number(&reply, "StatusCode").expect("a code")
}

fn remove(id: &str) {
    request("DELETE", &format!("/containers/{id}?v=1"), "").must_be(204);
    request("GET", &format!("/containers/{id}/json"), "").must_be(404);
}

#[test]
fn the_life_of_a_container() {
    let version = request("GET", "/version", "").must_be(200);
    assert!(json::text(&version, "ApiVersion").is_some(), "{version}");

    let script = "echo one; echo two >&2; trap 'echo bye; exit 6' TERM; echo up; while :; do sleep 1; done";
    let (container, id) = create(&images::plain(), &format!(r#"["--","sh","-c","{script}"]"#), "");
    let filter = format!("/containers/json?all=1&filters=%7B%22name%22%3A%5B%22{}%22%5D%7D", container.name);
    assert!(request("GET", &filter, "").must_be(200).contains(&id), "created: in the list of all");
    start(&id);
    container.wait_for("up");

    // The log of a running container, to its end: the frames keep the streams apart.
    let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1");
    let follower = thread::spawn(move || request("GET", &path, "").stream());
    request("POST", &format!("/containers/{id}/kill?signal=TERM"), "").must_be(204);
    assert_eq!(wait(&id), 6);
    let log = frames(&follower.join().expect("the log is well-formed"));
    assert_eq!(joined(&log, Stream::Out), "one\nup\nbye\n");
    assert_eq!(joined(&log, Stream::Err), "two\n");

    let state = request("GET", &format!("/containers/{id}/json"), "").must_be(200);
    assert_eq!((json::text(&state, "Status"), json::number(&state, "ExitCode")), (Some("exited"), Some(6)));
    remove(&id);
}

#[test]
fn exec_with_and_without_a_terminal() {
    let (container, id) = create(&images::plain(), r#"["--","sh","-c","echo up; exec sleep 1000"]"#, "");
    start(&id);
    container.wait_for("up");
    let script = "echo out; echo err >&2; test -t 1 && echo terminal; exit 9";
    for tty in [false, true] {
        let body = format!(
            r#"{{"AttachStdout":true,"AttachStderr":true,"Tty":{tty},"Cmd":["app-init","--","sh","-c","{script}"]}}"#
        );
        let made = request("POST", &format!("/containers/{id}/exec"), &body).must_be(201);
        let exec = json::text(&made, "Id").expect("an id").to_owned();
        let reply = request("POST", &format!("/exec/{exec}/start"), &format!(r#"{{"Detach":false,"Tty":{tty}}}"#));
        let output = reply.stream();
        if tty {
            assert_eq!(String::from_utf8_lossy(&output), "out\r\nerr\r\nterminal\r\n");
        } else {
            let output = frames(&output);
            assert_eq!(joined(&output, Stream::Out), "out\n");
            assert_eq!(joined(&output, Stream::Err), "err\n");
        }
        let state = request("GET", &format!("/exec/{exec}/json"), "").must_be(200);
        assert_eq!(json::number(&state, "ExitCode"), Some(9), "{state}");
    }
    request("POST", &format!("/containers/{id}/kill?signal=TERM"), "").must_be(204);
    assert_eq!(wait(&id), 143);
    remove(&id);
}

/// A job service's loop: whoever waits has the code, and removing at once afterwards never meets a container that is
/// still going.
#[test]
fn kill_wait_and_remove_do_not_race() {
    let image = images::plain();
    // It leaves a child behind, which must not delay the end.
    let command = r#"["--","python3","-c","import os, signal; os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000'); print('up', flush=True); signal.pause()"]"#;
    for round in 0..10 {
        let signal = ["TERM", "KILL"][round % 2];
        let (container, id) = create(&image, command, "");
        start(&id);
        container.wait_for("up");
        let waiting = id.clone();
        let waiter = thread::spawn(move || wait(&waiting));
        request("POST", &format!("/containers/{id}/kill?signal={signal}"), "").must_be(204);
        let code = waiter.join().expect("the wait is answered");
        assert_eq!(code, [143, 137][round % 2], "round {round}, {signal}");
        remove(&id);
    }
}

/// AutoRemove: whoever waits for the removal gets the code too.
#[test]
fn removed_by_the_engine() {
    let (container, id) = create(
        &images::plain(),
        r#"["--","sh","-c","echo up; read line; exit 4"]"#,
        r#","OpenStdin":true,"StdinOnce":true,"HostConfig":{"AutoRemove":true}"#,
    );
    let path = format!("/containers/{id}/wait?condition=removed");
    let (asked, listening) = std::sync::mpsc::channel();
    let waiter = thread::spawn(move || {
        let reply = request("POST", &path, "");
        // The head of the reply comes when the engine has begun to wait.
        asked.send(()).expect("the test goes on");
        reply.must_be(200)
    });
    listening.recv().expect("the engine waits");
    start(&id);
    container.wait_for("up");
    request("POST", &format!("/containers/{id}/kill?signal=TERM"), "").must_be(204);
    let reply = waiter.join().expect("the wait is answered");
    assert_eq!(json::number(&reply, "StatusCode"), Some(143), "{reply}");
    request("GET", &format!("/containers/{id}/json"), "").must_be(404);
}
