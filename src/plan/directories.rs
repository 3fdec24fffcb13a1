//! Where the application is: the directory that relative paths start at, and its virtual environment.

use std::path::{Path, PathBuf};

use super::Purpose;
use super::findings::Findings;
use super::settings::{self, Variables};
use super::users::Users;
use crate::cli::Options;
use crate::config::Config;
use crate::identity::trust::{self, Boundary};
use crate::sys::{on_behalf, regular};

/// The directory that was asked for, if any was, and the one that relative paths start at.
pub fn directories(
    purpose: Purpose<'_>,
    options: &Options,
    config: &mut Config,
    variables: &Variables<'_>,
    users: &Users,
    findings: &mut Findings<'_>,
) -> (Option<PathBuf>, PathBuf) {
    let workdir = workdir(options, config, variables, users, findings);
    let base = workdir.clone().unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| "/".into()));
    // app-init itself is elsewhere by the time that it writes there.
    config.log.termination_file = config.log.termination_file.take().map(|file| base.join(file));
    if purpose != Purpose::Nested {
        settings::insist_on_hooks_dir(options, config, variables, &base, findings);
    }
    (workdir, base)
}

/// The directory that was asked for, absolute; `None`: the current one.
fn workdir(
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    users: &Users,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let option = options.workdir.clone().map(|path| ("--workdir", path));
    let variable = || variables.path("WORKDIR").map(|path| ("APP_INIT_WORKDIR", path));
    let configured = || config.top.workdir.clone().map(|path| ("workdir", path));
    let (key, wanted) = option.or_else(variable).or_else(configured)?;
    let full = std::env::current_dir().map_or_else(|_| wanted.clone(), |current| current.join(&wanted));
    // A link that a user could have placed may lead to where only root may look.
    let has_no_link = || std::fs::canonicalize(&full).is_ok_and(|real| real == full);
    let could_place = |user: &&Boundary| !has_no_link() && trust::could_be_put_by(&full, user, &[]).is_some();
    let looked = match users.boundaries().iter().find(could_place) {
        Some(user) => on_behalf::of(&user.identity, || look_at(&wanted).map(|()| None)),
        None => look_at(&wanted).map(|()| None),
    };
    match looked {
        Ok(_) => Some(full),
        Err(why) => {
            findings.fault(key, why);
            None
        }
    }
}

/// Whether it is a directory, or why not.
fn look_at(wanted: &Path) -> Result<(), String> {
    match std::fs::metadata(wanted) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory; name one", wanted.display())),
        Err(error) => {
            let is_absent = regular::is_absence(&error);
            let why = if is_absent { format!("{error}; make it, or name another") } else { regular::why_not(&error) };
            Err(format!("cannot enter {}: {why}", wanted.display()))
        }
    }
}

/// The virtual environment, if one is used.
pub fn virtualenv(config: &Config, base: &Path, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let directory = base.join(config.top.virtualenv.as_ref()?);
    if !directory.join("bin").is_dir() {
        let what =
            format!("{} has no bin directory; make it with python3 -m venv, or name another", directory.display());
        findings.fault("virtualenv", what);
    }
    Some(directory)
}
