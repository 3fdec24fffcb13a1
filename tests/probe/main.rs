//! The application under test, and the launcher of the tests' namespaces.
//!
//! `probe state` and `probe argv` say what a program finds when it starts, `probe do STEP…` behaves as an
//! application might, `probe signals` tells each signal that arrives, and `probe ns … -- CMD…` starts CMD as PID 1 of a
//! fresh PID namespace, or as a child in one.
//!
//! There is no Rust `main`: std's start-up ignores SIGPIPE and opens descriptors, and this program must show the
//! kernel's own numbers.
#![no_main]
#![expect(clippy::disallowed_methods, reason = "the rules are the product's; an application under test takes its time")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of the kernel, in the types that its calls happen to have"
)]

mod mounts;
mod ns;
mod options;
mod signals;
mod state;
mod steps;
#[expect(dead_code, reason = "the test itself fills its /etc")]
#[path = "../surroundings.rs"]
mod surroundings;
mod sys;
mod trace;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The C entry point.
// SAFETY: the only symbol `main` of this program; the C runtime calls it once, and the arguments are read through std.
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 {
    let args: Vec<OsString> = std::env::args_os().collect();
    let command = args.get(1).map(|word| word.as_bytes()).unwrap_or_default();
    let rest = args.get(2..).unwrap_or_default();
    match command {
        b"argv" => state::argv(&args),
        b"environ" => state::environ(),
        b"state" => state::state(),
        b"do" => steps::run(rest),
        b"signals" => signals::report(),
        b"ns" => ns::launch(rest),
        b"trace" => trace::first_calls(rest),
        _ => {
            sys::say(2, "probe: argv | environ | state | do STEP... | signals | ns [OPTIONS] -- CMD... | trace CMD...");
            64
        }
    }
}
