//! What was found wrong or odd while the plan was made.

use super::users::Refused;
use crate::cli::Answer;
use crate::config::{Fault, Layers, expand};
use crate::exit;
use crate::logging;
use crate::secrets::Secrets;

/// Everything that was found; nothing in it shows a secret.
#[derive(Debug)]
pub struct Findings<'a> {
    layers: &'a Layers,
    strict: bool,
    /// The `deploy-env` hook has not run yet: what is not set now may be later.
    expects_more: bool,
    /// Somebody could not be found, or a file not be read in which somebody may be named: who programs run as is not known.
    doubts_identity: bool,
    secrets: Secrets,
    faults: Vec<Fault>,
    /// What is refused for the permissions of a file or for an identity.
    refusals: Vec<Fault>,
    warnings: Vec<String>,
    /// What is as it should be, and may surprise.
    notes: Vec<String>,
}

impl<'a> Findings<'a> {
    #[must_use]
    pub fn new(layers: &'a Layers, strict: bool, faults: Vec<Fault>) -> Findings<'a> {
        Findings {
            layers,
            strict,
            expects_more: false,
            // A fault without a key is one of a whole file.
            doubts_identity: faults.iter().any(|fault| fault.key.is_empty()),
            secrets: Secrets::default(),
            faults,
            refusals: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        let what = self.secrets.mask_text(&what.into());
        self.faults.push(self.layers.fault(key, what));
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

    /// A fault of a value that depends on the environment: none while more of it is expected.
    pub fn unset(&mut self, key: &str, what: String) {
        if !self.expects_more {
            self.fault(key, what);
        }
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

    /// With `strict` a warning is a fault.
    pub fn warning(&mut self, what: &str) {
        let what = self.secrets.mask_text(what);
        if self.strict {
            self.faults.push(Fault::new("strict", what));
        } else {
            self.warnings.push(what);
        }
    }

    /// Something for `check` and the level debug.
    pub fn note(&mut self, what: &str) {
        let what = self.secrets.mask_text(what);
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// The notes, once all are there.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Shows none of these values from here on.
    pub fn hide(&mut self, secrets: &Secrets) {
        self.secrets = secrets.clone();
    }

    /// Counts what is not set as not set yet.
    pub fn expect_more(&mut self) {
        self.expects_more = true;
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
        self.refusals.iter().any(|refusal| refusal.key == key)
    }

    /// Whether a key is wrong.
    #[must_use]
    pub fn has_fault(&self, key: &str) -> bool {
        self.faults.iter().any(|fault| fault.key == key)
    }

    /// The warnings; or, where there are faults, the answer that lists them all.
    ///
    /// # Errors
    ///
    /// That answer: code 77 where nothing but permissions is wrong, else 78.
    pub fn verdict(mut self) -> Result<Vec<String>, Answer> {
        self.warnings = without_repetitions(self.warnings);
        if self.is_sound() {
            return Ok(self.warnings);
        }
        let code = if self.faults.is_empty() { exit::PERMISSION } else { exit::CONFIG };
        let faults = self.all_faults();
        let mut text = String::new();
        for fault in &faults {
            text.push_str(&logging::escape(fault));
            text.push('\n');
        }
        let (count, things) = (faults.len(), if faults.len() == 1 { "fault" } else { "faults" });
        text.push_str(&format!("app-init: {count} {things}, nothing was started\n"));
        Err(Answer::new(text, code))
    }

    /// The faults as warnings, for a shell, which is needed most when something is wrong.
    #[must_use]
    pub fn into_warnings(mut self) -> Vec<String> {
        let mut warnings = without_repetitions(std::mem::take(&mut self.warnings));
        let faulty = !self.is_sound();
        warnings.extend(self.all_faults());
        if faulty {
            warnings.push("the configuration is wrong; this shell has what could be made of it".into());
        }
        warnings
    }

    fn all_faults(self) -> Vec<String> {
        let mut faults: Vec<Fault> = self.faults.into_iter().chain(self.refusals).collect();
        faults.sort();
        faults.dedup();
        faults.iter().map(ToString::to_string).collect()
    }
}

/// The same warnings in the same order, each once: a part of a plan may have been made twice.
fn without_repetitions(warnings: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(warnings.len());
    for warning in warnings {
        if !kept.contains(&warning) {
            kept.push(warning);
        }
    }
    kept
}
