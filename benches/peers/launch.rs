//! Starts a program as PID 1 of a fresh PID namespace (or as a plain child), as cheaply as the kernel allows.
//!
//! `clone` shares the launcher's memory until the exec, so that the launcher's own size does not count and its return is
//! the moment of the exec: signals sent from then on can only be lost by the program itself. Everything that costs time
//! (argument vectors, descriptors) is prepared before.

use std::ffi::{CString, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Where `benches/child.c` looks for its two descriptors.
const REPORT: RawFd = 3;
const LIFELINE: RawFd = 4;

/// No wait of the bench takes nearly as long; a hang becomes an error that names itself.
pub const DEADLINE_MS: u16 = 20_000;

/// What a container typically gets; the launcher's own environment must not count.
const ENVIRONMENT: [&str; 4] =
    ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=bench", "HOME=/", "TERM=xterm"];

/// A command line in the form that `execve` takes.
pub struct Program {
    /// The command line's words, and the environment.
    texts: Vec<CString>,
    words: usize,
    /// Where it starts; `None`: where the launcher is.
    directory: Option<CString>,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
}

impl Program {
    pub fn new(arguments: &[String]) -> Program {
        let c_string = |text: &str| CString::new(text).expect("the bench makes no NUL in arguments");
        let arguments: Vec<CString> = arguments.iter().map(|text| c_string(text)).collect();
        let environment: Vec<CString> = ENVIRONMENT.iter().map(|text| c_string(text)).collect();
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
        };
        let (argv, envp) = (pointers(&arguments), pointers(&environment));
        let words = arguments.len();
        Program { texts: arguments.into_iter().chain(environment).collect(), words, directory: None, argv, envp }
    }

    /// The same, started in that directory.
    pub fn in_directory(self, directory: &Path) -> Program {
        let directory = CString::new(directory.as_os_str().as_bytes()).expect("the bench makes no NUL in paths");
        Program { directory: Some(directory), ..self }
    }

    /// The command line, for messages.
    pub fn line(&self) -> String {
        let words: Vec<_> = self.texts.iter().take(self.words).map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }
}

/// How a program is started.
#[derive(Clone, Copy)]
pub struct Place {
    /// PID 1 of a namespace of its own, or an ordinary child.
    pub pid_1: bool,
    /// The only processor it may use; `None`: the launcher's.
    pub cpu: Option<usize>,
}

/// Descriptors that the started program gets: `null` for the standard ones, and the two of `child.c`.
#[derive(Clone, Copy)]
pub struct Descriptors {
    pub null: RawFd,
    pub stderr: RawFd,
    pub pipes: Option<(RawFd, RawFd)>,
}

/// A started program: killed and reaped when dropped.
pub struct Running {
    pid: Pid,
    pidfd: OwnedFd,
    reaped: bool,
}

impl Running {
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Readable once the program has ended.
    pub fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        kill(self.pid, signal).map_err(|error| format!("cannot send {signal} to {}: {error}", self.pid))
    }

    /// Blocks until the program has ended, at most until the deadline.
    pub fn wait(&mut self) -> Result<WaitStatus, String> {
        let mut end = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        if poll(&mut end, DEADLINE_MS) == Ok(0) {
            return Err(format!("process {} does not end", self.pid));
        }
        self.reap()
    }

    fn reap(&mut self) -> Result<WaitStatus, String> {
        loop {
            match waitpid(self.pid, None) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(format!("cannot wait for {}: {error}", self.pid)),
                Ok(status) => {
                    self.reaped = true;
                    return Ok(status);
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.signal(Signal::SIGKILL);
            let _ = self.reap();
        }
    }
}

/// All that the new process needs between `clone` and `execve`.
struct Birth<'a> {
    program: &'a Program,
    descriptors: Descriptors,
    cpu: Option<libc::cpu_set_t>,
    error: libc::c_int,
}

pub fn launch(program: &Program, place: Place, descriptors: Descriptors) -> Result<Running, String> {
    let mut birth = Birth { program, descriptors, cpu: place.cpu.map(cpu_set), error: 0 };
    // 16-byte aligned, as both x86-64 and AArch64 demand of a stack.
    let mut stack = [0u128; 1024];
    let namespace = if place.pid_1 { libc::CLONE_NEWPID } else { 0 };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | namespace | libc::SIGCHLD;
    let mut pidfd: RawFd = -1;
    // SAFETY: `stack`, `birth` and `pidfd` outlive the shared-memory phase, because CLONE_VFORK holds this thread until
    // the new process has exec'ed or ended; `be_born` does only async-signal-safe system calls; the stack grows down from
    // the array's end, and 16 KiB are far more than `be_born` uses.
    let pid = unsafe {
        libc::clone(
            be_born,
            stack.as_mut_ptr().add(stack.len()).cast::<c_void>(),
            flags,
            ptr::from_mut(&mut birth).cast::<c_void>(),
            ptr::from_mut(&mut pidfd),
        )
    };
    if pid < 0 {
        return Err(format!("cannot start a process: {}", io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just stored a new descriptor there, and nobody else knows it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let running = Running { pid: Pid::from_raw(pid), pidfd, reaped: false };
    // SAFETY: `birth` is a live local; the read is volatile because another process wrote it behind the compiler's back.
    match unsafe { ptr::read_volatile(&raw const birth.error) } {
        0 => Ok(running),
        error => Err(format!("cannot execute the program: {}", io::Error::from_raw_os_error(error))),
    }
}

extern "C" fn be_born(argument: *mut c_void) -> libc::c_int {
    // SAFETY: `launch` passes its own `Birth`, which stays alive and untouched while this function runs. The calls are
    // system calls on values prepared there, and none of them allocates or takes a lock.
    unsafe {
        let birth = &mut *argument.cast::<Birth>();
        let wanted = birth.descriptors;
        libc::dup2(wanted.null, 0);
        libc::dup2(wanted.null, 1);
        libc::dup2(wanted.stderr, 2);
        if let Some((report, lifeline)) = wanted.pipes {
            libc::dup2(report, REPORT);
            libc::dup2(lifeline, LIFELINE);
        }
        if let Some(directory) = &birth.program.directory
            && libc::chdir(directory.as_ptr()) != 0
        {
            birth.error = Errno::last_raw();
            libc::_exit(127)
        }
        if let Some(set) = &birth.cpu {
            libc::sched_setaffinity(0, size_of_val(set), set);
        }
        libc::execve(birth.program.argv[0], birth.program.argv.as_ptr(), birth.program.envp.as_ptr());
        birth.error = Errno::last_raw();
        libc::_exit(127)
    }
}

fn cpu_set(cpu: usize) -> libc::cpu_set_t {
    // SAFETY: a `cpu_set_t` is an array of bits, for which zero is a value; `cpu` came out of such a set, so it fits.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        set
    }
}

/// What the programs under test inherit, all alike. SIGPIPE as a container has it (Rust ignores it). Real-time scheduling,
/// where it is allowed: other work on the machine then does not count, and neither does the fair scheduler's grouping by
/// session. `false`: it is not allowed, and the next best was taken, a high priority.
pub fn settle_launcher() -> bool {
    // SAFETY: system calls on plain numbers and on a live local, for which zero is a value; a disposition is set, no handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = 10;
        let real_time = libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) == 0;
        if !real_time {
            libc::setpriority(libc::PRIO_PROCESS, 0, -20);
        }
        real_time
    }
}

/// A copy of the descriptor above the numbers that `be_born` fills, closed in every started program.
pub fn out_of_the_way(fd: &OwnedFd) -> Result<OwnedFd, String> {
    // SAFETY: duplicates an open descriptor; the new number belongs to nobody else.
    unsafe {
        match libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) {
            -1 => Err(format!("cannot duplicate a descriptor: {}", io::Error::last_os_error())),
            copy => Ok(OwnedFd::from_raw_fd(copy)),
        }
    }
}
