//! Forms of text that nothing but text is needed for.
//!
//! - [`duration`]: durations as people write them.
//! - [`escape()`], [`json`]: a text within a line, and within JSON.
//! - [`near`]: what was meant by a word that means nothing.

pub mod duration;
mod escape;
pub mod near;

pub use escape::{escape, json};
