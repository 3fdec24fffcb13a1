//! The file system of a test's namespace: the machine's own, with places of its own laid over it.

use crate::options::Options;
use crate::sys;
use nix::libc;
use std::ffi::{OsStr, OsString};
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
    if let Some(extra) = &options.etc {
        let mut layers = OsString::from("lowerdir=");
        layers.push(extra);
        layers.push(":/etc");
        sys::mount(OsStr::new("overlay"), OsStr::new("/etc"), "overlay", 0, &layers);
    }
    // Places that programs write to belong to this test alone.
    tmpfs("/tmp", "mode=1777");
    tmpfs("/run", "mode=755");
    if Path::new("/dev/shm").is_dir() {
        tmpfs("/dev/shm", "mode=1777");
    }
    if options.no_proc {
        tmpfs("/proc", "mode=555");
    } else {
        sys::mount(OsStr::new("proc"), OsStr::new("/proc"), "proc", 0, none);
    }
    if options.read_only {
        sys::make_all_read_only();
    }
}

fn bind(source: &OsStr, target: &Path) {
    let made = if Path::new(source).is_dir() {
        std::fs::create_dir_all(target)
    } else {
        target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(target, ""))
    };
    if let Err(error) = made {
        sys::say(2, &format!("probe ns: cannot make {}: {error}", target.display()));
        sys::exit_now(250);
    }
    sys::mount(source, target.as_os_str(), "", libc::MS_BIND, OsStr::new(""));
}
