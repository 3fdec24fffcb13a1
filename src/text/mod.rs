//! Forms of text that nothing but text is needed for.
//!
//! - [`duration`]: durations as people write them.
//! - [`cut`]: what is before a byte, and what is behind it.
//! - [`escape()`], [`lines`], [`json`]: a text within a line, on a terminal, and within JSON.
//! - [`near`]: what was meant by a word that means nothing.

pub mod duration;
mod escape;
pub mod near;

pub use escape::{escape, json, lines};

/// What is before the first such byte, and what is behind it; `None`: there is no such byte.
#[must_use]
pub fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |&byte| byte == at);
    (parts.next().unwrap_or_default(), parts.next())
}
