//! The file system of a test's namespace: the machine's programs, and nothing else that could decide an outcome. What
//! is configured, and what is written to, are the test's own places, laid over the machine's.

use crate::options::Options;
use crate::surroundings;
use crate::sys;
use nix::libc;
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Called by the first process of the namespaces. Nothing of this reaches the machine: all mounts are private and end
/// with the last process.
pub fn lay_out(options: &Options) {
    let none = OsStr::new("");
    sys::mount(none, OsStr::new("/"), "", libc::MS_REC | libc::MS_PRIVATE, none);
    let tmpfs = |path: &str, data: &str| sys::mount(OsStr::new("tmpfs"), path.as_ref(), "tmpfs", 0, data.as_ref());
    tmpfs("/mnt", "mode=755");
    for (source, name) in &options.binds {
        bind(source, &Path::new("/mnt").join(name));
    }
    surroundings::cover_etc(Path::new(&options.etc));
    for (place, data) in PLACES {
        if Path::new(place).is_dir() {
            tmpfs(place, data);
        }
    }
    devices();
    if options.no_proc {
        tmpfs("/proc", "mode=555");
    } else {
        sys::mount(OsStr::new("proc"), OsStr::new("/proc"), "proc", 0, none);
    }
    if options.read_only {
        sys::make_all_read_only();
    }
}

/// Where programs write, or look for what they are to do.
const PLACES: [(&str, &str); 6] = [
    ("/tmp", "mode=1777"),
    ("/var/tmp", "mode=1777"),
    ("/run", "mode=755"),
    ("/root", "mode=700"),
    ("/home", "mode=755"),
    ("/.docker", "mode=755"),
];

/// The devices of a container, and the machine's terminals: the test has the other end of one. There is no
/// /dev/termination-log.
fn devices() {
    let terminals = sys::open(OsStr::new("/dev/pts"), libc::O_PATH | libc::O_DIRECTORY);
    sys::mount(OsStr::new("tmpfs"), OsStr::new("/dev"), "tmpfs", libc::MS_NOSUID, OsStr::new("mode=755"));
    bind(OsStr::new(&format!("/proc/self/fd/{terminals}")), Path::new("/dev/pts"));
    sys::close(terminals);
    for (name, major, minor) in [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
        ("ptmx", 5, 2),
    ] {
        sys::device(&format!("/dev/{name}"), libc::makedev(major, minor));
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        let link = Path::new("/dev").join(name);
        made(&link, symlink(format!("/proc/self/fd{target}"), &link));
    }
    let shared = Path::new("/dev/shm");
    made(shared, std::fs::create_dir(shared));
    sys::mount(OsStr::new("tmpfs"), shared.as_os_str(), "tmpfs", 0, OsStr::new("mode=1777"));
}

fn made(path: &Path, result: std::io::Result<()>) {
    if let Err(error) = result {
        sys::say(2, &format!("probe ns: cannot make {}: {error}", path.display()));
        sys::exit_now(250);
    }
}

fn bind(source: &OsStr, target: &Path) {
    made(
        target,
        if Path::new(source).is_dir() {
            std::fs::create_dir_all(target)
        } else {
            target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(target, ""))
        },
    );
    sys::mount(source, target.as_os_str(), "", libc::MS_BIND, OsStr::new(""));
}
