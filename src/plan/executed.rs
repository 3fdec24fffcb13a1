//! What is looked at when a program is executed: in PATH, by the kernel for `#!`, by `env`, and by an interpreter that is
//! given a script.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::interpreters::{self, Modules};
use crate::cli;
use crate::sys::exec::{self, Program};
use crate::sys::{mounts, regular};
use crate::text::cut;

type Words = Vec<Vec<u8>>;

/// What a program comes to.
#[derive(Default)]
pub struct Executed {
    /// Every path that is looked at and is there, or that is named.
    pub paths: Vec<PathBuf>,
    /// What `env` puts into the environment on the way: `NAME=VALUE`.
    pub assigned: Words,
    /// Why it cannot be followed further, and what to do.
    pub unclear: Option<String>,
    /// Why this user cannot execute it, and what to do.
    pub obstacle: Option<String>,
    /// Why it may be that nobody can, here.
    pub doubt: Option<String>,
    /// What may be executed and not read: a script in there would fail.
    pub unread: Option<PathBuf>,
}

/// Follows the program to what it will be, but not where it `is_refused`: that is not looked at, and nothing in it is read.
/// A user's file system may never answer.
#[must_use]
pub fn of(program: &Program, is_refused: &dyn Fn(&Path) -> bool) -> Executed {
    let argv: Vec<Vec<u8>> = program.argv.iter().map(|word| word.to_bytes().to_vec()).collect();
    let mut execution = Execution {
        directory: directory(program),
        search: search_path(program),
        // What root may execute another user may not, and then the next directory counts.
        by_root: program.identity.as_ref().is_none_or(|identity| identity.uid == 0),
        is_refused,
        executed: Executed::default(),
    };
    execution.call(&argv);
    execution.executed
}

/// The directories of PATH, in the environment that the program will have.
pub fn search_path(program: &Program) -> Vec<PathBuf> {
    let path = exec::search_path_of(&program.environment);
    let entries = path.split(|&byte| byte == b':').map(|entry| Path::new(OsStr::from_bytes(entry)));
    entries.map(|entry| directory(program).join(entry)).collect()
}

pub fn directory(program: &Program) -> &Path {
    program.directory.as_deref().unwrap_or_else(|| Path::new(""))
}

/// Where Node.js looks for a module of this name that is loaded before a script.
pub fn node_modules(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let whole = std::path::absolute(Path::new(".").join(directory)).unwrap_or_default();
    let all: Vec<_> = whole.ancestors().map(|directory| directory.join("node_modules")).collect();
    all.into_iter()
}

const ELF: &[u8] = b"\x7fELF";

/// What comes of `#!` lines that lead to each other.
const TOO_DEEP: &str =
    "its #! line leads to another script, and so on, further than the kernel follows; name a program in it";

/// As much as the kernel looks at (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;

/// The first bytes of a file, as far as they say how it is executed.
#[must_use]
pub fn head(path: &Path) -> Option<Vec<u8>> {
    regular::start_of(path, HEAD as u64)
}

/// Why this user cannot execute a file, and what to do, as far as it shows; `None` where nothing does.
fn why_not(path: &Path) -> Option<String> {
    const OPEN: &str = "run chmod a+rx on it and on the directories above it";
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if regular::is_absence(&error) => {
            let advice = if has_blanks(path.as_os_str().as_bytes()) { APART } else { "install it, or name another" };
            return Some(format!("is not there; {advice}"));
        }
        Err(error) => return Some(format!("cannot be looked at: {error}; {OPEN}")),
    };
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "is a directory" } else { "is no regular file" };
        return Some(format!("{what}; name a program"));
    }
    if metadata.mode() & 0o111 == 0 {
        return Some("is not executable; run chmod +x on it".to_owned());
    }
    let errno = access(path, AccessFlags::X_OK).err()?;
    Some(match mounts::without_execution(path) {
        Some(mount) => format!("is on {}, which is mounted noexec; mount it without that", mount.display()),
        None => format!("may not be executed: {}; {OPEN}", errno.desc()),
    })
}

/// What to say of a whole command line in the place of a program.
pub const APART: &str = "it contains blanks: write each word in quotes of its own";

/// Whether a name is more than one word, perhaps.
#[must_use]
pub fn has_blanks(name: &[u8]) -> bool {
    name.trim_ascii().contains(&b' ')
}

struct Execution<'p> {
    directory: &'p Path,
    search: Vec<PathBuf>,
    by_root: bool,
    is_refused: &'p dyn Fn(&Path) -> bool,
    executed: Executed,
}

impl Execution<'_> {
    /// As execvp(3).
    fn call(&mut self, argv: &[Vec<u8>]) {
        let Some((name, rest)) = argv.split_first() else { return };
        if name.contains(&b'/') {
            self.execute(&self.directory.join(path_of(name)), rest, 0);
            return;
        }
        let (mut first, mut unread, mut is_found) = (None, None, false);
        for candidate in self.found(name) {
            let runs = self.execute(&candidate, rest, 0);
            let (obstacle, not_read) = (self.executed.obstacle.take(), self.executed.unread.take());
            if is_found {
                continue;
            }
            is_found = runs;
            unread = not_read.filter(|_| runs);
            first = if runs { obstacle } else { first.or(obstacle) };
            if runs && self.by_root {
                break;
            }
        }
        let name = String::from_utf8_lossy(name);
        self.executed.unread = unread;
        self.executed.obstacle = match name.strip_suffix('\r') {
            _ if is_found || first.is_some() => first,
            Some(name) => Some(carriage_return(name)),
            None if has_blanks(name.as_bytes()) => Some(format!("{name} is not found in PATH; {APART}")),
            None => Some(format!("{name} is not found in PATH; install it, or name another")),
        };
    }

    /// Whatever has the name in a directory of PATH.
    fn found(&self, name: &[u8]) -> Vec<PathBuf> {
        let directories = self.search.iter().filter(|directory| !(self.is_refused)(directory));
        let candidates = directories.map(|directory| directory.join(path_of(name)));
        candidates.filter(|path| !name.is_empty() && path.symlink_metadata().is_ok()).collect()
    }

    /// As execve(2); `false`: the file cannot be executed now.
    fn execute(&mut self, file: &Path, rest: &[Vec<u8>], depth: u32) -> bool {
        /// As many `#!` as the kernel follows, and what is looked at all in all.
        const DEEPEST: u32 = 5;
        const MOST: usize = 100;
        self.executed.paths.push(file.to_owned());
        if (self.is_refused)(file) {
            return true;
        }
        // In PATH the next one counts.
        self.executed.obstacle = why_not(file).map(|why| format!("{} {why}", file.display()));
        if depth > DEEPEST {
            self.executed.obstacle = Some(TOO_DEEP.to_owned());
        }
        if self.executed.obstacle.is_some() {
            return false;
        }
        if self.executed.paths.len() > MOST {
            self.give_up(file, rest.first().map_or(b"", Vec::as_slice), BY_PATH);
            return true;
        }
        self.take_script(file, &names_of(file), rest);
        // What cannot be read is taken for no script.
        let start = head(file).unwrap_or_else(|| {
            self.executed.unread = Some(file.to_owned());
            ELF.to_vec()
        });
        let (interpreter, argument) = match interpreter(&start) {
            Some((interpreter, argument)) => (interpreter, argument),
            None if exec::is_binary(&start) => {
                let loader = loader(file);
                self.executed.paths.extend(loader.clone());
                self.executed.obstacle = loader.filter(|loader| !loader.exists()).map(|loader| {
                    let (file, loader) = (file.display(), loader.display());
                    format!("{file} needs {loader}, which is not there; use a program that was built for this image")
                });
                let runs = self.executed.obstacle.is_none();
                if runs && is_foreign(&start) && !runs_foreign_programs() {
                    self.executed.doubt = Some(format!(
                        "{} is built for another machine; build it for this one, or see that binfmt_misc runs it here",
                        file.display()
                    ));
                }
                if runs {
                    self.enter(file, rest);
                }
                return runs;
            }
            None if start.starts_with(b"#!") => {
                self.executed.obstacle =
                    Some(format!("{} has a #! line that names no interpreter; write #!/bin/sh", file.display()));
                return false;
            }
            // execvp(3), and app-init itself, have the shell run it; the kernel has it run no interpreter.
            None if depth > 0 && !runs_foreign_programs() => {
                self.executed.obstacle =
                    Some(format!("{} is no program and has no #! line; name another", file.display()));
                return false;
            }
            None => (&b"/bin/sh"[..], None),
        };
        let script = file.as_os_str().as_bytes();
        let rest = argument.into_iter().chain([script]).map(<[u8]>::to_vec).chain(rest.iter().cloned());
        let rest: Vec<_> = rest.collect();
        let runs = self.execute(&self.directory.join(path_of(interpreter)), &rest, depth.saturating_add(1));
        if !runs {
            let why = self.executed.obstacle.take().unwrap_or_default();
            let name = String::from_utf8_lossy(interpreter);
            self.executed.obstacle = Some(match name.strip_suffix('\r') {
                _ if why == TOO_DEEP => why,
                Some(name) => carriage_return(name),
                None => format!("its interpreter {why}, or change the #! line"),
            });
        } else if argument.is_some_and(|argument| argument.ends_with(b"\r")) && !interpreter.ends_with(b"/env") {
            let what =
                "its #! line ends in a carriage return (CRLF), which its interpreter takes for a part of the argument";
            self.executed.obstacle = Some(format!("{what}; run dos2unix on it"));
        }
        runs
    }

    /// The program that `env`, or app-init, calls, and what busybox is told to be.
    fn enter(&mut self, file: &Path, words: &[Vec<u8>]) {
        let mut names = names_of(file);
        let mut words = words;
        while names.first().is_some_and(|name| name == b"busybox") {
            let Some((applet, rest)) = words.split_first() else { return };
            names = path_of(applet).file_name().map(|name| name.as_bytes().to_vec()).into_iter().collect();
            words = rest;
            self.take_script(file, &names, words);
        }
        let called = if names.iter().any(|name| name == b"env") {
            called_by_env(words).map(|(assigned, called)| {
                self.executed.assigned.extend(assigned);
                called
            })
        } else if names.iter().any(|name| name == b"app-init") {
            called_by_app_init(words)
        } else {
            return;
        };
        match called {
            Ok(argv) => self.call(&argv),
            Err(word) => self.give_up(file, &word, BY_PATH),
        }
    }

    fn give_up(&mut self, file: &Path, word: &[u8], advice: &str) {
        let (file, word) = (file.display(), String::from_utf8_lossy(word));
        self.executed.unclear = Some(format!("cannot tell what {file} would run after `{word}`; {advice}"));
    }

    /// The script that an interpreter is given, which may be a script itself, and what that reads before.
    fn take_script(&mut self, file: &Path, names: &[Vec<u8>], words: &[Vec<u8>]) {
        let Some(given) = names.iter().find_map(|name| interpreters::given(name, words)) else { return };
        let given = match given {
            Ok(given) => given,
            Err(word) => return self.give_up(file, word, IN_FULL),
        };
        let is_path = |module: &&&[u8]| module.contains(&b'/');
        for name in given.loaded.iter().filter(|name| !is_path(name)) {
            match given.modules {
                Modules::Installed => {}
                Modules::Node => {
                    let modules = node_modules(self.directory).map(|directory| directory.join(path_of(name)));
                    self.executed.paths.extend(modules);
                }
                Modules::Lua => {
                    // `NAME=MODULE`, and a dot leads into a directory.
                    let module = name.rsplit(|&byte| byte == b'=').next().unwrap_or_default();
                    let module = String::from_utf8_lossy(module).replace('.', "/");
                    let files = [format!("{module}.lua"), format!("{module}/init.lua"), format!("{module}.so")];
                    self.executed.paths.extend(files.map(|file| self.directory.join(file)));
                }
            }
        }
        for path in given.loaded.iter().filter(is_path) {
            // Its name may be without its end.
            let module = self.directory.join(path_of(path));
            if !(self.is_refused)(&module) && !module.is_file() {
                self.give_up(file, path, IN_FULL);
            }
        }
        let read = given.read.iter().chain(given.loaded.iter().filter(is_path));
        self.executed.paths.extend(read.map(|path| self.directory.join(path_of(path))));
        let Some(script) = given.script else { return };
        let path = self.directory.join(path_of(script));
        if (self.is_refused)(&path) {
            return self.executed.paths.push(path);
        }
        if given.is_sought && !script.contains(&b'/') && !path.exists() {
            let found = self.found(script);
            self.executed.paths.extend(found);
        }
        // Of a directory it is a file in there.
        if path.is_dir() || given.modules == Modules::Node && !path.is_file() {
            self.give_up(file, script, IN_FULL);
        }
        self.executed.paths.push(path);
    }
}

/// What to do about an `env` that cannot be followed.
const BY_PATH: &str = "name the program by its path, and set variables in env.set";
/// What to do about an interpreter.
const IN_FULL: &str = "give it usual options and the whole name of a script, or let that user run it";

/// What a file is called, and what it is where that is a link.
fn names_of(file: &Path) -> Vec<Vec<u8>> {
    let real = file.canonicalize().ok();
    let names = [Some(file), real.as_deref()].into_iter().flatten().filter_map(Path::file_name);
    names.map(|name| name.as_bytes().to_vec()).collect()
}

/// What to say of a line from Windows.
fn carriage_return(interpreter: &str) -> String {
    format!("its #! line ends in a carriage return (CRLF), so {interpreter} is looked for with one; run dos2unix on it")
}

/// Whether a program is for a machine on which app-init itself would not run: by its class and machine (elf(5)). That of 32
/// bits most kernels run too.
fn is_foreign(start: &[u8]) -> bool {
    let own: &[(u8, u16)] = if cfg!(target_arch = "x86_64") {
        &[(2, 62), (1, 62), (1, 3)]
    } else if cfg!(target_arch = "aarch64") {
        &[(2, 183), (1, 40)]
    } else {
        return false;
    };
    let Some(&[low, high]) = start.strip_prefix(ELF).and_then(|rest| rest.get(14..16)) else { return false };
    let class = start.get(4).copied().unwrap_or_default();
    // What begins with the high byte is another's in any case.
    start.get(5) != Some(&1) || !own.contains(&(class, u16::from_le_bytes([low, high])))
}

/// Whether the kernel was told of an interpreter for programs of others (binfmt_misc), as far as that is to be seen.
fn runs_foreign_programs() -> bool {
    let entries = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    let mut entries = entries.filter(|entry| entry.file_name() != "status" && entry.file_name() != "register");
    entries.any(|entry| regular::start_of(&entry.path(), 7).is_some_and(|start| start == b"enabled"))
}

/// The dynamic loader that a program of 64 bits asks for (elf(5)), where its name is near the beginning, as linkers put it.
fn loader(file: &Path) -> Option<PathBuf> {
    let start = regular::start_of(file, 4096).filter(|start| start.starts_with(b"\x7fELF\x02\x01"))?;
    let number = |at: usize, size: usize| {
        let bytes = start.get(at..at.checked_add(size)?)?;
        let number = bytes.iter().rev().try_fold(0_u64, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()));
        usize::try_from(number?).ok()
    };
    let (headers, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let places = (0..count).map_while(|place| headers.checked_add(place.checked_mul(size)?));
    let place = places.into_iter().find(|&place| number(place, 4) == Some(3))?;
    let (from, length) = (number(place.checked_add(8)?, 8)?, number(place.checked_add(32)?, 8)?);
    let name = start.get(from..from.checked_add(length)?)?.split(|&byte| byte == 0).next()?;
    Some(path_of(name).to_owned()).filter(|path| path.is_absolute())
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The interpreter and its one argument, as the kernel reads them from the start of a file (binfmt_script).
fn interpreter(start: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let is_end = |byte: &u8| is_blank(byte) || *byte == 0;
    let line = start.strip_prefix(b"#!")?;
    let end = line.iter().position(|&byte| byte == b'\n');
    let line = line.get(..end.unwrap_or(line.len()))?;
    let name = line.get(line.iter().position(|byte| !is_blank(byte))?..)?;
    let after = name.iter().position(is_end);
    // A name may have been cut off by the end of what the kernel reads; the end of the file is none.
    let is_cut = end.is_none() && start.len() >= HEAD;
    if is_cut && after.is_none() {
        return None;
    }
    let (name, rest) = name.split_at(after.unwrap_or(name.len()));
    let rest = if is_cut { rest.split_last().map_or(rest, |(_, rest)| rest) } else { rest };
    if name.is_empty() {
        return None;
    }
    // A NUL ends everything.
    let rest = rest.split(|&byte| byte == 0).next().unwrap_or_default();
    let argument = rest.get(rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len())..)?;
    let length = argument.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last.saturating_add(1));
    Some((name, argument.get(..length).filter(|argument| !argument.is_empty())))
}

/// What another app-init calls: the words behind `--`, or those of `exec` and of none of its commands.
fn called_by_app_init(words: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Vec<u8>> {
    if let Some(place) = words.iter().position(|word| word == b"--") {
        return Ok(words.iter().skip(place.saturating_add(1)).cloned().collect());
    }
    let is_command = |word: &[u8]| cli::COMMANDS.iter().any(|(name, _, _)| name.as_bytes() == word);
    match words {
        [command, rest @ ..] if command == b"exec" || command == b"run" => match rest {
            [option, ..] if option.starts_with(b"-") => Err(option.clone()),
            rest => Ok(rest.to_vec()),
        },
        [option, ..] if option.starts_with(b"-") => Err(option.clone()),
        [word, ..] if !is_command(word) => Ok(words.to_vec()),
        _ => Ok(Vec::new()),
    }
}

/// The variables that `env` sets when it is given these words, and what it calls, in the PATH that it has itself; or the
/// word that makes that another matter, or that is not understood.
fn called_by_env(words: &[Vec<u8>]) -> Result<(Words, Words), Vec<u8>> {
    let mut words: VecDeque<Vec<u8>> = words.to_vec().into();
    while words.front().is_some_and(|word| word.starts_with(b"-")) {
        let word = words.pop_front().unwrap_or_default();
        if word == b"--" {
            break;
        }
        let (option, attached) = match cut(&word, b'=') {
            (b"--debug", None) => continue,
            (b"--unset", value) => (b'u', value),
            (b"--split-string", value) => (b'S', value),
            (long, _) if long.starts_with(b"--") => return Err(word),
            _ => {
                // `v` only talks.
                let letters = word.get(1..).unwrap_or_default();
                let said = letters.iter().take_while(|&&letter| letter == b'v').count();
                match letters.get(said..).unwrap_or_default() {
                    [] if said > 0 => continue,
                    [letter, attached @ ..] => (*letter, Some(attached).filter(|attached| !attached.is_empty())),
                    [] => return Err(word),
                }
            }
        };
        let Some(value) = attached.map(<[u8]>::to_vec).or_else(|| words.pop_front()) else { return Err(word) };
        match option {
            b'u' if value != b"PATH" => {}
            b'S' if !value.iter().any(|byte| b"\\\"'$#\x0b".contains(byte)) => {
                let split = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                split.rev().for_each(|word| words.push_front(word.to_vec()));
            }
            _ => return Err(word),
        }
    }
    let mut words = Vec::from(words);
    let assigned = words.iter().take_while(|word| word.contains(&b'=')).count();
    let called = words.split_off(assigned);
    match words.iter().find(|word| word.starts_with(b"PATH=")) {
        Some(path) => Err(path.clone()),
        None => Ok((words, called)),
    }
}

#[cfg(test)]
mod tests;
