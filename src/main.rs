//! app-init: see the crate's documentation for the map.
#![no_main]

use std::ffi::{c_char, c_int};

use app_init::sys::arena::Arena;
use app_init::sys::{arguments, last_resort, signals};

#[global_allocator]
static MEMORY: Arena = Arena::new();

/// C's `main`, so that the first thing to happen is holding the signals: Rust's own start-up comes before a Rust `main`
/// and makes a dozen system calls, and meanwhile a PID 1 loses the signals that it is sent.
///
/// # Safety
///
/// The C library's start-up code calls it once, with `argc` pointers to strings in `argv`.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the C entry point")]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let inherited = signals::hold_all();
    // SAFETY: these are what C's start-up code called `main` with.
    let arguments = unsafe { arguments::from_main(argc, argv) };
    c_int::from(app_init::start(inherited, arguments))
}

/// In place of C's `abort`: when PID 1 dies, the kernel kills everybody.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the C library's name is what is called")]
pub extern "C" fn abort() -> ! {
    last_resort::aborted()
}
