//! What a test must not take over from whoever runs it: limits, signals, umask, variables, descriptors. The tests begin
//! with this, and so does the launcher of each program under test.

use nix::libc;
use nix::mount::{MsFlags, mount};
use std::fs;
use std::path::Path;
use std::ptr;

/// The limits that a program finds in most containers: the kernel's number, soft, hard.
const LIMITS: [(u32, u64, u64); 16] = [
    (libc::RLIMIT_CPU, NONE, NONE),
    (libc::RLIMIT_FSIZE, NONE, NONE),
    (libc::RLIMIT_DATA, NONE, NONE),
    (libc::RLIMIT_STACK, 8 << 20, NONE),
    (libc::RLIMIT_CORE, 0, NONE),
    (libc::RLIMIT_RSS, NONE, NONE),
    (libc::RLIMIT_NPROC, 4096, 4096),
    (libc::RLIMIT_NOFILE, 1024, 1 << 19),
    (libc::RLIMIT_MEMLOCK, 8 << 20, 8 << 20),
    (libc::RLIMIT_AS, NONE, NONE),
    (libc::RLIMIT_LOCKS, NONE, NONE),
    (libc::RLIMIT_SIGPENDING, 1 << 16, 1 << 16),
    (libc::RLIMIT_MSGQUEUE, 819_200, 819_200),
    (libc::RLIMIT_NICE, 0, 0),
    (libc::RLIMIT_RTPRIO, 0, 0),
    (libc::RLIMIT_RTTIME, NONE, NONE),
];

const NONE: u64 = libc::RLIM_INFINITY;

/// Makes this process, and what it starts, what it would be anywhere. It must have one thread. What only root may change
/// stays as it is for others, who cannot run most tests.
pub fn settle() {
    signals();
    LIMITS.iter().for_each(limit);
    // SAFETY: calls that take plain numbers, and an empty list of groups; what is refused stays as it is.
    unsafe {
        libc::umask(0o022);
        libc::personality(0);
        libc::prctl(libc::PR_SET_TIMERSLACK, 50_000, 0, 0, 0);
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECUREBITS, 0, 0, 0, 0);
        if libc::geteuid() == 0 {
            libc::setgroups(0, ptr::null());
            libc::setresgid(0, 0, 0);
        }
        // Nobody else's descriptors go to a program that a test starts.
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
    for (file, value) in [("oom_score_adj", "0"), ("coredump_filter", "0x33")] {
        let _ = fs::write(format!("/proc/self/{file}"), value);
    }
}

/// What is configured, as far as an outcome depends on it: as in every image. No name is looked up outside of it.
const ETC: [(&str, &str); 5] = [
    ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
    ("group", "root:x:0:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
];

/// What the machine's programs need of its /etc to be loaded and found.
const LOADING: [&str; 8] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld-musl-x86_64.path",
    "ld-musl-aarch64.path",
    "alternatives",
    "ssl",
    "pki",
];

/// Fills a directory with what every /etc has.
pub fn fill_etc(own: &Path) {
    for (name, content) in ETC {
        fs::write(own.join(name), content).expect("the test's own directory");
    }
}

/// Puts a directory over /etc, for the mount namespace of this process: what the machine has there decides nothing. Where
/// the directory has a file for itself, that one counts.
pub fn cover_etc(own: &Path) {
    let bind = |from: &Path, to: &Path| {
        mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
            .unwrap_or_else(|error| panic!("cannot bind {} to {}: {error}", from.display(), to.display()));
    };
    for name in LOADING {
        let (given, place) = (Path::new("/etc").join(name), own.join(name));
        if given.exists() && place.symlink_metadata().is_err() {
            let made = if given.is_dir() { fs::create_dir(&place) } else { fs::write(&place, "") };
            made.expect("the test's own directory");
            bind(&given, &place);
        }
    }
    bind(own, Path::new("/etc"));
}

/// Every signal has its default effect, and none is blocked.
fn signals() {
    // The kernel's structure, whose zeroes are SIG_DFL, and its empty set: the C library refuses some numbers.
    let (default, none) = ([0_u64; 4], 0_u64);
    for signal in 1..=64 {
        // SAFETY: the kernel reads no more than the structure, and a set of the size that it is told.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null::<u8>(), 8) };
    }
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, ptr::null::<u8>(), 8) };
}

/// Who may not raise a hard limit goes as far as that. Where that is less than the soft one, nothing can be tried.
fn limit(&(resource, soft, hard): &(u32, u64, u64)) {
    let set = |hard| {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
        // SAFETY: the pointer is valid for the call.
        unsafe { libc::setrlimit(resource as _, &raw const limit) == 0 }
    };
    if !set(hard) {
        let mut given = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is valid for the call.
        unsafe { libc::getrlimit(resource as _, &raw mut given) };
        if !set(given.rlim_max) {
            eprintln!("cannot test: the hard limit {resource} is {}; raise it to {soft} (see prlimit)", given.rlim_max);
            // SAFETY: nothing of this process has to be cleared up.
            unsafe { libc::_exit(2) };
        }
    }
}
