//! `run`: boots, and stays in front of the server. As an init and nothing else it has a plan of its own.

use super::asked::Asked;
use super::prelude;
use crate::cli::{self, Answer};
use crate::plan::{self, Plan, Purpose};
use crate::supervisor;
use crate::sys::signals::Inherited;

pub fn run(asked: &Asked<'_>) -> Result<u8, Answer> {
    match asked.start.plain_use {
        Some(plain_use) => {
            let plan = plan::plain(asked.options, asked.arguments.to_vec(), plain_use)?;
            prelude::begin(&plan, &[]);
            Ok(supervise(plan, asked.inherited))
        }
        None => boot(asked),
    }
}

#[inline(never)]
fn boot(asked: &Asked<'_>) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| make(asked, deploy_env);
    prelude::follow(&make, false, asked.inherited, &|plan| supervise(plan, asked.inherited))
}

fn make(asked: &Asked<'_>, deploy_env: Option<&[u8]>) -> Result<Plan, Answer> {
    let purpose = if plan::is_nested(asked.start, asked.options) { Purpose::Nested } else { Purpose::Run };
    if purpose == Purpose::Nested && asked.arguments.is_empty() {
        return Err(cli::usage("app-init runs here already; name a command, or use --hooks"));
    }
    asked.plan(purpose, asked.arguments, deploy_env)
}

/// Runs everything that the plan says, to its end.
pub fn supervise(plan: Plan, inherited: Inherited) -> u8 {
    let code = supervisor::supervise(&plan, inherited).code;
    // As the supervisor does with its own: the process ends now.
    std::mem::forget(plan);
    code
}
