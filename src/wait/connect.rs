//! One attempt to connect, to look at a file, or to be answered.

use std::fs;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use super::url::Endpoint;
use crate::text::duration;

/// What an attempt failed at, and how: `connect: Connection refused`.
pub type Step = String;

/// Where an attempt is, in this order. Each may hang, so it is told when it begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    Exists,
    Lookup,
    Connect,
    Answer,
}

impl Stage {
    /// What is missing while it lasts.
    #[must_use]
    pub fn pending(self) -> &'static str {
        match self {
            Stage::Exists => "exists: no answer yet",
            Stage::Lookup => "lookup: no answer yet",
            Stage::Connect => "connect: no answer yet",
            Stage::Answer => "answer: none yet",
        }
    }
}

/// Hears which stage begins.
pub type Begin<'probe> = &'probe mut dyn FnMut(Stage);

/// Connects to the first of the hosts that accepts.
///
/// # Errors
///
/// The failing step, of each host where there are several.
pub fn any(hosts: &[Endpoint], bound: Duration, begin: Begin<'_>) -> Result<(), Step> {
    let share = part(bound, hosts.len());
    let mut steps = Vec::with_capacity(hosts.len());
    for host in hosts {
        match tcp(host, share, begin) {
            Ok(_) => return Ok(()),
            Err(step) if hosts.len() == 1 => return Err(step),
            Err(step) => steps.push(format!("{host}: {step}")),
        }
    }
    Err(steps.join(", "))
}

/// Connects to one of the host's addresses, IPv6 and IPv4, within `bound`. The lookup is not bounded: the C library has
/// its own limits, and whoever waits for this process kills it.
///
/// # Errors
///
/// The failing step.
pub fn tcp(host: &Endpoint, bound: Duration, begin: Begin<'_>) -> Result<TcpStream, Step> {
    begin(Stage::Lookup);
    let addresses: Vec<_> =
        (host.host.as_str(), host.port).to_socket_addrs().map_err(|error| lookup(&error))?.collect();
    begin(Stage::Connect);
    let share = part(bound, addresses.len());
    let mut refusal = None;
    for address in addresses {
        let error = match TcpStream::connect_timeout(&address, share) {
            // The kernel may have chosen the very port that is asked for as this end's own, and connected it to itself.
            Ok(stream) if stream.local_addr().ok() == Some(address) => io::Error::from(Errno::ECONNREFUSED),
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // That this machine has no IPv6 is less to the point than what the other address said.
        if refusal.is_none() || !is_no_route(&error) {
            refusal = Some(format!("connect: {}", words(&error, bound)));
        }
    }
    Err(refusal.unwrap_or_else(|| "lookup: no address".into()))
}

/// Connects to a socket in the file system.
///
/// # Errors
///
/// The failing step.
pub fn unix(path: &Path, begin: Begin<'_>) -> Result<(), Step> {
    begin(Stage::Connect);
    match UnixStream::connect(path) {
        Ok(_) => Ok(()),
        // Somebody is there, who speaks in datagrams or packets.
        Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => Ok(()),
        Err(error) => Err(format!("connect: {}", words(&error, Duration::ZERO))),
    }
}

/// Looks whether there is a file, directory or anything else.
///
/// # Errors
///
/// The failing step.
pub fn file(path: &Path, begin: Begin<'_>) -> Result<(), Step> {
    begin(Stage::Exists);
    fs::metadata(path).map(drop).map_err(|error| format!("exists: {}", words(&error, Duration::ZERO)))
}

/// One's part of a time that is shared.
fn part(bound: Duration, count: usize) -> Duration {
    let part = bound.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(bound);
    part.max(Duration::from_millis(1))
}

fn is_no_route(error: &io::Error) -> bool {
    let no_route = [Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT, Errno::ENETUNREACH].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|errno| no_route.contains(&errno))
}

fn lookup(error: &io::Error) -> Step {
    let text = words(error, Duration::ZERO);
    // What std puts before the C library's reason says no more than the step.
    format!("lookup: {}", text.strip_prefix("failed to lookup address information: ").unwrap_or(&text))
}

/// An error for people; `bound` is the time that ran out where that was it.
#[must_use]
pub fn words(error: &io::Error, bound: Duration) -> String {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::TimedOut, None) | (io::ErrorKind::WouldBlock, _) => no_answer(bound),
        (_, Some(errno)) => Errno::from_raw(errno).desc().into(),
        (_, None) => error.to_string(),
    }
}

/// The words for a time that ran out.
#[must_use]
pub fn no_answer(bound: Duration) -> String {
    format!("no answer within {}", duration::show(bound))
}
