//! Commands of one hook, run one after another, each within its time.

use std::time::Duration;

use super::news::{Action, Ending, Note, Recipient};
use super::rules::{HookRule, List, Rules};
use super::signal::Signal;
use super::time::{Uptime, due, earliest};

/// A hook that runs: there is always exactly one live command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    list: List,
    /// The place of the command after this one.
    next: usize,
    hook: HookRule,
    started: Uptime,
    /// Its time limit; gone once it was acted on.
    time_out_at: Option<Uptime>,
    /// It was asked to end; then KILL.
    kill_at: Option<Uptime>,
    /// Its time was over: it has failed, however it ends.
    timed_out: bool,
}

impl Chain {
    /// Starts the first command of `list`; `None` when there is nothing to run.
    pub fn start(list: List, rules: &Rules, now: Uptime, out: &mut Vec<Action>) -> Option<Chain> {
        Chain::start_at(list, 0, rules, now, out)
    }

    /// Starts the command after this one; `None` when this was the last.
    pub fn advance(&self, rules: &Rules, now: Uptime, out: &mut Vec<Action>) -> Option<Chain> {
        Chain::start_at(self.list, self.next, rules, now, out)
    }

    fn start_at(list: List, place: usize, rules: &Rules, now: Uptime, out: &mut Vec<Action>) -> Option<Chain> {
        let hook = rules.list(list).get(place)?.clone();
        out.push(Action::Announce(hook.child));
        out.push(Action::Spawn(hook.child));
        let time_out_at = hook.timeout.map(|limit| now.after(limit));
        Some(Chain {
            list,
            next: place.saturating_add(1),
            hook,
            started: now,
            time_out_at,
            kill_at: None,
            timed_out: false,
        })
    }

    /// The rules of the command that runs.
    pub fn hook(&self) -> &HookRule {
        &self.hook
    }

    /// Asks the running command to end; KILL at `kill_at`, if that is ever.
    pub fn ask_to_end(&mut self, signal: Signal, kill_at: Option<Uptime>, out: &mut Vec<Action>) {
        self.time_out_at = None;
        self.kill_at = earliest(self.kill_at, kill_at);
        self.signal(signal, out);
        if signal != Signal::KILL {
            // A stopped process acts on nothing else.
            self.signal(Signal::CONT, out);
        }
    }

    /// Sees to it that the command is killed at `end`, whatever its own limits are.
    pub fn end_by(&mut self, end: Uptime) {
        self.kill_at = Some(self.kill_at.map_or(end, |own| own.min(end)));
    }

    /// Acts on the deadlines that have come.
    pub fn act_on_deadline(&mut self, now: Uptime, out: &mut Vec<Action>) {
        if due(self.kill_at, now) {
            self.kill_at = None;
            out.push(Action::Note(Note::Slow { child: self.hook.child }));
            self.signal(Signal::KILL, out);
        }
        if due(self.time_out_at, now) {
            self.timed_out = true;
            let limit = self.hook.timeout.unwrap_or_default();
            out.push(Action::Note(Note::HookTimedOut { child: self.hook.child, limit }));
            let kill_at = now.after(self.hook.stop_timeout);
            self.ask_to_end(Signal::TERM, Some(kill_at), out);
        }
    }

    pub fn deadline(&self) -> Option<Uptime> {
        earliest(self.time_out_at, self.kill_at)
    }

    pub fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether the command did what it should.
    pub fn succeeded(&self, ending: Ending) -> bool {
        ending.success() && !self.timed_out
    }

    /// What to log of a command that failed.
    pub fn failure(&self, ending: Ending, now: Uptime) -> Note {
        Note::HookFailed { child: self.hook.child, ending, after: self.ran_for(now) }
    }

    fn ran_for(&self, now: Uptime) -> Duration {
        now.since(self.started)
    }

    fn signal(&self, signal: Signal, out: &mut Vec<Action>) {
        out.push(Action::Signal { child: self.hook.child, signal, to: Recipient::Group });
    }
}
