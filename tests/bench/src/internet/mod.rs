//! Internet services: Route 53, a web page, files over HTTPS and an SNTP server, over real sockets.
//!
//! Takes in bound sockets, so that they may belong to any network namespace; gives out services
//! that run until dropped, and a log of their requests. Nothing here shares code with the product:
//! a request is judged only by its bytes on the wire. If the host refuses a thread or a key the
//! test cannot continue, so it panics.

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
