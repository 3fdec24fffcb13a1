//! The two system calls of the harness that have no safe wrapper.

use nix::libc;
use std::fs::File;
use std::os::fd::AsRawFd;

/// Sends a signal by number: the library's enumeration ends before the real-time ones. False when there is no such
/// process, or it may not be signalled.
pub fn kill(pid: i32, signal: i32) -> bool {
    assert!(pid > 1, "a test never signals pid {pid}");
    // SAFETY: kill takes plain numbers; the caller's pid is held as a zombie by the launcher until the run is dropped.
    unsafe { libc::kill(pid, signal) == 0 }
}

/// Sets the size of the terminal whose master side this is; the kernel tells its foreground group.
pub fn set_size(master: &File, rows: u16, columns: u16) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request takes a pointer to this type, which is valid for the call.
    let result = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(result, 0, "a terminal's size can be set");
}
