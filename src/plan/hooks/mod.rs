//! The application's hooks: what they run, and by which rules (§6).
//!
//! - [`files`]: which files are hooks; [`strays`]: those that are for no phase.
//! - [`said`]: what is said of a command, by its own table or its hook's.

pub mod files;
mod said;
pub mod strays;

use std::ffi::CString;
use std::rc::Rc;

use said::Said;

use super::command::{self, Command};
use super::environment;
use super::findings::Findings;
use super::surroundings::Surroundings;
use super::users::{self, Users};
use super::{DEPLOY_ENV, Job, Planned};
use crate::config::expand::Word;
use crate::config::keys::{Hook, HookRun};
use crate::config::map::Map;
use crate::config::values::HookOutput;
use crate::identity::Identity;
use crate::machine::{ChildId, HookRule};
use crate::sys::exec::{self, Program, Stdin, Stdout};

/// What is configured for hooks, by name.
pub type Hooks = Map<(Hook, Vec<HookRun>)>;

/// The commands of hook `name`, in order: its file, the files of `NAME.d`, the configured commands. Their programs are
/// appended to `programs`.
pub fn plan(
    name: &str,
    all: &Hooks,
    around: &Surroundings<'_>,
    programs: &mut Vec<Planned>,
    findings: &mut Findings<'_>,
) -> Vec<HookRule> {
    let configured = all.get(name);
    let key = format!("hooks.{name}");
    let of_hook = Said { hook: configured.map(|(hook, _)| hook), run: None, key: &key };
    let mut list = Appender { name, around, programs, rules: Vec::new() };
    for (command, run) in commands(name, configured, around, findings) {
        let run = run.as_ref().map(|(run, key)| (*run, key.as_str()));
        let said = Said { run, ..of_hook };
        let own = said.own_user(around, findings);
        if let Some((run, key)) = run
            && let Some(question) = &run.skip_if
        {
            list.ask(question, 1, said, &format!("{key}.skip_if"), own.as_ref(), findings);
        }
        let rule = said.rule(name, own.as_ref(), around, findings);
        list.append(command, own.as_ref(), rule, findings);
    }
    if let Some(question) = of_hook.hook.and_then(|hook| hook.skip_if.as_ref())
        && !list.rules.is_empty()
    {
        // One answer for all of them, so it stands before them.
        let commands = std::mem::take(&mut list.rules);
        let count = u16::try_from(commands.len()).unwrap_or(u16::MAX);
        let own = of_hook.own_user(around, findings);
        list.ask(question, count, of_hook, &format!("{key}.skip_if"), own.as_ref(), findings);
        list.rules.extend(commands);
    }
    list.rules
}

/// What there is to run now, with its own settings and where they are: `when` is decided here.
fn commands<'a>(
    name: &str,
    configured: Option<&'a (Hook, Vec<HookRun>)>,
    around: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Vec<(Command, Option<(&'a HookRun, String)>)> {
    let of_hook = configured.and_then(|(hook, _)| hook.when.as_deref()).unwrap_or_default();
    let user = configured.and_then(|(hook, _)| hook.user.as_deref());
    let mut commands = Vec::new();
    let is_on = around.for_rights_of_user(user).is_on(&format!("hooks.{name}"), of_hook, findings);
    if is_on {
        for file in files::all(name, around, findings) {
            let label = file.display().to_string();
            let words = [files::invocable(file)].into_iter().chain(around.arguments.iter().cloned());
            let key = format!("hooks.{name}");
            commands.push((Command { key, label, argv: exec::arguments(words), by_user: None }, None));
        }
    }
    for (place, run) in configured.iter().flat_map(|(_, runs)| runs).enumerate() {
        let key = format!("hooks.{name}.run[{place}]");
        let seen = around.for_rights_of_user(run.user.as_deref().or(user));
        if !run.when.as_ref().map_or_else(|| seen.is_due(of_hook), |when| seen.is_on(&key, when, findings)) {
            continue;
        }
        let command = command::words(&run.command, &format!("{key}.command"), around.environment, findings);
        commands.extend(command.map(|command| (command, Some((run, key)))));
    }
    commands
}

/// Appends commands of one hook to the plan.
struct Appender<'a> {
    name: &'a str,
    around: &'a Surroundings<'a>,
    programs: &'a mut Vec<Planned>,
    rules: Vec<HookRule>,
}

impl Appender<'_> {
    fn append(&mut self, command: Command, own: Option<&Rc<Identity>>, rule: HookRule, findings: &mut Findings<'_>) {
        command.refuse_where_above(self.around.users, self.around.users.to_become(own).as_deref(), findings);
        let Command { key, label, argv, by_user } = command;
        let id = ChildId(u16::try_from(self.programs.len()).unwrap_or(u16::MAX));
        self.rules.push(HookRule { child: id, ..rule });
        self.programs.push(Planned {
            job: Job::Program(program(self.name, &label, argv, own, self.around)),
            key,
            label,
            phase: self.name.to_owned(),
            looked_for_in: Some(self.around.workdir.to_owned()),
            by_user: by_user.is_some(),
        });
    }

    /// Appends the question whose answer 0 skips the `skips` commands after it.
    fn ask(
        &mut self,
        question: &[Word],
        skips: u16,
        said: Said<'_>,
        key: &str,
        own: Option<&Rc<Identity>>,
        findings: &mut Findings<'_>,
    ) {
        let Some(command) = command::words(question, key, self.around.environment, findings) else { return };
        if command.argv.is_empty() {
            findings
                .fault(key, "is empty; write a command that exits with 0 when there is nothing to do, or remove it");
            return;
        }
        let rule = HookRule { skips: Some(skips), retry: None, ..said.rule(self.name, own, self.around, findings) };
        self.append(command, own, rule, findings);
    }
}

fn program(
    name: &str,
    label: &str,
    argv: Vec<CString>,
    own: Option<&Rc<Identity>>,
    around: &Surroundings<'_>,
) -> Program {
    let mut extra = vec![("APP_INIT_PHASE", name.as_bytes().to_vec()), ("APP_INIT_HOOK", label.as_bytes().to_vec())];
    // One that names a user of its own has that user's home.
    if let Some(own) = own.filter(|own| Some(own.as_ref()) != around.users.configured()) {
        extra.extend(environment::of_identity(own));
    }
    let identity = around.users.to_become(own);
    Program {
        argv,
        environment: exec::Environment::Computed(around.strings.of(identity.as_deref(), around.users)),
        extra: extra.iter().filter_map(|(name, value)| exec::assignment(name, value)).collect(),
        directory: Some(around.workdir.to_owned()),
        umask: around.umask,
        identity,
        bounds: around.bounds.clone(),
        guard: None,
        stdin: Stdin::Null,
        stdout: match around.output {
            HookOutput::Stdout => Stdout::Inherited,
            HookOutput::Stderr => Stdout::Stderr,
        },
        keeps: exec::Keeps::None,
        retries_busy: true,
        writes_environment: name == DEPLOY_ENV,
    }
}

/// Who else than root something of hook `name` runs as; `None`: all of it runs as root.
#[must_use]
pub fn runs_as_other_than_root(name: &str, all: &Hooks, users: &Users) -> Option<String> {
    let other = |spec: Option<&String>| match spec {
        Some(spec) => {
            let is_root = users.databases().is_ok_and(|all| all.resolve(spec).is_ok_and(|user| user.uid == 0));
            (!is_root).then(|| spec.clone())
        }
        None => users.main().filter(|user| user.uid != 0).map(|user| users::shown(&user)),
    };
    let Some((hook, runs)) = all.get(name) else { return other(None) };
    other(hook.user.as_ref()).or_else(|| runs.iter().find_map(|run| other(run.user.as_ref().or(hook.user.as_ref()))))
}
