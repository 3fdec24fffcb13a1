//! Texts within others: what they hold is shown there and means nothing.

use std::fmt::Write as _;

/// Makes control characters visible, so that a value cannot forge a line or drive a terminal.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The inside of a JSON string (RFC 8259, section 7).
#[must_use]
pub fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            // Writing to a String does not fail.
            character if character.is_control() => drop(write!(escaped, "\\u{:04x}", u32::from(character))),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(escape("a\nb\x1b[2Jé\t"), "a\\nb\\u{1b}[2Jé\\t");
        assert_eq!(json("say \"\\\n\x1b\""), "say \\\"\\\\\\u000a\\u001b\\\"");
    }
}
