//! `check`: the plan for people.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::{Findings, Plan, Planned};
use crate::config::duration;
use crate::logging::escape;
use crate::machine::{ChildId, HookRule, Leftovers, Mode, OnFailure, OnStop, SignalTarget};
use crate::sys::exec;

/// Reports programs that could not be executed. Hooks' files were looked at when they were found.
pub fn look_up_programs(programs: &[Planned], findings: &mut Findings<'_>) {
    for planned in programs {
        let program = &planned.program;
        let Some(name) = program.argv.first() else { continue };
        let name = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let directory = program.directory.as_deref().unwrap_or_else(|| Path::new(""));
        let runs = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
        let is_path = name.as_os_str().as_bytes().contains(&b'/');
        let found = if is_path {
            runs(&directory.join(name))
        } else {
            exec::search_path_of(&program.environment)
                .split(|&byte| byte == b':')
                .any(|entry| runs(&directory.join(Path::new(std::ffi::OsStr::from_bytes(entry)).join(name))))
        };
        if !found {
            let key = if planned.phase == "server" {
                "server.command".to_owned()
            } else {
                format!("hooks.{}", planned.phase)
            };
            let place = if is_path { "it is not there, or not executable" } else { "not found in PATH" };
            findings.fault(&key, format!("cannot run {}: {place}; install it, or name another", name.display()));
        }
    }
}

/// The plan, a line each.
#[must_use]
pub fn show(plan: &Plan) -> String {
    let mut text = String::from("app-init: the configuration is sound\n");
    if plan.origins.is_empty() {
        text.push_str("\nno configuration file\n");
    } else {
        text.push_str("\nkeys\n");
        for (key, origin) in &plan.origins {
            line(&mut text, &format!("{key}  ({origin})"));
        }
    }
    let keeper = plan.keeper.as_ref().unwrap_or(&plan.rules);
    hooks(&mut text, plan, "deploy", &keeper.deploy);
    server(&mut text, plan);
    hooks(&mut text, plan, "post-deploy, beside the server", &keeper.post_deploy);
    hooks(&mut text, plan, "pre-stop", &plan.rules.pre_stop);
    hooks(&mut text, plan, "post-stop", &plan.rules.post_stop);
    hooks(&mut text, plan, "on-failure", &keeper.on_failure);
    stop(&mut text, plan);
    for warning in &plan.warnings {
        let _ = writeln!(text, "\nwarning: {}", escape(warning));
    }
    text
}

fn line(text: &mut String, what: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "  {}", escape(what));
}

fn hooks(text: &mut String, plan: &Plan, title: &str, rules: &[HookRule]) {
    if rules.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for rule in rules {
        let mut details = Vec::new();
        details.extend(rule.timeout.map(|limit| format!("timeout {}", duration::show(limit))));
        if rule.on_failure == OnFailure::Continue && title == "deploy" {
            details.push("on_failure continue".into());
        }
        if rule.on_stop == OnStop::Finish {
            details.push("on_stop finish".into());
        }
        let label = label(plan, rule.child);
        line(text, &if details.is_empty() { label.to_owned() } else { format!("{label}  ({})", details.join(", ")) });
    }
}

fn label(plan: &Plan, child: ChildId) -> &str {
    plan.get(child).map_or("", |planned| planned.label.as_str())
}

fn server(text: &mut String, plan: &Plan) {
    text.push_str("\nserver\n");
    let Some(rule) = &plan.rules.server else {
        line(text, "the arguments that the container is started with");
        return;
    };
    if let Some(planned) = plan.get(rule.child) {
        let words: Vec<_> = planned.program.argv.iter().map(|word| word.to_string_lossy()).collect();
        line(text, &words.join(" "));
        if let Some(directory) = &planned.program.directory {
            line(text, &format!("in {}", directory.display()));
        }
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

fn stop(text: &mut String, plan: &Plan) {
    let Some(rule) = plan.rules.server.as_ref().filter(|_| plan.rules.mode == Mode::Supervise) else { return };
    let stop = &plan.rules.stop;
    text.push_str("\nstop\n");
    let signals: Vec<String> = stop.signals.iter().map(ToString::to_string).collect();
    line(text, &format!("on {}", signals.join(", ")));
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
        Leftovers::Ignore => "left alone".to_owned(),
        Leftovers::DrainWithinGrace => "within the grace".to_owned(),
    };
    line(text, &format!("leftovers {leftovers}"));
    if let Some(budget) = stop.budget {
        line(text, &format!("budget {}", duration::show(budget)));
    }
}
