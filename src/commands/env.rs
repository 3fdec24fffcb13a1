//! `env`: prints the application's environment.

use super::asked::Asked;
use super::{prelude, say};
use crate::cli::Answer;
use crate::plan::{self, Plan, Purpose};

#[inline(never)]
pub fn env(asked: &Asked<'_>, json: bool, reveal: bool) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| asked.plan(Purpose::Env, &[], deploy_env);
    let print = |plan: Plan| say::print_out(&plan::show_environment(&plan, json, reveal), asked.inherited);
    prelude::follow(&make, false, asked.inherited, &print)
}
