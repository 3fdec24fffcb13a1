//! Just enough JSON to read single fields of the Engine's replies. Not a parser: the first field of that name wins.

/// The text of `"name":"…"`. The fields read here hold no escapes.
pub fn text<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    value(json, name)?.strip_prefix('"')?.split('"').next()
}

/// The number of `"name":…`.
pub fn number(json: &str, name: &str) -> Option<i64> {
    let value = value(json, name)?;
    let end = value.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(value.len());
    value[..end].parse().ok()
}

fn value<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let key = format!("\"{name}\":");
    json.find(&key).map(|at| json[at + key.len()..].trim_start())
}
