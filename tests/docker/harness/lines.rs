//! Lines of a docker command that keeps running (`logs --follow`, `events`), as news to wait for.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use super::cli::PATIENCE;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// A running docker command whose lines arrive one by one; it is ended when this is dropped.
pub struct Lines {
    what: String,
    child: Child,
    arriving: Receiver<(Stream, String)>,
    seen: Vec<(Stream, String)>,
}

impl Lines {
    /// Starts `docker ARGS`.
    pub fn of(args: &[&str]) -> Lines {
        let mut child = Command::new("docker")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker must be installed");
        let (sender, lines) = channel();
        forward(Stream::Out, child.stdout.take().expect("stdout is piped"), sender.clone());
        forward(Stream::Err, child.stderr.take().expect("stderr is piped"), sender);
        Lines { what: format!("docker {args:?}"), child, arriving: lines, seen: Vec::new() }
    }

    /// Waits for a line that contains `needle`, on either stream.
    pub fn wait_for(&mut self, needle: &str) -> (Stream, String) {
        self.wait_until(needle, |_, line| line.contains(needle))
    }

    /// Waits for a line that `wanted` accepts; `name` is for the message when it does not come.
    pub fn wait_until(&mut self, name: &str, wanted: impl Fn(Stream, &str) -> bool) -> (Stream, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.arriving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((stream, line)) => {
                    self.seen.push((stream, line.clone()));
                    if wanted(stream, &line) {
                        return (stream, line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("{}: no {name:?} in time; seen: {:#?}", self.what, self.seen),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{}: ended without {name:?}; seen: {:#?}", self.what, self.seen)
                }
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(from: Stream, stream: impl Read + Send + 'static, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if sender.send((from, text)).is_err() {
                break;
            }
            line.clear();
        }
    });
}
