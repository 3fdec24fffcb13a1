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
        "one alert of two",
        "Only the first command of on-failure is run.",
        "mod.rs",
        "let next = if self.stop.is_none() { alert.advance(&self.rules, now, out) } else { None };",
        "let next = None::<Chain>;",
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
    Mutation(
        "poller after one that failed",
        "What comes after a post-deploy command that failed is run.",
        "mod.rs",
        "        if chain.succeeded(ending) {\n            self.pollers = chain.advance",
        "        if true {\n            self.pollers = chain.advance",
    ),
    Mutation(
        "failed poller forgotten",
        "A failed post-deploy command does not stop the server, whatever on_failure says.",
        "mod.rs",
        "(Phase::Serving, News::TurnOver { .. }) if self.failed_poller.is_some() => {",
        "(Phase::Serving, News::TurnOver { .. }) if false => {",
    ),
    Mutation(
        "failed poller without a code",
        "The server is stopped for a failed post-deploy command, and its own code is app-init's.",
        "mod.rs",
        "                self.outcome = self.failed_poller.take();\n",
        "                self.failed_poller = None;\n",
    ),
    Mutation(
        "failed poller at once",
        "A failed post-deploy command counts although the server ended in the same turn.",
        "mod.rs",
        "            self.failed_poller = Some(Outcome::HookFailed { child, ending, timed_out });\n",
        "            self.outcome = Some(Outcome::HookFailed { child, ending, timed_out });\n            self.failed_poller = self.outcome;\n",
    ),
    # ---- retries
    Mutation(
        "never tried again",
        "retry has no effect.",
        "chain.rs",
        "self.retries < retry.max &&",
        "false &&",
    ),
    Mutation(
        "tried once too often",
        "A command is started twice again where retry.max = 1.",
        "chain.rs",
        "self.retries < retry.max",
        "self.retries <= retry.max",
    ),
    Mutation(
        "retries not counted",
        "A command that always fails is tried again for ever.",
        "chain.rs",
        "        self.retries = self.retries.saturating_add(1);\n",
        "",
    ),
    Mutation(
        "no pause",
        "A command that failed is tried again at once, and again.",
        "chain.rs",
        "self.step = Step::Pausing { until: now.after(delay) };",
        "self.step = Step::Pausing { until: now };",
    ),
    Mutation(
        "pause without end",
        "Nobody wakes up when a pause is over.",
        "chain.rs",
        "Step::Pausing { until } => Some(until),",
        "Step::Pausing { .. } => None,",
    ),
    Mutation(
        "pauses do not grow",
        "Every pause is as long as the first.",
        "chain.rs",
        "1_u32.checked_shl(u32::from(self.retries))",
        "1_u32.checked_shl(0)",
    ),
    Mutation(
        "max_backoff ignored",
        "Pauses grow without bound.",
        "chain.rs",
        "retry.backoff.saturating_mul(doubled).min(retry.max_backoff)",
        "retry.backoff.saturating_mul(doubled)",
    ),
    Mutation(
        "on_codes ignored",
        "A command is tried again whatever code it ended with.",
        "chain.rs",
        "retry.on_codes.is_empty() || retry.on_codes.contains(&code)",
        "true || retry.on_codes.contains(&code)",
    ),
    Mutation(
        "killed counts as a code",
        "A command that was killed is tried again though only some codes are to be.",
        "chain.rs",
        "Ending::Killed { .. } => retry.on_codes.is_empty(),",
        "Ending::Killed { .. } => true,",
    ),
    Mutation(
        "missing program tried again",
        "A command that could not be started is tried again, as if it would be there in a second.",
        "chain.rs",
        "Ending::NotStarted { .. } => false,",
        "Ending::NotStarted { .. } => true,",
    ),
    Mutation(
        "success tried again",
        "A command that did its work is run once more.",
        "chain.rs",
        "self.retries < retry.max && !self.succeeded(ending)",
        "self.retries < retry.max",
    ),
    Mutation(
        "time-out sticks",
        "A command that took too long once has failed for good, however the retry ends.",
        "chain.rs",
        "        self.kill_at = self.end;\n        self.timed_out = false;\n",
        "        self.kill_at = self.end;\n",
    ),
    Mutation(
        "tried again after a stop request",
        "A hook that may finish first and fails is tried again although a stop was requested.",
        "mod.rs",
        "let may_start = self.stop.is_none() || self.is_over();",
        "let may_start = true;",
    ),
    Mutation(
        "hooks of the stop not tried again",
        "retry has no effect in pre-stop and post-stop.",
        "mod.rs",
        "let may_start = self.stop.is_none() || self.is_over();",
        "let may_start = self.stop.is_none();",
    ),
    Mutation(
        "cut short and tried again",
        "post-stop is tried again after it was asked to end.",
        "chain.rs",
        "let may_start = may_start && !self.asked_to_end;",
        "",
    ),
    Mutation(
        "poller not tried again",
        "A poller that failed and pauses is forgotten.",
        "mod.rs",
        "                        None => self.pollers = Some(pollers),\n",
        "                        None => {}\n",
    ),
    Mutation(
        "pausing poller not cancelled",
        "A poller is tried again while the server is being stopped.",
        "mod.rs",
        "        self.pollers.take_if(|pollers| pollers.alive().is_none());\n",
        "",
    ),
    Mutation(
        "deploy pauses on",
        "A stop request is acted on only when the pause before a retry is over.",
        "mod.rs",
        "if chain.alive().is_some() { Phase::Deploying(chain) } else { self.interrupted(now, out) }",
        "Phase::Deploying(chain)",
    ),
    Mutation(
        "alert pauses on",
        "A stop request does not end the pause before on-failure is tried again.",
        "mod.rs",
        "                match alert.alive() {\n"
        "                    Some(_) => Phase::Alerting { alert, failed },\n"
        "                    None => self.decide_failure(failed, now, out),\n                }",
        "                Phase::Alerting { alert, failed }",
    ),
    Mutation(
        "post-stop pauses on",
        "A stop request does not end the pause before post-stop is tried again.",
        "mod.rs",
        "                match chain.alive() {\n"
        "                    Some(_) => Phase::Closing(chain),\n"
        "                    None => self.exit(out),\n                }",
        "                Phase::Closing(chain)",
    ),
    Mutation(
        "a pause finishes first",
        "A hook with on_stop = \"finish\" that only waits to be tried again puts off the stop.",
        "chain.rs",
        "self.step == Step::Running && self.hook.skips.is_none()",
        "self.hook.skips.is_none()",
    ),
    # ---- questions
    Mutation(
        "answer ignored",
        "A command is run though skip_if says that there is nothing to do.",
        "chain.rs",
        "                self.next = self.next.saturating_add(usize::from(skips));\n",
        "",
    ),
    Mutation(
        "one skipped too many",
        "The command after those that skip_if is about is left out, too.",
        "chain.rs",
        "self.next.saturating_add(usize::from(skips))",
        "self.next.saturating_add(usize::from(skips)).saturating_add(1)",
    ),
    Mutation(
        "one skipped too few",
        "Where skip_if is about several commands, the last is run.",
        "chain.rs",
        "self.next.saturating_add(usize::from(skips))",
        "self.next.saturating_add(usize::from(skips.min(1)))",
    ),
    Mutation(
        "question ends the boot",
        "skip_if that ends with another code than 0 counts as a hook that failed.",
        "chain.rs",
        "            return Some(Ending::Exited(0));\n",
        "            return Some(ending);\n",
    ),
    Mutation(
        "late answer counts",
        "skip_if that ended with 0 after its time was over skips the command.",
        "chain.rs",
        "            if self.succeeded(ending) {\n",
        "            if ending.success() {\n",
    ),
    Mutation(
        "late question ends the boot",
        "skip_if that took too long counts as a hook that failed.",
        "chain.rs",
        "            self.timed_out = false;\n            return Some(Ending::Exited(0));",
        "            return Some(Ending::Exited(0));",
    ),
    Mutation(
        "question finishes first",
        "A stop request waits for skip_if of a hook with on_stop = \"finish\".",
        "chain.rs",
        "self.step == Step::Running && self.hook.skips.is_none()",
        "self.step == Step::Running",
    ),
    Mutation(
        "question announced",
        "A hook is announced that may not run at all.",
        "chain.rs",
        "if !self.hook.helper && self.hook.skips.is_none() {",
        "if !self.hook.helper {",
    ),
    # ---- helpers and other modes
    Mutation(
        "helper announced",
        "A process of app-init's own is announced as a hook.",
        "chain.rs",
        "if !self.hook.helper && self.hook.skips.is_none() {",
        "if self.hook.skips.is_none() {",
    ),
    Mutation(
        "helper alerts",
        "A helper that failed and has said so runs the on-failure hook.",
        "mod.rs",
        "if chain.hook().helper {",
        "if chain.hook().helper && self.rules.mode == Mode::Exec {",
    ),
    Mutation(
        "helper's code lost",
        "When waiting or preparing fails, app-init ends with 0.",
        "mod.rs",
        "                Ending::Exited(code) => self.wind_down(Outcome::HelperEnded(code), now, out),",
        "                Ending::Exited(_) => self.wind_down(Outcome::Completed, now, out),",
    ),
    Mutation(
        "keeper's code lost",
        "In exec mode a hook that failed after a stop request is not what app-init ends with.",
        "mod.rs",
        "Ending::Exited(code) if code != 0 && is_keeper =>",
        "Ending::Exited(code) if code != 0 && is_keeper && self.stop.is_none() =>",
    ),
    Mutation(
        "helper killed",
        "Somebody kills a helper, and the boot goes on without what it was to do.",
        "mod.rs",
        "Ending::Exited(0) => self.next_deploy(&chain, now, out),",
        "Ending::Exited(0) | Ending::Killed { .. } => self.next_deploy(&chain, now, out),",
    ),
    Mutation(
        "helper killed in silence",
        "Somebody kills a helper, and nobody is told why the boot ends.",
        "mod.rs",
        "                    out.push(Action::Note(chain.failure(ending, now)));\n"
        "                    self.wind_down(\n",
        "                    self.wind_down(\n",
    ),
    Mutation(
        "prelude drains",
        "What the hooks before the environment left behind is ended, though it is to live on beside the server.",
        "mod.rs",
        "(Mode::Prelude { keeps_leftovers }, _) if keeps_leftovers || alone =>",
        "(Mode::Prelude { .. }, _) if alone =>",
    ),
    Mutation(
        "prelude does not drain",
        "In exec mode the server has foreign children, which the hooks before the environment left behind.",
        "mod.rs",
        "(Mode::Prelude { keeps_leftovers }, _) if keeps_leftovers || alone =>",
        "(Mode::Prelude { .. }, _) =>",
    ),
    Mutation(
        "prelude interrupted and followed",
        "A stop request while a prelude cleans up is forgotten, and the server follows.",
        "mod.rs",
        "                self.outcome = Some(Outcome::Interrupted(signal));\n",
        "",
    ),
    Mutation(
        "exec after a late stop request",
        "In exec mode a stop request that comes with the hooks' end is not heard.",
        "mod.rs",
        "(Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {\n",
        "(Phase::Settling, News::StopRequest { .. }) if self.rules.mode == Mode::Exec => Phase::Settling,\n"
        "            (Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {\n",
    ),
    Mutation(
        "prelude followed after a late stop request",
        "A stop request that comes with the end of a prelude's hooks is not heard.",
        "mod.rs",
        "(Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {\n",
        "(Phase::Settling, News::StopRequest { .. }) if matches!(self.rules.mode, Mode::Prelude { .. }) =>"
        " Phase::Settling,\n"
        "            (Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {\n",
    ),
    Mutation(
        "late stop request, and all is well",
        "A stop request that comes with the hooks' end leads to the code 0.",
        "mod.rs",
        "(Phase::Settling, News::StopRequest { signal, .. }) if self.rules.mode != Mode::Keeper => {",
        "(Phase::Settling, News::StopRequest { signal, .. }) if false => {",
    ),
    Mutation(
        "prelude starts the server",
        "The server starts before its environment is known.",
        "mod.rs",
        "            (Mode::Supervise, Some(server)) => {\n",
        "            (Mode::Supervise | Mode::Prelude { .. }, Some(server)) => {\n",
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
        "        self.stop_pollers(out);\n        let until = self.budget()",
        "        let until = self.budget()",
    ),
    Mutation(
        "pre-stop skipped",
        "The server is stopped before it was withdrawn.",
        "mod.rs",
        "        match Chain::start(List::PreStop, &self.rules, now, out) {\n"
        "            Some(chain) => Phase::PreStop { chain, until },\n"
        "            None => self.drain(now, out),",
        "        match (None, until) {\n"
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
        "self.time_out_at = self.hook.timeout.map(|limit| now.after(limit));",
        "self.time_out_at = None;",
    ),
    Mutation(
        "hook out of time not killed",
        "A hook that ignores the TERM of its time-out holds up the boot for ever.",
        "chain.rs",
        "self.request_end(Signal::TERM, Some(kill_at), out);",
        "self.request_end(Signal::TERM, Some(kill_at).filter(|_| false), out);",
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
        "retry beyond the budget",
        "post-stop pauses before a retry until the platform's grace is over.",
        "chain.rs",
        "self.end.is_none_or(|end| now.after(*delay) < end)",
        "true",
    ),
    Mutation(
        "retry without an end",
        "post-stop that is tried again may take longer than the platform's grace.",
        "chain.rs",
        "        self.kill_at = self.end;\n",
        "        self.kill_at = None;\n",
    ),
    Mutation(
        "alert starts no budget",
        "After an alert that finished first, leftovers have more time than the platform leaves.",
        "mod.rs",
        "        // An alert may have finished first.\n        self.start_budget(now);\n",
        "",
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
        "self.chain().filter(|chain| chain.alive() == Some(child))?",
        "self.chain()?",
    ),
    Mutation(
        "server's code lost",
        "When leftovers had to be drained, app-init ends with 0 instead of the server's code.",
        "mod.rs",
        "News::TurnOver { alone }) if alone || self.waits_for_nobody() => {\n",
        "News::TurnOver { alone }) if alone || self.waits_for_nobody() => {\n"
        "                self.outcome = Some(Outcome::Completed);\n",
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
        "    Phase::Leftovers { until: now.after(AFTER_KILL), killed: true }\n}",
        "    Phase::Leftovers { until: now.after(AFTER_KILL), killed: false }\n}",
    ),
    Mutation(
        "nobody left and nobody told",
        "It waits out stop.leftovers though everybody is gone.",
        "mod.rs",
        "if alone || self.waits_for_nobody() => {",
        "if self.waits_for_nobody() => {",
    ),
    Mutation(
        "post-stop skipped",
        "app-init ends without the post-stop hook.",
        "mod.rs",
        "        let chain = Chain::start(List::PostStop, &self.rules, now, out);\n        self.closing(chain, out)",
        "        self.exit(out)",
    ),
    Mutation(
        "killed poller not waited for",
        "Below another init, app-init ends before the poller that it killed is gone.",
        "mod.rs",
        "                }\n                return Phase::Leftovers { until: now.after(AFTER_KILL), killed: true };\n",
        "                }\n                return self.close(now, out);\n",
    ),
    Mutation(
        "pre-stop cut short not killed",
        "Below another init, app-init leaves a pre-stop behind that it did not wait for.",
        "mod.rs",
        "if self.pollers.is_none() && self.cut_short.is_none() {",
        "if self.pollers.is_none() {",
    ),
    Mutation(
        "pre-stop cut short not waited for",
        "Below another init, app-init ends before the pre-stop that it killed is gone.",
        "mod.rs",
        "let hooks = self.pollers.is_some() || self.cut_short.is_some();",
        "let hooks = self.pollers.is_some();",
    ),
    Mutation(
        "ends with any turn",
        "Below another init, the first turn's end is taken for the poller's.",
        "mod.rs",
        "let hooks = self.pollers.is_some() || self.cut_short.is_some();",
        "let hooks = self.cut_short.is_some();",
    ),
    Mutation(
        "ends before the killed",
        "Below another init, app-init ends before those are gone that --run-timeout killed.",
        "mod.rs",
        "!hooks && !all_are_killed",
        "!hooks",
    ),
    Mutation(
        "waits for strangers",
        "Below another init, app-init waits for processes that it leaves alone.",
        "mod.rs",
        "if alone || self.waits_for_nobody() => {",
        "if alone => {",
    ),
    Mutation(
        "run time's KILL forgotten",
        "What the server left behind is treated as after any other end, though --run-timeout killed everybody.",
        "mod.rs",
        "        if self.timed_out == Some(Signal::KILL) {\n            return kill_leftovers(now, out);\n        }\n",
        "",
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
