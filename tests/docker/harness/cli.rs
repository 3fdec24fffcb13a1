//! One docker command, run to its end within a deadline.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than any single command needs, far less than a test run may take: a hang becomes a message.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How a docker command ended, and what it printed.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `docker ARGS`; a failure is the caller's to judge.
pub fn docker(args: &[&str]) -> Done {
    docker_within(PATIENCE, args)
}

/// The same with another deadline.
pub fn docker_within(patience: Duration, args: &[&str]) -> Done {
    run(patience, args, None)
}

/// The same with something to read on stdin.
pub fn docker_reading(patience: Duration, args: &[&str], input: &str) -> Done {
    run(patience, args, Some(input))
}

/// Runs `docker ARGS`, which must succeed, and returns what it printed without the surrounding white space.
pub fn docker_ok(args: &[&str]) -> String {
    let done = docker(args);
    assert_eq!(done.code, 0, "docker {args:?}: {}", done.stderr);
    done.stdout.trim().to_owned()
}

fn run(patience: Duration, args: &[&str], input: Option<&str>) -> Done {
    let deadline = Instant::now() + patience;
    let mut child = Command::new("docker")
        .args(args)
        // Its notes about the classic builder are not ours to check.
        .env("DOCKER_CLI_HINTS", "false")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker must be installed");
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // Small texts only: they fit into the pipe.
        stdin.write_all(text.as_bytes()).expect("docker must read its stdin");
    }
    let stdout = collect(child.stdout.take().expect("stdout is piped"));
    let stderr = collect(child.stderr.take().expect("stderr is piped"));
    let stdout = until(deadline, &stdout, &mut child, args);
    let stderr = until(deadline, &stderr, &mut child, args);
    let status = child.wait().expect("the child is ours");
    Done { code: status.code().unwrap_or(-1), stdout, stderr }
}

/// Reads a stream to its end on a thread of its own.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn until(deadline: Instant, text: &Receiver<String>, child: &mut Child, args: &[&str]) -> String {
    text.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|_| {
        let _ = child.kill();
        let _ = child.wait();
        panic!("docker {args:?} has not ended within its deadline");
    })
}
