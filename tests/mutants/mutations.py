"""The ways in which tests/mutants/run.py breaks the machine: each is one mistake that a change of src/machine could make.

`old` must occur exactly once in the file, so that a mutation is never applied elsewhere than meant.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    # What goes wrong with it, in one sentence.
    breaks: str
    file: str
    old: str
    new: str


MUTATIONS = [
    # ---- boot
    Mutation(
        "server after a stop request",
        "A stop request during a deploy hook is forgotten when the hook has ended.",
        "mod.rs",
        "        if self.stop.is_some() {\n            self.start_budget(now);\n",
        "        if false {\n            self.start_budget(now);\n",
    ),
    Mutation(
        "server after a failed hook",
        "A deploy hook that failed is passed over though nothing says on_failure = \"continue\".",
        "mod.rs",
        "OnFailure::Abort => self.wind_down(outcome, now, out),",
        "OnFailure::Abort => self.next_deploy(&chain, now, out),",
    ),
    Mutation(
        "deploy command skipped",
        "Every other command of a hook is left out.",
        "chain.rs",
        "next: place.saturating_add(1)",
        "next: place.saturating_add(2)",
    ),
    Mutation(
        "no alert",
        "The on-failure hook is never run.",
        "mod.rs",
        "match Chain::start(List::OnFailure, &self.rules, now, out) {",
        "match None::<Chain> {",
    ),
    Mutation(
        "keeper not heard",
        "In exec mode the server never starts while something that a hook left behind lives.",
        "mod.rs",
        "(Phase::Deploying(_), News::KeeperReady) => self.deployed(now, out),",
        "(phase @ Phase::Deploying(_), News::KeeperReady) => phase,",
    ),
    Mutation(
        "exec after a stop request",
        "In exec mode the server starts although a stop was requested during the hooks.",
        "mod.rs",
        "(Phase::Deploying(_), News::KeeperReady) if self.stop.is_some() => self.interrupted(now, out),",
        "",
    ),
    Mutation(
        "poller never started",
        "post-deploy is not run beside the server.",
        "mod.rs",
        "                self.pollers = Chain::start(List::PostDeploy, &self.rules, now, out);\n                Phase::Serving",
        "                Phase::Serving",
    ),
    # ---- signals
    Mutation(
        "signal swallowed",
        "A signal that is no stop request never reaches the server.",
        "mod.rs",
        "            self.signal_server(to, false, out);\n        }\n        None",
        "            let _ = to;\n        }\n        None",
    ),
    Mutation(
        "stop request swallowed",
        "A second stop request does not end a drain.",
        "mod.rs",
        "(Phase::Draining { .. }, News::StopRequest { signal, kill }) => self.hurry_server(signal, kill, now, out),",
        "(phase @ Phase::Draining { .. }, News::StopRequest { .. }) => phase,",
    ),
    Mutation(
        "third INT does not kill",
        "Somebody who insists with ^C is not heard.",
        "mod.rs",
        "let kill = signal == Signal::INT && self.interrupts.insists(now);",
        "let kill = signal == Signal::INT && self.interrupts.insists(now) && self.rules.plain;",
    ),
    Mutation(
        "stopped process not continued",
        "A suspended hook is asked to end and never acts on it.",
        "chain.rs",
        "            self.signal(Signal::CONT, out);",
        "",
    ),
    Mutation(
        "suspended as PID 1",
        "^Z in a container without a shell above suspends the server for ever.",
        "mod.rs",
        "            out.push(Action::Signal { child, signal: Signal::CONT, to: Recipient::Group });\n"
        "        } else {\n            out.push(Action::SuspendSelf(child));",
        "        } else {\n            out.push(Action::SuspendSelf(child));",
    ),
    # ---- stopping
    Mutation(
        "poller not stopped",
        "Pollers go on announcing a server that is being stopped.",
        "mod.rs",
        "                self.stop_pollers(out);\n                let until = self.budget()",
        "                let until = self.budget()",
    ),
    Mutation(
        "pre-stop skipped",
        "The server is stopped before it was withdrawn.",
        "mod.rs",
        "                match Chain::start(List::PreStop, &self.rules, now, out) {\n"
        "                    Some(chain) => Phase::PreStop { chain, until },\n"
        "                    None => self.drain(now, out),",
        "                match (None, until) {\n"
        "                    (Some(chain), until) => Phase::PreStop { chain, until },\n"
        "                    (None, _) => self.drain(now, out),",
    ),
    Mutation(
        "exit while the server is up",
        "A deadline in the stopping phase is taken for the end.",
        "mod.rs",
        "(Phase::Stopping, News::Deadline) => self.check_run_time(Phase::Stopping, now, out),",
        "(Phase::Stopping, News::Deadline) => self.exit(out),",
    ),
    Mutation(
        "KILL not armed",
        "A server that ignores its stop signal is never killed, whatever stop_timeout says.",
        "mod.rs",
        "        let asked = self.stop.map_or(Signal::TERM, |request| request.signal);\n"
        "        self.kill_server_at = self.server_deadline(now);\n",
        "        let asked = self.stop.map_or(Signal::TERM, |request| request.signal);\n",
    ),
    Mutation(
        "server's deadline not cleared",
        "After the server's KILL its deadline stays due, and the loop spins.",
        "mod.rs",
        "        self.kill_server_at = None;\n        if let (Some(server), true)",
        "        if let (Some(server), true)",
    ),
    Mutation(
        "hook's deadline not cleared",
        "After a hook's KILL its deadline stays due, and the loop spins.",
        "chain.rs",
        "            self.kill_at = None;\n",
        "",
    ),
    Mutation(
        "hook's time not measured",
        "A hook that hangs holds up the boot for ever.",
        "chain.rs",
        "let time_out_at = hook.timeout.map(|limit| now.after(limit));",
        "let time_out_at = None;",
    ),
    Mutation(
        "hook out of time not killed",
        "A hook that ignores the TERM of its time-out holds up the boot for ever.",
        "chain.rs",
        "self.ask_to_end(Signal::TERM, Some(kill_at), out);",
        "self.ask_to_end(Signal::TERM, Some(kill_at).filter(|_| false), out);",
    ),
    Mutation(
        "late success",
        "A hook that ended with 0 after its time was over counts as one that did its work.",
        "chain.rs",
        "ending.success() && !self.timed_out",
        "ending.success()",
    ),
    Mutation(
        "run time not measured",
        "--run-timeout has no effect.",
        "mod.rs",
        "                self.run_until = server.run_limit.map(|limit| now.after(limit.timeout));\n",
        "",
    ),
    Mutation(
        "run time of the dead",
        "The run time goes on counting when the server is gone.",
        "mod.rs",
        "        self.kill_server_at = None;\n        self.run_until = None;\n",
        "        self.kill_server_at = None;\n",
    ),
    Mutation(
        "budget ignored by post-stop",
        "post-stop takes its time although the platform's grace is known, and is cut off by it.",
        "mod.rs",
        "            chain.end_by(budget.end());",
        "            let _ = budget.end();",
    ),
    Mutation(
        "late request starts no budget",
        "A stop request while leftovers are drained leaves post-stop more time than the platform does.",
        "mod.rs",
        "                self.note_request(signal, now, out);\n"
        "                out.push(Action::SignalLeftovers(Signal::TERM));\n",
        "                let _ = signal;\n                out.push(Action::SignalLeftovers(Signal::TERM));\n",
    ),
    # ---- the end
    Mutation(
        "another hook's end",
        "A hook that was cut short and ends late is taken for post-stop, which then has no time at all.",
        "mod.rs",
        "self.awaited_hook().is_some_and(|awaited| awaited == child)",
        "self.awaited_hook().is_some()",
    ),
    Mutation(
        "server's code lost",
        "When leftovers had to be drained, app-init ends with 0 instead of the server's code.",
        "mod.rs",
        "(Phase::Leftovers { .. }, News::TurnOver { alone: true }) => self.close(now, out),",
        "(Phase::Leftovers { .. }, News::TurnOver { alone: true }) => {\n"
        "                self.outcome = Some(Outcome::Completed);\n                self.close(now, out)\n            }",
    ),
    Mutation(
        "leftovers not killed",
        "What ignores TERM is left behind at the end of stop.leftovers.",
        "mod.rs",
        "                out.push(Action::Note(Note::LeftoversKilled));\n                kill_leftovers(now, out)",
        "                self.close(now, out)",
    ),
    Mutation(
        "KILL not marked",
        "Leftovers that hang in the kernel are killed again and again, and the end never comes.",
        "mod.rs",
        "Phase::Leftovers { until: now.after(AFTER_KILL), killed: true }",
        "Phase::Leftovers { until: now.after(AFTER_KILL), killed: false }",
    ),
    Mutation(
        "nobody left and nobody told",
        "It waits out stop.leftovers though everybody is gone.",
        "mod.rs",
        "(Phase::Leftovers { .. }, News::TurnOver { alone: true }) => self.close(now, out),",
        "(phase @ Phase::Leftovers { .. }, News::TurnOver { alone: true }) => phase,",
    ),
    Mutation(
        "post-stop skipped",
        "app-init ends without the post-stop hook.",
        "mod.rs",
        "        let chain = Chain::start(List::PostStop, &self.rules, now, out);\n        self.closing(chain, out)",
        "        self.exit(out)",
    ),
    # ---- arithmetic
    Mutation(
        "budget without reserve",
        "Nothing is kept back for the final KILL and the exit.",
        "stopping.rs",
        "self.start.after(self.total).before(reserve)",
        "self.start.after(self.total).before(Duration::ZERO.min(reserve))",
    ),
    Mutation(
        "impatient with INT",
        "A terminal and an engine that both send INT kill the server at once.",
        "stopping.rs",
        "Some(second) => now >= second.after(Interrupts::INSIST_AFTER),",
        "Some(_) => true,",
    ),
]
