//! Reading regular files, bounded and without waiting for anybody: a pipe's writer, a terminal, a device without end.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::opened::{self, Bounded};

/// More than any configuration, environment or user database holds, in bytes. It bounds memory and time.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// The content; `None` where there is no such file.
///
/// # Errors
///
/// Why it cannot be read, and what to do, as the rest of "cannot read PATH: ".
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let Some((file, length)) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    // With room for one byte more it is read at once, and so is its end.
    let room = usize::try_from(length.min(LARGEST)).unwrap_or(0).saturating_add(1);
    bytes.try_reserve_exact(room).map_err(|error| why_not(&error.into()))?;
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| why_not(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it has more than 16 MiB; make it smaller".to_owned());
    }
    Ok(Some(bytes))
}

/// The first bytes, at most `limit`; `None` where they cannot be read.
#[must_use]
pub fn start_of(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    open(path).ok()??.0.take(limit).read_to_end(&mut start).ok()?;
    Some(start)
}

/// The file, and how long it says that it is.
fn open(path: &Path) -> Result<Option<(Bounded<File>, u64)>, String> {
    let file = match opened::open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(why_not(&error)),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(Some((Bounded::new(file), metadata.len()))),
        Ok(_) => Err(NO_FILE.to_owned()),
        Err(error) => Err(why_not(&error)),
    }
}

const NO_FILE: &str = "it is no regular file; put one there";

/// Why something cannot be looked at, read or listed, and what to do.
#[must_use]
pub fn why_not(error: &std::io::Error) -> String {
    let advice = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => "make it readable for this user",
        Some(Errno::EMFILE | Errno::ENFILE) => "raise the limit of open files",
        Some(Errno::ENOMEM) => "give the container more memory",
        Some(Errno::ELOOP) => "mend the link",
        Some(Errno::ENAMETOOLONG) => "shorten it",
        // What open(2) says of a socket.
        Some(Errno::ENXIO) => return NO_FILE.to_owned(),
        _ => "look at the volume that it is on",
    };
    format!("{error}; {advice}")
}

/// Whether there is something of this name; a link that leads nowhere is. So may be what cannot be looked at: using it says
/// why.
#[must_use]
#[inline]
pub fn may_be_there(path: &Path) -> bool {
    !path.symlink_metadata().is_err_and(|error| is_absence(&error))
}

/// What is in the place of a directory that is not there, and what to do; `None` where nothing is. A volume that was not
/// mounted leaves a link that leads nowhere, also on the way.
#[must_use]
pub fn in_place_of(directory: &Path) -> Option<String> {
    let is_nothing = |path: &Path| path.metadata().is_err_and(|error| is_absence(&error));
    if directory.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Some(format!("{} is no directory; make it one, or remove it", directory.display()));
    }
    let link = directory.ancestors().find(|path| path.is_symlink() && is_nothing(path))?;
    Some(format!("{} is a link that leads nowhere; mend the link, or remove it", link.display()))
}

/// Whether an error says that there is nothing.
#[must_use]
pub fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::libc;
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn a_regular_file_is_read_and_a_missing_one_is_nothing() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("passwd");
        assert_eq!(read(&path), Ok(None));
        assert_eq!(start_of(&path, 4), None);
        fs::write(&path, "root:x:0:0::/root:/bin/sh\n").expect("writing");
        assert_eq!(read(&path), Ok(Some(b"root:x:0:0::/root:/bin/sh\n".to_vec())));
        assert_eq!(start_of(&path, 4).as_deref(), Some(&b"root"[..]));
        assert_eq!(read(&path.join("below")), Ok(None));
        // Images may keep it elsewhere.
        std::os::unix::fs::symlink("passwd", folder.path().join("link")).expect("a link");
        assert!(read(&folder.path().join("link")).is_ok_and(|content| content.is_some()));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().expect("a directory");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(read(path), Err("it is no regular file; put one there".to_owned()), "{}", path.display());
            assert_eq!(start_of(path, 4), None);
        }
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        assert_eq!(read(&socket), Err("it is no regular file; put one there".to_owned()));
        let loops = folder.path().join("loop");
        std::os::unix::fs::symlink("loop", &loops).expect("a link");
        assert!(read(&loops).is_err_and(|why| why.ends_with("; mend the link")));
        assert!(may_be_there(&loops) && !may_be_there(&folder.path().join("none")));
        let long = folder.path().join("x".repeat(300)).join("y");
        assert!(may_be_there(&long) && !may_be_there(&folder.path().join("pipe/below")));
        let long = read(&folder.path().join("x".repeat(300)));
        assert!(long.is_err_and(|why| why.ends_with("; shorten it")));
    }

    #[test]
    fn only_a_permission_is_mended_by_giving_one() {
        for (errno, advice) in [
            (libc::EACCES, "make it readable for this user"),
            (libc::EPERM, "make it readable for this user"),
            (libc::EMFILE, "raise the limit of open files"),
            (libc::ENFILE, "raise the limit of open files"),
            (libc::ENOMEM, "give the container more memory"),
            (libc::EIO, "look at the volume that it is on"),
            (libc::ESTALE, "look at the volume that it is on"),
            (libc::ETIMEDOUT, "look at the volume that it is on"),
        ] {
            let why = why_not(&std::io::Error::from_raw_os_error(errno));
            assert!(why.ends_with(&format!("(os error {errno}); {advice}")), "{why}");
        }
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("large");
        let file = File::create(&path).expect("a file");
        file.set_len(LARGEST).expect("a hole");
        assert!(read(&path).is_ok());
        file.set_len(1 << 40).expect("a larger hole");
        assert_eq!(read(&path), Err("it has more than 16 MiB; make it smaller".to_owned()));
    }
}
