//! Durations as people write them: `500ms`, `10s`, `10`, `1m30s`, `2h`.

use std::time::Duration;

/// Reads a duration; a bare number is seconds. What is refused is named with what would be accepted.
///
/// # Errors
///
/// Anything else, negative numbers, fractions and what does not fit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is not a duration; write it like 500ms, 10s, 10 or 1m30s");
    if let Ok(seconds) = number(text).ok_or(()) {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, tail) = rest.split_at_checked(digits).ok_or_else(refuse)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters).ok_or_else(refuse)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refuse()),
        };
        // Units come once each, the large ones first.
        if milliseconds >= smallest {
            return Err(refuse());
        }
        smallest = milliseconds;
        let count = number(count).ok_or_else(refuse)?;
        let part = count.checked_mul(milliseconds).map(Duration::from_millis);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
        rest = tail;
    }
    if smallest == u64::MAX { Err(refuse()) } else { Ok(total) }
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Writes a duration so that [`parse`] reads it back, to the millisecond.
#[must_use]
pub fn show(duration: Duration) -> String {
    let milliseconds = duration.subsec_millis();
    let seconds = duration.as_secs();
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (minutes, rest, milliseconds) {
        (0, 0, milliseconds) if milliseconds > 0 => format!("{milliseconds}ms"),
        (0, rest, 0) => format!("{rest}s"),
        (0, rest, milliseconds) => format!("{rest}s{milliseconds}ms"),
        (minutes, 0, 0) => format!("{minutes}m"),
        (minutes, rest, 0) => format!("{minutes}m{rest}s"),
        (minutes, rest, milliseconds) => format!("{minutes}m{rest}s{milliseconds}ms"),
    }
}

/// Writes how long something took, for people: `2.1s`.
#[must_use]
pub fn rounded(duration: Duration) -> String {
    if duration < Duration::from_secs(60) {
        let tenths = duration.as_millis().saturating_add(50) / 100;
        format!("{}.{}s", tenths / 10, tenths % 10)
    } else {
        show(Duration::from_secs(duration.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_forms_are_read() {
        let cases = [
            ("0", 0),
            ("10", 10_000),
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1h1m1s1ms", 3_661_001),
        ];
        for (text, milliseconds) in cases {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(text), Ok(duration), "{text}");
            assert_eq!(parse(&show(duration)), Ok(duration), "{text} as {}", show(duration));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["", "s", "-1", "+1", "1.5s", " 1", "1 s", "10x", "30s1m", "1s1s", "1m30", "99999999999999999999", "1µs"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
