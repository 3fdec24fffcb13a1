//! `hook`: runs one hook.

use super::asked::Asked;
use super::{prelude, run};
use crate::cli::Answer;
use crate::logging;
use crate::plan::{Part, Plan, Purpose};

#[inline(never)]
pub fn hook(asked: &Asked<'_>) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| make(asked, deploy_env);
    prelude::follow(&make, false, asked.inherited, &|plan| run::supervise(plan, asked.inherited))
}

fn make(asked: &Asked<'_>, deploy_env: Option<&[u8]>) -> Result<Plan, Answer> {
    let name = asked.arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let arguments = asked.arguments.get(1..).unwrap_or_default();
    let plan = asked.plan(Purpose::Hook(&name, arguments), &[], deploy_env)?;
    // One that is not there is a fault, so only its conditions leave nothing of it.
    if plan.part == Part::Whole && plan.rules.deploy.iter().all(|rule| rule.helper) {
        logging::start(plan.log);
        log::info!("{name} hook: nothing to run: its `when` does not hold");
    }
    Ok(plan)
}
