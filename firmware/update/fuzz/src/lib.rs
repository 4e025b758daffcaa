//! What is done to bundles and to U-Boot's environment with any bytes, and what must hold then.
//!
//! One function a target: it takes in a fuzzer's input and panics where a promise is broken. The
//! fuzzer calls it by way of `fuzz_targets`; the test `corpus` includes this file and calls it with
//! the inputs that are kept.
#![allow(
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a finding is told, and the test that includes this file is no library"
)]

mod bundle;
mod environment;
#[allow(dead_code, reason = "the other fuzzers need more of it")]
#[path = "../../../tokio-modem/fuzz/src/source.rs"]
mod source;

pub use bundle::bundle;
pub use environment::environment;

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora too.
pub const TARGETS: &[(&str, Target)] = &[("bundle", bundle), ("environment", environment)];
