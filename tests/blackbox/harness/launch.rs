//! How a test describes the start of app-init, and starts it.

use super::cell::{Cell, Identity};
use super::programs::{self, APP, APP_INIT};
use super::running::{Parts, Running};
use super::stream::Stream;
use super::trace::TRACE_FILE;
use super::world::World;
use nix::fcntl::OFlag;
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

/// A start to come. By default: the cell's place and identity, an environment with PATH only, stdin from `/dev/null`
/// (or the terminal), the working directory empty.
pub struct Setup {
    cell: Cell,
    pub world: World,
    command: Vec<OsString>,
    options: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    typed: bool,
    stops_background_output: bool,
    descriptors: Vec<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

impl Setup {
    /// app-init with these arguments.
    pub fn new<Word: AsRef<OsStr>>(cell: Cell, args: impl IntoIterator<Item = Word>) -> Setup {
        Setup::bare(cell, [OsString::from(APP_INIT)]).args(args)
    }

    /// Any other command, as the control.
    pub fn bare<Word: AsRef<OsStr>>(cell: Cell, command: impl IntoIterator<Item = Word>) -> Setup {
        Setup {
            cell,
            world: World::new(),
            command: Vec::new(),
            options: Vec::new(),
            environment: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into())],
            typed: false,
            stops_background_output: false,
            descriptors: Vec::new(),
            stdout: None,
            stderr: None,
        }
        .args(command)
    }

    /// app-init under strace, with all that descends from it: `how` are its rules, which trace `execve` at least, so that
    /// the log begins with app-init's own start. It is not PID 1 then.
    pub fn traced<Word: AsRef<OsStr>>(cell: Cell, how: &[&str], args: impl IntoIterator<Item = Word>) -> Setup {
        assert!(!cell.pid1, "strace is between the namespace's PID 1 and app-init");
        let log = format!("{APP}/{TRACE_FILE}");
        Setup::bare(cell, ["strace", "-f", "-o", &log])
            .args(how.iter().flat_map(|rule| ["-e", *rule]))
            .args([APP_INIT])
            .args(args)
    }

    pub fn args<Word: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = Word>) -> Setup {
        self.command.extend(args.into_iter().map(|word| word.as_ref().to_os_string()));
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Setup {
        self.environment.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// The application's config file.
    pub fn config(self, toml: &str) -> Setup {
        self.file(".docker/app-init.toml", toml, 0o644)
    }

    /// An executable hook; `script` without its `#!` line runs by sh.
    pub fn hook(self, name: &str, script: &str) -> Setup {
        let script = if script.starts_with("#!") { script.to_string() } else { format!("#!/bin/sh\n{script}\n") };
        self.file(&format!(".docker/action_hooks/{name}"), script, 0o755)
    }

    pub fn file(self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> Setup {
        self.world.write(name, content, mode);
        self
    }

    pub fn etc(self, name: &str, content: &str) -> Setup {
        self.world.write_etc(name, content);
        self
    }

    /// Another option of the launcher, with its values.
    pub fn placed<Word: AsRef<OsStr>>(mut self, option: impl IntoIterator<Item = Word>) -> Setup {
        self.options.extend(option.into_iter().map(|word| word.as_ref().to_os_string()));
        self
    }

    /// These system calls, by number, fail with that error, in app-init and in all that descends from it.
    pub fn denying(mut self, calls: &[i64], errno: i32) -> Setup {
        for call in calls {
            self = self.placed(["--deny".to_string(), call.to_string(), errno.to_string()]);
        }
        self
    }

    pub fn ignoring(self, signal: i32) -> Setup {
        self.placed(["--ignore".to_string(), signal.to_string()])
    }

    pub fn blocking(self, signal: i32) -> Setup {
        self.placed(["--block".to_string(), signal.to_string()])
    }

    pub fn closing(self, descriptor: i32) -> Setup {
        self.placed(["--close".to_string(), descriptor.to_string()])
    }

    /// The test will write to its stdin.
    pub fn typed(mut self) -> Setup {
        self.typed = true;
        self
    }

    /// Its terminal stops who writes to it from the background.
    pub fn stopping_background_output(mut self) -> Setup {
        self.stops_background_output = true;
        self
    }

    /// Inherited as that number.
    pub fn descriptor(mut self, number: i32, fd: OwnedFd) -> Setup {
        self.options.extend(["--descriptor".into(), number.to_string().into(), own_path(&fd)]);
        self.descriptors.push(fd);
        self
    }

    pub fn stdout_to(mut self, fd: OwnedFd) -> Setup {
        self.stdout = Some(fd);
        self
    }

    pub fn stderr_to(mut self, fd: OwnedFd) -> Setup {
        self.stderr = Some(fd);
        self
    }

    pub fn start(self) -> Running {
        let (report, report_end) = pipe();
        let (control_end, control) = pipe();
        let mut command = Command::new(programs::probe());
        command.arg("ns").args(["--report".into(), own_path(&report_end), "--control".into(), own_path(&control_end)]);
        for (name, path) in [("bin/app-init", programs::binary()), ("bin/probe", programs::probe())] {
            command.arg("--bind").arg(path).arg(name);
        }
        command.arg("--bind").arg(self.world.app()).args(["app", "--directory", APP]);
        command.arg("--etc").arg(self.world.etc()).args(self.cell_options()).args(&self.options);
        let terminal = self.cell.terminal.then(|| self.make_terminal());
        let mut parts = Parts::new(self.cell, report, control);
        if let Some(terminal) = &terminal {
            let path = nix::unistd::ttyname(&terminal.slave).expect("a terminal has a name");
            if self.cell.identity == Identity::Nobody {
                nix::unistd::fchown(&terminal.slave, Some(12345.into()), None).expect("a terminal can be given away");
            }
            command.arg("--terminal").arg(path);
        }
        command.arg("--").args(&self.command).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(terminal) = &terminal {
            let master = File::from(terminal.master.try_clone().expect("a descriptor can be duplicated"));
            parts.out = Stream::follow(master.try_clone().expect("a descriptor can be duplicated"));
            parts.input = Some(master);
            // Until its terminal is open, the launcher's own errors.
            command.stderr(Stdio::inherit());
        } else {
            let (stdout, stream) = given_or_piped(self.stdout);
            command.stdout(stdout);
            parts.out = stream;
            let (stderr, stream) = given_or_piped(self.stderr);
            command.stderr(stderr);
            parts.err = stream;
            if self.typed {
                let (read, write) = pipe();
                command.stdin(Stdio::from(read));
                parts.input = Some(write);
            }
        }
        let launcher = command.spawn().expect("the launcher can be started");
        // The copies of the pipes' ends that this process gave away.
        drop(command);
        let running = parts.start(launcher, self.world);
        drop((report_end, control_end, terminal, self.descriptors));
        running
    }

    fn make_terminal(&self) -> OpenptyResult {
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).expect("a terminal can be made");
        if self.stops_background_output {
            let mut modes = tcgetattr(&terminal.slave).expect("a terminal has modes");
            modes.local_flags.insert(LocalFlags::TOSTOP);
            tcsetattr(&terminal.slave, SetArg::TCSANOW, &modes).expect("a terminal's modes can be set");
        }
        terminal
    }

    fn cell_options(&self) -> Vec<OsString> {
        let mut options: Vec<&str> = Vec::new();
        if self.cell.pid1 {
            options.push("--pid1");
        }
        match self.cell.identity {
            Identity::Root => {}
            Identity::Nobody => options.extend(["--user", "12345", "--no-capabilities"]),
            Identity::PowerlessRoot => options.push("--no-capabilities"),
        }
        if self.cell.read_only {
            options.push("--read-only");
        }
        options.into_iter().map(OsString::from).collect()
    }
}

/// The test's own end, or a pipe whose other end is followed.
fn given_or_piped(given: Option<OwnedFd>) -> (Stdio, Stream) {
    if let Some(fd) = given {
        return (Stdio::from(fd), Stream::none());
    }
    let (read, write) = pipe();
    (Stdio::from(write), Stream::follow(read))
}

/// (what is read from, what is written to).
fn pipe() -> (File, File) {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe can be made");
    (File::from(read), File::from(write))
}

/// The path by which another process opens this one's descriptor: nothing has to be inherited, so that no other test's
/// child can hold it open.
fn own_path(fd: &impl AsRawFd) -> OsString {
    format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd()).into()
}
