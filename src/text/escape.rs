//! Texts within others: what they hold is shown there and means nothing.

use std::fmt::Write as _;

/// Whether a character does something to its line instead of standing in it: control characters (C0, DEL, C1), and those
/// that end a line or a paragraph, or turn the direction of what follows (UAX #9).
fn acts(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}

/// Makes control characters visible, so that a value cannot forge a line or drive a terminal.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The same for bytes of several lines, whose ends stay; `None`: there is nothing to make visible.
#[must_use]
pub fn lines(text: &[u8]) -> Option<String> {
    let mut escaped = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for (place, line) in chunk.valid().split('\n').enumerate() {
            escaped.push_str(if place > 0 { "\n" } else { "" });
            escaped.push_str(&escape(line));
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    (escaped.as_bytes() != text).then_some(escaped)
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
            character if acts(character) => drop(write!(escaped, "\\u{:04x}", u32::from(character))),
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
        assert_eq!(escape("a\u{202e}b\u{2066}c\u{9b}d\u{200f}"), "a\\u{202e}b\\u{2066}c\\u{9b}d\\u{200f}");
        assert_eq!(escape("a\u{2028}b\u{2029}"), "a\\u{2028}b\\u{2029}");
        assert_eq!(lines(b"a\nb'\xff\n\x07\n").as_deref(), Some("a\nb'\\xff\n\\u{7}\n"));
        assert_eq!(lines("é=1\n".as_bytes()), None);
        assert_eq!(json("say \"\\\n\x1b\""), "say \\\"\\\\\\u000a\\u001b\\\"");
    }
}
