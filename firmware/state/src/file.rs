//! Writing and reading one state file.

use std::{
    fs, io,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use crate::{Service, types::State};

/// Root of all run-time state; a tmpfs, so nothing here wears the card.
pub const RUN: &str = "/run/failberry";

/// A state file that could not be written or understood.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The contents are not of the type expected.
    #[error("{path}: expected {expected}: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Type that was asked for.
        expected: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
}

/// The writer's end of a state file.
pub struct StateFile<T> {
    path: PathBuf,
    temporary: PathBuf,
    kind: PhantomData<T>,
}

impl<T: State> StateFile<T> {
    /// The file that `T`'s owner writes.
    pub fn new() -> Self {
        Self::under(Path::new(RUN))
    }

    /// The same below another root.
    pub fn under(root: &Path) -> Self {
        let path = path_below(root, T::OWNER);
        Self {
            temporary: path.with_extension("new"),
            path,
            kind: PhantomData,
        }
    }

    /// Makes `value` the present in one step.
    ///
    /// # Errors
    /// The file system's, with the path.
    pub fn publish(&self, value: &T) -> Result<(), StateError> {
        let text = serde_json::to_vec(value).map_err(|source| StateError::Format {
            path: self.path.clone(),
            expected: std::any::type_name::<T>(),
            source,
        })?;
        fs::write(&self.temporary, text).map_err(io_error(&self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(io_error(&self.path))
    }
}

impl<T: State> Default for StateFile<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The present as its owner last told it; the default where it has told nothing yet.
///
/// # Errors
/// The file system's, or contents of another type, with the path.
pub fn read<T: State>() -> Result<T, StateError> {
    read_under(Path::new(RUN))
}

/// The same below another root.
///
/// # Errors
/// As [`read`].
pub fn read_under<T: State>(root: &Path) -> Result<T, StateError> {
    let path = path_below(root, T::OWNER);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(error) => return Err(io_error(&path)(error)),
    };
    serde_json::from_slice(&text).map_err(|source| StateError::Format {
        path,
        expected: std::any::type_name::<T>(),
        source,
    })
}

/// Directory that belongs to `service`, where its state and configuration lie.
pub fn directory(service: Service) -> PathBuf {
    Path::new(RUN).join(service.name())
}

fn path_below(root: &Path, owner: Service) -> PathBuf {
    root.join(owner.name()).join("state.json")
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StateError + '_ {
    move |source| StateError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{HealthState, UplinkState};

    #[test]
    fn what_is_published_is_read_and_absence_is_the_default() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            read_under::<UplinkState>(root.path()).unwrap(),
            UplinkState::default()
        );
        fs::create_dir(root.path().join("uplink")).unwrap();
        let told = UplinkState {
            calls: 7,
            ..UplinkState::default()
        };
        StateFile::under(root.path()).publish(&told).unwrap();
        assert_eq!(read_under::<UplinkState>(root.path()).unwrap(), told);
    }

    #[test]
    fn garbage_names_file_and_type() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("health")).unwrap();
        fs::write(root.path().join("health/state.json"), b"{").unwrap();
        let error = read_under::<HealthState>(root.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("health/state.json") && error.contains("HealthState"),
            "{error}"
        );
    }
}
