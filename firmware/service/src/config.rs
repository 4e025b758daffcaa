//! Handing a service its part of the configuration.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use failberry_state::{RUN, Service};
use serde::{Serialize, de::DeserializeOwned};

/// A configuration that could not be handed over or understood.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The contents are not what this version writes.
    #[error("{path}: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

/// The configuration that `storage` left for `service`; the default where it left none.
///
/// # Errors
/// The file system's or the format's, with the path.
pub fn read_config<T: DeserializeOwned + Default>(service: Service) -> Result<T, ConfigError> {
    let path = path(service);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => return Err(ConfigError::Io { path, source }),
    };
    serde_json::from_slice(&text).map_err(|source| ConfigError::Format { path, source })
}

/// Leaves `config` where only `service` (and root) can read it, in one step. Needs root.
///
/// # Errors
/// The file system's or the format's, with the path.
pub fn write_config<T: Serialize>(service: Service, config: &T) -> Result<(), ConfigError> {
    let path = path(service);
    let text = serde_json::to_vec(config).map_err(|source| ConfigError::Format {
        path: path.clone(),
        source,
    })?;
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o400)
            .open(&temporary)?;
        fchown(&file, Some(service.uid()), Some(service.uid()))?;
        file.write_all(&text)?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|source| ConfigError::Io {
        path: path.clone(),
        source,
    })
}

fn path(service: Service) -> PathBuf {
    Path::new(RUN).join("config").join(service.name())
}
