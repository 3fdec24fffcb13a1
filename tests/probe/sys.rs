//! Every system call of the probe that has no safe wrapper, one small function each.
//!
//! Signals are named by number and set by raw calls: the C library refuses 32 and 33 and hides them from masks.

use nix::libc;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// How a process ended.
#[derive(Clone, Copy)]
pub enum Ended {
    Exited(i32),
    Signaled(i32),
}

/// What `rt_sigtimedwait` or a signalfd said of one signal.
pub struct Arrived {
    pub number: i32,
    pub code: i32,
    pub from: i32,
}

/// The kernel's `struct sigaction`, which is not the C library's.
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

/// Writes the whole line, whatever happens to the descriptor; the error number when it cannot.
pub fn say(fd: i32, line: &str) -> Option<i32> {
    let mut bytes = Vec::from(line.as_bytes());
    bytes.push(b'\n');
    write_all(fd, &bytes)
}

pub fn write_all(fd: i32, mut bytes: &[u8]) -> Option<i32> {
    while !bytes.is_empty() {
        // SAFETY: the slice is valid for its length; a bad descriptor is an error of write.
        let wrote = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if wrote < 0 {
            let error = errno();
            if error == libc::EINTR {
                continue;
            }
            return Some(error);
        }
        bytes = &bytes[wrote as usize..];
    }
    None
}

/// Reads up to 4096 bytes; empty at the end or at an error.
pub fn read_some(fd: i32) -> Vec<u8> {
    let mut buffer = vec![0u8; 4096];
    loop {
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        if got < 0 && errno() == libc::EINTR {
            continue;
        }
        buffer.truncate(got.max(0) as usize);
        return buffer;
    }
}

pub fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Prints the failed call and ends: the launcher must never go on half set up.
pub fn demand(result: i64, call: &str) -> i64 {
    if result < 0 {
        let error = std::io::Error::last_os_error();
        say(2, &format!("probe: cannot {call}: {error}"));
        exit_now(250);
    }
    result
}

pub fn exit_now(code: i32) -> ! {
    // SAFETY: always sound; no destructor of the probe matters.
    unsafe { libc::_exit(code) }
}

pub fn fork() -> i32 {
    // SAFETY: the probe has one thread, so the child may go on as it is.
    demand(i64::from(unsafe { libc::fork() }), "fork") as i32
}

/// As `fork`, but a refusal is an answer.
pub fn try_fork() -> Result<i32, i32> {
    // SAFETY: as above.
    let pid = unsafe { libc::fork() };
    if pid < 0 { Err(errno()) } else { Ok(pid) }
}

/// A child whose end sends no signal to its parent.
pub fn fork_silent() -> i32 {
    // SAFETY: without flags clone is fork, but for the signal; the probe has one thread.
    demand(unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) }, "clone") as i32
}

pub fn getpid() -> i32 {
    // SAFETY: cannot fail.
    unsafe { libc::getpid() }
}

/// Replaces the process; returns the error number.
pub fn exec(file: &OsStr, argv: &[OsString]) -> i32 {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let (Ok(file), Ok(argv)) = (
        CString::new(file.as_bytes()),
        argv.iter().map(|word| CString::new(word.as_bytes())).collect::<Result<Vec<_>, _>>(),
    ) else {
        return libc::EINVAL;
    };
    let mut pointers: Vec<_> = argv.iter().map(|word| word.as_ptr()).collect();
    pointers.push(ptr::null());
    // SAFETY: NUL-terminated strings in a NULL-terminated array that outlives the call.
    unsafe { libc::execvp(file.as_ptr(), pointers.as_ptr()) };
    let error = errno();
    // The way of a test that denies execve(2).
    // SAFETY: as above; the environment is the C library's, which nobody changes.
    unsafe {
        let (path, argv) = (file.as_ptr(), pointers.as_ptr());
        libc::syscall(libc::SYS_execveat, libc::AT_FDCWD, path, argv, environ, 0);
    }
    error
}

pub fn kill(pid: i32, signal: i32) -> i32 {
    // SAFETY: any pid and number are allowed; a wrong one is an error.
    if unsafe { libc::kill(pid, signal) } < 0 { errno() } else { 0 }
}

/// Waits for the process, without taking its status away: its number stays taken.
pub fn wait_keeping(pid: i32) -> Ended {
    // SAFETY: zeroed siginfo is a valid value, and waitid fills it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: the pointer is valid for the call.
        let result = unsafe { libc::waitid(libc::P_PID, pid as u32, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
        if result < 0 && errno() == libc::EINTR {
            continue;
        }
        demand(i64::from(result), "wait for the child");
        break;
    }
    // SAFETY: waitid succeeded, so the status field is the valid one.
    let status = unsafe { info.si_status() };
    if info.si_code == libc::CLD_EXITED { Ended::Exited(status) } else { Ended::Signaled(status) }
}

/// Takes the status of any child (or of `pid`), and blocks for it; `None` when there is no child.
pub fn wait_for(pid: i32) -> Option<(i32, Ended)> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is valid for the call.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if ended < 0 && errno() == libc::EINTR {
            continue;
        }
        if ended < 0 {
            return None;
        }
        let how = if libc::WIFEXITED(status) {
            Ended::Exited(libc::WEXITSTATUS(status))
        } else {
            Ended::Signaled(libc::WTERMSIG(status))
        };
        return Some((ended, how));
    }
}

/// Default (0) or ignored (1), for any number.
pub fn set_disposition(signal: i32, handler: usize) {
    let action = KernelAction { handler, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the layout is the kernel's on x86_64 and aarch64; SIG_DFL and SIG_IGN need no restorer.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &raw const action, ptr::null::<u8>(), 8) };
}

/// The blocked signals that have come.
pub fn pending() -> u64 {
    let mut set = 0u64;
    // SAFETY: the set is 8 bytes, as told.
    demand(unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, 8) }, "see the pending signals");
    set
}

pub fn bit(signal: i32) -> u64 {
    1u64 << (signal - 1)
}

/// Sets the signal mask; gives the one before.
pub fn set_mask(mask: u64) -> u64 {
    let mut before = 0u64;
    // SAFETY: both are 8 bytes, which is the size that is told.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, &raw mut before, 8) };
    demand(result, "set the signal mask");
    before
}

/// Waits for one of the blocked signals.
pub fn wait_signal(set: u64) -> Arrived {
    loop {
        // SAFETY: zeroed siginfo is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is 8 bytes, as told, and the kernel fills the structure.
        let result =
            unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, &raw mut info, ptr::null::<u8>(), 8) };
        if result > 0 {
            // SAFETY: the fields of a sent signal; for others the kernel has left zero there.
            let from = unsafe { info.si_pid() };
            return Arrived { number: info.si_signo, code: info.si_code, from };
        }
    }
}

pub fn signalfd(mask: u64) -> i32 {
    // SAFETY: the mask is 8 bytes, as told.
    demand(unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const mask, 8, libc::SFD_CLOEXEC) }, "make a signalfd")
        as i32
}

/// The signals that a readable signalfd holds.
pub fn read_signals(fd: i32) -> Vec<Arrived> {
    let bytes = read_some(fd);
    let size = size_of::<libc::signalfd_siginfo>();
    bytes
        .chunks_exact(size)
        .map(|chunk| {
            // SAFETY: the kernel writes whole records of this plain type.
            let info: libc::signalfd_siginfo = unsafe { ptr::read_unaligned(chunk.as_ptr().cast()) };
            Arrived { number: info.ssi_signo as i32, code: info.ssi_code, from: info.ssi_pid as i32 }
        })
        .collect()
}

/// Waits until one of the two is readable (or has ended): which of them are.
pub fn poll_two(first: i32, second: i32) -> (bool, bool) {
    let mut fds = [first, second].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: an array of two records.
    unsafe { libc::poll(fds.as_mut_ptr(), 2, -1) };
    (fds[0].revents != 0, fds[1].revents != 0)
}

pub fn prctl(option: i32, value: u64) -> i64 {
    // SAFETY: only options that take plain numbers are used.
    i64::from(unsafe { libc::prctl(option, value, 0, 0, 0) })
}

pub fn fcntl(fd: i32, command: i32) -> i32 {
    // SAFETY: commands without a pointer; a bad descriptor is an error.
    unsafe { libc::fcntl(fd, command, 0) }
}

/// (mode, which device it is) of an open descriptor.
pub fn fstat(fd: i32) -> Option<(u32, u64)> {
    // SAFETY: zeroed stat is a valid value, filled on success.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call; a bad descriptor is an error.
    let result = unsafe { libc::fstat(fd, &raw mut stat) };
    (result == 0).then_some((stat.st_mode, stat.st_rdev))
}

/// Duplicates at or above 200, close on exec: out of the way of the numbers that a test asks for.
pub fn move_away(fd: i32) -> i32 {
    // SAFETY: plain numbers.
    let high = demand(i64::from(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 200) }), "duplicate a descriptor");
    close(fd);
    high as i32
}

pub fn dup_to(from: i32, to: i32) {
    // SAFETY: plain numbers.
    demand(i64::from(unsafe { libc::dup2(from, to) }), "place a descriptor");
}

pub fn close(fd: i32) {
    // SAFETY: the probe owns no descriptor through an object of std.
    unsafe { libc::close(fd) };
}

/// Marks all descriptors from `first` on as close on exec.
pub fn close_range_on_exec(first: u32) {
    // SAFETY: plain numbers.
    demand(
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) },
        "mark descriptors close-on-exec",
    );
}

/// A pipe whose ends are far up and close on exec.
pub fn pipe() -> (i32, i32) {
    let mut ends = [0; 2];
    // SAFETY: an array of two.
    demand(i64::from(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }), "make a pipe");
    (move_away(ends[0]), move_away(ends[1]))
}

pub fn open(path: &OsStr, flags: i32) -> i32 {
    let path = CString::new(path.as_bytes()).unwrap_or_default();
    // SAFETY: a NUL-terminated string.
    demand(i64::from(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) }), &format!("open {path:?}")) as i32
}

pub fn take_terminal(fd: i32) {
    // SAFETY: plain numbers.
    demand(i64::from(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) }), "take the terminal");
}

/// Puts a terminal that has been hung up onto stdin.
pub fn dead_terminal() {
    // SAFETY: calls with plain numbers; the name is copied into a buffer of the size that is told.
    unsafe {
        let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
        demand(i64::from(libc::grantpt(master)), "make a terminal");
        demand(i64::from(libc::unlockpt(master)), "make a terminal");
        let mut name = [0; 64];
        demand(-i64::from(libc::ptsname_r(master, name.as_mut_ptr(), name.len())), "name a terminal");
        let slave = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY);
        demand(i64::from(slave), "open a terminal");
        dup_to(slave, 0);
        close(slave);
        close(master);
    }
}

pub fn set_foreground(fd: i32, group: i32) {
    // SAFETY: plain numbers.
    demand(i64::from(unsafe { libc::tcsetpgrp(fd, group) }), "set the foreground group");
}

pub fn foreground(fd: i32) -> i32 {
    // SAFETY: plain numbers.
    unsafe { libc::tcgetpgrp(fd) }
}

pub fn setsid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::setsid() }
}

pub fn setpgid(pid: i32, group: i32) -> i32 {
    // SAFETY: plain numbers.
    unsafe { libc::setpgid(pid, group) }
}

/// (parent, process group, session).
pub fn family() -> (i32, i32, i32) {
    // SAFETY: no arguments that could be wrong.
    unsafe { (libc::getppid(), libc::getpgrp(), libc::getsid(0)) }
}

pub fn umask(mask: u32) -> u32 {
    // SAFETY: plain numbers.
    unsafe { libc::umask(mask) }
}

pub fn nice() -> i32 {
    // SAFETY: plain numbers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

pub fn set_nice(value: i32) {
    // SAFETY: plain numbers.
    demand(i64::from(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) }), "set the nice value");
}

/// (soft, hard) of a limit by the kernel's number.
pub fn limit(resource: u32) -> (u64, u64) {
    let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::getrlimit(resource as _, &raw mut value) };
    (value.rlim_cur, value.rlim_max)
}

pub fn set_limit(resource: u32, value: u64) {
    let value = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the pointer is valid for the call.
    demand(i64::from(unsafe { libc::setrlimit(resource as _, &raw const value) }), "set a limit");
}

/// Becomes the user and the group of that number, without other groups.
pub fn become_user(id: u32) {
    // SAFETY: plain numbers, and an empty list of groups.
    unsafe {
        demand(i64::from(libc::setgroups(0, ptr::null())), "drop the groups");
        demand(i64::from(libc::setresgid(id, id, id)), "set the group");
        demand(i64::from(libc::setresuid(id, id, id)), "set the user");
    }
}

/// Takes on the user, without its group.
pub fn set_user(id: u32) {
    // SAFETY: plain numbers.
    demand(i64::from(unsafe { libc::setresuid(id, id, id) }), "set the user");
}

/// From now on, and after an exec, the system calls of these numbers fail with these errors.
pub fn deny_calls(calls: &[(u32, u32)]) {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    // Load the number of the call; for each denied one, if it is not that, skip the return of the error.
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for (number, error) in calls {
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *number, 0, 1));
        program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | *error, 0, 0));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    demand(prctl(libc::PR_SET_NO_NEW_PRIVS, 1), "set no-new-privileges");
    // SAFETY: the program outlives the call, and its length is as told.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    demand(i64::from(result), "deny system calls");
}

/// Drops every capability for good, as `--cap-drop ALL --security-opt no-new-privileges` does.
pub fn drop_bounding_set() {
    for capability in 0..64 {
        if prctl(libc::PR_CAPBSET_DROP, capability) < 0 {
            break;
        }
    }
}

pub fn drop_capabilities() {
    // The kernel's header (version 3, this process) and its two data records, all empty.
    let header: [u32; 2] = [0x2008_0522, 0];
    let data = [0u32; 6];
    // SAFETY: the sizes are those of version 3.
    demand(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }, "drop the capabilities");
    demand(prctl(libc::PR_SET_NO_NEW_PRIVS, 1), "set no-new-privileges");
}

/// Fresh namespaces: of processes for the children to come, of mounts for this process.
pub fn unshare(kinds: i32) {
    // SAFETY: one thread, plain numbers.
    demand(i64::from(unsafe { libc::unshare(kinds) }), "make namespaces (root is needed)");
}

/// Makes the loopback interface of a fresh network namespace work, with its addresses of both kinds.
pub fn loopback_up() {
    // SAFETY: zeroed is a valid value of this plain type.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: plain numbers.
    let socket = demand(i64::from(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) }), "make a socket") as i32;
    // SAFETY: the request takes a pointer to this type, which is valid for the call.
    demand(i64::from(unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) }), "start lo");
    close(socket);
}

pub fn mount(source: &OsStr, target: &OsStr, kind: &str, flags: libc::c_ulong, data: &OsStr) {
    let [source, target, kind, data] = [source.as_bytes(), target.as_bytes(), kind.as_bytes(), data.as_bytes()]
        .map(|text| CString::new(text).unwrap_or_default());
    // SAFETY: NUL-terminated strings.
    let result = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data.as_ptr().cast()) };
    demand(i64::from(result), &format!("mount {target:?}"));
}

/// A character device that everybody may use.
pub fn device(path: &str, number: libc::dev_t) {
    let name = CString::new(path).unwrap_or_default();
    // SAFETY: a NUL-terminated string and plain numbers.
    let result = unsafe { libc::mknod(name.as_ptr(), libc::S_IFCHR, number) };
    demand(i64::from(result), &format!("make {path}"));
    // SAFETY: as above.
    demand(i64::from(unsafe { libc::chmod(name.as_ptr(), 0o666) }), &format!("open up {path}"));
}

/// Makes every mount of this mount namespace read-only.
pub fn make_all_read_only() {
    const AT_RECURSIVE: i32 = 0x8000;
    // struct mount_attr: set MOUNT_ATTR_RDONLY, clear nothing, no propagation, no user namespace.
    let attributes: [u64; 4] = [1, 0, 0, 0];
    // SAFETY: the structure is 32 bytes, as told; the path is NUL-terminated.
    let result = unsafe {
        libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, c"/".as_ptr(), AT_RECURSIVE, attributes.as_ptr(), 32)
    };
    demand(result, "make the mounts read-only");
}

pub fn set_attribute(path: &str, name: &CStr, value: &[u8]) {
    let path = CString::new(path).unwrap_or_default();
    // SAFETY: two NUL-terminated strings, and as many bytes as there are.
    let set = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    demand(i64::from(set), "set an attribute");
}

/// Lets every process of the same user trace this one, also where only ancestors may (Yama).
pub fn be_traced_by_anybody() {
    // SAFETY: plain numbers; a kernel without Yama refuses what it needs nobody to ask for.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
}

/// Traces `pid`, which goes on (ptrace(2), `PTRACE_SEIZE`).
pub fn seize(pid: i32) {
    // SAFETY: plain numbers.
    demand(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0) }, "trace");
}

pub fn trace_me() {
    // SAFETY: asks to be traced by the parent.
    demand(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) }, "be traced");
}

pub fn trace_on_to_next_call(pid: i32, signal: i32) -> bool {
    // SAFETY: the tracee is stopped, as ptrace demands; otherwise ESRCH.
    unsafe { libc::ptrace(libc::PTRACE_SYSCALL, pid, 0, signal) == 0 }
}

pub fn trace_mark_calls(pid: i32) {
    // SAFETY: the tracee is stopped.
    demand(
        unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL) },
        "set trace options",
    );
}

/// The raw status of the next stop or end.
pub fn wait_stop(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the pointer is valid for the call.
    demand(i64::from(unsafe { libc::waitpid(pid, &raw mut status, 0) }), "wait for the traced program");
    status
}

/// The number of the call at whose entrance the tracee stands; `None` at its return.
pub fn trace_call_number(pid: i32) -> Option<u64> {
    const PTRACE_GET_SYSCALL_INFO: u32 = 0x420e;
    let mut info = [0u64; 16];
    // SAFETY: the kernel writes at most the size that is told.
    let result = unsafe { libc::ptrace(PTRACE_GET_SYSCALL_INFO, pid, size_of_val(&info), info.as_mut_ptr()) };
    // u8 op, u32 arch, u64 instruction pointer, u64 stack pointer, then the number; op 1 is the entrance.
    (result > 0 && info[0] & 0xff == 1).then_some(info[3])
}
