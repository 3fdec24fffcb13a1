//! The system calls, behind types: processes, signals, descriptors, the terminal. Outside of this folder only what cannot
//! go wrong is asked directly (the own pid, a file's metadata).
//!
//! `unsafe` is forbidden but for the files marked here: what they need has no safe form in nix (kernel signal sets with
//! all 64 signals, wait statuses of real-time signals, fork, exec with an environment of its own).

#[allow(unsafe_code, reason = "an allocator hands out memory by its address")]
pub mod arena;
#[allow(unsafe_code, reason = "the C entry point's argument vector is read once, here")]
pub mod arguments;
pub mod bounds;
#[allow(unsafe_code, reason = "fork is unsafe by its nature; wait statuses must show real-time signals")]
pub mod children;
#[allow(
    unsafe_code,
    reason = "the system call itself: the C library's way through the vDSO costs more for a few calls"
)]
pub mod clock;
pub mod credentials;
#[allow(unsafe_code, reason = "descriptors that are only numbers: closed at start, inherited, to be closed")]
pub mod descriptors;
#[allow(unsafe_code, reason = "the first instructions of the program, before there is a C library")]
mod entry;
#[allow(unsafe_code, reason = "execve takes pointers, and the inherited environment is one")]
pub mod exec;
pub mod last_resort;
pub mod mounts;
#[allow(unsafe_code, reason = "fork and _exit are unsafe by their nature")]
pub mod offspring;
pub mod on_behalf;
pub mod opened;
pub mod output;
pub mod prctl;
#[allow(unsafe_code, reason = "readlink into a buffer on the stack: the way of a stop asks for no memory")]
mod proc;
pub mod processes;
pub mod regular;
#[allow(unsafe_code, reason = "signal sets and wait calls that include 32 to 34, which musl hides")]
pub mod signals;
pub mod standing;
#[allow(unsafe_code, reason = "tcgetpgrp and tcsetpgrp on descriptor 0, which may not be open")]
pub mod terminal;
pub mod written;
