//! A person's laptop on the LAN, with `failberryctl` and a key.

use std::{
    env, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::net::Namespace;

/// What the laptop could not do.
#[derive(Debug, thiserror::Error)]
pub enum LaptopError {
    /// There is no program to do it with.
    #[error("failberryctl is not built: run `cargo build --package failberry-tool`")]
    NotBuilt,
    /// A file or the program itself.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The program says no.
    #[error("{0}")]
    Refused(String),
}

/// A laptop with a key of its own.
pub struct Laptop {
    program: PathBuf,
    directory: PathBuf,
    public: String,
}

impl Laptop {
    /// Makes a key; all that the laptop has lies in `directory`.
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

    /// The public half of its key, as it stands in `update.keys`.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Where a file of its own is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes another key, and gives its public half.
    ///
    /// # Errors
    /// `failberryctl`'s.
    pub fn key(&self, name: &str) -> Result<String, LaptopError> {
        let path = self.text(name);
        self.tool(&["key", "new", &path])?;
        Ok(self.tool(&["key", "show", &path])?.trim().to_owned())
    }

    /// Makes a bundle of `image` for the Raspberry Pi 2B, signed with the first key.
    ///
    /// # Errors
    /// `failberryctl`'s.
    pub fn bundle(&self, image: &Path, version: &str) -> Result<PathBuf, LaptopError> {
        self.bundle_for("rpi2", image, version)
    }

    /// The same for another board.
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
    /// `key`; gives what `failberryctl` says.
    ///
    /// # Errors
    /// What it says of a push that was not taken.
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

/// `failberryctl`, as it lies beside the running program or a test's directory.
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
