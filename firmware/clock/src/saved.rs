//! The time saved on the card, which survives a power loss.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Latest saved time that is accepted, in seconds since 1970: 2100-01-01. A later one is a flipped
/// bit on the card, and would make every server look wrong for ever.
const MAX_SAVED_SECONDS: u64 = 4_102_444_800;

/// File with seconds since 1970: the time on one line, the floor on the next.
pub(crate) struct SavedTime {
    path: PathBuf,
}

/// Content of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// Time of the save.
    pub(crate) time: Duration,
    /// Earliest time that is accepted.
    pub(crate) floor: Duration,
}

/// The time could not be saved.
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

    /// Returns what was saved last; 1970 if it is missing or garbage.
    pub(crate) fn read(&self) -> Times {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let mut lines = text.lines();
        let mut next = || {
            let seconds = lines.next().and_then(|line| line.trim().parse().ok());
            let seconds = seconds.filter(|seconds| *seconds < MAX_SAVED_SECONDS);
            Duration::from_secs(seconds.unwrap_or(0))
        };
        Times {
            time: next(),
            floor: next(),
        }
    }

    /// Replaces the file atomically, also under power loss.
    pub(crate) fn write(&self, times: Times) -> Result<(), SaveError> {
        let Times { time, floor } = times;
        let temporary = self.path.with_extension("new");
        let write = || {
            let mut file = File::create(&temporary)?;
            writeln!(file, "{}\n{}", time.as_secs(), floor.as_secs())?;
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
    fn saved_time_survives_and_garbage_reads_as_zero() {
        let home = tempfile::tempdir().unwrap();
        let saved = SavedTime::at(&home.path().join("time"));
        assert_eq!(saved.read(), Times::default());
        let seconds = Duration::from_secs;
        saved
            .write(Times {
                time: Duration::from_millis(1_800_000_000_900),
                floor: seconds(1_700_000_000),
            })
            .unwrap();
        let expected = Times {
            time: seconds(1_800_000_000),
            floor: seconds(1_700_000_000),
        };
        assert_eq!(saved.read(), expected);
        // As written by versions without a second line.
        fs::write(home.path().join("time"), "1800000000\n").unwrap();
        let floor = Duration::ZERO;
        assert_eq!(saved.read(), Times { floor, ..expected });
        let garbage: [&[u8]; 4] = [b"", b"\xff\x00", b"4102444800\n", b"18446744073709551615\n"];
        for garbage in garbage {
            fs::write(home.path().join("time"), garbage).unwrap();
            assert_eq!(saved.read(), Times::default(), "{garbage:?}");
        }
    }

    #[test]
    fn missing_directory_is_named() {
        let error = SavedTime::at(Path::new("/nowhere/time"))
            .write(Times::default())
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/time"), "{error}");
    }
}
