//! app-init: one static init and entrypoint supervisor for container images.
//!
//! ```text
//! argv ─┐
//! TOML ─┼─► plan ──► Plan ──► machine ◄──────── Event ───────┐
//! env ──┘  (all faults at once)  │  step(now, event)         │
//!                                ▼                           │
//!                             Action ──► supervisor ──► sys/ ┘   spawn, signal, reap, terminal, clock
//!                                            │
//!                                            ▼ Exit(code) | Exec
//! ```
//!
//! - [`cli`]: what was typed.
//! - [`config`]: `app-init.toml` as written: keys, types, layers, expansion, conditions.
//! - [`identity`]: who programs run as, and what that user must not be able to change.
//! - [`plan`]: both and the environment, decided: a [`plan::Plan`], or every fault.
//! - [`machine`]: what to do next; pure.
//! - `commands`: what each command does with a plan.
//! - [`supervisor`]: the loop that tells the machine and does what it says, in exec mode in a second process too.
//! - [`prepare`], [`wait`]: what app-init does itself before the hooks, each in a process of its own.
//! - [`messages`], [`logging`], [`secrets`]: what is said, how it gets out, and what does not.
//! - [`exit`]: the table of exit codes; [`text`]: forms of text.
//! - [`sys`]: the system calls.

#![deny(unsafe_code)]

pub mod cli;
mod commands;
pub mod config;
pub mod exit;
pub mod identity;
pub mod logging;
pub mod machine;
pub mod messages;
pub mod plan;
pub mod prepare;
pub mod secrets;
pub mod supervisor;
pub mod sys;
pub mod text;
pub mod wait;

#[cfg(test)]
#[allow(unsafe_code, reason = "what comes before the tests' own main")]
#[path = "../tests/settled.rs"]
mod settled;

use std::ffi::OsString;

use cli::Command;
use sys::descriptors;
use sys::signals::Inherited;

/// The program: what follows once signals are held (§2).
#[must_use]
pub fn start(inherited: Inherited, arguments: Vec<OsString>) -> u8 {
    descriptors::open_standard();
    inherited.insist();
    match cli::parse(arguments) {
        Ok(mut request) => {
            let start = plan::join(&mut request);
            commands::obey(&request, &start, inherited).unwrap_or_else(|answer| {
                let only_tells = matches!(request.command, Command::Check | Command::Env { .. });
                commands::say(&answer, only_tells, inherited)
            })
        }
        // Help and the version are what was asked for.
        Err(answer) => commands::say(&answer, answer.code == 0, inherited),
    }
}
