//! `cargo test --package failberry-system-tests --test system -- [--all] [--row TEXT]... [SCENE]`,
//! `... -- soak [--seed N] [--minutes M]`, or
//! `... -- power-cut [--seed N] [--cards C]`

use std::{env, process::ExitCode};

use failberry_system_tests::{
    Suite, bad_input, baseline, console,
    faults::{self, Choice},
    first_boot, pin, power_cut, pull, release_image, soak, update,
};

fn main() -> ExitCode {
    let mut choice = Choice {
        all: false,
        rows: Vec::new(),
    };
    let mut soaking = soak::Choice::default();
    let mut cutting = power_cut::Choice::default();
    let mut filter = None;
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Includes scenes and faults that take longer than `make test` may.
            "--all" => choice.all = true,
            // Faults whose names contain this; may be repeated.
            "--row" => choice.rows.extend(words.next()),
            "--seed" => {
                soaking.seed = number(words.next());
                cutting.seed = soaking.seed;
            }
            "--cards" => cutting.cards = number(words.next()).unwrap_or(cutting.cards),
            "--minutes" => soaking.minutes = number(words.next()).unwrap_or(soaking.minutes),
            // Cargo's own.
            _ if word.starts_with('-') => {}
            _ => filter = Some(word),
        }
    }
    let by_itself = filter.clone().unwrap_or_default();
    let mut suite = Suite::new(filter);
    if by_itself == soak::SCENE {
        soak::run(&mut suite, &soaking);
    }
    if by_itself == power_cut::SCENE {
        power_cut::run(&mut suite, &cutting);
    }
    baseline::run(&mut suite);
    bad_input::run(&mut suite);
    pin::run(&mut suite);
    first_boot::run(&mut suite);
    console::run(&mut suite);
    pull::run(&mut suite);
    faults::run(&mut suite, &choice);
    release_image::run(&mut suite, choice.all);
    update::run(&mut suite, choice.all);
    if suite.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Parses a number; a typing error must not start an hour of another run.
fn number(word: Option<String>) -> Option<u64> {
    let word = word.unwrap_or_default();
    match word.parse() {
        Ok(number) => Some(number),
        Err(error) => {
            eprintln!("expected a number, got {word:?}: {error}");
            std::process::exit(2)
        }
    }
}
