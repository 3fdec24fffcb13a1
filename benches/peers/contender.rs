//! Who takes part, and how each is called.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::peers::build;
use crate::peers::launch::Program;

pub const APP_INIT: &str = "app-init";
pub const BASE: &str = "tini-static";
/// The base once more, as a participant of its own: how far it comes out from itself is the noise of every ratio.
pub const NOISE: &str = "tini-static again";
pub const REFERENCE: &str = "reference";
pub const NO_INIT: &str = "no init";

pub struct Contender {
    pub name: &'static str,
    /// The init's own file; `None` for the application alone.
    pub binary: Option<PathBuf>,
    before_command: Vec<String>,
    child: String,
}

impl Contender {
    /// The command line that runs `child.c` with these arguments under this init.
    pub fn program(&self, arguments: &[&str]) -> Program {
        let arguments = arguments.iter().map(|&text| text.to_owned());
        let all: Vec<String> =
            self.before_command.iter().cloned().chain([self.child.clone()]).chain(arguments).collect();
        Program::new(&all)
    }

    pub fn is_init(&self) -> bool {
        self.binary.is_some()
    }
}

/// Everybody who is there; the others are named on standard error with the package that has them.
pub fn gather() -> Result<Vec<Contender>, String> {
    let child = build::compile("child", &[])?;
    let reference = build::compile("reference", &["-e", "mask_first"])?;
    let contender = |name, path: &Path, dashes: &[&str]| Contender {
        name,
        binary: Some(path.to_owned()),
        before_command: [path.display().to_string()]
            .into_iter()
            .chain(dashes.iter().map(|&text| text.to_owned()))
            .collect(),
        child: child.clone(),
    };

    let mut all = vec![contender(APP_INIT, &app_init()?, &["--"])];
    for (name, package) in [(BASE, "tini"), ("tini", "tini"), ("dumb-init", "dumb-init"), ("catatonit", "catatonit")] {
        match find(name) {
            Some(path) => all.push(contender(name, &path, &["--"])),
            None => eprintln!("skipped: {name} is not installed (Debian: apt-get install {package})"),
        }
    }
    if let Some(path) = find(BASE) {
        all.push(contender(NOISE, &path, &["--"]));
    }
    all.push(contender(REFERENCE, Path::new(&reference), &[]));
    all.push(Contender { name: NO_INIT, binary: None, before_command: Vec::new(), child: child.clone() });
    Ok(all)
}

fn app_init() -> Result<PathBuf, String> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static/app-init");
    let path = env::var_os("APP_INIT_BIN").map_or_else(default, PathBuf::from);
    fs::canonicalize(&path)
        .map_err(|error| format!("no app-init at {} ({error}): run `make static` or set APP_INIT_BIN", path.display()))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
