//! How an event must be answered, whatever else comes of it.

use super::*;

impl State {
    pub fn check_answer(&self, before: &Before, event: Event, actions: &[Action]) -> Result<(), String> {
        let rules = &self.machine.rules;
        let does = |wanted: Action| actions.contains(&wanted);
        let deploying = matches!(before.phase, Phase::Deploying(_));
        match event {
            Event::Signal(_) if before.request => self.check_request(before, actions)?,
            Event::Signal(signal) if before.up => {
                let rewrite = rules.server.iter().flat_map(|server| &server.rewrite).find(|rule| rule.from == signal);
                let wanted = rewrite.map_or(Some(signal), |rule| rule.to);
                let is_handed_on = wanted.is_none_or(|wanted| place(actions, SERVER, wanted).is_some());
                demand(is_handed_on, "a signal was not handed on to the server")?;
            }
            Event::Signal(_) if rules.plain && matches!(before.phase, Phase::Leftovers { killed: false, .. }) => {
                demand(does(Action::SignalLeftovers(Signal::KILL)), "a signal did not end the wait for leftovers")?;
            }
            Event::KeeperReady { .. } if deploying && !before.requested => {
                demand(self.machine.phase == Phase::Settling, "the hooks are through, and nobody takes note")?;
            }
            Event::TurnOver { .. } if self.world.given_up.is_some() && before.phase == Phase::Serving => {
                let goes = rules
                    .pre_stop
                    .first()
                    .map_or(place(actions, SERVER, Signal::TERM).is_some(), |hook| does(Action::Spawn(hook.child)));
                demand(goes, "a poller failed without which the server must not go on, and it goes on")?;
            }
            Event::TurnOver { .. } if rules.mode == Mode::Exec && before.phase == Phase::Settling => {
                demand(does(Action::Exec(SERVER)), "the hooks are through, and the server does not start")?;
            }
            Event::Ended { child, ending } => self.check_ended(before, child, ending, actions)?,
            Event::Suspended { .. } if before.up && rules.foreground => {
                demand(!actions.is_empty(), "the server is suspended, and nobody will ever continue it")?;
            }
            _ => {}
        }
        let server_started = does(Action::Spawn(SERVER)) || event == Event::ServerRuns;
        demand(!server_started || starts(&rules.post_deploy, actions), "the server runs without its poller")?;
        let all_said = actions.iter().all(|action| match *action {
            Action::Spawn(child) => does(Action::Announce(child)) == self.is_announced(child),
            _ => true,
        });
        demand(all_said, "a hook is started without a word, or something else is announced")?;
        // Outside plain use, or a stopped process would never hear it.
        let unheard = |(at, action): (usize, &Action)| match *action {
            Action::Signal { child, signal: Signal::TERM | Signal::INT, .. } => {
                place(actions, child, Signal::CONT).is_none_or(|continued| continued < at)
            }
            _ => false,
        };
        demand(rules.plain || !actions.iter().enumerate().any(unheard), "somebody is asked to end and not continued")?;
        let drains = actions.iter().any(|action| matches!(action, Action::SignalLeftovers(_)));
        let is_through = self.world.requested.is_none() && self.world.boot_failed.is_none();
        let keeps = rules.mode == Mode::Prelude { keeps_leftovers: true } && is_through;
        demand(!drains || !keeps, "what the hooks left behind is to live on, and is ended")
    }

    fn is_announced(&self, child: ChildId) -> bool {
        self.rule(child).is_some_and(|rule| !rule.helper && rule.skips.is_none())
    }

    fn check_ended(&self, before: &Before, child: ChildId, ending: Ending, actions: &[Action]) -> Result<(), String> {
        let is_retry =
            |action: &Action| matches!(action, Action::Note(Note::Retrying { child: of, .. }) if *of == child);
        let retries = actions.iter().any(is_retry);
        demand(retries || !before.retry, "a command that is to be tried again is not")?;
        demand(before.retry || !retries, "a command is tried again that must not be")?;
        let blames = actions.iter().any(|action| matches!(action, Action::Note(Note::HookFailed { .. })));
        demand(!blames || !before.success, "a command that did its work is blamed")?;
        let is_alert = matches!(&before.phase, Phase::Alerting { alert, .. } if alert.alive() == Some(child));
        demand(!is_alert || blames || before.success || retries, "an alert failed, and nobody is told")?;
        if is_alert && !before.requested && !retries {
            let next = self.machine.rules.on_failure.iter().skip_while(|rule| rule.child != child).nth(1);
            let goes_on = next.is_none_or(|next| actions.contains(&Action::Spawn(next.child)));
            return demand(goes_on, "not everybody is told of the failed hook");
        }
        if child == POST_DEPLOY && !before.success {
            let next = self.machine.rules.post_deploy.get(1);
            let goes_on = next.is_some_and(|next| actions.contains(&Action::Spawn(next.child)));
            return demand(!goes_on, "what comes after a poller that failed is run");
        }
        let Phase::Deploying(_) = before.phase else { return Ok(()) };
        let deploy = &self.machine.rules.deploy;
        let Some(at) = deploy.iter().position(|rule| rule.child == child) else { return Ok(()) };
        let (rule, on_failure) = (&deploy[at], &self.machine.rules.on_failure);
        if before.requested {
            return Ok(());
        }
        if let Some(skips) = rule.skips
            && !ending.is_distrusted()
        {
            let skipped = if before.success { usize::from(skips) } else { 0 };
            let next = deploy.get(at + 1 + skipped).map(|rule| Action::Spawn(rule.child));
            let leads_there = next.is_none_or(|next| actions.contains(&next));
            return demand(leads_there, "the question's answer leads to another command");
        }
        if before.success || retries {
            return Ok(());
        }
        if rule.helper {
            // It has told them itself; but not, if it had no chance to.
            demand(blames || matches!(ending, Ending::Exited(_)), "a helper was killed, and nobody is told")?;
            return demand(on_failure.is_empty() || !starts(on_failure, actions), "a helper's failure is told twice");
        }
        demand(starts(on_failure, actions), "nobody is told of the failed hook")
    }

    fn check_request(&self, before: &Before, actions: &[Action]) -> Result<(), String> {
        if matches!(before.phase, Phase::Leftovers { killed: true, .. }) {
            return Ok(());
        }
        let any = |wanted: fn(&Action) -> bool| actions.iter().any(wanted);
        let is_heard = any(|action| !matches!(action, Action::Note(Note::StopRequested { .. })));
        demand(is_heard, "nobody heard the stop request")?;
        let finishes = |action: &Action| match *action {
            Action::Note(Note::FinishingFirst { child }) => {
                let rule = self.rule(child).filter(|rule| rule.on_stop == OnStop::Finish && rule.skips.is_none());
                !before.requested && rule.is_some() && self.world.alive.contains(&child)
            }
            _ => true,
        };
        demand(actions.iter().all(finishes), "a stop request is put off, and nothing is there that may finish first")?;
        let is_at_once = matches!(before.phase, Phase::PreStop { .. }) || self.machine.phase != before.phase;
        demand(!before.pauses || is_at_once, "a stop request does not end a pause")?;
        let kills = any(|action| {
            matches!(action, Action::Signal { signal: Signal::KILL, .. } | Action::SignalLeftovers(Signal::KILL))
        });
        // In exec mode the keeper counts for itself.
        let is_heard_by_keeper = self.machine.rules.mode == Mode::Exec;
        let over = self.machine.is_done();
        demand(kills || over || !before.insists || is_heard_by_keeper, "a third INT, and nobody is killed")?;
        if before.phase != Phase::Serving {
            return Ok(());
        }
        let withdraws = any(|action| *action == Action::Spawn(PRE_STOP));
        demand(withdraws || self.machine.rules.pre_stop.is_empty(), "stopping without pre-stop")?;
        if !self.world.alive.contains(&POST_DEPLOY) {
            return Ok(());
        }
        let poller = place(actions, POST_DEPLOY, Signal::TERM).ok_or("the poller was not asked to stop")?;
        let of_server = |action: &Action| matches!(action, Action::Signal { child: SERVER, .. });
        let server = actions.iter().position(of_server);
        demand(server.is_none_or(|server| poller < server), "the server was asked to stop before the poller")
    }
}

/// Where among the actions `child` is sent `signal` last.
fn place(actions: &[Action], child: ChildId, signal: Signal) -> Option<usize> {
    actions.iter().rposition(
        |action| matches!(action, Action::Signal { child: to, signal: sent, .. } if (*to, *sent) == (child, signal)),
    )
}

fn starts(list: &[HookRule], actions: &[Action]) -> bool {
    list.first().is_none_or(|hook| actions.contains(&Action::Spawn(hook.child)))
}
