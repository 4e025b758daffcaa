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

use failberry_state::BootMillis;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount, umount},
    sys::statfs::{EXT4_SUPER_MAGIC, statfs},
};

use super::{
    Trouble,
    card::wait_for,
    pristine::{Pristine, PristineError, holds_ext4},
    rescue::Rescued,
};
use crate::{card_file, mounts::INERT};

/// A file on it that asks for a factory reset at the next boot.
const RESET: &str = "factory-reset";

/// Where the kernel tells how many errors a file system has.
const SYSFS: &str = "/sys/fs/ext4";

/// The partition and its place.
#[derive(Debug)]
pub(super) struct Data {
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
    rescued: Rescued,
}

impl<T: std::fmt::Display> From<T> for Unusable {
    fn from(why: T) -> Self {
        Self {
            why: why.to_string(),
            rescued: Rescued::default(),
        }
    }
}

impl Data {
    /// Mounts it, and tells whether what is kept there outlives this boot. All is forgotten first
    /// where `reset` says so, or where an order was left to that end.
    pub(super) fn open(&self, until: BootMillis, reset: bool, trouble: &mut Trouble) -> bool {
        let Err(unusable) = self.prepare(until, reset, trouble) else {
            return true;
        };
        let (place, device) = (self.directory.display(), self.device.display());
        trouble.add(format!(
            "{place} is in memory and lost at power-off: {device}: {}",
            unusable.why
        ));
        let options = Some("mode=0755,size=4m");
        let flags = INERT | MsFlags::MS_NOATIME;
        let tmpfs = Some("tmpfs");
        match mount(tmpfs, &self.directory, tmpfs, flags, options) {
            Ok(()) => self.put_back(&unusable.rescued, trouble),
            Err(error) => trouble.add(format!("cannot mount a tmpfs on {place}: {error}")),
        }
        false
    }

    fn prepare(
        &self,
        until: BootMillis,
        reset: bool,
        trouble: &mut Trouble,
    ) -> Result<(), Unusable> {
        wait_for(&self.device, until)?;
        if reset {
            return self.forget();
        }
        let error = match self.mount() {
            Ok(()) if self.directory.join(RESET).exists() => {
                umount(&self.directory)?;
                log::warn!("everything kept on the card is forgotten, as asked for");
                return self.forget();
            }
            Ok(()) if self.errors() == 0 => return Ok(()),
            Ok(()) => {
                let rescued = Rescued::from(&self.directory);
                umount(&self.directory)?;
                return self.remake("it has errors", rescued, trouble);
            }
            Err(error) => error,
        };
        if !holds_ext4(&mut File::open(&self.device)?)? {
            return self.remake("there was no file system", Rescued::default(), trouble);
        }
        let rescued = self.rescue();
        match error {
            // Those of a damaged file system; others are a card's that may be well next time.
            Errno::EINVAL | Errno::EUCLEAN | Errno::EBADMSG => {
                self.remake(&format!("mounting it: {error}"), rescued, trouble)
            }
            _ => Err(Unusable {
                why: format!("cannot mount it: {error}"),
                rescued,
            }),
        }
    }

    fn mount(&self) -> nix::Result<()> {
        let flags = INERT | MsFlags::MS_NOATIME;
        self.mount_with(flags, "errors=remount-ro")
    }

    fn mount_with(&self, flags: MsFlags, options: &str) -> nix::Result<()> {
        let (device, directory) = (Some(&self.device), &self.directory);
        mount(device, directory, Some("ext4"), flags, Some(options))
    }

    /// Errors that the kernel has found since the file system was made.
    fn errors(&self) -> u64 {
        let name = self.device.file_name().unwrap_or_default();
        let path = Path::new(SYSFS).join(name).join("errors_count");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Reads what can be read without the journal, which may be what is damaged.
    fn rescue(&self) -> Rescued {
        let flags = INERT | MsFlags::MS_RDONLY;
        if self.mount_with(flags, "noload").is_err() {
            return Rescued::default();
        }
        let rescued = Rescued::from(&self.directory);
        if let Err(error) = umount(&self.directory) {
            log::warn!("cannot unmount {}: {error}", self.directory.display());
        }
        rescued
    }

    fn forget(&self) -> Result<(), Unusable> {
        self.make_empty()?;
        self.mount()?;
        Ok(())
    }

    fn remake(&self, why: &str, rescued: Rescued, trouble: &mut Trouble) -> Result<(), Unusable> {
        if let Err(error) = self.make_empty() {
            let why = format!("{why}; cannot make it anew: {error}");
            return Err(Unusable { why, rescued });
        }
        self.mount()?;
        let count = rescued.files();
        trouble.add(format!(
            "{} was made anew, since {why}; {count} files of those on it could be kept",
            self.device.display()
        ));
        self.put_back(&rescued, trouble);
        Ok(())
    }

    fn put_back(&self, rescued: &Rescued, trouble: &mut Trouble) {
        for path in &rescued.lost {
            trouble.add(format!("{} is lost", self.directory.join(path).display()));
        }
        if let Err(error) = rescued.put_back(&self.directory) {
            let place = self.directory.display();
            trouble.add(format!("not all came back to {place}: {error}"));
        }
    }

    fn make_empty(&self) -> Result<(), PristineError> {
        let io = |what| move |source| PristineError::Io { what, source };
        let bytes = fs::read(&self.blocks).map_err(io("the blocks of an empty one"))?;
        let pristine = Pristine::new(self.blocks.clone(), &bytes)?;
        let device = File::options().read(true).write(true).open(&self.device);
        pristine.write(&mut device.map_err(io("opening it"))?)
    }
}

/// Leaves word in `directory` that all is to be forgotten at the next boot: what is in use now
/// cannot be taken away from those who use it.
pub(super) fn ask_to_forget(directory: &Path) -> io::Result<()> {
    if statfs(directory)?.filesystem_type() != EXT4_SUPER_MAGIC {
        let why = format!("{} is not on the card", directory.display());
        return Err(io::Error::other(why));
    }
    card_file::replace(&directory.join(RESET), b"")
}

#[cfg(test)]
mod tests;
