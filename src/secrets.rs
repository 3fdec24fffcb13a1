//! Values that nobody may read in what app-init says.
//!
//! Where a text is made of values (a label, the environment), its maker masks it. Beside that everything that is said goes
//! through [`hidden`] on its way out, since a value may turn up in a path, a program's name or another's message.

use std::sync::Mutex;

/// What is masked on the way out of the process.
static HIDDEN: Mutex<Secrets> = Mutex::new(Secrets { values: Vec::new() });

/// In any text, shorter values than this may well be something else: `exit 1` is no secret.
const SHORTEST: usize = 4;

/// Masks these from here on in everything that is said, by this process and by those that it forks.
pub fn hide(secrets: &Secrets) {
    let Ok(mut hidden) = HIDDEN.lock() else { return };
    let mut pieces = Vec::new();
    for value in &secrets.values {
        // What others say comes by lines, and a path by its components. A URL's are words that everybody uses.
        let is_url = value.windows(3).any(|window| window == b"://");
        let parts = value.split(|&byte| byte == b'\n' || byte == b'/' && !is_url).map(<[u8]>::trim_ascii);
        let pieces_of = std::iter::once(value.as_slice()).chain(parts);
        pieces.extend(pieces_of.filter(|piece| piece.len() >= SHORTEST).map(<[u8]>::to_vec));
    }
    hidden.add_all(pieces);
}

/// The text as it may be said.
#[must_use]
pub fn hidden(text: String) -> String {
    match HIDDEN.lock() {
        Ok(hidden) if !hidden.is_empty() => hidden.mask_text(&text),
        Ok(_) | Err(_) => text,
    }
}

/// The values of the variables that `env.secrets` names.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Longer ones first, so that one that is part of another hides nothing of it.
    values: Vec<Vec<u8>>,
}

const MASK: &[u8] = b"***";

impl Secrets {
    /// Adds a value, also in the form that it has as text. An empty one hides nothing.
    pub fn add(&mut self, value: Vec<u8>) {
        self.add_all([value]);
    }

    /// The same for many. There may be as many as a certificate has lines, so they are put in order once.
    fn add_all(&mut self, values: impl IntoIterator<Item = Vec<u8>>) {
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            let as_text = String::from_utf8_lossy(&value).into_owned().into_bytes();
            if as_text != value {
                self.values.push(as_text);
            }
            self.values.push(value);
        }
        self.values.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.values.dedup();
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `bytes` with every secret in them replaced.
    #[must_use]
    pub fn mask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            if let Some(after) = self.values.iter().find_map(|secret| rest.strip_prefix(secret.as_slice())) {
                masked.extend_from_slice(MASK);
                rest = after;
            } else {
                masked.push(*first);
                rest = after;
            }
        }
        masked
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
    fn a_value_of_many_lines_takes_no_time_to_speak_of() {
        let mut secrets = Secrets::default();
        // Each line twice; with a look through all of them for each this would not end today.
        secrets.add_all((0..400_000_u32).map(|line| (line / 2 + 1000).to_string().into_bytes()));
        assert_eq!(secrets.values.len(), 200_000);
        assert_eq!(secrets.mask_text("it is 123456789"), "it is ***789");
    }
}
