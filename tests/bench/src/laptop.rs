//! Owner's laptop on the LAN: runs `failberryctl` with a signing key.

use std::{
    env, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::net::Namespace;

/// Error of the laptop.
#[derive(Debug, thiserror::Error)]
pub enum LaptopError {
    /// `failberryctl` is not built.
    #[error("failberryctl is not built: run `cargo build --package failberry-tool`")]
    NotBuilt,
    /// I/O error of a file or of the program.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// `failberryctl` failed; contains its standard error.
    #[error("{0}")]
    Refused(String),
}

/// Laptop with a key of its own.
pub struct Laptop {
    program: PathBuf,
    directory: PathBuf,
    public: String,
}

impl Laptop {
    /// Creates a key; all files of the laptop are in `directory`.
    ///
    /// # Errors
    /// There is no `failberryctl`, or it fails.
    pub fn new(directory: &Path) -> Result<Self, LaptopError> {
        let mut laptop = Self {
            program: program()?,
            directory: directory.to_owned(),
            public: String::new(),
        };
        laptop.public = laptop.key("key.pem")?;
        Ok(laptop)
    }

    /// Returns the public half of its key, as written in `update.keys`.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Returns the path of one of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Creates another key and returns its public half.
    ///
    /// # Errors
    /// `failberryctl`'s.
    pub fn key(&self, name: &str) -> Result<String, LaptopError> {
        let path = self.text(name);
        self.tool(&["key", "new", &path])?;
        Ok(self.tool(&["key", "show", &path])?.trim().to_owned())
    }

    /// Creates a bundle of `image` for the Raspberry Pi 2B, signed with the first key.
    ///
    /// # Errors
    /// `failberryctl`'s.
    pub fn bundle(&self, image: &Path, version: &str) -> Result<PathBuf, LaptopError> {
        self.bundle_for("rpi2", image, version)
    }

    /// As [`Self::bundle`], for another board.
    ///
    /// # Errors
    /// `failberryctl`'s.
    pub fn bundle_for(
        &self,
        board: &str,
        image: &Path,
        version: &str,
    ) -> Result<PathBuf, LaptopError> {
        let (image, key, out) = (
            image.display().to_string(),
            self.text("key.pem"),
            self.text(version),
        );
        let [what, by] = [
            ["--board", board, "--version", version],
            ["--key", &key, "--out", &out],
        ];
        self.tool(&[&["bundle", &image], &what[..], &by].concat())?;
        Ok(out.into())
    }

    /// Pushes `bundle` from inside `namespace` to the box at `to`, proving the key in the file
    /// `key`; returns the output of `failberryctl`.
    ///
    /// # Errors
    /// Its error output if the push is refused.
    pub fn push(
        &self,
        namespace: &Namespace,
        to: Ipv4Addr,
        bundle: &Path,
        key: &str,
    ) -> Result<String, LaptopError> {
        let (bundle, to) = (bundle.display().to_string(), to.to_string());
        let (key, known) = (self.text(key), self.text("known"));
        let mut command = namespace.command(&self.program.display().to_string());
        let words = ["push", &bundle, &to, "--key", &key, "--known", &known];
        run(command.args(words))
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn tool(&self, words: &[&str]) -> Result<String, LaptopError> {
        run(Command::new(&self.program).args(words))
    }
}

/// Returns `failberryctl` beside the running program or one directory above.
fn program() -> Result<PathBuf, LaptopError> {
    let failed = |source| LaptopError::Io {
        what: "this program".into(),
        source,
    };
    let own = env::current_exe().map_err(failed)?;
    let found = own.ancestors().skip(1).take(2).find_map(|directory| {
        let path = directory.join("failberryctl");
        path.exists().then_some(path)
    });
    found.ok_or(LaptopError::NotBuilt)
}

fn run(command: &mut Command) -> Result<String, LaptopError> {
    let output = command.output().map_err(|source| LaptopError::Io {
        what: "failberryctl".into(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(LaptopError::Refused(why))
}
