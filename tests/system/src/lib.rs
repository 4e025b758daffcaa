//! The product, booted and used: scenes and what must be seen in them.
//!
//! Takes in what the build left in `out/`; gives out one line a step, and a failure with what was
//! expected, what was there, and where the logs are.

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
