//! Data partition (ext4): mount, repair, factory reset.
//!
//! There is no `e2fsck`: the kernel replays the journal. If the file system is damaged
//! nevertheless, its files are salvaged as far as possible, an empty file system is written, and
//! the files are restored. If the card cannot be used, a tmpfs replaces it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use failberry_service::card_file;
use failberry_state::BootMillis;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount, umount},
    sys::statfs::{EXT4_SUPER_MAGIC, statfs},
};

use super::{
    BootWarnings,
    card::wait_for,
    empty_fs::{EmptyFilesystem, EmptyFsError, holds_ext4},
    salvage::SalvagedFiles,
};
use crate::mounts::NOSUID_NODEV_NOEXEC;

/// File on the partition that requests a factory reset at the next boot.
const RESET_FILE: &str = "factory-reset";

/// Directory in which the kernel counts the errors of a file system.
const EXT4_SYSFS: &str = "/sys/fs/ext4";

/// The data partition.
#[derive(Debug)]
pub(super) struct DataPartition {
    /// Device node.
    pub(super) device: PathBuf,
    /// Mount point.
    pub(super) directory: PathBuf,
    /// File with the image of an empty file system.
    pub(super) blocks: PathBuf,
}

/// Why the partition cannot be used, and the files that could be read nevertheless.
struct Unusable {
    why: String,
    salvaged: SalvagedFiles,
}

impl<T: std::fmt::Display> From<T> for Unusable {
    fn from(why: T) -> Self {
        Self {
            why: why.to_string(),
            salvaged: SalvagedFiles::default(),
        }
    }
}

impl DataPartition {
    /// Mounts the partition, or a tmpfs in its place. Returns whether data survive a reboot.
    /// Empties the partition first if `reset` is set or a factory reset was requested.
    pub(super) fn open(&self, until: BootMillis, reset: bool, warnings: &mut BootWarnings) -> bool {
        let Err(unusable) = self.prepare(until, reset, warnings) else {
            return true;
        };
        let (place, device) = (self.directory.display(), self.device.display());
        warnings.add(format!(
            "{place} is in memory and lost at power-off: {device}: {}",
            unusable.why
        ));
        let options = Some("mode=0755,size=4m");
        let flags = NOSUID_NODEV_NOEXEC | MsFlags::MS_NOATIME;
        let tmpfs = Some("tmpfs");
        match mount(tmpfs, &self.directory, tmpfs, flags, options) {
            Ok(()) => self.restore(&unusable.salvaged, warnings),
            Err(error) => warnings.add(format!("cannot mount a tmpfs on {place}: {error}")),
        }
        false
    }

    /// Mounts the partition, after repair or reset if that is due.
    fn prepare(
        &self,
        until: BootMillis,
        reset: bool,
        warnings: &mut BootWarnings,
    ) -> Result<(), Unusable> {
        wait_for(&self.device, until)?;
        if reset {
            return self.wipe();
        }
        let error = match self.mount() {
            Ok(()) if self.directory.join(RESET_FILE).exists() => {
                umount(&self.directory)?;
                log::warn!("everything kept on the card is forgotten, as asked for");
                return self.wipe();
            }
            Ok(()) if self.error_count() == 0 => return Ok(()),
            Ok(()) => {
                let salvaged = SalvagedFiles::read_from(&self.directory);
                umount(&self.directory)?;
                return self.recreate("it has errors", salvaged, warnings);
            }
            Err(error) => error,
        };
        if !holds_ext4(&mut File::open(&self.device)?)? {
            return self.recreate(
                "there was no file system",
                SalvagedFiles::default(),
                warnings,
            );
        }
        let salvaged = self.salvage();
        match error {
            // Errors of a damaged file system; with others the card may work at the next boot.
            Errno::EINVAL | Errno::EUCLEAN | Errno::EBADMSG => {
                self.recreate(&format!("mounting it: {error}"), salvaged, warnings)
            }
            _ => Err(Unusable {
                why: format!("cannot mount it: {error}"),
                salvaged,
            }),
        }
    }

    fn mount(&self) -> nix::Result<()> {
        let flags = NOSUID_NODEV_NOEXEC | MsFlags::MS_NOATIME;
        self.mount_with(flags, "errors=remount-ro")
    }

    fn mount_with(&self, flags: MsFlags, options: &str) -> nix::Result<()> {
        let (device, directory) = (Some(&self.device), &self.directory);
        mount(device, directory, Some("ext4"), flags, Some(options))
    }

    /// Returns the number of errors that the kernel has found since the file system was made.
    fn error_count(&self) -> u64 {
        let name = self.device.file_name().unwrap_or_default();
        let path = Path::new(EXT4_SYSFS).join(name).join("errors_count");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Reads the files without replaying the journal, which may be damaged itself.
    fn salvage(&self) -> SalvagedFiles {
        let flags = NOSUID_NODEV_NOEXEC | MsFlags::MS_RDONLY;
        if self.mount_with(flags, "noload").is_err() {
            return SalvagedFiles::default();
        }
        let salvaged = SalvagedFiles::read_from(&self.directory);
        if let Err(error) = umount(&self.directory) {
            log::warn!("cannot unmount {}: {error}", self.directory.display());
        }
        salvaged
    }

    /// Writes an empty file system and mounts it.
    fn wipe(&self) -> Result<(), Unusable> {
        self.write_empty_fs()?;
        self.mount()?;
        Ok(())
    }

    /// Writes an empty file system, mounts it and restores the files.
    fn recreate(
        &self,
        why: &str,
        salvaged: SalvagedFiles,
        warnings: &mut BootWarnings,
    ) -> Result<(), Unusable> {
        if let Err(error) = self.write_empty_fs() {
            let why = format!("{why}; cannot make it anew: {error}");
            return Err(Unusable { why, salvaged });
        }
        self.mount()?;
        let count = salvaged.file_count();
        warnings.add(format!(
            "{} was made anew, since {why}; {count} files of those on it could be kept",
            self.device.display()
        ));
        self.restore(&salvaged, warnings);
        Ok(())
    }

    /// Restores the files; those that are lost are warnings.
    fn restore(&self, salvaged: &SalvagedFiles, warnings: &mut BootWarnings) {
        for path in &salvaged.lost {
            warnings.add(format!("{} is lost", self.directory.join(path).display()));
        }
        if let Err(error) = salvaged.restore(&self.directory) {
            let place = self.directory.display();
            warnings.add(format!("not all came back to {place}: {error}"));
        }
    }

    /// Writes an empty file system.
    fn write_empty_fs(&self) -> Result<(), EmptyFsError> {
        let io = |what| move |source| EmptyFsError::Io { what, source };
        let bytes = fs::read(&self.blocks).map_err(io("the blocks of an empty one"))?;
        let empty_fs = EmptyFilesystem::new(self.blocks.clone(), &bytes)?;
        let device = File::options().read(true).write(true).open(&self.device);
        empty_fs.write(&mut device.map_err(io("opening it"))?)
    }
}

/// Requests a factory reset at the next boot, by a file in `directory`. Services use the partition
/// now, so it cannot be emptied at once.
pub(super) fn request_factory_reset(directory: &Path) -> io::Result<()> {
    if statfs(directory)?.filesystem_type() != EXT4_SUPER_MAGIC {
        let why = format!("{} is not on the card", directory.display());
        return Err(io::Error::other(why));
    }
    card_file::replace(&directory.join(RESET_FILE), b"")
}

#[cfg(test)]
mod tests;
