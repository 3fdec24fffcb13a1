//! The plan: command line, files and environment, decided once. After it nothing reads configuration, and no `None` in it
//! means "default". Every fault that there is is listed at once (§2, §3).

mod boot;
mod builder;
mod command;
mod directories;
mod environment;
mod exec_mode;
mod executed;
mod files;
mod findings;
mod helper;
mod hooks;
mod interpreters;
mod limits;
mod lookup;
mod make;
mod nested;
mod plain;
mod server;
mod settings;
mod show;
mod sources;
mod steps;
mod surroundings;
mod users;
mod waiting;
mod who;

use std::ffi::{CString, OsString};
use std::path::PathBuf;
use std::rc::Rc;

use crate::config::values::HookOutput;
use crate::identity::Identity;
use crate::identity::trust::Boundary;
use crate::logging;
use crate::machine::{ChildId, Rules, Signal};
use crate::prepare::Preparation;
use crate::secrets::Secrets;
use crate::sys::exec::Program;
use crate::wait::{Target, Wait};

use findings::Findings;

pub use boot::{Start, join};
pub use executed::{APART, has_blanks, head};
pub use make::make;
pub use nested::is_nested;
pub use plain::plain;
pub use settings::VARIABLES;
pub use show::{environment as show_environment, show};
pub use waiting::waiting;

const DEPLOY_ENV: &str = "deploy-env";
const DEPLOY: &str = "deploy";
const START: &str = "start";
pub const POST_DEPLOY: &str = "post-deploy";
const PRE_STOP: &str = "pre-stop";
const POST_STOP: &str = "post-stop";
pub const ON_FAILURE: &str = "on-failure";
/// The hooks that `run` knows.
const PHASES: [&str; 7] = [DEPLOY_ENV, DEPLOY, START, POST_DEPLOY, PRE_STOP, POST_STOP, ON_FAILURE];

const PREPARE: &str = "prepare";
const WAIT: &str = "wait";
/// What stands for everything that can be left out of a boot.
const ALL: &str = "all";
/// What can be left out of a boot: [`PHASES`] and what app-init does itself.
const SKIPPABLE: [&str; 10] =
    [DEPLOY_ENV, DEPLOY, START, POST_DEPLOY, PRE_STOP, POST_STOP, ON_FAILURE, PREPARE, WAIT, ALL];

/// Everything that is to be done.
#[derive(Debug)]
pub struct Plan {
    pub rules: Rules,
    /// In exec mode with hooks: what the keeper runs. It is the child after the last program.
    pub keeper: Option<Rules>,
    /// What there is to start, by [`ChildId`].
    pub programs: Vec<Planned>,
    pub part: Part,
    pub success_codes: Vec<u8>,
    pub log: logging::Settings,
    pub hook_output: HookOutput,
    /// Hooks are announced: this is a boot, and not a command beside it.
    pub announces: bool,
    /// Where the reason of the end is written, if the file is there.
    pub termination_file: Option<PathBuf>,
    /// Whoever must not lead it elsewhere.
    pub kept_from: Vec<Boundary>,
    pub parent_death_signal: Option<Signal>,
    /// Who the application runs as; `None`: whoever app-init is.
    pub user: Option<Rc<Identity>>,
    /// The user that the standard descriptors are handed to, where that is not who app-init is.
    pub hands_over_to: Option<u32>,
    /// Below another app-init.
    pub nested: bool,
    pub warnings: Vec<String>,
    /// What is as it should be, and may surprise: for `check`, and the level debug.
    pub notes: Vec<String>,
    /// What `check` shows about the files.
    pub origins: Vec<(String, String)>,
    /// The application's environment, as far as it was computed.
    pub environment: Rc<[CString]>,
    pub secrets: Secrets,
}

/// How much of what was asked for a plan is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Whole,
    /// Only what the plan depends on: the `deploy-env` hook, and what must be there before it. When it is done, the plan is
    /// made again with what the hook wrote.
    Prelude,
    /// A shell's, in which something must not be run for its permissions: only the shell is.
    RefusedPrelude,
}

/// Something to start, with what people call it.
#[derive(Debug)]
pub struct Planned {
    pub job: Job,
    /// Where it was named.
    pub key: String,
    /// As announced: the hook's path, the command.
    pub label: String,
    /// The hook's name, or `server`.
    pub phase: String,
    /// Where a relative path of the program is looked for, to say what is wrong with it.
    pub looked_for_in: Option<PathBuf>,
    /// A user could be the author of words in the label.
    pub by_user: bool,
}

/// What a started process does.
#[derive(Debug)]
pub enum Job {
    Program(Program),
    /// One of app-init's own processes, which prepares files.
    Prepare(Vec<Preparation>),
    /// One of app-init's own processes, which waits.
    Wait {
        waits: Vec<Wait>,
        /// Where each was named.
        keys: Vec<String>,
    },
}

impl Planned {
    /// A server that is started in `directory`, or where app-init was started.
    fn server(program: Program, label: String) -> Planned {
        let relative = program.argv.first().is_some_and(|name| {
            let name = name.to_bytes();
            name.contains(&b'/') && !name.starts_with(b"/")
        });
        let here = || relative.then(|| std::env::current_dir().ok()).flatten();
        let looked_for_in = program.directory.clone().or_else(here);
        let key = "server.command".to_owned();
        Planned { job: Job::Program(program), key, label, phase: "server".into(), looked_for_in, by_user: false }
    }

    /// Every program in it, each with where it was named.
    pub fn programs(&self) -> impl Iterator<Item = (String, &Program)> {
        let (waits, keys) = match &self.job {
            Job::Wait { waits, keys } => (waits.as_slice(), keys.as_slice()),
            Job::Program(_) | Job::Prepare(_) => (&[][..], &[][..]),
        };
        let questions = waits.iter().zip(keys).filter_map(|(wait, key)| match &wait.target {
            Target::Command(program) => Some((format!("{key}.command"), program)),
            _ => None,
        });
        self.program().map(|program| (self.key.clone(), program)).into_iter().chain(questions)
    }

    /// The same, to be changed.
    fn programs_mut(&mut self) -> Vec<&mut Program> {
        let waits = match &mut self.job {
            Job::Program(program) => return vec![program],
            Job::Wait { waits, .. } => waits,
            Job::Prepare(_) => return Vec::new(),
        };
        let targets = waits.iter_mut().map(|wait| &mut wait.target);
        targets.filter_map(|target| if let Target::Command(program) = target { Some(program) } else { None }).collect()
    }

    /// The program, where it is one.
    #[must_use]
    pub fn program(&self) -> Option<&Program> {
        match &self.job {
            Job::Program(program) => Some(program),
            Job::Prepare(_) | Job::Wait { .. } => None,
        }
    }
}

impl Plan {
    #[must_use]
    pub fn get(&self, child: ChildId) -> Option<&Planned> {
        self.programs.get(usize::from(child.0))
    }
}

/// What a plan is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose<'a> {
    Run,
    /// `run` below an app-init that is PID 1: an init in the application's environment, nothing more.
    Nested,
    /// One hook, with arguments for its files.
    Hook(&'a str, &'a [OsString]),
    /// `exec` and `shell`: the environment alone.
    Exec,
    Shell,
    /// The environment, to be shown.
    Env,
    /// As `run`, with programs looked up.
    Check,
}

/// Which part of a plan is being made.
#[derive(Clone, Copy)]
struct Stage<'a> {
    purpose: Purpose<'a>,
    /// The server's command line, for conditions.
    argv: &'a [Vec<u8>],
    is_prelude: bool,
    /// Nothing was prepared by an earlier stage.
    prepares: bool,
}
