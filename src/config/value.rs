//! What a TOML file says, without its places.

use std::collections::BTreeMap;

/// A table of a file: keys in order.
pub type Table = BTreeMap<String, Value>;

#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
    List(Vec<Value>),
    Table(Table),
    /// What no key takes: fractions, dates, numbers that do not fit; as written.
    Other(String),
}

impl Value {
    /// What it is, for a message about something else that was expected.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Value::Text(_) => "a string".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
            Value::Other(written) => written.clone(),
        }
    }

    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Truth(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => None,
        }
    }
}
