//! `wait`: waits for targets, and becomes a command.

use super::asked::Asked;
use super::{prelude, run};
use crate::cli::{Answer, WaitOptions};
use crate::plan;

#[inline(never)]
pub fn wait(asked: &Asked<'_>, options: &WaitOptions) -> Result<u8, Answer> {
    let make = |_: Option<&[u8]>| plan::waiting(options, asked.arguments.to_vec());
    prelude::follow(&make, false, asked.inherited, &|plan| run::supervise(plan, asked.inherited))
}
