//! Hooks that are for no phase: run by their names, or misspelt.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::Hooks;
use super::files::{any_in, is_executable, is_left_behind, names_in};
use crate::config::keys;
use crate::plan::findings::Findings;
use crate::plan::surroundings::Surroundings;
use crate::plan::{DEPLOY, PHASES, START};
use crate::sys::regular;
use crate::text::near;

/// Tells of hooks that are for no phase. They may have any name (`app-init hook NAME`), so that one that is misspelt
/// would never run, without a word: that is a warning.
pub fn tell_of_others(all: &Hooks, around: &Surroundings<'_>, findings: &mut Findings<'_>) {
    if all.get(START).is_some() {
        findings.warning(
            "hooks.start has no effect: the start hook is a file; what is to be said of it goes into [server]",
        );
    }
    let by_name = |name: &str, what: &str| format!("{what} runs only by app-init hook {name}");
    for name in all.keys().filter(|name| !PHASES.contains(&name.as_str())) {
        match meant_phase(name) {
            Some(phase) => {
                findings.warning(&format!("hooks.{name} belongs to no phase and never runs; write hooks.{phase}"));
            }
            None => findings.note(&by_name(name, &format!("hooks.{name}"))),
        }
    }
    let directory = around.workdir.join(around.directory);
    tell_of_other_places(&directory, around, findings);
    // That it cannot be listed is said where its hooks are looked for.
    for name in names_in(&directory).iter().flatten().filter_map(|name| name.to_str()) {
        let (stem, end) = name.strip_suffix(".d").map_or((name, ""), |stem| (stem, ".d"));
        let path = directory.join(name);
        if let Some(phase) = name.strip_suffix(".D").filter(|phase| PHASES.contains(phase) && path.is_dir()) {
            let shown = around.directory.join(name);
            findings.warning(&format!("{} holds no hooks by its name; name it {phase}.d", shown.display()));
        }
        let runs = fs::metadata(&path).is_ok_and(|it| it.is_dir() != end.is_empty() && is_executable(&it));
        if !runs || PHASES.contains(&stem) || is_left_behind(OsStr::new(name)) {
            continue;
        }
        let shown = around.directory.join(name);
        let what = format!("hook {}", shown.display());
        let meant = meant_phase(stem).map(|phase| format!("{phase}{end}"));
        match meant.filter(|meant| !directory.join(meant).exists()) {
            Some(meant) => {
                findings.warning(&format!("{what} belongs to no phase and never runs; name it {meant}"));
            }
            // Beside a phase's hook it may be the script that the hook runs.
            None => findings.note(&by_name(stem, &what)),
        }
    }
}

/// Tells of a directory beside that of the hooks which is nearly called so, where that is not there.
fn tell_of_other_places(directory: &Path, around: &Surroundings<'_>, findings: &mut Findings<'_>) {
    let Some(place) = around.directory.parent() else { return };
    if around.directory != Path::new(keys::Top::HOOKS_DIR) || regular::may_be_there(directory) {
        return;
    }
    let is_near = |name: &str| {
        let letters = name.to_ascii_lowercase().replace(['-', '_'], "");
        letters == "hooks" || near::is_within(1, &letters, "actionhooks")
    };
    for name in names_in(&around.workdir.join(place)).iter().flatten().filter_map(|name| name.to_str()) {
        let near = place.join(name);
        if is_near(name) && any_in(&around.workdir.join(&near)) {
            let (near, meant) = (near.display(), around.directory.display());
            findings.warning(&format!("nothing in {near} is run: hooks are in {meant}; name it so, or set hooks_dir"));
        }
    }
}

/// The phase that a name is like but for case, `_`, `-`, a script's extension and a slip of one letter.
fn meant_phase(name: &str) -> Option<&'static str> {
    const EXTENSIONS: [&str; 7] = ["sh", "bash", "py", "rb", "pl", "php", "js"];
    let plain = name.to_ascii_lowercase();
    let stem = plain.rsplit_once('.').filter(|(_, extension)| EXTENSIONS.contains(extension));
    let letters = |name: &str| name.replace(['-', '_'], "");
    let stem = letters(stem.map_or(plain.as_str(), |(stem, _)| stem));
    if stem == "predeploy" {
        return Some(DEPLOY);
    }
    // No finger slips on a number: `deploy2` is another.
    let slips = usize::from(!stem.bytes().any(|byte| byte.is_ascii_digit()));
    PHASES.into_iter().find(|&phase| name != phase && near::is_within(slips, &stem, &letters(phase)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_habit_only_are_meant_for_the_phase() {
        for (name, phase) in [
            ("post_deploy", Some("post-deploy")),
            ("Deploy", Some("deploy")),
            ("deploy.sh", Some("deploy")),
            ("ON_FAILURE.py", Some("on-failure")),
            ("deploy", None),
            ("deploy.disabled", None),
            ("deploy.sh.bak", None),
            ("predeploy", Some("deploy")),
            ("pre_deploy.sh", Some("deploy")),
            ("postdeploy", Some("post-deploy")),
            ("depoly", Some("deploy")),
            ("on-failur", Some("on-failure")),
            ("prestop", Some("pre-stop")),
            ("deploy-env", None),
            ("redeploy", None),
            ("deploy2", None),
            ("release", None),
            ("seed", None),
        ] {
            assert_eq!(meant_phase(name), phase, "{name}");
        }
    }
}
