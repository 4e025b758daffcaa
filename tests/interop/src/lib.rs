//! The firmware's PPP against other people's: which combinations work, and how quickly.
//!
//! Takes in real peers, pppd in the carrier's machine and slirp on this one; gives out a table
//! in Markdown with a result and a time for each combination. Every row is asserted.

mod peers;
mod ping;
mod rows;
mod slirp;
mod slow_line;
mod table;
pub mod timing;

pub use rows::run;
pub use table::Table;

/// How a row went.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
