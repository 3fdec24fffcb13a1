//! An address at which nobody listens until the test does.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

/// It is this test's alone, its port too.
pub struct Address(SocketAddr);

impl Address {
    pub fn new() -> Address {
        Address(TcpListener::bind((own_host(), 0)).and_then(|free| free.local_addr()).expect("a port is free"))
    }

    /// The port of a known service.
    pub fn with_port(port: u16) -> Address {
        Address((own_host(), port).into())
    }

    pub fn host(&self) -> String {
        self.0.ip().to_string()
    }

    pub fn port(&self) -> String {
        self.0.port().to_string()
    }

    pub fn listen(&self) -> TcpListener {
        TcpListener::bind(self.0).expect("nobody else has this address")
    }
}

/// One of the many addresses of the loopback interface, so that no other test and no outgoing connection has its ports.
fn own_host() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, process[2] | 128, process[3], COUNT.fetch_add(1, Ordering::Relaxed))
}
