//! Walks every state that the machine can reach for a set of small plans and holds each step against the invariants.
//!
//! The [`World`] beside the machine knows what a kernel would know: who is alive, who was killed, whether an orphan is
//! left. From every state every event that such a world could produce is tried, with few signals, so that the walk ends.
//! Each step is held against four kinds of invariants: what an action may do to the world ([`State::perform`]), how an
//! event must be answered ([`State::check_answer`]), when app-init may end ([`State::check_end`]), and which deadlines must
//! be armed ([`State::check_deadlines`]); each state against what may be handed on early ([`State::check_handing_on`]). `tests/mutants` breaks the machine in many ways and expects this test to fail
//! each time.

mod answers;
mod before;
mod deadlines;
mod gates;
mod handing_on;
mod happenings;
mod parts;
mod plans;
mod world;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::passing::asks_to_stop;
use super::stopping::Budget;
use super::*;

use before::Before;
use happenings::{A_SECOND, FAILED, Happening};
use parts::*;
use plans::plans;
use world::World;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    machine: Machine,
    world: World,
}

impl State {
    fn new(rules: &Rules) -> State {
        State { machine: Machine::new(rules.clone()), world: World::default() }
    }

    /// Lets `happening` happen, and the turn end.
    fn after(&self, happening: Happening) -> Result<State, String> {
        let mut next = self.clone();
        match happening {
            Happening::Tell(event) => next.tell(event)?,
            Happening::TellAndStop(event) => {
                next.tell(event)?;
                if !next.machine.is_done() {
                    next.tell(Event::Signal(Signal::TERM))?;
                }
            }
            Happening::EndsLeavingOrphan(child) => {
                next.world.orphan = true;
                next.tell(Event::Ended { child, ending: Ending::Exited(0) })?;
            }
            Happening::OrphanEnds => next.world.orphan = false,
            Happening::ASecondPasses => {
                next.world.waited = true;
                next.world.now = next.world.now.after(A_SECOND);
            }
        }
        next.end_turn()?;
        Ok(next)
    }

    fn end_turn(&mut self) -> Result<(), String> {
        if self.machine.is_done() {
            return Ok(());
        }
        let alone = self.world.alone();
        self.tell(Event::TurnOver { alone })?;
        self.check_turn(alone)
    }

    fn tell(&mut self, event: Event) -> Result<(), String> {
        let before = self.before(event);
        self.take_note(event, &before)?;
        let mut actions = Vec::new();
        self.machine.step(self.world.now, event, &mut actions);
        for (place, &action) in actions.iter().enumerate() {
            self.perform(action, place + 1 == actions.len())?;
        }
        self.check_answer(&before, event, &actions)?;
        self.check_end(&before)?;
        self.check_deadlines(event, &actions)
    }

    fn rule(&self, child: ChildId) -> Option<&HookRule> {
        let Rules { deploy, post_deploy, pre_stop, post_stop, on_failure, .. } = &self.machine.rules;
        let lists = [deploy, post_deploy, pre_stop, post_stop, on_failure];
        lists.into_iter().flatten().find(|rule| rule.child == child)
    }
}

fn demand(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// More than any plan needs: a machine that gets nowhere new would be walked for ever.
const FAR_TOO_MANY: usize = 150_000;

/// Walks everything that `rules` can lead to; the number of states, or what went wrong and how to get there.
fn explore(name: &str, rules: &Rules) -> Result<usize, String> {
    let first = State::new(rules);
    let mut seen = HashSet::from([first.clone()]);
    // Each state with the place of the one before it, so that a fault can be told as a story.
    let mut steps: Vec<(usize, Option<Happening>)> = vec![(0, None)];
    let mut open = VecDeque::from([(0, first)]);
    let mut ends = 0;
    while let Some((place, state)) = open.pop_front() {
        let story = |fault: String, last: Option<Happening>| {
            let mut path = Vec::from_iter(last);
            let mut place = place;
            while let (before, Some(happening)) = steps[place] {
                path.push(happening);
                place = before;
            }
            path.reverse();
            format!("{name}: {fault}\nafter {path:?}")
        };
        check_that_order_does_not_matter(&state).map_err(|fault| story(fault, None))?;
        state.check_handing_on().map_err(|fault| story(fault, None))?;
        if seen.len() > FAR_TOO_MANY {
            return Err(story("the walk does not end".into(), None));
        }
        let mut found = Vec::new();
        for happening in state.happenings() {
            let next = state.after(happening).map_err(|fault| story(fault, Some(happening)))?;
            ends += usize::from(next.machine.is_done());
            if seen.insert(next.clone()) {
                found.push((happening, next));
            }
        }
        for (happening, next) in found {
            open.push_back((steps.len(), next));
            steps.push((place, Some(happening)));
        }
    }
    if ends == 0 {
        return Err(format!("{name}: no way leads to the exit"));
    }
    Ok(seen.len())
}

/// The server's end and any other news of the same turn: whichever is told first, app-init ends with the same outcome.
fn check_that_order_does_not_matter(state: &State) -> Result<(), String> {
    if !state.world.alive.contains(&SERVER) || state.world.group_only || state.machine.run_until.is_some() {
        return Ok(());
    }
    let server_ends = Event::Ended { child: SERVER, ending: Ending::Exited(FAILED) };
    for happening in state.happenings() {
        let Happening::Tell(other) = happening else { continue };
        let is_ours = matches!(other, Event::Ended { child: SERVER, .. });
        if is_ours || other == Event::Deadline || matches!(other, Event::Suspended { .. } | Event::Resumed { .. }) {
            continue;
        }
        state.check_order(server_ends, other)?;
    }
    Ok(())
}

impl State {
    /// Whichever of two news of a turn is told first, app-init ends with the same outcome.
    fn check_order(&self, one: Event, other: Event) -> Result<(), String> {
        let outcome = |events: [Event; 2]| -> Result<Option<Outcome>, String> {
            let mut state = self.clone();
            for event in events {
                if !state.machine.is_done() {
                    state.tell(event)?;
                }
            }
            state.end_turn()?;
            state.settle()
        };
        let (here, there) = (outcome([one, other])?, outcome([other, one])?);
        if here != there {
            return Err(format!("{one:?} and {other:?}: {here:?} in this order, {there:?} in the other"));
        }
        Ok(())
    }

    /// Lets everybody end with 0, one after another.
    fn settle(mut self) -> Result<Option<Outcome>, String> {
        for _ in 0..50 {
            if self.machine.is_done() {
                break;
            }
            let happening = match self.world.alive.first().copied() {
                Some(child) if child == SERVER && self.world.group_only => Happening::Tell(Event::GroupEmpty { child }),
                Some(child) => Happening::Tell(Event::Ended { child, ending: Ending::Exited(0) }),
                None if self.world.orphan => Happening::OrphanEnds,
                None => Happening::Tell(Event::Deadline),
            };
            self = self.after(happening)?;
        }
        Ok(self.world.exited)
    }
}

#[test]
fn every_reachable_state_keeps_the_invariants() {
    let mut total = 0;
    for (name, rules) in plans() {
        match explore(name, &rules) {
            Ok(states) => {
                println!("{states:>7} states: {name}");
                total += states;
            }
            Err(fault) => panic!("{fault}"),
        }
    }
    assert!(total > 10_000, "only {total} states: the walk does not get anywhere");
}

/// A stop signal is handed on before the turn's other news is known: that the server was suspended, for example, which then
/// acts on nothing until it goes on. Whichever is told first, it is made to.
#[test]
fn a_stop_that_meets_a_suspension_lets_the_server_go_on() {
    for (name, rules) in plans().into_iter().filter(|(_, rules)| rules.plain) {
        let (suspended, stop) = (Event::Suspended { child: SERVER }, Event::Signal(Signal::TERM));
        for events in [[suspended, stop], [stop, suspended]] {
            let mut machine = Machine::new(rules.clone());
            machine.step(Uptime::default(), Event::Begin, &mut Vec::new());
            let mut actions = Vec::new();
            for event in events {
                machine.step(Uptime::default(), event, &mut actions);
            }
            let goes_on = matches!(actions.last(), Some(Action::Signal { signal: Signal::CONT, .. }));
            assert!(goes_on, "{name}: {events:?} {actions:?}");
        }
    }
}
