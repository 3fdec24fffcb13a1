//! An address at which nobody listens until the test does.

use super::sys;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU16, Ordering};

/// It is this test's alone, one of the many of the loopback interface. The socket is bound from the beginning, so that
/// nobody else can have the port, and refuses connections until the test listens.
pub struct Address {
    socket: OwnedFd,
    name: SocketAddr,
}

impl Address {
    pub fn new() -> Address {
        static COUNT: AtomicU16 = AtomicU16::new(1);
        let [.., process] = std::process::id().to_be_bytes();
        let [high, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let socket = sys::bound_socket(Ipv4Addr::new(127, process & 127 | 64, high, low));
        let shared = socket.try_clone().expect("a descriptor can be duplicated");
        let name = TcpListener::from(shared).local_addr().expect("a bound socket has a name");
        Address { socket, name }
    }

    /// From now on, as long as the address lives.
    pub fn listen(&self) -> TcpListener {
        sys::listen(&self.socket);
        TcpListener::from(self.socket.try_clone().expect("a descriptor can be duplicated"))
    }

    pub fn name(&self) -> SocketAddr {
        self.name
    }

    pub fn host(&self) -> String {
        self.name.ip().to_string()
    }

    pub fn port(&self) -> String {
        self.name.port().to_string()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(out)
    }
}
