//! The boot that a command stands beside: what `docker exec` starts in a container means the application as it was
//! started there, with the role, the options and the directory that the running app-init has (§1).

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::plain::{self, PlainUse};
use super::settings::{self, Variables};
use crate::cli::{self, Command, Options, Request};
use crate::config::value::Value;
use crate::config::{BASE_FILE, Layers};
use crate::identity::trust::{self, AtFault};
use crate::sys::standing::{self, Standing};
use crate::sys::{credentials, exec, regular};

/// What the app-init that booted this container was started with.
#[derive(Debug, Default)]
pub struct Boot {
    /// Its arguments, where it runs a server: a role's name, perhaps, and what is appended to the server's command.
    pub arguments: Vec<OsString>,
    /// Its `APP_INIT_ROLE`, empty where it has none; `None` where that is not for this user to see.
    role: Option<OsString>,
    /// Whom it was given by an option and by `APP_INIT_USER`.
    pub users: Vec<String>,
    /// What could not be found out.
    pub warning: Option<String>,
}

impl Boot {
    /// The word that may have chosen its role, unless `given`, this process's `APP_INIT_ROLE`, is another than its own:
    /// somebody wants another role then.
    #[must_use]
    pub fn role_word(&self, given: Option<&OsStr>) -> Option<&OsStr> {
        let is_its_own = self.role.as_ref().is_none_or(|role| role == given.unwrap_or_default());
        self.arguments.first().filter(|_| is_its_own).map(OsString::as_os_str)
    }
}

/// What a request comes to in the container where it is made.
#[derive(Debug)]
pub struct Start {
    pub plain_use: Option<PlainUse>,
    /// How this process stands to its container, where that matters.
    pub standing: Option<Standing>,
    pub boot: Option<Boot>,
    /// Why nothing of the directory where this process is may be used, and what to do.
    pub refusal: Option<String>,
}

/// Finds the boot that `request` stands beside. What was not asked for is filled in from there, and this process goes to
/// where that was started.
#[must_use]
pub fn join(request: &mut Request) -> Start {
    let plain_use = if request.command == Command::Run { plain::plain_use(&request.options) } else { None };
    let standing = standing(request, plain_use.is_some());
    let beside = standing.and_then(standing::boot).and_then(|pid| beside(request, plain_use.is_some(), pid));
    let refusal = match &beside {
        Some(Beside { claims, place: Place::Unseen(why), .. }) => refusal(&request.options, claims, why, About::Unseen),
        Some(Beside { claims, place: Place::Removed, .. }) => {
            refusal(&request.options, claims, REMOVED, About::Removed)
        }
        // Whoever runs here counts then (`who.rs`).
        Some(Beside { place: Place::Entered, .. }) => None,
        // In exec mode, for one, nobody is left who could be asked.
        Some(Beside { place: Place::Left, .. }) | None => {
            let is_inside = matches!(standing, Some(Standing::Nested(_) | Standing::Beside)) && plain_use.is_none();
            let of_others = is_inside && !standing::others_than_root().is_empty();
            if of_others {
                refusal(&request.options, &[], "nobody says where the application was started", About::Nobody)
            } else {
                None
            }
        }
    };
    let boot = beside.and_then(|beside| beside.boot);
    // One that is beside an application is of that.
    let plain_use = plain_use.filter(|_| boot.is_none() && refusal.is_none());
    Start { plain_use, standing, boot, refusal }
}

/// Why the directory where a boot was started says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Unseen,
    Removed,
    /// There is no boot that could say where that is.
    Nobody,
}

const REMOVED: &str = "the directory where the running app-init was started has been removed";

/// Root uses nothing of a directory that somebody else could have filled, only because it was told to start there: what is
/// configured where the boot was started may name that somebody.
#[inline(never)]
fn refusal(options: &Options, claims: &[PathBuf], why: &str, about: About) -> Option<String> {
    if !credentials::is_root() {
        return None;
    }
    let given = Environment::new(exec::inherited_environment());
    let variables = Variables(&given);
    let (file, workdir) = settings::named_places(options, &variables);
    let file = file.unwrap_or_else(|| BASE_FILE.into());
    let mut sure = Layers::default();
    if file.is_absolute() {
        sure.read(&file, false, &mut Vec::new());
    }
    let configured = |key: &str| sure.table.get(key).and_then(Value::as_text);
    let workdir = workdir.or_else(|| configured("workdir").map(PathBuf::from));
    let is_named = file.is_absolute() && workdir.is_some_and(|workdir| workdir.is_absolute());
    let here = std::env::current_dir().unwrap_or_default().join(DIRECTORY);
    let is_bare = matches!(here.symlink_metadata(), Err(error) if regular::is_absence(&error));
    let names_user = options.user.is_some() || variables.text("USER").is_some() || configured("user").is_some();
    let missing = about == About::Removed || about == About::Unseen && is_bare && sure.files.is_empty();
    // Where a user is named already, the rest is judged as in a boot.
    let is_sure = is_named || is_bare && names_user && !missing;
    let mut looked_at = claims.iter().chain(Some(&here).filter(|_| !is_sure));
    let at_fault = looked_at.find_map(|path| Some((path, trust::could_be_put_by_anybody(path)?)));
    let what = match at_fault {
        Some((path, AtFault { why, .. })) => format!("{} could be changed by others than root: {why}", path.display()),
        None if about == About::Removed && !is_named => "nothing says what was configured there".to_owned(),
        None if missing && !is_named => format!("there is no configuration in {}", here.display()),
        None => return None,
    };
    Some(format!("{why}, and {what}; name the files and the directory: --config FILE --workdir DIR"))
}

/// Looks once at who else is there: it takes a while, and does not change.
fn standing(request: &Request, is_plain: bool) -> Option<Standing> {
    let is_of_none = matches!(request.command, Command::Wait(_));
    // A plain start is none of a boot's business, unless it was put beside one.
    let is_alone = is_plain && !standing::is_from_outside();
    (!is_of_none && !is_alone).then(standing::standing)
}

/// What shows of a boot.
struct Beside {
    /// `None`: it is of no application that this process could belong to.
    boot: Option<Boot>,
    /// The paths that it was given, and this process was not.
    claims: Vec<PathBuf>,
    place: Place,
}

/// Where a boot was started.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// There, where this process is now.
    Entered,
    /// Elsewhere than where it is, as in plain use.
    Left,
    /// It is nowhere any more.
    Removed,
    /// It cannot be seen, nor whether that is an app-init. Why.
    Unseen(String),
}

#[inline(never)]
fn beside(request: &mut Request, is_plain: bool, pid: i32) -> Option<Beside> {
    let its = cli::parse(standing::command_of(pid)?.split_off(1)).ok()?;
    let here = std::env::current_dir().unwrap_or_default();
    let place = enter(pid);
    if place == Place::Entered {
        // What was typed here means what it means here.
        for path in [&mut request.options.config, &mut request.options.workdir].into_iter().flatten() {
            *path = here.join(&*path);
        }
    }
    let variable = standing::variable_of(pid, "APP_INIT_USER").and_then(|user| user.into_string().ok());
    let users = its.options.user.iter().cloned().chain(variable.filter(|user| !user.is_empty())).collect();
    let own = &request.options;
    let claims = [
        its.options.config.clone().filter(|_| own.config.is_none()),
        its.options.hooks_dir.clone().filter(|_| own.hooks_dir.is_none()),
        its.options.workdir.clone().filter(|_| own.workdir.is_none()).map(|workdir| workdir.join(DIRECTORY)),
    ];
    let claims = claims.into_iter().flatten().collect();
    request.options.fill_in(its.options, request.command == Command::Check);
    let is_plain = is_plain && plain::plain_use(&request.options).is_some();
    if is_plain && !matches!(place, Place::Unseen(_)) {
        // There is no application that it could belong to.
        let _ = nix::unistd::chdir(&here);
        return Some(Beside { boot: None, claims, place });
    }
    // Nobody is bothered with it who gets a configuration all the same.
    let is_found = regular::may_be_there(&here.join(DIRECTORY))
        || regular::may_be_there(Path::new(BASE_FILE))
        || request.options.config.is_some();
    let warning = match &place {
        // Root is refused that.
        Place::Unseen(why) if !is_found && !credentials::is_root() => Some(format!(
            "{why}; its configuration is looked for in {}: name its directory by --workdir",
            here.display()
        )),
        Place::Removed if !is_found && !credentials::is_root() => Some(format!("{REMOVED}; name another by --workdir")),
        _ => None,
    };
    let arguments = if its.command == Command::Run { its.arguments } else { Vec::new() };
    let boot = Boot { arguments, role: standing::variable_of(pid, "APP_INIT_ROLE"), users, warning };
    // To somebody else who is no root a plain start stays what it is.
    let boot = Some(boot).filter(|_| !is_plain || credentials::is_root());
    Some(Beside { boot, claims, place })
}

/// Goes to where the boot was started, which in plain use it has left.
fn enter(pid: i32) -> Place {
    let there = match standing::directory_of(pid) {
        Ok(there) => there,
        Err(error) => return Place::Unseen(format!("cannot see where the running app-init was started ({error})")),
    };
    let root = Path::new("/");
    if is_the_same(root.metadata(), there.metadata()) && !regular::may_be_there(&root.join(DIRECTORY)) {
        return Place::Left;
    }
    let here = std::env::current_dir();
    if let Err(errno) = nix::unistd::fchdir(&there) {
        let why = errno.desc();
        return Place::Unseen(format!("cannot enter the directory where app-init was started ({why})"));
    }
    // What is judged is the path that the kernel gives for it.
    if std::env::current_dir().is_ok_and(|path| is_the_same(path.metadata(), there.metadata())) {
        return Place::Entered;
    }
    // It was there a moment ago, and nothing is used of it without being judged.
    let _ = nix::unistd::chdir(here.as_deref().unwrap_or(root));
    Place::Removed
}

/// Whether both were looked at, and are one directory.
fn is_the_same(one: io::Result<Metadata>, other: io::Result<Metadata>) -> bool {
    let [one, other] = [one, other].map(|found| found.map(|found| (found.dev(), found.ino())).ok());
    one.is_some() && one == other
}

/// What an application's configuration is in.
const DIRECTORY: &str = ".docker";
