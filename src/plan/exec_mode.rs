//! Exec mode: what it keeps, which is the keeper, and what it therefore refuses (§7.2).

use super::findings::Findings;
use super::helper::helper_rule;
use super::settings::Settings;
use crate::cli::Options;
use crate::config::{Config, keys};
use crate::machine::{ChildId, Leftovers, Mode, Rules, StopRules};

/// In exec mode nobody stays to do these (§7.2).
pub fn refuse_what_needs_a_resident(
    settings: &Settings,
    config: &Config,
    options: &Options,
    [stops, pre_stop, post_stop]: [bool; 3],
    findings: &mut Findings<'_>,
) {
    let (server, stop) = (&config.server, &config.stop);
    findings.note_dropped();
    let none = ("", false);
    // The key, or else the option or the variable.
    let used = [
        [("stop.signals", stop.signals.is_some()), none, none],
        [("stop.timeout", stop.timeout.is_some()), none, none],
        [
            ("stop.drain", stop.drain.is_some()),
            ("--drain", options.drain.is_some_and(|drain| !drain.is_zero())),
            ("APP_INIT_DRAIN", !settings.drain.is_zero()),
        ],
        [("stop.leftovers", stop.leftovers.is_some()), none, none],
        [("stop.budget", stop.budget.is_some()), none, ("APP_INIT_STOP_BUDGET", settings.budget.is_some())],
        [
            ("server.stop_signal", server.stop_signal.is_some()),
            ("--stop-signal", options.stop_signal.is_some()),
            ("APP_INIT_STOP_SIGNAL", settings.stop_signal.is_some()),
        ],
        [
            ("server.stop_timeout", server.stop_timeout.is_some()),
            ("--stop-timeout", options.stop_timeout.is_some_and(|time| !time.is_zero())),
            ("APP_INIT_STOP_TIMEOUT", settings.stop_timeout.is_some()),
        ],
        [
            ("server.signal_target", server.signal_target.is_some()),
            ("--signal-group", options.signal_group),
            ("--signal-process", options.signal_process),
        ],
        [("server.rewrite", server.rewrite.is_some()), ("--rewrite", !options.rewrite.is_empty()), none],
        [
            ("server.success_codes", server.success_codes.is_some()),
            ("--success-code", !options.success_code.is_empty()),
            none,
        ],
        [
            ("server.run_timeout", server.run_timeout.is_some()),
            ("--run-timeout", options.run_timeout.is_some_and(|time| !time.is_zero())),
            ("APP_INIT_RUN_TIMEOUT", settings.run_timeout.is_some()),
        ],
        [("hooks.post-deploy.on_failure", stops), none, none],
        [("hooks.pre-stop", pre_stop), none, none],
        [("hooks.post-stop", post_stop), none, none],
    ];
    let named = used.into_iter().filter_map(|said| said.into_iter().find(|(_, used)| *used));
    for (key, _) in named {
        findings
            .fault(key, "needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \"supervise\"");
    }
}

/// In exec mode the hooks are the keeper's, which is the child after the last program: the rules of the process that will
/// be the server, and the keeper's.
#[must_use]
pub fn with_keeper(rules: Rules, programs: usize) -> (Rules, Option<Rules>) {
    let keeper = Rules {
        mode: Mode::Keeper,
        server: None,
        stop: StopRules { leftovers: Leftovers::Drain(keys::Stop::LEFTOVERS), ..rules.stop.clone() },
        ..rules.clone()
    };
    let whole_keeper = helper_rule(ChildId(u16::try_from(programs).unwrap_or(u16::MAX)));
    let rules = Rules { deploy: vec![whole_keeper], post_deploy: Vec::new(), on_failure: Vec::new(), ..rules };
    (rules, Some(keeper))
}
