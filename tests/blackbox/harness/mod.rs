//! Starts the binary under test in a namespace of its own, talks to it, and clears up.
//!
//! A test describes a start with `Setup`, gets a `Running`, waits for news on its streams, and takes its `End`. Each wait
//! has the one bounded deadline; what goes wrong is told with the cell of the matrix and all that was printed.

mod address;
mod cell;
mod launch;
mod namespace;
mod programs;
mod running;
mod stream;
mod sys;
mod tools;
mod trace;
mod world;

pub use address::Address;
pub use cell::{Cell, Identity, each_cell, each_cell_without_terminal, each_place, each_terminal_place};
pub use launch::Setup;
pub use namespace::Process;
pub use programs::{APP, APP_INIT, PROBE, probe};
pub use running::{End, Ended, Running};
pub use tools::{differences, full_pipe, said, spin, within_a_limit};
pub use trace::Call;

use std::time::Duration;

/// The bound of every wait: a hang becomes a failure. Far beyond what a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The kernel's numbers of the limits that tests set, as the launcher's option takes them.
pub const CORE: &str = "4";
pub const STACK: &str = "3";
pub const NPROC: &str = "6";
pub const NOFILE: &str = "7";
pub const FSIZE: &str = "1";

/// Signals by number: real-time ones have no name in the libraries.
pub mod signal {
    pub const HUP: i32 = 1;
    pub const INT: i32 = 2;
    pub const QUIT: i32 = 3;
    pub const KILL: i32 = 9;
    pub const USR1: i32 = 10;
    pub const USR2: i32 = 12;
    pub const PIPE: i32 = 13;
    pub const TERM: i32 = 15;
    pub const CHLD: i32 = 17;
    pub const CONT: i32 = 18;
    pub const STOP: i32 = 19;
    pub const TSTP: i32 = 20;
    pub const TTIN: i32 = 21;
    pub const TTOU: i32 = 22;
    pub const XFSZ: i32 = 25;
    pub const WINCH: i32 = 28;
    /// What docker, podman and systemd call SIGRTMIN+3.
    pub const RTMIN_3: i32 = 37;
}
