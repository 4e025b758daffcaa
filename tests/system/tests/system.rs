//! `cargo test --package failberry-system-tests [-- --all] [-- SCENE]`

use std::{env, process::ExitCode};

use failberry_system_tests::{
    Suite, console, faults, first_boot, house, mistakes, pin, shipped, update,
};

fn main() -> ExitCode {
    // What takes longer than `make test` may.
    let all = env::args().any(|word| word == "--all");
    let filter = env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut suite = Suite::new(filter);
    house::play(&mut suite);
    mistakes::play(&mut suite);
    pin::play(&mut suite);
    first_boot::play(&mut suite);
    console::play(&mut suite);
    faults::play(&mut suite, all);
    shipped::play(&mut suite, all);
    update::play(&mut suite);
    if suite.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
