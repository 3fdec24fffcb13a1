//! One HTTP request, of which only the answer's status counts (RFC 9112). A client library would weigh more than all
//! other waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::connect::{self, Begin, Stage, Step};
use super::url::Endpoint;
use crate::machine::Uptime;
use crate::sys::clock::Clock;

/// The line with the status has to be within the first so many bytes of an answer.
const AT_MOST: usize = 4096;

/// A GET of `path` and `query`; `Ok` where the answer is 2xx or 3xx.
///
/// # Errors
///
/// The failing step.
pub fn get(
    server: &Endpoint,
    target: &str,
    credentials: Option<&[u8]>,
    bound: Duration,
    begin: Begin<'_>,
) -> Result<(), Step> {
    let mut clock = Clock::default();
    let stream = connect::tcp(server, bound, begin)?;
    // A lookup, which may be slow and is not bounded, takes nothing from the answer's time.
    let start = clock.now();
    begin(Stage::Answer);
    let request = request(server, target, credentials);
    let answer = ask(stream, &request, bound, &mut clock, start)?;
    match status(&answer) {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("status: {status}")),
        None => Err("answer: it is not HTTP".into()),
    }
}

fn request(server: &Endpoint, target: &str, credentials: Option<&[u8]>) -> String {
    let mut request = format!("GET {target} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: app-init\r\nAccept: */*\r\n");
    if let Some(credentials) = credentials {
        request.push_str(&format!("Authorization: Basic {}\r\n", base64(credentials)));
    }
    request.push_str("Connection: close\r\n\r\n");
    request
}

/// Sends the request and reads until the first line of the final answer is there, the other end closes, or time runs out.
fn ask(
    mut stream: TcpStream,
    request: &str,
    bound: Duration,
    clock: &mut Clock,
    start: Uptime,
) -> Result<Vec<u8>, Step> {
    let failed = |error: &std::io::Error| format!("answer: {}", connect::words(error, bound));
    let mut left = || {
        let left = bound.saturating_sub(clock.now().since(start));
        if left.is_zero() { Err(format!("answer: {}", connect::no_answer(bound))) } else { Ok(left) }
    };
    stream.set_write_timeout(Some(left()?)).map_err(|error| failed(&error))?;
    stream.write_all(request.as_bytes()).map_err(|error| failed(&error))?;
    let mut answer = Vec::new();
    let mut buffer = [0; AT_MOST];
    while answer.len() < AT_MOST && (is_interim(&answer) || !answer.contains(&b'\n')) {
        stream.set_read_timeout(Some(left()?)).map_err(|error| failed(&error))?;
        match stream.read(&mut buffer).map_err(|error| failed(&error))? {
            0 if answer.is_empty() => return Err("answer: the connection was closed without one".into()),
            0 => break,
            count => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
        skip_interim(&mut answer);
    }
    Ok(answer)
}

/// One of those before the final answer (RFC 9110, section 15.2). A 101 is none that was asked for, so it is final.
fn is_interim(answer: &[u8]) -> bool {
    matches!(status(answer), Some(100 | 102..200))
}

/// Takes complete interim answers away: each ends with an empty line.
fn skip_interim(answer: &mut Vec<u8>) {
    const END: &[u8] = b"\r\n\r\n";
    while is_interim(answer)
        && let Some(start) = answer.windows(END.len()).position(|window| window == END)
    {
        *answer = answer.split_off(start.saturating_add(END.len()));
    }
}

/// The status of `HTTP/1.1 200 OK`: three digits, 100 to 599, with a space or the end of the line behind them.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|&byte| byte == b'\n').next()?;
    let [b'0'..=b'9', b' ', rest @ ..] = line.strip_suffix(b"\r").unwrap_or(line).strip_prefix(b"HTTP/1.")? else {
        return None;
    };
    match rest.split(|&byte| byte == b' ').next()? {
        code @ [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => std::str::from_utf8(code).ok()?.parse().ok(),
        _ => None,
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| chunk.get(place).map_or(0, |&byte| u32::from(byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4_usize {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).ok().and_then(|index| ALPHABET.get(index));
            text.push(if place > chunk.len() { '=' } else { letter.map_or('=', |&letter| char::from(letter)) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_and_nothing_else() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nx"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(status(b"HTTP/1.1 204"), Some(204));
        assert_eq!(status(b"HTTP/1.1 599\n"), Some(599));
        assert_eq!(status(b"HTTP/1.1 100 \r\n"), Some(100));
        for answer in [
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            b"HTTP/1.1 20\r\n",
            b"HTTP/1.1 +20\r\n",
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 222222222222\r\n",
            b"HTTP/1.1 20\r\n0 OK\r\n",
            b"HTTP/1.1  200 OK\r\n",
            b" HTTP/1.1 200 OK\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 2xx OK\r\n",
            b"HTTP/1.1 200\tOK\r\n",
            b"HTTP/1.1 200OK\r\n",
            b"HTTP/1.1 200\r\r\n",
            b"HTTP/1.1\t200 OK\r\n",
            b"HTTP/1.1 099 OK\r\n",
            b"HTTP/1.1 600 OK\r\n",
            b"HTTP/1.1 999 OK\r\n",
            b"HTTP/1.10 200 OK\r\n",
            b"HTTP/1. 200 OK\r\n",
            b"http/1.1 200 OK\r\n",
            b"",
            b"\xff\xff",
            b"HTTP/2 200 OK",
        ] {
            assert_eq!(status(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn interim_answers_are_skipped() {
        let cases = [
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 503", "HTTP/1.1 503"),
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n"),
            ("HTTP/1.1 101 Switching\r\n\r\nx", "HTTP/1.1 101 Switching\r\n\r\nx"),
            ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100"),
        ];
        for (all, left) in cases {
            let mut answer = all.as_bytes().to_vec();
            skip_interim(&mut answer);
            assert_eq!(String::from_utf8_lossy(&answer), left);
        }
    }

    #[test]
    fn requests_are_complete() {
        let server = Endpoint { host: "::1".into(), port: 80 };
        assert_eq!(
            request(&server, "/a?b", Some(b"user:pass")),
            "GET /a?b HTTP/1.1\r\nHost: [::1]:80\r\nUser-Agent: app-init\r\nAccept: */*\r\n\
             Authorization: Basic dXNlcjpwYXNz\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn base64_pads() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("\u{ff}~?", "w79+Pw==")];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
