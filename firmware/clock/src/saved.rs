//! The time that survives a power cut.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// A file holding seconds since 1970.
pub(crate) struct SavedTime {
    path: PathBuf,
}

/// A time that could not be saved.
#[derive(Debug, thiserror::Error)]
#[error("saving the time to {path}: {source}")]
pub(crate) struct SaveError {
    path: PathBuf,
    source: io::Error,
}

impl SavedTime {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// What was saved last; 1970 where that is missing or garbage.
    pub(crate) fn read(&self) -> Duration {
        let seconds = fs::read_to_string(&self.path)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// Replaces it in one step that a power cut cannot tear.
    pub(crate) fn write(&self, time: Duration) -> Result<(), SaveError> {
        let temporary = self.path.with_extension("new");
        let write = || {
            let mut file = File::create(&temporary)?;
            writeln!(file, "{}", time.as_secs())?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        };
        write().map_err(|source| SaveError {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_and_tolerates_garbage() {
        let home = tempfile::tempdir().unwrap();
        let saved = SavedTime::at(&home.path().join("time"));
        assert_eq!(saved.read(), Duration::ZERO);
        saved
            .write(Duration::from_millis(1_800_000_000_900))
            .unwrap();
        assert_eq!(saved.read(), Duration::from_secs(1_800_000_000));
        fs::write(home.path().join("time"), b"\xff\x00").unwrap();
        assert_eq!(saved.read(), Duration::ZERO);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = SavedTime::at(Path::new("/nowhere/time"))
            .write(Duration::ZERO)
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/time"), "{error}");
    }
}
