//! `shell`: an interactive shell in the application's environment, also where the boot would fail.

use super::asked::Asked;
use super::{exec, prelude, run};
use crate::cli::Answer;
use crate::plan::{Plan, Purpose};
use crate::sys::signals;

#[inline(never)]
pub fn shell(asked: &Asked<'_>) -> Result<u8, Answer> {
    let make = |deploy_env: Option<&[u8]>| asked.plan(Purpose::Shell, asked.arguments, deploy_env);
    let is_pid_1 = signals::own_pid() == 1;
    // As PID 1 somebody has to reap, and an interactive shell would not hear a stop.
    let open = |plan: Plan| {
        if is_pid_1 { run::supervise(plan, asked.inherited) } else { exec::become_server(&plan, asked.inherited) }
    };
    prelude::follow(&make, true, asked.inherited, &open)
}
