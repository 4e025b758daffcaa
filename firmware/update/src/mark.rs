//! Marker file that a slot is being written; PID 1 reads it.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Shortest time between two touches. PID 1 ignores a mark that has not been touched for
/// [`failberry_service::UPDATE_WRITING_FOR`], which is ten times as long.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60);

/// The marker file, in memory (`/run`). While it exists and is fresh, PID 1 refuses to restart the
/// box.
pub(crate) struct WritingMark {
    path: PathBuf,
    touched: Instant,
}

impl WritingMark {
    /// Creates the mark.
    ///
    /// # Errors
    /// The file system's, with the path.
    pub(crate) fn set(path: PathBuf) -> Result<Self, String> {
        File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            path,
            touched: Instant::now(),
        })
    }

    /// Records progress: touches the mark if the last touch was a minute ago.
    pub(crate) fn progress(&mut self) {
        if self.touched.elapsed() >= TOUCH_INTERVAL {
            self.touch();
        }
    }

    fn touch(&mut self) {
        self.touched = Instant::now();
        // Truncating sets the modification time, and recreates a mark that was removed.
        if let Err(error) = File::create(&self.path) {
            log::warn!("{}: {error}", self.path.display());
        }
    }

    /// Removes a mark left by an earlier process of this service.
    pub(crate) fn clear(path: PathBuf) {
        drop(Self {
            path,
            touched: Instant::now(),
        });
    }
}

impl Drop for WritingMark {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!("{}: {error}", self.path.display());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn mark_is_removed_on_drop() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("writing");
        let mark = WritingMark::set(path.clone()).unwrap();
        assert!(path.exists());
        drop(mark);
        assert!(!path.exists());
        WritingMark::clear(path);
        let error = WritingMark::set("/nowhere/writing".into()).map(drop);
        assert!(error.unwrap_err().contains("/nowhere/writing"));
    }

    #[test]
    fn progress_touches_the_mark_once_a_minute() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("writing");
        let mut mark = WritingMark::set(path.clone()).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let modified = || path.metadata().unwrap().modified().unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        mark.progress();
        assert_eq!(modified(), long_ago, "touched within the minute");
        mark.touched = Instant::now().checked_sub(TOUCH_INTERVAL).unwrap();
        mark.progress();
        assert!(modified() > long_ago);
    }
}
