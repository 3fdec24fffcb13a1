//! A person at a terminal: types, and waits for what appears on the screen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use nix::pty::{Winsize, openpty};

use super::cli::PATIENCE;

/// `docker ARGS` on a terminal of its own; it is ended when this is dropped.
pub struct Session {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Everything that has appeared, for checks and messages.
    pub transcript: String,
    /// Up to where `expect` has looked.
    read: usize,
}

impl Session {
    pub fn of(args: &[&str]) -> Session {
        // Wide enough that no line of a test is wrapped.
        let size = Winsize { ws_row: 40, ws_col: 500, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a pseudo terminal");
        let clone = |end: &OwnedFd| end.try_clone().expect("a second descriptor");
        let child = Command::new("docker")
            .args(args)
            .stdin(clone(&pty.slave))
            .stdout(clone(&pty.slave))
            .stderr(pty.slave)
            .spawn()
            .expect("docker must be installed");
        let keyboard = File::from(clone(&pty.master));
        let mut master = File::from(pty.master);
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // EIO when the last holder of the other end has gone.
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Session { child, keyboard, screen, transcript: String::new(), read: 0 }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes what is typed");
    }

    /// Waits until `needle` appears after what was expected before; returns what came up to its end.
    pub fn expect(&mut self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.transcript[self.read..].find(needle) {
                let end = self.read + at + needle.len();
                let found = self.transcript[self.read..end].to_owned();
                self.read = end;
                return found;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.transcript.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{needle:?} has not appeared on the terminal: {}", self.transcript)
                }
            }
        }
    }

    /// Waits until the command has ended and everything that it showed has been read.
    pub fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(bytes) = self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.transcript.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert!(Instant::now() < deadline, "the command on the terminal has not ended: {}", self.transcript);
        (self.child.wait().expect("the child is ours"), std::mem::take(&mut self.transcript))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
