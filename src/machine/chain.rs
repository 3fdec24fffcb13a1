//! Commands of one hook, run one after another, each within its time.

use std::time::Duration;

use super::news::{Action, Ending, Note, Recipient};
use super::rules::{ChildId, HookRule, List, Rules};
use super::signal::Signal;
use super::time::{Uptime, due, earliest};

/// What the place in the list is at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// The command, or the question, runs.
    Running,
    /// It failed, and is started again then.
    Pausing { until: Uptime },
}

/// A hook that runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    list: List,
    /// The place of the command after this one.
    next: usize,
    hook: HookRule,
    step: Step,
    started: Uptime,
    /// How often it was started again.
    retries: u16,
    /// Its time limit; gone once it was acted on.
    time_out_at: Option<Uptime>,
    /// It was asked to end; then KILL.
    kill_at: Option<Uptime>,
    /// No command of the chain lives longer, whatever its own limits are.
    end: Option<Uptime>,
    /// Its time was over: it has failed, however it ends.
    timed_out: bool,
    /// Somebody wants it to end: nothing of it is started any more.
    asked_to_end: bool,
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
        let mut chain = Chain {
            list,
            next: place.saturating_add(1),
            step: Step::Running,
            hook,
            started: now,
            retries: 0,
            time_out_at: None,
            kill_at: None,
            end: None,
            timed_out: false,
            asked_to_end: false,
        };
        chain.run(now, out);
        Some(chain)
    }

    fn run(&mut self, now: Uptime, out: &mut Vec<Action>) {
        if !self.hook.helper && self.hook.skips.is_none() {
            out.push(Action::Announce(self.hook.child));
        }
        out.push(Action::Spawn(self.hook.child));
        self.step = Step::Running;
        self.started = now;
        self.time_out_at = self.hook.timeout.map(|limit| now.after(limit));
        self.kill_at = self.end;
        self.timed_out = false;
    }

    /// The rules of the command that the chain is at.
    pub fn hook(&self) -> &HookRule {
        &self.hook
    }

    /// The child that is alive now; `None` while the chain pauses.
    pub fn alive(&self) -> Option<ChildId> {
        match self.step {
            Step::Running => Some(self.hook.child),
            Step::Pausing { .. } => None,
        }
    }

    /// A command runs, which may have changed something: not a question.
    pub fn is_at_work(&self) -> bool {
        self.step == Step::Running && self.hook.skips.is_none()
    }

    /// Takes the end of the child that is alive. `Some`: the command is over, with this ending; `None`: the chain goes on
    /// with it. Nothing is started unless `may_start`.
    pub fn take_end(&mut self, ending: Ending, may_start: bool, now: Uptime, out: &mut Vec<Action>) -> Option<Ending> {
        let may_start = may_start && !self.asked_to_end;
        if let Some(skips) = self.hook.skips {
            let is_nothing_to_do = self.succeeded(ending);
            let is_refused = ending.is_distrusted();
            if is_nothing_to_do {
                out.push(Action::Note(Note::NothingToDo { question: self.hook.child }));
            }
            if is_nothing_to_do || is_refused {
                self.next = self.next.saturating_add(usize::from(skips));
            }
            if is_refused {
                // What it is asked for must not run without an answer, whatever a failure means.
                return Some(ending);
            }
            // Whatever else it says, there may be something to do.
            self.timed_out = false;
            return Some(Ending::Exited(0));
        }
        let in_time = |delay: &Duration| self.end.is_none_or(|end| now.after(*delay) < end);
        let delay = self.delay_before_retry(ending).filter(|delay| may_start && in_time(delay));
        let Some(delay) = delay else { return Some(ending) };
        let (child, after) = (self.hook.child, self.ran_for(now));
        out.push(Action::Note(Note::Retrying { child, ending, after, delay }));
        self.retries = self.retries.saturating_add(1);
        self.time_out_at = None;
        self.kill_at = None;
        self.step = Step::Pausing { until: now.after(delay) };
        None
    }

    /// How long to wait before the command is tried again; `None`: it is not.
    fn delay_before_retry(&self, ending: Ending) -> Option<Duration> {
        let retry = self.hook.retry.as_ref().filter(|retry| self.retries < retry.max && !self.succeeded(ending))?;
        let counts = match ending {
            Ending::Exited(code) => retry.on_codes.is_empty() || retry.on_codes.contains(&code),
            Ending::Killed { .. } => retry.on_codes.is_empty(),
            // What is not there now will not be there in a second.
            Ending::NotStarted { .. } => false,
        };
        let doubled = 1_u32.checked_shl(u32::from(self.retries)).unwrap_or(u32::MAX);
        counts.then(|| retry.backoff.saturating_mul(doubled).min(retry.max_backoff))
    }

    /// Asks what runs to end; KILL at `kill_at`, if that is ever, or when its own time is over. Nothing more of this chain
    /// is started.
    pub fn ask_to_end(&mut self, signal: Signal, kill_at: Option<Uptime>, out: &mut Vec<Action>) {
        self.asked_to_end = true;
        self.request_end(signal, kill_at, out);
    }

    /// When it is killed if it is asked to end now, by what it says itself.
    pub fn own_kill_at(&self, now: Uptime) -> Option<Uptime> {
        self.hook.own_stop_timeout.map(|timeout| now.after(timeout))
    }

    fn request_end(&mut self, signal: Signal, kill_at: Option<Uptime>, out: &mut Vec<Action>) {
        if self.alive().is_some() {
            self.kill_at = earliest(self.kill_at, kill_at);
        }
        self.signal(signal, out);
        if signal != Signal::KILL {
            // A stopped process acts on nothing else.
            self.signal(Signal::CONT, out);
        }
    }

    /// Sees to it that the command is killed at `end`, whatever its own limits are.
    pub fn end_by(&mut self, end: Uptime) {
        self.end = Some(end);
        self.kill_at = Some(self.kill_at.map_or(end, |own| own.min(end)));
    }

    /// Acts on the deadlines that have come.
    pub fn act_on_deadline(&mut self, now: Uptime, out: &mut Vec<Action>) {
        if let Step::Pausing { until } = self.step
            && until <= now
        {
            self.run(now, out);
            return;
        }
        if due(self.kill_at, now) {
            self.kill_at = None;
            self.time_out_at = None;
            out.push(Action::Note(Note::Slow { child: self.hook.child }));
            self.signal(Signal::KILL, out);
        }
        if due(self.time_out_at, now) {
            self.timed_out = true;
            self.time_out_at = None;
            let limit = self.hook.timeout.unwrap_or_default();
            out.push(Action::Note(Note::HookTimedOut { child: self.hook.child, limit }));
            let kill_at = now.after(self.hook.stop_timeout);
            self.request_end(Signal::TERM, Some(kill_at), out);
        }
    }

    pub fn deadline(&self) -> Option<Uptime> {
        let resume = match self.step {
            Step::Pausing { until } => Some(until),
            Step::Running => None,
        };
        earliest(resume, earliest(self.time_out_at, self.kill_at))
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
        if let Some(child) = self.alive() {
            out.push(Action::Signal { child, signal, to: Recipient::Group });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{OnFailure, OnStop, Retry};
    use super::*;

    const FAILED: Ending = Ending::Exited(1);

    /// The pause, in milliseconds, before each retry of a command that always fails.
    fn pauses(max: u16, backoff: u64, max_backoff: u64) -> Vec<u128> {
        let [backoff, max_backoff] = [backoff, max_backoff].map(Duration::from_millis);
        let hook = HookRule {
            child: ChildId(1),
            timeout: None,
            stop_timeout: Duration::ZERO,
            own_stop_timeout: None,
            on_failure: OnFailure::Abort,
            on_stop: OnStop::Stop,
            skips: None,
            retry: Some(Retry { max, backoff, max_backoff, on_codes: Vec::new() }),
            helper: false,
        };
        let mut chain = Chain {
            list: List::Deploy,
            next: 1,
            hook,
            step: Step::Running,
            started: Uptime::default(),
            retries: 0,
            time_out_at: None,
            kill_at: None,
            end: None,
            timed_out: false,
            asked_to_end: false,
        };
        let mut pauses = Vec::new();
        while pauses.len() <= usize::from(max) {
            let Some(delay) = chain.delay_before_retry(FAILED) else { break };
            pauses.push(delay.as_millis());
            assert_eq!(chain.take_end(FAILED, true, Uptime::default(), &mut Vec::new()), None);
        }
        pauses
    }

    #[test]
    fn each_pause_is_twice_as_long_up_to_max_backoff() {
        assert_eq!(pauses(5, 500, 3000), [500, 1000, 2000, 3000, 3000]);
        assert_eq!(pauses(2, 5000, 3000), [3000, 3000]);
        assert_eq!(pauses(0, 500, 3000), []);
    }

    #[test]
    fn a_pause_stays_at_max_backoff_however_often_a_command_is_tried() {
        assert!(pauses(u16::MAX, 1, 30_000).iter().skip(15).all(|pause| *pause == 30_000));
    }
}
