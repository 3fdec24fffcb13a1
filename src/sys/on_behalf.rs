//! Looking at files with the rights of another user, in a process of its own that has become that user: nothing of
//! root's is left in it that a link could be meant for.

use std::fs::File;
use std::io::{Read, Write};

use nix::fcntl::OFlag;
use nix::sys::wait::{WaitStatus, waitpid};

use super::{credentials, offspring};
use crate::identity::Identity;

const SOMETHING: u8 = b'+';
const NOTHING: u8 = b'0';
const FAULT: u8 = b'!';

/// What was found; `None`: there is nothing. Or why it could not be looked at.
pub type Found = Result<Option<Vec<u8>>, String>;

/// Does `look` as `identity` and hands back what it found.
///
/// # Errors
///
/// Those of `look`; that nobody could become `identity`, or that the system refused a process.
pub fn of(identity: &Identity, look: impl FnOnce() -> Found) -> Found {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|errno| errno.desc().to_owned())?;
    let mut writer = File::from(writer);
    let spawned = offspring::spawn(|| {
        let (mark, bytes) = match become_who_looks(identity).and_then(|()| look()) {
            Ok(Some(bytes)) => (SOMETHING, bytes),
            Ok(None) => (NOTHING, Vec::new()),
            Err(why) => (FAULT, why.into_bytes()),
        };
        // The mark comes last: without it something is missing.
        let written = writer.write_all(&bytes).and_then(|()| writer.write_all(&[mark]));
        u8::from(written.is_err())
    });
    let child = spawned.map_err(|errno| format!("the system refused a process: {}", errno.desc()))?;
    // Its copy is what is left open, so that its end is the end of the file.
    drop(writer);
    let mut answer = Vec::new();
    let read = File::from(reader).read_to_end(&mut answer);
    let ended = waitpid(child, None);
    let mark = answer.pop().filter(|_| read.is_ok() && matches!(ended, Ok(WaitStatus::Exited(_, 0))));
    match mark {
        Some(SOMETHING) => Ok(Some(answer)),
        Some(NOTHING) => Ok(None),
        Some(FAULT) => Err(String::from_utf8_lossy(&answer).into_owned()),
        Some(_) | None => Err("the process that looked was killed".to_owned()),
    }
}

/// Takes on the rights of `identity`, for what this process looks at from here on.
///
/// # Errors
///
/// What the system refuses, and what to do.
pub fn become_who_looks(identity: &Identity) -> Result<(), String> {
    credentials::become_user(identity).map_err(|errno| {
        let (uid, gid, why) = (identity.uid, identity.gid, credentials::why_not(identity, errno));
        format!("cannot become {uid}:{gid}, to look with its rights: {why}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Identity {
        assert!(nix::unistd::getuid().is_root(), "these tests become another user; run them as root");
        Identity { uid: 4321, gid: 4322, groups: vec![4322], name: None, home: None }
    }

    #[test]
    fn what_was_found_comes_back() {
        let large = vec![b'0'; 1 << 20];
        let found: [Found; 4] =
            [Ok(Some(large)), Ok(Some(Vec::new())), Ok(None), Err("there is something wrong; mend it".to_owned())];
        for found in found {
            assert_eq!(of(&nobody(), || found.clone()), found);
        }
    }

    #[test]
    fn it_is_looked_at_by_that_user_and_nobody_else() {
        let own = nix::unistd::getuid();
        let who = || Ok(Some(format!("{} {}", nix::unistd::geteuid(), nix::unistd::getegid()).into_bytes()));
        assert_eq!(of(&nobody(), who), Ok(Some(b"4321 4322".to_vec())));
        assert_eq!(nix::unistd::getuid(), own);
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("roots");
        std::fs::write(&path, "secret").expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("the test's own file");
        assert!(of(&nobody(), || super::super::regular::read(&path)).is_err());
    }
}
