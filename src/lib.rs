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
//! - [`config`]: `app-init.toml` as written, expansion, durations.
//! - [`plan`]: both and the environment, decided: a [`plan::Plan`], or every fault.
//! - [`machine`]: what to do next; pure.
//! - [`supervisor`]: the loop that tells the machine and does what it says; [`keeper`], its second process in exec mode.
//! - [`messages`], [`logging`]: what is said, and how it gets out.
//! - [`exit`]: the table of exit codes.
//! - [`sys`]: the system calls.

#![deny(unsafe_code)]

pub mod cli;
pub mod config;
pub mod exit;
pub mod keeper;
pub mod logging;
pub mod machine;
pub mod messages;
pub mod plan;
pub mod supervisor;
pub mod sys;

use std::ffi::OsString;
use std::io::Write;

use cli::{Answer, Command, Options, Request};
use plan::{Plan, Purpose};
use sys::descriptors;
use sys::output::{self, Stream};
use sys::signals::Inherited;

/// The program: what follows once signals are held (§2).
#[must_use]
pub fn start(inherited: Inherited, arguments: Vec<OsString>) -> u8 {
    descriptors::open_standard();
    let answer = cli::parse(arguments).and_then(|request| obey(request, inherited));
    match answer {
        Ok(code) => code,
        Err(answer) => say(&answer),
    }
}

fn obey(request: Request, inherited: Inherited) -> Result<u8, Answer> {
    let Request { command, options, arguments } = request;
    let plan = make_plan(command, &options, arguments)?;
    if command == Command::Check {
        return Ok(say(&Answer::new(plan::show(&plan), 0)));
    }
    logging::start(plan.log);
    if plan.nested {
        log::debug!("app-init is PID 1 here already: no hooks; --hooks runs them all the same");
    }
    for warning in &plan.warnings {
        log::warn!("{warning}");
    }
    let is_pid_1 = nix::unistd::getpid().as_raw() == 1;
    match command {
        Command::Exec => Ok(become_server(&plan, inherited)),
        // As PID 1 somebody has to reap, and an interactive shell would not hear a stop.
        Command::Shell if !is_pid_1 => Ok(become_server(&plan, inherited)),
        Command::Run | Command::Shell | Command::Hook | Command::Check => {
            let code = supervisor::supervise(&plan, inherited);
            // As the supervisor does with its own: the process ends now.
            std::mem::forget(plan);
            Ok(code)
        }
    }
}

fn make_plan(command: Command, options: &Options, arguments: Vec<OsString>) -> Result<Plan, Answer> {
    match command {
        Command::Run if plan::is_plain(options) => plan::plain(options, arguments),
        Command::Run if plan::is_nested(options) => plan::make(Purpose::Nested, options, arguments),
        Command::Run => plan::make(Purpose::Run, options, arguments),
        Command::Exec => plan::make(Purpose::Exec, options, arguments),
        Command::Shell => plan::make(Purpose::Shell, options, arguments),
        Command::Check => plan::make(Purpose::Check, options, arguments),
        Command::Hook => {
            let name = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            plan::make(Purpose::Hook(&name, arguments.get(1..).unwrap_or_default()), options, Vec::new())
        }
    }
}

/// `exec`, and `shell` below another init: this process is the program from here on.
fn become_server(plan: &Plan, inherited: Inherited) -> u8 {
    let Some(planned) = plan.programs.first() else { return exit::SYSTEM };
    let refusal = planned.program.execute(inherited, None);
    let ending = machine::Ending::NotStarted { step: refusal.step, errno: refusal.errno };
    log::error!("{}", messages::why_not_started(planned, ending));
    exit::of_ending(ending)
}

/// Prints what was asked for on standard output, and what is wrong on standard error. Signals are held, so this must not
/// wait for a reader either.
fn say(answer: &Answer) -> u8 {
    let mut stream = if answer.code == 0 { Stream::standard_output() } else { Stream::standard_error() };
    // A stream never fails: what cannot be written is dropped.
    let _ = stream.write_all(answer.text.as_bytes());
    if let Some(file) = &answer.termination_file {
        output::leave_message(file, &answer.text);
    }
    answer.code
}
