//! The types of values in `app-init.toml`, and of the options that mean the same.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::duration;
use crate::machine::{OnFailure, OnStop, Rewrite, Signal, SignalTarget};

/// How the server is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerMode {
    Supervise,
    Exec,
}

/// How app-init's own lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the announcements and the standard output of hooks go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HookOutput {
    Stdout,
    Stderr,
}

/// One element of an argument list.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string, or a list of strings (an optional group)")]
pub enum Word {
    One(String),
    Optional(Vec<String>),
}

/// A value that is one of a few words.
pub trait Choice: Sized + Copy + 'static {
    const CHOICES: &'static [(&'static str, Self)];
}

impl Choice for ServerMode {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("supervise", ServerMode::Supervise), ("exec", ServerMode::Exec)];
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

impl Choice for HookOutput {
    const CHOICES: &'static [(&'static str, Self)] = &[("stdout", HookOutput::Stdout), ("stderr", HookOutput::Stderr)];
}

impl Choice for OnFailure {
    const CHOICES: &'static [(&'static str, Self)] = &[("abort", OnFailure::Abort), ("continue", OnFailure::Continue)];
}

impl Choice for OnStop {
    const CHOICES: &'static [(&'static str, Self)] = &[("stop", OnStop::Stop), ("finish", OnStop::Finish)];
}

impl Choice for SignalTarget {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("auto", SignalTarget::Auto), ("process", SignalTarget::Process), ("group", SignalTarget::Group)];
}

impl Choice for log::LevelFilter {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("off", log::LevelFilter::Off),
        ("error", log::LevelFilter::Error),
        ("warn", log::LevelFilter::Warn),
        ("info", log::LevelFilter::Info),
        ("debug", log::LevelFilter::Debug),
        ("trace", log::LevelFilter::Trace),
    ];
}

/// A [`Choice`], as serde reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named<T>(pub T);

impl<'de, T: Choice> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = T::CHOICES.iter().find(|(name, _)| *name == word);
        known.map(|&(_, value)| Named(value)).ok_or_else(|| {
            let choices: Vec<_> = T::CHOICES.iter().map(|(name, _)| format!("`{name}`")).collect();
            D::Error::custom(format!("`{word}` is not known; write {}", choices.join(" or ")))
        })
    }
}

/// A duration: a string, or a number of seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a duration like \"500ms\", \"10s\", 10 or \"1m30s\"")]
        enum Written {
            Seconds(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => Ok(Span(Duration::from_secs(seconds))),
            Written::Text(text) => duration::parse(&text).map(Span).map_err(D::Error::custom),
        }
    }
}

/// A signal by name or number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalName(pub Signal);

impl<'de> Deserialize<'de> for SignalName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a signal like \"TERM\", \"RTMIN+3\" or 15")]
        enum Written {
            Number(i32),
            Name(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Name(name) => name,
        };
        signal(&text).map(SignalName).map_err(D::Error::custom)
    }
}

/// Reads a signal, and says what is accepted.
///
/// # Errors
///
/// What is no signal.
pub fn signal(text: &str) -> Result<Signal, String> {
    Signal::parse(text).ok_or_else(|| format!("`{text}` is not a signal; write TERM, SIGTERM, 15 or RTMIN+3"))
}

/// One rewrite, `FROM:TO`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RewriteRule(pub Rewrite);

impl<'de> Deserialize<'de> for RewriteRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rewrite(&String::deserialize(deserializer)?).map(RewriteRule).map_err(D::Error::custom)
    }
}

/// Reads `FROM:TO`; `TO` may be `0`: drop.
///
/// # Errors
///
/// What is not two signals, and a rewrite of what cannot be caught.
pub fn rewrite(text: &str) -> Result<Rewrite, String> {
    let (from, to) =
        text.split_once(':').ok_or_else(|| format!("`{text}` is not FROM:TO; write HUP:USR1, or HUP:0 to drop"))?;
    let from = signal(from)?;
    if from.cannot_arrive() {
        return Err(format!("{from} never reaches app-init as a signal to hand on; rewrite another one"));
    }
    let to = if to == "0" { None } else { Some(signal(to)?) };
    Ok(Rewrite { from, to })
}

/// A file mode creation mask, in octal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Umask(pub u32);

impl<'de> Deserialize<'de> for Umask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |text: &str| {
            D::Error::custom(format!("`{text}` is not a umask; write octal digits as a string, like \"0027\""))
        };
        let text = String::deserialize(deserializer)?;
        let octal = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(&text, 8) {
            Ok(mask) if octal && mask <= 0o777 => Ok(Umask(mask)),
            Ok(_) | Err(_) => Err(refuse(&text)),
        }
    }
}
