//! Who the parts of a plan run as (§5).

use std::cell::{Cell, OnceCell};
use std::path::Path;
use std::rc::Rc;

use nix::unistd::Gid;

use super::findings::{Findings, Refused};
use crate::config::keys;
use crate::identity::trust::Boundary;
use crate::identity::{self, Databases, Identity};
use crate::sys::{credentials, regular};

/// Users by name, looked up once and only where somebody asks.
#[derive(Debug, Default)]
pub struct Users {
    databases: OnceCell<Result<Databases, String>>,
    /// Who the application is configured to run as.
    main: Option<Rc<Identity>>,
    /// Those whom root is to be protected from, the application's user first.
    boundaries: Vec<Boundary>,
    /// Something depends on the databases.
    looked_up: Cell<bool>,
    /// Whoever is named must be had, also where app-init is not root.
    required: bool,
    /// What everybody gets of the groups that the container was started with.
    kept_groups: Vec<u32>,
}

impl Users {
    /// Nobody yet.
    #[must_use]
    pub fn new(top: &keys::Top) -> Users {
        let groups = if top.keep_groups { own_groups() } else { Vec::new() };
        // Group 0 may do too much for being kept unasked.
        let is_kept = |gid: &u32| *gid != 0 || top.require_gid == Some(0);
        let kept_groups = groups.into_iter().filter(is_kept).collect();
        Users { required: top.user_required, kept_groups, ..Users::default() }
    }

    /// Takes `spec`, which `key` says, for the application's user. What the image says is passed over where app-init is
    /// not root; what was asked for this container is not.
    ///
    /// # Errors
    ///
    /// Who cannot be found, and who cannot be become.
    pub fn set_main(&mut self, key: &str, spec: &str, findings: &mut Findings<'_>) -> Result<(), Refused> {
        self.main = match self.find(spec) {
            Err(refused) if key == "user" && self.passes_over(spec) => {
                note_passed_over(key, spec, &refused, findings);
                self.own()
            }
            found => Some(found?),
        };
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

    /// Who `spec` is, whom a part of the plan names; `None` where that is a fault, or where it runs as everything else
    /// does because app-init is not root. What is meant for root is never left to somebody else.
    pub fn resolve(&self, key: &str, spec: &str, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        // Its HOME and its name come from there in any case.
        self.looked_up.set(true);
        match self.find(spec) {
            Ok(identity) => return Some(identity),
            Err(_) if !credentials::is_root() && self.uid_of(spec) == Some(0) => {
                let (uid, gid) = own_ids();
                findings.refusal(
                    key,
                    format!(
                        "`{spec}` is root, and app-init runs as {uid}:{gid}; start the container as root, or write when = [\"root\"] for what only root can do"
                    ),
                );
            }
            Err(refused) if self.passes_over(spec) => note_passed_over(key, spec, &refused, findings),
            Err(refused) => findings.put(key, refused),
        }
        None
    }

    /// Whether a user of the configuration who cannot be had is passed over: somebody chose already who everything runs
    /// as. What is no user at all is a mistake everywhere.
    fn passes_over(&self, spec: &str) -> bool {
        !credentials::is_root() && !self.required && identity::is_user(spec)
    }

    /// Who app-init is, where `/etc/passwd` knows it.
    fn own(&self) -> Option<Rc<Identity>> {
        let (uid, gid) = own_ids();
        let identity = self.databases().ok()?.user_of(uid)?;
        Some(Rc::new(Identity { gid, groups: own_groups(), ..identity }))
    }

    /// The uid that `spec` names, as far as it can be told.
    #[must_use]
    pub fn uid_of(&self, spec: &str) -> Option<u32> {
        self.databases().map_or_else(|_| Databases::default().uid_of(spec), |databases| databases.uid_of(spec))
    }

    /// Without root there is no other user to become.
    fn find(&self, spec: &str) -> Result<Rc<Identity>, Refused> {
        self.note_look_up(spec);
        let identity = self.databases().and_then(|databases| databases.resolve(spec));
        let identity = identity.map_err(Refused::Unknown)?.with_groups(&self.kept_groups);
        let (uid, gid) = own_ids();
        if credentials::is_root() || (uid, gid) == (identity.uid, identity.gid) {
            return Ok(Rc::new(identity));
        }
        Err(Refused::OutOfReach(format!(
            "`{spec}` is {}:{}, and app-init runs as {uid}:{gid}, which cannot become anybody else; start the container as root or as that user, or remove this",
            identity.uid, identity.gid
        )))
    }

    /// Whose `spec` makes a file; `@user`: that of whoever the application's programs run as.
    ///
    /// # Errors
    ///
    /// Who cannot be found.
    pub fn owner(&self, spec: &str) -> Result<(u32, Option<u32>), String> {
        if spec == "@user" {
            let (uid, gid) = self.main().map_or_else(own_ids, |main| (main.uid, main.gid));
            return Ok((uid, Some(gid)));
        }
        if spec.starts_with('@') {
            return Err(format!("`{spec}` is no owner; write @user, USER or USER:GROUP"));
        }
        self.note_look_up(spec);
        self.databases()?.owner(spec)
    }

    /// The databases of users and groups.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub fn databases(&self) -> Result<&Databases, String> {
        self.databases.get_or_init(read_databases).as_ref().map_err(Clone::clone)
    }

    /// `UID:GID` needs nobody to say who it is.
    fn note_look_up(&self, spec: &str) {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_sure = spec.split_once(':').is_some_and(|(user, group)| is_number(user) && is_number(group));
        self.looked_up.set(self.looked_up.get() || !is_sure);
    }

    /// Whether `/etc/passwd` and `/etc/group` say who somebody is.
    #[must_use]
    pub fn are_looked_up(&self) -> bool {
        self.looked_up.get()
    }

    /// The user that the application's programs become, where that is not who app-init is.
    #[must_use]
    pub fn stepped_down_to(&self) -> Option<u32> {
        self.configured().filter(|identity| identity.uid != 0 && credentials::is_root()).map(|identity| identity.uid)
    }

    /// Protects root from the application's user, from those whom somebody else `replaced`, and from those of hooks, as
    /// far as they are anybody.
    pub fn protect<'s>(&mut self, replaced: &[String], of_hooks: impl Iterator<Item = &'s String>) {
        if !credentials::is_root() {
            return;
        }
        let main = self.main.clone().map(|identity| (Ok(identity), false));
        let replaced = replaced.iter().map(|spec| (self.find(spec), false));
        let all: Vec<_> =
            main.into_iter().chain(replaced).chain(of_hooks.map(|spec| (self.find(spec), true))).collect();
        for (found, is_of_hook) in all {
            let (Ok(identity), Ok(databases)) = (found, self.databases()) else { continue };
            let groups = databases.groups_in_reach(&identity);
            match self.boundaries.iter_mut().find(|known| known.identity.uid == identity.uid) {
                Some(known) => known.groups.extend(groups),
                None if identity.uid == 0 => {}
                None => self.boundaries.push(Boundary { identity, groups, is_of_hook }),
            }
        }
    }

    /// The users against whom there is something to protect: app-init is root, and they are not.
    #[must_use]
    pub fn boundaries(&self) -> &[Boundary] {
        &self.boundaries
    }

    /// Whether what runs as this (`None`: as app-init) has a right that one of them must not get at.
    #[must_use]
    pub fn is_above(&self, program: Option<&Identity>) -> bool {
        self.boundaries.iter().any(|user| user.is_below(program))
    }
}

/// Who a program runs as, for `check`; `None`: whoever app-init is.
#[must_use]
pub fn described(user: Option<&Identity>) -> String {
    let (uid, gid) = user.map_or_else(own_ids, |user| (user.uid, user.gid));
    let own = || read_databases().ok()?.user_of(uid)?.name;
    match user.map_or_else(own, |user| user.name.clone()) {
        Some(name) => format!("as {} ({uid}:{gid})", String::from_utf8_lossy(&name)),
        None => format!("as {uid}:{gid}"),
    }
}

/// Who app-init is.
#[must_use]
pub fn own_ids() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}

fn own_groups() -> Vec<u32> {
    nix::unistd::getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect()
}

fn note_passed_over(key: &str, spec: &str, refused: &Refused, findings: &mut Findings<'_>) {
    let (uid, gid) = own_ids();
    let also = match refused {
        Refused::Unknown(why) => format!(" ({why})"),
        Refused::OutOfReach(_) => String::new(),
    };
    findings.note(&format!(
        "{key}: `{spec}` is passed over{also}: app-init is not root, and everything runs as {uid}:{gid}"
    ));
}

/// A user for people: the name, or else the number.
#[must_use]
pub fn shown(user: &Identity) -> String {
    user.name.as_ref().map_or_else(|| user.uid.to_string(), |name| String::from_utf8_lossy(name).into_owned())
}

/// Reads `/etc/passwd`, `/etc/group` and, as root, `/etc/gshadow`.
///
/// # Errors
///
/// A file that is there and cannot be read, is no regular file, or has more than 16 MiB.
fn read_databases() -> Result<Databases, String> {
    let [passwd, group] = ["/etc/passwd", "/etc/group"].map(|path| read_or_empty(Path::new(path)));
    let gshadow = if credentials::is_root() { read_or_empty(Path::new("/etc/gshadow"))? } else { Vec::new() };
    Ok(Databases { passwd: passwd?, group: group?, gshadow })
}

fn read_or_empty(path: &Path) -> Result<Vec<u8>, String> {
    let content = regular::read(path).map_err(|why| format!("cannot read {}: {why}", path.display()))?;
    Ok(content.unwrap_or_default())
}
