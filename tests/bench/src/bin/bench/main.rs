//! Command-line front end of the test bench: `bench run` boots the card in an emulated Pi with an
//! interactive console; `bench measure` prints the figures of docs/benchmarks.md.

mod measure;
mod run;
mod terminal;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let verb = env::args().nth(1).unwrap_or_default();
    let outcome = match verb.as_str() {
        "run" => run::run(),
        "measure" => measure::measure(),
        other => Err(format!("expected run or measure, got {other:?}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
