//! PPP interoperability tests: the firmware's engine against pppd and slirp, with the time of each
//! combination.
//!
//! Takes in real peers, pppd in the carrier's machine and slirp on this host; gives out a Markdown
//! table with result and time of each combination. Every row is asserted.

mod peers;
mod ping;
mod rows;
mod slirp;
mod slow_line;
mod table;
pub mod timing;

pub use rows::run;
pub use table::Table;

/// Result of a row.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
