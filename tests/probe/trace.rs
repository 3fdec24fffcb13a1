//! Tells where in the list of its system calls a program first sets its signal mask.

use crate::sys;
use nix::libc;
use std::ffi::OsString;

/// Runs the program until its first `rt_sigprocmask`, prints that call's index (the exec is 0), and kills the program.
pub fn first_calls(command: &[OsString]) -> i32 {
    let Some(file) = command.first() else { return 64 };
    let child = sys::fork();
    if child == 0 {
        sys::trace_me();
        let error = sys::exec(file, command);
        sys::say(2, &format!("probe: cannot run the traced program: error {error}"));
        sys::exit_now(127);
    }
    let first = sys::wait_stop(child);
    if !libc::WIFSTOPPED(first) {
        sys::say(1, "ended before its first call");
        return 1;
    }
    sys::trace_mark_calls(child);
    let mut calls = Vec::new();
    while sys::trace_on_to_next_call(child, 0) {
        let status = sys::wait_stop(child);
        if !libc::WIFSTOPPED(status) {
            sys::say(1, &format!("ended without it after {} calls", calls.len()));
            return 1;
        }
        if libc::WSTOPSIG(status) != libc::SIGTRAP | 0x80 {
            continue;
        }
        let Some(number) = sys::trace_call_number(child) else { continue };
        calls.push(number);
        if number == libc::SYS_rt_sigprocmask as u64 {
            break;
        }
    }
    sys::say(1, &format!("mask at {} of {calls:?}", calls.len()));
    sys::kill(child, libc::SIGKILL);
    sys::wait_for(child);
    0
}
