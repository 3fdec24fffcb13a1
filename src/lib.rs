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
//! - [`identity`]: who programs run as, and what that user must not be able to change.
//! - [`plan`]: both and the environment, decided: a [`plan::Plan`], or every fault.
//! - [`machine`]: what to do next; pure.
//! - [`supervisor`]: the loop that tells the machine and does what it says; [`keeper`], its second process in exec mode.
//! - [`prepare`], [`wait`]: what app-init does itself before the hooks, each in a process of its own.
//! - [`messages`], [`logging`], [`secrets`]: what is said, how it gets out, and what does not.
//! - [`exit`]: the table of exit codes.
//! - [`sys`]: the system calls.

#![deny(unsafe_code)]

pub mod cli;
pub mod config;
pub mod exit;
pub mod identity;
pub mod keeper;
pub mod logging;
pub mod machine;
pub mod messages;
pub mod plan;
pub mod prepare;
pub mod secrets;
pub mod supervisor;
pub mod sys;
pub mod wait;

use std::ffi::OsString;
use std::io::Write;

use cli::{Answer, Command, Options, Request};
use machine::Outcome;
use plan::{Part, Plan, Purpose};
use sys::output::{self, Stream};
use sys::signals::{self, Inherited};
use sys::{descriptors, processes};

/// The program: what follows once signals are held (§2).
#[must_use]
pub fn start(inherited: Inherited, arguments: Vec<OsString>) -> u8 {
    descriptors::open_standard();
    let answer = cli::parse(arguments).and_then(|request| obey(&request, inherited));
    match answer {
        Ok(code) => code,
        Err(answer) => say(&answer),
    }
}

fn obey(request: &Request, inherited: Inherited) -> Result<u8, Answer> {
    let plan = make_plan(request, None)?;
    if request.command == Command::Check {
        secrets::hide(&plan.secrets);
        return Ok(say(&Answer::new(plan::show(&plan), 0)));
    }
    logging::start(plan.log);
    if plan.nested {
        log::debug!("app-init is PID 1 here already: no hooks; --hooks runs them all the same");
    }
    take_note(&plan, &[]);
    // What the hooks wrote decides the rest.
    let end = match plan.part {
        Part::Whole => return Ok(carry_out(&request.command, plan, inherited)),
        Part::Prelude => supervisor::supervise(&plan, inherited),
        Part::RefusedPrelude => supervisor::End::default(),
    };
    processes::cease_to_be_subreaper();
    let interrupted = matches!(end.outcome, Outcome::Interrupted(_));
    let completed = end.outcome == Outcome::Completed;
    let written = match end.written.filter(|_| completed) {
        Some(written) => written,
        None if request.command == Command::Shell && !interrupted => {
            log::warn!("this shell has no environment of the deploy-env hook");
            Vec::new()
        }
        None if completed => {
            log::error!("the deploy-env hook wrote more than 4 MiB of variables; write less");
            return Ok(exit::HOOK_FAILED);
        }
        None => return Ok(end.code),
    };
    let said = plan.warnings;
    let plan = make_plan(request, Some(&written))?;
    take_note(&plan, &said);
    Ok(carry_out(&request.command, plan, inherited))
}

/// Warns of what is odd, unless that was said before, and keeps secrets out of core files.
fn take_note(plan: &Plan, said: &[String]) {
    for warning in plan.warnings.iter().filter(|warning| !said.contains(warning)) {
        log::warn!("{warning}");
    }
    if !plan.secrets.is_empty() {
        secrets::hide(&plan.secrets);
        processes::forbid_core_dumps();
    }
}

/// Does what the whole plan says.
fn carry_out(command: &Command, plan: Plan, inherited: Inherited) -> u8 {
    let is_pid_1 = nix::unistd::getpid().as_raw() == 1;
    match command {
        Command::Exec => become_server(&plan, inherited),
        // As PID 1 somebody has to reap, and an interactive shell would not hear a stop.
        Command::Shell if !is_pid_1 => become_server(&plan, inherited),
        Command::Env { json, reveal } => print(&plan::show_environment(&plan, *json, *reveal), inherited),
        Command::Run | Command::Shell | Command::Hook | Command::Check | Command::Wait(_) => {
            let code = supervisor::supervise(&plan, inherited).code;
            // As the supervisor does with its own: the process ends now.
            std::mem::forget(plan);
            code
        }
    }
}

/// The plan of what was asked for; `deploy_env` is what the hook of that name wrote, once it has run.
fn make_plan(request: &Request, deploy_env: Option<&[u8]>) -> Result<Plan, Answer> {
    let Request { command, options, arguments } = request;
    let make = |purpose, arguments| plan::make(purpose, options, arguments, deploy_env);
    match command {
        Command::Run if plan::is_plain(options) => plan::plain(options, arguments.clone()),
        Command::Run => make(run_or_nested(options), arguments.clone()),
        Command::Exec => make(Purpose::Exec, arguments.clone()),
        Command::Shell => make(Purpose::Shell, arguments.clone()),
        Command::Check => make(Purpose::Check, arguments.clone()),
        Command::Env { .. } => make(Purpose::Env, Vec::new()),
        Command::Wait(options) => plan::waiting(options, arguments.clone()),
        Command::Hook => {
            let name = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            make(Purpose::Hook(&name, arguments.get(1..).unwrap_or_default()), Vec::new())
        }
    }
}

fn run_or_nested(options: &Options) -> Purpose<'static> {
    if plan::is_nested(options) { Purpose::Nested } else { Purpose::Run }
}

/// `exec`, and `shell` below another init: this process is the program from here on.
fn become_server(plan: &Plan, inherited: Inherited) -> u8 {
    let Some((planned, program)) = plan.programs.first().and_then(|first| Some((first, first.program()?))) else {
        return exit::SYSTEM;
    };
    if let Some(uid) = plan.hands_over_to {
        descriptors::hand_over_standard(uid);
    }
    let refusal = program.execute(inherited, None);
    let ending = machine::Ending::NotStarted { step: refusal.step, errno: refusal.errno };
    log::error!("{}", messages::why_not_started(planned, ending));
    exit::of_ending(ending)
}

/// Prints all of it, as a program that nobody depends on: whoever reads slowly is waited for, and may interrupt.
fn print(text: &[u8], inherited: Inherited) -> u8 {
    signals::drop_own_pending();
    signals::restore(inherited);
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => exit::SYSTEM,
    }
}

/// Prints what was asked for on standard output, and what is wrong on standard error. Signals are held, so this must not
/// wait for a reader either.
fn say(answer: &Answer) -> u8 {
    let mut stream = if answer.code == 0 { Stream::standard_output() } else { Stream::standard_error() };
    let text = secrets::hidden(answer.text.clone());
    // A stream never fails: what cannot be written is dropped.
    let _ = stream.write_all(text.as_bytes());
    if let Some(file) = &answer.termination_file {
        output::leave_message(file, &text);
    }
    answer.code
}
