//! The system calls of the harness that have no safe wrapper.

use nix::libc;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Sends a signal by number: the library's enumeration ends before the real-time ones. False when there is no such
/// process, or it may not be signalled.
pub fn kill(pid: i32, signal: i32) -> bool {
    assert!(pid > 1, "a test never signals pid {pid}");
    // SAFETY: kill takes plain numbers; the caller's pid is held as a zombie by the launcher until the run is dropped.
    unsafe { libc::kill(pid, signal) == 0 }
}

/// A TCP socket with a free port of that address, which does not listen.
pub fn bound_socket(host: Ipv4Addr) -> OwnedFd {
    // SAFETY: plain numbers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "a socket can be made");
    // SAFETY: it is new, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: zeroed is a valid value of this plain type.
    let mut name: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    name.sin_family = libc::sa_family_t::try_from(libc::AF_INET).expect("a small number");
    name.sin_addr.s_addr = u32::from_ne_bytes(host.octets());
    let length = libc::socklen_t::try_from(size_of_val(&name)).expect("a small number");
    // SAFETY: the name is of the length that is told.
    let result = unsafe { libc::bind(fd, (&raw const name).cast(), length) };
    assert_eq!(result, 0, "a port is free");
    socket
}

pub fn listen(socket: &OwnedFd) {
    // SAFETY: plain numbers; the descriptor is open.
    let result = unsafe { libc::listen(socket.as_raw_fd(), 128) };
    assert_eq!(result, 0, "a bound socket can listen");
}

/// Sets the size of the terminal whose master side this is; the kernel tells its foreground group.
pub fn set_size(master: &File, rows: u16, columns: u16) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request takes a pointer to this type, which is valid for the call.
    let result = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(result, 0, "a terminal's size can be set");
}

/// Sets the soft limit of a process.
pub fn limit_address_space(pid: i32, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the limit is valid for the call, and the old one is not asked for.
    let result = unsafe { libc::prlimit(pid, libc::RLIMIT_AS, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(result, 0, "root may set the limits of others");
}
