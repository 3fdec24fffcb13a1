//! The types of values in `app-init.toml`, and of the options that mean the same.

use std::marker::PhantomData;
use std::time::Duration;

use super::condition::{Facts, Test};
use super::expand::{self, Lookup, Word};
use super::read::{Keys, Mistakes, Read, Shown, Written, expected, schema_of};
use super::value::{Table, Value};
use crate::logging::LogFormat;
use crate::machine::{OnFailure, OnStop, Rewrite, Signal, SignalTarget};
use crate::prepare::Recursive;
use crate::text::duration;
use crate::wait::OnTimeout;

/// How the server is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerMode {
    Supervise,
    Exec,
}

/// What comes of a hook that failed: what of it can be depends on the hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailurePolicy {
    Abort,
    Continue,
    Ignore,
    Stop,
}

impl FailurePolicy {
    /// What makes sense for a hook of this name: before the server is there, beside it, and when its end is decided.
    #[must_use]
    pub fn of_hook(name: &str) -> &'static [FailurePolicy] {
        match name {
            "post-deploy" => &[FailurePolicy::Ignore, FailurePolicy::Stop],
            "pre-stop" | "post-stop" | "on-failure" => &[FailurePolicy::Continue],
            _ => &[FailurePolicy::Abort, FailurePolicy::Continue],
        }
    }

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        FailurePolicy::CHOICES.iter().find(|(_, policy)| *policy == self).map_or("", |(word, _)| word)
    }

    /// Whether the container ends of it.
    #[must_use]
    pub fn rule(self) -> OnFailure {
        match self {
            FailurePolicy::Abort | FailurePolicy::Stop => OnFailure::Abort,
            FailurePolicy::Continue | FailurePolicy::Ignore => OnFailure::Continue,
        }
    }
}

/// Where the announcements and the standard output of hooks go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HookOutput {
    Stdout,
    Stderr,
}

/// Which of a variable and its file counts where both are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefer {
    File,
    Variable,
}

/// An element of a list that is a string, or a table with more to say.
#[derive(Clone, PartialEq, Debug)]
pub enum OneOrTable<T> {
    One(String),
    Table(Table, PhantomData<T>),
}

impl<T: Keys> Read for OneOrTable<T> {
    const WRITTEN: Written = Written::TextOrTable;

    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Text(text) => Ok(OneOrTable::One(text)),
            Value::Table(table) => Ok(OneOrTable::Table(table, PhantomData)),
            other => Err(expected("a string or a table", &other)),
        }
    }

    fn schema() -> String {
        format!("{{\"anyOf\": [{}, {}]}}", String::schema(), schema_of::<T>())
    }
}

/// One condition of `when`: a test, or a list of which one must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition(pub Vec<Test>);

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        self.0.iter().any(|test| test.holds(facts))
    }
}

impl Read for Test {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Ok(Test::parse(&String::read(value)?)?)
    }

    fn schema() -> String {
        String::schema()
    }
}

impl Read for Condition {
    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Text(_) => Test::read(value).map(|test| Condition(vec![test])),
            Value::List(list) if list.is_empty() => {
                Err("is a list of tests of which one must hold, and has none; write one, or remove it"
                    .to_owned()
                    .into())
            }
            Value::List(_) => Vec::read(value).map(Condition),
            other => Err(expected("a condition like \"env:NAME\", or a list of them of which one must hold", &other)),
        }
    }

    fn schema() -> String {
        one_or_list()
    }
}

impl Read for Word {
    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Text(_) => String::read(value).map(Word::One),
            Value::List(_) => Vec::read(value).map(Word::Optional),
            other => Err(expected("a string, or a list of strings (an optional group)", &other)),
        }
    }

    fn schema() -> String {
        one_or_list()
    }
}

/// A string, or a list of strings.
fn one_or_list() -> String {
    format!("{{\"anyOf\": [{}, {}]}}", String::schema(), Vec::<String>::schema())
}

/// A string or a number that does not fit into JSON Schema's own words.
fn text_or_number() -> String {
    "{\"type\": [\"string\", \"integer\"]}".to_owned()
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

impl Choice for Prefer {
    const CHOICES: &'static [(&'static str, Self)] = &[("file", Prefer::File), ("variable", Prefer::Variable)];
}

impl Choice for FailurePolicy {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("abort", FailurePolicy::Abort),
        ("continue", FailurePolicy::Continue),
        ("ignore", FailurePolicy::Ignore),
        ("stop", FailurePolicy::Stop),
    ];
}

impl Choice for OnTimeout {
    const CHOICES: &'static [(&'static str, Self)] = &[("abort", OnTimeout::Abort), ("continue", OnTimeout::Continue)];
}

impl Choice for Recursive {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("never", Recursive::Never), ("if-top-differs", Recursive::IfTopDiffers), ("always", Recursive::Always)];
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

/// A [`Choice`], as a key has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named<T>(pub T);

impl<T: Choice> Named<T> {
    /// Reads one of the words.
    ///
    /// # Errors
    ///
    /// Every other word, with those that there are.
    pub fn parse(word: &str) -> Result<T, String> {
        let known = T::CHOICES.iter().find(|(known, _)| *known == word);
        known
            .map(|&(_, value)| value)
            .ok_or_else(|| not_known(word, &T::CHOICES.iter().map(|(known, _)| *known).collect::<Vec<_>>()))
    }
}

#[cold]
#[inline(never)]
fn not_known(word: &str, choices: &[&str]) -> String {
    format!("`{word}` is not known; write {}", choices.join(", "))
}

impl<T: Choice + PartialEq> Shown for T {
    fn shown(&self) -> String {
        let known = T::CHOICES.iter().find(|(_, value)| value == self);
        known.map_or("", |(word, _)| *word).shown()
    }
}

impl<T: Choice> Read for Named<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Ok(Named(Named::parse(&String::read(value)?)?))
    }

    fn schema() -> String {
        let choices: Vec<String> = T::CHOICES.iter().map(|(known, _)| format!("\"{known}\"")).collect();
        format!("{{\"enum\": [{}]}}", choices.join(", "))
    }
}

/// A duration: a string, or a number of seconds; a string may have variables in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Span {
    Fixed(Duration),
    Expanded(String),
}

impl Span {
    /// The duration, with what `lookup` knows of its variables.
    ///
    /// # Errors
    ///
    /// Those of [`expand::expand`], and what gives no duration: it is not repeated, since a value may be a secret.
    pub fn resolve(&self, lookup: &impl Lookup) -> Result<Duration, Vec<expand::Fault>> {
        match self {
            Span::Fixed(duration) => Ok(*duration),
            Span::Expanded(text) => {
                let bytes = expand::expand(text, lookup)?;
                let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| duration::parse(text).ok());
                let what = "does not give a duration; its value must be like 500ms, 10s, 10 or 1m30s";
                parsed.ok_or_else(|| vec![expand::Fault::Unset(format!("`{text}` {what}"))])
            }
        }
    }
}

impl Read for Span {
    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Number(seconds) => {
                let seconds =
                    u64::try_from(seconds).map_err(|_| expected("a duration, which is not negative", &value))?;
                Ok(Span::Fixed(Duration::from_secs(seconds)))
            }
            Value::Text(text) if text.contains("${") => Ok(Span::Expanded(text)),
            Value::Text(text) => Ok(Span::Fixed(duration::parse(&text)?)),
            other => Err(expected("a duration like \"500ms\", \"10s\", 10 or \"1m30s\"", &other)),
        }
    }

    fn schema() -> String {
        text_or_number()
    }
}

/// A signal by name or number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalName(pub Signal);

impl Read for SignalName {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(name) => name,
            other => return Err(expected("a signal like \"TERM\", \"RTMIN+3\" or 15", &other)),
        };
        Ok(SignalName(signal(&text)?))
    }

    fn schema() -> String {
        text_or_number()
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

impl Read for RewriteRule {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Ok(RewriteRule(rewrite(&String::read(value)?)?))
    }

    fn schema() -> String {
        String::schema()
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

impl Read for Umask {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let refuse = |text: &str| format!("`{text}` is not a umask; write octal digits as a string, like \"0027\"");
        let text = value.as_text().map(str::to_owned).ok_or_else(|| refuse(&value.kind()))?;
        Ok(Umask(octal(&text, 0o777).ok_or_else(|| refuse(&text))?))
    }

    fn schema() -> String {
        "{\"type\": \"string\", \"pattern\": \"^[0-7]+$\"}".to_owned()
    }
}

/// A file's mode, in octal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileMode(pub u32);

impl Read for FileMode {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let refuse = |text: &str| format!("`{text}` is not a mode; write octal digits as a string, like \"0750\"");
        let text = value.as_text().map(str::to_owned).ok_or_else(|| refuse(&value.kind()))?;
        Ok(FileMode(octal(&text, 0o7777).ok_or_else(|| refuse(&text))?))
    }

    fn schema() -> String {
        Umask::schema()
    }
}

fn octal(digits: &str, largest: u32) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    u32::from_str_radix(digits, 8).ok().filter(|&number| plain && number <= largest)
}

/// A resource limit: a number for both, or `"soft:hard"`; `None` is unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitValue {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

impl Read for LimitValue {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text,
            other => return Err(expected("a limit like 65536, \"1024:65536\" or \"unlimited\"", &other)),
        };
        let number = |word: &str| match word {
            "unlimited" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
            _ => None,
        };
        let (soft, hard) = text.split_once(':').unwrap_or((&text, &text));
        match (number(soft), number(hard)) {
            (Some(soft), Some(hard)) if soft.unwrap_or(u64::MAX) <= hard.unwrap_or(u64::MAX) => {
                Ok(LimitValue { soft, hard })
            }
            (Some(_), Some(_)) => Err(format!("`{text}`: the soft limit is above the hard one; swap them").into()),
            _ => Err(format!("`{text}` is not a limit; write 65536, \"1024:65536\" or \"unlimited\"").into()),
        }
    }

    fn schema() -> String {
        text_or_number()
    }
}

/// What makes the kernel's OOM killer choose this process earlier (1000) or later (-1000); proc(5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OomScore(pub i16);

impl Read for OomScore {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let fits = match value {
            Value::Number(score) => i16::try_from(score).ok().filter(|score| (-1000..=1000).contains(score)),
            Value::Text(_) | Value::Truth(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => None,
        };
        fits.map(OomScore).ok_or_else(|| expected("a number from -1000 to 1000", &value))
    }

    fn schema() -> String {
        "{\"type\": \"integer\", \"minimum\": -1000, \"maximum\": 1000}".to_owned()
    }
}
