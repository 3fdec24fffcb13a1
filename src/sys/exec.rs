//! Becoming another program.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::fmt;
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr;
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::bounds::Bounds;
use super::credentials;
use super::descriptors;
use super::regular;
use super::signals::{self, Inherited};
use super::terminal;
use crate::identity::Identity;
use crate::machine::{Ending, StartStep};

/// Where a program's standard input comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stdin {
    Inherited,
    /// `/dev/null`: hooks and pollers do not read the server's input, nor keep its pipe open.
    Null,
}

/// Where a program's standard output goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stdout {
    Inherited,
    /// To standard error, for images whose stdout is data.
    Stderr,
}

/// Which descriptors from 3 on a program has of those that app-init was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// They were meant for the server.
    All,
    /// Those that LISTEN_FDS names: what else a shell of root's has open is not for another user.
    Passed,
    None,
}

/// The environment of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Environment {
    /// Exactly what app-init was given.
    Inherited,
    /// `NAME=value` strings.
    Computed(Rc<[CString]>),
}

/// What is asked right before a program takes a process over: whether it may. If not, it has told why.
#[derive(Clone)]
pub struct Guard(pub Rc<dyn Fn(&Program) -> bool>);

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Guard")
    }
}

/// A program ready to be executed: nothing in it can be wrong any more but what only the kernel knows.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path or name as written, and its arguments.
    pub argv: Vec<CString>,
    pub environment: Environment,
    /// Joined to the environment, for hooks.
    pub extra: Vec<CString>,
    /// `None`: where app-init was started.
    pub directory: Option<PathBuf>,
    pub umask: Option<u32>,
    /// `None`: whoever app-init is.
    pub identity: Option<Rc<Identity>>,
    pub bounds: Option<Rc<Bounds>>,
    /// `None`: it has no more rights than anybody else here.
    pub guard: Option<Guard>,
    pub stdin: Stdin,
    pub stdout: Stdout,
    pub keeps: Keeps,
    /// A hook that is still being written is tried again for a second.
    pub retries_busy: bool,
    /// What it writes to descriptor 3 joins the environment of everything after it.
    pub writes_environment: bool,
}

/// Why a program could not be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub step: StartStep,
    pub errno: i32,
}

impl Refusal {
    /// What makes one of what the kernel says at `step`.
    pub fn at(step: StartStep) -> impl Fn(Errno) -> Refusal {
        move |errno| Refusal { step, errno: errno as i32 }
    }
}

impl From<Refusal> for Ending {
    fn from(Refusal { step, errno }: Refusal) -> Ending {
        Ending::NotStarted { step, errno }
    }
}

unsafe extern "C" {
    /// The C library's environment.
    static environ: *const *const c_char;
}

/// What is searched where PATH is not set.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SHELL: &CStr = c"/bin/sh";

impl Program {
    /// A server: it has everything that app-init was given.
    #[must_use]
    pub fn new(argv: Vec<CString>, environment: Environment) -> Program {
        Program {
            argv,
            environment,
            extra: Vec::new(),
            directory: None,
            umask: None,
            identity: None,
            bounds: None,
            guard: None,
            stdin: Stdin::Inherited,
            stdout: Stdout::Inherited,
            keeps: Keeps::All,
            retries_busy: false,
            writes_environment: false,
        }
    }

    /// The program's name for people.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.argv.first().map_or(Cow::Borrowed(""), |name| name.to_string_lossy())
    }

    /// Replaces this process by the program, with the signal mask app-init was started with. Returns only when that is
    /// refused; the process is then to end, or to go on with all signals held again.
    ///
    /// `forked_from` is app-init's pid where this process is a child of it.
    pub fn execute(&self, inherited: Inherited, forked_from: Option<i32>) -> Refusal {
        if let Some(Guard(may_run)) = &self.guard
            && !may_run(self)
        {
            return Refusal::at(StartStep::Trust)(Errno::EPERM);
        }
        let is_as_it_is = self.directory.is_none() && self.identity.is_none() && self.bounds.is_none();
        let is_placed = self.umask.is_none() && self.stdin == Stdin::Inherited && self.stdout == Stdout::Inherited;
        if !(is_as_it_is && is_placed)
            && let Err(refusal) = self.prepare(forked_from)
        {
            return refusal;
        }
        // LISTEN_PID names the process that sockets were passed to (sd_listen_fds(3)): app-init hands them on.
        let fits = matches!(self.environment, Environment::Inherited) && self.extra.is_empty();
        let computed = (!fits || any_inherited(names_descriptors)).then(|| self.computed_environment(forked_from));
        let pointers = computed.as_ref().map(|strings| pointers(strings));
        // SAFETY: `environ` is set by the C library before main and changed by nothing here: app-init has one thread
        // and never calls setenv.
        let environment = pointers.as_ref().map_or_else(|| unsafe { environ }, Vec::as_ptr);
        let arguments = pointers_of(&self.argv);
        if forked_from.is_none() {
            // What app-init caused itself must not meet the program, which it would end.
            signals::drop_own_pending();
        }
        if let Err(errno) = signals::restore(inherited) {
            return Refusal::at(StartStep::Mask)(errno);
        }
        let errno = self.try_candidates(&arguments, environment, computed.as_deref());
        signals::hold_again();
        Refusal { step: StartStep::Exec, errno }
    }

    /// Bounds, identity, directory, umask and descriptors, in this order.
    #[inline(never)]
    fn prepare(&self, forked_from: Option<i32>) -> Result<(), Refusal> {
        if self.keeps == Keeps::Passed {
            descriptors::close_on_exec_from(first_unpassed(forked_from));
        }
        let refused = |(step, errno): (StartStep, Errno)| Refusal::at(step)(errno);
        if self.stdin == Stdin::Null {
            // Root's shell may be at the terminal that app-init has, and whoever shares it may type on it (TIOCSTI).
            terminal::give_up();
            let is_another = |identity: &Rc<Identity>| identity.uid != nix::unistd::geteuid().as_raw();
            if self.identity.as_ref().is_some_and(is_another) {
                terminal::keep_for_writing().map_err(Refusal::at(StartStep::Stdin))?;
            }
        }
        if let Some(bounds) = &self.bounds {
            bounds.set().map_err(refused)?;
        }
        if let Some(identity) = &self.identity {
            credentials::become_user(identity).map_err(Refusal::at(StartStep::Identity))?;
        }
        // Only now: the way there may be a link of the user's, to where only root may enter.
        self.directory.as_ref().map_or(Ok(()), nix::unistd::chdir).map_err(Refusal::at(StartStep::Directory))?;
        if let Some(bounds) = &self.bounds {
            bounds.renounce_privileges().map_err(refused)?;
        }
        if let Some(umask) = self.umask {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
        }
        if self.stdin == Stdin::Null {
            // SAFETY: open(2) on a constant path and dup2(2) over descriptor 0, which no Rust object owns.
            unsafe {
                let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
                if null < 0 || libc::dup2(null, 0) < 0 {
                    return Err(Refusal::at(StartStep::Stdin)(Errno::last()));
                }
            }
        }
        if self.stdout == Stdout::Stderr {
            // SAFETY: dup2(2) of descriptor 2 over descriptor 1; both were opened at the start.
            Errno::result(unsafe { libc::dup2(2, 1) }).map_err(Refusal::at(StartStep::Stdin))?;
        }
        Ok(())
    }

    #[inline(never)]
    fn computed_environment(&self, forked_from: Option<i32>) -> Vec<Cow<'_, CStr>> {
        let given: Vec<Cow<'_, CStr>> = match &self.environment {
            Environment::Inherited => inherited_environment().into_iter().map(Cow::Owned).collect(),
            Environment::Computed(strings) => strings.iter().map(|string| Cow::Borrowed(string.as_c_str())).collect(),
        };
        let own = nix::unistd::getpid().as_raw();
        let passed_to_parent = forked_from.map(|parent| format!("LISTEN_PID={parent}"));
        let mut strings: Vec<Cow<'_, CStr>> = Vec::with_capacity(given.len().saturating_add(self.extra.len()));
        for string in given {
            let bytes = string.to_bytes();
            let name = bytes.split(|&byte| byte == b'=').next().unwrap_or(bytes);
            if self.extra.iter().any(|extra| extra.to_bytes().split(|&byte| byte == b'=').next() == Some(name)) {
                continue;
            }
            if self.keeps == Keeps::None && is_about_descriptors(name) {
                continue;
            }
            if passed_to_parent.as_ref().is_some_and(|passed| passed.as_bytes() == bytes) {
                strings.extend(CString::new(format!("LISTEN_PID={own}")).ok().map(Cow::Owned));
                continue;
            }
            strings.push(string);
        }
        strings.extend(self.extra.iter().map(|extra| Cow::Borrowed(extra.as_c_str())));
        strings
    }

    /// Tries the program's path, or its name in each directory of PATH, as execvp(3) does: a file that may not be
    /// executed does not hide one that may, and one without `#!` is the shell's.
    fn try_candidates(
        &self,
        arguments: &[*const c_char],
        environment: *const *const c_char,
        computed: Option<&[Cow<'_, CStr>]>,
    ) -> i32 {
        let Some(name) = self.argv.first() else { return libc::ENOENT };
        if name.to_bytes().contains(&b'/') {
            return self.try_one(name, arguments, environment);
        }
        if name.is_empty() {
            return libc::ENOENT;
        }
        let mut answer = libc::ENOENT;
        for directory in search_path(computed).split(|&byte| byte == b':') {
            let mut candidate = directory.to_vec();
            if !directory.is_empty() {
                candidate.push(b'/');
            }
            candidate.extend_from_slice(name.to_bytes());
            let Ok(candidate) = CString::new(candidate) else { continue };
            match self.try_one(&candidate, arguments, environment) {
                libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG => {}
                libc::EACCES => answer = libc::EACCES,
                other => return other,
            }
        }
        answer
    }

    fn try_one(&self, path: &CStr, arguments: &[*const c_char], environment: *const *const c_char) -> i32 {
        let errno = execve(path, arguments, environment);
        // Most names are looked for in several directories.
        if errno == libc::ENOENT { errno } else { self.try_again(errno, path, arguments, environment) }
    }

    /// What is left to try where a file is there.
    #[inline(never)]
    fn try_again(
        &self,
        mut errno: i32,
        path: &CStr,
        arguments: &[*const c_char],
        environment: *const *const c_char,
    ) -> i32 {
        const TRIES: u32 = 100;
        let mut tries = 1;
        while errno == libc::ETXTBSY && self.retries_busy && tries < TRIES {
            // A child that has nothing else to do waits here; app-init itself never does.
            pause_10_ms();
            errno = execve(path, arguments, environment);
            tries += 1;
        }
        // One that may be executed and not read is the shell's to complain of.
        let start = || regular::start_of(Path::new(OsStr::from_bytes(path.to_bytes())), 128).unwrap_or_default();
        // With a #! line it is the interpreter that the kernel cannot execute, and nothing for another one.
        let is_the_shells = |start: Vec<u8>| !is_binary(&start) && !start.starts_with(b"#!");
        if errno == libc::ENOEXEC && is_the_shells(start()) {
            let mut script = vec![SHELL.as_ptr(), path.as_ptr()];
            script.extend(arguments.iter().skip(1));
            return execve(SHELL, &script, environment);
        }
        errno
    }
}

/// Whether a file that begins with these bytes is no script, over which a shell would only stumble: a program, and be it
/// for another machine, or anything else with a NUL in its first line, as for bash.
#[must_use]
pub fn is_binary(start: &[u8]) -> bool {
    let mut first_line = start.split(|&byte| byte == b'\n').next().unwrap_or_default().iter();
    start.starts_with(b"\x7fELF") || first_line.any(|&byte| byte == 0)
}

/// The number behind the descriptors that were passed to app-init as `LISTEN_PID` and `LISTEN_FDS` say (sd_listen_fds(3)).
fn first_unpassed(forked_from: Option<i32>) -> RawFd {
    let number = |name: &[u8]| std::str::from_utf8(&inherited_value(name)?).ok()?.parse::<i32>().ok();
    let own = forked_from.unwrap_or_else(|| nix::unistd::getpid().as_raw());
    let is_ours = number(b"LISTEN_PID=") == Some(own);
    let count = number(b"LISTEN_FDS=").filter(|count| is_ours && *count > 0).unwrap_or(0);
    count.saturating_add(3)
}

fn names_descriptors(string: &[u8]) -> bool {
    string.starts_with(b"LISTEN_PID=")
}

/// The variables by which a process is told of descriptors that only the server gets.
fn is_about_descriptors(name: &[u8]) -> bool {
    name == b"NOTIFY_SOCKET" || name.starts_with(b"LISTEN_")
}

fn pointers(strings: &[Cow<'_, CStr>]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn pointers_of(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn execve(path: &CStr, arguments: &[*const c_char], environment: *const *const c_char) -> i32 {
    // SAFETY: execve(2) wants a path and two arrays of pointers to NUL-terminated strings that end with a null pointer:
    // `pointers` builds them so, and the strings outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment) };
    Errno::last_raw()
}

fn pause_10_ms() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    // SAFETY: nanosleep(2) reads one time; the rest is not asked for.
    unsafe { libc::nanosleep(&raw const time, ptr::null_mut()) };
}

/// A variable of this environment.
#[must_use]
pub fn variable_of(environment: &Environment, name: &str) -> Option<Vec<u8>> {
    match environment {
        Environment::Inherited => std::env::var_os(name).map(OsString::into_vec),
        Environment::Computed(strings) => strings
            .iter()
            .find_map(|string| string.to_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec)),
    }
}

/// PATH of this environment, or what is searched without one.
#[must_use]
pub fn search_path_of(environment: &Environment) -> Vec<u8> {
    variable_of(environment, "PATH").unwrap_or_else(|| DEFAULT_PATH.to_vec())
}

/// PATH of the program's own environment.
fn search_path(computed: Option<&[Cow<'_, CStr>]>) -> Vec<u8> {
    let path = match computed {
        Some(strings) => strings.iter().find_map(|string| string.to_bytes().strip_prefix(b"PATH=")).map(<[u8]>::to_vec),
        None => inherited_value(b"PATH="),
    };
    path.unwrap_or_else(|| DEFAULT_PATH.to_vec())
}

/// The environment as app-init was given it, strings without `=` included.
#[must_use]
pub fn inherited_environment() -> Vec<CString> {
    let mut strings = Vec::new();
    // SAFETY: `environ` is an array of pointers to NUL-terminated strings that ends with a null pointer, or null itself;
    // nothing in this one-threaded process changes it.
    unsafe {
        let mut place = environ;
        while !place.is_null() && !(*place).is_null() {
            strings.push(CStr::from_ptr(*place).to_owned());
            place = place.add(1);
        }
    }
    strings
}

/// Joins a name and a value to an environment string; `None` when there is a NUL in one of them.
#[must_use]
pub fn assignment(name: &str, value: &[u8]) -> Option<CString> {
    let mut string = Vec::with_capacity(name.len().saturating_add(value.len()).saturating_add(1));
    string.extend_from_slice(name.as_bytes());
    string.push(b'=');
    string.extend_from_slice(value);
    CString::new(string).ok()
}

/// How much the kernel counts of a string of the environment: with its NUL, and the pointer to it.
#[must_use]
pub fn size(string: &CString) -> usize {
    string.count_bytes().saturating_add(const { 1 + size_of::<*const c_char>() })
}

/// The longest string that the kernel takes, its NUL included: 32 pages.
#[must_use]
pub fn longest_string() -> usize {
    // SAFETY: sysconf(3) takes a number and answers with one.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(4096).saturating_mul(32)
}

/// How much the kernel takes of arguments and environment together (execve(2)): a quarter of what the stack may have, from
/// 128 KiB to 6 MiB. `stack` is the limit that programs are given.
#[must_use]
pub fn room(stack: Option<Option<u64>>) -> usize {
    let own = || getrlimit(Resource::RLIMIT_STACK).map_or(RLIM_INFINITY, |(soft, _)| soft);
    let stack = stack.map_or_else(own, |stack| stack.unwrap_or(RLIM_INFINITY));
    usize::try_from(stack / 4).unwrap_or(usize::MAX).clamp(128 << 10, 6 << 20)
}

/// What of it an environment leaves to arguments, and to what hooks are told.
pub const FOR_ARGUMENTS: usize = 16 << 10;

/// An argument vector for the kernel. Arguments come from another argument vector or a checked config: none has a NUL.
#[must_use]
pub fn arguments(words: impl IntoIterator<Item = OsString>) -> Vec<CString> {
    words.into_iter().filter_map(|word| CString::new(word.as_bytes()).ok()).collect()
}

/// Whether a string of the inherited environment passes `test`; nothing is copied.
#[must_use]
pub fn any_inherited(test: impl Fn(&[u8]) -> bool) -> bool {
    find_inherited(|string| test(string).then_some(())).is_some()
}

/// What follows `start` in the first string of the inherited environment that begins so.
fn inherited_value(start: &[u8]) -> Option<Vec<u8>> {
    find_inherited(|string| string.strip_prefix(start).map(<[u8]>::to_vec))
}

fn find_inherited<T>(test: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    // SAFETY: as in `inherited_environment`.
    unsafe {
        let mut place = environ;
        while !place.is_null() && !(*place).is_null() {
            let found = test(CStr::from_ptr(*place).to_bytes());
            if found.is_some() {
                return found;
            }
            place = place.add(1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_cannot_read_is_binary() {
        for (start, binary) in [
            (&b"\x7fELF\x02\x01"[..], true),
            (b"PK\x03\x04\0", true),
            (b"echo ran\n\0", false),
            (b"echo ran", false),
            (b"", false),
        ] {
            assert_eq!(is_binary(start), binary, "{}", start.escape_ascii());
        }
    }
}
