//! Who the application runs as, and from whom root is protected, by everything that says so.

use super::Purpose;
use super::boot::Boot;
use super::findings::Findings;
use super::settings::Variables;
use super::users::Users;
use crate::cli::Options;
use crate::config::{Config, Layers};
use crate::sys::{credentials, standing};

/// Who the application runs as, and from whom root is protected. A shell opens with faults of every kind, but not as
/// somebody else.
pub fn decide(
    purpose: Purpose<'_>,
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    boot: Option<&Boot>,
    layers: &Layers,
    findings: &mut Findings<'_>,
) -> Users {
    let mut users = Users::new(&config.top);
    if layers.is_incomplete() || findings.has_fault("APP_INIT_ROLE") {
        findings.doubt_identity();
    }
    let option = options.user.clone().map(|spec| ("--user", spec));
    let variable = || variables.text("USER").map(|spec| ("APP_INIT_USER", spec));
    let configured = || config.top.user.clone().map(|spec| ("user", spec));
    match option.or_else(variable).or_else(configured) {
        Some((key, spec)) => {
            if let Err(fault) = users.set_main(key, &spec, findings) {
                findings.put(key, fault);
            }
        }
        None if findings.has_fault("user") => findings.doubt_identity(),
        None if matches!(purpose, Purpose::Run | Purpose::Check) => warn_of_user_elsewhere(config, &users, findings),
        None => {}
    }
    if let Some(gid) = config.top.require_gid {
        let own = nix::unistd::getegid().as_raw();
        let groups = nix::unistd::getgroups().unwrap_or_default();
        if own != gid && !groups.iter().any(|group| group.as_raw() == gid) {
            findings.refusal(
                "require_gid",
                format!("app-init runs with gid {own} and not {gid}; start the container with --user UID:{gid}"),
            );
        }
    }
    let (of_hooks, others): (Vec<_>, Vec<_>) = layers.replaced_users.iter().partition(|user| user.is_of_hook);
    let mut replaced: Vec<String> = others.into_iter().map(|user| user.spec.clone()).collect();
    let beside = !matches!(purpose, Purpose::Run | Purpose::Check) || purpose == Purpose::Run && boot.is_some();
    if beside {
        // The application runs beside this, whoever this is to run as.
        replaced.extend(config.top.user.clone().into_iter().chain(variables.text("USER")));
        replaced.extend(boot.into_iter().flat_map(|boot| boot.users.iter().cloned()));
    }
    // A file may have become somebody's since the boot read it, and say now that there is no such user.
    let running = if beside && credentials::is_root() { standing::others_than_root() } else { Vec::new() };
    let running: Vec<String> = running.into_iter().map(|(uid, gid)| format!("{uid}:{gid}")).collect();
    // In which role it runs is not known.
    let of_roles = config.other_users.iter().map(|(_, user)| user).filter(|_| beside);
    let own = config
        .hooks
        .values()
        .flat_map(|(hook, runs)| hook.user.iter().chain(runs.iter().filter_map(|run| run.user.as_ref())));
    users.protect(&replaced, own.chain(of_hooks.into_iter().map(|user| &user.spec)).chain(of_roles).chain(&running));
    users
}

/// Warns where only other roles have a user: a key at the end of the file belongs to the table before it.
fn warn_of_user_elsewhere(config: &Config, users: &Users, findings: &mut Findings<'_>) {
    let others = config.other_users.iter().filter(|(_, user)| credentials::is_root() && users.uid_of(user) != Some(0));
    let roles: Vec<String> = others.map(|(role, _)| format!("[{role}]")).collect();
    if !roles.is_empty() && !findings.has_fault("user") {
        findings.warning(&format!(
            "user is set in {} only, and this runs as root; write it above the first table, or user = \"root\" there",
            roles.join(", ")
        ));
    }
}
