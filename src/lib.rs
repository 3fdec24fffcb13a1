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
//! - [`supervisor`]: the loop that tells the machine and does what it says, in exec mode in a second process too.
//! - [`prepare`], [`wait`]: what app-init does itself before the hooks, each in a process of its own.
//! - [`messages`], [`logging`], [`secrets`]: what is said, how it gets out, and what does not.
//! - [`exit`]: the table of exit codes; [`text`]: forms of text.
//! - [`sys`]: the system calls.

#![deny(unsafe_code)]

pub mod cli;
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
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use cli::{Answer, Command, Options, Request};
use machine::Outcome;
use plan::{Part, Plan, Purpose, Start};
use sys::clock::Clock;
use sys::output::{self, Stream};
use sys::signals::{self, Inherited};
use sys::{descriptors, processes};

/// The program: what follows once signals are held (§2).
#[must_use]
pub fn start(inherited: Inherited, arguments: Vec<OsString>) -> u8 {
    descriptors::open_standard();
    inherited.insist();
    match cli::parse(arguments) {
        Ok(mut request) => {
            let start = plan::join(&mut request);
            obey(&request, &start, inherited).unwrap_or_else(|answer| {
                let only_tells = matches!(request.command, Command::Check | Command::Env { .. });
                say(&answer, only_tells, inherited)
            })
        }
        // Help and the version are what was asked for.
        Err(answer) => say(&answer, answer.code == 0, inherited),
    }
}

fn obey(request: &Request, start: &Start, inherited: Inherited) -> Result<u8, Answer> {
    let plan = make_plan(request, start, None)?;
    if request.command == Command::Check {
        secrets::hide(&plan.secrets);
        return Ok(say(&Answer::new(plan::show(&plan), 0), true, inherited));
    }
    logging::start(plan.log);
    if plan.nested {
        log::debug!("app-init has booted this container already: no hooks; --hooks runs them all the same");
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
    let plan = make_plan(request, start, Some(&written))?;
    take_note(&plan, &said);
    Ok(carry_out(&request.command, plan, inherited))
}

/// Warns of what is odd, unless that was said before, and keeps secrets out of core files.
fn take_note(plan: &Plan, said: &[String]) {
    for warning in plan.warnings.iter().filter(|warning| !said.contains(warning)) {
        log::warn!("{warning}");
    }
    // What is left of a plan that is made twice says it.
    for note in plan.notes.iter().filter(|_| plan.part == Part::Whole) {
        log::debug!("{note}");
    }
    if !plan.secrets.is_empty() {
        secrets::hide(&plan.secrets);
        processes::forbid_core_dumps();
    }
}

/// Does what the whole plan says.
fn carry_out(command: &Command, plan: Plan, inherited: Inherited) -> u8 {
    let is_pid_1 = signals::own_pid() == 1;
    match command {
        Command::Exec => become_server(&plan, inherited),
        // As PID 1 somebody has to reap, and an interactive shell would not hear a stop.
        Command::Shell if !is_pid_1 => become_server(&plan, inherited),
        Command::Env { json, reveal } => {
            let text = plan::show_environment(&plan, *json, *reveal);
            print(std::io::stdout().as_fd(), &text, inherited).map_or_else(not_printed, |()| 0)
        }
        Command::Run | Command::Shell | Command::Hook | Command::Check | Command::Wait(_) => {
            let code = supervisor::supervise(&plan, inherited).code;
            // As the supervisor does with its own: the process ends now.
            std::mem::forget(plan);
            code
        }
    }
}

/// The plan of what was asked for; `deploy_env` is what the hook of that name wrote, once it has run.
fn make_plan(request: &Request, start: &Start, deploy_env: Option<&[u8]>) -> Result<Plan, Answer> {
    let Request { command, options, arguments } = request;
    let make =
        |purpose, arguments: &[OsString]| plan::make(purpose, options, arguments, start.boot.as_ref(), deploy_env);
    match command {
        Command::Run if start.is_plain => plan::plain(options, arguments.clone()),
        Command::Run => match run_or_nested(start, options) {
            Purpose::Nested if arguments.is_empty() => {
                Err(cli::usage("app-init runs here already; name a command, or use --hooks"))
            }
            purpose => make(purpose, arguments),
        },
        Command::Exec => make(Purpose::Exec, arguments),
        Command::Shell => make(Purpose::Shell, arguments),
        Command::Check => make(Purpose::Check, arguments),
        Command::Env { .. } => make(Purpose::Env, &[]),
        Command::Wait(options) => plan::waiting(options, arguments.clone()),
        Command::Hook => {
            let name = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let plan = make(Purpose::Hook(&name, arguments.get(1..).unwrap_or_default()), &[])?;
            // One that is not there is a fault, so only its conditions leave nothing of it.
            if plan.part == Part::Whole && plan.rules.deploy.iter().all(|rule| rule.helper) {
                logging::start(plan.log);
                log::info!("{name} hook: nothing to run: its `when` does not hold");
            }
            Ok(plan)
        }
    }
}

fn run_or_nested(start: &Start, options: &Options) -> Purpose<'static> {
    if plan::is_nested(start, options) { Purpose::Nested } else { Purpose::Run }
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
fn print(out: BorrowedFd<'_>, mut text: &[u8], inherited: Inherited) -> nix::Result<()> {
    signals::drop_own_pending();
    // With signals held it cannot be interrupted, and no more.
    let _ = signals::restore(inherited);
    while !text.is_empty() {
        match nix::unistd::write(out, text) {
            Ok(count) => text = text.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Somebody else who has this pipe or terminal does not want to wait.
            Err(Errno::EAGAIN) => {
                nix::poll::poll(&mut [PollFd::new(out, PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// How long a boot that failed waits for its reader, all in all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints what was asked for on standard output, and what is wrong on standard error. Its reader is waited for only where
/// a command `only_tells`: a boot that failed has to end, read or not.
fn say(answer: &Answer, only_tells: bool, inherited: Inherited) -> u8 {
    let text = secrets::hidden(answer.text.clone());
    if let Some(file) = &answer.termination_file {
        output::leave_message(file, &text);
    }
    match (only_tells, answer.code) {
        (true, 0) => {
            return print(std::io::stdout().as_fd(), text.as_bytes(), inherited).map_or_else(not_printed, |()| 0);
        }
        // A fault that nobody can hear is one all the same.
        (true, _) => drop(print(std::io::stderr().as_fd(), text.as_bytes(), inherited)),
        (false, _) => tell(text.as_bytes()),
    }
    answer.code
}

/// What was asked for could not be printed: the code, and a line, unless the reader has gone, who has had what it wanted.
fn not_printed(errno: Errno) -> u8 {
    if errno == Errno::EPIPE {
        return exit::NO_READER;
    }
    tell(format!("app-init: error: cannot write to standard output: {}\n", errno.desc()).as_bytes());
    exit::SYSTEM
}

/// Writes on standard error as long as there is room, or comes to be within [`PATIENCE`].
fn tell(text: &[u8]) {
    // A pipe with room takes this much at once (pipe(7): `PIPE_BUF`).
    const AT_ONCE: usize = 4096;
    let mut stream = Stream::standard_error();
    let mut clock = Clock::default();
    let end = clock.now().after(PATIENCE);
    for piece in text.chunks(AT_ONCE) {
        let left = PollTimeout::try_from(end.since(clock.now())).unwrap_or(PollTimeout::ZERO);
        let standard = std::io::stderr();
        // With nobody left to read there is nothing to wait for, and the stream drops the piece.
        if nix::poll::poll(&mut [PollFd::new(standard.as_fd(), PollFlags::POLLOUT)], left) == Ok(0) {
            break;
        }
        // A stream never fails: what cannot be written is dropped.
        let _ = stream.write_all(piece);
    }
}
