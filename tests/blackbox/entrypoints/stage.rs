//! A case on its stage: the `app-init.toml` as users copy it, its commands played by the stand-in, and what came of it.

use super::record::{self, Call};
use crate::harness::*;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const STAND_IN: &str = include_str!("../../entrypoints/stand-in.sh");
/// Before the machine's own programs come the stand-ins.
const PATH: &str = "/mnt/app/path:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// A start to come. By default as PID 1 and root.
pub struct Case {
    setup: Setup,
    record: TempDir,
    toml: String,
    arguments: Vec<String>,
    before: String,
    through: String,
}

impl Case {
    /// The case `name`, with app-init's arguments.
    pub fn new(name: &str, arguments: &[&str]) -> Case {
        Case::at(Cell::PID1, name, arguments)
    }

    pub fn at(cell: Cell, name: &str, arguments: &[&str]) -> Case {
        let toml = super::folder().join(name).join("app-init.toml");
        let record = TempDir::new().expect("a temporary directory can be made");
        for directory in ["", "codes", "turns", "says"] {
            let path = record.path().join(directory);
            fs::create_dir_all(&path).expect("a directory of the test can be made");
            allow(&path, 0o755);
        }
        writable(&record.path().join("calls"));
        Case {
            setup: Setup::bare(cell, [""; 0]).env("PATH", PATH),
            record,
            toml: fs::read_to_string(toml).expect("the case has a config file"),
            arguments: arguments.iter().map(|word| (*word).to_string()).collect(),
            before: String::new(),
            through: String::new(),
        }
    }

    /// Commands of the application: `path/NAME` is found in PATH, others lie below the working directory.
    pub fn plays(self, commands: &[&str]) -> Case {
        commands.iter().fold(self, |case, command| case.file(command, STAND_IN, 0o755))
    }

    pub fn file(self, name: &str, content: &str, mode: u32) -> Case {
        Case { setup: self.setup.file(name, content, mode), ..self }
    }

    pub fn etc(self, name: &str, content: &str) -> Case {
        Case { setup: self.setup.etc(name, content), ..self }
    }

    pub fn env(self, name: &str, value: &str) -> Case {
        Case { setup: self.setup.env(name, value), ..self }
    }

    /// What becomes of the calls whose command line begins so; the last code is for all that follow.
    pub fn codes(self, line: &str, codes: &[&str]) -> Case {
        fs::write(self.key("codes", line), codes.join("\n") + "\n").expect("a file of the test can be written");
        writable(&self.key("turns", line));
        self
    }

    /// What the calls whose command line begins so print.
    pub fn says(self, line: &str, text: &str) -> Case {
        fs::write(self.key("says", line), text).expect("a file of the test can be written");
        self
    }

    /// A file's name has no slash.
    fn key(&self, directory: &str, line: &str) -> PathBuf {
        self.record.path().join(directory).join(line.replace('/', ":"))
    }

    /// Shell lines that root runs in the container before app-init, as the image's build would.
    pub fn before(mut self, script: &str) -> Case {
        self.before.push_str(script);
        self.before.push('\n');
        self
    }

    /// A command that app-init is started by, as `setpriv --reuid 7`.
    pub fn through(self, command: &str) -> Case {
        Case { through: command.into(), ..self }
    }

    /// Where each address of the machine's own kind is free, whoever listens on the machine.
    pub fn in_a_network_of_its_own(self) -> Case {
        Case { setup: self.setup.placed(["--own-network"]), ..self }
    }

    /// Another text in the config file, where a test cannot wait for the real one.
    pub fn with(self, text: &str, instead: &str) -> Case {
        assert!(self.toml.contains(text), "the config file has no `{text}`");
        Case { toml: self.toml.replace(text, instead), ..self }
    }

    /// The number of the first line of the config file that begins so.
    pub fn line_of(&self, text: &str) -> usize {
        let at = self.toml.lines().position(|line| line.starts_with(text));
        at.unwrap_or_else(|| panic!("the config file has no line `{text}`")) + 1
    }

    pub fn start(self) -> Playing {
        let Case { setup, record, toml, arguments, before, through } = self;
        let script = format!("{before}exec {through} {APP_INIT} \"$@\"");
        let setup = setup.config(&toml).args(["sh", "-ec", &script, "sh"]).args(arguments);
        // As in an image: root's, so that a config file and stand-ins may be trusted.
        close_directories(setup.world.app());
        let bind = [OsStr::new("--bind"), record.path().as_os_str(), OsStr::new("stand-in")];
        Playing { run: setup.placed(bind).start(), record }
    }

    pub fn play(self) -> Played {
        self.start().end()
    }
}

/// A case that runs.
pub struct Playing {
    pub run: Running,
    record: TempDir,
}

impl Playing {
    /// Waits for a call that begins so.
    #[track_caller]
    pub fn until_called(&self, line: &str) {
        let called = |_: &Running| calls(&self.record).iter().any(|call| call.to_string().starts_with(line));
        self.run.eventually(&format!("`{line}` is called"), called);
    }

    #[track_caller]
    pub fn end(self) -> Played {
        let end = self.run.end();
        Played { end, calls: calls(&self.record) }
    }

    /// Asks it to stop, and waits for its end.
    #[track_caller]
    pub fn stop(self) -> Played {
        self.run.signal(signal::TERM);
        self.end()
    }
}

/// What came of a case.
pub struct Played {
    pub end: End,
    pub calls: Vec<Call>,
}

impl Played {
    #[track_caller]
    pub fn exited(self, code: i32) -> Played {
        assert_eq!(self.end.how, Ended::Exited(code), "{}", self.story());
        self
    }

    /// These commands were called, in this order, and no others.
    #[track_caller]
    pub fn called(&self, lines: &[&str]) -> &Played {
        assert_eq!(self.lines(), lines, "{}", self.story());
        self
    }

    /// The one call that begins so.
    #[track_caller]
    pub fn call(&self, line: &str) -> &Call {
        let mut found = self.calls.iter().filter(|call| call.to_string().starts_with(line));
        match (found.next(), found.next()) {
            (Some(call), None) => call,
            _ => panic!("not one call of `{line}`\n{}", self.story()),
        }
    }

    /// Each of the words is in stderr.
    #[track_caller]
    pub fn complains(self, words: &[&str]) -> Played {
        for word in words {
            assert!(self.end.err.contains(word), "stderr does not say `{word}`\n{}", self.story());
        }
        self
    }

    #[track_caller]
    pub fn never_says(&self, secret: &str) -> &Played {
        let told = self.end.out.contains(secret) || self.end.err.contains(secret);
        assert!(!told, "`{secret}` was told\n{}", self.story());
        self
    }

    pub fn story(&self) -> String {
        format!("{}\n--- called\n{}", self.end.story(), self.lines().join("\n"))
    }

    fn lines(&self) -> Vec<String> {
        self.calls.iter().map(ToString::to_string).collect()
    }
}

fn calls(directory: &TempDir) -> Vec<Call> {
    let bytes = fs::read(directory.path().join("calls")).expect("the record is there");
    record::parse(&String::from_utf8_lossy(&bytes))
}

fn close_directories(directory: &Path) {
    allow(directory, 0o755);
    for entry in fs::read_dir(directory).expect("it is readable") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() && !path.is_symlink() {
            close_directories(&path);
        }
    }
}

/// An empty file that every user may write to.
fn writable(path: &Path) {
    fs::write(path, "").expect("a file of the test can be written");
    allow(path, 0o666);
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode of a test's own file can be set");
}
