//! Assembles the userland, a slot (FIT) and the card image from finished parts.
//!
//! Takes in paths: kernel, device trees, modules, boot files, U-Boot, the `failberry` binary, the
//! overlay and the board directory. Gives out files. It does not know where the parts come from:
//! Debian packages and Buildroot both end here. The same parts give the same bytes, each time.

#![forbid(unsafe_code)]
// Errors are all of one type, and each says itself what failed and why.
#![allow(clippy::missing_errors_doc)]

pub mod bmap;
pub mod board;
pub mod boot;
pub mod card;
pub mod checksum;
pub mod cpio;
pub mod data;
pub mod environment;
mod error;
pub mod fat;
mod image64;
pub mod layout;
pub mod mbr;
pub mod modules;
pub mod release;
pub mod slot;
mod tool;
pub mod uimage;
pub mod userland;
mod zimage;

pub use error::{Error, Result};
