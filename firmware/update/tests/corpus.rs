//! Regression test: replays the fuzzing corpus without a fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Limits of the corpora: each is replayed at every test and kept in the repository.
const FILES_MAX: usize = 100;
const BYTES_MAX: usize = 200 * 1024;

fn replay(name: &str) {
    let target = fuzz::TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let inputs: Vec<_> = fs::read_dir(&kept)
        .unwrap_or_else(|error| panic!("{}: {error}", kept.display()))
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!((1..FILES_MAX).contains(&inputs.len()), "{}", inputs.len());
    assert!(inputs.iter().map(Vec::len).sum::<usize>() < BYTES_MAX);
    for input in inputs {
        target(&input);
    }
}

macro_rules! replays {
    ($($name:ident),+) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )+

        #[test]
        fn no_target_is_left_out() {
            let replayed = [$(stringify!($name)),+];
            assert!(fuzz::TARGETS.iter().map(|(name, _)| *name).eq(replayed));
        }
    };
}

replays!(bundle, environment);
