//! The internet side: Route 53, a web page, files over HTTPS and a time server, over real sockets.
//!
//! Takes in sockets that are bound already, so that they may come out of any network namespace;
//! gives out services that run until they are dropped, and what each of them saw. Nothing here
//! shares code with the product: a request is judged by what the wire carries alone. Where the host
//! refuses a thread or a key, that is no result to hand on but the end of the test, and panics.

mod acceptor;
mod authority;
mod clock;
mod event_log;
mod files;
mod http;
mod ntp;
mod route53;
mod web;

pub use authority::Authority;
pub use event_log::TimedOut;
pub use files::{Fetch, Files};
pub use ntp::Ntp;
pub use route53::{Behaviour, Change, Keys, Route53};
pub use web::{Page, Web};
