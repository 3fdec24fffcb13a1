//! Options as they are typed: each is written down once, with what it takes and what it means, and what reads them, the help
//! and the man page are made from that.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::values;
use crate::machine::{Rewrite, Signal};
use crate::text::{cut, duration};

/// An option for those who read it or write about it.
#[derive(Debug)]
pub struct Definition {
    /// The name of its field: with `-` for `_` it is the option.
    field: &'static str,
    pub short: Option<char>,
    /// What its value is called, where it takes one.
    pub value: Option<&'static str>,
    /// What it means.
    pub about: &'static str,
    /// The field of the flag that it takes back, and that takes it back.
    undoes: &'static str,
    /// The one command that has it; empty: all of them.
    pub of: &'static str,
}

impl Definition {
    #[must_use]
    pub const fn new(field: &'static str, about: &'static str) -> Definition {
        Definition { field, short: None, value: None, about, undoes: "", of: "" }
    }

    #[must_use]
    pub const fn short(self, short: char) -> Definition {
        Definition { short: Some(short), ..self }
    }

    #[must_use]
    pub const fn value(self, name: &'static str) -> Definition {
        Definition { value: Some(name), ..self }
    }

    #[must_use]
    pub const fn undoes(self, field: &'static str) -> Definition {
        Definition { undoes: field, ..self }
    }

    #[must_use]
    pub const fn of(self, command: &'static str) -> Definition {
        Definition { of: command, ..self }
    }

    /// The option without its dashes.
    #[must_use]
    pub fn long(&self) -> String {
        self.field.replace('_', "-")
    }

    /// The option with what it takes: `--user <SPEC>`.
    #[must_use]
    pub fn usage(&self) -> String {
        let value = self.value.map(|name| format!(" <{name}>")).unwrap_or_default();
        format!("--{}{value}", self.long())
    }

    fn takes_back(&self, other: &Definition) -> bool {
        self.undoes == other.field || other.undoes == self.field
    }
}

/// Defines a struct whose fields are options, and perhaps some beside them that are none. Behind its comment an option may
/// have `#[short('c')]`, `#[value("FILE")]`, `#[undoes("field")]` and `#[of("command")]`: see [`Definition`].
macro_rules! options {
    ($(#[$about:meta])+ pub struct $name:ident {
        $(
            #[doc = $doc:literal]
            $(#[short($short:literal)])?
            $(#[value($value:literal)])?
            $(#[undoes($undoes:literal)])?
            $(#[of($of:literal)])?
            pub $field:ident: $type:ty,
        )+
    } $(beside {
        $($(#[doc = $beside:literal])+ pub $other:ident: $kind:ty,)+
    })?) => {
        $(#[$about])+
        pub struct $name {
            $(#[doc = $doc] pub $field: $type,)+
            $($($(#[doc = $beside])+ pub $other: $kind,)+)?
        }

        impl $crate::cli::options::OptionSet for $name {
            const DEFINITIONS: &'static [$crate::cli::options::Definition] = &[$(
                $crate::cli::options::Definition::new(stringify!($field), $doc.trim_ascii())
                    $(.short($short))?
                    $(.value($value))?
                    $(.undoes($undoes))?
                    $(.of($of))?
            ),+];

            fn slots(&mut self) -> Vec<&mut dyn $crate::cli::options::Slot> {
                vec![$(&mut self.$field),+]
            }
        }
    };
}
pub(crate) use options;

/// A set of options; [`options!`] makes one.
pub trait OptionSet: Default {
    const DEFINITIONS: &'static [Definition];

    /// Where what is typed goes, in the same order.
    fn slots(&mut self) -> Vec<&mut dyn Slot>;
}

/// Where what is typed goes.
pub trait Slot {
    /// Takes the value; a flag has none.
    ///
    /// # Errors
    ///
    /// A value that it is not.
    fn put(&mut self, value: &OsStr) -> Result<(), Refused>;

    /// Undoes `put`.
    fn clear(&mut self) {}
}

/// Why a word is no value of this type.
#[derive(Debug)]
pub enum Refused {
    Empty,
    NotText,
    Wrong(String),
}

impl Slot for bool {
    fn put(&mut self, _: &OsStr) -> Result<(), Refused> {
        *self = true;
        Ok(())
    }

    fn clear(&mut self) {
        *self = false;
    }
}

/// The last one counts.
impl<T: Word> Slot for Option<T> {
    fn put(&mut self, value: &OsStr) -> Result<(), Refused> {
        *self = Some(T::read(value)?);
        Ok(())
    }
}

/// All of them count.
impl<T: Word> Slot for Vec<T> {
    fn put(&mut self, value: &OsStr) -> Result<(), Refused> {
        self.push(T::read(value)?);
        Ok(())
    }
}

/// The type of a value.
pub trait Word: Sized {
    /// # Errors
    ///
    /// Why it is none.
    fn read(word: &OsStr) -> Result<Self, Refused>;
}

fn text(word: &OsStr) -> Result<&str, Refused> {
    word.to_str().ok_or(Refused::NotText)
}

impl Word for PathBuf {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        if word.is_empty() { Err(Refused::Empty) } else { Ok(word.into()) }
    }
}

impl Word for String {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        text(word).map(str::to_owned)
    }
}

impl Word for Duration {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        duration::parse(text(word)?).map_err(Refused::Wrong)
    }
}

impl Word for Signal {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        values::signal(text(word)?).map_err(Refused::Wrong)
    }
}

impl Word for Rewrite {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        values::rewrite(text(word)?).map_err(Refused::Wrong)
    }
}

impl Word for u8 {
    fn read(word: &OsStr) -> Result<Self, Refused> {
        let number: i64 =
            text(word)?.parse().map_err(|error: std::num::ParseIntError| Refused::Wrong(error.to_string()))?;
        u8::try_from(number).map_err(|_| Refused::Wrong(format!("{number} is not in 0..=255")))
    }
}

/// Why reading came to no end.
#[derive(Debug)]
pub enum Stop {
    Help,
    Version,
    /// There is no such option.
    Unknown(String),
    Wrong(String),
}

impl Stop {
    /// What is wrong.
    #[must_use]
    pub fn what(self) -> String {
        match self {
            Stop::Help | Stop::Version => String::new(),
            Stop::Unknown(option) => format!("unexpected argument '{option}' found"),
            Stop::Wrong(what) => what,
        }
    }
}

/// Reads the options of `command`, and those that all commands have. What is none is handed back, byte for byte: from the
/// first operand or the word behind `--` on everything, or, where `operands_are_between` options, each of them.
///
/// # Errors
///
/// What is to be printed or is wrong.
pub fn read<T: OptionSet>(
    words: &[OsString],
    command: &str,
    operands_are_between: bool,
) -> Result<(T, Vec<OsString>), Stop> {
    let mut options = T::default();
    let known = T::DEFINITIONS.iter().zip(options.slots()).filter(|(option, _)| of_command(option, command)).collect();
    let reader = Reader { known, has_version: has_version(command), rest: words };
    let operands = reader.read(operands_are_between)?;
    Ok((options, operands))
}

fn of_command(option: &Definition, command: &str) -> bool {
    option.of.is_empty() || option.of == command
}

/// Other scripts that wait have no such option.
fn has_version(command: &str) -> bool {
    command != "wait"
}

struct Reader<'a> {
    known: Vec<(&'static Definition, &'a mut dyn Slot)>,
    has_version: bool,
    rest: &'a [OsString],
}

impl<'a> Reader<'a> {
    fn read(mut self, operands_are_between: bool) -> Result<Vec<OsString>, Stop> {
        let mut operands = Vec::new();
        while let Some((word, rest)) = self.rest.split_first() {
            self.rest = rest;
            match word.as_bytes() {
                b"--" => {
                    operands.extend_from_slice(rest);
                    break;
                }
                [b'-', b'-', ..] => self.long(word)?,
                [b'-', _, ..] => self.short(word)?,
                _ if operands_are_between => operands.push(word.clone()),
                _ => {
                    operands.push(word.clone());
                    operands.extend_from_slice(rest);
                    break;
                }
            }
        }
        Ok(operands)
    }

    /// `--name`, `--name=value`, `--name value`.
    fn long(&mut self, word: &OsStr) -> Result<(), Stop> {
        let (name, value) = split(word);
        match (self.find_long(&name)?, value) {
            (Found::Place(place), value) => self.take(place, value),
            (Found::Stop(_), Some(value)) => Err(unexpected(value, &name)),
            (Found::Stop(stop), None) => Err(stop),
        }
    }

    /// `-gv`, `-cVALUE`, `-c=VALUE`, `-c VALUE`.
    fn short(&mut self, word: &OsStr) -> Result<(), Stop> {
        for (at, letter) in word.to_string_lossy().char_indices().skip(1) {
            let place = match self.find_short(letter)? {
                Found::Place(place) => place,
                Found::Stop(stop) => return Err(stop),
            };
            if self.known.get(place).is_some_and(|(option, _)| option.value.is_some()) {
                // The letters before it were text, so that they end at the same place.
                let value = word.as_bytes().get(at.saturating_add(letter.len_utf8())..).unwrap_or_default();
                let value = Some(value).filter(|value| !value.is_empty());
                let value = value.map(|value| OsStr::from_bytes(value.strip_prefix(b"=").unwrap_or(value)));
                return self.take(place, value);
            }
            self.take(place, None)?;
        }
        Ok(())
    }

    fn find_long(&self, name: &str) -> Result<Found, Stop> {
        let place = self.known.iter().position(|(option, _)| name.strip_prefix("--") == Some(&option.long()));
        match (place, name) {
            (Some(place), _) => Ok(Found::Place(place)),
            (None, "--help") => Ok(Found::Stop(Stop::Help)),
            (None, "--version") if self.has_version => Ok(Found::Stop(Stop::Version)),
            (None, _) => Err(Stop::Unknown(name.to_owned())),
        }
    }

    fn find_short(&self, letter: char) -> Result<Found, Stop> {
        let place = self.known.iter().position(|(option, _)| option.short == Some(letter));
        match (place, letter) {
            (Some(place), _) => Ok(Found::Place(place)),
            (None, 'h') => Ok(Found::Stop(Stop::Help)),
            (None, 'V') if self.has_version => Ok(Found::Stop(Stop::Version)),
            (None, _) => Err(Stop::Unknown(format!("-{letter}"))),
        }
    }

    /// Takes an option with the value that stands at it, or with the next word.
    fn take(&mut self, place: usize, value: Option<&OsStr>) -> Result<(), Stop> {
        let Some((option, _)) = self.known.get(place) else { return Ok(()) };
        let option = *option;
        let value = match (option.value, value) {
            (None, Some(value)) => return Err(unexpected(value, &option.usage())),
            (None, None) => OsStr::new(""),
            (Some(_), Some(value)) => value,
            (Some(_), None) => self.next_word(option)?,
        };
        for (other, slot) in &mut self.known {
            if other.takes_back(option) {
                slot.clear();
            }
        }
        let Some((_, slot)) = self.known.get_mut(place) else { return Ok(()) };
        slot.put(value).map_err(|refused| match refused {
            Refused::Empty => missing(option),
            Refused::NotText => Stop::Wrong(NOT_TEXT.to_owned()),
            Refused::Wrong(why) => {
                Stop::Wrong(format!("invalid value '{}' for '{}': {why}", value.display(), option.usage()))
            }
        })
    }

    /// The next word, unless it is an option; if there is no such option, that is what is wrong.
    fn next_word(&mut self, option: &Definition) -> Result<&'a OsStr, Stop> {
        let Some((word, rest)) = self.rest.split_first() else { return Err(missing(option)) };
        match word.as_bytes() {
            b"--" => return Err(missing(option)),
            [b'-', b'-', ..] => drop(self.find_long(&split(word).0)?),
            [b'-', _, ..] => {
                drop(word.to_string_lossy().chars().nth(1).map(|letter| self.find_short(letter)).transpose()?);
            }
            _ => {
                self.rest = rest;
                return Ok(word);
            }
        }
        Err(missing(option))
    }
}

/// What an option is.
enum Found {
    /// A known one.
    Place(usize),
    Stop(Stop),
}

/// The name of an option with its dashes, and the value behind a `=`.
fn split(word: &OsStr) -> (String, Option<&OsStr>) {
    let (name, value) = cut(word.as_bytes(), b'=');
    (String::from_utf8_lossy(name).into_owned(), value.map(OsStr::from_bytes))
}

/// What to say of a word that has to be text.
pub const NOT_TEXT: &str = "invalid UTF-8 was detected in one or more arguments";

fn missing(option: &Definition) -> Stop {
    Stop::Wrong(format!("a value is required for '{}' but none was supplied", option.usage()))
}

fn unexpected(value: &OsStr, option: &str) -> Stop {
    Stop::Wrong(format!("unexpected value '{}' for '{option}' found; no more were expected", value.display()))
}

/// The options of `command` for its help, a line each.
#[must_use]
pub fn help<T: OptionSet>(command: &str) -> String {
    let known = T::DEFINITIONS.iter().filter(|option| of_command(option, command));
    let mut lines: Vec<(Option<char>, String, &str)> =
        known.map(|option| (option.short, option.usage(), option.about)).collect();
    lines.push((Some('h'), "--help".to_owned(), "Print help"));
    if has_version(command) {
        lines.push((Some('V'), "--version".to_owned(), "Print version"));
    }
    let width = lines.iter().map(|(_, usage, _)| usage.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (short, usage, about) in lines {
        let short = short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
        text.push_str(&format!("  {short}{usage:<width$}  {about}\n"));
    }
    text
}

#[cfg(test)]
mod tests;
