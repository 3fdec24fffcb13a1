//! Reads a table into its type, reporting each key that is wrong instead of the first one only.
//!
//! serde stops at the first error. So each key is tried alone, as a table with one entry, and what passes is read
//! together: the type's definition stays the one place that knows the keys.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::fault::Fault;
use super::layers::Layers;

/// Reads `table`, whose path is `path` (empty for the file itself).
pub fn read<T: DeserializeOwned + Default>(layers: &Layers, path: &str, table: Table, faults: &mut Vec<Fault>) -> T {
    let mut sound = Table::new();
    for (key, value) in table {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        match T::deserialize(Value::Table(alone)) {
            Ok(_) => {
                sound.insert(key, value);
            }
            Err(error) => {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                faults.push(layers.fault(&path, explain(error.message())));
            }
        }
    }
    // Keys that are sound alone are sound together.
    T::deserialize(Value::Table(sound)).unwrap_or_default()
}

/// Reads a table of strings.
pub fn read_strings(layers: &Layers, path: &str, table: Table, faults: &mut Vec<Fault>) -> super::keys::Variables {
    let mut strings = super::keys::Variables::new();
    for (key, value) in table {
        match value {
            Value::String(value) => {
                strings.insert(key, value);
            }
            other => {
                let what = format!("expected a string, found {}; put it in quotes", kind(&other));
                faults.push(layers.fault(&format!("{path}.{key}"), what));
            }
        }
    }
    strings
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// serde's words for the two commonest mistakes, made into a sentence that says what to do.
fn explain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    if let Some(rest) = first.strip_prefix("unknown field ") {
        return match rest.split_once(", expected ") {
            Some((name, known)) => {
                let known = known.trim_start_matches("one of ");
                format!("{name} is no key of this table; remove it, or write one of {known}")
            }
            None => format!("{rest} is no key; remove it"),
        };
    }
    match first.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        Some((found, expected)) => {
            format!("expected {}, found {}; change its value", in_toml_words(expected), in_toml_words(found))
        }
        None => in_toml_words(first),
    }
}

/// serde names Rust's types; people write TOML.
fn in_toml_words(text: &str) -> String {
    let words = [
        ("a sequence", "a list"),
        ("sequence", "a list"),
        ("a map", "a table"),
        ("map", "a table"),
        ("a boolean", "true or false"),
        ("path string", "a string"),
        ("expected u8", "expected a number from 0 to 255"),
        ("u8", "a number from 0 to 255"),
    ];
    let end = words.iter().find_map(|(theirs, ours)| text.strip_suffix(theirs).map(|start| format!("{start}{ours}")));
    end.unwrap_or_else(|| text.to_owned())
}
