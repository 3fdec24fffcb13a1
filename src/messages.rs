//! What app-init says, in one place: a message names the thing and the value, and what to do next.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;

use log::Level;
use nix::errno::Errno;

use crate::identity::Identity;
use crate::machine::{ChildId, Ending, HookRule, Note, OnFailure, Outcome, Signal, StartStep};
use crate::plan::{self, Plan, Planned};
use crate::sys::{bounds, credentials, mounts, processes};
use crate::text::duration;

/// A note as a line of the log.
#[must_use]
pub fn note(plan: &Plan, note: Note) -> (Level, String) {
    let label = |child: ChildId| plan.get(child).map_or("the hooks", |planned| planned.label.as_str());
    let phase = |child: ChildId| plan.get(child).map_or("deploy", |planned| planned.phase.as_str());
    match note {
        Note::HookFailed { child, ending, after } => {
            let how = how_it_ended(plan, child, ending);
            let after = match ending {
                Ending::NotStarted { .. } => String::new(),
                Ending::Exited(_) | Ending::Killed { .. } => format!(" after {}", duration::rounded(after)),
            };
            let then = if aborts(plan, child) { "; the server is not started" } else { "" };
            (Level::Error, format!("{} hook failed: {}: {how}{after}{then}", phase(child), label(child)))
        }
        Note::HookTimedOut { child, limit } => (
            Level::Error,
            format!("{} hook {} ran longer than {}, stopping it", phase(child), label(child), duration::show(limit)),
        ),
        Note::NothingToDo { question } => {
            (Level::Info, format!("{} hook: nothing to do, says {}", phase(question), label(question)))
        }
        Note::Retrying { child, ending, after, delay } => {
            let how = how_it_ended(plan, child, ending);
            let (after, delay) = (duration::rounded(after), duration::show(delay));
            let text = format!("{} hook failed: {}: {how} after {after}", phase(child), label(child));
            (Level::Warn, format!("{text}; it is tried again in {delay}"))
        }
        Note::GoingOnWithout { child } => {
            (Level::Error, format!("going on without {}, as on_failure = \"continue\" says", label(child)))
        }
        Note::PollerFailed { child, ending } => {
            let how = how_it_ended(plan, child, ending);
            let (level, then) = match policy(&plan.rules.post_deploy, child) {
                Some(OnFailure::Abort) => (Level::Error, "stopping, as on_failure = \"stop\" says"),
                Some(OnFailure::Continue) | None => (Level::Warn, "the server goes on"),
            };
            (level, format!("{} hook failed: {}: {how}; {then}", phase(child), label(child)))
        }
        Note::StopRequested { signal } => (Level::Info, format!("stop requested by {signal}")),
        Note::FinishingFirst { child } => {
            (Level::Info, format!("{} hook {} may finish first", phase(child), label(child)))
        }
        Note::Draining { delay } => (Level::Info, format!("draining for {}", duration::show(delay))),
        // Said with the end of app-init itself.
        Note::ServerEnded { ending } => (Level::Debug, format!("the server ended: {}", ending_in_words(ending))),
        Note::RunTimeExceeded { limit, signal } => {
            (Level::Info, format!("run time limit of {} reached, sending {signal}", duration::show(limit)))
        }
        Note::Slow { child } => (Level::Warn, format!("{} did not end in time, sending KILL", label(child))),
        Note::LeftoversKilled => (Level::Warn, leftovers(&processes::left_over())),
        Note::SignalDropped { signal } => (Level::Debug, format!("{signal} dropped: there is no server to send it to")),
    }
}

/// Who did not end in time, as far as `/proc` tells (§9.2): the first few by name.
fn leftovers(left: &[(i32, String)]) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = left.iter().take(NAMED).map(|(pid, name)| format!("{name} ({pid})")).collect();
    let more = left.len().saturating_sub(NAMED);
    let names = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("leftover processes did not end in time, sending KILL{names}{more}")
}

/// Whether this deploy command's failure ends the boot.
fn aborts(plan: &Plan, child: ChildId) -> bool {
    let rules = plan.keeper.as_ref().unwrap_or(&plan.rules);
    plan.announces && plan.rules.server.is_some() && policy(&rules.deploy, child) == Some(OnFailure::Abort)
}

fn policy(hooks: &[HookRule], child: ChildId) -> Option<OnFailure> {
    hooks.iter().find(|hook| hook.child == child).map(|hook| hook.on_failure)
}

/// The end in one line: phase, process and reason.
#[must_use]
pub fn end(plan: &Plan, outcome: Outcome) -> Option<(Level, String)> {
    let server = plan.rules.server.as_ref().and_then(|rule| plan.get(rule.child));
    let name = server.map_or("the server", |server| server.label.as_str());
    match outcome {
        Outcome::Server(ending @ Ending::NotStarted { .. }) => {
            let why = server.map_or_else(|| ending_in_words(ending), |server| why_not_started(server, ending));
            Some((Level::Error, why))
        }
        Outcome::Server(ending) => Some((Level::Info, format!("running: {name} ended: {}", ending_in_words(ending)))),
        Outcome::HookFailed { child, ending, timed_out } => {
            let (phase, label) = plan.get(child).map_or(("deploy", "the hooks"), |hook| (&hook.phase, &hook.label));
            let how = if timed_out { "it ran too long".to_owned() } else { how_it_ended(plan, child, ending) };
            let then = match plan.rules.server {
                Some(_) if phase == plan::POST_DEPLOY => "; the server was stopped",
                Some(_) => "; the server was not started",
                None => "",
            };
            // It was logged when it happened.
            Some((Level::Debug, format!("{phase}: {label} failed: {how}{then}")))
        }
        Outcome::Interrupted(signal) if plan.announces => {
            Some((Level::Info, format!("deploy: stopped by {signal} before the server was started")))
        }
        Outcome::Interrupted(signal) => Some((Level::Info, format!("stopped by {signal}"))),
        Outcome::TimedOut { killed } => {
            let how = if killed { "killed" } else { "ended" };
            Some((Level::Info, format!("running: {name} was {how} because its run time was over")))
        }
        // The helper says it itself; one hook that was asked for needs no comment.
        Outcome::HelperEnded(_) | Outcome::Completed => None,
    }
}

fn how_it_ended(plan: &Plan, child: ChildId, ending: Ending) -> String {
    match (plan.get(child), ending) {
        (Some(planned), Ending::NotStarted { .. }) => why_not_started(planned, ending),
        _ => ending_in_words(ending),
    }
}

fn ending_in_words(ending: Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exit {code}"),
        Ending::Killed { signal, core: true } => {
            format!("killed by signal {} ({signal}), core dumped", signal.number())
        }
        Ending::Killed { signal: Signal::KILL, .. } => "killed by signal 9 (KILL)".into(),
        Ending::Killed { signal, core: false } => format!("killed by signal {} ({signal})", signal.number()),
        Ending::NotStarted { step, errno } => format!("not started: {}", why_refused(step, errno)),
    }
}

/// A signal that could not be sent, though there is somebody.
#[must_use]
pub fn not_sent(plan: &Plan, child: ChildId, signal: Signal, errno: Errno) -> String {
    let name = plan.get(child).map_or("the hooks", |planned| planned.label.as_str());
    format!(
        "cannot send {signal} to {name}: kill is refused: {}; give app-init CAP_KILL, or allow kill in the seccomp profile",
        errno.desc()
    )
}

/// A child that is over and cannot be reaped.
#[must_use]
pub fn given_up(plan: &Plan, child: ChildId) -> String {
    let name = plan.get(child).map_or("the hooks", |planned| planned.label.as_str());
    format!("{name} cannot be reaped: somebody traces it, or it hangs in the kernel; going on without it")
}

/// Why a program could not be started, in words that say what to mend.
#[must_use]
pub fn why_not_started(planned: &Planned, ending: Ending) -> String {
    let Ending::NotStarted { step, errno } = ending else { return ending_in_words(ending) };
    let Some(program) = planned.program() else {
        return format!("cannot start {}: {}", planned.label, why_refused(step, errno));
    };
    let name = program.name();
    let errno = Errno::from_raw(errno);
    let reason = errno.desc();
    match step {
        StartStep::Directory => {
            let directory = program.directory.as_deref().unwrap_or_else(|| Path::new("."));
            let who = program.identity.as_ref().filter(|_| errno == Errno::EACCES);
            let advice = |who: &Rc<Identity>| {
                format!("; it runs as {}:{}: let that user enter, or name another directory", who.uid, who.gid)
            };
            let advice = who.map_or_else(String::new, advice);
            format!("cannot start {name}: cannot enter {}: {reason}{advice}", directory.display())
        }
        StartStep::Limit(place) => {
            let limit = bounds::RESOURCES.get(usize::from(place)).map_or("", |(limit, _)| limit);
            let now =
                bounds::current(place).map(|(soft, hard)| format!("; it is {}:{} here", number(soft), number(hard)));
            let now = now.unwrap_or_default();
            format!(
                "cannot start {name}: limits.{limit} is refused: {reason}{now}; lower it, or raise the container's own limit"
            )
        }
        StartStep::OomScore => {
            let advice = match errno {
                Errno::EACCES | Errno::EPERM => "; only root with CAP_SYS_RESOURCE may lower it",
                _ => "; /proc has to be writable for it",
            };
            format!("cannot start {name}: limits.oom_score_adj is refused: {reason}{advice}")
        }
        StartStep::NoNewPrivileges => format!("cannot start {name}: limits.no_new_privileges is refused: {reason}"),
        StartStep::Identity => {
            let who = |who: &Rc<Identity>| format!("{}:{}: {}", who.uid, who.gid, credentials::why_not(who, errno));
            let who = program.identity.as_ref().map_or_else(|| reason.to_owned(), who);
            format!("cannot start {name}: cannot become {who}")
        }
        StartStep::Trust => {
            format!("cannot start {name}: somebody else could have changed what it runs, as the line before says")
        }
        StartStep::Stdin if errno == Errno::ENOENT => {
            format!("cannot start {name}: cannot open /dev/null: {reason}; see that /dev has it")
        }
        StartStep::Stdin => format!("cannot start {name}: cannot redirect its standard input or output: {reason}"),
        StartStep::Exec => format!("cannot run {name}: {}", why_not_executed(planned, &name, errno)),
        step => format!("cannot start {name}: {}", why_refused(step, errno as i32)),
    }
}

/// What was refused, where that has nothing to do with the program.
fn why_refused(step: StartStep, errno: i32) -> String {
    let errno = Errno::from_raw(errno);
    let call = match step {
        StartStep::Fork => "a process (fork)",
        StartStep::Pipe => "a pipe (pipe2)",
        StartStep::SocketPair => "a pair of sockets (socketpair)",
        StartStep::Announcement => "a signal for news (fcntl)",
        StartStep::Mask => "its signal mask (rt_sigprocmask)",
        _ => return errno.desc().to_owned(),
    };
    format!("{call} is refused: {}; {}", errno.desc(), what_helps(errno))
}

/// What to do about a system call that was refused.
fn what_helps(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE => "raise the container's limits",
        _ => "allow it in the seccomp profile",
    }
}

/// A limit's number as people write it.
fn number(limit: u64) -> String {
    if limit == nix::sys::resource::RLIM_INFINITY { "unlimited".to_owned() } else { limit.to_string() }
}

fn why_not_executed(planned: &Planned, name: &str, errno: Errno) -> String {
    let directory = planned.looked_for_in.as_deref().unwrap_or_else(|| Path::new(""));
    let path = directory.join(name);
    let is_path = name.contains('/');
    match errno {
        Errno::ENOENT if name.is_empty() => "the name is empty".into(),
        Errno::ENOENT if plan::has_blanks(name.as_bytes()) => format!("not found; {}", plan::APART),
        Errno::ENOENT if !is_path => "not found in PATH; install it, or name its full path".into(),
        Errno::ENOENT => match plan::head(&path) {
            Some(head) => missing_interpreter(&head),
            None => "there is no such file".into(),
        },
        Errno::EACCES if is_path && path.is_dir() => "it is a directory".into(),
        Errno::EACCES => match mounts::without_execution(&path).filter(|_| is_path) {
            Some(mount) => {
                format!("{} is mounted noexec; mount it without that, or put the file elsewhere", mount.display())
            }
            None if is_path && path.metadata().is_ok_and(|metadata| metadata.mode() & 0o111 != 0) => {
                "it, or what its #! line names, may not be executed by this user; app-init check says which".into()
            }
            None => format!("it may not be executed; run chmod +x {name}, and look at the mount options"),
        },
        Errno::E2BIG => {
            "its arguments or its environment are longer than the kernel takes (128 KiB for one of them); shorten them"
                .into()
        }
        Errno::ENOEXEC => "it is no program for this machine".into(),
        Errno::EPERM | Errno::ENOSYS => {
            format!("execve is refused: {}; {}", errno.desc(), what_helps(errno))
        }
        other => other.desc().into(),
    }
}

/// The file is there, so what is missing is what it asks for.
fn missing_interpreter(head: &[u8]) -> String {
    let first = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let Some(line) = first.strip_prefix(b"#!") else {
        return "the file is there, but its dynamic loader is not; use a program that was built for this image".into();
    };
    let line = String::from_utf8_lossy(line);
    if let Some(line) = line.strip_suffix('\r') {
        return format!(
            "its #! line ends in a carriage return (CRLF), so {} is looked for with one; run dos2unix on it",
            line.trim()
        );
    }
    let interpreter = line.split_whitespace().next().unwrap_or_default();
    format!("its interpreter {interpreter} is not there; install it, or change the #! line")
}
