//! The Engine's HTTP API on its Unix socket, as a client library speaks it. One connection a request.

use std::os::unix::net::UnixStream;

use super::cli::PATIENCE;
use super::lines::Stream;
use super::wire::{self, ask};

const SOCKET: &str = "/var/run/docker.sock";
/// The oldest API of an engine that still runs today (20.10).
const API: &str = "v1.41";

/// The reply to one request; the body is still on the wire.
pub struct Reply(wire::Reply<UnixStream>);

/// Sends one request. `body` is JSON, or empty.
pub fn request(method: &str, path: &str, body: &str) -> Reply {
    let socket = UnixStream::connect(SOCKET).expect("the engine's socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    Reply(ask(socket, method, &format!("/{API}{path}"), body).expect("the engine replies"))
}

impl Reply {
    /// The body, when the status is the expected one; otherwise the engine's own message is the test's.
    pub fn must_be(self, status: u16) -> String {
        let got = self.0.status;
        let text = self.0.text().expect("the engine speaks UTF-8");
        assert_eq!(got, status, "the engine says: {text}");
        text
    }

    /// A stream, when the status is 200.
    pub fn stream(self) -> Vec<u8> {
        assert_eq!(self.0.status, 200);
        self.0.bytes().expect("the body of the engine's reply")
    }
}

/// Takes a stream of frames apart: one byte for the stream, three zeros, four for the length.
pub fn frames(mut stream: &[u8]) -> Vec<(Stream, Vec<u8>)> {
    let mut frames = Vec::new();
    while !stream.is_empty() {
        let (head, rest) = stream.split_at_checked(8).expect("a frame has a head of eight bytes");
        let from = match head[..4] {
            [1, 0, 0, 0] => Stream::Out,
            [2, 0, 0, 0] => Stream::Err,
            _ => panic!("no frame begins with {head:?}"),
        };
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (body, next) = rest.split_at_checked(length).expect("a frame is as long as its head says");
        frames.push((from, body.to_vec()));
        stream = next;
    }
    frames
}

/// What the frames of one stream hold together.
pub fn joined(frames: &[(Stream, Vec<u8>)], wanted: Stream) -> String {
    let bytes = frames.iter().filter(|(from, _)| *from == wanted).flat_map(|(_, body)| body.iter().copied());
    String::from_utf8(bytes.collect()).expect("the containers of these tests print UTF-8")
}
