//! The end: a stop request and what comes of it, the run time that is over, the server that has gone, the leftovers.

use std::time::Duration;

use super::chain::Chain;
use super::news::{Action, Ending, Note, Outcome, Recipient};
use super::rules::{Leftovers, List, Mode, OnStop};
use super::signal::Signal;
use super::stopping::{Budget, Request};
use super::time::{Uptime, due, earliest};
use super::{AFTER_KILL, AFTER_RUN_TIMEOUT, LEFTOVERS, Machine, PLAIN_GRACE, Phase, Server, kill_leftovers};

impl Machine {
    pub(super) fn note_request(&mut self, signal: Signal, now: Uptime, out: &mut Vec<Action>) {
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
    pub(super) fn stop_hook(
        &mut self,
        chain: &mut Chain,
        signal: Signal,
        kill: bool,
        now: Uptime,
        out: &mut Vec<Action>,
    ) {
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
        let usual = self.rules.stop.timeout.map(|timeout| now.after(timeout));
        let kill_at = earliest(chain.own_kill_at(now).or(usual), self.budget().map(Budget::end));
        chain.ask_to_end(asked, kill_at, out);
    }

    /// The server is to end: first it is withdrawn.
    pub(super) fn begin_stop(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.stop_pollers(now, out);
        let until = self.budget().map(Budget::drain_end);
        match Chain::start(List::PreStop, &self.rules, now, out) {
            Some(chain) => Phase::PreStop { chain, until },
            None => self.drain(now, out),
        }
    }

    pub(super) fn interrupted(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let outcome = match self.stop {
            Some(request) => Outcome::Interrupted(request.signal),
            None => Outcome::Completed,
        };
        self.wind_down(outcome, now, out)
    }

    /// `pre-stop` is not waited for any longer.
    pub(super) fn cut_short(&mut self, mut hook: Chain, out: &mut Vec<Action>) {
        hook.ask_to_end(Signal::TERM, None, out);
        self.cut_short = Some(hook).filter(|hook| hook.alive().is_some());
    }

    pub(super) fn stop_pollers(&mut self, now: Uptime, out: &mut Vec<Action>) {
        if let Some(pollers) = &mut self.pollers {
            pollers.ask_to_end(Signal::TERM, pollers.own_kill_at(now), out);
        }
        self.pollers.take_if(|pollers| pollers.alive().is_none());
    }

    pub(super) fn drain(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let delay = self.rules.stop.drain;
        if delay.is_zero() {
            return self.stop_server(now, out);
        }
        out.push(Action::Note(Note::Draining { delay }));
        let until = now.after(delay);
        Phase::Draining { until: self.budget().map_or(until, |budget| until.min(budget.drain_end())) }
    }

    pub(super) fn stop_server(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let asked = self.stop.map_or(Signal::TERM, |request| request.signal);
        self.kill_server_at = self.server_deadline(now);
        self.send_stop_signal(asked, out);
        Phase::Stopping
    }

    pub(super) fn hurry_server(&mut self, signal: Signal, kill: bool, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.kill_server_at = self.server_deadline(now);
        if kill {
            self.kill_server(out);
        } else {
            self.send_stop_signal(signal, out);
        }
        Phase::Stopping
    }

    pub(super) fn server_deadline(&self, now: Uptime) -> Option<Uptime> {
        let own = self.rules.server.as_ref().and_then(|server| server.stop_timeout).map(|timeout| now.after(timeout));
        let leftovers = match self.rules.stop.leftovers {
            Leftovers::Drain(limit) => limit,
            Leftovers::Ignore | Leftovers::DrainWithinGrace => Duration::ZERO,
        };
        earliest(own, self.budget().map(|budget| budget.server_end(now, leftovers)))
    }

    pub(super) fn within_budget(&self, until: Uptime) -> Uptime {
        self.budget().map_or(until, |budget| until.min(budget.end()))
    }

    pub(super) fn budget(&self) -> Option<Budget> {
        Some(Budget::new(self.stop?.at?, self.rules.stop.budget?))
    }

    /// A hook that may finish first takes its time before the grace is counted (§9.2).
    pub(super) fn suspend_budget(&mut self) {
        self.stop = self.stop.map(|request| Request { at: None, ..request });
    }

    pub(super) fn start_budget(&mut self, now: Uptime) {
        self.stop = self.stop.map(|request| Request { at: Some(request.at.unwrap_or(now)), ..request });
    }

    /// The run time limit (§9.6), which ends the server in whatever phase it is.
    pub(super) fn check_run_time(&mut self, phase: Phase, now: Uptime, out: &mut Vec<Action>) -> Phase {
        let limit =
            self.rules.server.as_ref().and_then(|server| Some((server.child, server.stop_timeout, server.run_limit?)));
        let Some((child, stop_timeout, limit)) = limit.filter(|_| due(self.run_until, now)) else { return phase };
        self.run_until = None;
        if let Phase::PreStop { chain, .. } = phase {
            self.cut_short(chain, out);
        }
        self.stop_pollers(now, out);
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

    pub(super) fn server_gone(&mut self, ending: Ending) {
        self.server = Server::Gone { ran: !matches!(ending, Ending::NotStarted { .. }) };
        self.suspended = false;
        self.kill_server_at = None;
        self.run_until = None;
    }

    /// The server is gone or will never be: what is left in the container ends.
    pub(super) fn wind_down(&mut self, outcome: Outcome, now: Uptime, out: &mut Vec<Action>) -> Phase {
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
    pub(super) fn waits_for_nobody(&self) -> bool {
        let all_are_killed = self.timed_out == Some(Signal::KILL);
        let hooks = self.pollers.is_some() || self.cut_short.is_some();
        self.rules.stop.leftovers == Leftovers::Ignore && !hooks && !all_are_killed
    }

    /// Nothing is left: `post-stop`, if a server had been there.
    pub(super) fn close(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
        self.pollers = None;
        if (self.server != Server::Gone { ran: true }) || self.rules.mode != Mode::Supervise || self.is_over_budget(now)
        {
            return self.exit(out);
        }
        let chain = Chain::start(List::PostStop, &self.rules, now, out);
        self.closing(chain, out)
    }

    /// `post-stop` may use what is left of a known grace, and no more.
    pub(super) fn closing(&mut self, chain: Option<Chain>, out: &mut Vec<Action>) -> Phase {
        let Some(mut chain) = chain else { return self.exit(out) };
        if let Some(budget) = self.budget() {
            chain.end_by(budget.end());
        }
        Phase::Closing(chain)
    }

    pub(super) fn is_over_budget(&self, now: Uptime) -> bool {
        due(self.budget().map(Budget::end), now)
    }

    pub(super) fn finish(&mut self, outcome: Outcome, out: &mut Vec<Action>) -> Phase {
        self.outcome.get_or_insert(outcome);
        self.exit(out)
    }

    pub(super) fn exit(&mut self, out: &mut Vec<Action>) -> Phase {
        out.push(Action::Exit(self.outcome.unwrap_or(Outcome::Completed)));
        Phase::Done
    }
}
