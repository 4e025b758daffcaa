//! The line editor. Pure.
//!
//! Owns the line, the cursor and the history of lines. Takes in the terminal's bytes, split anywhere;
//! gives out bytes for the terminal and, at last, a line.

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
