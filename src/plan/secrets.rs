//! Values that nobody may read in what app-init says.

/// The values of the variables that `env.secrets` names.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Longer ones first, so that one that is part of another hides nothing of it.
    values: Vec<Vec<u8>>,
}

const MASK: &[u8] = b"***";

impl Secrets {
    /// Adds a value; an empty one hides nothing.
    pub fn add(&mut self, value: Vec<u8>) {
        if !value.is_empty() && !self.values.contains(&value) {
            self.values.push(value);
            self.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
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
}
