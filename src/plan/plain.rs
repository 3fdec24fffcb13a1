//! Plain use: an init and nothing else. This is on the way of every plain start, so it looks at nothing it does not need.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use log::LevelFilter;

use super::findings::Findings;
use super::hooks::files;
use super::settings::{self, Variables};
use super::{Part, Plan, Planned, environment};
use crate::cli::{self, Answer, Options};
use crate::config::values::HookOutput;
use crate::config::{self, Layers, keys};
use crate::logging::{self, LogFormat};
use crate::machine::{ChildId, Leftovers, Mode, Rules, ServerRule, SignalTarget, StopRules};
use crate::secrets::Secrets;
use crate::sys::exec::{self, Environment, Program};
use crate::sys::{regular, signals};

/// A start as an init and nothing else (§0): nothing of the above is needed.
#[derive(Clone, Copy, Debug)]
pub struct PlainUse {
    /// There is a `.docker`, with nothing in it that counts.
    passes_over_directory: bool,
}

/// Whether this start is plain use.
#[must_use]
pub fn plain_use(options: &Options) -> Option<PlainUse> {
    let for_app_init =
        |string: &[u8]| string.starts_with(settings::PREFIX.as_bytes()) && !string.starts_with(b"APP_INIT_LOG=");
    let for_an_application = options.ask_for_more_than_signals()
        || exec::any_inherited(for_app_init)
        || regular::may_be_there(Path::new(config::BASE_FILE));
    if for_an_application {
        return None;
    }
    let directory = Path::new(".docker");
    let passes_over_directory = match directory.symlink_metadata() {
        // Its volume may not be mounted.
        Ok(metadata) if metadata.is_symlink() && !directory.is_dir() => return None,
        Ok(_) => true,
        Err(error) if regular::is_absence(&error) => false,
        Err(_) => return None,
    };
    let files = || {
        config::is_there(Path::new("."))
            || files::any_in(Path::new(keys::Top::HOOKS_DIR))
            || regular::may_be_there(Path::new(keys::Env::VARS_DIR))
    };
    let is_plain = !passes_over_directory || !files();
    is_plain.then_some(PlainUse { passes_over_directory })
}

/// The plan of `app-init [--] CMD`.
///
/// # Errors
///
/// A usage error where there is no command.
pub fn plain(options: &Options, arguments: Vec<OsString>, plain_use: PlainUse) -> Result<Plan, Answer> {
    if arguments.is_empty() {
        return Err(cli::nothing_to_run(&[config::BASE_FILE, config::APPLICATION_FILE].map(PathBuf::from)));
    }
    let label = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let program = Program::new(exec::arguments(arguments), Environment::Inherited);
    let is_pid_1 = signals::own_pid() == 1;
    let target = match (options.signal_group, options.signal_process) {
        (true, _) => SignalTarget::Group,
        (_, true) => SignalTarget::Process,
        (false, false) => SignalTarget::Auto,
    };
    let rules = Rules {
        mode: Mode::Supervise,
        deploy: Vec::new(),
        post_deploy: Vec::new(),
        pre_stop: Vec::new(),
        post_stop: Vec::new(),
        on_failure: Vec::new(),
        server: Some(ServerRule {
            child: ChildId(0),
            stop_signal: None,
            stop_timeout: None,
            target,
            rewrite: options.rewrite.clone(),
            run_limit: None,
        }),
        stop: StopRules {
            signals: Vec::new(),
            timeout: None,
            drain: std::time::Duration::ZERO,
            budget: None,
            leftovers: if is_pid_1 { Leftovers::DrainWithinGrace } else { Leftovers::Ignore },
        },
        plain: true,
        terminal: false,
        foreground: false,
        top_of_session: false,
    };
    let asked = options.verbose || options.quiet || exec::any_inherited(|string| string.starts_with(b"APP_INIT_LOG="));
    let usual = logging::Settings { level: LevelFilter::Warn, format: LogFormat::Text };
    Ok(Plan {
        rules,
        keeper: None,
        programs: vec![Planned::server(program, label)],
        part: Part::Whole,
        success_codes: options.success_code.clone(),
        log: if asked { quiet_log(options) } else { usual },
        hook_output: HookOutput::Stdout,
        announces: false,
        termination_file: None,
        kept_from: Vec::new(),
        parent_death_signal: options.parent_death_signal,
        user: None,
        hands_over_to: None,
        nested: false,
        warnings: if plain_use.passes_over_directory { files::skipped_in_plain_use() } else { Vec::new() },
        notes: Vec::new(),
        origins: Vec::new(),
        environment: Rc::from([]),
        secrets: Secrets::default(),
    })
}

/// The log of what needs no plan.
fn quiet_log(options: &Options) -> logging::Settings {
    let variables = environment::Environment::new(exec::inherited_environment());
    let layers = Layers::default();
    let mut findings = Findings::new(&layers, false, Vec::new());
    let level = settings::level(options, None, &Variables(&variables), LevelFilter::Warn, &mut findings);
    logging::Settings { level, format: keys::Log::FORMAT }
}
