//! The keys of the boxes one has pushed to: a line each, `host:port key`.

use std::{
    env, fs,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use failberry_config::PublicKey;

use crate::Failure;

/// The file.
pub(crate) struct Known {
    path: PathBuf,
}

impl Known {
    /// `path`, or the usual place.
    pub(crate) fn at(path: Option<PathBuf>) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path,
            None => usual().ok_or_else(|| Failure::File {
                path: "known-boxes".into(),
                source: io::Error::other("neither XDG_CONFIG_HOME nor HOME is set; use --known"),
            })?,
        };
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key noted for `host`, with its line.
    pub(crate) fn key(&self, host: &str) -> Result<Option<(PublicKey, String)>, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Failure::file(&self.path))?,
        };
        for line in text.lines() {
            let Some((name, key)) = line.split_once(' ') else {
                continue;
            };
            if name == host {
                // One that cannot be read must not count as none.
                let key = key.trim().parse().map_err(|reason| Failure::Content {
                    path: self.path.display().to_string(),
                    reason: format!("{line}: {reason}"),
                })?;
                return Ok(Some((key, line.to_owned())));
            }
        }
        Ok(None)
    }

    /// Notes the key of `host`.
    pub(crate) fn note(&self, host: &str, key: PublicKey) -> Result<(), Failure> {
        let note = || {
            if let Some(directory) = self.path.parent() {
                fs::create_dir_all(directory)?;
            }
            let mut file = File::options().append(true).create(true).open(&self.path)?;
            writeln!(file, "{host} {key}")
        };
        note().map_err(Failure::file(&self.path))
    }
}

fn usual() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    Some(config.or_else(home)?.join("failberry/known-boxes"))
}
