//! From values to types: each key is read by its own, so that every mistake is reported, and each type says what it takes,
//! so that the schema for editors cannot differ from what is read.
//!
//! serde's derive would do the former for the first mistake only and the latter not at all, and its code for these tables
//! is a fifth of what the whole program may weigh.

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use super::expand;
use super::map::Map;
use super::value::{Table, Value};
use crate::machine::Signal;
use crate::text::{duration, json, near};

/// What is wrong with a value, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where in the value, as the end of a key: `[1]`, `.max`; empty: all of it.
    pub at: String,
    pub what: String,
}

/// All that is wrong with a value: at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes(pub Vec<Mistake>);

impl From<String> for Mistakes {
    /// The value is wrong as a whole.
    fn from(what: String) -> Mistakes {
        Mistakes(vec![Mistake { at: String::new(), what }])
    }
}

/// What is wrong with the parts of a value, as far as they were read.
#[derive(Default)]
struct Found(Vec<Mistake>);

impl Found {
    /// Adds what is wrong with the part at `at`.
    #[cold]
    #[inline(never)]
    fn add(&mut self, at: &str, Mistakes(mistakes): Mistakes) {
        self.0.extend(mistakes.into_iter().map(|mistake| Mistake { at: at.to_owned() + &mistake.at, ..mistake }));
    }

    fn verdict(self) -> Result<(), Mistakes> {
        if self.0.is_empty() { Ok(()) } else { Err(Mistakes(self.0)) }
    }
}

/// Stands for the whole key in what is said of its value; whoever knows the key puts it there.
pub const ITS_KEY: &str = "[[…]]";

/// What an element of a list may be written as, for what to say of a value that is no list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    Text,
    Number,
    Table,
    TextOrTable,
}

/// A type that a key may have.
pub trait Read: Sized {
    const WRITTEN: Written = Written::Text;

    /// # Errors
    ///
    /// Everything that is wrong with the value.
    fn read(value: Value) -> Result<Self, Mistakes>;

    /// The type as JSON Schema (2020-12).
    fn schema() -> String;

    /// What a key that is not there counts as, where its type is enough to know.
    #[must_use]
    fn natural() -> Option<String> {
        None
    }
}

/// A key for those who write about it.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// What it means.
    pub about: String,
    /// Its schema: the inside of an object.
    pub schema: String,
    /// What it is where nothing is said, as JSON.
    pub default: Option<String>,
    /// What is to be said of that: behind the default, or in its place.
    pub unset: &'static str,
}

/// A default that can be written down, as JSON.
pub trait Shown {
    fn shown(&self) -> String;
}

/// Where the value of a key goes. One piece of code walks all tables, whatever types their keys have.
pub trait Slot {
    /// Takes the value.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    fn put(&mut self, value: Value) -> Result<(), Mistakes>;
}

impl<T: Read> Slot for T {
    fn put(&mut self, value: Value) -> Result<(), Mistakes> {
        *self = T::read(value)?;
        Ok(())
    }
}

/// A table with keys of its own; [`table!`] makes one.
pub trait Keys: Default {
    /// What its keys are called in a file.
    const NAMES: &'static [&'static str];

    /// Its keys, in the same order.
    fn keys() -> Vec<Key>;

    /// Where their values go, in the same order.
    fn slots(&mut self) -> Vec<&mut dyn Slot>;

    /// Sets all keys of a table, those that are sound although others are not.
    ///
    /// # Errors
    ///
    /// The mistakes in each key, which they begin with: `.timeout`, `.on_codes[1]`; a key that there is not.
    fn set_all(&mut self, table: Table) -> Result<(), Mistakes> {
        set_all(Self::NAMES, &mut self.slots(), table)
    }
}

/// [`Keys::set_all`] for any table.
#[inline(never)]
fn set_all(names: &[&str], slots: &mut [&mut dyn Slot], table: Table) -> Result<(), Mistakes> {
    let mut found = Found::default();
    for (key, value) in table {
        let place = names.iter().position(|name| *name == key);
        let set = match place.and_then(|place| slots.get_mut(place)) {
            Some(slot) => slot.put(value),
            None => Err(unknown(&key, names)),
        };
        if let Err(mistakes) = set {
            found.add(&format!(".{key}"), mistakes);
        }
    }
    found.verdict()
}

/// Defines a struct whose fields are the keys of a table. A key that is a word of Rust is written `r#as`.
///
/// Behind its comment a key may have `#[default(NAME: TYPE = VALUE)]`, which makes a constant of the struct that whoever
/// fills the default in has to take, and `#[unset("…")]`, what else is to be said of the key that is not there.
macro_rules! table {
    ($(#[doc = $about:literal])+ pub struct $name:ident {
        $(
            $(#[doc = $doc:literal])+
            $(#[default($default:ident: $plain:ty = $value:expr)])?
            $(#[unset($unset:literal)])?
            pub $key:ident: $type:ty,
        )+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl $name {
            $($(#[doc = concat!("The default of `", stringify!($key), "`.")] pub const $default: $plain = $value;)?)+
        }

        impl $crate::config::read::Keys for $name {
            const NAMES: &'static [&'static str] = &[$($crate::config::read::bare(stringify!($key))),+];

            fn keys() -> Vec<$crate::config::read::Key> {
                vec![$($crate::config::read::Key {
                    name: $crate::config::read::bare(stringify!($key)),
                    about: [$($doc),+].concat().trim().to_owned(),
                    schema: <$type as $crate::config::read::Read>::schema(),
                    default: None$(.or(Some($crate::config::read::Shown::shown(&Self::$default))))?
                        .or_else(<$type as $crate::config::read::Read>::natural),
                    unset: concat!("", $($unset)?),
                }),+]
            }

            fn slots(&mut self) -> Vec<&mut dyn $crate::config::read::Slot> {
                vec![$(&mut self.$key),+]
            }
        }
    };
}
pub(crate) use table;

/// A key as it is written in a file.
#[must_use]
pub const fn bare(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', rest @ ..] => match std::str::from_utf8(rest) {
            Ok(rest) => rest,
            Err(_) => identifier,
        },
        _ => identifier,
    }
}

/// What to say of a key that there is not: the nearest one first.
#[must_use]
#[cold]
pub fn unknown(key: &str, known: &[&str]) -> Mistakes {
    let nearest = near::nearest(key, known.iter().copied());
    let first = nearest.map_or_else(|| "remove it".to_owned(), |nearest| format!("write `{nearest}`"));
    let others = known.iter().filter(|known| Some(**known) != nearest);
    let others: Vec<String> = others.map(|key| format!("`{key}`")).collect();
    let or = if nearest.is_some() { "or one of" } else { "or write one of" };
    format!("`{key}` is no key of this table; {first}, {or} {}", others.join(", ")).into()
}

/// What to say of a value of another kind.
#[must_use]
#[cold]
#[inline(never)]
pub fn expected(what: &str, found: &Value) -> Mistakes {
    format!("expected {what}, found {}; change its value", found.kind()).into()
}

/// The schema of a table. A default that takes words is told at the end of the key's description.
#[must_use]
pub fn schema_of<T: Keys>() -> String {
    let mut text = String::from("{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {");
    for (place, Key { name, about, schema, default, unset }) in T::keys().into_iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let inside = schema.strip_prefix('{').unwrap_or(&schema);
        let value = default.as_ref().map(|default| format!("`{}`", default.trim_matches('"'))).unwrap_or_default();
        let words = if unset.is_empty() { String::new() } else { format!(" Default: {value}{unset}") };
        let default = default.map(|default| format!("\"default\": {default}, ")).unwrap_or_default();
        let about = json(&(about + &words));
        // Writing to a String does not fail.
        let _ = write!(text, "{comma}\"{name}\": {{\"description\": \"{about}\", {default}{inside}");
    }
    text.push_str("}}");
    text
}

/// A table whose keys are read on their own, with their own places: see [`super::interpret`].
#[derive(Clone, Debug)]
pub struct Nested<T> {
    pub table: Table,
    of: PhantomData<T>,
}

/// A list of such tables: `[[wait]]`.
#[derive(Clone, Debug)]
pub struct NestedList<T> {
    pub tables: Vec<Table>,
    of: PhantomData<T>,
}

/// Such tables under names that are given to them: `[hooks.NAME]`.
#[derive(Clone, Debug)]
pub struct NestedMap<T> {
    pub tables: Table,
    of: PhantomData<T>,
}

impl<T> Default for Nested<T> {
    fn default() -> Self {
        Nested { table: Table::new(), of: PhantomData }
    }
}

impl<T> Default for NestedList<T> {
    fn default() -> Self {
        NestedList { tables: Vec::new(), of: PhantomData }
    }
}

impl<T> Default for NestedMap<T> {
    fn default() -> Self {
        NestedMap { tables: Table::new(), of: PhantomData }
    }
}

impl<T: Keys> Read for Nested<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Table::read(value).map(|table| Nested { table, of: PhantomData })
    }

    fn schema() -> String {
        schema_of::<T>()
    }
}

impl<T: Keys> Read for NestedList<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Vec::read(value).map(|tables| NestedList { tables, of: PhantomData })
    }

    fn schema() -> String {
        format!("{{\"type\": \"array\", \"items\": {}}}", schema_of::<T>())
    }
}

impl<T: Keys> Read for NestedMap<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        Table::read(value).map(|tables| NestedMap { tables, of: PhantomData })
    }

    fn schema() -> String {
        format!("{{\"type\": \"object\", \"additionalProperties\": {}}}", schema_of::<T>())
    }
}

impl Read for Table {
    const WRITTEN: Written = Written::Table;

    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Table(table) => Ok(table),
            other => Err(expected("a table", &other)),
        }
    }

    fn schema() -> String {
        "{\"type\": \"object\"}".to_owned()
    }
}

impl Read for String {
    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Text(text) if text.contains('\0') => {
                Err("holds a NUL, which no program could be given; remove it".to_owned().into())
            }
            Value::Text(text) => Ok(text),
            other => Err(format!("expected a string, found {}; put it in quotes", other.kind()).into()),
        }
    }

    fn schema() -> String {
        "{\"type\": \"string\"}".to_owned()
    }
}

/// What is wrong with a text as a path in which nothing is expanded.
pub fn path_mistake(text: &str) -> Option<String> {
    match expand::looks_expanded(text) {
        _ if text.is_empty() => Some("is empty; name a path".to_owned()),
        Some(sign) => {
            Some(format!("`{text}` is a path as it stands, and {sign} is not expanded in it; write all of it"))
        }
        None => None,
    }
}

impl Read for PathBuf {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let text = String::read(value)?;
        match path_mistake(&text) {
            Some(what) => Err(what.into()),
            None => Ok(text.into()),
        }
    }

    fn schema() -> String {
        String::schema()
    }
}

impl Read for bool {
    fn read(value: Value) -> Result<Self, Mistakes> {
        match value {
            Value::Truth(truth) => Ok(truth),
            other => Err(expected("true or false", &other)),
        }
    }

    fn schema() -> String {
        "{\"type\": \"boolean\"}".to_owned()
    }

    fn natural() -> Option<String> {
        Some(bool::default().shown())
    }
}

#[cold]
#[inline(never)]
fn not_up_to(largest: u32, found: &Value) -> Mistakes {
    expected(&format!("a number from 0 to {largest}"), found)
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(impl Read for $type {
            const WRITTEN: Written = Written::Number;

            fn read(value: Value) -> Result<Self, Mistakes> {
                let fits = match value {
                    Value::Number(number) => <$type>::try_from(number).ok(),
                    Value::Text(_) | Value::Truth(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => None,
                };
                fits.ok_or_else(|| not_up_to(<$type>::MAX.into(), &value))
            }

            fn schema() -> String {
                format!("{{\"type\": \"integer\", \"minimum\": 0, \"maximum\": {}}}", <$type>::MAX)
            }

            fn natural() -> Option<String> {
                Some(<$type>::default().to_string())
            }
        })+
    };
}
numbers!(u8, u16, u32);

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for &str {
    fn shown(&self) -> String {
        format!("\"{}\"", json(self))
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        duration::show(*self).as_str().shown()
    }
}

impl Shown for Signal {
    fn shown(&self) -> String {
        self.to_string().as_str().shown()
    }
}

impl<T: Shown, const COUNT: usize> Shown for [T; COUNT] {
    fn shown(&self) -> String {
        format!("[{}]", self.iter().map(Shown::shown).collect::<Vec<_>>().join(", "))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        T::read(value).map(Some)
    }

    fn schema() -> String {
        T::schema()
    }
}

/// What to say of a value that is no list.
#[cold]
#[inline(never)]
fn no_list(found: &Value, written: Written) -> Mistakes {
    let advice = match (found, written) {
        (_, Written::Table) | (Value::Table(_), Written::TextOrTable) => format!("write {ITS_KEY}"),
        (Value::Number(number), Written::Number) => format!("write [{number}]"),
        (Value::Text(text), Written::Text | Written::TextOrTable) => in_brackets(text),
        _ => "change its value".to_owned(),
    };
    format!("expected a list, found {}; {advice}", found.kind()).into()
}

/// A text as the list that was meant. A shell's would be another one, and what may be a password is not shown.
fn in_brackets(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{}\"", json(word))).collect();
    let is_shells = text.contains(|sign: char| "'\"`\\|&;<>()$=".contains(sign)) && words.len() > 1;
    if words.is_empty() || is_shells || text.contains("://") || text.contains('@') || text.len() > 80 {
        return "write it in brackets, each word in quotes of its own".to_owned();
    }
    format!("write [{}]", words.join(", "))
}

/// Hands on each element of a list.
#[inline(never)]
fn read_list(
    value: Value,
    written: Written,
    take: &mut dyn FnMut(Value) -> Result<(), Mistakes>,
) -> Result<(), Mistakes> {
    let values = match value {
        Value::List(values) => values,
        other => return Err(no_list(&other, written)),
    };
    let mut found = Found::default();
    for (place, value) in values.into_iter().enumerate() {
        if let Err(mistakes) = take(value) {
            found.add(&format!("[{place}]"), mistakes);
        }
    }
    found.verdict()
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let mut list = Vec::new();
        read_list(value, T::WRITTEN, &mut |value| {
            list.push(T::read(value)?);
            Ok(())
        })?;
        Ok(list)
    }

    fn schema() -> String {
        format!("{{\"type\": \"array\", \"items\": {}}}", T::schema())
    }
}

impl<T: Read> Read for Map<Vec<T>> {
    fn read(value: Value) -> Result<Self, Mistakes> {
        let (mut map, mut found) = (Map::default(), Found::default());
        for (key, value) in Table::read(value)? {
            match Vec::read(value) {
                Ok(list) => map.insert(key, list),
                Err(mistakes) => found.add(&format!(".{key}"), mistakes),
            }
        }
        found.verdict().map(|()| map)
    }

    fn schema() -> String {
        format!("{{\"type\": \"object\", \"additionalProperties\": {}}}", Vec::<T>::schema())
    }
}
