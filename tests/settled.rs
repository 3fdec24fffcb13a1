//! Settles the surroundings of a test program before it begins, while it has one thread.

#[path = "surroundings.rs"]
pub mod surroundings;

use nix::libc;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// The black-box tests put what they start into places of its own, one by one, and bound each wait.
const IS_BLACK_BOX: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"blackbox");

/// How long all tests of this program may take, in seconds: one that hangs is not waited for.
const BOUND: u32 = 60 * if IS_BLACK_BOX { 60 } else { 10 };

/// The variables that say something to the tests.
const OWN: [&[u8]; 3] = [b"APP_INIT_BIN", b"APP_INIT_TEST_LOG", b"APP_INIT_TEST_QEMU"];

/// What the C library calls before `main`.
#[used]
// SAFETY: the section holds pointers to functions, and this is one.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    surroundings::settle();
    let _ = std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"));
    let speaks_to_app_init = |name: &OsString| {
        let name = name.as_bytes();
        let own = OWN.contains(&name);
        !own && [&b"APP_INIT_"[..], b"LISTEN_", b"NOTIFY_SOCKET"].iter().any(|start| name.starts_with(start))
    };
    for name in std::env::vars_os().map(|(name, _)| name).filter(speaks_to_app_init) {
        // SAFETY: there is one thread.
        unsafe { std::env::remove_var(name) };
    }
    if !IS_BLACK_BOX {
        leave_the_machine();
    }
    // SAFETY: plain numbers, and a handler that makes only calls that a handler may make.
    unsafe {
        libc::signal(libc::SIGALRM, too_long as extern "C" fn(i32) as libc::sighandler_t);
        libc::alarm(BOUND);
    }
}

/// In a mount namespace of this program nothing of app-init's is in /etc or /run. Others than root stay where they are.
fn leave_the_machine() {
    // SAFETY: there is one thread; the strings are NUL-terminated.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNS) != 0 {
            return;
        }
        let flags = libc::MS_REC | libc::MS_PRIVATE;
        libc::mount(c"none".as_ptr(), c"/".as_ptr(), ptr::null(), flags, ptr::null());
        libc::mount(c"tmpfs".as_ptr(), c"/run".as_ptr(), c"tmpfs".as_ptr(), 0, c"mode=755".as_ptr().cast());
    }
    let etc = std::path::Path::new("/run/etc");
    if std::fs::create_dir(etc).is_ok() {
        surroundings::fill_etc(etc);
        surroundings::cover_etc(etc);
    }
}

extern "C" fn too_long(_: i32) {
    const WHY: &[u8] = b"\nthe tests were not through in time: one of those that were not told of hangs\n";
    // SAFETY: the bytes are valid for their length; both calls may be made in a handler.
    unsafe {
        libc::write(2, WHY.as_ptr().cast(), WHY.len());
        libc::_exit(124);
    }
}
