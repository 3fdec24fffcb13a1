//! `check`: the plan for people.

use std::ffi::CString;
use std::fmt::Write as _;

use super::{Job, Plan, Planned, users};
use crate::config::expand::is_name;
use crate::config::keys::Stop;
use crate::config::literal;
use crate::machine::{HookRule, Leftovers, Mode, OnFailure, OnStop, SignalTarget};
use crate::prepare::{Owner, Preparation, Recursive, Step};
use crate::secrets::{self, Secrets};
use crate::sys::bounds::RESOURCES;
use crate::sys::exec::Program;
use crate::text::{cut, duration, escape, json};
use crate::wait::{OnTimeout, Wait};

/// The environment for `app-init env`: lines that a shell can `eval` and an env file may hold, or JSON. Secrets are hidden
/// unless they are to be revealed. What no shell could set is a comment for it.
#[must_use]
pub fn environment(plan: &Plan, as_json: bool, reveal: bool) -> Vec<u8> {
    let nothing = Secrets::default();
    let secrets = if reveal { &nothing } else { &plan.secrets };
    let pair = |string: &CString| {
        let (name, value) = cut(string.to_bytes(), b'=');
        Some((String::from_utf8_lossy(name).into_owned(), secrets.mask(value?)))
    };
    let pairs = plan.environment.iter().filter_map(pair);
    let mut text = Vec::new();
    if as_json {
        let line = |(name, value): (String, Vec<u8>)| {
            format!("  \"{}\": \"{}\"", json(&name), json(&String::from_utf8_lossy(&value)))
        };
        let lines: Vec<String> = pairs.map(line).collect();
        text.extend_from_slice(format!("{{\n{}\n}}\n", lines.join(",\n")).as_bytes());
        return text;
    }
    for (name, value) in pairs {
        let line = literal::shell_line(&name, &value);
        if is_name(&name) {
            text.extend(line);
        } else {
            // All of its lines: the others would be commands.
            let lines: Vec<&[u8]> = line.split(|&byte| byte == b'\n').collect();
            text.extend_from_slice(b"# ");
            text.extend(lines.join(&b"\n# "[..]));
        }
        text.push(b'\n');
    }
    text
}

/// The plan, a line each.
#[must_use]
pub fn show(plan: &Plan) -> String {
    let mut text = String::from("app-init: the configuration is sound\n");
    if !plan.origins.is_empty() {
        text.push_str("\nkeys\n");
        for (key, origin) in &plan.origins {
            line(&mut text, &format!("{key}  ({origin})"));
        }
    }
    let keeper = plan.keeper.as_ref().unwrap_or(&plan.rules);
    phases(&mut text, plan, &keeper.deploy);
    server(&mut text, plan);
    phases(&mut text, plan, &keeper.post_deploy);
    phases(&mut text, plan, &plan.rules.pre_stop);
    phases(&mut text, plan, &plan.rules.post_stop);
    phases(&mut text, plan, &keeper.on_failure);
    stop(&mut text, plan);
    for note in &plan.notes {
        let _ = writeln!(text, "\nnote: {}", escape(note));
    }
    for warning in &plan.warnings {
        let _ = writeln!(text, "\nwarning: {}", escape(warning));
    }
    text
}

fn line(text: &mut String, what: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "  {}", escape(&secrets::hidden(what.to_owned())));
}

/// The commands of a list, under the name of the phase that each belongs to.
fn phases(text: &mut String, plan: &Plan, rules: &[HookRule]) {
    let mut phase = "";
    for rule in rules {
        let Some(planned) = plan.get(rule.child) else { continue };
        if planned.phase != phase {
            phase = &planned.phase;
            let beside = if phase == super::POST_DEPLOY { ", beside the server" } else { "" };
            let _ = writeln!(text, "\n{phase}{beside}");
        }
        match &planned.job {
            Job::Program(program) => command(text, planned, program, rule),
            Job::Prepare(all) => all.iter().for_each(|one| preparation(text, one)),
            Job::Wait { waits, .. } => waits.iter().for_each(|one| wait(text, one)),
        }
    }
}

fn command(text: &mut String, planned: &Planned, program: &Program, rule: &HookRule) {
    let mut details = Vec::new();
    if rule.skips.is_some() {
        details.push("exit 0 skips what follows".to_owned());
    }
    let stop_timeout = duration::show(rule.stop_timeout);
    let limit = |limit| format!("timeout {}, stop_timeout {stop_timeout}", duration::show(limit));
    details.push(rule.timeout.map_or("no timeout".to_owned(), limit));
    if let Some(retry) = &rule.retry {
        let [backoff, most] = [retry.backoff, retry.max_backoff].map(duration::show);
        details.push(format!("retry {}, backoff {backoff}, max_backoff {most}", retry.max));
    }
    if rule.on_failure == OnFailure::Continue && [super::DEPLOY, super::DEPLOY_ENV].contains(&&*planned.phase) {
        details.push("on_failure continue".into());
    }
    if rule.on_failure == OnFailure::Abort && planned.phase == super::POST_DEPLOY {
        details.push("on_failure stop".into());
    }
    if rule.on_stop == OnStop::Finish {
        details.push("on_stop finish".into());
    }
    details.push(users::described(program.identity.as_deref()));
    line(text, &format!("{}  ({})", planned.label, details.join(", ")));
}

fn preparation(text: &mut String, preparation: &Preparation) {
    let needed = if preparation.required { "  (required)" } else { "" };
    line(text, &format!("{}{needed}", step(&preparation.step)));
}

fn step(step: &Step) -> String {
    let owned = |owner: &Option<Owner>| match owner {
        Some(Owner { uid, gid: Some(gid) }) => format!(", owner {uid}:{gid}"),
        Some(Owner { uid, gid: None }) => format!(", owner {uid}"),
        None => String::new(),
    };
    match step {
        Step::Directory { path, owner, mode, recursive } => {
            let mode = mode.map_or_else(String::new, |mode| format!(", mode {mode:04o}"));
            let below = match (owner, recursive) {
                (None, _) | (_, Recursive::Never) => "",
                (_, Recursive::IfTopDiffers) => ", with its content if it differs",
                (_, Recursive::Always) => ", with its content",
            };
            format!("directory {}{}{mode}{below}", path.display(), owned(owner))
        }
        Step::Remove { paths } => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            format!("remove {}", paths.join(", "))
        }
        Step::Copy { from, to, overwrite, owner } => {
            let over = if *overwrite { ", overwriting" } else { "" };
            format!("copy {} to {}{}{over}", from.display(), to.display(), owned(owner))
        }
        Step::PasswdEntry { uid, gid, .. } => format!("an entry in /etc/passwd for {uid}:{gid}"),
    }
}

fn wait(text: &mut String, wait: &Wait) {
    let limit = wait.timeout.map_or("for ever".to_owned(), |limit| format!("up to {}", duration::show(limit)));
    let policy = if wait.on_timeout == OnTimeout::Continue { ", on_timeout continue" } else { "" };
    line(text, &format!("{}  ({limit}, interval {}{policy})", wait.target, duration::show(wait.interval)));
}

fn server(text: &mut String, plan: &Plan) {
    text.push_str("\nserver\n");
    let Some(rule) = &plan.rules.server else {
        line(text, "the arguments that the container is started with");
        line(text, &users::described(plan.user.as_deref()));
        return;
    };
    if let Some(program) = plan.get(rule.child).and_then(Planned::program) {
        let words: Vec<_> = program.argv.iter().map(|word| word.to_string_lossy()).collect();
        line(text, &plan.secrets.mask_text(&words.join(" ")));
        if let Some(directory) = &program.directory {
            line(text, &format!("in {}", directory.display()));
        }
        line(text, &users::described(program.identity.as_deref()));
        limits(text, program);
    }
    line(text, if plan.rules.mode == Mode::Exec { "mode exec" } else { "mode supervise" });
    let target = match rule.target {
        SignalTarget::Auto => "auto",
        SignalTarget::Process => "process",
        SignalTarget::Group => "group",
    };
    line(text, &format!("signal_target {target}"));
    if let Some(limit) = rule.run_limit {
        line(text, &format!("run_timeout {}, then {}", duration::show(limit.timeout), limit.signal));
    }
}

fn limits(text: &mut String, program: &Program) {
    let Some(bounds) = &program.bounds else { return };
    let number = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    for limit in &bounds.limits {
        let name = RESOURCES.get(usize::from(limit.resource)).map_or("", |(name, _)| name);
        line(text, &format!("{name} {}:{}", number(limit.soft), number(limit.hard)));
    }
    if bounds.no_new_privileges {
        line(text, "no new privileges");
    }
    if let Some(score) = bounds.oom_score_adj {
        line(text, &format!("oom_score_adj {score}"));
    }
}

fn stop(text: &mut String, plan: &Plan) {
    let Some(rule) = plan.rules.server.as_ref().filter(|_| plan.rules.mode == Mode::Supervise) else { return };
    let stop = &plan.rules.stop;
    text.push_str("\nstop\n");
    let signals: Vec<String> = stop.signals.iter().map(ToString::to_string).collect();
    line(text, &format!("on {}", signals.join(", ")));
    if let Some(limit) = stop.timeout {
        line(text, &format!("hooks: KILL after {}", duration::show(limit)));
    }
    if !stop.drain.is_zero() {
        line(text, &format!("drain {}", duration::show(stop.drain)));
    }
    let own = rule.stop_signal.map_or("TERM, or INT if that asked".to_owned(), |signal| signal.to_string());
    let limit = rule.stop_timeout.map_or("no KILL: the platform's grace decides".to_owned(), |limit| {
        format!("KILL after {}", duration::show(limit))
    });
    line(text, &format!("server: {own}; {limit}"));
    let leftovers = match stop.leftovers {
        Leftovers::Drain(limit) => duration::show(limit),
        // A Dockerfile's check is not PID 1, and its container's is.
        Leftovers::Ignore if plan.origins.iter().all(|(key, _)| key != "stop.leftovers") => {
            format!("left alone; {} as PID 1", duration::show(Stop::LEFTOVERS))
        }
        Leftovers::Ignore => "left alone".to_owned(),
        Leftovers::DrainWithinGrace => "within the grace".to_owned(),
    };
    line(text, &format!("leftovers {leftovers}"));
    if let Some(budget) = stop.budget {
        line(text, &format!("budget {}", duration::show(budget)));
    }
}
