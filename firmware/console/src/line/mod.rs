//! The line editor: bytes in, edits and bytes for the terminal out. Pure.
//!
//! Owns what is typed, where the cursor is, and the lines typed before. Takes in the terminal's
//! bytes, cut anywhere; gives out what to show and, at last, a line.

mod editor;
mod history;
mod keys;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod tests;

pub use editor::{Completion, Edit, Editor, WIDTH};
pub use history::History;
pub use keys::{Key, Keys};
