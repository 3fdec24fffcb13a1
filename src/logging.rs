//! app-init's own lines on standard error.
//!
//! The logger is built with the first line that is said: a plain start that has nothing to say does not pay for it.

use std::io::Write as _;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::secrets;
use crate::sys::arena;
use crate::sys::output::Stream;
use crate::text::{escape, json};

/// How app-init's own lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

/// What the configuration says about the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    pub level: LevelFilter,
    pub format: LogFormat,
}

struct Lazy {
    settings: OnceLock<Settings>,
    logger: OnceLock<env_logger::Logger>,
}

static LOGGER: Lazy = Lazy { settings: OnceLock::new(), logger: OnceLock::new() };

impl Log for Lazy {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let build = || {
            // The logger's buffer is on it.
            arena::make_list_of_destructors();
            build(self.settings.get().copied())
        };
        self.logger.get_or_init(build).log(record);
    }

    fn flush(&self) {}
}

/// Takes the settings; to be called once, before the first line.
pub fn start(settings: Settings) {
    // A second call changes nothing.
    let _ = LOGGER.settings.set(settings);
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(settings.level);
    }
}

fn build(settings: Option<Settings>) -> env_logger::Logger {
    let settings = settings.unwrap_or(Settings { level: LevelFilter::Warn, format: LogFormat::Text });
    env_logger::Builder::new()
        .filter_level(settings.level)
        .target(env_logger::Target::Pipe(Box::new(Stream::standard_error())))
        .format(move |out, record| {
            let message = secrets::hidden(record.args().to_string());
            match settings.format {
                LogFormat::Text => writeln!(out, "app-init: {}{}", prefix(record.level()), escape(&message)),
                LogFormat::Json => {
                    let level = record.level().as_str().to_ascii_lowercase();
                    writeln!(out, r#"{{"source":"app-init","level":"{level}","message":"{}"}}"#, json(&message))
                }
            }
        })
        .build()
}

fn prefix(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info | Level::Debug | Level::Trace => "",
    }
}
