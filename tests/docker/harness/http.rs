//! Asks an application a question, from inside its container's network.
//!
//! Not over Docker's bridge: its address on the wire may change whenever another container comes or goes, and then the
//! running ones send to the old one until they notice. A container that answers its last request and ends has no time
//! to notice. Its loopback interface has no such trouble, and lives as long as the client is in it.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns};

use super::cli::PATIENCE;
use super::container::Container;
use super::wire::ask;

/// A reply in full.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub body: String,
}

/// GET `path`. The server must be listening already: its log says when.
pub fn get(container: &Container, port: u16, path: &str) -> Page {
    get_meanwhile(container, port, path).join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The same, for a request that is to be in flight while something else happens.
pub fn get_meanwhile(container: &Container, port: u16, path: &str) -> JoinHandle<Page> {
    let network = format!("/proc/{}/ns/net", container.inspect("{{.State.Pid}}"));
    let path = path.to_owned();
    // A thread of its own because only this thread goes there, and it does not come back.
    thread::spawn(move || {
        try_get(&network, port, &path).unwrap_or_else(|error| panic!("GET {path} at port {port} in {network}: {error}"))
    })
}

fn try_get(network: &str, port: u16, path: &str) -> io::Result<Page> {
    setns(File::open(network)?, CloneFlags::CLONE_NEWNET)?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let reply = ask(stream, "GET", path, "")?;
    Ok(Page { status: reply.status, body: reply.text()? })
}
