//! `app-init.toml` as it is written: every key there is, with its type, its default and what it means. The plan fills
//! the defaults in, and takes each from here. The comments are what an editor shows, by the schema that is made from here.

use std::path::PathBuf;
use std::time::Duration;

use super::expand::Word;
use super::map::Map;
use super::read::{Keys, Mistakes, Nested, NestedList, NestedMap, Read, schema_of, table};
use super::value::{Table, Value};
use super::values::{
    Condition, FailurePolicy, FileMode, HookOutput, LimitValue, Named, OneOrTable, OomScore, Prefer, RewriteRule,
    ServerMode, SignalName, Span, Umask,
};
use crate::cli::words::COMMANDS;
use crate::logging::LogFormat;
use crate::machine::{self, OnStop, Signal, SignalTarget};
use crate::prepare::Recursive;
use crate::wait::{OnTimeout, Pace};

/// `env.defaults` and `env.set`.
pub type Variables = Map<String>;

table! {
    /// The keys outside of any table, and the tables.
    pub struct Top {
        /// Where hooks and server run, and where .docker is looked for.
        #[unset("the current directory")]
        pub workdir: Option<PathBuf>,
        /// Who hooks and server run as: NAME, NAME:GROUP, UID or UID:GID.
        #[unset("whoever app-init is")]
        pub user: Option<String>,
        /// Refuse to run as whoever the container is where that is neither root nor the user.
        pub user_required: bool,
        /// Give every user the supplementary groups too that the container was started with, 0 only with require_gid = 0.
        pub keep_groups: bool,
        /// The group that app-init itself has to run with.
        pub require_gid: Option<u32>,
        /// The file mode creation mask, in octal digits.
        #[unset("as given")]
        pub umask: Option<Umask>,
        /// A Python virtual environment to use.
        pub virtualenv: Option<PathBuf>,
        /// Give a uid without an entry one in /etc/passwd.
        pub passwd_entry: bool,
        /// Where the hooks are.
        #[default(HOOKS_DIR: &str = ".docker/action_hooks")]
        pub hooks_dir: Option<PathBuf>,
        /// What is left out: hooks by their names, prepare, wait, or all of them.
        pub skip: Vec<String>,
        /// Make warnings faults.
        pub strict: bool,
        /// The application's environment.
        pub env: Nested<Env>,
        /// What has to be there before the deploy hooks run.
        pub wait: NestedList<Wait>,
        /// What app-init sets right before anything runs.
        pub prepare: NestedList<Prepare>,
        /// Settings of hooks, by their names.
        pub hooks: NestedMap<Hook>,
        /// The server.
        pub server: Nested<Server>,
        /// How stopping goes.
        pub stop: Nested<Stop>,
        /// What app-init itself says.
        pub log: Nested<Log>,
        /// What bounds the server, the hooks and the commands of waits.
        pub limits: Nested<Limits>,
        /// Other servers of the same image, each chosen by its name as the first argument.
        pub role: Roles,
    }
}

/// What may stand at the top only.
pub const NOT_FOR_ROLES: [&str; 2] = ["role", "strict"];

/// `[role.NAME]`: each is a file of its own, laid over the rest of this one when it is chosen.
#[derive(Clone, Debug, Default)]
pub struct Roles(pub Table);

impl Read for Roles {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Table::read(value).map(Roles)
    }

    fn schema() -> String {
        let commands = COMMANDS.map(|(name, _, _)| format!("\"{name}\""));
        let is_command = format!("{{\"enum\": [{}]}}", commands.join(", "));
        let holds = |key: &str| format!("{{\"required\": [\"{key}\"]}}");
        let refused = NOT_FOR_ROLES.map(holds).join(", ");
        format!(
            "{{\"type\": \"object\", \"propertyNames\": {{\"not\": {is_command}}}, \
              \"additionalProperties\": {{\"$ref\": \"#\", \"not\": {{\"anyOf\": [{refused}]}}}}}}"
        )
    }
}

/// A table of strings; each is read on its own.
#[derive(Clone, Debug, Default)]
pub struct Strings(pub Table);

impl Read for Strings {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Table::read(value).map(Strings)
    }

    fn schema() -> String {
        format!("{{\"type\": \"object\", \"additionalProperties\": {}}}", String::schema())
    }
}

table! {
    /// `[env]`
    pub struct Env {
        /// Variables that are set where they are not set yet.
        pub defaults: Strings,
        /// Files with NAME=value lines.
        pub files: Vec<OneOrTable<EnvFile>>,
        /// A directory with a file for each variable.
        #[default(VARS_DIR: &str = ".docker/user_vars")]
        #[unset(", if it is there")]
        pub vars_dir: Option<PathBuf>,
        /// Variables that nobody may read in what app-init says, and that may come from a file.
        pub secrets: Vec<OneOrTable<Secret>>,
        /// Variables that are set in any case.
        pub set: Strings,
        /// Variables that are not set or empty, and the paths of which the first that is there becomes the value.
        pub first_file: Map<Vec<PathBuf>>,
        /// Directories to search for programs before those of PATH.
        pub path_prepend: Vec<String>,
        /// Variables that are taken away.
        pub unset: Vec<String>,
        /// Variables that have to be set and not empty.
        pub require: Vec<String>,
    }
}

table! {
    /// An element of `env.files` that is a table.
    pub struct EnvFile {
        /// The file.
        pub path: PathBuf,
        /// The file need not be there.
        pub optional: bool,
    }
}

table! {
    /// An element of `env.secrets` that is a table.
    pub struct Secret {
        /// The variable.
        pub name: String,
        /// The file that holds its value, where NAME_FILE names none.
        pub file: Option<PathBuf>,
        /// The file need not be there.
        pub optional: bool,
        /// Which of the two counts where both are set.
        #[unset("both set is a fault")]
        pub prefer: Option<Named<Prefer>>,
        /// Whether nobody may read its value in what app-init says.
        #[default(SECRET: bool = true)]
        pub secret: Option<bool>,
    }
}

table! {
    /// `[[wait]]`
    pub struct Wait {
        /// HOST:PORT, tcp://HOST:PORT, http://…, unix:PATH, file:PATH, or the URL of a service.
        pub target: Option<String>,
        /// A command that exits with 0 when it is there.
        pub command: Vec<Word>,
        /// How long to wait; 0: for ever.
        #[default(TIMEOUT: Duration = Duration::from_secs(30))]
        pub timeout: Option<Span>,
        /// The pause after the first attempt; it doubles up to 5 s.
        #[default(INTERVAL: Duration = Duration::from_millis(500))]
        pub interval: Option<Span>,
        /// What comes of it when the time is over.
        #[default(ON_TIMEOUT: OnTimeout = OnTimeout::Abort)]
        pub on_timeout: Option<Named<OnTimeout>>,
        /// When to wait at all.
        pub when: Vec<Condition>,
    }
}

table! {
    /// `[[prepare]]`
    pub struct Prepare {
        /// A directory, which is made when it is missing.
        pub dir: Option<String>,
        /// The directory's mode, in octal digits.
        #[unset("as it is; `0755` for a new one")]
        pub mode: Option<FileMode>,
        /// When the owner of the directory's content is set too.
        #[default(RECURSIVE: Recursive = Recursive::IfTopDiffers)]
        pub recursive: Option<Named<Recursive>>,
        /// Files to remove.
        pub remove: Vec<String>,
        /// A file or a tree to copy.
        pub copy: Option<String>,
        /// Where to copy it; what is there already stays.
        pub to: Option<String>,
        /// Replace files that are there.
        #[default(OVERWRITE: bool = false)]
        pub overwrite: Option<bool>,
        /// Whose the directory or the copies are to be: @user (who programs run as), USER or USER:GROUP.
        #[unset("app-init's own user")]
        pub owner: Option<String>,
        /// The application cannot run without it: a failure ends the boot.
        pub required: bool,
        /// When to do it.
        pub when: Vec<Condition>,
    }
}

table! {
    /// `[hooks.NAME]`
    pub struct Hook {
        /// How long a command may take; 0: as long as it likes.
        #[default(TIMEOUT: Duration = Duration::from_secs(600))]
        #[unset(" (`post-deploy`: none)")]
        pub timeout: Option<Span>,
        /// From the TERM at the end of that time to KILL.
        #[default(STOP_TIMEOUT: Duration = Pace::USUAL.stop)]
        pub stop_timeout: Option<Span>,
        /// What a failure means: for the boot, or of post-deploy for the server.
        #[default(ON_FAILURE: FailurePolicy = FailurePolicy::Abort)]
        #[unset(" (`post-deploy`: `ignore`; `pre-stop`, `post-stop`, `on-failure`: `continue`)")]
        pub on_failure: Option<Named<FailurePolicy>>,
        /// What a stop request means for a command that runs.
        #[default(ON_STOP: OnStop = OnStop::Stop)]
        pub on_stop: Option<Named<OnStop>>,
        /// Who it runs as.
        #[unset("the top's `user`")]
        pub user: Option<String>,
        /// When it runs: all conditions must hold.
        pub when: Option<Vec<Condition>>,
        /// A command that exits with 0 when there is nothing to do.
        pub skip_if: Option<Vec<Word>>,
        /// How a command that failed is tried again.
        pub retry: Option<Retry>,
        /// Commands without a file.
        pub run: NestedList<HookRun>,
    }
}

table! {
    /// `[[hooks.NAME.run]]`
    pub struct HookRun {
        /// The command.
        pub command: Vec<Word>,
        /// How long it may take; 0: as long as it likes.
        pub timeout: Option<Span>,
        /// From the TERM at the end of that time to KILL.
        pub stop_timeout: Option<Span>,
        /// What a failure means: for the boot, or of post-deploy for the server.
        pub on_failure: Option<Named<FailurePolicy>>,
        /// What a stop request means while it runs.
        pub on_stop: Option<Named<OnStop>>,
        /// Who it runs as.
        pub user: Option<String>,
        /// When it runs: all conditions must hold.
        pub when: Option<Vec<Condition>>,
        /// A command that exits with 0 when there is nothing to do.
        pub skip_if: Option<Vec<Word>>,
        /// How it is tried again when it failed.
        pub retry: Option<Retry>,
    }
}

table! {
    /// `retry` of a hook.
    pub struct Retry {
        /// How often, after the first time.
        pub max: u16,
        /// The pause before the first retry; it doubles.
        #[default(BACKOFF: Duration = Duration::from_secs(1))]
        pub backoff: Option<Span>,
        /// The longest pause.
        #[default(MAX_BACKOFF: Duration = Duration::from_secs(30))]
        pub max_backoff: Option<Span>,
        /// Only after these exit codes; empty: after every failure.
        #[unset("every failure")]
        pub on_codes: Vec<u8>,
    }
}

table! {
    /// `[server]`
    pub struct Server {
        /// The server's command; arguments of the container are appended.
        pub command: Option<Vec<Word>>,
        /// Arguments between the command and those of the container.
        pub args: Vec<Word>,
        /// Whether app-init stays or is replaced by the server.
        #[default(MODE: ServerMode = ServerMode::Supervise)]
        pub mode: Option<Named<ServerMode>>,
        /// What asks the server to stop.
        #[unset("`TERM` (`INT` when INT asked)")]
        pub stop_signal: Option<SignalName>,
        /// From the stop signal to KILL; 0: as long as the platform allows.
        pub stop_timeout: Option<Span>,
        /// Whom signals go to.
        #[default(SIGNAL_TARGET: SignalTarget = SignalTarget::Auto)]
        pub signal_target: Option<Named<SignalTarget>>,
        /// Signals that are handed on as others: FROM:TO.
        pub rewrite: Option<Vec<RewriteRule>>,
        /// Final codes that become 0.
        pub success_codes: Option<Vec<u8>>,
        /// How long the server may live.
        pub run_timeout: Option<Span>,
        /// What the server is sent when that time is over.
        #[default(RUN_TIMEOUT_SIGNAL: Signal = Signal::TERM)]
        pub run_timeout_signal: Option<SignalName>,
    }
}

table! {
    /// `[stop]`
    pub struct Stop {
        /// The signals that are stop requests.
        #[default(SIGNALS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HALT])]
        pub signals: Option<Vec<SignalName>>,
        /// From a stop request to KILL for a hook that runs.
        pub timeout: Option<Span>,
        /// How long the server keeps serving after pre-stop.
        #[default(DRAIN: Duration = Duration::ZERO)]
        pub drain: Option<Span>,
        /// How long processes that outlive the server may take.
        #[default(LEFTOVERS: Duration = machine::LEFTOVERS)]
        #[unset(" as PID 1, otherwise 0")]
        pub leftovers: Option<Span>,
        /// What the platform gives from its stop request to its KILL.
        pub budget: Option<Span>,
    }
}

table! {
    /// `[log]`
    pub struct Log {
        /// How much app-init says.
        #[default(LEVEL: log::LevelFilter = log::LevelFilter::Info)]
        #[unset(" (`warn` for `exec`, `shell` and `env`)")]
        pub level: Option<Named<log::LevelFilter>>,
        /// How its lines look.
        #[default(FORMAT: LogFormat = LogFormat::Text)]
        pub format: Option<Named<LogFormat>>,
        /// Where announcements and the standard output of hooks go.
        #[default(HOOK_OUTPUT: HookOutput = HookOutput::Stdout)]
        pub hook_output: Option<Named<HookOutput>>,
        /// Takes the reason of the end, where it exists.
        #[default(TERMINATION_FILE: &str = "/dev/termination-log")]
        pub termination_file: Option<PathBuf>,
    }
}

table! {
    /// `[limits]`: resource limits by the names of getrlimit(2), and what else bounds a process.
    pub struct Limits {
        /// Bytes of address space.
        pub r#as: Option<LimitValue>,
        /// Bytes of a core file.
        pub core: Option<LimitValue>,
        /// Seconds of processor time.
        pub cpu: Option<LimitValue>,
        /// Bytes of data.
        pub data: Option<LimitValue>,
        /// Bytes of a file.
        pub fsize: Option<LimitValue>,
        /// File locks.
        pub locks: Option<LimitValue>,
        /// Bytes locked into memory.
        pub memlock: Option<LimitValue>,
        /// Bytes in message queues.
        pub msgqueue: Option<LimitValue>,
        /// 20 minus the lowest nice value.
        pub nice: Option<LimitValue>,
        /// Open files.
        pub nofile: Option<LimitValue>,
        /// Processes of the user.
        pub nproc: Option<LimitValue>,
        /// Bytes in memory; no kernel counts them any more.
        pub rss: Option<LimitValue>,
        /// Real-time priority.
        pub rtprio: Option<LimitValue>,
        /// Microseconds of real-time work without a system call.
        pub rttime: Option<LimitValue>,
        /// Signals waiting to be delivered.
        pub sigpending: Option<LimitValue>,
        /// Bytes of stack.
        pub stack: Option<LimitValue>,
        /// Nothing gains privileges by being executed.
        pub no_new_privileges: Option<bool>,
        /// From -1000 to 1000: who is killed first when memory runs out.
        pub oom_score_adj: Option<OomScore>,
    }
}

impl Read for Retry {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let mut retry = Retry::default();
        let table = Table::read(value)?;
        let says_how_often = table.contains_key("max");
        retry.set_all(table)?;
        if !says_how_often {
            return Err("has no max, so that nothing is tried again; write max = 3".to_owned().into());
        }
        Ok(retry)
    }

    fn schema() -> String {
        schema_of::<Retry>()
    }
}
