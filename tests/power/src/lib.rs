//! A card that loses its power while it is updated.
//!
//! Takes in two images and the moment at which the power goes; gives out the card as it is left,
//! and what U-Boot makes of it by the rules of its script. For tests alone: what they do not expect
//! ends in a panic.
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
