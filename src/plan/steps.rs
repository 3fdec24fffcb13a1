//! What app-init does itself before the hooks: preparing files (§5) and waiting (§8). Both may block, so each is one of its
//! own processes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::environment::Environment;
use super::surroundings::Surroundings;
use super::{Findings, command, settings};
use crate::config::expand::{self, Lookup};
use crate::config::values::{FileMode, Named};
use crate::config::{Config, keys};
use crate::identity::Identity;
use crate::identity::trust::{Boundary, Given};
use crate::prepare::{Owner, Preparation, Step};
use crate::sys::credentials;
use crate::sys::exec::{self, Program, Stdin};
use crate::wait::{Target, Wait};

/// The waits whose conditions hold, each with where it was named.
pub fn waits(configured: &[keys::Wait], around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Vec<(String, Wait)> {
    let mut waits = Vec::new();
    for (place, wait) in configured.iter().enumerate() {
        let key = format!("wait[{place}]");
        if !around.for_rights_of(around.users.main().as_deref()).is_on(&key, &wait.when, findings) {
            continue;
        }
        let target = match (&wait.target, wait.command.is_empty()) {
            (Some(target), true) => target_of(target, &format!("{key}.target"), around.environment, findings),
            (None, false) => {
                let command = command::words(&wait.command, &format!("{key}.command"), around.environment, findings);
                command.map(|command| {
                    command.refuse_where_above(around.users, around.users.main().as_deref(), findings);
                    Target::Command(question(command.argv, around))
                })
            }
            (Some(_), false) | (None, true) => {
                findings.fault(&key, "needs one of target and command; write target = \"tcp://db:5432\"");
                None
            }
        };
        let mut span =
            |name: &str, span| settings::resolve(&format!("{key}.{name}"), span, around.environment, findings);
        let timeout = span("timeout", wait.timeout.as_ref()).unwrap_or(keys::Wait::TIMEOUT);
        let interval = span("interval", wait.interval.as_ref()).unwrap_or(keys::Wait::INTERVAL);
        let wait = target.map(|target| Wait {
            target,
            identity: looks_as(wait.target.as_deref().unwrap_or_default(), around),
            timeout: (!timeout.is_zero()).then_some(timeout),
            interval,
            on_timeout: wait.on_timeout.map_or(keys::Wait::ON_TIMEOUT, |Named(policy)| policy),
        });
        waits.extend(wait.map(|wait| (key, wait)));
    }
    waits
}

/// With whose rights a target is looked for: those of a user who could have chosen it, where that is not who looks.
fn looks_as(target: &str, around: &Surroundings<'_>) -> Option<Rc<Identity>> {
    let main = around.users.main();
    let user = around.users.boundaries().first().filter(|_| around.users.is_above(main.as_deref()));
    let user = user.filter(|_| around.environment.by_user(expand::names(target)).is_some());
    user.map(|user| Rc::clone(&user.identity)).or(main)
}

fn target_of(text: &str, key: &str, environment: &Environment, findings: &mut Findings<'_>) -> Option<Target> {
    let expanded = match expand::expand(text, environment) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(faults) => {
            findings.unexpanded(key, faults);
            return None;
        }
    };
    match Target::parse(&expanded) {
        Ok(target) => return Some(target),
        Err(_) if let Some(name) = expand::bare_name(text) => {
            findings.fault(key, format!("${name} is not expanded; write ${{{name}}}"));
        }
        Err(fault) if text.contains("${") => findings.unset(key, fault),
        Err(fault) => findings.fault(key, fault),
    }
    None
}

fn question(argv: Vec<std::ffi::CString>, around: &Surroundings<'_>) -> Program {
    let identity = around.users.main();
    let strings = around.strings.of(identity.as_deref(), around.users);
    Program {
        directory: Some(around.workdir.to_owned()),
        umask: around.umask,
        identity,
        bounds: around.bounds.clone(),
        stdin: Stdin::Null,
        keeps: exec::Keeps::None,
        ..Program::new(argv, exec::Environment::Computed(strings))
    }
}

/// The preparations whose conditions hold, and the entry of an arbitrary uid where that is asked for.
pub fn preparations(
    configured: &[keys::Prepare],
    passwd_entry: bool,
    around: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Preparation> {
    let mut all = Vec::new();
    if passwd_entry {
        let main = around.users.main();
        let (uid, gid) = main.as_deref().map_or_else(
            || (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
            |identity| (identity.uid, identity.gid),
        );
        let home = around.environment.get("HOME").unwrap_or_default();
        let step = Step::PasswdEntry { uid, gid, home };
        all.push(Preparation { step, required: false, label: "passwd_entry".into() });
    }
    for (place, preparation) in configured.iter().enumerate() {
        let label = format!("prepare[{place}]");
        if !around.for_rights_of(None).is_on(&label, &preparation.when, findings) {
            continue;
        }
        if let Some(step) = step(preparation, &label, around, findings) {
            all.push(Preparation { step, required: preparation.required, label });
        }
    }
    all
}

fn step(from: &keys::Prepare, key: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<Step> {
    let kinds = [from.dir.is_some(), !from.remove.is_empty(), from.copy.is_some()];
    if kinds.iter().filter(|given| **given).count() != 1 {
        findings.fault(key, "needs one of dir, remove and copy; write dir = \"/data\"");
        return None;
    }
    let misplaced = [
        ("mode", from.mode.is_some() && from.dir.is_none()),
        ("recursive", from.recursive.is_some() && (from.dir.is_none() || from.owner.is_none())),
        ("owner", from.owner.is_some() && !from.remove.is_empty()),
        ("to", from.to.is_some() != from.copy.is_some()),
        ("overwrite", from.overwrite.is_some() && from.copy.is_none()),
    ];
    for (name, _) in misplaced.into_iter().filter(|(_, misplaced)| *misplaced) {
        findings.fault(
            &format!("{key}.{name}"),
            match name {
                "mode" => "belongs to dir; remove it",
                "recursive" => "belongs to dir with an owner; remove it",
                "owner" => "belongs to dir or copy; remove it",
                "to" => "belongs together with copy; write both",
                _ => "belongs to copy; remove it",
            },
        );
    }
    // Each is read before one that is wrong ends this, so that all faults are told.
    let owner =
        from.owner.as_ref().and_then(|spec| owner(spec, &format!("{key}.owner"), from.required, around, findings));
    let mut path = |name: &str, text: &str| {
        let may_look_like_pattern = matches!(name, "copy" | "to");
        path(text, &format!("{key}.{name}"), may_look_like_pattern, around, findings)
    };
    let directory = from.dir.as_ref().map(|text| path("dir", text));
    let copy = from.copy.as_ref().map(|text| path("copy", text));
    let to = from.to.as_ref().map(|text| path("to", text));
    let removed: Vec<Option<PathBuf>> =
        from.remove.iter().enumerate().map(|(place, text)| path(&format!("remove[{place}]"), text)).collect();
    if let (Some(Some(copied)), Some(Some(to))) = (&copy, &to)
        && is_within(to, copied)
    {
        let (copied, to) = (copied.display(), to.display());
        findings.fault(&format!("{key}.to"), format!("cannot copy {copied} into itself, to {to}; name another place"));
        return None;
    }
    match (directory, copy, to) {
        (Some(path), _, _) => Some(Step::Directory {
            path: path?,
            owner,
            mode: from.mode.map(|FileMode(mode)| mode),
            recursive: from.recursive.map_or(keys::Prepare::RECURSIVE, |Named(recursive)| recursive),
        }),
        (None, Some(from_path), Some(to)) => Some(Step::Copy {
            from: from_path?,
            to: to?,
            overwrite: from.overwrite.unwrap_or(keys::Prepare::OVERWRITE),
            owner,
        }),
        // Misplaced, which was told.
        (None, Some(_), None) => None,
        (None, None, _) => removed.into_iter().collect::<Option<_>>().map(|paths| Step::Remove { paths }),
    }
}

/// A path, with its variables, in the working directory where it is relative. What looks like a pattern is hardly ever a
/// name, and as one it would be made, or be missing, without a word.
fn path(
    text: &str,
    key: &str,
    may_look_like_pattern: bool,
    around: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    if let Some(why) = command::by_user(text, around.environment) {
        findings.refusal(key, command::refusal(&why, None));
    }
    let home = text == "~" || text.starts_with("~/");
    if let Some(sign) = expand::looks_like_variable(text).or(home.then_some("`~`")) {
        let instead = if home { "${HOME}" } else { "${NAME}" };
        findings.fault(key, format!("{sign} is not expanded; write {instead}"));
        return None;
    }
    match expand::expand(text, around.environment) {
        Ok(bytes) if bytes.is_empty() || bytes.contains(&0) => {
            findings.fault(key, "is empty; name a path");
            None
        }
        Ok(bytes) if !may_look_like_pattern && bytes.iter().any(|byte| b"*?[".contains(byte)) => {
            let pattern = String::from_utf8_lossy(&bytes);
            findings.fault(
                key,
                format!("`{pattern}` is a pattern, and paths here are exact; name each path, or do it in a hook"),
            );
            None
        }
        Ok(bytes) => {
            let path = around.workdir.join(Path::new(&OsString::from_vec(bytes)));
            if path.file_name().is_none() {
                findings.fault(key, format!("{} ends in no name; write its plain path", path.display()));
                return None;
            }
            Some(path)
        }
        Err(faults) => {
            // It is needed before the deploy-env hook could say more.
            for fault in faults {
                findings.fault(key, fault.what());
            }
            None
        }
    }
}

/// Whether a path lies below another, as they are written. Where one goes back (`..`) a link may have led elsewhere.
fn is_within(path: &Path, above: &Path) -> bool {
    let goes_back = |path: &Path| path.components().any(|part| part == Component::ParentDir);
    path != above && path.starts_with(above) && !goes_back(path)
}

/// What is given to `user`, or opened for it, and what is copied: whose that is by the time that anything else runs. What
/// was given at another start shows; what was copied then is root's, and looks like it.
pub fn given_to(user: &Boundary, config: &Config, around: &Surroundings<'_>) -> Vec<Given> {
    let path = |text: &String| {
        let path = OsString::from_vec(expand::expand(text, around.environment).ok()?);
        Some(around.workdir.join(path))
    };
    let given = |from: &keys::Prepare, is_due: bool| {
        let place = path(from.dir.as_ref().or(from.to.as_ref())?)?;
        let owner = from.owner.as_ref().and_then(|spec| around.users.owner(spec).ok());
        let now = || std::fs::metadata(&place).map_or_else(|_| nix::unistd::getegid().as_raw(), |it| it.gid());
        let group = owner.and_then(|(_, gid)| gid).unwrap_or_else(now);
        let mode = from.mode.map_or(0, |FileMode(mode)| mode);
        let is_the_users = user.can_write(owner.map_or(0, |(uid, _)| uid), group, mode);
        let source = from.copy.as_ref().and_then(path).filter(|_| !is_the_users);
        (is_due && is_the_users || source.is_some()).then(|| Given::new(place, source))
    };
    let here = config.preparations.iter().map(|from| (from, around.for_rights_of(None).is_due(&from.when)));
    let elsewhere = config.other_preparations.iter().map(|from| (from, false));
    here.chain(elsewhere).filter_map(|(from, is_due)| given(from, is_due)).collect()
}

/// `None` where it is a fault, or without root, where nothing can be given to anybody, a warning.
fn owner(
    spec: &str,
    key: &str,
    required: bool,
    around: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Option<Owner> {
    match around.users.owner(spec) {
        Ok((uid, gid)) => return Some(Owner { uid, gid }),
        Err(fault) if !credentials::is_root() && !required => {
            findings.warning(&format!("{key}: {fault}; the owner stays as it is"));
        }
        Err(fault) => findings.fault(key, fault),
    }
    None
}
