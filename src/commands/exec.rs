//! `exec`: becomes a program in the application's environment.

use super::asked::Asked;
use super::prelude;
use crate::cli::Answer;
use crate::machine::Ending;
use crate::plan::{Plan, Purpose};
use crate::sys::descriptors;
use crate::sys::signals::Inherited;
use crate::{exit, messages};

#[inline(never)]
pub fn exec(asked: &Asked<'_>) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| asked.plan(Purpose::Exec, asked.arguments, deploy_env);
    prelude::follow(&make, false, asked.inherited, &|plan| become_server(&plan, asked.inherited))
}

/// `exec`, and `shell` below another init: this process is the program from here on.
pub fn become_server(plan: &Plan, inherited: Inherited) -> u8 {
    let Some((planned, program)) = plan.programs.first().and_then(|first| Some((first, first.program()?))) else {
        return exit::SYSTEM;
    };
    if let Some(uid) = plan.hands_over_to {
        descriptors::hand_over_standard(uid);
    }
    let refusal = program.execute(inherited, None);
    let ending = Ending::NotStarted { step: refusal.step, errno: refusal.errno };
    log::error!("{}", messages::why_not_started(planned, ending));
    exit::of_ending(ending)
}
