//! Boot partition (FAT), which a laptop can edit: settings file and factory reset request.
//!
//! It is mounted read-only, and read-write only while a reset request is removed. The settings are
//! overwritten in place, sector by sector on the device, by a text of the same length. Neither a
//! time stamp nor the dirty mark of a mounted file system is written, so a power cut can damage
//! only the erase block of the settings.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use failberry_config::MAX_BYTES;
use nix::{
    fcntl::{PosixFadviseAdvice, posix_fadvise},
    mount::{MsFlags, mount, umount},
};

use super::{SETTINGS_FILE, fibmap};
use crate::mounts::NOSUID_NODEV_NOEXEC;

/// Mount point.
const MOUNT_POINT: &str = "/boot";

/// Unit that a card writes at once, in bytes.
const SECTOR_BYTES: usize = 512;

/// Name of the file that requests a factory reset, with any extension: some systems hide them.
const RESET_FILE_STEM: &str = "factory-reset";

/// The mounted boot partition; in tests a directory that stands for it.
pub(super) struct BootPartition {
    directory: PathBuf,
    /// Mounted device: remounted read-write to remove files, unmounted on drop.
    device: Option<PathBuf>,
}

impl BootPartition {
    /// Mounts the partition `device`.
    pub(super) fn mount(device: &Path) -> io::Result<Self> {
        let flags = NOSUID_NODEV_NOEXEC | MsFlags::MS_RDONLY;
        mount(Some(device), MOUNT_POINT, Some("vfat"), flags, None::<&str>)?;
        Ok(Self {
            directory: MOUNT_POINT.into(),
            device: Some(device.to_owned()),
        })
    }

    /// Creates a stand-in from a directory.
    #[cfg(test)]
    pub(super) fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            device: None,
        }
    }

    /// Reads the settings file, up to one byte more than the limit, which shows that it is too
    /// long.
    pub(super) fn read_settings(&self) -> io::Result<Vec<u8>> {
        let most = u64::try_from(MAX_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let mut bytes = Vec::new();
        let file = File::open(self.directory.join(SETTINGS_FILE))?;
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Overwrites the settings file with `text` of the same length, and waits until it is on the
    /// card.
    pub(super) fn overwrite(&self, text: &str) -> io::Result<()> {
        let path = self.directory.join(SETTINGS_FILE);
        let file = match &self.device {
            Some(_) => File::open(&path)?,
            None => File::options().read(true).write(true).open(&path)?,
        };
        let mut before = vec![0; text.len()];
        if file.metadata()?.len() != u64::try_from(text.len()).unwrap_or(u64::MAX) {
            return Err(io::Error::other("it has changed its length meanwhile"));
        }
        file.read_exact_at(&mut before, 0)?;
        let sectors = before
            .chunks(SECTOR_BYTES)
            .zip(text.as_bytes().chunks(SECTOR_BYTES));
        let changed = (0..)
            .step_by(SECTOR_BYTES)
            .zip(sectors)
            .filter(|(_, (old, new))| old != new)
            .map(|(at, (_, new))| (at, new));
        if let Some(device) = &self.device {
            return write_sectors(device, &file, changed);
        }
        for (at, new) in changed {
            file.write_all_at(new, at)?;
        }
        file.sync_all()
    }

    /// Returns the files that request a factory reset.
    pub(super) fn reset_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let asks = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.to_ascii_lowercase();
            let rest = name.strip_prefix(RESET_FILE_STEM);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) && path.is_file()
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(asks).collect()
    }

    /// Removes `files`, and waits until that is on the card.
    pub(super) fn remove(&self, files: &[PathBuf]) -> io::Result<()> {
        self.while_writable(|| {
            for file in files {
                fs::remove_file(file)?;
            }
            File::open(&self.directory)?.sync_all()
        })
    }

    /// Runs `work` while the partition is mounted read-write.
    fn while_writable(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let remount = |more| {
            let flags = MsFlags::MS_REMOUNT | NOSUID_NODEV_NOEXEC | more;
            mount(
                None::<&str>,
                &self.directory,
                None::<&str>,
                flags,
                None::<&str>,
            )
        };
        if self.device.is_none() {
            return work();
        }
        remount(MsFlags::empty())?;
        let done = work();
        // Flushes, and marks the file system as clean.
        remount(MsFlags::MS_RDONLY)?;
        done
    }
}

impl Drop for BootPartition {
    fn drop(&mut self) {
        if self.device.is_some()
            && let Err(error) = umount(&self.directory)
        {
            log::warn!("cannot unmount {}: {error}", self.directory.display());
        }
    }
}

/// Writes the `changed` parts of `file`, each with its offset, directly to its `device`.
fn write_sectors<'a>(
    device: &Path,
    file: &File,
    changed: impl Iterator<Item = (u64, &'a [u8])>,
) -> io::Result<()> {
    let device = File::options().read(true).write(true).open(device)?;
    for (at, new) in changed {
        device.write_all_at(new, fibmap::device_offset(file, at)?)?;
    }
    device.sync_all()?;
    // Drop the cached pages of the file, which have the old content.
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).map_err(io::Error::from)
}

#[cfg(test)]
mod tests;
