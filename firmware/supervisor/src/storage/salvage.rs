//! Files salvaged from a damaged data partition, to be restored to a new one.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// Bounds, far above what the box stores: a damaged file system may claim any size.
const MAX_BYTES: u64 = 4 << 20;
const MAX_ENTRIES: usize = 256;
const MAX_DEPTH: usize = 4;

/// Directory that every ext file system has for its own use.
const LOST_AND_FOUND: &str = "lost+found";

/// Files and directories in memory, each directory before its content.
#[derive(Debug, Default)]
pub(super) struct SalvagedFiles {
    entries: Vec<Entry>,
    bytes: u64,
    /// Paths that could not be read.
    pub(super) lost: Vec<PathBuf>,
}

/// A file or directory.
#[derive(Debug)]
struct Entry {
    /// Relative to the root.
    path: PathBuf,
    mode: u32,
    owner: u32,
    /// None for a directory.
    content: Option<Vec<u8>>,
}

impl SalvagedFiles {
    /// Reads all files below `root` that can be read.
    pub(super) fn read_from(root: &Path) -> Self {
        let mut salvaged = Self::default();
        salvaged.read_directory(root, Path::new(""), MAX_DEPTH);
        salvaged
    }

    fn read_directory(&mut self, root: &Path, below: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(root.join(below)) else {
            self.lost.push(below.to_owned());
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let path = below.join(entry.file_name());
            if path == Path::new(LOST_AND_FOUND) {
                continue;
            }
            let full = self.entries.len() >= MAX_ENTRIES || depth == 0;
            if full || self.read_entry(root, &path, depth).is_err() {
                self.lost.push(path);
            }
        }
    }

    fn read_entry(&mut self, root: &Path, path: &Path, depth: usize) -> io::Result<()> {
        let metadata = fs::symlink_metadata(root.join(path))?;
        let mut entry = Entry {
            path: path.to_owned(),
            mode: metadata.mode() & 0o777,
            owner: metadata.uid(),
            content: None,
        };
        if metadata.is_dir() {
            self.entries.push(entry);
            self.read_directory(root, path, depth - 1);
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let most = MAX_BYTES.saturating_sub(self.bytes);
        if metadata.len() > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut content = Vec::new();
        let file = File::open(root.join(path))?;
        file.take(most).read_to_end(&mut content)?;
        self.bytes += metadata.len();
        entry.content = Some(content);
        self.entries.push(entry);
        Ok(())
    }

    /// Returns the number of salvaged files.
    pub(super) fn file_count(&self) -> usize {
        let files = self.entries.iter().filter(|entry| entry.content.is_some());
        files.count()
    }

    /// Writes everything below `root`, and waits until it is on the card.
    pub(super) fn restore(&self, root: &Path) -> io::Result<()> {
        for entry in &self.entries {
            let path = root.join(&entry.path);
            match &entry.content {
                None => fs::create_dir(&path)?,
                Some(content) => {
                    let mut file = File::create(&path)?;
                    // Before it has content that others could read.
                    file.set_permissions(Permissions::from_mode(entry.mode))?;
                    file.write_all(content)?;
                    file.sync_all()?;
                }
            }
            fs::set_permissions(&path, Permissions::from_mode(entry.mode))?;
            chown(&path, Some(entry.owner), Some(entry.owner))?;
        }
        File::open(root)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn salvaged_files_are_restored_with_mode_and_content() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &str| old.path().join(path);
        fs::create_dir_all(at("config")).unwrap();
        fs::create_dir_all(at("lost+found")).unwrap();
        fs::set_permissions(at("config"), Permissions::from_mode(0o700)).unwrap();
        fs::write(at("config/settings.json"), "{}").unwrap();
        fs::set_permissions(at("config/settings.json"), Permissions::from_mode(0o600)).unwrap();
        fs::write(at("time"), "1").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        File::create(at("huge"))
            .unwrap()
            .set_len(MAX_BYTES)
            .unwrap();
        let salvaged = SalvagedFiles::read_from(old.path());
        assert_eq!(salvaged.entries.len(), 3);
        let mut lost = salvaged.lost.clone();
        lost.sort();
        assert_eq!(lost, [Path::new("huge"), Path::new("link")]);
        salvaged.restore(new.path()).unwrap();
        let at = |path: &str| new.path().join(path);
        assert_eq!(
            fs::read_to_string(at("config/settings.json")).unwrap(),
            "{}"
        );
        assert_eq!(fs::read_to_string(at("time")).unwrap(), "1");
        for (path, mode) in [("config", 0o700), ("config/settings.json", 0o600)] {
            assert_eq!(fs::metadata(at(path)).unwrap().mode() & 0o777, mode);
        }
    }
}
