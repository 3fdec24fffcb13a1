//! The argument vector as the kernel gave it, byte for byte.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// The arguments after the program's own name.
///
/// # Safety
///
/// `argv` must be what C's `main` was called with: `argc` pointers to NUL-terminated strings.
#[must_use]
pub unsafe fn from_main(argc: c_int, argv: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(argc).unwrap_or(0);
    (1..count)
        .map(|place| {
            // SAFETY: `place` is below `argc`, so the pointer is there and names a NUL-terminated string, which the
            // kernel laid out beside the stack and nothing changes.
            let argument = unsafe { CStr::from_ptr(*argv.add(place)) };
            std::ffi::OsStr::from_bytes(argument.to_bytes()).to_owned()
        })
        .collect()
}
