//! A started app-init: its signals, its news, its end.

use super::cell::Cell;
use super::namespace::{self, Process};
use super::stream::Stream;
use super::sys::{kill, limit_address_space, set_size};
use super::trace::{Call, TRACE_FILE, calls_of_first};
use super::world::World;
use super::{DEADLINE, signal};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    Signaled(i32),
}

/// What is left when app-init has ended.
pub struct End {
    pub how: Ended,
    /// stdout, or everything that came to the terminal.
    pub out: String,
    pub err: String,
    pub out_bytes: Vec<u8>,
    pub err_bytes: Vec<u8>,
    /// Processes of the namespace that app-init has not ended or not reaped. As PID 1 it can leave none.
    pub left: Vec<Process>,
    /// What strace wrote, if the setup was traced.
    pub trace: String,
    cell: Cell,
}

impl End {
    /// It must have ended with this code.
    #[track_caller]
    pub fn exited(self, code: i32) -> End {
        assert_eq!(self.how, Ended::Exited(code), "{}", self.story());
        self
    }

    #[track_caller]
    pub fn nothing_left(self) -> End {
        assert_eq!(self.left, [], "{}", self.story());
        self
    }

    /// stdout and stderr are empty.
    #[track_caller]
    pub fn silent(self) -> End {
        assert_eq!((self.out.as_str(), self.err.as_str()), ("", ""), "{}", self.story());
        self
    }

    #[track_caller]
    pub fn silent_stderr(self) -> End {
        assert_eq!(self.err, "", "{}", self.story());
        self
    }

    /// The system calls of app-init itself, in their order.
    pub fn calls_of_app_init(&self) -> Vec<Call> {
        calls_of_first(&self.trace)
    }

    /// Each of the words is in stderr (or came to the terminal).
    #[track_caller]
    pub fn complains(self, words: &[&str]) -> End {
        let text = if self.cell.terminal { &self.out } else { &self.err };
        for word in words {
            assert!(text.contains(word), "stderr does not say `{word}`\n{}", self.story());
        }
        self
    }

    /// stdout's lines, or the terminal's but for app-init's own.
    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().map(str::trim_end).filter(|line| !line.starts_with("app-init: ")).collect()
    }

    pub fn story(&self) -> String {
        let End { how, out, err, left, trace, cell, .. } = self;
        let trace = if trace.is_empty() { String::new() } else { format!("\n--- trace\n{trace}") };
        format!("{cell}: {how:?}\n--- stdout\n{out}--- stderr\n{err}--- left: {left:?}{trace}")
    }
}

/// What the start collects before there is a process.
pub struct Parts {
    cell: Cell,
    report: Stream,
    /// Its end is the launcher's sign to clear up.
    _control: File,
    pub out: Stream,
    pub err: Stream,
    pub input: Option<File>,
}

impl Parts {
    pub fn new(cell: Cell, report: File, control: File) -> Parts {
        let report = Stream::follow(report);
        Parts { cell, report, _control: control, out: Stream::none(), err: Stream::none(), input: None }
    }

    /// Waits until the launcher says that the program is about to start.
    pub fn start(self, launcher: Child, world: World) -> Running {
        let mut running = Running { parts: Some(self), launcher, pid: 0, first: 0, world };
        let Some(line) = running.report().line_with(" ") else { running.fail("the launcher did not start it") };
        let mut numbers = line.split(' ').skip(1).map(|word| word.parse::<i32>().unwrap_or(0));
        running.pid = numbers.next().unwrap_or(0);
        running.first = numbers.next().unwrap_or(0);
        if running.pid < 2 || running.first < 2 {
            running.fail(&format!("the launcher said `{line}`"));
        }
        running
    }
}

/// Everything of it is gone when this is dropped.
pub struct Running {
    /// Taken at the end only.
    parts: Option<Parts>,
    launcher: Child,
    /// app-init's pid as the test sees it. Valid as long as this object lives: the launcher keeps its zombie.
    pub pid: i32,
    /// The PID 1 of the namespace.
    first: i32,
    pub world: World,
}

impl Running {
    fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("only `end` and `drop` take the parts")
    }

    fn report(&self) -> &Stream {
        &self.parts().report
    }

    /// Ends the test with everything that is known.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        let parts = self.parts();
        panic!(
            "{why}\n{}\n--- stdout\n{}\n--- stderr\n{}\n--- news: {}\n--- processes: {:#?}",
            parts.cell,
            parts.out.text(),
            parts.err.text(),
            parts.report.text(),
            self.processes()
        );
    }

    /// Waits for the next line of stdout (or the terminal) that contains the words.
    #[track_caller]
    pub fn line(&self, words: &str) -> String {
        self.parts().out.line_with(words).unwrap_or_else(|| self.fail(&format!("`{words}` did not come on stdout")))
    }

    /// Waits until each of the words is in a line of stdout, in whatever order they come.
    #[track_caller]
    pub fn lines(&self, words: &[&str]) {
        for word in words {
            if !self.parts().out.has_printed(word) {
                self.fail(&format!("`{word}` did not come on stdout"));
            }
        }
    }

    /// The same for stderr.
    #[track_caller]
    pub fn err_line(&self, words: &str) -> String {
        let stream = if self.parts().cell.terminal { &self.parts().out } else { &self.parts().err };
        stream.line_with(words).unwrap_or_else(|| self.fail(&format!("`{words}` did not come on stderr")))
    }

    /// Waits for the words on stdout or the terminal, for prompts; gives what came before them.
    #[track_caller]
    pub fn text(&self, words: &str) -> String {
        self.parts().out.text_with(words).unwrap_or_else(|| self.fail(&format!("`{words}` did not come")))
    }

    /// Writes to its stdin or terminal.
    #[track_caller]
    pub fn write(&mut self, text: &str) {
        let input = self.parts.as_mut().and_then(|parts| parts.input.as_mut());
        input.expect("a typed setup or a terminal").write_all(text.as_bytes()).expect("its stdin is open");
    }

    /// Makes an empty file in its directory: the news that a program of the test waits for.
    #[track_caller]
    pub fn touch(&self, name: &str) {
        std::fs::write(self.world.app().join(name), "").expect("the test's own directory");
    }

    /// Ends its stdin; on a terminal, hangs up once the reader is done.
    pub fn close_input(&mut self) {
        if let Some(parts) = self.parts.as_mut() {
            parts.input = None;
        }
    }

    /// Changes the size of its terminal.
    pub fn resize(&self, rows: u16, columns: u16) {
        set_size(self.parts().input.as_ref().expect("a cell with a terminal"), rows, columns);
    }

    #[track_caller]
    pub fn signal(&self, number: i32) {
        if !kill(self.pid, number) {
            self.fail(&format!("cannot send signal {number}"));
        }
    }

    /// From now on it gets no more memory than it has.
    pub fn limit_address_space(&self, bytes: u64) {
        limit_address_space(self.pid, bytes);
    }

    /// Waits until nobody can write to its stdout any more.
    #[track_caller]
    pub fn until_stdout_ends(&self) {
        if !self.parts().out.wait_end() {
            self.fail("somebody keeps stdout open");
        }
    }

    /// Waits until nobody has the other end of the pipe.
    #[track_caller]
    pub fn until_end_of(&self, pipe: OwnedFd) {
        if !Stream::follow(File::from(pipe)).wait_end() {
            self.fail("somebody keeps the pipe open");
        }
    }

    /// The processes of its namespace now, its PID 1 included.
    pub fn processes(&self) -> Vec<Process> {
        namespace::processes(self.first)
    }

    /// What a link below `/proc` says of a process, by its number inside; empty when it is gone.
    pub fn link(&self, pid: i32, name: &str) -> String {
        let path = format!("/proc/{}/root/proc/{pid}/{name}", self.first);
        std::fs::read_link(path).map_or_else(|_| String::new(), |target| target.display().to_string())
    }

    /// One line of its status file, as `SigBlk`.
    #[track_caller]
    pub fn status(&self, key: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_else(|| self.fail(&format!("no {key} in its status"))).trim().to_string()
    }

    /// For a state of the kernel that comes without news: asks until it holds, within the deadline.
    #[track_caller]
    pub fn eventually(&self, what: &str, holds: impl Fn(&Running) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds(self) {
            if Instant::now() > end {
                self.fail(&format!("it never came to this: {what}"));
            }
            std::thread::yield_now();
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> End {
        let Some(line) = self.report().line_with("ended ") else { self.fail("it did not end") };
        let mut words = line.split(' ').skip(1);
        let kind = words.next().unwrap_or_default();
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(-1);
        let how = if kind == "exited" { Ended::Exited(number) } else { Ended::Signaled(number) };
        let left = || self.processes().into_iter().filter(|process| process.pid > 2).collect::<Vec<_>>();
        // Who was killed with its parent is gone as soon as the kernel gets to it.
        let end = Instant::now() + DEADLINE;
        while namespace::is_any_killed(self.first, &left()) && Instant::now() < end {
            std::thread::yield_now();
        }
        let left = left();
        let Some(parts) = self.parts.take() else { unreachable!("taken only here and in drop") };
        let (out, err, cell) = (parts.out.clone(), parts.err.clone(), parts.cell);
        // The launcher ends the namespace when its control pipe does; then nobody can write any more.
        drop(parts);
        let trace = std::fs::read_to_string(self.world.app().join(TRACE_FILE)).unwrap_or_default();
        drop(self);
        assert!(out.wait_end() && err.wait_end(), "a stream of an ended namespace stays open, in {cell}");
        let (out_bytes, err_bytes) = (out.bytes(), err.bytes());
        End { how, out: out.text(), err: err.text(), out_bytes, err_bytes, left, trace, cell }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.parts.take().is_some() && self.first > 1 {
            kill(self.first, signal::KILL);
        }
        // Its control pipe has ended: it kills and reaps whatever is left, and ends.
        drop(self.launcher.wait());
    }
}
