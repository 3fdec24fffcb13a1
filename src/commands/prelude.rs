//! The way of every command that follows a plan: where the `deploy-env` hook decides about it, that runs first.

use crate::cli::Answer;
use crate::machine::Outcome;
use crate::plan::{Part, Plan};
use crate::sys::prctl;
use crate::sys::signals::Inherited;
use crate::{exit, logging, secrets, supervisor};

/// Makes a plan; it is given what the hook wrote, once that has run.
pub type Make<'a> = dyn Fn(Option<&[u8]>) -> Result<Plan, Answer> + 'a;

/// Makes the plan and follows it. A command that `goes_without` what the hook writes does so where the hook failed.
///
/// # Errors
///
/// Those of making the plan.
pub fn follow(
    make: &Make<'_>,
    goes_without: bool,
    inherited: Inherited,
    carry_out: &dyn Fn(Plan) -> u8,
) -> Result<u8, Answer> {
    let plan = make(None)?;
    begin(&plan, &[]);
    // What the hooks wrote decides the rest.
    let end = match plan.part {
        Part::Whole => return Ok(carry_out(plan)),
        Part::Prelude => supervisor::supervise(&plan, inherited),
        Part::RefusedPrelude => supervisor::End::default(),
    };
    prctl::cease_to_be_subreaper();
    let interrupted = matches!(end.outcome, Outcome::Interrupted(_));
    let completed = end.outcome == Outcome::Completed;
    let written = match end.written.filter(|_| completed) {
        Some(written) => written,
        None if goes_without && !interrupted => {
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
    let plan = make(Some(&written))?;
    begin(&plan, &said);
    Ok(carry_out(plan))
}

/// Before a plan is followed: its log begins, what is odd is said unless it was, and secrets stay out of core files.
pub fn begin(plan: &Plan, said: &[String]) {
    logging::start(plan.log);
    if plan.nested {
        log::debug!("app-init has booted this container already: no hooks; --hooks runs them all the same");
    }
    for warning in plan.warnings.iter().filter(|warning| !said.contains(warning)) {
        log::warn!("{warning}");
    }
    // What is left of a plan that is made twice says it.
    for note in plan.notes.iter().filter(|_| plan.part == Part::Whole) {
        log::debug!("{note}");
    }
    if !plan.secrets.is_empty() {
        secrets::hide(&plan.secrets);
        prctl::forbid_core_dumps();
    }
}
