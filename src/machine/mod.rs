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
//! Every transition is in [`Machine::turn`]; what one does is in [`booting`], [`passing`] and [`ending`]. The server and the
//! pollers live across phases and have fields of their own.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable
)]

mod booting;
mod chain;
mod ending;
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
mod passing;
mod rules;
mod signal;
mod stopping;
mod time;

use std::mem;
use std::time::Duration;

use chain::Chain;
use stopping::{Interrupts, Request};
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
/// So often is asked whether a group without its first process is empty: the end of a member whose parent is somebody else
/// comes without news.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After another run-time signal than KILL, where the server has no `stop_timeout`.
const AFTER_RUN_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one phase at a time, and a box would take memory during a stop")]
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
    Emptying {
        ending: Ending,
        look_at: Uptime,
    },
    /// `ran`: it had been started.
    Gone {
        ran: bool,
    },
}

impl Server {
    fn is_up(self) -> bool {
        matches!(self, Server::Running | Server::Emptying { .. })
    }

    /// When the loop is to look at its group again, which it does in every turn.
    fn deadline(self) -> Option<Uptime> {
        match self {
            Server::Emptying { look_at, .. } => Some(look_at),
            Server::NotStarted | Server::Running | Server::Gone { .. } => None,
        }
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
        let server = earliest(self.server.deadline(), earliest(self.kill_server_at, self.run_until));
        earliest(earliest(phase, pollers), server)
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
                if let Server::Emptying { look_at, .. } = &mut self.server
                    && *look_at <= now
                {
                    *look_at = now.after(LOOK_AGAIN);
                }
                Some(News::Deadline)
            }
            Event::Ended { child, ending } if self.is_server(child) => {
                let group = self.rules.server.as_ref().is_some_and(|server| server.target == SignalTarget::Group);
                if group && self.server == Server::Running && !matches!(ending, Ending::NotStarted { .. }) {
                    self.server = Server::Emptying { ending, look_at: now.after(LOOK_AGAIN) };
                    return None;
                }
                self.server_gone(ending);
                Some(News::ServerGone(ending))
            }
            Event::GroupEmpty { .. } => match self.server {
                Server::Emptying { ending, .. } => {
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

            (Phase::Alerting { alert, failed }, News::HookEnded(ending)) => {
                if !alert.succeeded(ending) {
                    out.push(Action::Note(alert.failure(ending, now)));
                }
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
                self.stop_pollers(now, out);
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
                self.stop_pollers(now, out);
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

    fn is_server(&self, child: ChildId) -> bool {
        self.rules.server.as_ref().is_some_and(|server| server.child == child)
    }
}

fn was_killed(ending: Ending) -> bool {
    matches!(ending, Ending::Killed { signal: Signal::KILL, .. })
}

fn kill_leftovers(now: Uptime, out: &mut Vec<Action>) -> Phase {
    out.push(Action::SignalLeftovers(Signal::KILL));
    Phase::Leftovers { until: now.after(AFTER_KILL), killed: true }
}
