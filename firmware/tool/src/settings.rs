//! Checking a `failberrypi.toml` before it goes onto the card.

use std::{fs, path::Path};

use crate::Failure;

/// Tells every problem with its line.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    let bytes = fs::read(file).map_err(Failure::file(file))?;
    let parsed = failberry_config::parse_bytes(&bytes);
    for problem in &parsed.problems {
        println!("{}: {problem}", file.display());
    }
    match parsed.problems.len() {
        0 => {
            println!("{}: good", file.display());
            Ok(())
        }
        count => Err(Failure::Problems(count)),
    }
}
