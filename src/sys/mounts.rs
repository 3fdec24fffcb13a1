//! What `/proc` tells about mounts.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::regular;

/// The mount that a file is on, if nothing may be executed there; `None` without `/proc`.
#[must_use]
pub fn without_execution(file: &Path) -> Option<PathBuf> {
    let file = fs::canonicalize(file).ok()?;
    let mounts = regular::read(Path::new("/proc/self/mountinfo")).ok()??;
    let mut found: Option<(PathBuf, bool)> = None;
    for line in mounts.split(|&byte| byte == b'\n') {
        // Its number, its parent's, the device, what of that is mounted, where, and how (proc_pid_mountinfo(5)).
        let mut fields = line.split(|&byte| byte == b' ').skip(4);
        let (Some(place), Some(options)) = (fields.next(), fields.next()) else { continue };
        let place = PathBuf::from(OsString::from_vec(unescaped(place)));
        // A later mount covers an earlier one.
        let is_nearer = found.as_ref().is_none_or(|(other, _)| place.starts_with(other));
        if file.starts_with(&place) && is_nearer {
            let noexec = options.split(|&byte| byte == b',').any(|option| option == b"noexec");
            found = Some((place, noexec));
        }
    }
    found.filter(|(_, noexec)| *noexec).map(|(place, _)| place)
}

/// Blanks, newlines and backslashes of a path are written in octal there.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let number = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let written = number.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(written.unwrap_or(byte));
        rest = after.get(if written.is_some() { 3 } else { 0 }..).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_they_were_before_the_kernel_wrote_them() {
        for (written, path) in [("/a\\040b\\134c", "/a b\\c"), ("/\\04", "/\\04"), ("/a", "/a"), ("\\", "\\")] {
            assert_eq!(unescaped(written.as_bytes()), path.as_bytes(), "{written}");
        }
    }
}
