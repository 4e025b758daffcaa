//! `cargo test --package failberry-system-tests [-- --all] [-- SCENE]`

use std::{env, process::ExitCode};

use failberry_system_tests::{Suite, house, mistakes, pin, shipped};

fn main() -> ExitCode {
    // `--all` is for what takes longer than `make test` may; the harness' own flags mean nothing.
    let filter = env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut suite = Suite::new(filter);
    house::play(&mut suite);
    mistakes::play(&mut suite);
    pin::play(&mut suite);
    shipped::play(&mut suite);
    if suite.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
