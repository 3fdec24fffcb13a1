//! What app-init decides, and nothing else.
//!
//! [`Machine::step`] is told one [`Event`] and the time, and answers with [`Action`]s. It makes no system call, reads no
//! clock and no environment and knows no pid; this folder imports only the pure part of the standard library, and a
//! check compiles it alone to prove it.
//!
//! ```text
//! Fresh ─► Deploying ⇄ Alerting ─► Serving ─► PreStop ─► Draining ─► Stopping ─┐
//!             │   │                   └────────── the server ended ────────────┤
//!             │   ├─► Handover (exec mode: this process becomes the server)    ▼
//!             │   └─► Settling ─► Waiting ─► Tending (the keeper)          Leftovers ─► Closing ─► Done
//!             └──── failed, interrupted ───────────────────────────────────────┘
//! ```
//!
//! Every transition is in [`Machine::turn`]. The server and the pollers live across phases and have fields of their own.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable
)]

mod chain;
#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]
mod explore;
mod news;
mod rules;
mod signal;
mod stopping;
mod time;

use std::mem;
use std::time::Duration;

use chain::Chain;
use stopping::{Budget, Interrupts, Request};
use time::{due, earliest};

pub use news::{Action, Ending, Event, Note, Outcome, Recipient, StartStep};
pub use rules::{
    ChildId, HookRule, Leftovers, List, Mode, OnFailure, OnStop, Retry, Rewrite, Rules, RunLimit, ServerRule,
    SignalTarget, StopRules,
};
pub use signal::Signal;
pub use stopping::RESERVE;
pub use time::Uptime;

/// How long leftovers may take where PID 1 asks them to end and nothing is configured; in plain use as long as
/// [`PLAIN_GRACE`] allows.
pub const LEFTOVERS: Duration = Duration::from_secs(3);
/// In plain use everything ends within this time of the first forwarded stop signal: a second less than the grace that
/// Docker gives by default.
pub const PLAIN_GRACE: Duration = Duration::from_secs(9);
/// After KILL a process is gone as soon as the kernel gets to it; one that hangs in the kernel is not waited for longer.
pub const AFTER_KILL: Duration = Duration::from_secs(1);
/// After another run-time signal than KILL, where the server has no `stop_timeout`.
const AFTER_RUN_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Nothing has happened yet.
    Fresh,
    /// A deploy hook runs; in exec mode the keeper does, with the hooks in it.
    Deploying(Chain),
    /// A deploy hook failed, the `on-failure` hook runs.
    Alerting {
        alert: Chain,
        failed: Failure,
    },
    /// Exec mode: the next news is the failure of the exec, or a stop request that was pending.
    Handover,
    /// The hooks are through, the turn is not over: a stop request may have come with their end, and the keeper wants to
    /// know whether anything is left to keep.
    Settling,
    /// Keeper: waits for the server.
    Waiting,
    /// Keeper: the server runs, pollers and leftovers too.
    Tending,
    /// The server runs.
    Serving,
    /// A stop was requested, `pre-stop` runs, the server serves.
    PreStop {
        chain: Chain,
        until: Option<Uptime>,
    },
    /// The server serves for a while longer.
    Draining {
        until: Uptime,
    },
    /// The server was asked to end.
    Stopping,
    /// The server is gone, or never was; what it left behind is ending.
    Leftovers {
        until: Uptime,
        killed: bool,
    },
    /// `post-stop` runs.
    Closing(Chain),
    Done,
}

/// A deploy command that failed, while the alert goes out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Failure {
    chain: Chain,
    ending: Ending,
}

/// The server, across phases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Server {
    NotStarted,
    Running,
    /// Its first process ended, its group is not empty yet (`signal_target = "group"`).
    Emptying(Ending),
    /// `ran`: it had been started.
    Gone {
        ran: bool,
    },
}

impl Server {
    fn is_up(self) -> bool {
        matches!(self, Server::Running | Server::Emptying(_))
    }
}

/// What an event means for the phases.
#[derive(Clone, Copy)]
enum News {
    Begin,
    StopRequest {
        signal: Signal,
        kill: bool,
    },
    /// A signal that is no stop request and has no server to go to.
    OtherSignal(Signal),
    HookEnded(Ending),
    /// The server, its group included where that counts, is gone.
    ServerGone(Ending),
    KeeperReady,
    ServerRuns,
    TurnOver {
        alone: bool,
    },
    Deadline,
}

/// See the module's head.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Machine {
    rules: Rules,
    phase: Phase,
    server: Server,
    /// The server was stopped (^Z) and not yet continued.
    suspended: bool,
    /// The server was asked to end; then KILL.
    kill_server_at: Option<Uptime>,
    /// The server's run time is over.
    run_until: Option<Uptime>,
    /// The server was still there when its run time was over; the signal it was sent then.
    timed_out: Option<Signal>,
    pollers: Option<Chain>,
    /// A poller without which the server must not go on has failed in this turn.
    failed_poller: Option<Outcome>,
    /// A `pre-stop` hook that nobody waits for any more, while it lives.
    cut_short: Option<Chain>,
    stop: Option<Request>,
    interrupts: Interrupts,
    /// In plain use: when the first TERM, INT or QUIT was handed on.
    forwarded_at: Option<Uptime>,
    /// That was in this turn, whose time is told later.
    forwarded: bool,
    /// The first failure that settles how app-init ends.
    outcome: Option<Outcome>,
}

impl Machine {
    #[must_use]
    pub fn new(rules: Rules) -> Machine {
        Machine {
            rules,
            phase: Phase::Fresh,
            server: Server::NotStarted,
            suspended: false,
            kill_server_at: None,
            run_until: None,
            timed_out: None,
            pollers: None,
            failed_poller: None,
            cut_short: None,
            stop: None,
            interrupts: Interrupts::default(),
            forwarded_at: None,
            forwarded: false,
            outcome: None,
        }
    }

    /// Nothing more will come: [`Action::Exit`] was given.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// When the machine wants to be told [`Event::Deadline`]; `None`: nothing is timed.
    #[must_use]
    pub fn deadline(&self) -> Option<Uptime> {
        let phase = match &self.phase {
            Phase::Deploying(chain) | Phase::Closing(chain) | Phase::Alerting { alert: chain, .. } => chain.deadline(),
            Phase::PreStop { chain, until } => earliest(chain.deadline(), *until),
            Phase::Draining { until } | Phase::Leftovers { until, .. } => Some(*until),
            Phase::Done => return None,
            Phase::Fresh
            | Phase::Handover
            | Phase::Settling
            | Phase::Waiting
            | Phase::Tending
            | Phase::Serving
            | Phase::Stopping => None,
        };
        let pollers = self.pollers.as_ref().and_then(Chain::deadline);
        earliest(earliest(phase, pollers), earliest(self.kill_server_at, self.run_until))
    }

    /// Takes one event and appends what is to be done to `out`.
    pub fn step(&mut self, now: Uptime, event: Event, out: &mut Vec<Action>) {
        let Some(news) = self.interpret(now, event, out) else { return };
        let phase = mem::replace(&mut self.phase, Phase::Done);
        self.phase = self.turn(phase, news, now, out);
    }

    /// Deals with what concerns the server's and the pollers' own state, and says what is left for the phases.
    fn interpret(&mut self, now: Uptime, event: Event, out: &mut Vec<Action>) -> Option<News> {
        match event {
            Event::Begin => Some(News::Begin),
            Event::KeeperReady { .. } => Some(News::KeeperReady),
            Event::ServerRuns => Some(News::ServerRuns),
            Event::TurnOver { alone } => {
                if mem::take(&mut self.forwarded) {
                    self.forwarded_at.get_or_insert(now);
                }
                Some(News::TurnOver { alone })
            }
            Event::Signal(signal) => self.sort(signal, now, out),
            Event::Deadline => {
                if let Some(pollers) = &mut self.pollers {
                    pollers.act_on_deadline(now, out);
                }
                if due(self.kill_server_at, now) {
                    if let Some(server) = &self.rules.server {
                        out.push(Action::Note(Note::Slow { child: server.child }));
                    }
                    self.kill_server(out);
                }
                Some(News::Deadline)
            }
            Event::Ended { child, ending } if self.is_server(child) => {
                let group = self.rules.server.as_ref().is_some_and(|server| server.target == SignalTarget::Group);
                if group && self.server == Server::Running && !matches!(ending, Ending::NotStarted { .. }) {
                    self.server = Server::Emptying(ending);
                    return None;
                }
                self.server_gone(ending);
                Some(News::ServerGone(ending))
            }
            Event::GroupEmpty { .. } => match self.server {
                Server::Emptying(ending) => {
                    self.server_gone(ending);
                    Some(News::ServerGone(ending))
                }
                Server::NotStarted | Server::Running | Server::Gone { .. } => None,
            },
            Event::Ended { child, ending } => match self.pollers.take() {
                Some(mut pollers) if pollers.alive() == Some(child) => {
                    match pollers.take_end(ending, self.pollers_go_on(), now, out) {
                        Some(ending) => self.poller_ended(&pollers, ending, now, out),
                        None => self.pollers = Some(pollers),
                    }
                    None
                }
                pollers => {
                    self.pollers = pollers;
                    self.cut_short.take_if(|hook| hook.alive() == Some(child));
                    let may_start = self.stop.is_none() || self.is_over();
                    let chain = self.chain().filter(|chain| chain.alive() == Some(child))?;
                    chain.take_end(ending, may_start, now, out).map(News::HookEnded)
                }
            },
            Event::Suspended { child } => {
                if self.is_server(child) {
                    self.server_suspended(child, out);
                }
                None
            }
            Event::Resumed { child } => {
                if self.is_server(child) {
                    self.suspended = false;
                }
                None
            }
        }
    }

    /// The hooks of this phase belong to the stop.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::PreStop { .. } | Phase::Closing(_))
    }

    /// The hook that the phase waits for.
    fn chain(&mut self) -> Option<&mut Chain> {
        match &mut self.phase {
            Phase::Deploying(chain)
            | Phase::Closing(chain)
            | Phase::Alerting { alert: chain, .. }
            | Phase::PreStop { chain, .. } => Some(chain),
            Phase::Fresh
            | Phase::Handover
            | Phase::Settling
            | Phase::Waiting
            | Phase::Tending
            | Phase::Serving
            | Phase::Draining { .. }
            | Phase::Stopping
            | Phase::Leftovers { .. }
            | Phase::Done => None,
        }
    }

    /// All transitions.
    #[expect(clippy::too_many_lines, reason = "every pair of phase and news is here, so that none is forgotten")]
    fn turn(&mut self, phase: Phase, news: News, now: Uptime, out: &mut Vec<Action>) -> Phase {
        match (phase, news) {
            (Phase::Fresh, News::Begin) => match Chain::start(List::Deploy, &self.rules, now, out) {
                Some(chain) => Phase::Deploying(chain),
                None => self.deployed(now, out),
            },

            (Phase::Deploying(chain), News::HookEnded(ending)) => self.deploy_ended(chain, ending, now, out),
            (Phase::Deploying(mut chain), News::StopRequest { signal, kill }) => {
                self.stop_hook(&mut chain, signal, kill, now, out);
                if chain.alive().is_some() { Phase::Deploying(chain) } else { self.interrupted(now, out) }
            }
            (Phase::Deploying(mut chain), News::Deadline) => {
                chain.act_on_deadline(now, out);
                Phase::Deploying(chain)
            }
            (Phase::Deploying(_), News::KeeperReady) if self.stop.is_some() => self.interrupted(now, out),
            (Phase::Deploying(_), News::KeeperReady) => self.deployed(now, out),

            (Phase::Alerting { alert, failed }, News::HookEnded(_)) => {
                let next = if self.stop.is_none() { alert.advance(&self.rules, now, out) } else { None };
                match next {
                    Some(alert) => Phase::Alerting { alert, failed },
                    None => self.decide_failure(failed, now, out),
                }
            }
            (Phase::Alerting { mut alert, failed }, News::StopRequest { signal, kill }) => {
                self.stop_hook(&mut alert, signal, kill, now, out);
                match alert.alive() {
                    Some(_) => Phase::Alerting { alert, failed },
                    None => self.decide_failure(failed, now, out),
                }
            }
            (Phase::Alerting { mut alert, failed }, News::Deadline) => {
                alert.act_on_deadline(now, out);
                Phase::Alerting { alert, failed }
            }

            (Phase::Handover, News::StopRequest { signal, .. }) => {
                self.note_request(signal, now, out);
                self.interrupted(now, out)
            }
            (Phase::Handover, News::ServerGone(ending)) => self.wind_down(Outcome::Server(ending), now, out),

            (Phase::Settling, News::TurnOver { alone }) => self.settled(alone, now, out),
            (Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {
                self.note_request(signal, now, out);
                self.interrupted(now, out)
            }
            (Phase::Waiting, News::ServerRuns) => {
                self.pollers = Chain::start(List::PostDeploy, &self.rules, now, out);
                Phase::Tending
            }
            (Phase::Tending, News::TurnOver { alone: true }) if self.pollers.is_none() => {
                self.finish(Outcome::Completed, out)
            }
            (Phase::Settling | Phase::Waiting | Phase::Tending, News::StopRequest { signal, .. }) => {
                self.note_request(signal, now, out);
                self.stop_pollers(out);
                self.wind_down(Outcome::Completed, now, out)
            }

            (Phase::Serving, News::StopRequest { signal, .. }) => {
                self.note_request(signal, now, out);
                self.begin_stop(now, out)
            }
            // Only now: the server's own end, or a stop request, may have come in the same turn, and counts then.
            (Phase::Serving, News::TurnOver { .. }) if self.failed_poller.is_some() => {
                self.outcome = self.failed_poller.take();
                self.stop = Some(Request { signal: Signal::TERM, at: Some(now) });
                self.begin_stop(now, out)
            }
            (Phase::Serving, News::Deadline) => self.check_run_time(Phase::Serving, now, out),

            (Phase::PreStop { chain, until }, News::HookEnded(ending)) => {
                if !chain.succeeded(ending) {
                    out.push(Action::Note(chain.failure(ending, now)));
                }
                match chain.advance(&self.rules, now, out) {
                    Some(chain) => Phase::PreStop { chain, until },
                    None => self.drain(now, out),
                }
            }
            (Phase::PreStop { mut chain, until }, News::Deadline) => {
                if due(until, now) {
                    self.cut_short(chain, out);
                    return self.stop_server(now, out);
                }
                chain.act_on_deadline(now, out);
                self.check_run_time(Phase::PreStop { chain, until }, now, out)
            }
            // Who asks again does not want to wait for the drain.
            (Phase::PreStop { chain, .. }, News::StopRequest { signal, kill }) => {
                self.cut_short(chain, out);
                self.hurry_server(signal, kill, now, out)
            }
            (Phase::Draining { .. }, News::StopRequest { signal, kill }) => self.hurry_server(signal, kill, now, out),
            (Phase::Draining { until }, News::Deadline) if until <= now => self.stop_server(now, out),
            (Phase::Draining { until }, News::Deadline) => self.check_run_time(Phase::Draining { until }, now, out),

            (Phase::Stopping, News::StopRequest { signal, kill }) => {
                if kill {
                    self.kill_server(out);
                } else {
                    self.send_stop_signal(signal, out);
                }
                Phase::Stopping
            }
            (Phase::Stopping, News::Deadline) => self.check_run_time(Phase::Stopping, now, out),

            (
                phase @ (Phase::Serving | Phase::PreStop { .. } | Phase::Draining { .. } | Phase::Stopping),
                News::ServerGone(ending),
            ) => {
                if let Phase::PreStop { chain, .. } = phase {
                    self.cut_short(chain, out);
                }
                self.stop_pollers(out);
                out.push(Action::Note(Note::ServerEnded { ending }));
                let outcome = match self.timed_out {
                    Some(sent) => Outcome::TimedOut { killed: sent == Signal::KILL || was_killed(ending) },
                    None => Outcome::Server(ending),
                };
                self.wind_down(outcome, now, out)
            }

            (Phase::Leftovers { .. }, News::TurnOver { alone }) if alone || self.waits_for_nobody() => {
                self.close(now, out)
            }
            (Phase::Leftovers { until, killed: true }, News::Deadline) if until <= now => self.close(now, out),
            (Phase::Leftovers { until, killed: false }, News::Deadline) if until <= now => {
                out.push(Action::Note(Note::LeftoversKilled));
                kill_leftovers(now, out)
            }
            // In plain use any signal ends the wait; elsewhere a request is handed on again, and insisting kills.
            (Phase::Leftovers { killed: false, .. }, News::StopRequest { .. } | News::OtherSignal(_))
                if self.rules.plain =>
            {
                kill_leftovers(now, out)
            }
            (Phase::Leftovers { killed: false, .. }, News::StopRequest { signal, kill: true }) => {
                self.note_request(signal, now, out);
                kill_leftovers(now, out)
            }
            (Phase::Leftovers { until, killed: false }, News::StopRequest { signal, .. }) => {
                self.note_request(signal, now, out);
                out.push(Action::SignalLeftovers(Signal::TERM));
                Phase::Leftovers { until: self.within_budget(until), killed: false }
            }

            (Phase::Closing(chain), News::HookEnded(ending)) => {
                if !chain.succeeded(ending) {
                    out.push(Action::Note(chain.failure(ending, now)));
                }
                // It may have finished first.
                self.start_budget(now);
                if self.is_over_budget(now) {
                    return self.exit(out);
                }
                let chain = chain.advance(&self.rules, now, out);
                self.closing(chain, out)
            }
            (Phase::Closing(mut chain), News::StopRequest { signal, kill }) => {
                self.stop_hook(&mut chain, signal, kill, now, out);
                match chain.alive() {
                    Some(_) => Phase::Closing(chain),
                    None => self.exit(out),
                }
            }
            (Phase::Closing(mut chain), News::Deadline) => {
                chain.act_on_deadline(now, out);
                Phase::Closing(chain)
            }

            (phase, News::OtherSignal(signal)) => {
                out.push(Action::Note(Note::SignalDropped { signal }));
                phase
            }

            // A deadline that was only a poller's or the server's, or one that came early.
            (phase, News::Deadline) => phase,
            // The end of a turn matters only to those who wait to be alone.
            (phase, News::TurnOver { .. }) => phase,
            // What comes too late to change anything.
            (phase @ Phase::Leftovers { killed: true, .. }, News::StopRequest { signal, .. }) => {
                self.note_request(signal, now, out);
                phase
            }
            (phase @ Phase::Leftovers { .. }, News::KeeperReady | News::ServerRuns) => phase,
            (phase @ Phase::Alerting { .. }, News::KeeperReady) => phase,

            // Impossible: there is one beginning, and no server in these phases.
            (
                phase @ (Phase::Deploying(_)
                | Phase::Alerting { .. }
                | Phase::Handover
                | Phase::Settling
                | Phase::Waiting
                | Phase::Tending
                | Phase::Serving
                | Phase::PreStop { .. }
                | Phase::Draining { .. }
                | Phase::Stopping
                | Phase::Leftovers { .. }
                | Phase::Closing(_)),
                News::Begin,
            ) => phase,
            (
                phase @ (Phase::Deploying(_)
                | Phase::Alerting { .. }
                | Phase::Settling
                | Phase::Waiting
                | Phase::Tending
                | Phase::Leftovers { .. }
                | Phase::Closing(_)),
                News::ServerGone(_),
            ) => phase,
            // Impossible: only the phases above wait for a hook.
            (
                phase @ (Phase::Handover
                | Phase::Settling
                | Phase::Waiting
                | Phase::Tending
                | Phase::Serving
                | Phase::Draining { .. }
                | Phase::Stopping
                | Phase::Leftovers { .. }),
                News::HookEnded(_),
            ) => phase,
            // Impossible: only exec mode has a keeper, and it is heard once.
            (
                phase @ (Phase::Handover
                | Phase::Settling
                | Phase::Waiting
                | Phase::Tending
                | Phase::Serving
                | Phase::PreStop { .. }
                | Phase::Draining { .. }
                | Phase::Stopping
                | Phase::Closing(_)),
                News::KeeperReady,
            ) => phase,
            (
                phase @ (Phase::Deploying(_)
                | Phase::Alerting { .. }
                | Phase::Handover
                | Phase::Settling
                | Phase::Tending
                | Phase::Serving
                | Phase::PreStop { .. }
                | Phase::Draining { .. }
                | Phase::Stopping
                | Phase::Closing(_)),
                News::ServerRuns,
            ) => phase,
            // Impossible: nothing is reported before the beginning, nothing is done after the end.
            (
                Phase::Fresh,
                News::StopRequest { .. }
                | News::HookEnded(_)
                | News::ServerGone(_)
                | News::KeeperReady
                | News::ServerRuns,
            ) => Phase::Fresh,
            (
                Phase::Done,
                News::Begin
                | News::StopRequest { .. }
                | News::HookEnded(_)
                | News::ServerGone(_)
                | News::KeeperReady
                | News::ServerRuns,
            ) => Phase::Done,
        }
    }

    // ---- boot

    /// The deploy hooks are through.
    fn deployed(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        match (self.rules.mode, &self.rules.server) {
            (Mode::Supervise, Some(server)) => {
                out.push(Action::Spawn(server.child));
                self.server = Server::Running;
                self.run_until = server.run_limit.map(|limit| now.after(limit.timeout));
                self.pollers = Chain::start(List::PostDeploy, &self.rules, now, out);
                Phase::Serving
            }
            // After these nobody is there to hear a signal that came with the last hook's end.
            (Mode::Exec, Some(_)) | (Mode::Keeper | Mode::Prelude { .. }, _) => Phase::Settling,
            (Mode::HookOnly | Mode::Supervise | Mode::Exec, _) => self.wind_down(Outcome::Completed, now, out),
        }
    }

    /// The turn is over in which the hooks ended, and nobody asked to stop.
    fn settled(&mut self, alone: bool, now: Uptime, out: &mut Vec<Action>) -> Phase {
        match (self.rules.mode, &self.rules.server) {
            (Mode::Exec, Some(server)) => {
                out.push(Action::Exec(server.child));
                Phase::Handover
            }
            (Mode::Prelude { keeps_leftovers }, _) if keeps_leftovers || alone => self.finish(Outcome::Completed, out),
            // The keeper's code is the hooks' until the server runs, and 0 from then on.
            (Mode::Keeper, _) if alone && self.rules.post_deploy.is_empty() => self.finish(Outcome::Completed, out),
            (Mode::Keeper, _) => {
                out.push(Action::LetServerStart);
                Phase::Waiting
            }
            (Mode::HookOnly | Mode::Prelude { .. } | Mode::Supervise | Mode::Exec, _) => {
                self.wind_down(Outcome::Completed, now, out)
            }
        }
    }

    fn deploy_ended(&mut self, chain: Chain, ending: Ending, now: Uptime, out: &mut Vec<Action>) -> Phase {
        if chain.hook().helper {
            // It has said and logged everything itself, unless somebody killed it. What a keeper ends with after a stop
            // request is its own decision.
            let is_keeper = self.rules.mode == Mode::Exec;
            return match ending {
                Ending::Exited(code) if code != 0 && is_keeper => self.wind_down(Outcome::HelperEnded(code), now, out),
                _ if self.stop.is_some() => self.interrupted(now, out),
                Ending::Exited(0) => self.next_deploy(&chain, now, out),
                Ending::Exited(code) => self.wind_down(Outcome::HelperEnded(code), now, out),
                Ending::Killed { .. } | Ending::NotStarted { .. } => {
                    out.push(Action::Note(chain.failure(ending, now)));
                    self.wind_down(
                        Outcome::HookFailed { child: chain.hook().child, ending, timed_out: false },
                        now,
                        out,
                    )
                }
            };
        }
        if self.stop.is_some() {
            self.start_budget(now);
            if chain.hook().on_stop == OnStop::Finish && chain.is_at_work() && !chain.succeeded(ending) {
                out.push(Action::Note(chain.failure(ending, now)));
            }
            return self.interrupted(now, out);
        }
        if chain.succeeded(ending) {
            return self.next_deploy(&chain, now, out);
        }
        out.push(Action::Note(chain.failure(ending, now)));
        let failed = Failure { chain, ending };
        match Chain::start(List::OnFailure, &self.rules, now, out) {
            Some(alert) => Phase::Alerting { alert, failed },
            None => self.decide_failure(failed, now, out),
        }
    }

    /// Abort, or go on loudly (§6.7).
    fn decide_failure(&mut self, failed: Failure, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let Failure { chain, ending } = failed;
        // An alert may have finished first.
        self.start_budget(now);
        let child = chain.hook().child;
        let outcome = Outcome::HookFailed { child, ending, timed_out: chain.timed_out() };
        match chain.hook().on_failure {
            OnFailure::Abort => self.wind_down(outcome, now, out),
            OnFailure::Continue if self.stop.is_some() => self.interrupted(now, out),
            OnFailure::Continue => {
                out.push(Action::Note(Note::GoingOnWithout { child }));
                if self.rules.mode == Mode::HookOnly {
                    self.outcome.get_or_insert(outcome);
                }
                self.next_deploy(&chain, now, out)
            }
        }
    }

    fn next_deploy(&mut self, chain: &Chain, now: Uptime, out: &mut Vec<Action>) -> Phase {
        match chain.advance(&self.rules, now, out) {
            Some(chain) => Phase::Deploying(chain),
            None => self.deployed(now, out),
        }
    }

    fn poller_ended(&mut self, chain: &Chain, ending: Ending, now: Uptime, out: &mut Vec<Action>) {
        if !self.pollers_go_on() {
            return;
        }
        if chain.succeeded(ending) {
            self.pollers = chain.advance(&self.rules, now, out);
            return;
        }
        // What comes after it was written for when it had done its work.
        let (child, timed_out) = (chain.hook().child, chain.timed_out());
        out.push(Action::Note(Note::PollerFailed { child, ending }));
        if chain.hook().on_failure == OnFailure::Abort {
            self.failed_poller = Some(Outcome::HookFailed { child, ending, timed_out });
        }
    }

    fn pollers_go_on(&self) -> bool {
        self.stop.is_none() && (self.server.is_up() || self.rules.mode == Mode::Keeper)
    }

    // ---- signals

    /// Hands a signal on to the server, or says that it is the phases' business.
    fn sort(&mut self, signal: Signal, now: Uptime, out: &mut Vec<Action>) -> Option<News> {
        if self.is_stop_request(signal) {
            let kill = signal == Signal::INT && self.interrupts.insists(now);
            return Some(News::StopRequest { signal, kill });
        }
        if !self.server.is_up() {
            return Some(News::OtherSignal(signal));
        }
        if self.rules.plain && asks_to_stop(signal) {
            self.forwarded = true;
            self.send_stop_signal(signal, out);
        } else if let Some(to) = self.rewritten(signal) {
            self.signal_server(to, false, out);
        }
        None
    }

    /// Whether this signal, now, is handed on and nothing else: neither the time nor other news of the turn matter for that,
    /// so it may be told before either is known.
    #[must_use]
    pub fn only_hands_on(&self, signal: Signal) -> bool {
        self.server.is_up() && !self.is_stop_request(signal)
    }

    /// Whether this signal, now, asks to stop.
    #[must_use]
    pub fn is_stop_request(&self, signal: Signal) -> bool {
        let inherited_stop_signal = match self.server {
            // Images inherit nginx's or httpd's STOPSIGNAL: nobody else could want these before a server runs.
            Server::NotStarted => signal == Signal::QUIT || (signal == Signal::WINCH && !self.rules.terminal),
            Server::Running | Server::Emptying(_) | Server::Gone { .. } => false,
        };
        !self.rules.plain && (inherited_stop_signal || self.rules.stop.signals.contains(&signal))
    }

    fn rewritten(&self, signal: Signal) -> Option<Signal> {
        let rules = self.rules.server.as_ref().map_or(&[][..], |server| &server.rewrite);
        // As of other options, the last counts.
        match rules.iter().rfind(|rule| rule.from == signal) {
            Some(rule) => rule.to,
            None => Some(signal),
        }
    }

    /// Sends the server what `asked` means for it: its own stop signal, or what asked, or TERM.
    fn send_stop_signal(&mut self, asked: Signal, out: &mut Vec<Action>) {
        let Some(server) = &self.rules.server else { return };
        let signal = match server.stop_signal {
            Some(signal) => Some(signal),
            None if self.rules.plain || asked == Signal::INT => self.rewritten(asked),
            None => self.rewritten(Signal::TERM),
        };
        let Some(signal) = signal else { return };
        self.signal_server(signal, true, out);
        if self.suspended || !self.rules.plain {
            // A stopped process acts on no signal but this one and KILL.
            self.signal_server(Signal::CONT, false, out);
        }
    }

    fn signal_server(&self, signal: Signal, stop: bool, out: &mut Vec<Action>) {
        let Some(server) = &self.rules.server else { return };
        let to = match server.target {
            SignalTarget::Group => Recipient::Group,
            SignalTarget::Auto if stop => Recipient::AutoStop,
            SignalTarget::Auto | SignalTarget::Process => Recipient::Process,
        };
        if self.server.is_up() {
            out.push(Action::Signal { child: server.child, signal, to });
        }
    }

    fn kill_server(&mut self, out: &mut Vec<Action>) {
        self.kill_server_at = None;
        if let (Some(server), true) = (&self.rules.server, self.server.is_up()) {
            out.push(Action::Signal { child: server.child, signal: Signal::KILL, to: Recipient::Group });
        }
    }

    fn server_suspended(&mut self, child: ChildId, out: &mut Vec<Action>) {
        self.suspended = true;
        if self.forwarded {
            // The signal went out before anybody knew.
            self.signal_server(Signal::CONT, false, out);
            return;
        }
        if !self.rules.foreground {
            return;
        }
        if self.rules.top_of_session {
            out.push(Action::Signal { child, signal: Signal::CONT, to: Recipient::Group });
        } else {
            out.push(Action::SuspendSelf(child));
        }
    }

    // ---- stopping

    fn note_request(&mut self, signal: Signal, now: Uptime, out: &mut Vec<Action>) {
        if self.stop.is_none() {
            if matches!(self.rules.mode, Mode::Prelude { .. }) && self.outcome == Some(Outcome::Completed) {
                // What it was the prelude to must not follow.
                self.outcome = Some(Outcome::Interrupted(signal));
            }
            self.stop = Some(Request { signal, at: Some(now) });
            if self.rules.mode != Mode::Exec {
                // There the keeper, which the request is handed on to, says it.
                out.push(Action::Note(Note::StopRequested { signal }));
            }
        }
    }

    /// A stop request while a hook runs.
    fn stop_hook(&mut self, chain: &mut Chain, signal: Signal, kill: bool, now: Uptime, out: &mut Vec<Action>) {
        let first = self.stop.is_none();
        self.note_request(signal, now, out);
        if self.rules.mode == Mode::Exec {
            // The keeper decides for itself what a signal means, what insists, and how long anything may take.
            chain.ask_to_end(signal, None, out);
            return;
        }
        if first && chain.hook().on_stop == OnStop::Finish && chain.is_at_work() {
            self.suspend_budget();
            out.push(Action::Note(Note::FinishingFirst { child: chain.hook().child }));
            return;
        }
        let asked = match signal {
            _ if kill => Signal::KILL,
            Signal::INT => Signal::INT,
            _ => Signal::TERM,
        };
        self.start_budget(now);
        let own = self.rules.stop.timeout.map(|timeout| now.after(timeout));
        let kill_at = earliest(own, self.budget().map(Budget::end));
        chain.ask_to_end(asked, kill_at, out);
    }

    /// The server is to end: first it is withdrawn.
    fn begin_stop(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.stop_pollers(out);
        let until = self.budget().map(Budget::drain_end);
        match Chain::start(List::PreStop, &self.rules, now, out) {
            Some(chain) => Phase::PreStop { chain, until },
            None => self.drain(now, out),
        }
    }

    fn interrupted(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let outcome = match self.stop {
            Some(request) => Outcome::Interrupted(request.signal),
            None => Outcome::Completed,
        };
        self.wind_down(outcome, now, out)
    }

    /// `pre-stop` is not waited for any longer.
    fn cut_short(&mut self, mut hook: Chain, out: &mut Vec<Action>) {
        hook.ask_to_end(Signal::TERM, None, out);
        self.cut_short = Some(hook).filter(|hook| hook.alive().is_some());
    }

    fn stop_pollers(&mut self, out: &mut Vec<Action>) {
        if let Some(pollers) = &mut self.pollers {
            pollers.ask_to_end(Signal::TERM, None, out);
        }
        self.pollers.take_if(|pollers| pollers.alive().is_none());
    }

    fn drain(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let delay = self.rules.stop.drain;
        if delay.is_zero() {
            return self.stop_server(now, out);
        }
        out.push(Action::Note(Note::Draining { delay }));
        let until = now.after(delay);
        Phase::Draining { until: self.budget().map_or(until, |budget| until.min(budget.drain_end())) }
    }

    fn stop_server(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let asked = self.stop.map_or(Signal::TERM, |request| request.signal);
        self.kill_server_at = self.server_deadline(now);
        self.send_stop_signal(asked, out);
        Phase::Stopping
    }

    fn hurry_server(&mut self, signal: Signal, kill: bool, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.kill_server_at = self.server_deadline(now);
        if kill {
            self.kill_server(out);
        } else {
            self.send_stop_signal(signal, out);
        }
        Phase::Stopping
    }

    fn server_deadline(&self, now: Uptime) -> Option<Uptime> {
        let own = self.rules.server.as_ref().and_then(|server| server.stop_timeout).map(|timeout| now.after(timeout));
        let leftovers = match self.rules.stop.leftovers {
            Leftovers::Drain(limit) => limit,
            Leftovers::Ignore | Leftovers::DrainWithinGrace => Duration::ZERO,
        };
        earliest(own, self.budget().map(|budget| budget.server_end(now, leftovers)))
    }

    fn within_budget(&self, until: Uptime) -> Uptime {
        self.budget().map_or(until, |budget| until.min(budget.end()))
    }

    fn budget(&self) -> Option<Budget> {
        Some(Budget::new(self.stop?.at?, self.rules.stop.budget?))
    }

    /// A hook that may finish first takes its time before the grace is counted (§9.2).
    fn suspend_budget(&mut self) {
        self.stop = self.stop.map(|request| Request { at: None, ..request });
    }

    fn start_budget(&mut self, now: Uptime) {
        self.stop = self.stop.map(|request| Request { at: Some(request.at.unwrap_or(now)), ..request });
    }

    /// The run time limit (§9.6), which ends the server in whatever phase it is.
    fn check_run_time(&mut self, phase: Phase, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let limit =
            self.rules.server.as_ref().and_then(|server| Some((server.child, server.stop_timeout, server.run_limit?)));
        let Some((child, stop_timeout, limit)) = limit.filter(|_| due(self.run_until, now)) else { return phase };
        self.run_until = None;
        if let Phase::PreStop { chain, .. } = phase {
            self.cut_short(chain, out);
        }
        self.stop_pollers(out);
        out.push(Action::Note(Note::RunTimeExceeded { limit: limit.timeout, signal: limit.signal }));
        let kill = limit.signal == Signal::KILL;
        self.timed_out = Some(limit.signal);
        out.push(Action::Signal { child, signal: limit.signal, to: Recipient::Group });
        if kill {
            out.push(Action::SignalLeftovers(Signal::KILL));
        } else {
            out.push(Action::Signal { child, signal: Signal::CONT, to: Recipient::Group });
            let own = now.after(stop_timeout.unwrap_or(AFTER_RUN_TIMEOUT));
            self.kill_server_at = earliest(self.kill_server_at, Some(own));
        }
        Phase::Stopping
    }

    fn server_gone(&mut self, ending: Ending) {
        self.server = Server::Gone { ran: !matches!(ending, Ending::NotStarted { .. }) };
        self.suspended = false;
        self.kill_server_at = None;
        self.run_until = None;
    }

    /// The server is gone or will never be: what is left in the container ends.
    fn wind_down(&mut self, outcome: Outcome, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.outcome.get_or_insert(outcome);
        if self.timed_out == Some(Signal::KILL) {
            return kill_leftovers(now, out);
        }
        let limit = match self.rules.stop.leftovers {
            Leftovers::Ignore => {
                // Orphans are left alone, but the plan's own processes are not left behind.
                if self.pollers.is_none() && self.cut_short.is_none() {
                    return self.close(now, out);
                }
                for hook in [&mut self.pollers, &mut self.cut_short].into_iter().flatten() {
                    hook.ask_to_end(Signal::KILL, None, out);
                }
                return Phase::Leftovers { until: now.after(AFTER_KILL), killed: true };
            }
            Leftovers::Drain(limit) => limit,
            Leftovers::DrainWithinGrace => match self.forwarded_at {
                Some(asked) => LEFTOVERS.min(asked.after(PLAIN_GRACE).since(now)),
                None => LEFTOVERS,
            },
        };
        if limit.is_zero() {
            return kill_leftovers(now, out);
        }
        out.push(Action::SignalLeftovers(Signal::TERM));
        Phase::Leftovers { until: self.within_budget(now.after(limit)), killed: false }
    }

    /// Leftovers are left alone, and the hooks, which are not, have ended.
    fn waits_for_nobody(&self) -> bool {
        let all_are_killed = self.timed_out == Some(Signal::KILL);
        let hooks = self.pollers.is_some() || self.cut_short.is_some();
        self.rules.stop.leftovers == Leftovers::Ignore && !hooks && !all_are_killed
    }

    /// Nothing is left: `post-stop`, if a server had been there.
    fn close(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.pollers = None;
        if (self.server != Server::Gone { ran: true }) || self.rules.mode != Mode::Supervise || self.is_over_budget(now)
        {
            return self.exit(out);
        }
        let chain = Chain::start(List::PostStop, &self.rules, now, out);
        self.closing(chain, out)
    }

    /// `post-stop` may use what is left of a known grace, and no more.
    fn closing(&mut self, chain: Option<Chain>, out: &mut Vec<Action>) -> Phase {
        let Some(mut chain) = chain else { return self.exit(out) };
        if let Some(budget) = self.budget() {
            chain.end_by(budget.end());
        }
        Phase::Closing(chain)
    }

    fn is_over_budget(&self, now: Uptime) -> bool {
        due(self.budget().map(Budget::end), now)
    }

    fn finish(&mut self, outcome: Outcome, out: &mut Vec<Action>) -> Phase {
        self.outcome.get_or_insert(outcome);
        self.exit(out)
    }

    fn exit(&mut self, out: &mut Vec<Action>) -> Phase {
        out.push(Action::Exit(self.outcome.unwrap_or(Outcome::Completed)));
        Phase::Done
    }

    fn is_server(&self, child: ChildId) -> bool {
        self.rules.server.as_ref().is_some_and(|server| server.child == child)
    }
}

/// In plain use: the signals that ask a program to end, for which a shell's children are looked up and the grace counts.
fn asks_to_stop(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HALT)
}

fn was_killed(ending: Ending) -> bool {
    matches!(ending, Ending::Killed { signal: Signal::KILL, .. })
}

fn kill_leftovers(now: Uptime, out: &mut Vec<Action>) -> Phase {
    out.push(Action::SignalLeftovers(Signal::KILL));
    Phase::Leftovers { until: now.after(AFTER_KILL), killed: true }
}
