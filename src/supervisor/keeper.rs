//! The keeper of exec mode (§7.2): a second process of app-init that runs the deploy hooks before the server takes this
//! process's place, and the pollers after. What hooks leave behind is adopted by it and never becomes a child of the
//! server: a server that finds a foreign child's exit code 3 may shut down.
//!
//! Where hooks leave nothing behind and there are no pollers, the keeper's end is the news and the server has no child at
//! all. Otherwise it says so over the [`Link`], and hears from the link's end that the server runs.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;

use crate::exit;
use crate::machine::{ChildId, Event, Signal, StartStep};
use crate::sys::children::Children;
use crate::sys::exec::Refusal;
use crate::sys::opened::until_told;
use crate::sys::signals;
use crate::sys::{descriptors, last_resort, prctl};

/// One end of the line between the two processes.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    end: End,
    /// This is the keeper's end.
    is_keeper: bool,
}

#[derive(Debug)]
enum End {
    /// The process that will be the server, and its keeper's id.
    Server(ChildId),
    /// The keeper, and the pid that the server will have.
    Keeper(i32),
    /// Everything was said.
    Silent,
}

impl Link {
    fn new(stream: UnixStream, end: End) -> Result<Link, Refusal> {
        signals::announce(&stream).map_err(Refusal::at(StartStep::Announcement))?;
        let is_keeper = matches!(end, End::Keeper(_));
        Ok(Link { stream, end, is_keeper })
    }

    /// What the other end has said since the last look.
    pub fn news(&mut self) -> Option<Event> {
        let mut byte = [0];
        let read = until_told(|| self.stream.read(&mut byte).map_err(|error| errno_of(&error)));
        match (&self.end, read) {
            (End::Server(child), Ok(1)) => {
                let child = *child;
                self.end = End::Silent;
                Some(Event::KeeperReady { child })
            }
            // The other end is close-on-exec: without a word it is gone because the server runs, or because somebody
            // killed its process.
            (End::Keeper(server), Ok(0)) => {
                let runs = prctl::is_parent(*server);
                self.end = End::Silent;
                Some(if runs { Event::ServerRuns } else { Event::Signal(Signal::TERM) })
            }
            (End::Keeper(_), Ok(_)) => {
                self.end = End::Silent;
                Some(Event::Signal(Signal::TERM))
            }
            (End::Server(_) | End::Silent, Ok(_)) => None,
            (_, Err(errno)) => heed("recvfrom", errno),
        }
    }

    /// Tells the keeper that there will be no server. The keeper's own end says as much by its code.
    pub fn give_up(&mut self) {
        if !self.is_keeper {
            // Without a keeper nobody has to hear it.
            let _ = self.stream.write(b"x");
        }
    }

    /// Nothing is announced any longer: the program that takes this process's place knows nothing of the link.
    pub fn hush(&self) {
        signals::stop_announcing(&self.stream);
    }

    /// Tells the other end that the hooks are through.
    pub fn let_server_start(&mut self) {
        // With nobody there to hear it, the end of the link is the next news.
        if let Err(errno) = until_told(|| self.stream.write(b"s").map_err(|error| errno_of(&error))) {
            heed::<()>("sendto", errno);
        }
    }
}

/// Nothing was said yet, or the line is broken, which says nothing either: the other's end is news by itself. Any other
/// error would be the same next time, and each would wait for the other.
fn heed<T>(call: &str, errno: Errno) -> Option<T> {
    match errno {
        Errno::EAGAIN | Errno::EPIPE | Errno::ECONNRESET => None,
        errno => last_resort::refused(call, errno as i32),
    }
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// Starts the keeper as child `id`, and leaves the line to it in `link`. `life` is what it does with its own end.
///
/// # Errors
///
/// What the system refuses before there is a process.
pub fn start(
    id: ChildId,
    children: &mut Children,
    link: &mut Option<Link>,
    life: impl FnOnce(Link) -> u8,
) -> Result<(), Refusal> {
    let refuse = |error: io::Error| Refusal { step: StartStep::SocketPair, errno: error.raw_os_error().unwrap_or(0) };
    let (ours, theirs) = UnixStream::pair().map_err(refuse)?;
    let server = signals::own_pid();
    // Before there is anybody to say something, so that nothing is said unheard.
    let ours = Link::new(ours, End::Server(id))?;
    children.fork_self(id, || {
        // Both are copies, in this process, of what the other process uses.
        let keep = theirs.as_raw_fd();
        descriptors::close_inherited(&[keep]);
        // The server's input is the server's.
        descriptors::let_go(&[0]);
        match Link::new(theirs, End::Keeper(server)) {
            Ok(link) => {
                prepare_to_keep();
                life(link)
            }
            // It was granted to the other process a moment ago.
            Err(_) => exit::SYSTEM,
        }
    })?;
    *link = Some(ours);
    Ok(())
}

/// What hooks leave behind is the keeper's, and the keeper is the server's.
fn prepare_to_keep() {
    if let Err(error) = prctl::become_subreaper() {
        log::warn!("cannot become a child subreaper ({}): what hooks leave behind is the server's", error.desc());
    }
    // Where the server is not PID 1, its end would leave the keeper behind.
    let _ = prctl::ask_for_parent_death_signal(Signal::TERM);
}
