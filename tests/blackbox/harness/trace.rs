//! Reads what `strace -f -o` has written.

/// Below the application's directory.
pub const TRACE_FILE: &str = "strace.log";

/// One line of the log: a call, or its end where another process came in between.
#[derive(Debug)]
pub struct Call {
    pub text: String,
}

/// The lines of the process that strace has started.
pub fn calls_of_first(log: &str) -> Vec<Call> {
    let split = |line: &str| line.split_once(' ').map(|(pid, text)| (pid.to_string(), text.trim_start().to_string()));
    let lines: Vec<_> = log.lines().filter_map(split).collect();
    let first = lines.first().map(|(pid, _)| pid.clone()).unwrap_or_default();
    lines.into_iter().filter(|(pid, _)| *pid == first).map(|(_, text)| Call { text }).collect()
}

impl Call {
    /// The process whose status this call has taken.
    pub fn reaped(&self) -> Option<i32> {
        let (call, result) = self.text.rsplit_once(" = ")?;
        if call.contains("wait4") {
            return result.split(' ').next()?.parse().ok().filter(|pid| *pid > 0);
        }
        let taken = call.contains("waitid") && !call.contains("WNOWAIT");
        let pid = call.split_once("si_pid=")?.1.split([',', '}']).next()?.parse().ok()?;
        taken.then_some(pid)
    }

    /// The process or, negative, the group that this call signals.
    pub fn signalled(&self) -> Option<i32> {
        self.text.strip_prefix("kill(")?.split(',').next()?.parse().ok()
    }
}
