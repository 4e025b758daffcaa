//! System tests: scenes that boot the product, and the steps that check it.
//!
//! Takes in the build output in `out/`; gives out one line per step, and for a failure what was
//! expected, what was found, and where the logs are.

pub mod bad_input;
pub mod baseline;
pub mod console;
pub mod faults;
pub mod first_boot;
pub mod pin;
pub mod power_cut;
pub mod pull;
pub mod release_image;
mod slot;
pub mod soak;
mod steps;
mod suite;
pub mod update;

pub use suite::{Outcome, Suite};
