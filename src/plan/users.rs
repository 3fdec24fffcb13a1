//! Who the parts of a plan run as (§5).

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use super::Findings;
use crate::exit;
use crate::identity::{Databases, Identity};
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
    /// It depends on the databases who that is.
    looked_up: bool,
}

impl Users {
    /// Takes `spec` for the application's user.
    ///
    /// # Errors
    ///
    /// Who cannot be found, and who cannot be become.
    pub fn set_main(&mut self, spec: &str) -> Result<(), Refused> {
        self.main = Some(self.find(spec)?);
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        self.looked_up = !spec.split_once(':').is_some_and(|(user, group)| is_number(user) && is_number(group));
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
        self.to_become(None)
    }

    /// Whom a program has to become that runs as `own`, or else as the application's user.
    #[must_use]
    pub fn to_become(&self, own: Option<&Rc<Identity>>) -> Option<Rc<Identity>> {
        own.or(self.main.as_ref()).filter(|_| credentials::is_root()).cloned()
    }

    /// Who `spec` is; `None` where that is a fault.
    pub fn resolve(&self, key: &str, spec: &str, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        self.find(spec).map_err(|refused| findings.put(key, refused)).ok()
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

    /// Whether `/etc/passwd` and `/etc/group` say who the application's user is: `UID:GID` needs nobody to say it.
    #[must_use]
    pub fn are_looked_up(&self) -> bool {
        self.looked_up
    }

    /// The user against whom there is something to protect: app-init is root and the application is not.
    #[must_use]
    pub fn boundary(&self) -> Option<&Identity> {
        self.configured().filter(|identity| identity.uid != 0 && credentials::is_root())
    }

    /// Those whom the configuration must not be changeable by: that user, and whoever would be it if a file or a role did
    /// not say something else. Otherwise what is under suspicion could take the suspicion away.
    #[must_use]
    pub fn boundaries(&self, replaced: &[String]) -> Vec<Rc<Identity>> {
        let replaced = replaced.iter().filter_map(|spec| self.find(spec).ok());
        let all = self.main.iter().cloned().chain(replaced);
        all.filter(|identity| identity.uid != 0 && credentials::is_root()).collect()
    }
}

/// A user for people: the name, or else the number.
#[must_use]
pub fn shown(user: &Identity) -> String {
    user.name.as_ref().map_or_else(|| user.uid.to_string(), |name| String::from_utf8_lossy(name).into_owned())
}
