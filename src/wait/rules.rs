//! What to wait for, how long, and what comes of it when that is over.

use std::rc::Rc;
use std::time::Duration;

use super::target::Target;
use crate::identity::Identity;

/// One thing to wait for.
#[derive(Clone, Debug)]
pub struct Wait {
    pub target: Target,
    /// Whose rights count for looking, where that is somebody else than app-init. A command has an identity of its own.
    pub identity: Option<Rc<Identity>>,
    /// Counted from the start of all waits. `None`: for ever.
    pub timeout: Option<Duration>,
    /// The pause after the first failed attempt; it doubles up to 5 s, or is longer from the beginning.
    pub interval: Duration,
    pub on_timeout: OnTimeout,
}

/// What happens when a target is not there in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnTimeout {
    /// All waiting ends, with the code 124.
    Abort,
    /// A warning, and the others are waited for.
    Continue,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For one attempt: connections, and the answer to a request. A longer interval is the bound instead.
    pub attempt: Duration,
    /// The longest pause between two attempts.
    pub pause: Duration,
    /// Between two lines of what is missing, and between two looks for probes that have to be started again.
    pub tick: Duration,
    /// From a stop request to KILL, for commands.
    pub stop: Duration,
}

impl Pace {
    pub const USUAL: Pace = Pace {
        attempt: Duration::from_secs(5),
        pause: Duration::from_secs(5),
        tick: Duration::from_secs(5),
        stop: Duration::from_secs(10),
    };
    /// A line that is written over may change more often.
    pub const TICK_ON_TERMINAL: Duration = Duration::from_secs(1);
}
