//! The one table of exit codes. The man page is made from it, and the documents are compared with it word for word.

use crate::machine::{Ending, Outcome, StartStep};

pub const USAGE: u8 = 64;
pub const HOOK_FAILED: u8 = 70;
pub const SYSTEM: u8 = 71;
/// The number that sysexits(3) gives it: `EX_NOPERM`.
pub const PERMISSION: u8 = 77;
pub const CONFIG: u8 = 78;
pub const TIMED_OUT: u8 = 124;
pub const CANNOT_EXECUTE: u8 = 126;
pub const NOT_FOUND: u8 = 127;
/// As SIGPIPE ends a program whose reader has gone; where that signal is ignored, as for PID 1, the code says the same.
pub const NO_READER: u8 = 141;
const KILLED: u8 = 137;

/// Every code of app-init's own, and what it means.
pub const TABLE: [(u8, &str); 10] = [
    (USAGE, "the command line is wrong"),
    (HOOK_FAILED, "a hook failed, and the server was not started or was stopped"),
    (
        SYSTEM,
        "the system refused a process, memory or a call that is needed, output could not be written, or app-init failed",
    ),
    (PERMISSION, "an identity could not be taken on, or permissions are too wide or too narrow"),
    (CONFIG, "the configuration is wrong"),
    (
        TIMED_OUT,
        "a time limit was reached: a wait's, the server's run time, or that of the one hook that was asked for",
    ),
    (CANNOT_EXECUTE, "the program cannot be executed"),
    (NOT_FOUND, "the program was not found"),
    (KILLED, "the server's run time was over, and it came to KILL"),
    (NO_READER, "the reader of what was to be printed has gone"),
];

/// Codes that come from elsewhere: the first is told before the table, the second after it.
pub const OTHERS: [(&str, &str); 2] = [
    ("the server's", "its own; 128 + n when signal n ended it"),
    ("128 + n", "a stop request by signal n came before the server ran: 143 for TERM"),
];

/// The code of a child: its own, 128 + n after signal n, and those of a failed start.
#[must_use]
pub fn of_ending(ending: Ending) -> u8 {
    match ending {
        Ending::Exited(code) => code,
        Ending::Killed { signal, .. } => signal.exit_code(),
        Ending::NotStarted { step: StartStep::Identity | StartStep::Trust, .. } => PERMISSION,
        Ending::NotStarted {
            step:
                StartStep::Fork
                | StartStep::Pipe
                | StartStep::SocketPair
                | StartStep::Announcement
                | StartStep::Mask
                | StartStep::Limit(_)
                | StartStep::OomScore
                | StartStep::NoNewPrivileges,
            ..
        } => SYSTEM,
        Ending::NotStarted { step: StartStep::Exec, errno } if errno == nix::libc::ENOENT => NOT_FOUND,
        Ending::NotStarted { step: StartStep::Exec | StartStep::Directory | StartStep::Stdin, .. } => CANNOT_EXECUTE,
    }
}

/// The code that app-init ends with. `success_codes` are turned into 0, unless they say that a program could not be
/// started or that a hook failed: those are never a success.
#[must_use]
pub fn of_outcome(outcome: Outcome, one_hook: bool, success_codes: &[u8]) -> u8 {
    let code = match outcome {
        Outcome::Server(ending @ Ending::NotStarted { .. }) => return of_ending(ending),
        Outcome::HookFailed { timed_out: true, .. } if one_hook => return TIMED_OUT,
        Outcome::HookFailed { ending, .. } if one_hook => return of_ending(ending),
        Outcome::HookFailed { ending: ending @ Ending::NotStarted { .. }, .. }
            if matches!(of_ending(ending), SYSTEM | PERMISSION) =>
        {
            return of_ending(ending);
        }
        Outcome::HookFailed { .. } => return HOOK_FAILED,
        Outcome::HelperEnded(code) => return code,
        Outcome::Server(ending) => of_ending(ending),
        Outcome::Interrupted(signal) => signal.exit_code(),
        Outcome::TimedOut { killed: true } => KILLED,
        Outcome::TimedOut { killed: false } => TIMED_OUT,
        Outcome::Completed => 0,
    };
    if success_codes.contains(&code) { 0 } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{ChildId, Signal};

    #[test]
    fn a_core_dump_does_not_alter_the_code() {
        let signal = Signal::parse("SEGV").expect("a signal");
        assert_eq!(of_ending(Ending::Killed { signal, core: true }), 139);
    }

    #[test]
    fn success_codes_never_hide_a_failed_start_or_hook() {
        let exec = |errno| Ending::NotStarted { step: StartStep::Exec, errno };
        let failed = Outcome::HookFailed { child: ChildId(1), ending: Ending::Exited(3), timed_out: false };
        assert_eq!(of_outcome(Outcome::Server(exec(2)), false, &[127]), 127);
        assert_eq!(of_outcome(Outcome::Server(exec(13)), false, &[126]), 126);
        assert_eq!(of_outcome(failed, false, &[70]), 70);
        assert_eq!(of_outcome(failed, true, &[]), 3);
        assert_eq!(of_outcome(Outcome::Server(Ending::Exited(127)), false, &[127]), 0);
        assert_eq!(of_outcome(Outcome::Interrupted(Signal::TERM), false, &[143]), 0);
    }
}
