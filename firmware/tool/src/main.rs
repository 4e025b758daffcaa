//! `failberryctl`: keys, bundles, pushing an update, checking a configuration.
#![forbid(unsafe_code)]

mod bundle;
mod key;
mod known;
mod push;
mod settings;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use failberry_config::PublicKey;
use failberry_update::{BLOCK, BundleError, SignError, Version, push::PushError};

/// What a person does with the box from a laptop.
#[derive(Parser)]
#[command(name = "failberryctl", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a key that signs updates, or show one.
    #[command(subcommand)]
    Key(Key),
    /// Sign a slot's image as an update.
    Bundle(Bundle),
    /// Tell what is in a bundle, and check it.
    Inspect {
        /// The bundle.
        bundle: PathBuf,
        /// A key that must have signed it, as it stands in update.keys; without one only the
        /// image is checked.
        #[arg(long)]
        key: Option<PublicKey>,
    },
    /// Push a bundle to a box on the LAN and have it tried.
    Push(Push),
    /// Check a failberrypi.toml: tells each problem with its line.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum Key {
    /// Make a key in a new file that only you can read; prints the line for failberrypi.toml.
    New {
        /// The file; it must not exist.
        file: PathBuf,
    },
    /// Print the public half, as it stands in update.keys.
    Show {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Args)]
struct Bundle {
    /// The slot's image (slot.fit).
    image: PathBuf,
    /// The board it is for, for instance rpi2.
    #[arg(long)]
    board: String,
    /// Its version, for instance 1.2.3.
    #[arg(long)]
    version: Version,
    /// File with the key that signs it.
    #[arg(long)]
    key: PathBuf,
    /// Where the bundle goes.
    #[arg(short, long)]
    out: PathBuf,
    /// Bytes of one block.
    #[arg(long, default_value_t = BLOCK, hide = true)]
    block: u32,
}

#[derive(Args)]
struct Push {
    /// The bundle.
    bundle: PathBuf,
    /// The box: an address or a name, with a port where it is not 9002.
    host: String,
    /// File with a key that stands in the box's update.keys.
    #[arg(long)]
    key: PathBuf,
    /// Install an older version than the one that runs.
    #[arg(long)]
    allow_downgrade: bool,
    /// Leave it to somebody else to restart the box.
    #[arg(long)]
    no_restart: bool,
    /// File with the boxes' keys, noted at the first push
    /// [default: failberry/known-boxes in the configuration directory].
    #[arg(long)]
    known: Option<PathBuf>,
}

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path}: {reason}")]
    Content { path: String, reason: String },
    #[error("{path}: {source}")]
    Key { path: String, source: SignError },
    #[error("{path}: {source}")]
    Bundle { path: String, source: BundleError },
    #[error("signing: {0}")]
    Sign(#[from] SignError),
    #[error("{host}: {source}")]
    Push { host: String, source: PushError },
    #[error("{host}: {source}")]
    Connect { host: String, source: io::Error },
    #[error(
        "{host} has another key than it had before.\n\
         Somebody may be in its place. If it was set up anew, take the line\n  {line}\n\
         out of {path} and push again. The key it shows now:\n  {got}"
    )]
    OtherBox {
        host: String,
        line: String,
        path: String,
        got: PublicKey,
    },
    #[error("{0} problems")]
    Problems(usize),
}

impl Failure {
    fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Key(Key::New { file }) => key::new(&file),
        Verb::Key(Key::Show { file }) => key::show(&file),
        Verb::Bundle(args) => bundle::make(&args),
        Verb::Inspect { bundle, key } => bundle::inspect(&bundle, key),
        Verb::Push(args) => push::push(&args),
        Verb::CheckConfig { file } => settings::check(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("failberryctl: {failure}");
            ExitCode::FAILURE
        }
    }
}
