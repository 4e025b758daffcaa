//! The data partition: mounted; made anew where it cannot be used or is to be forgotten, with
//! whatever could be read from it; replaced by memory where the card does not take it.
//!
//! There is no `e2fsck` here: the kernel replays the journal, and what that does not mend is read
//! out, if it can be, and put into an empty file system.

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

/// A file on it that asks for a factory reset at the next boot.
const RESET_FILE: &str = "factory-reset";

/// Where the kernel tells how many errors a file system has.
const EXT4_SYSFS: &str = "/sys/fs/ext4";

/// The partition and its place.
#[derive(Debug)]
pub(super) struct DataPartition {
    /// The partition.
    pub(super) device: PathBuf,
    /// Where it is mounted.
    pub(super) directory: PathBuf,
    /// The file with the blocks of an empty one.
    pub(super) blocks: PathBuf,
}

/// Why the partition cannot be used, and what was read from it all the same.
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
    /// Mounts it, and tells whether what is kept there outlives this boot. All is forgotten first
    /// where `reset` says so, or where an order was left to that end.
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
            // Those of a damaged file system; others are a card's that may be well next time.
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

    /// Errors that the kernel has found since the file system was made.
    fn error_count(&self) -> u64 {
        let name = self.device.file_name().unwrap_or_default();
        let path = Path::new(EXT4_SYSFS).join(name).join("errors_count");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Reads what can be read without the journal, which may be what is damaged.
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

    fn wipe(&self) -> Result<(), Unusable> {
        self.write_empty_fs()?;
        self.mount()?;
        Ok(())
    }

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

    fn restore(&self, salvaged: &SalvagedFiles, warnings: &mut BootWarnings) {
        for path in &salvaged.lost {
            warnings.add(format!("{} is lost", self.directory.join(path).display()));
        }
        if let Err(error) = salvaged.restore(&self.directory) {
            let place = self.directory.display();
            warnings.add(format!("not all came back to {place}: {error}"));
        }
    }

    fn write_empty_fs(&self) -> Result<(), EmptyFsError> {
        let io = |what| move |source| EmptyFsError::Io { what, source };
        let bytes = fs::read(&self.blocks).map_err(io("the blocks of an empty one"))?;
        let empty_fs = EmptyFilesystem::new(self.blocks.clone(), &bytes)?;
        let device = File::options().read(true).write(true).open(&self.device);
        empty_fs.write(&mut device.map_err(io("opening it"))?)
    }
}

/// Leaves word in `directory` that all is to be forgotten at the next boot: what is in use now
/// cannot be taken away from those who use it.
pub(super) fn request_factory_reset(directory: &Path) -> io::Result<()> {
    if statfs(directory)?.filesystem_type() != EXT4_SUPER_MAGIC {
        let why = format!("{} is not on the card", directory.display());
        return Err(io::Error::other(why));
    }
    card_file::replace(&directory.join(RESET_FILE), b"")
}

#[cfg(test)]
mod tests;
