//! Forms of text that nothing but text is needed for.
//!
//! - [`duration`]: durations as people write them.
//! - [`escape()`], [`lines`], [`json`]: a text within a line, on a terminal, and within JSON.
//! - [`near`]: what was meant by a word that means nothing.

pub mod duration;
mod escape;
pub mod near;

pub use escape::{escape, json, lines};
