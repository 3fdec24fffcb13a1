//! The boot: the deploy hooks one after the other, then the server, and the pollers beside it.

use super::chain::Chain;
use super::news::{Action, Ending, Note, Outcome};
use super::rules::{List, Mode, OnFailure, OnStop};
use super::time::Uptime;
use super::{Failure, Machine, Phase, Server};

impl Machine {
    /// The deploy hooks are through.
    pub(super) fn deployed(&mut self, now: Uptime, out: &mut Vec<Action>) -> Phase {
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
    pub(super) fn settled(&mut self, alone: bool, now: Uptime, out: &mut Vec<Action>) -> Phase {
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

    pub(super) fn deploy_ended(&mut self, chain: Chain, ending: Ending, now: Uptime, out: &mut Vec<Action>) -> Phase {
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
    pub(super) fn decide_failure(&mut self, failed: Failure, now: Uptime, out: &mut Vec<Action>) -> Phase {
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

    pub(super) fn next_deploy(&mut self, chain: &Chain, now: Uptime, out: &mut Vec<Action>) -> Phase {
        match chain.advance(&self.rules, now, out) {
            Some(chain) => Phase::Deploying(chain),
            None => self.deployed(now, out),
        }
    }

    pub(super) fn poller_ended(&mut self, chain: &Chain, ending: Ending, now: Uptime, out: &mut Vec<Action>) {
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

    pub(super) fn pollers_go_on(&self) -> bool {
        self.stop.is_none() && (self.server.is_up() || self.rules.mode == Mode::Keeper)
    }
}
