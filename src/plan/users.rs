//! Who the parts of a plan run as (§5).

use std::cell::OnceCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use super::Findings;
use crate::exit;
use crate::identity::{Databases, Identity, trust};
use crate::sys::credentials;

/// Why somebody cannot be who a program runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    Unknown(String),
    OutOfReach(String),
}

impl Refused {
    /// The exit code, where this is what ends the start.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Refused::Unknown(_) => exit::CONFIG,
            Refused::OutOfReach(_) => exit::PERMISSION,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Refused::Unknown(why) | Refused::OutOfReach(why)) = self;
        formatter.write_str(why)
    }
}

/// Users by name, looked up once and only where somebody asks.
#[derive(Debug, Default)]
pub struct Users {
    databases: OnceCell<Result<Databases, String>>,
    /// Who the application is configured to run as.
    main: Option<Rc<Identity>>,
}

impl Users {
    /// Takes `spec` for the application's user.
    ///
    /// # Errors
    ///
    /// Who cannot be found, and who cannot be become.
    pub fn set_main(&mut self, spec: &str) -> Result<(), Refused> {
        self.main = Some(self.find(spec)?);
        Ok(())
    }

    /// The application's user, where one is configured.
    #[must_use]
    pub fn configured(&self) -> Option<&Identity> {
        self.main.as_deref()
    }

    /// Whom the application's programs have to become; `None`: whoever app-init is already.
    #[must_use]
    pub fn main(&self) -> Option<Rc<Identity>> {
        self.main.clone().filter(|_| credentials::is_root())
    }

    /// The user to become for `spec`, `None` where that is who app-init is already, or where it is a fault.
    pub fn resolve(&self, key: &str, spec: &str, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        match self.find(spec) {
            Ok(identity) => Some(identity).filter(|_| credentials::is_root()),
            Err(refused) => {
                findings.put(key, refused);
                None
            }
        }
    }

    /// Without root there is no other user to become.
    fn find(&self, spec: &str) -> Result<Rc<Identity>, Refused> {
        let identity = self.databases().and_then(|databases| databases.resolve(spec)).map_err(Refused::Unknown)?;
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        if credentials::is_root() || (uid, gid) == (identity.uid, identity.gid) {
            return Ok(Rc::new(identity));
        }
        Err(Refused::OutOfReach(format!(
            "`{spec}` is {}:{}, and app-init runs as {uid}:{gid}, which cannot become anybody else; start the container as root or as that user, or remove this",
            identity.uid, identity.gid
        )))
    }

    /// The databases of users and groups.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub fn databases(&self) -> Result<&Databases, String> {
        self.databases.get_or_init(Databases::read).as_ref().map_err(Clone::clone)
    }

    /// The user against whom there is something to protect: app-init is root and the application is not.
    #[must_use]
    pub fn boundary(&self) -> Option<&Identity> {
        self.configured().filter(|identity| identity.uid != 0 && credentials::is_root())
    }

    /// Refuses `file`, which is about to be used as `user`, where the application could change it and gain by that.
    pub fn check_trust(&self, key: &str, file: &Path, user: Option<&Identity>, findings: &mut Findings<'_>) {
        let Some(boundary) = self.boundary() else { return };
        if user.is_some_and(|user| user.uid == boundary.uid) {
            return;
        }
        if let Some(at_fault) = trust::changeable_by(file, boundary) {
            let who = boundary
                .name
                .as_ref()
                .map_or_else(|| boundary.uid.to_string(), |name| String::from_utf8_lossy(name).into_owned());
            findings.refusal(
                key,
                format!(
                    "{} could be changed by {who}: {at_fault}; make it root's, and nobody else's to write",
                    file.display()
                ),
            );
        }
    }
}
