//! What was found wrong or odd while the plan was made.

use std::fmt;

use crate::cli::Answer;
use crate::config::{Fault, Layers, expand};
use crate::exit;
use crate::secrets::Secrets;
use crate::text::escape;

/// So many faults are told of; whoever has more has seen what they are like.
const MOST_TOLD: usize = 50;
/// So many are kept to be put in order.
const MOST_KEPT: usize = 1000;

/// Why somebody cannot be who a program runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    Unknown(String),
    OutOfReach(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Refused::Unknown(why) | Refused::OutOfReach(why)) = self;
        formatter.write_str(why)
    }
}

/// What the `deploy-env` hook is still to bring to the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// It has run, or there is none.
    Nothing,
    /// What is not set now may be set later.
    More,
    /// More, but what is looked at runs before.
    MoreTooLate,
}

/// Everything that was found; nothing in it shows a secret.
#[derive(Debug)]
pub struct Findings<'a> {
    layers: &'a Layers,
    strict: bool,
    expected: Expected,
    /// Somebody could not be found, or a file not be read in which somebody may be named: who programs run as is not known.
    doubts_identity: bool,
    secrets: Secrets,
    faults: Vec<Fault>,
    /// What is refused for the permissions of a file or for an identity.
    refusals: Vec<Fault>,
    /// How many faults there are beside these.
    more: usize,
    /// What was refused of a file that is left out.
    settled: Vec<Fault>,
    warnings: Lines,
    /// What is as it should be, and may surprise.
    notes: Lines,
}

/// Lines in their order, each once (a part of a plan may have been made twice), and so many that they can be read.
#[derive(Debug, Default)]
struct Lines {
    first: Vec<String>,
    more: usize,
}

impl Lines {
    fn add(&mut self, line: String) {
        if self.first.contains(&line) {
            return;
        }
        if self.first.len() < MOST_TOLD {
            self.first.push(line);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn take(&mut self) -> Vec<String> {
        let Lines { mut first, more } = std::mem::take(self);
        if more > 0 {
            first.push(and_more(more));
        }
        first
    }
}

fn and_more(count: usize) -> String {
    format!("… and {count} more")
}

impl<'a> Findings<'a> {
    #[must_use]
    pub fn new(layers: &'a Layers, strict: bool, faults: Vec<Fault>) -> Findings<'a> {
        Findings {
            layers,
            strict,
            expected: Expected::Nothing,
            // A fault without a key is one of a whole file.
            doubts_identity: faults.iter().any(|fault| fault.key.is_empty()),
            secrets: Secrets::default(),
            faults,
            refusals: Vec::new(),
            settled: Vec::new(),
            more: 0,
            warnings: Lines::default(),
            notes: Lines::default(),
        }
    }

    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        let what = self.secrets.mask_text(&what.into());
        self.keep(|layers| layers.fault(key, what));
    }

    fn keep(&mut self, fault: impl FnOnce(&Layers) -> Fault) {
        if self.faults.len() < MOST_KEPT {
            self.faults.push(fault(self.layers));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// What could not be expanded.
    pub fn unexpanded(&mut self, key: &str, faults: Vec<expand::Fault>) {
        for fault in faults {
            match fault {
                expand::Fault::Malformed(what) => self.fault(key, what),
                expand::Fault::Unset(what) => self.unset(key, what),
            }
        }
    }

    /// A fault of a value that depends on the environment: none while more of it is expected, unless that comes too late.
    pub fn unset(&mut self, key: &str, what: String) {
        match self.expected {
            Expected::Nothing => self.fault(key, what),
            Expected::MoreTooLate => self.fault(key, format!("{what}; what deploy-env writes is not there yet")),
            Expected::More => {}
        }
    }

    /// Looks at what runs before the `deploy-env` hook is through.
    pub fn of_what_runs_before<T>(&mut self, look: impl FnOnce(&mut Findings<'a>) -> T) -> T {
        let before = self.expected;
        if before == Expected::More {
            self.expected = Expected::MoreTooLate;
        }
        let found = look(self);
        self.expected = before;
        found
    }

    /// What must not be done for reasons of permission (§5).
    pub fn refusal(&mut self, key: &str, what: impl Into<String>) {
        let what = self.secrets.mask_text(&what.into());
        self.refusals.push(self.layers.fault(key, what));
    }

    /// A user who cannot be had.
    pub fn put(&mut self, key: &str, refused: Refused) {
        self.doubts_identity = true;
        match refused {
            Refused::Unknown(why) => self.fault(key, why),
            Refused::OutOfReach(why) => self.refusal(key, why),
        }
    }

    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// With `strict` a warning is a fault.
    pub fn warning(&mut self, what: &str) {
        let what = self.secrets.mask_text(what);
        if self.strict {
            self.keep(|_| Fault::new("strict", what));
        } else {
            self.warnings.add(what);
        }
    }

    pub fn warn_of_all(&mut self, warnings: &[String]) {
        for warning in warnings {
            self.warning(warning);
        }
    }

    /// Something for `check` and the level debug.
    pub fn note(&mut self, what: &str) {
        self.notes.add(self.secrets.mask_text(what));
    }

    /// Notes what a later file's mode took away.
    pub fn note_dropped(&mut self) {
        for (key, place) in &self.layers.dropped {
            self.note(&format!("{key} ({place}) is dropped: a later file has mode = \"exec\""));
        }
    }

    /// The notes, once all are there.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.notes.take()
    }

    /// Does not show this value from here on.
    pub fn hide(&mut self, secret: Vec<u8>) {
        self.secrets.add(secret);
    }

    /// Counts what is not set as not set yet.
    pub fn expect_more(&mut self) {
        self.expected = Expected::More;
    }

    /// Whether the role that was chosen sets this key.
    #[must_use]
    pub fn is_of_role(&self, key: &str) -> bool {
        self.layers.is_of_role(key)
    }

    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.refusals.is_empty()
    }

    /// Something is refused for its permissions, or it is not known who a program would run as: a shell, which opens
    /// although there are faults, then opens alone.
    #[must_use]
    pub fn forbids_hooks(&self) -> bool {
        !self.refusals.is_empty() || self.doubts_identity
    }

    /// Whether a key was refused.
    #[must_use]
    pub fn has_refusal(&self, key: &str) -> bool {
        self.refusals_of(key).next().is_some()
    }

    /// Those of a key.
    pub fn refusals_of(&self, key: &str) -> impl Iterator<Item = Fault> {
        Findings::of_key(self.layers, &self.refusals, key).cloned()
    }

    /// Tells of what is refused no more, since nothing of it is used.
    pub fn settle(&mut self, refusals: &[Fault]) {
        self.settled = refusals.to_vec();
    }

    /// Whether a key is wrong.
    #[must_use]
    pub fn has_fault(&self, key: &str) -> bool {
        Findings::of_key(self.layers, &self.faults, key).next().is_some()
    }

    /// Those of `faults` that a key has. Where that stands, in a role perhaps, is only looked for where there are any: it
    /// takes another look at the files.
    fn of_key<'f>(layers: &Layers, faults: &'f [Fault], key: &str) -> impl Iterator<Item = &'f Fault> + use<'f> {
        let key = if faults.is_empty() { String::new() } else { layers.fault(key, "").key };
        faults.iter().filter(move |fault| fault.key == key)
    }

    /// Counts as not known who programs run as.
    pub fn doubt_identity(&mut self) {
        self.doubts_identity = true;
    }

    #[must_use]
    pub fn doubts_identity(&self) -> bool {
        self.doubts_identity
    }

    /// The warnings; or, where there are faults, the answer that lists them all.
    ///
    /// # Errors
    ///
    /// That answer: code 77 where nothing but permissions is wrong, else 78.
    pub fn verdict(mut self) -> Result<Vec<String>, Answer> {
        if self.is_sound() {
            return Ok(self.warnings.take());
        }
        Err(self.answer(|count| {
            format!("app-init: {count} {}, nothing was started", if count == 1 { "fault" } else { "faults" })
        }))
    }

    /// The answer that lists all faults, and ends with this line.
    #[must_use]
    pub fn answer(self, last: impl Fn(usize) -> String) -> Answer {
        let code = if self.faults.is_empty() { exit::PERMISSION } else { exit::CONFIG };
        let (faults, count) = self.all_faults();
        let mut text = String::new();
        for fault in &faults {
            text.push_str(&escape(fault));
            text.push('\n');
        }
        text.push_str(&last(count));
        text.push('\n');
        Answer::new(text, code)
    }

    /// The faults as warnings, for a shell, which is needed most when something is wrong.
    #[must_use]
    pub fn into_warnings(mut self) -> Vec<String> {
        let mut warnings = self.warnings.take();
        if !self.is_sound() || !self.settled.is_empty() {
            warnings.extend(self.all_faults().0);
            warnings.push("the configuration is wrong; this shell has what could be made of it".into());
        }
        warnings
    }

    /// In order, the first ones, and how many there are.
    fn all_faults(self) -> (Vec<String>, usize) {
        let mut faults: Vec<Fault> = self.faults.into_iter().chain(self.refusals).chain(self.settled).collect();
        for fault in &mut faults {
            self.layers.withhold(fault);
        }
        if self.layers.is_broken {
            // All else may be wrong because of that.
            faults.retain(|fault| fault.key.is_empty());
        }
        // Those of one key in the order in which they were found, which is that of the lines of its file.
        faults.sort_by(|one, other| (&one.place, &one.key).cmp(&(&other.place, &other.key)));
        let mut unique: Vec<Fault> = Vec::with_capacity(faults.len());
        for fault in faults {
            let of_its_key = |other: &&Fault| (&other.place, &other.key) == (&fault.place, &fault.key);
            if !unique.iter().rev().take_while(of_its_key).any(|other| *other == fault) {
                unique.push(fault);
            }
        }
        let mut faults = unique;
        let more = if self.layers.is_broken { 0 } else { self.more };
        let count = faults.len().saturating_add(more);
        faults.truncate(MOST_TOLD);
        let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        if count > told.len() {
            told.push(and_more(count.saturating_sub(told.len())));
        }
        (told, count)
    }
}
