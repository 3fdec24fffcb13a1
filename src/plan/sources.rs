//! What a plan is made of: the files with the role that was chosen, and the words of the command line without its name.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::boot::Boot;
use super::findings::Findings;
use super::hooks::files;
use super::settings::{self, Variables};
use super::{Purpose, SKIPPABLE};
use crate::cli::{self, Options};
use crate::config::value::Value;
use crate::config::{self, Config, Fault, Layers, keys};
use crate::sys::regular;
use crate::text::near;

/// The words of a start that are no options.
pub struct Words {
    /// Those of this process, without the role's name.
    pub own: Vec<OsString>,
    /// Those that the boot which this process stands beside appends to the server's command.
    pub of_boot: Vec<OsString>,
    /// The first was a role's name.
    pub name_role: bool,
}

/// The files, with the role laid over them, the words without its name, and warnings.
pub fn read(
    purpose: Purpose<'_>,
    options: &Options,
    variables: &Variables<'_>,
    arguments: Vec<OsString>,
    boot: Option<&Boot>,
    left_out: &[PathBuf],
    faults: &mut Vec<Fault>,
) -> (Layers, Words, Vec<String>) {
    let (file, workdir) = settings::named_places(options, variables);
    let mut layers = Layers::of(file.as_deref(), workdir, left_out, faults);
    let reserved = cli::COMMANDS.map(|(name, _, _)| name);
    config::check_roles(&layers, &reserved, faults);
    config::check_conditions(&layers, faults);
    config::check_skips(&layers, &SKIPPABLE, faults);
    let boots = matches!(purpose, Purpose::Run | Purpose::Check);
    let meant = arguments.first().filter(|first| boots && !first.as_encoded_bytes().starts_with(b"-"));
    let meant = meant.and_then(|first| nearly_a_role(first.to_str()?, &layers));
    let words = choose_role(purpose, &mut layers, variables, arguments, boot, faults);
    if !options.supervise {
        layers.drop_what_exec_mode_lacks();
    }
    let has_command =
        matches!(layers.table.get("server"), Some(Value::Table(server)) if server.contains_key("command"));
    let doubts = if boots { config::doubtful_conditions(&layers) } else { Vec::new() };
    let warnings =
        doubts.into_iter().chain(meant.filter(|_| has_command)).chain(boot.and_then(|boot| boot.warning.clone()));
    let warnings = warnings.collect();
    // A shell keeps them when the file itself is left out.
    for fault in faults {
        layers.withhold(fault);
    }
    (layers, words, warnings)
}

/// What is to be said of a first argument that is nearly a role's name and none.
fn nearly_a_role(first: &str, layers: &Layers) -> Option<String> {
    let Some(Value::Table(roles)) = layers.table.get("role") else { return None };
    let role = near::nearest(first, roles.keys().map(String::as_str)).filter(|_| !roles.contains_key(first))?;
    Some(format!("`{first}` is no role and becomes an argument of server.command; for the role write {role}"))
}

/// Lays a role over the configuration: the one that the first argument names, which is taken away; or the one of the boot
/// that this process stands beside; or the one that `APP_INIT_ROLE` names.
fn choose_role(
    purpose: Purpose<'_>,
    layers: &mut Layers,
    variables: &Variables<'_>,
    mut own: Vec<OsString>,
    boot: Option<&Boot>,
    faults: &mut Vec<Fault>,
) -> Words {
    let mut of_boot = boot.map_or_else(Vec::new, |boot| boot.arguments.clone());
    if of_boot.first().and_then(|word| word.to_str()).is_some_and(|word| layers.has_role(word)) {
        of_boot.remove(0);
    }
    let may_name_role = matches!(purpose, Purpose::Run | Purpose::Check | Purpose::Nested);
    let first = own.first().filter(|_| may_name_role).and_then(|first| first.to_str());
    if first.is_some_and(|first| layers.choose_role(first)) {
        own.remove(0);
        return Words { own, of_boot, name_role: true };
    }
    if purpose == Purpose::Check && own.is_empty() {
        own.clone_from(&of_boot);
    }
    let words = Words { own, of_boot, name_role: false };
    let variable = variables.text("ROLE");
    let given = variable.as_ref().map(OsStr::new);
    let word = boot.and_then(|boot| boot.role_word(given)).and_then(|word| word.to_str());
    if word.is_some_and(|word| layers.choose_role(word)) {
        return words;
    }
    if let Some(name) = variable
        && !layers.choose_role(&name)
    {
        let what = format!("there is no role `{name}`; write [role.{name}], or unset this");
        faults.push(Fault::new("APP_INIT_ROLE", what));
    }
    words
}

/// Where configuration was looked for in vain. That there is none at all is hardly ever meant: a `.dockerignore` leaves
/// out what begins with a dot, or this is another directory.
pub fn tell_of_files(layers: &Layers, base: &Path, hooks_dir: &Path, findings: &mut Findings<'_>) {
    let missing = config::not_there(&layers.missing);
    let hooks_dir = base.join(hooks_dir);
    let is_bare = !missing.is_empty() && !files::any_in(&hooks_dir);
    // Beside the base image's file the application's may be missed, and need not be: only who wants to be sure is told.
    let is_own = |path: &PathBuf| path != Path::new(config::BASE_FILE);
    let misses_own = layers.missing.iter().any(is_own) && !regular::may_be_there(&base.join(".docker"));
    let advice = "see that .dockerignore lets .docker into the image, and that this is its directory";
    if is_bare && layers.files.is_empty() {
        let hooks_dir = hooks_dir.display();
        findings.warning(&format!("nothing is configured: {missing}, and no hook in {hooks_dir}; {advice}"));
    } else if is_bare && misses_own && findings.is_strict() {
        let base = config::BASE_FILE;
        findings.warning(&format!(
            "the application has no configuration: {missing}; {advice}, or name the one file: APP_INIT_CONFIG={base}"
        ));
    } else if !missing.is_empty() {
        findings.note(&missing);
    }
}

/// What lies beside the file that was read, or where app-init was started, and is looked for elsewhere: what a file and a
/// deployer call the working directory is what relative paths start at.
pub fn tell_of_lost(layers: &Layers, config: &Config, base: &Path, hooks_dir: &Path, findings: &mut Findings<'_>) {
    let here = std::env::current_dir().unwrap_or_default();
    let file = Path::new(config::APPLICATION_FILE);
    let root_of = |read: &PathBuf| Some(read.ends_with(file).then(|| here.join(read))?.parent()?.parent()?.to_owned());
    let mut roots: Vec<PathBuf> = layers.files.iter().filter_map(root_of).collect();
    let reads_here = roots.contains(&here);
    if !reads_here {
        roots.push(here.clone());
    }
    let shown = base.display();
    let is_lost = |root: &Path, place: &str| {
        !regular::may_be_there(&base.join(place)) && regular::may_be_there(&root.join(place))
    };
    for root in roots.iter().filter(|root| *root != base) {
        let (hooks, vars) = (root.join(keys::Top::HOOKS_DIR), root.join(keys::Env::VARS_DIR));
        let is_usual = hooks_dir == Path::new(keys::Top::HOOKS_DIR);
        if is_usual && is_lost(root, keys::Top::HOOKS_DIR) && files::any_in(&hooks) {
            let hooks = hooks.display();
            findings.warning(&format!(
                "the hooks in {hooks} are not run: hooks_dir starts at the working directory, {shown}; write hooks_dir = \
                 \"{hooks}\", or move them"
            ));
        }
        if config.env.vars_dir.is_none() && is_lost(root, keys::Env::VARS_DIR) {
            let vars = vars.display();
            findings.warning(&format!(
                "the variables in {vars} are not set: vars_dir starts at the working directory, {shown}; write vars_dir \
                 = \"{vars}\" into [env], or move them"
            ));
        }
    }
    let seeks_elsewhere = layers.missing.iter().any(|missing| missing.ends_with(file));
    if !reads_here && seeks_elsewhere && here != base && is_lost(&here, config::APPLICATION_FILE) {
        let file = here.join(file);
        let file = file.display();
        findings.warning(&format!(
            "{file} is not read: it is looked for in the working directory, {shown}; name it by APP_INIT_CONFIG, or move it"
        ));
    }
}

/// Which roles were looked at in form alone, since none was chosen.
pub fn tell_of_roles(others: &[String], chosen: Option<&str>, findings: &mut Findings<'_>) {
    if chosen.is_none() && !others.is_empty() {
        let each: Vec<String> = others.iter().map(|name| format!("app-init check {name}")).collect();
        findings.note(&format!("roles are checked one by one: {}", each.join(", ")));
    }
}
