//! What the environment is made of.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Env, condition};
use crate::identity::Identity;
use crate::identity::trust::Boundary;
use crate::plan::files::Files;

/// What the pipeline is fed with.
pub struct Inputs<'a> {
    pub env: &'a Env,
    pub virtualenv: Option<&'a Path>,
    /// Who the application runs as, where that is configured.
    pub identity: Option<&'a Identity>,
    /// Who could write something that root must not act on; what they could write is read with their rights.
    pub boundaries: &'a [Boundary],
    /// What relative paths are relative to.
    pub workdir: &'a Path,
    pub files: &'a dyn Files,
    /// What the `deploy-env` hook wrote; `None` where it has not run, or there is none.
    pub deploy_env: Option<&'a [u8]>,
    /// Who else than root that hook runs as.
    pub deploy_env_by: Option<String>,
    /// How much the kernel takes of arguments and environment, in bytes.
    pub room: usize,
}

impl Inputs<'_> {
    /// The first of them who could have written what is there.
    pub fn could_write(&self, path: &Path) -> Option<&Boundary> {
        self.boundaries.iter().find(|user| self.files.is_of(user, path))
    }

    /// The names in a directory, seen with the rights of a user who could have placed it.
    pub fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        match self.could_write(directory) {
            Some(user) => self.files.list_as(&user.identity, directory),
            None => self.files.list(directory),
        }
    }

    /// The first path, in byte order, that a pattern describes: `*` and `?` within a component.
    pub fn first_match(&self, pattern: &Path) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        let mut found = vec![PathBuf::new()];
        for component in pattern.components() {
            let glob = component.as_os_str();
            if !glob.as_bytes().iter().any(|byte| b"*?".contains(byte)) {
                for path in &mut found {
                    path.push(glob);
                }
                continue;
            }
            let mut deeper = Vec::new();
            for directory in found {
                let mut names = self.list(&directory).ok().flatten().unwrap_or_default();
                names.retain(|name| condition::matches(glob.as_bytes(), name.as_bytes()));
                deeper.extend(names.iter().map(|name| directory.join(name)));
            }
            found = deeper;
        }
        let is_there = |path: &PathBuf| self.files.is_there(path, self.could_write(path).map(|user| &*user.identity));
        found.into_iter().find(is_there)
    }
}
