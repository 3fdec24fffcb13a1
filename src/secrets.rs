//! Values that nobody may read in what app-init says.
//!
//! Where a text is made of values (a label, the environment), its maker masks it. Beside that everything that is said goes
//! through [`hidden`] on its way out, since a value may turn up in a path, a program's name or another's message.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Mutex;

/// What is masked on the way out of the process.
static HIDDEN: Mutex<Secrets> = Mutex::new(Secrets { values: BTreeSet::new() });

/// In any text, shorter values than this may well be something else: `exit 1` is no secret.
const SHORTEST: usize = 4;

/// Masks these from here on in everything that is said, by this process and by those that it forks.
pub fn hide(secrets: &Secrets) {
    let Ok(mut hidden) = HIDDEN.lock() else { return };
    for value in &secrets.values {
        // What others say comes by lines, and a path by its components. A URL's are words that everybody uses.
        let is_url = value.windows(3).any(|window| window == b"://");
        let parts = value.split(|&byte| byte == b'\n' || byte == b'/' && !is_url).map(<[u8]>::trim_ascii);
        let pieces = std::iter::once(value.as_slice()).chain(parts);
        pieces.filter(|piece| piece.len() >= SHORTEST).for_each(|piece| hidden.add(piece.to_vec()));
    }
}

/// The text as it may be said.
#[must_use]
pub fn hidden(text: String) -> String {
    match HIDDEN.lock() {
        Ok(hidden) if !hidden.is_empty() => hidden.mask_text(&text),
        Ok(_) | Err(_) => text,
    }
}

/// The values of the variables that `env.secrets` names. There may be as many as a certificate has lines.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    values: BTreeSet<Vec<u8>>,
}

const MASK: &[u8] = b"***";

impl Secrets {
    /// Adds a value, also in the form that it has as text. An empty one hides nothing.
    pub fn add(&mut self, value: Vec<u8>) {
        if value.is_empty() {
            return;
        }
        let as_text = String::from_utf8_lossy(&value).into_owned().into_bytes();
        if as_text != value {
            self.values.insert(as_text);
        }
        self.values.insert(value);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `bytes` with every secret in them replaced: of those that begin at a place the longest, so that one that is part of
    /// another shows nothing of it.
    #[must_use]
    pub fn mask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            let after_secret = self.longest_at_start(rest).and_then(|secret| rest.strip_prefix(secret));
            match after_secret {
                Some(_) => masked.extend_from_slice(MASK),
                None => masked.push(*first),
            }
            rest = after_secret.unwrap_or(after);
        }
        masked
    }

    /// In the order of bytes the last secret that does not come after the text is the longest that the text begins with; or
    /// else every one that it begins with is also in what the two have in common.
    fn longest_at_start<'s>(&'s self, mut text: &[u8]) -> Option<&'s [u8]> {
        loop {
            let last = self.values.range::<[u8], _>((Bound::Unbounded, Bound::Included(text))).next_back()?;
            if text.starts_with(last) {
                return Some(last);
            }
            let common = text.iter().zip(last).take_while(|(one, other)| one == other).count();
            text = text.get(..common)?;
        }
    }

    /// The same for text.
    #[must_use]
    pub fn mask_text(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.mask(text.as_bytes())).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_hidden_wherever_it_stands() {
        let mut secrets = Secrets::default();
        for value in ["", "pass", "password", "x"] {
            secrets.add(value.into());
        }
        assert_eq!(secrets.mask_text("db://u:password@h pass,xx"), "db://u:***@h ***,******");
        assert_eq!(secrets.mask(&[0xff, b'x']), [0xff, b'*', b'*', b'*']);
        assert_eq!(Secrets::default().mask_text("as it is"), "as it is");
    }

    #[test]
    fn of_those_that_begin_alike_the_longest_is_hidden() {
        let mut secrets = Secrets::default();
        for value in ["a", "ab", "abcde", "abd", "b"] {
            secrets.add(value.into());
        }
        assert_eq!(secrets.mask_text("abcdx abcde abc abdd ac cab"), "***cdx *** ***c ***d ***c c***");
    }

    #[test]
    fn many_secrets_take_no_time_to_speak_of() {
        let mut secrets = Secrets::default();
        // With a look through all of them for each, or for each byte of the text, this would not end today.
        (0..200_000_u32).for_each(|line| secrets.add((line / 2 + 1000).to_string().into_bytes()));
        assert_eq!(secrets.values.len(), 100_000);
        assert_eq!(secrets.mask_text("it is 12345678"), "it is ***678");
        assert_eq!(secrets.mask_text(&"x 9 ".repeat(100_000)), "x 9 ".repeat(100_000));
    }
}
