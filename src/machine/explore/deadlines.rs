//! Which deadlines must be armed, and which must not.

use super::*;

impl State {
    pub fn check_deadlines(&self, event: Event, actions: &[Action]) -> Result<(), String> {
        let Machine { rules, phase, timed_out, kill_server_at, run_until, server, .. } = &self.machine;
        let World { now, alive, asked, dying, requested, .. } = &self.world;
        let deadline = self.machine.deadline();
        if event == Event::Deadline {
            demand(!due(deadline, *now), "a deadline that was acted on is still due: the loop would spin")?;
        }
        // One that the kernel does not get to is waited for.
        if let (Event::Deadline, Some((_, at)), Some(budget), true) =
            (event, requested, rules.stop.budget, dying.is_empty())
        {
            demand(*now <= at.after(budget), "the stop takes longer than its budget")?;
        }
        let last = alive.contains(&POST_STOP) && !dying.contains_key(&POST_STOP);
        if let (Some((_, at)), Some(total), true) = (requested, rules.stop.budget, last) {
            let end = Budget::new(*at, total).end();
            let ends = deadline.is_some_and(|deadline| deadline <= end);
            demand(ends, "the last hook runs, and nothing ends it with the budget")?;
        }
        let stopping = *phase == Phase::Stopping;
        demand(kill_server_at.is_none() || stopping, "the server's KILL is armed though nobody asked it to stop")?;
        let rule = rules.server.as_ref();
        let limited = rule.is_some_and(|rule| rule.stop_timeout.is_some())
            || rules.stop.budget.is_some() && requested.is_some()
            || timed_out.is_some();
        let wants_kill = stopping && limited && self.world.server_may_live_on();
        demand(!wants_kill || kill_server_at.is_some(), "the server was asked to stop, and its KILL is not armed")?;
        demand(run_until.is_none() || server.is_up(), "the run time of a server that is gone is still measured")?;
        let looks = deadline.is_some_and(|deadline| deadline <= now.after(A_SECOND));
        demand(!self.world.group_only || looks, "a group is to get empty, and nobody looks")?;
        let has_limit = rule.is_some_and(|rule| rule.run_limit.is_some()) && timed_out.is_none();
        demand(!server.is_up() || !has_limit || run_until.is_some(), "the server's run time is not measured")?;
        let lists = [&rules.deploy, &rules.post_deploy, &rules.pre_stop, &rules.post_stop, &rules.on_failure];
        // One that nobody waits for any more is a leftover.
        let cut_short = self.machine.cut_short.as_ref().and_then(Chain::alive);
        let may_live_on =
            |child: ChildId| alive.contains(&child) && !dying.contains_key(&child) && cut_short != Some(child);
        let hooks = || lists.into_iter().flatten().filter(|hook| may_live_on(hook.child));
        let is_timed = hooks().any(|hook| hook.timeout.is_some());
        demand(!is_timed || deadline.is_some(), "a hook runs and its time is not measured")?;
        let mut limits = hooks().filter(|hook| asked.contains(&hook.child)).filter_map(|hook| hook.own_stop_timeout);
        let is_killed = limits.all(|limit| deadline.is_some_and(|deadline| deadline <= now.after(limit)));
        demand(is_killed, "a hook was asked to end that says how long it has, and nothing kills it then")?;
        let stops_hook = actions.iter().any(|action| matches!(action, Action::Note(Note::HookTimedOut { .. })));
        demand(!stops_hook || deadline.is_some(), "a hook out of time was asked to end, and its KILL is not armed")?;
        let resume = self.world.pausing.values().min().filter(|_| !self.world.is_stopping());
        let resumes = resume.is_none_or(|resume| deadline.is_some_and(|deadline| deadline <= *resume));
        demand(resumes, "a command is to be tried again, and nothing ends the pause")
    }

    /// The next deadline of the machine is not only another look at the server's group.
    pub fn waits_for_more_than_a_look(&self) -> bool {
        let unless_emptying = Machine { server: Server::Running, ..self.machine.clone() };
        unless_emptying.deadline().is_some()
    }
}
