//! Small files on the card, written so that a power cut leaves the old or the new one, and never
//! by a thread that others wait for: a card that dies can hold up a write for ever.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// More than most files here have.
const LARGEST: usize = 64 * 1024;

/// Makes `bytes` the content of `path` in one step.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    // Some of them hold secrets.
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true);
    let mut file = options.mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // The name, too, must be on the card.
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The content of `path` as far as it is reasonable; none where there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_up_to(path, LARGEST)
}

/// The same for a file that may have more, or less.
pub(crate) fn read_up_to(path: &Path, largest: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(largest.try_into().unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes one file over and over, in order, in the background.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    under_way: Option<Receiver<()>>,
}

impl Writer {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            under_way: None,
        }
    }

    /// Begins to make `bytes` the content. Trouble is told to the log.
    pub(crate) fn begin(&mut self, bytes: Vec<u8>) {
        let (done, wait) = mpsc::channel();
        let before = self.under_way.replace(wait);
        let path = self.path.clone();
        let started = thread::Builder::new().name("card".into()).spawn(move || {
            if let Some(before) = before {
                let _ = before.recv();
            }
            if let Err(error) = replace(&path, &bytes) {
                log::warn!("cannot write {}: {error}", path.display());
            }
            let _ = done.send(());
        });
        if let Err(error) = started {
            log::warn!("cannot write {}: {error}", self.path.display());
        }
    }

    /// Waits until all is written, for `bound` at most; gives out whether it is.
    pub(crate) fn settle(&mut self, bound: Duration) -> bool {
        let Some(wait) = self.under_way.take() else {
            return true;
        };
        wait.recv_timeout(bound) != Err(mpsc::RecvTimeoutError::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_many_writes_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.json");
        assert_eq!(read(&path).unwrap(), None);
        let mut writer = Writer::new(path.clone());
        assert!(writer.settle(Duration::ZERO));
        for count in 0..20 {
            writer.begin(vec![b'x'; count]);
        }
        assert!(writer.settle(Duration::from_secs(20)));
        assert_eq!(read(&path).unwrap().map(|bytes| bytes.len()), Some(19));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_is_missing_holds_up_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(directory.path().join("none/file.json"));
        writer.begin(vec![1]);
        assert!(writer.settle(Duration::from_secs(20)));
    }
}
