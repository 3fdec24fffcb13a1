//! The small plans that are walked. Together they use every rule there is.

use std::time::Duration;

use super::*;

type Plan = (&'static str, Rules);

pub fn plans() -> Vec<Plan> {
    [plain(), hooks(), retries(), questions_and_helpers(), pollers(), stops(), other_modes()].concat()
}

/// An init and nothing else.
fn plain() -> Vec<Plan> {
    let signals = Vec::new();
    let stop = StopRules { signals, leftovers: Leftovers::DrainWithinGrace, ..rules(Mode::Supervise).stop };
    let subreaper = StopRules { leftovers: Leftovers::Ignore, ..stop.clone() };
    let plain = Rules { plain: true, stop, ..rules(Mode::Supervise) };
    let others = [(Signal::HUP, Some(Signal::KILL)), (Signal::QUIT, Some(Signal::CONT)), (Signal::INT, None)];
    let rewrite = others.map(|(from, to)| Rewrite { from, to }).to_vec();
    vec![
        ("plain", plain.clone()),
        ("plain in a terminal", Rules { foreground: true, terminal: true, ..plain.clone() }),
        ("plain below a shell", Rules { foreground: true, top_of_session: false, ..plain.clone() }),
        ("plain, with other signals", with_server(plain.clone(), |server| server.rewrite = rewrite)),
        ("plain, as a group", with_server(plain.clone(), |server| server.target = SignalTarget::Group)),
        ("plain subreaper", Rules { stop: subreaper, ..plain }),
    ]
}

/// What hooks may do to the boot, and a stop request to hooks.
fn hooks() -> Vec<Plan> {
    vec![
        ("everything", full()),
        (
            "failing hooks are passed over",
            Rules {
                deploy: vec![HookRule { on_failure: OnFailure::Continue, ..timed(DEPLOY) }, timed(SECOND_DEPLOY)],
                on_failure: vec![timed(ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "two are told of a failure",
            Rules {
                deploy: vec![hook(DEPLOY)],
                on_failure: vec![hook(ALERT), hook(SECOND_ALERT)],
                ..rules(Mode::Supervise)
            },
        ),
        (
            "a hook finishes first",
            Rules { deploy: vec![HookRule { on_stop: OnStop::Finish, ..timed(DEPLOY) }], ..rules(Mode::Supervise) },
        ),
    ]
}

/// Commands that are tried again.
fn retries() -> Vec<Plan> {
    let supervised = rules(Mode::Supervise);
    vec![
        (
            "hooks are tried again",
            Rules {
                deploy: vec![retried(DEPLOY)],
                post_deploy: vec![retried(POST_DEPLOY)],
                on_failure: vec![retried(ALERT)],
                ..supervised.clone()
            },
        ),
        (
            "a hook that is tried again finishes first",
            Rules { deploy: vec![HookRule { on_stop: OnStop::Finish, ..retried(DEPLOY) }], ..supervised.clone() },
        ),
        (
            "hooks are tried again after one code and no other",
            Rules {
                deploy: vec![
                    HookRule { timeout: Some(A_SECOND), ..retried_after(DEPLOY, FAILED) },
                    retried_after(SECOND_DEPLOY, FAILED + 1),
                ],
                ..supervised.clone()
            },
        ),
        (
            "a hook that takes too long is tried again",
            Rules {
                deploy: vec![HookRule { timeout: Some(A_SECOND), ..retried(DEPLOY) }],
                on_failure: vec![hook(ALERT)],
                ..supervised.clone()
            },
        ),
        (
            "hooks of the stop are tried again",
            Rules { pre_stop: vec![retried(PRE_STOP)], post_stop: vec![retried(POST_STOP)], ..supervised },
        ),
    ]
}

/// Commands that are no hook's own.
fn questions_and_helpers() -> Vec<Plan> {
    let alerting = Rules { on_failure: vec![hook(ALERT)], ..rules(Mode::Supervise) };
    let question = HookRule { on_stop: OnStop::Finish, ..timed(QUESTION) };
    vec![
        (
            "is there anything to do",
            Rules {
                deploy: vec![
                    HookRule { skips: Some(1), ..question.clone() },
                    HookRule { on_stop: OnStop::Finish, ..timed(DEPLOY) },
                    hook(SECOND_DEPLOY),
                ],
                ..alerting.clone()
            },
        ),
        (
            "is there anything to do for several",
            Rules {
                deploy: vec![
                    HookRule { skips: Some(2), ..question },
                    hook(DEPLOY),
                    hook(SECOND_DEPLOY),
                    hook(THIRD_DEPLOY),
                ],
                ..alerting.clone()
            },
        ),
        ("a helper first", Rules { deploy: vec![helper(HELPER), hook(DEPLOY)], ..alerting }),
    ]
}

/// What runs beside the server, and may end it.
fn pollers() -> Vec<Plan> {
    let stopping = HookRule { on_failure: OnFailure::Abort, ..timed(POST_DEPLOY) };
    let second = HookRule { on_failure: OnFailure::Continue, ..hook(SECOND_DEPLOY) };
    let pre_stop = vec![hook(PRE_STOP)];
    vec![
        (
            "a poller that fails ends it",
            Rules { post_deploy: vec![stopping.clone(), second.clone()], pre_stop, ..rules(Mode::Supervise) },
        ),
        (
            "a poller that is tried again ends it, within a budget",
            Rules {
                post_deploy: vec![HookRule { on_failure: OnFailure::Abort, ..retried(POST_DEPLOY) }],
                stop: StopRules { budget: Some(Duration::from_secs(6)), ..rules(Mode::Supervise).stop },
                ..rules(Mode::Supervise)
            },
        ),
        (
            "a poller that fails is followed by none",
            Rules {
                post_deploy: vec![HookRule { on_failure: OnFailure::Continue, ..hook(POST_DEPLOY) }, second],
                ..rules(Mode::Supervise)
            },
        ),
    ]
}

/// How the server and what it leaves behind come to their end.
fn stops() -> Vec<Plan> {
    let stop = rules(Mode::Supervise).stop;
    let ignore = StopRules { leftovers: Leftovers::Ignore, ..stop.clone() };
    let budget = StopRules {
        timeout: Some(Duration::from_secs(4)),
        drain: Duration::from_secs(2),
        budget: Some(Duration::from_secs(10)),
        ..stop
    };
    let limited = |rules, signal| {
        with_server(rules, |server| server.run_limit = Some(RunLimit { timeout: Duration::from_secs(5), signal }))
    };
    vec![
        (
            "drain, time-outs and a budget",
            with_server(
                Rules {
                    deploy: vec![timed(DEPLOY)],
                    pre_stop: vec![timed(PRE_STOP)],
                    post_stop: vec![timed(POST_STOP)],
                    stop: budget.clone(),
                    ..rules(Mode::Supervise)
                },
                |server| server.stop_timeout = Some(Duration::from_secs(30)),
            ),
        ),
        (
            "a group with a stop time-out",
            with_server(rules(Mode::Supervise), |server| {
                server.target = SignalTarget::Group;
                server.stop_timeout = Some(Duration::from_secs(2));
            }),
        ),
        (
            "a group with a poller that is tried again",
            with_server(Rules { post_deploy: vec![retried(POST_DEPLOY)], ..rules(Mode::Supervise) }, |server| {
                server.target = SignalTarget::Group;
            }),
        ),
        (
            "the last hook is tried again, within a budget",
            Rules {
                post_stop: vec![retried(POST_STOP)],
                stop: StopRules { budget: Some(Duration::from_secs(6)), ..rules(Mode::Supervise).stop },
                ..rules(Mode::Supervise)
            },
        ),
        (
            "an alert finishes first, and leftovers have long",
            Rules {
                deploy: vec![hook(DEPLOY)],
                on_failure: vec![HookRule { on_stop: OnStop::Finish, ..hook(ALERT) }],
                stop: StopRules { leftovers: Leftovers::Drain(Duration::from_secs(60)), ..budget.clone() },
                ..rules(Mode::Supervise)
            },
        ),
        (
            "hooks that say how long they have",
            Rules {
                deploy: vec![hurried(DEPLOY)],
                on_failure: vec![hurried(ALERT)],
                post_deploy: vec![hurried(POST_DEPLOY)],
                post_stop: vec![hurried(POST_STOP)],
                ..rules(Mode::Supervise)
            },
        ),
        ("run time, killed", limited(full(), Signal::KILL)),
        ("run time, asked to end", limited(Rules { deploy: Vec::new(), ..full() }, Signal::TERM)),
        ("leftovers are left alone", Rules { stop: ignore.clone(), ..full() }),
        (
            "run time, killed, and leftovers are left alone",
            limited(
                Rules { post_deploy: vec![hook(POST_DEPLOY)], stop: ignore, ..rules(Mode::Supervise) },
                Signal::KILL,
            ),
        ),
    ]
}

/// Where app-init is not the server's parent.
fn other_modes() -> Vec<Plan> {
    let deploy = vec![hook(DEPLOY)];
    vec![
        (
            "prelude",
            Rules {
                deploy: vec![helper(HELPER), retried(DEPLOY)],
                on_failure: vec![hook(ALERT)],
                ..rules(Mode::Prelude { keeps_leftovers: true })
            },
        ),
        ("prelude that cleans up", Rules { deploy: deploy.clone(), ..rules(Mode::Prelude { keeps_leftovers: false }) }),
        ("exec", Rules { deploy: vec![helper(DEPLOY)], ..rules(Mode::Exec) }),
        ("exec without hooks", rules(Mode::Exec)),
        (
            "keeper",
            Rules {
                deploy: vec![hook(DEPLOY), hook(SECOND_DEPLOY)],
                post_deploy: vec![hook(POST_DEPLOY)],
                on_failure: vec![hook(ALERT)],
                server: None,
                ..rules(Mode::Keeper)
            },
        ),
        ("keeper without pollers", Rules { deploy: deploy.clone(), server: None, ..rules(Mode::Keeper) }),
        ("one hook", Rules { deploy, server: None, ..rules(Mode::HookOnly) }),
    ]
}
