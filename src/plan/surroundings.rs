//! What the hooks of a plan, and whatever else it starts beside the server, have in common.

use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use super::environment::{Environment, Strings};
use super::executed;
use super::files::{Disk, Files as _};
use super::findings::Findings;
use super::users::Users;
use crate::config::condition::Facts;
use crate::config::expand::Lookup;
use crate::config::values::{Condition, HookOutput};
use crate::identity::Identity;
use crate::machine::OnFailure;
use crate::sys::bounds::Bounds;
use crate::sys::on_behalf;

/// What every hook of a plan has in common.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where hooks run, and what `directory` is relative to.
    pub workdir: &'a Path,
    pub directory: &'a Path,
    pub environment: &'a Environment,
    /// The same, as the programs get it.
    pub strings: &'a Strings,
    /// The server's command line, for `when`.
    pub server: &'a [Vec<u8>],
    /// The role that was chosen.
    pub role: Option<&'a str>,
    /// Conditions and times are those of something with more rights than a user: of variables they see what is not the
    /// user's.
    pub is_above: bool,
    pub users: &'a Users,
    pub bounds: &'a Option<Rc<Bounds>>,
    pub umask: Option<u32>,
    pub output: HookOutput,
    /// Handed to the hook's files: what follows the name in `app-init hook NAME`.
    pub arguments: &'a [OsString],
    /// What a failed command means where nothing is configured.
    pub on_failure: OnFailure,
}

impl Facts for Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        if self.is_above { self.environment.trusted(name) } else { self.environment.get(name) }
    }

    fn argv(&self) -> &[Vec<u8>] {
        self.server
    }

    fn role(&self) -> Option<&str> {
        self.role
    }

    /// Where a link of the user's could lead to what is none of the user's business, it is looked at as the user.
    fn is_there(&self, path: &Path) -> bool {
        let path = self.workdir.join(path);
        let user = self.users.boundaries().iter().find(|user| Disk.is_of(user, &path));
        Disk.is_there(&path, user.map(|user| &*user.identity))
    }
}

impl Lookup for Surroundings<'_> {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.variable(name)
    }
}

impl<'a> Surroundings<'a> {
    /// As conditions see them of what runs as this; `None`: as app-init.
    pub fn for_rights_of(&self, identity: Option<&Identity>) -> Surroundings<'a> {
        Surroundings { is_above: self.users.is_above(identity), ..*self }
    }

    /// The same where somebody may be named: otherwise it runs as the application's user.
    pub fn for_rights_of_user(&self, spec: Option<&str>) -> Surroundings<'a> {
        let is_above = match spec.filter(|_| !self.users.boundaries().is_empty()) {
            // Who cannot be found is told elsewhere.
            Some(spec) => self
                .users
                .databases()
                .and_then(|all| all.resolve(spec))
                .is_ok_and(|user| self.users.is_above(Some(&user))),
            None => self.users.is_above(self.users.main().as_deref()),
        };
        Surroundings { is_above, ..*self }
    }

    /// The first bytes of a program's file: of what a user could have put there, with that user's rights and within a time.
    pub fn head(&self, path: &Path) -> Option<Vec<u8>> {
        match self.users.boundaries().iter().find(|user| Disk.is_of(user, path)) {
            Some(user) => on_behalf::of(&user.identity, || Ok(executed::head(path))).ok()?,
            None => executed::head(path),
        }
    }

    /// Whether all conditions hold.
    pub fn is_due(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| condition.holds(self))
    }

    /// The same for what `key` names, with a word of what is left out.
    pub fn is_on(&self, key: &str, conditions: &[Condition], findings: &mut Findings<'_>) -> bool {
        let is_due = self.is_due(conditions);
        if !is_due {
            findings.note(&format!("{key} is off: its `when` does not hold"));
        }
        is_due
    }
}
