use std::{io, path::PathBuf, process::ExitStatus};

/// What can keep an image from being made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that does part of the work could not be started.
    #[error("cannot start {tool}: {source} (the set-up installs it)")]
    ToolMissing {
        /// Its name.
        tool: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program that does part of the work failed.
    #[error("{tool} failed ({status}): {stderr}")]
    Tool {
        /// Its name.
        tool: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// `layout.toml` is not valid TOML or lacks a key.
    #[error("{path}: {source}", path = path.display())]
    LayoutSyntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// There is no board of that name.
    #[error("there is no board {name}; there are: {known}")]
    UnknownBoard {
        /// The name.
        name: String,
        /// The boards there are.
        known: String,
    },
    /// A `board.toml` is not valid TOML or lacks a key.
    #[error("{path}: {source}", path = path.display())]
    BoardSyntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// `layout.toml` describes a card that cannot be.
    #[error("layout: {0}")]
    Layout(String),
    /// A wanted module is neither in the module directory nor built into the kernel.
    #[error("kernel module {name}, wanted by {list}, is not in {dir}", dir = dir.display())]
    UnknownModule {
        /// The wanted name.
        name: String,
        /// The list that wants it.
        list: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// A part is larger than its place.
    #[error("{part} has {got} bytes, its place has {room}")]
    TooLarge {
        /// What does not fit.
        part: String,
        /// Its size.
        got: u64,
        /// The room there is.
        room: u64,
    },
    /// A file that the Pi's firmware needs is missing.
    #[error("boot file {name} is missing: {reason}")]
    BootFileMissing {
        /// Its name.
        name: String,
        /// What the Pi needs it for.
        reason: String,
    },
    /// An image that was to be read is not what it should be.
    #[error("{what}: expected {expected}, got {got}")]
    Malformed {
        /// The thing.
        what: String,
        /// What it should have been.
        expected: String,
        /// What it is.
        got: String,
    },
    /// U-Boot's environment cannot be made.
    #[error(transparent)]
    Environment(failberry_environment::EnvironmentError),
    /// The environment text has a line that is neither a variable nor a comment.
    #[error("U-Boot environment line {line}: expected name=value, got {text:?}")]
    EnvironmentLine {
        /// Line number, from 1.
        line: usize,
        /// The line.
        text: String,
    },
}

/// Result of making a part of the image.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For `map_err`: an I/O error that names the file.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
