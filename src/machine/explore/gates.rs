//! What must hold before the server starts, and before app-init ends.

use super::*;

impl State {
    /// The server may start.
    pub fn check_boot(&mut self, action: Action) -> Result<(), String> {
        let wanted = match action {
            Action::Spawn(_) => Mode::Supervise,
            Action::Exec(_) => Mode::Exec,
            _ => Mode::Keeper,
        };
        demand(self.machine.rules.mode == wanted, "the server is started, which is somebody else's business")?;
        demand(self.world.requested.is_none(), "the server is started after a stop request")?;
        demand(self.world.boot_failed.is_none(), "the server is started though a hook failed")?;
        let deployed = mem::take(&mut self.world.deployed);
        match self.machine.rules.deploy.iter().find(|hook| !deployed.contains(&hook.child)) {
            Some(hook) => Err(format!("the server is started and {:?} never was", hook.child)),
            None => Ok(()),
        }
    }

    pub fn check_exit(&self, outcome: Outcome) -> Result<(), String> {
        if self.machine.server.is_up() {
            return Err("exit while the server is up".into());
        }
        let World { server_ended, boot_failed, given_up, requested, alive, asked, .. } = &self.world;
        let rules = &self.machine.rules;
        let timed_out = matches!(outcome, Outcome::TimedOut { .. });
        let settled = match (*server_ended, *boot_failed, *requested) {
            _ if given_up.is_some() => *given_up,
            _ if timed_out => None,
            (Some(ending), _, _) => Some(Outcome::Server(ending)),
            (None, Some(failed), _) => Some(failed),
            // A keeper whose server runs is through, and so is the one hook that was asked for.
            (None, None, Some((signal, _))) if !matches!(rules.mode, Mode::Keeper | Mode::HookOnly) => {
                Some(Outcome::Interrupted(signal))
            }
            (None, None, _) => None,
        };
        if let Some(settled) = settled.filter(|settled| *settled != outcome) {
            return Err(format!("it is {settled:?}, and app-init ends with {outcome:?}"));
        }
        if timed_out && rules.server.as_ref().is_none_or(|server| server.run_limit.is_none()) {
            return Err("a time limit that nobody set".into());
        }
        if let Some(child) = alive.difference(asked).next() {
            return Err(format!("exit, and {child:?} was never asked to end"));
        }
        Ok(())
    }

    /// Where leftovers are not simply left alone, nobody is left behind who was not killed and given time to go; and the
    /// last hook runs.
    pub fn check_end(&self, before: &Before) -> Result<(), String> {
        let over = matches!(self.machine.phase, Phase::Closing(_) | Phase::Done);
        if !over || matches!(before.phase, Phase::Closing(_)) {
            // What `post-stop` itself leaves behind ends with PID 1.
            return Ok(());
        }
        let World { now, orphan, alive, dying, leftovers_killed, server_ended, .. } = &self.world;
        let Rules { mode, post_stop, stop, .. } = &self.machine.rules;
        let hangs = |killed: Option<&Uptime>| killed.is_some_and(|at| at.after(AFTER_KILL) <= *now);
        let mut ours = alive.iter().filter(|child| **child != POST_STOP);
        demand(ours.all(|child| hangs(dying.get(child))), "a command of the plan is left behind")?;
        let stay = self.keeps_leftovers() && self.world.exited == Some(Outcome::Completed);
        let left_alone = stop.leftovers == Leftovers::Ignore && leftovers_killed.is_none();
        let in_order = !*orphan || hangs(leftovers_killed.as_ref()) || left_alone || stay;
        demand(in_order, "leftovers did not end in time and were not killed")?;
        // A budget may have no time left for it.
        let had_server = server_ended.is_some_and(|ending| !matches!(ending, Ending::NotStarted { .. }));
        let closes = *mode == Mode::Supervise && had_server && stop.budget.is_none();
        demand(!self.machine.is_done() || !closes || post_stop.is_empty(), "exit without post-stop")
    }

    /// When a turn is over, nobody waits for who is gone, or for who is none of app-init's business.
    pub fn check_turn(&self, alone: bool) -> Result<(), String> {
        let Machine { rules, phase, .. } = &self.machine;
        let World { alive, leftovers_killed, .. } = &self.world;
        let waits = matches!(phase, Phase::Leftovers { .. });
        demand(!alone || !waits, "nobody is left and it waits for leftovers")?;
        let left_alone = rules.stop.leftovers == Leftovers::Ignore && leftovers_killed.is_none() && alive.is_empty();
        demand(!left_alone || !waits, "it waits for leftovers that are to be left alone")?;
        let waits_for_news = matches!(phase, Phase::Waiting | Phase::Handover | Phase::Done);
        if self.world.alone() && !waits_for_news && self.machine.deadline().is_none() {
            return Err(format!("nothing can ever move {phase:?}"));
        }
        Ok(())
    }

    fn keeps_leftovers(&self) -> bool {
        self.machine.rules.mode == Mode::Prelude { keeps_leftovers: true }
    }
}
