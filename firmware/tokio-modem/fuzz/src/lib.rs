//! What is done to the crate with any bytes, and what must hold then.
//!
//! One function a target: it takes in a fuzzer's input and panics where the crate breaks a
//! promise. The fuzzer calls it by way of `fuzz_targets`; the test `corpus` includes this file and
//! calls it with the inputs that are kept.
#![allow(
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a finding is told, and the test that includes this file is no library"
)]

mod at_lines;
mod dial;
mod hdlc;
mod ppp;
mod replies;
mod source;

pub use at_lines::at_lines;
pub use dial::dial;
pub use hdlc::hdlc;
pub use ppp::{auth, ipcp, ipv6cp, lcp, ppp_session};
pub use replies::replies;

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora too.
pub const TARGETS: &[(&str, Target)] = &[
    ("at_lines", at_lines),
    ("replies", replies),
    ("dial", dial),
    ("hdlc", hdlc),
    ("lcp", lcp),
    ("auth", auth),
    ("ipcp", ipcp),
    ("ipv6cp", ipv6cp),
    ("ppp_session", ppp_session),
];
