//! Variables whose values app-init never shows, and that may come from a file: `env.secrets`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::pipeline::{Pipeline, is_hidden, shown_user};
use super::strings::source;
use crate::config::expand::Lookup as _;
use crate::config::keys;
use crate::config::literal;
use crate::config::values::{Named, Prefer};

impl Pipeline<'_, '_> {
    /// What the container was given under a secret's name is one, whatever comes over it.
    pub fn given_secrets(&mut self) {
        for secret in self.inputs.env.secrets.iter().filter(|secret| is_hidden(secret)) {
            self.computed.environment.get(&secret.name).into_iter().for_each(|value| self.findings.hide(value));
        }
    }

    pub fn secrets(&mut self) {
        for (place, secret) in self.inputs.env.secrets.iter().enumerate() {
            let key = format!("env.secrets[{place}]");
            if let Err(fault) = self.secret(secret) {
                self.findings.fault(&key, fault);
            }
        }
    }

    /// Tells of names of secrets' files that are set when those have been read.
    pub fn tell_of_late_files<'n>(&mut self, names: impl Iterator<Item = &'n str>, by: &str) {
        let of_secret = |name: &&str| {
            let name = name.strip_suffix("_FILE").unwrap_or_default();
            self.inputs.env.secrets.iter().any(|secret| secret.name == name)
        };
        for name in names.filter(of_secret) {
            self.findings.warning(&format!(
                "{name} is set by {by}, after the files of secrets have been read, and is not read; name the file in \
                 env.secrets: {{ name = \"…\", file = \"…\" }}"
            ));
        }
    }

    /// One secret: its variable, or the content of the file that `NAME_FILE` or the configuration names.
    fn secret(&mut self, secret: &keys::Secret) -> Result<(), String> {
        let name = &secret.name;
        let by_variable = format!("{name}_FILE");
        let named = self.computed.environment.filled(&by_variable);
        let named_by_user = self.computed.environment.by_user([by_variable.as_str()]).is_some();
        self.computed.environment.unset(&by_variable);
        let is_filled = self.computed.environment.filled(name).is_some();
        // A default is for when nobody says anything.
        let is_set = is_filled && !self.defaulted.contains(name);
        let prefer = secret.prefer.map(|Named(prefer)| prefer);
        if is_set && prefer == Some(Prefer::Variable) {
            return Ok(());
        }
        let both = |source: &str| {
            format!("{name} and {source} are both set; unset one of them, or write prefer = \"file\" or \"variable\"")
        };
        let (path, shown) = match (named.as_deref().map(path_of), &secret.file) {
            (Some(_), _) if is_set && prefer.is_none() => return Err(both(&by_variable)),
            (Some(path), _) if path.is_absolute() => (path.clone(), path.display().to_string()),
            // Where somebody has put the secret itself, it is not repeated.
            (Some(path), _) => (self.inputs.workdir.join(path), format!("the file that {by_variable} names")),
            (None, Some(path)) => (self.inputs.workdir.join(path), path.display().to_string()),
            (None, None) => return Ok(()),
        };
        // A path in a variable is whatever somebody who may set variables wants: root must not read it for them.
        let user = self.inputs.could_write(&path).or(self.inputs.boundaries.first().filter(|_| named_by_user));
        let identity = self.inputs.identity.filter(|identity| named.is_some() && identity.uid != 0);
        let read = match identity.or(user.map(|user| &*user.identity)) {
            Some(identity) => self.inputs.files.read_as(identity, &path),
            None => self.inputs.files.read(&path),
        };
        match read {
            Ok(Some(_)) if is_set && prefer.is_none() => Err(both("its file")),
            Ok(Some(bytes)) => {
                let value = literal::secret_file(bytes).map_err(|why| format!("{name}: {shown} {why}"))?;
                self.set_from(name, &value, user.map(|user| source(&shown, &shown_user(user))));
                Ok(())
            }
            Ok(None) if named.is_none() && (secret.optional || is_filled) => Ok(()),
            Ok(None) if named.is_none() => {
                Err(format!("{name}: there is no {shown}; make it, or write optional = true"))
            }
            Ok(None) if shown.starts_with('/') => {
                Err(format!("{name}: there is no {shown}; make it, or unset {by_variable}"))
            }
            Ok(None) => Err(format!("{name}: {shown} is not there; make it, or unset {by_variable}")),
            Err(why) => Err(format!("{name}: cannot read {shown}: {why}")),
        }
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}
