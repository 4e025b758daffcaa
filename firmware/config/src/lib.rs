//! `failberrypi.toml`: what a person may say, the defaults, and what each service gets of it.
//!
//! Takes in the text of the file; gives out a [`Config`] and a list of [`Problem`]s, each with
//! key, line and reason. A problem costs the one table it stands in, never the whole file. Also
//! what becomes of a new file beside the settings before it ([`import`]), and hiding its secrets
//! ([`mask`]).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod import;
mod parse;
mod problem;
mod reader;
mod rules;
mod schema;
mod secrets;
mod slices;
mod suggest;
mod tables;
mod text;
mod values;

pub use import::{Imported, import};
pub use parse::{parse, parse_bytes};
pub use problem::{Parsed, Problem};
pub use schema::*;
pub use secrets::{Masked, SHOWN, mask, redact};
pub use slices::*;
pub use text::MAX_BYTES;
pub use values::{Cidr, PublicKey, Secret};
