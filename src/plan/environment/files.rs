//! The steps that read variables from files: `env.files` and `env.vars_dir`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::pipeline::{Pipeline, shown_user};
use crate::config::expand;
use crate::config::keys;
use crate::config::literal;
use crate::identity::trust::Boundary;
use crate::sys::regular;

impl Pipeline<'_, '_> {
    pub fn env_files(&mut self) {
        // One without a path was reported when it was read.
        let files = self.inputs.env.files.iter().enumerate().filter(|(_, file)| !file.path.as_os_str().is_empty());
        for (place, file) in files {
            let key = format!("env.files[{place}]");
            let shown = file.path.display().to_string();
            let (read, by_user) = self.read(&self.inputs.workdir.join(&file.path));
            match read {
                Ok(Some(bytes)) => {
                    let pairs = self.sound(&key, &shown, literal::env_file(&bytes));
                    self.take(pairs, &shown, by_user.map(shown_user).as_deref());
                }
                Ok(None) if file.optional => {}
                Ok(None) => {
                    self.findings.fault(&key, format!("there is no {shown}; make it, or write optional = true"));
                }
                Err(why) => self.findings.fault(&key, format!("cannot read {shown}: {why}")),
            }
        }
    }

    pub fn vars_dir(&mut self) {
        let configured = self.inputs.env.vars_dir.as_deref();
        let directory = configured.unwrap_or_else(|| Path::new(keys::Env::VARS_DIR));
        let shown = directory.display().to_string();
        let full = self.inputs.workdir.join(directory);
        let names = match self.inputs.list(&full) {
            Ok(Some(names)) => names,
            Ok(None) => {
                let what = match (regular::in_place_of(&full), configured) {
                    (Some(why), _) => format!("no variable is found in {shown}: {why}"),
                    (None, Some(_)) => format!("there is no directory {shown}; make it, or remove this"),
                    (None, None) => return,
                };
                return self.findings.fault("env.vars_dir", what);
            }
            Err(why) => return self.findings.fault("env.vars_dir", format!("cannot list {shown}: {why}")),
        };
        let (names, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.to_str().is_some_and(expand::is_name));
        let nameless = |name: &OsString| {
            format!("{shown}/{}: is no name for a variable; rename it, or begin it with a dot", name.display())
        };
        let mut wrong: Vec<String> = others.iter().map(nameless).collect();
        let inputs = self.inputs;
        let owned: Vec<_> = names.iter().map(|name| (name, inputs.could_write(&full.join(name)))).collect();
        let whose = |user: Option<&Boundary>| user.map(std::ptr::from_ref);
        'all: for group in owned.chunk_by(|(_, one), (_, other)| whose(*one) == whose(*other)) {
            let by_user = group.first().and_then(|(_, user)| *user);
            let paths: Vec<PathBuf> = group.iter().map(|(name, _)| full.join(name)).collect();
            let mut read = by_user.map(|user| inputs.files.read_all_as(&user.identity, &paths).into_iter());
            for ((name, _), path) in group.iter().zip(&paths) {
                if self.is_full {
                    break 'all;
                }
                let content =
                    read.as_mut().map_or_else(|| inputs.files.read(path), |read| read.next().unwrap_or(Ok(None)));
                let source = format!("{shown}/{}", name.display());
                match content.map(|bytes| bytes.map(literal::variable_file)) {
                    Ok(Some(Ok(value))) => {
                        let pair = (name.to_string_lossy().into_owned(), value);
                        self.take(vec![pair], &source, by_user.map(shown_user).as_deref());
                    }
                    Ok(Some(Err(why))) => wrong.push(format!("{source}: {why}")),
                    // It was there a moment ago: a volume that is being updated.
                    Ok(None) => wrong.push(format!("{source} leads nowhere; mend the link")),
                    Err(why) => wrong.push(format!("cannot read {source}: {why}")),
                }
            }
        }
        let more = wrong.len().saturating_sub(literal::MOST_PROBLEMS);
        for what in wrong.into_iter().take(literal::MOST_PROBLEMS) {
            self.findings.fault("env.vars_dir", what);
        }
        if more > 0 {
            self.findings.fault("env.vars_dir", format!("{shown}/… and {more} more files"));
        }
    }
}
