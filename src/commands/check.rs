//! `check`: tells the plan, or every fault, and starts nothing.

use super::asked::Asked;
use super::say;
use crate::cli::Answer;
use crate::plan::{self, Purpose};
use crate::secrets;

#[inline(never)]
pub fn check(asked: &Asked<'_>) -> Result<u8, Answer> {
    let plan = asked.plan(Purpose::Check, asked.arguments, None)?;
    secrets::hide(&plan.secrets);
    Ok(say::say(&Answer::new(plan::show(&plan), 0), true, asked.inherited))
}
