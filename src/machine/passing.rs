//! Signals: which of them ask to stop, and what the server gets of the others.

use super::news::{Action, Recipient};
use super::rules::{ChildId, SignalTarget};
use super::signal::Signal;
use super::time::Uptime;
use super::{Machine, News, Server};

impl Machine {
    /// Hands a signal on to the server, or says that it is the phases' business.
    pub(super) fn sort(&mut self, signal: Signal, now: Uptime, out: &mut Vec<Action>) -> Option<News> {
        if self.is_stop_request(signal) {
            let kill = signal == Signal::INT && self.interrupts.insists(now);
            return Some(News::StopRequest { signal, kill });
        }
        if !self.server.is_up() {
            return Some(News::OtherSignal(signal));
        }
        if self.rules.plain && asks_to_stop(signal) {
            self.forwarded = true;
            self.send_stop_signal(signal, out);
        } else if let Some(to) = self.rewritten(signal) {
            self.signal_server(to, false, out);
        }
        None
    }

    /// A stop signal was handed on, and counts from this turn on: the turn has to be ended, with the time.
    #[must_use]
    pub fn wants_the_time(&self) -> bool {
        self.forwarded
    }

    /// Whether this signal, now, is handed on and nothing else: neither the time nor other news of the turn matter for that,
    /// so it may be told before either is known. A group without its first process is asked for first, since its number is
    /// free as soon as it is empty. KILL and CONT begin to count the time that the server has to go.
    #[must_use]
    pub fn only_hands_on(&self, signal: Signal) -> bool {
        let is_stop = self.rules.plain && asks_to_stop(signal);
        let sent = if is_stop { self.stop_signal(signal) } else { self.rewritten(signal) };
        let counts = self.suspended || matches!(sent, Some(Signal::KILL | Signal::CONT));
        matches!(self.server, Server::Running) && !counts && !self.is_stop_request(signal)
    }

    /// Whether this signal, now, asks to stop.
    #[must_use]
    pub fn is_stop_request(&self, signal: Signal) -> bool {
        let inherited_stop_signal = match self.server {
            // Images inherit nginx's or httpd's STOPSIGNAL: nobody else could want these before a server runs.
            Server::NotStarted => signal == Signal::QUIT || (signal == Signal::WINCH && !self.rules.terminal),
            Server::Running | Server::Emptying { .. } | Server::Gone { .. } => false,
        };
        !self.rules.plain && (inherited_stop_signal || self.rules.stop.signals.contains(&signal))
    }

    pub(super) fn rewritten(&self, signal: Signal) -> Option<Signal> {
        let rules = self.rules.server.as_ref().map_or(&[][..], |server| &server.rewrite);
        // As of other options, the last counts.
        match rules.iter().rfind(|rule| rule.from == signal) {
            Some(rule) => rule.to,
            None => Some(signal),
        }
    }

    /// What `asked` means for the server: its own stop signal, or what asked, or TERM.
    fn stop_signal(&self, asked: Signal) -> Option<Signal> {
        match self.rules.server.as_ref()?.stop_signal {
            Some(signal) => Some(signal),
            None if self.rules.plain || asked == Signal::INT => self.rewritten(asked),
            None => self.rewritten(Signal::TERM),
        }
    }

    /// Sends the server what `asked` means for it.
    pub(super) fn send_stop_signal(&mut self, asked: Signal, out: &mut Vec<Action>) {
        let Some(signal) = self.stop_signal(asked) else { return };
        self.signal_server(signal, true, out);
        if self.suspended || !self.rules.plain {
            // A stopped process acts on no signal but this one and KILL.
            self.signal_server(Signal::CONT, false, out);
        }
    }

    pub(super) fn signal_server(&self, signal: Signal, stop: bool, out: &mut Vec<Action>) {
        let Some(server) = &self.rules.server else { return };
        let to = match server.target {
            SignalTarget::Group => Recipient::Group,
            SignalTarget::Auto if stop => Recipient::AutoStop,
            SignalTarget::Auto | SignalTarget::Process => Recipient::Process,
        };
        if self.server.is_up() {
            out.push(Action::Signal { child: server.child, signal, to });
        }
    }

    pub(super) fn kill_server(&mut self, out: &mut Vec<Action>) {
        self.kill_server_at = None;
        if let (Some(server), true) = (&self.rules.server, self.server.is_up()) {
            out.push(Action::Signal { child: server.child, signal: Signal::KILL, to: Recipient::Group });
        }
    }

    pub(super) fn server_suspended(&mut self, child: ChildId, out: &mut Vec<Action>) {
        self.suspended = true;
        if self.forwarded {
            // The signal went out before anybody knew.
            self.signal_server(Signal::CONT, false, out);
            return;
        }
        if !self.rules.foreground {
            return;
        }
        if self.rules.top_of_session {
            out.push(Action::Signal { child, signal: Signal::CONT, to: Recipient::Group });
        } else {
            out.push(Action::SuspendSelf(child));
        }
    }
}

/// In plain use: the signals that ask a program to end, for which a shell's children are looked up and the grace counts.
pub(super) fn asks_to_stop(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT | Signal::HALT)
}
