//! `app-init wait`: no configuration, no environment of its own, only waiting and then the command.

use std::ffi::OsString;
use std::time::Duration;

use log::LevelFilter;

use super::environment::Environment;
use super::helper::helper;
use super::settings::{self, Variables};
use super::{Findings, Job, Part, Plan, Planned};
use crate::cli::{Answer, WaitOptions, usage};
use crate::config::Layers;
use crate::config::keys;
use crate::config::values::HookOutput;
use crate::logging;
use crate::machine::{ChildId, Leftovers, Mode, Rules, ServerRule, SignalTarget, StopRules};
use crate::secrets::Secrets;
use crate::sys::exec::{self, Program};
use crate::wait::{OnTimeout, Target, Wait};

/// The plan of `app-init wait TARGET... [-- CMD...]`.
///
/// # Errors
///
/// What is no target.
pub fn waiting(options: &WaitOptions, command: Vec<OsString>) -> Result<Plan, Answer> {
    let on_timeout = if options.no_strict { OnTimeout::Continue } else { OnTimeout::Abort };
    let mut waits = Vec::new();
    for text in &options.targets {
        let target = Target::parse(text).map_err(|fault| usage(&fault))?;
        let timeout = options.timeout.unwrap_or(keys::Wait::TIMEOUT);
        let timeout = (!timeout.is_zero()).then_some(timeout);
        let interval = options.interval.unwrap_or(keys::Wait::INTERVAL);
        waits.push(Wait { target, identity: None, timeout, interval, on_timeout });
    }
    let mut programs = Vec::new();
    let server = (!command.is_empty()).then(|| {
        let label = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        programs.push(Planned::server(Program::new(exec::arguments(command), exec::Environment::Inherited), label));
        server_rule()
    });
    let deploy = vec![helper(Job::Wait { waits, keys: options.targets.clone() }, "wait", &mut programs)];
    let rules = Rules {
        // The command takes this process's place.
        mode: if server.is_some() { Mode::Exec } else { Mode::HookOnly },
        deploy,
        post_deploy: Vec::new(),
        pre_stop: Vec::new(),
        post_stop: Vec::new(),
        on_failure: Vec::new(),
        server,
        stop: StopRules {
            signals: keys::Stop::SIGNALS.to_vec(),
            timeout: None,
            drain: Duration::ZERO,
            budget: None,
            leftovers: Leftovers::Ignore,
        },
        plain: false,
        terminal: false,
        foreground: false,
        top_of_session: false,
    };
    Ok(Plan {
        rules,
        keeper: None,
        programs,
        part: Part::Whole,
        success_codes: Vec::new(),
        log: log(options),
        hook_output: HookOutput::Stderr,
        announces: false,
        termination_file: None,
        kept_from: Vec::new(),
        parent_death_signal: None,
        user: None,
        hands_over_to: None,
        nested: false,
        warnings: Vec::new(),
        notes: Vec::new(),
        origins: Vec::new(),
        environment: Vec::new().into(),
        secrets: Secrets::default(),
    })
}

fn server_rule() -> ServerRule {
    ServerRule {
        child: ChildId(0),
        stop_signal: None,
        stop_timeout: None,
        target: SignalTarget::Process,
        rewrite: Vec::new(),
        run_limit: None,
    }
}

/// It says what it waits for, unless somebody wants it quiet.
fn log(options: &WaitOptions) -> logging::Settings {
    let given = Environment::new(exec::inherited_environment());
    let layers = Layers::default();
    let mut findings = Findings::new(&layers, false, Vec::new());
    let default = if options.quiet { LevelFilter::Error } else { keys::Log::LEVEL };
    let level = settings::level(&options.levels(), None, &Variables(&given), default, &mut findings);
    logging::Settings { level, format: keys::Log::FORMAT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_option_says_is_as_in_a_file() {
        let options = WaitOptions { targets: vec!["tcp://db:5432".into()], ..WaitOptions::default() };
        let plan = waiting(&options, Vec::new()).expect("a plan");
        let Job::Wait { waits, .. } = &plan.programs[0].job else { panic!("it does not wait") };
        assert_eq!(waits[0].timeout, Some(keys::Wait::TIMEOUT));
        assert_eq!((waits[0].interval, waits[0].on_timeout), (keys::Wait::INTERVAL, keys::Wait::ON_TIMEOUT));
        assert_eq!(plan.rules.stop.signals, keys::Stop::SIGNALS);
    }
}
