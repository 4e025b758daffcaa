//! Power-loss simulator: a card that loses power during an update.
//!
//! Takes in two images and the moment of the power loss; gives out the remaining card, and what
//! U-Boot starts from it by the rules of its script. For tests only: anything unexpected panics.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::missing_panics_doc, reason = "all of it is for tests")]

mod card;
mod random;
mod store;
mod u_boot;
mod update_run;

pub use card::{Card, Geometry, ImageCheck, Part};
pub use u_boot::UBoot;
pub use update_run::{Update, UpdateStage};
