//! app-init's own processes among the commands of a boot.

use std::time::Duration;

use super::{Job, Planned};
use crate::machine::{ChildId, HookRule, OnFailure, OnStop};

/// Appends one of app-init's own processes to the plan.
pub fn helper(job: Job, name: &str, programs: &mut Vec<Planned>) -> HookRule {
    let id = ChildId(u16::try_from(programs.len()).unwrap_or(u16::MAX));
    let [key, label, phase] = [name, name, name].map(str::to_owned);
    programs.push(Planned { job, key, label, phase, looked_for_in: None, by_user: false });
    helper_rule(id)
}

/// Its rule: it keeps its own time, and its code is how app-init ends.
#[must_use]
pub fn helper_rule(child: ChildId) -> HookRule {
    HookRule {
        child,
        // It keeps its own time.
        timeout: None,
        stop_timeout: Duration::ZERO,
        own_stop_timeout: None,
        on_failure: OnFailure::Abort,
        on_stop: OnStop::Stop,
        skips: None,
        retry: None,
        helper: true,
    }
}
