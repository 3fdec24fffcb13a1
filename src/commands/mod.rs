//! The commands, each with its way in one file. Who adds one names it in `cli/words.rs`, reads its options in `cli/`, and
//! makes a file for it here.
//!
//! - [`prelude`]: the way of all that follow a plan.
//! - [`say`]: what is said without a supervisor.

mod asked;
mod check;
mod env;
mod exec;
mod hook;
mod prelude;
mod run;
mod say;
mod shell;
mod wait;

use crate::cli::{Answer, Command, Request};
use crate::plan::Start;
use crate::sys::signals::Inherited;

use asked::Asked;
pub use say::say;

/// Does what was asked for; the code to end with.
///
/// # Errors
///
/// What is to be said instead.
pub fn obey(request: &Request, start: &Start, inherited: Inherited) -> Result<u8, Answer> {
    let asked = Asked { options: &request.options, arguments: &request.arguments, start, inherited };
    match &request.command {
        Command::Run => run::run(&asked),
        Command::Exec => exec::exec(&asked),
        Command::Shell => shell::shell(&asked),
        Command::Hook => hook::hook(&asked),
        Command::Check => check::check(&asked),
        Command::Env { json, reveal } => env::env(&asked, *json, *reveal),
        Command::Wait(options) => wait::wait(&asked, options),
    }
}
