//! What is handed on before its turn: neither the time nor what else the turn brings may make a difference.

use super::*;

/// Those that mean something, and one that does not.
const SIGNALS: [Signal; 9] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::TERM,
    Signal::CONT,
    Signal::TSTP,
    Signal::WINCH,
    Signal::HALT,
];

impl State {
    pub fn check_handing_on(&self) -> Result<(), String> {
        for signal in SIGNALS.into_iter().filter(|signal| self.machine.only_hands_on(*signal)) {
            let (told, actions) = self.told_at(Uptime::default(), signal);
            let late = self.told_at(self.world.now.after(Duration::from_secs(86_400)), signal);
            demand(
                (&told, &actions) == (&late.0, &late.1),
                "the time makes a difference for a signal handed on early",
            )?;
            demand(actions.iter().all(is_sent_early), "more is done early than to hand a signal on to the server")?;
            demand(!self.world.group_only, "a signal is sent to a group that nobody has asked for")?;
            for happening in self.happenings() {
                if let Happening::Tell(end @ Event::Ended { .. }) = happening {
                    self.check_order(Event::Signal(signal), end)?;
                }
            }
        }
        Ok(())
    }

    fn told_at(&self, now: Uptime, signal: Signal) -> (Machine, Vec<Action>) {
        let (mut machine, mut actions) = (self.machine.clone(), Vec::new());
        machine.step(now, Event::Signal(signal), &mut actions);
        (machine, actions)
    }
}

/// After KILL, and after CONT for one that has ended, the loop counts how long the server takes to go.
fn is_sent_early(action: &Action) -> bool {
    let Action::Signal { child: SERVER, signal, .. } = *action else { return false };
    ![Signal::KILL, Signal::CONT].contains(&signal)
}
