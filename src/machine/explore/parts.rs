//! What plans are made of: who there is, and rules that differ from these in what a plan is about.

use std::time::Duration;

use super::*;

pub const SERVER: ChildId = ChildId(0);
pub const DEPLOY: ChildId = ChildId(1);
pub const SECOND_DEPLOY: ChildId = ChildId(2);
pub const POST_DEPLOY: ChildId = ChildId(3);
pub const PRE_STOP: ChildId = ChildId(4);
pub const POST_STOP: ChildId = ChildId(5);
pub const ALERT: ChildId = ChildId(6);
pub const QUESTION: ChildId = ChildId(7);
pub const HELPER: ChildId = ChildId(8);
pub const THIRD_DEPLOY: ChildId = ChildId(9);
pub const SECOND_ALERT: ChildId = ChildId(10);

pub fn hook(child: ChildId) -> HookRule {
    HookRule {
        child,
        timeout: None,
        stop_timeout: Duration::from_secs(10),
        own_stop_timeout: None,
        // The server goes on without its poller, unless a plan says otherwise.
        on_failure: if child == POST_DEPLOY { OnFailure::Continue } else { OnFailure::Abort },
        on_stop: OnStop::Stop,
        skips: None,
        retry: None,
        helper: false,
    }
}

pub fn retried(child: ChildId) -> HookRule {
    let (backoff, max_backoff) = (A_SECOND, Duration::from_secs(30));
    HookRule { retry: Some(Retry { max: 1, backoff, max_backoff, on_codes: Vec::new() }), ..hook(child) }
}

pub fn retried_after(child: ChildId, code: u8) -> HookRule {
    let rule = retried(child);
    HookRule { retry: rule.retry.map(|retry| Retry { on_codes: vec![code], ..retry }), ..hook(child) }
}

pub fn helper(child: ChildId) -> HookRule {
    HookRule { helper: true, ..hook(child) }
}

pub fn timed(child: ChildId) -> HookRule {
    HookRule { timeout: Some(Duration::from_secs(600)), ..hook(child) }
}

/// One that says itself how long it has after a stop request.
pub fn hurried(child: ChildId) -> HookRule {
    HookRule { stop_timeout: A_SECOND, own_stop_timeout: Some(A_SECOND), ..timed(child) }
}

pub fn rules(mode: Mode) -> Rules {
    Rules {
        mode,
        deploy: Vec::new(),
        post_deploy: Vec::new(),
        pre_stop: Vec::new(),
        post_stop: Vec::new(),
        on_failure: Vec::new(),
        server: Some(ServerRule {
            child: SERVER,
            stop_signal: None,
            stop_timeout: None,
            target: SignalTarget::Auto,
            rewrite: Vec::new(),
            run_limit: None,
        }),
        stop: StopRules {
            signals: vec![Signal::TERM, Signal::INT],
            timeout: None,
            drain: Duration::ZERO,
            budget: None,
            leftovers: Leftovers::Drain(Duration::from_secs(3)),
        },
        plain: false,
        terminal: false,
        foreground: false,
        top_of_session: true,
    }
}

/// One command of each hook.
pub fn full() -> Rules {
    Rules {
        deploy: vec![hook(DEPLOY)],
        post_deploy: vec![hook(POST_DEPLOY)],
        pre_stop: vec![hook(PRE_STOP)],
        post_stop: vec![hook(POST_STOP)],
        on_failure: vec![hook(ALERT)],
        ..rules(Mode::Supervise)
    }
}

pub fn with_server(mut rules: Rules, change: impl FnOnce(&mut ServerRule)) -> Rules {
    if let Some(server) = &mut rules.server {
        change(server);
    }
    rules
}
