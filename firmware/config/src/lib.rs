//! `failberrypi.toml`: what a person may say, the defaults, and what each service gets of it.
//!
//! Takes in the text of the file; gives out a [`Config`] and a list of [`Problem`]s, each with
//! key, line and reason. A problem costs the one table it stands in, never the whole file.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod schema;
mod slices;
mod values;

pub use schema::*;
pub use slices::*;
pub use values::{Cidr, Secret};
