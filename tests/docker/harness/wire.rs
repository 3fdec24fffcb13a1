//! One reply of HTTP/1.1, read as far as it says it goes: an application's or the Engine's.

use std::io::{self, BufRead, BufReader, Read, Write};

/// Head of a reply; the body is still on the wire.
pub struct Reply<R> {
    pub status: u16,
    chunked: bool,
    length: Option<usize>,
    wire: BufReader<R>,
}

/// Sends one request; `body` is JSON, or empty.
pub fn ask<S: Read + Write>(mut stream: S, method: &str, path: &str, body: &str) -> io::Result<Reply<S>> {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    let kind = "Content-Type: application/json\r\n";
    stream.write_all(format!("{head}{kind}Content-Length: {length}\r\n\r\n{body}").as_bytes())?;
    let mut reply = Reply { status: 0, chunked: false, length: None, wire: BufReader::new(stream) };
    reply.status = match reply.line()?.split(' ').nth(1).map(str::parse) {
        Some(Ok(status)) => status,
        _ => return Err(io::Error::other("the reply has no status")),
    };
    loop {
        let line = reply.line()?.to_ascii_lowercase();
        if line.is_empty() {
            return Ok(reply);
        } else if let Some(length) = line.strip_prefix("content-length:") {
            reply.length = length.trim().parse().ok();
        } else if line.strip_prefix("transfer-encoding:").is_some_and(|coding| coding.trim() == "chunked") {
            reply.chunked = true;
        }
    }
}

impl<R: Read> Reply<R> {
    /// The body to its end, which for a followed log is the container's end.
    pub fn bytes(mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.chunked {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
                let start = body.len();
                body.resize(start + size, 0);
                self.wire.read_exact(&mut body[start..])?;
                if !self.line()?.is_empty() {
                    return Err(io::Error::other("a chunk is longer than it says"));
                }
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match self.length {
            Some(length) => {
                body.resize(length, 0);
                self.wire.read_exact(&mut body)?;
            }
            // These have no body at all.
            None if self.status == 204 || self.status == 304 => {}
            // A raw stream (attach, exec) ends with its connection.
            None => {
                self.wire.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    pub fn text(self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(io::Error::other)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.wire.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
