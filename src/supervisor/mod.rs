//! The loop: wait, take one signal, hand it on if that is all it asks for, or reap until nothing, step, act. One thread, one
//! wait, and nothing in it can fail. How it acts is in [`obeying`].

mod keeper;
mod obeying;
mod overdue;

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::values::HookOutput;
use crate::machine::{Action, ChildId, Ending, Event, Machine, Mode, Outcome, Rules, Signal, SignalTarget, Uptime};
use crate::plan::Plan;
use crate::sys::children::{Change, Children};
use crate::sys::clock::Clock;
use crate::sys::output::Stream;
use crate::sys::signals::{self, Inherited, Wake};
use crate::sys::terminal::{self, Terminal};
use crate::sys::written::Written;
use crate::sys::{arena, descriptors, last_resort, prctl};

use keeper::Link;
use overdue::Overdue;

/// How many actions one step can take without asking for memory.
const ACTIONS: usize = 16;

/// How many signals are handed on in a row before everything else is looked after.
const IN_A_ROW: u32 = 16;

/// How a plan ended.
#[derive(Debug)]
pub struct End {
    /// What app-init exits with.
    pub code: u8,
    /// What that comes of.
    pub outcome: Outcome,
    /// What the hooks wrote for the environment; `None` where it was too much.
    pub written: Option<Vec<u8>>,
}

impl Default for End {
    /// Nothing was done.
    fn default() -> End {
        End { code: 0, outcome: Outcome::HelperEnded(0), written: None }
    }
}

/// Does what `plan` says until there is nothing left to do.
#[must_use]
pub fn supervise(plan: &Plan, inherited: Inherited) -> End {
    let is_pid_1 = signals::own_pid() == 1;
    // 4. PID 1, or the one that orphans are given to. In exec mode the server would inherit that, and never reap.
    if !is_pid_1 && plan.rules.mode != Mode::Exec {
        match prctl::become_subreaper() {
            Ok(()) => log::debug!("not PID 1: orphans below are adopted as a child subreaper"),
            Err(error) => log::warn!("cannot become a child subreaper ({}): orphans cannot be reaped", error.desc()),
        }
    }
    if let Some(signal) = plan.parent_death_signal
        && !prctl::ask_for_parent_death_signal(signal)
    {
        log::warn!("cannot ask for {signal} when the parent ends: it is gone already, or this is refused");
    }
    if let Some(uid) = plan.hands_over_to {
        descriptors::hand_over_standard(uid);
    }
    if !plan.rules.plain {
        arena::make_list_of_destructors();
    }
    let terminal = Terminal::in_foreground();
    let mut rules = plan.rules.clone();
    rules.terminal = terminal.is_some();
    rules.foreground = terminal.is_some();
    rules.top_of_session = is_pid_1 || terminal.is_some() && terminal::top_of_session();
    Supervisor::new(plan, rules, terminal, None, inherited).run()
}

/// The loop's state.
#[derive(Debug)]
pub struct Supervisor<'p> {
    plan: &'p Plan,
    rules: Rules,
    machine: Machine,
    children: Children,
    terminal: Option<Terminal>,
    clock: Clock,
    /// The time of this turn: everything that one wake-up brings happens at once.
    now: Uptime,
    inherited: Inherited,
    /// In exec mode: the line between the process that will be the server and its keeper.
    link: Option<Link>,
    /// Who has nothing more to do but to go.
    overdue: Overdue,
    /// The last signal that was refused.
    unsent: Option<(ChildId, Signal)>,
    /// The last hook that failed, for the hook that tells somebody.
    failed: Option<(ChildId, Ending)>,
    announcements: Stream,
    /// What hooks write for the environment of what comes after them.
    written: Option<Written>,
    actions: Vec<Action>,
    end: Option<Outcome>,
    code: u8,
}

impl<'p> Supervisor<'p> {
    pub fn new(
        plan: &'p Plan,
        rules: Rules,
        terminal: Option<Terminal>,
        link: Option<Link>,
        inherited: Inherited,
    ) -> Self {
        let count = plan.programs.len().saturating_add(1);
        let grouped = rules.server.as_ref().filter(|server| server.target == SignalTarget::Group);
        let grouped = grouped.map(|server| server.child);
        Supervisor {
            plan,
            machine: Machine::new(rules.clone()),
            rules,
            children: Children::new(count, grouped, inherited),
            terminal,
            clock: Clock::default(),
            now: Uptime::default(),
            inherited,
            link,
            overdue: Overdue::default(),
            unsent: None,
            failed: None,
            announcements: match plan.hook_output {
                HookOutput::Stdout => Stream::standard_output(),
                HookOutput::Stderr => Stream::standard_error(),
            },
            written: None,
            actions: Vec::with_capacity(ACTIONS),
            end: None,
            code: 0,
        }
    }

    /// 5. From here on nothing may fail: every outcome is an event.
    #[must_use]
    pub fn run(mut self) -> End {
        last_resort::guard();
        let mut changes = Vec::with_capacity(ACTIONS);
        self.now = self.clock.now();
        self.tell(Event::Begin);
        if self.children.has_started_none() {
            // Nothing runs and nothing will wake the loop: whether orphans were there from the start decides what is next.
            let _ = self.children.reap(&mut changes);
        }
        self.end_turn();
        // What was said before its news could be announced.
        if let Some(event) = self.link.as_mut().and_then(Link::news) {
            self.tell(event);
            self.end_turn();
        }
        let mut more = false;
        let mut in_a_row = 0_u32;
        loop {
            if let Some(outcome) = self.end {
                let written = self.written.take().map_or(Some(Vec::new()), Written::into_bytes);
                let end = End { code: self.code, outcome, written };
                // The process ends now: giving its memory back piece by piece would only make that later.
                std::mem::forget(self);
                return end;
            }
            let deadline = self.machine.deadline().into_iter().chain(self.overdue.deadline()).min();
            let limit = deadline.map(|deadline| deadline.since(self.clock.now()));
            let wake = signals::wait(if more { Some(Duration::ZERO) } else { limit });
            let handed_on = self.hand_on(wake);
            in_a_row = in_a_row.saturating_add(1);
            if handed_on && !more && in_a_row < IN_A_ROW && !self.machine.wants_the_time() {
                // Whoever has ended in the meantime is announced by the next wait.
                continue;
            }
            in_a_row = 0;
            more = self.children.reap(&mut changes);
            self.now = self.clock.now();
            more |= self.take_turn(if handed_on { Wake::Look } else { wake }, handed_on, &mut changes);
        }
    }

    /// Hands a signal on before anything else is done, where that is all that it comes to. The server's first process keeps
    /// its number, and its group's, until it is reaped, so nobody else can get the signal.
    fn hand_on(&mut self, wake: Wake) -> bool {
        let Wake::Signal(signal) = wake else { return false };
        let hands_on = self.machine.only_hands_on(signal);
        if hands_on {
            self.tell(Event::Signal(signal));
        }
        hands_on
    }

    /// Tells the machine what else one turn has brought: endings first, so that a stop request never meets a child that is
    /// gone. `true`: there is more than one turn takes.
    fn take_turn(&mut self, wake: Wake, handed_on: bool, changes: &mut Vec<Change>) -> bool {
        let mut news = handed_on || !changes.is_empty();
        let more = match &mut self.written {
            Some(written) if news => written.end_line(),
            Some(written) => written.take_in(),
            None => false,
        };
        self.overdue.retain(|child| self.children.is_there(child));
        for change in changes.drain(..) {
            self.tell(match change {
                Change::Ended(child, ending) => Event::Ended { child, ending },
                Change::Suspended(child) => Event::Suspended { child },
                Change::Resumed(child) => Event::Resumed { child },
            });
        }
        if let Some(child) = self.children.take_emptied_group() {
            self.tell(Event::GroupEmpty { child });
        }
        if let Wake::Signal(signal) = wake {
            news = true;
            self.tell(Event::Signal(signal));
        }
        if let Some(event) = self.link.as_mut().and_then(Link::news) {
            news = true;
            self.tell(event);
        }
        if let Some(deadline) = self.machine.deadline()
            && deadline <= self.now
        {
            news = true;
            self.tell(Event::Deadline);
        }
        while let Some(child) = self.overdue.take_due(self.now) {
            news = true;
            self.give_up(child);
        }
        if news || self.children.is_alone() {
            self.end_turn();
        }
        more
    }

    /// Everything of this turn is told. What comes of that at once, such as an exec that is refused, is a turn of its own:
    /// nothing else might ever wake the loop for it.
    fn end_turn(&mut self) {
        while self.tell(Event::TurnOver { alone: self.children.is_alone() }) {}
    }

    /// Takes one event to the machine and does what it says, with what comes of that; whether anything came.
    fn tell(&mut self, event: Event) -> bool {
        let mut events = VecDeque::new();
        let mut next = Some(event);
        let mut told = 0_u32;
        while let Some(event) = next {
            if self.machine.is_done() {
                return false;
            }
            told = told.saturating_add(1);
            let mut actions = std::mem::take(&mut self.actions);
            self.machine.step(self.now, event, &mut actions);
            let mut rest = actions.as_slice();
            while !rest.is_empty() {
                let together = rest.iter().take_while(|action| is_line_or_signal(**action)).count();
                let (now, later) = rest.split_at(together.max(1));
                // A stop is handed on before its line is made, which takes time and memory.
                for first in [true, false] {
                    for &action in now.iter().filter(|action| asks(**action) == first) {
                        events.extend(self.perform(action));
                    }
                }
                rest = later;
            }
            actions.clear();
            self.actions = actions;
            next = events.pop_front();
        }
        told > 1
    }
}

fn is_line_or_signal(action: Action) -> bool {
    matches!(action, Action::Note(_) | Action::Signal { .. } | Action::SignalLeftovers(_))
}

/// Whether it asks somebody to do something. Whom KILL takes away is named before.
fn asks(action: Action) -> bool {
    let (Action::Signal { signal, .. } | Action::SignalLeftovers(signal)) = action else { return false };
    signal != Signal::KILL
}
