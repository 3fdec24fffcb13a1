//! A container with a name of its own, which is removed with its volumes when the test is over, however it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::cli::{self, Done, docker, docker_ok, docker_within};
use super::lines::{Lines, Stream};

/// `docker stop` is given this many seconds of grace …
pub const GRACE: &str = "60";
/// … and has to return well before it is used up: then nothing was killed for being slow.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(40);

/// The label that every container of this run carries: `docker ps -a --filter label=app-init-test` finds leftovers.
pub fn label() -> String {
    format!("app-init-test={}", process::id())
}

/// A name that no other test, and no other run, uses.
pub fn unique_name(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let what: String = what.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("app-init-test-{}-{what}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// What `docker create` is told.
#[derive(Clone)]
pub struct Recipe {
    image: String,
    options: Vec<String>,
    args: Vec<String>,
    files: Vec<(String, String)>,
}

impl Recipe {
    pub fn of(image: &str) -> Recipe {
        Recipe { image: image.to_owned(), options: Vec::new(), args: Vec::new(), files: Vec::new() }
    }

    /// Adds options of `docker create`.
    pub fn options(mut self, options: &[&str]) -> Recipe {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// What follows the image's name: replaces the image's CMD.
    pub fn args(mut self, args: &[&str]) -> Recipe {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Puts a file into the container before it starts; one that begins with `#!` is executable.
    pub fn file(mut self, path: &str, text: &str) -> Recipe {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// The arguments of `docker create` or `docker run`, with `verb` in front.
    pub fn command(&self, verb: &str, name: &str) -> Vec<String> {
        let mut command = vec![verb.to_owned(), "--name".to_owned(), name.to_owned(), "--label".to_owned(), label()];
        command.extend(self.options.iter().cloned());
        command.push(self.image.clone());
        command.extend(self.args.iter().cloned());
        command
    }

    pub fn create(&self) -> Container {
        let image = self.image.rsplit('/').next().and_then(|name| name.split(':').next());
        let container = Container { name: unique_name(image.unwrap_or("image")) };
        let command = self.command("create", &container.name);
        docker_ok(&command.iter().map(String::as_str).collect::<Vec<_>>());
        if !self.files.is_empty() {
            let overlay = tempfile::tempdir().expect("a temporary directory");
            for (path, text) in &self.files {
                write_file(&overlay.path().join(path.trim_start_matches('/')), text);
            }
            let from = format!("{}/.", overlay.path().display());
            docker_ok(&["cp", &from, &format!("{}:/", container.name)]);
        }
        container
    }

    pub fn start(&self) -> Container {
        let container = self.create();
        container.start();
        container
    }

    /// Runs it in the foreground to its end: its code, and the two streams as `docker run` delivers them.
    pub fn run(&self) -> Done {
        self.run_as(&Container::named("run"))
    }

    /// The same under a name that the caller knows.
    pub fn run_as(&self, container: &Container) -> Done {
        let command = self.command("run", &container.name);
        docker_within(cli::PATIENCE, &command.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn write_file(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a directory of the overlay");
    fs::write(path, text).expect("a file of the overlay");
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

/// A container, started or not.
pub struct Container {
    pub name: String,
}

impl Container {
    /// A name under which a test makes its container in another way; it is removed all the same.
    pub fn named(what: &str) -> Container {
        Container { name: unique_name(what) }
    }

    pub fn start(&self) {
        docker_ok(&["start", &self.name]);
    }

    /// Follows the container's log from its beginning until a line contains `needle`.
    pub fn wait_for(&self, needle: &str) -> (Stream, String) {
        self.follow().wait_for(needle)
    }

    /// Waits until its init holds signals. The engine calls a container started when that program is about to be executed,
    /// and what is sent to PID 1 before its first instruction is lost to every init there is. The kernel has no news of
    /// that moment to wait for, so its answer is asked for again and again.
    pub fn wait_for_init(&self) {
        let pid = self.inspect("{{.State.Pid}}");
        let deadline = Instant::now() + cli::PATIENCE;
        loop {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the container runs");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a mask").trim();
            // What it waits for, the kernel does not show as blocked meanwhile.
            let call = fs::read_to_string(format!("/proc/{pid}/syscall")).expect("the container runs");
            let waits = call.split(' ').next() == Some(&nix::libc::SYS_rt_sigtimedwait.to_string());
            // All 64 but KILL and STOP.
            if blocked == "fffffffffffbfeff" || waits {
                return;
            }
            assert!(Instant::now() < deadline, "PID 1 never held its signals: {blocked}");
            std::thread::yield_now();
        }
    }

    pub fn follow(&self) -> Lines {
        Lines::of(&["logs", "--follow", &self.name])
    }

    /// What it has printed, stdout and stderr apart.
    pub fn logs(&self) -> Done {
        docker(&["logs", &self.name])
    }

    /// Waits for its end and returns its code.
    pub fn wait(&self) -> i32 {
        docker_ok(&["wait", &self.name]).parse().expect("docker wait prints a code")
    }

    /// `docker stop` with plenty of grace, of which only a part may be used; returns the code of the container.
    pub fn stop(&self) -> i32 {
        let done = docker_within(STOPPED_WITHIN, &["stop", "-t", GRACE, &self.name]);
        assert_eq!(done.code, 0, "docker stop: {}", done.stderr);
        self.code()
    }

    pub fn code(&self) -> i32 {
        self.inspect("{{.State.ExitCode}}").parse().expect("an exit code is a number")
    }

    pub fn inspect(&self, format: &str) -> String {
        docker_ok(&["inspect", "--type", "container", "--format", format, &self.name])
    }

    /// Runs a command in it, without a terminal.
    pub fn exec(&self, command: &[&str]) -> Done {
        docker(&[&["exec", self.name.as_str()], command].concat())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The daemon may have removed it already (--rm), or it was never made.
        let _ = docker(&["rm", "-f", "-v", &self.name]);
    }
}
