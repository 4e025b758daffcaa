//! `cargo test --package failberry-system-tests --test system -- [--all] [--row TEXT] [SCENE]`

use std::{env, process::ExitCode};

use failberry_system_tests::{
    Suite,
    faults::{self, Choice},
    house, mistakes, pin, shipped,
};

fn main() -> ExitCode {
    let mut choice = Choice {
        all: false,
        row: None,
    };
    let mut filter = None;
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // What takes longer than `make test` may.
            "--all" => choice.all = true,
            // Faults with this in their names.
            "--row" => choice.row = words.next(),
            // Cargo's own.
            _ if word.starts_with('-') => {}
            _ => filter = Some(word),
        }
    }
    let mut suite = Suite::new(filter);
    house::play(&mut suite);
    mistakes::play(&mut suite);
    pin::play(&mut suite);
    faults::play(&mut suite, &choice);
    shipped::play(&mut suite);
    if suite.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
