//! The boot that a command stands beside: what `docker exec` starts in a container means the application as it was
//! started there, with the role, the options and the directory that the running app-init has (§1).

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::plain::{self, PlainUse};
use crate::cli::{self, Command, Request};
use crate::config::BASE_FILE;
use crate::sys::processes::{self, Standing};

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
}

/// Finds the boot that `request` stands beside. What was not asked for is filled in from there, and this process goes to
/// where that was started.
#[must_use]
pub fn join(request: &mut Request) -> Start {
    let plain_use = if request.command == Command::Run { plain::plain_use(&request.options) } else { None };
    let standing = standing(request, plain_use.is_some());
    let boot = standing.and_then(processes::boot).and_then(|pid| boot_beside(request, plain_use.is_some(), pid));
    // One that is beside an application is of that.
    Start { plain_use: plain_use.filter(|_| boot.is_none()), standing, boot }
}

/// Looks once at who else is there: it takes a while, and does not change.
fn standing(request: &Request, is_plain: bool) -> Option<Standing> {
    let is_of_none = matches!(request.command, Command::Wait(_));
    // A plain start is none of a boot's business, unless it was put beside one.
    let is_alone = is_plain && !processes::is_from_outside();
    (!is_of_none && !is_alone).then(processes::standing)
}

#[inline(never)]
fn boot_beside(request: &mut Request, is_plain: bool, pid: i32) -> Option<Boot> {
    let its = cli::parse(processes::command_of(pid)?.split_off(1)).ok()?;
    let here = std::env::current_dir().unwrap_or_default();
    let entered = enter(pid);
    if entered == Ok(true) {
        // What was typed here means what it means here.
        for path in [&mut request.options.config, &mut request.options.workdir].into_iter().flatten() {
            *path = here.join(&*path);
        }
    }
    let variable = processes::variable_of(pid, "APP_INIT_USER").and_then(|user| user.into_string().ok());
    let users = its.options.user.iter().cloned().chain(variable.filter(|user| !user.is_empty())).collect();
    request.options.fill_in(its.options, request.command == Command::Check);
    if is_plain && plain::plain_use(&request.options).is_some() {
        // There is no application that it could belong to.
        let _ = nix::unistd::chdir(&here);
        return None;
    }
    // Nobody is bothered with it who gets a configuration all the same.
    let is_found = here.join(DIRECTORY).exists() || Path::new(BASE_FILE).exists() || request.options.config.is_some();
    let warning = entered.err().filter(|_| !is_found).map(|why| {
        format!("{why}; its configuration is looked for in {}: name its directory by --workdir", here.display())
    });
    let arguments = if its.command == Command::Run { its.arguments } else { Vec::new() };
    Some(Boot { arguments, role: processes::variable_of(pid, "APP_INIT_ROLE"), users, warning })
}

/// Goes to where the boot was started, which in plain use it has left.
fn enter(pid: i32) -> Result<bool, String> {
    let there = processes::directory_of(pid)
        .map_err(|error| format!("cannot see where the running app-init was started ({error})"))?;
    if there == Path::new("/") && !there.join(DIRECTORY).exists() {
        return Ok(false);
    }
    let entered = nix::unistd::chdir(&there);
    entered
        .map_err(|errno| format!("cannot enter {}, where app-init was started ({})", there.display(), errno.desc()))?;
    Ok(true)
}

/// What an application's configuration is in.
const DIRECTORY: &str = ".docker";
