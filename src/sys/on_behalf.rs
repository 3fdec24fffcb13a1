//! Looking at files with the rights of another user, in a process of its own that has become that user: nothing of
//! root's is left in it that a link could be meant for.
//!
//! That user may stop the process, and a file system may hang: it is killed when it takes too long, and a stop request
//! is acted on meanwhile.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::{Pid, getpid, getppid};

use super::clock::Clock;
use super::opened::Bounded;
use super::signals::{self, Wake};
use super::{credentials, offspring, prctl};
use crate::identity::Identity;
use crate::machine::Signal;
use crate::text::duration;

const SOMETHING: u8 = b'+';
const NOTHING: u8 = b'0';
const FAULT: u8 = b'!';

/// How long a look may take.
const LONGEST: Duration = Duration::from_secs(10);
/// After KILL a process is gone as soon as the kernel gets to it; one that hangs in the kernel is not waited for longer.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// What asks to stop while no server was started, whatever the configuration says, which is only being read.
pub const STOP_REQUESTS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HALT];

/// What was found; `None`: there is nothing. Or why it could not be looked at.
pub type Found = Result<Option<Vec<u8>>, String>;

/// The signal that has ended a look; 0: none. Nothing is looked at any more then.
static INTERRUPTED: AtomicI32 = AtomicI32::new(0);

/// The stop request that came while something was looked at: what was found is not all that there is.
#[must_use]
pub fn interruption() -> Option<Signal> {
    Signal::new(INTERRUPTED.load(Ordering::Relaxed))
}

/// Does `look` as `identity` and hands back what it found.
///
/// # Errors
///
/// Those of `look`; that nobody could become `identity`, that the system refused a process, or that it took too long or
/// was interrupted.
pub fn of(identity: &Identity, look: impl FnOnce() -> Found) -> Found {
    within(LONGEST, identity, look)
}

fn within(limit: Duration, identity: &Identity, look: impl FnOnce() -> Found) -> Found {
    if let Some(signal) = interruption() {
        return Err(stopped_by(signal));
    }
    // Announced before there is anybody to write, so that nothing comes unheard.
    let pipe = nix::unistd::pipe2(OFlag::O_CLOEXEC);
    let pipe = pipe.and_then(|(reader, writer)| signals::announce(&reader).map(|()| (reader, writer)));
    let (reader, writer) = pipe.map_err(|errno| errno.desc().to_owned())?;
    let mut writer = Bounded::new(File::from(writer));
    let parent = getpid();
    let spawned = offspring::spawn(|| {
        let found = become_who_looks(identity).and_then(|()| {
            // It does not outlive a change of identity. Where it is refused, somebody has to kill this.
            let _ = prctl::ask_for_parent_death_signal(Signal::KILL);
            if getppid() == parent { look() } else { Err("nobody wants to know any more".to_owned()) }
        });
        let (mark, bytes) = packed(found);
        // The mark comes last: without it something is missing.
        let written = writer.write_all(&bytes).and_then(|()| writer.write_all(&[mark]));
        u8::from(written.is_err())
    });
    let child = spawned.map_err(|errno| format!("the system refused a process: {}", errno.desc()))?;
    // Its copy is what is left open, so that its end is the end of the file.
    drop(writer);
    hear(child, Bounded::new(File::from(reader)), limit)
}

/// Why nobody listens to the process until its end.
enum CutOff {
    Stop(Signal),
    TimeOver,
    Unreadable(io::Error),
}

/// What the process says by its end.
fn hear(child: Pid, mut reader: Bounded<File>, limit: Duration) -> Found {
    let mut answer = Vec::new();
    let cut_off = read_to_end(&mut reader, &mut answer, limit, &STOP_REQUESTS).err().map(|why| {
        signals::send(child.as_raw(), Signal::KILL);
        let is_gone = read_to_end(&mut reader, &mut Vec::new(), AFTER_KILL, &[]).is_ok();
        let why = match why {
            CutOff::Stop(signal) => {
                INTERRUPTED.store(signal.number(), Ordering::Relaxed);
                stopped_by(signal)
            }
            CutOff::TimeOver => took_longer_than(limit),
            CutOff::Unreadable(error) => format!("the system refused to read what was found: {error}"),
        };
        (why, is_gone)
    });
    // At the end of the file it has ended, and nobody can stop it any more. One that hangs in the kernel, or whose end
    // cannot be read, is left to whoever reaps after this.
    let is_gone = cut_off.as_ref().is_none_or(|(_, is_gone)| *is_gone);
    let code = if is_gone { offspring::end_of(child) } else { None };
    if let Some((why, _)) = cut_off {
        return Err(why);
    }
    let mark = answer.pop().filter(|_| code == Some(0));
    mark.and_then(|mark| unpacked(mark, answer)).unwrap_or_else(|| Err("the process that looked was killed".to_owned()))
}

/// What was found as bytes, and a mark that says what these are.
#[must_use]
pub fn packed(found: Found) -> (u8, Vec<u8>) {
    match found {
        Ok(Some(bytes)) => (SOMETHING, bytes),
        Ok(None) => (NOTHING, Vec::new()),
        Err(why) => (FAULT, why.into_bytes()),
    }
}

/// The same back again; `None`: that is no mark.
#[must_use]
pub fn unpacked(mark: u8, bytes: Vec<u8>) -> Option<Found> {
    match mark {
        SOMETHING => Some(Ok(Some(bytes))),
        NOTHING => Some(Ok(None)),
        FAULT => Some(Err(String::from_utf8_lossy(&bytes).into_owned())),
        _ => None,
    }
}

/// Reads what is announced until the end of the file. All signals but these stay pending for whoever waits next.
///
/// # Errors
///
/// What came first: a stop request, the end of the time, or what read(2) refuses.
fn read_to_end(
    reader: &mut Bounded<File>,
    answer: &mut Vec<u8>,
    limit: Duration,
    stops: &[Signal],
) -> Result<(), CutOff> {
    let mut clock = Clock::default();
    let end = clock.now().after(limit);
    loop {
        match reader.read_to_end(answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(CutOff::Unreadable(error)),
            Ok(_) => return Ok(()),
        }
        let left = end.since(clock.now());
        if left.is_zero() {
            return Err(CutOff::TimeOver);
        }
        if let Wake::Signal(signal) = signals::wait_for(stops, left)
            && stops.contains(&signal)
        {
            return Err(CutOff::Stop(signal));
        }
    }
}

fn took_longer_than(limit: Duration) -> String {
    let limit = duration::show(limit);
    format!(
        "it took longer than {limit}; see that its file system answers, and that nobody stops that user's processes"
    )
}

fn stopped_by(signal: Signal) -> String {
    format!("stop requested by {signal}")
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
    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    fn nobody() -> Identity {
        assert!(nix::unistd::getuid().is_root(), "these tests become another user; run them as root");
        Identity { uid: 4321, gid: 4322, groups: vec![4322], name: None, home: None }
    }

    /// Runs it as app-init does: in one thread, with all signals held.
    fn alone(test: impl FnOnce()) {
        let child = offspring::spawn(|| {
            let _ = signals::hold_all();
            test();
            0
        });
        assert!(matches!(waitpid(child.expect("a process"), None), Ok(WaitStatus::Exited(_, 0))), "see above");
    }

    /// Never comes back; it has said who it is.
    fn hang(said: &mut File) -> Found {
        // In one piece.
        said.write_all(format!("{}\n", nix::unistd::getpid()).as_bytes()).expect("a pipe");
        loop {
            nix::unistd::pause();
        }
    }

    fn pid_from(heard: &mut impl Read) -> Pid {
        let mut text = [0; 16];
        let count = heard.read(&mut text).expect("a pipe");
        Pid::from_raw(String::from_utf8_lossy(&text[..count]).trim().parse().expect("a pid"))
    }

    fn pipe() -> (File, File) {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        (File::from(reader), File::from(writer))
    }

    /// Nobody has to be reaped.
    fn is_alone() -> bool {
        waitpid(None, None) == Err(nix::errno::Errno::ECHILD)
    }

    #[test]
    fn what_was_found_comes_back() {
        alone(|| {
            let large = vec![b'0'; 1 << 20];
            let found: [Found; 4] =
                [Ok(Some(large)), Ok(Some(Vec::new())), Ok(None), Err("there is something wrong; mend it".to_owned())];
            for found in found {
                assert_eq!(of(&nobody(), || found.clone()), found);
            }
        });
    }

    #[test]
    fn it_is_looked_at_by_that_user_and_nobody_else() {
        alone(|| {
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
        });
    }

    #[test]
    fn one_that_hangs_is_killed_when_its_time_is_over() {
        alone(|| {
            let (_heard, mut said) = pipe();
            let told = "it took longer than 100ms; see that its file system answers, and that nobody stops that user's \
                        processes";
            assert_eq!(within(SHORT, &nobody(), || hang(&mut said)), Err(told.to_owned()));
            let stopped = || {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP).expect("a signal");
                Ok(None)
            };
            assert_eq!(within(SHORT, &nobody(), stopped), Err(told.to_owned()));
            // What others left is still to be reaped, and what came meanwhile to be heard.
            assert!(is_alone());
            let orphan = offspring::spawn(|| 0).expect("a process");
            assert!(signals::send(nix::unistd::getpid().as_raw(), Signal::USR1));
            assert!(within(SHORT, &nobody(), || hang(&mut said)).is_err());
            assert_eq!(interruption(), None);
            assert!(signals::pending().contains(&Signal::USR1) && signals::pending().contains(&Signal::CHLD));
            assert_eq!(waitpid(None, None), Ok(WaitStatus::Exited(orphan, 0)));
            assert_eq!(of(&nobody(), || Ok(None)), Ok(None));
        });
    }

    #[test]
    fn one_that_cannot_be_heard_is_killed() {
        alone(|| {
            let (_reader, writer) = pipe();
            let child = offspring::spawn(|| {
                loop {
                    nix::unistd::pause();
                }
            });
            let child = child.expect("a process");
            let told = "the system refused to read what was found: Bad file descriptor (os error 9)";
            // A writing end cannot be read.
            assert_eq!(hear(child, Bounded::new(writer), LONGEST), Err(told.to_owned()));
            let killed = WaitStatus::Signaled(child, nix::sys::signal::Signal::SIGKILL, false);
            assert_eq!(waitpid(child, None), Ok(killed));
        });
    }

    #[test]
    fn a_stop_request_ends_it_at_once_and_all_that_would_follow() {
        for signal in STOP_REQUESTS {
            alone(|| {
                let parent = nix::unistd::getpid();
                let (mut heard, mut said) = pipe();
                // Whoever asks to stop waits until it is looked at.
                let asking = offspring::spawn(|| {
                    pid_from(&mut heard);
                    u8::from(!signals::send(parent.as_raw(), signal))
                });
                let told = Err(format!("stop requested by {signal}"));
                assert_eq!(within(Duration::from_secs(600), &nobody(), || hang(&mut said)), told);
                assert_eq!(interruption(), Some(signal));
                assert_eq!(of(&nobody(), || Ok(None)), told);
                assert!(matches!(waitpid(asking.expect("a process"), None), Ok(WaitStatus::Exited(_, 0))));
                assert!(is_alone());
            });
        }
    }

    #[test]
    fn it_ends_with_whoever_wanted_to_know() {
        let (mut heard, mut said) = pipe();
        let parent = offspring::spawn(|| {
            let _ = signals::hold_all();
            let _ = of(&nobody(), || hang(&mut said));
            0
        });
        drop(said);
        let parent = parent.expect("a process");
        pid_from(&mut heard);
        assert!(signals::send(parent.as_raw(), Signal::KILL));
        assert!(waitpid(parent, None).is_ok());
        // Its copy of the pipe is the last one.
        assert_eq!(heard.read_to_end(&mut Vec::new()).expect("the end"), 0);
    }
}
