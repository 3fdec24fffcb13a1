//! What bounds a program: resource limits, no new privileges, and its place in the queue of the OOM killer.

use std::io::Write;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

use super::opened::{self, Bounded};
use crate::machine::StartStep;

/// The limits by their names in the configuration, as getrlimit(2) has them.
pub const RESOURCES: [(&str, Resource); 16] = [
    ("as", Resource::RLIMIT_AS),
    ("core", Resource::RLIMIT_CORE),
    ("cpu", Resource::RLIMIT_CPU),
    ("data", Resource::RLIMIT_DATA),
    ("fsize", Resource::RLIMIT_FSIZE),
    ("locks", Resource::RLIMIT_LOCKS),
    ("memlock", Resource::RLIMIT_MEMLOCK),
    ("msgqueue", Resource::RLIMIT_MSGQUEUE),
    ("nice", Resource::RLIMIT_NICE),
    ("nofile", Resource::RLIMIT_NOFILE),
    ("nproc", Resource::RLIMIT_NPROC),
    ("rss", Resource::RLIMIT_RSS),
    ("rtprio", Resource::RLIMIT_RTPRIO),
    ("rttime", Resource::RLIMIT_RTTIME),
    ("sigpending", Resource::RLIMIT_SIGPENDING),
    ("stack", Resource::RLIMIT_STACK),
];

/// One limit; `None` is unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Its place in [`RESOURCES`].
    pub resource: u8,
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    pub limits: Vec<Limit>,
    pub no_new_privileges: bool,
    pub oom_score_adj: Option<i16>,
}

impl Limit {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        RESOURCES.get(usize::from(self.resource)).map_or("", |(name, _)| *name)
    }

    /// Bounds this process, and what comes of it.
    ///
    /// # Errors
    ///
    /// What setrlimit(2) says.
    pub fn set(&self) -> nix::Result<()> {
        let Some((_, resource)) = RESOURCES.get(usize::from(self.resource)) else { return Ok(()) };
        let value = |limit: Option<u64>| limit.unwrap_or(RLIM_INFINITY);
        setrlimit(*resource, value(self.soft), value(self.hard))
    }
}

impl Bounds {
    /// Sets what only root may set freely; to be called before the identity changes.
    ///
    /// # Errors
    ///
    /// The first that is refused, with its step.
    pub fn set(&self) -> Result<(), (StartStep, Errno)> {
        if let Some(score) = self.oom_score_adj {
            // The file is root's while the process, which may know secrets, is not dumpable (proc(5)).
            let dumpable = nix::sys::prctl::get_dumpable().unwrap_or(true);
            let _ = nix::sys::prctl::set_dumpable(true);
            let opened = opened::open(Path::new("/proc/self/oom_score_adj"), OFlag::O_WRONLY);
            let written = opened.and_then(|file| Bounded::new(file).write_all(score.to_string().as_bytes()));
            let _ = nix::sys::prctl::set_dumpable(dumpable);
            // What gives up has no number; it was interrupted each time.
            let errno = |error: std::io::Error| error.raw_os_error().map_or(Errno::EINTR, Errno::from_raw);
            written.map_err(|error| (StartStep::OomScore, errno(error)))?;
        }
        for limit in &self.limits {
            limit.set().map_err(|errno| (StartStep::Limit(limit.resource), errno))?;
        }
        Ok(())
    }

    /// Gives up gaining privileges by exec (prctl(2), `PR_SET_NO_NEW_PRIVS`); the last step, after the change of identity.
    ///
    /// # Errors
    ///
    /// What prctl(2) says.
    pub fn renounce_privileges(&self) -> Result<(), (StartStep, Errno)> {
        if self.no_new_privileges {
            nix::sys::prctl::set_no_new_privs().map_err(|errno| (StartStep::NoNewPrivileges, errno))?;
        }
        Ok(())
    }
}

/// The limits that this process has, for a message about one that was refused.
#[must_use]
pub fn current(resource: u8) -> Option<(u64, u64)> {
    let (_, resource) = RESOURCES.get(usize::from(resource))?;
    getrlimit(*resource).ok()
}
