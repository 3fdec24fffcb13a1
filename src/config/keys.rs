//! `app-init.toml` as it is written: every key there is, with its type. Defaults are the plan's business.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::values::{HookOutput, LogFormat, Named, RewriteRule, ServerMode, SignalName, Span, Umask, Word};
use crate::machine::{OnFailure, OnStop, SignalTarget};

/// The keys outside of any table, and the tables, which are read on their own.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Top {
    pub workdir: Option<PathBuf>,
    pub umask: Option<Umask>,
    pub hooks_dir: Option<PathBuf>,
    pub strict: Option<bool>,
    pub env: toml::Table,
    pub hooks: toml::Table,
    pub server: toml::Table,
    pub stop: toml::Table,
    pub log: toml::Table,
}

/// `[env]`: both are maps from names to values.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvTables {
    pub defaults: toml::Table,
    pub set: toml::Table,
}

pub type Variables = BTreeMap<String, String>;

/// `[hooks.NAME]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hook {
    pub timeout: Option<Span>,
    pub stop_timeout: Option<Span>,
    pub on_failure: Option<Named<OnFailure>>,
    pub on_stop: Option<Named<OnStop>>,
    pub run: Vec<toml::Table>,
}

/// `[[hooks.NAME.run]]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookRun {
    pub command: Vec<Word>,
    pub timeout: Option<Span>,
    pub stop_timeout: Option<Span>,
    pub on_failure: Option<Named<OnFailure>>,
    pub on_stop: Option<Named<OnStop>>,
}

/// `[server]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub command: Option<Vec<Word>>,
    pub args: Vec<Word>,
    pub mode: Option<Named<ServerMode>>,
    pub stop_signal: Option<SignalName>,
    pub stop_timeout: Option<Span>,
    pub signal_target: Option<Named<SignalTarget>>,
    pub rewrite: Option<Vec<RewriteRule>>,
    pub success_codes: Option<Vec<u8>>,
    pub run_timeout: Option<Span>,
    pub run_timeout_signal: Option<SignalName>,
}

/// `[stop]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    pub signals: Option<Vec<SignalName>>,
    pub timeout: Option<Span>,
    pub drain: Option<Span>,
    pub leftovers: Option<Span>,
    pub budget: Option<Span>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: Option<Named<log::LevelFilter>>,
    pub format: Option<Named<LogFormat>>,
    pub hook_output: Option<Named<HookOutput>>,
    pub termination_file: Option<PathBuf>,
}
