//! `failberrypi.toml`: what a person may say, the defaults, and what each service gets of it.
//!
//! Takes in the text of the file; gives out a [`Config`] and a list of [`Problem`]s, each with
//! key, line and reason. A problem costs the one table it stands in, never the whole file.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod parse;
mod problem;
mod reader;
mod rules;
mod schema;
mod slices;
mod suggest;
mod tables;
mod text;
mod values;

pub use parse::{parse, parse_bytes};
pub use problem::{Parsed, Problem};
pub use schema::*;
pub use slices::*;
pub use text::MAX_BYTES;
pub use values::{Cidr, PublicKey, Secret};
