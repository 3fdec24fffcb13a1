//! Writes the JSON Schema of `app-init.toml`, for editors, from the definition of its keys: `make schema`.

use std::fmt::{self, Display, Formatter};

use app_init::config::keys::Top;
use app_init::config::read::schema_of;

/// Lines are broken where they would be longer.
const WIDTH: usize = 120;

fn main() {
    println!("{}", schema());
}

/// The schema of the whole file.
pub fn schema() -> Json {
    let head = [
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("$id", "urn:app-init:configuration"),
        ("title", "app-init.toml"),
        ("description", "Configuration of app-init, init and entrypoint supervisor for container images"),
    ];
    let text = |text: &str| Json::Plain(format!("\"{text}\""));
    let mut members: Vec<_> = head.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    let Json::Object(top) = Json::read(&schema_of::<Top>()) else { unreachable!("the schema of a table is an object") };
    members.extend(top);
    Json::Object(members)
}

/// JSON as it is written, in its order.
#[derive(Clone, PartialEq, Debug)]
pub enum Json {
    /// A string with its quotes, a number, a truth value.
    Plain(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads what app-init's own code has made, which is well formed.
    ///
    /// # Panics
    ///
    /// Where it is not.
    pub fn read(text: &str) -> Json {
        let mut rest = text;
        let json = value(&mut rest);
        assert_eq!(rest.trim(), "", "something is left");
        json
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn write(&self, indent: usize, out: &mut Formatter<'_>) -> fmt::Result {
        let (brackets, parts): (_, Vec<(String, &Json)>) = match self {
            Json::Plain(text) => return out.write_str(text),
            Json::List(values) => (("[", "]"), values.iter().map(|value| (String::new(), value)).collect()),
            Json::Object(members) => {
                (("{", "}"), members.iter().map(|(name, value)| (format!("\"{name}\": "), value)).collect())
            }
        };
        let on_one_line = self.on_one_line();
        if indent + on_one_line.chars().count() < WIDTH / 2 {
            return out.write_str(&on_one_line);
        }
        let inner = indent + 2;
        out.write_str(brackets.0)?;
        for (place, (name, value)) in parts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}\n{:inner$}{name}", "")?;
            value.write(inner, out)?;
        }
        write!(out, "\n{:indent$}{}", "", brackets.1)
    }

    fn on_one_line(&self) -> String {
        match self {
            Json::Plain(text) => text.clone(),
            Json::List(values) => {
                format!("[{}]", values.iter().map(Json::on_one_line).collect::<Vec<_>>().join(", "))
            }
            Json::Object(members) => {
                let member = |(name, value): &(String, Json)| format!("\"{name}\": {}", value.on_one_line());
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Display for Json {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.write(0, out)
    }
}

fn value(rest: &mut &str) -> Json {
    *rest = rest.trim_start();
    match rest.chars().next() {
        Some('{') => Json::Object(parts(rest, '}', |rest| {
            let Json::Plain(name) = value(rest) else { panic!("a name is text") };
            expect(rest, ':');
            (name.trim_matches('"').to_owned(), value(rest))
        })),
        Some('[') => Json::List(parts(rest, ']', value)),
        Some('"') => {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|&(_, letter)| {
                let is_end = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                is_end
            });
            plain(rest, end.expect("a string has an end").0 + 1)
        }
        _ => plain(rest, rest.find([',', ']', '}']).unwrap_or(rest.len())),
    }
}

fn plain(rest: &mut &str, length: usize) -> Json {
    let (text, after) = rest.split_at(length);
    *rest = after;
    Json::Plain(text.trim_end().to_owned())
}

/// The parts of a list or an object, up to its closing bracket.
fn parts<T>(rest: &mut &str, closing: char, part: impl Fn(&mut &str) -> T) -> Vec<T> {
    *rest = rest[1..].trim_start();
    let mut parts = Vec::new();
    while !rest.starts_with(closing) {
        if !parts.is_empty() {
            expect(rest, ',');
        }
        parts.push(part(rest));
        *rest = rest.trim_start();
    }
    expect(rest, closing);
    parts
}

fn expect(rest: &mut &str, wanted: char) {
    *rest = rest.trim_start().strip_prefix(wanted).unwrap_or_else(|| panic!("no {wanted} before: {rest}"));
}
