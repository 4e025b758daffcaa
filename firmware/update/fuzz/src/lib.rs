//! Fuzz targets for bundles and U-Boot's environment.
//!
//! One function a target: it takes in a fuzzer's input and panics if an invariant is violated. The
//! fuzzer calls it through `fuzz_targets`; the test `corpus` includes this file and calls it with
//! the stored inputs.
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

/// Function of a target.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora too.
pub const TARGETS: &[(&str, Target)] = &[("bundle", bundle), ("environment", environment)];
