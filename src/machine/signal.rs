//! Signal numbers as a type, with the names people write.
//!
//! Numbers are Linux's own on the architectures the program is built for (x86-64, AArch64). Real-time names count from
//! 34, the first one that glibc leaves to applications: `SIGRTMIN+3` is 37 for Docker, Podman and systemd, also in a
//! program built on musl, whose own `SIGRTMIN` is 35.

use std::fmt;

/// A signal that can be sent: 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

const FIRST_REAL_TIME: u8 = 34;
const LAST: u8 = 64;

const NAMES: [(&str, u8); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
    // Second names of the ones above, accepted and never printed.
    ("IOT", 6),
    ("CLD", 17),
    ("POLL", 29),
    ("UNUSED", 31),
];

impl Signal {
    pub const HUP: Signal = Signal(1);
    pub const INT: Signal = Signal(2);
    pub const QUIT: Signal = Signal(3);
    pub const KILL: Signal = Signal(9);
    pub const USR1: Signal = Signal(10);
    pub const TERM: Signal = Signal(15);
    pub const CHLD: Signal = Signal(17);
    pub const CONT: Signal = Signal(18);
    pub const STOP: Signal = Signal(19);
    pub const TSTP: Signal = Signal(20);
    pub const WINCH: Signal = Signal(28);
    /// `SIGRTMIN+3`: what systemd and the tools around it send to ask a container's init to stop.
    pub const HALT: Signal = Signal(37);

    /// The signal with this number, if there is one.
    #[must_use]
    pub fn new(number: i32) -> Option<Signal> {
        match u8::try_from(number) {
            Ok(number @ 1..=LAST) => Some(Signal(number)),
            Ok(_) | Err(_) => None,
        }
    }

    #[must_use]
    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Nobody can send it so that it is heard: it acts by itself, or means something of the kernel's own.
    #[must_use]
    pub fn cannot_arrive(self) -> bool {
        [Signal::KILL, Signal::STOP, Signal::CHLD].contains(&self)
    }

    /// The exit code by which shells and container engines tell that a process was ended by this signal: 128 + number.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self.0.saturating_add(128)
    }

    /// Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3` or `RTMAX-1`. Nothing else counts: `15x`, `+15`, ` 15` and the
    /// names of no signal are `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Signal> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Signal::new(text.parse().ok()?);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let offset = |digits: &str| {
            (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse::<u8>().ok())?
        };
        if name == "RTMIN" {
            return Some(Signal(FIRST_REAL_TIME));
        }
        if name == "RTMAX" {
            return Some(Signal(LAST));
        }
        if let Some(digits) = name.strip_prefix("RTMIN+") {
            let number = FIRST_REAL_TIME.checked_add(offset(digits)?)?;
            return Signal::new(i32::from(number));
        }
        if let Some(digits) = name.strip_prefix("RTMAX-") {
            let number = LAST.checked_sub(offset(digits)?)?;
            return (number >= FIRST_REAL_TIME).then_some(Signal(number));
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|&(_, number)| Signal(number))
    }

    /// The bit of this signal in the kernel's signal sets.
    #[must_use]
    pub fn bit(self) -> u64 {
        1_u64.checked_shl(u32::from(self.0.saturating_sub(1))).unwrap_or(0)
    }
}

impl fmt::Display for Signal {
    /// The short name, as in `docker kill -s TERM`; real-time signals as `RTMIN+3`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => formatter.write_str(name),
            None if self.0 >= FIRST_REAL_TIME => {
                write!(formatter, "RTMIN+{}", self.0.saturating_sub(FIRST_REAL_TIME))
            }
            // 32 and 33 belong to the C libraries and have no name of their own.
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_read_back_from_its_name_and_its_number() {
        assert_eq!((-1..=100).filter_map(Signal::new).count(), 64);
        for signal in (1..=64).filter_map(Signal::new) {
            let number = signal.number();
            assert_eq!(Signal::parse(&signal.to_string()), Some(signal), "{signal}");
            assert_eq!(Signal::parse(&number.to_string()), Some(signal));
            assert_eq!(Signal::parse(&format!("SIG{signal}")).is_some(), !(32..34).contains(&number));
        }
    }

    #[test]
    fn real_time_names_count_from_34() {
        assert_eq!(Signal::parse("SIGRTMIN+3"), Signal::new(37));
        assert_eq!(Signal::parse("rtmin+3"), Some(Signal::HALT));
        assert_eq!(Signal::parse("RTMAX-30"), Signal::new(34));
        assert_eq!(Signal::parse("RTMAX-31"), None);
        assert_eq!(Signal::parse("RTMIN+31"), None);
    }

    #[test]
    fn what_is_not_exactly_a_signal_is_refused() {
        for text in [
            "",
            "0",
            "65",
            "15:3",
            "15x",
            "+15",
            " 15",
            "TERM ",
            "SIG",
            "SIGSIGTERM",
            "RTMIN+",
            "RTMIN+-1",
            "256",
            "-1",
        ] {
            assert_eq!(Signal::parse(text), None, "{text:?}");
        }
    }
}
