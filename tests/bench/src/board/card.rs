//! SD card of an emulated board: image file and injected card faults.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use failberry_image::layout::Layout;

/// Bytes of a sector, the smallest unit a card reads.
pub const SECTOR: u64 = 512;

/// SD card backed by an image file.
#[derive(Clone, Debug)]
pub struct Card {
    path: PathBuf,
    write_protected: bool,
    bad_sectors: Vec<u64>,
}

impl Card {
    /// Creates a card without faults, backed by the image at `path`.
    pub const fn sound(path: PathBuf) -> Self {
        Self {
            path,
            write_protected: false,
            bad_sectors: Vec::new(),
        }
    }

    /// Returns the path of the image.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the write protection, effective from the next power-up.
    pub const fn write_protect(&mut self, on: bool) {
        self.write_protected = on;
    }

    /// Sets the unreadable sectors, effective from the next power-up.
    pub fn set_bad_sectors(&mut self, sectors: Vec<u64>) {
        self.bad_sectors = sectors;
    }

    /// Writes `bytes` to the image at `offset`. Only valid while the board is off: a running one
    /// has caches.
    ///
    /// # Errors
    /// The image's.
    pub fn overwrite(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.write_all_at(bytes, offset)
    }

    /// Replaces `failberrypi.toml` on the card.
    ///
    /// # Errors
    /// The image's.
    pub fn configure(&self, layout: &Layout, text: &[u8]) -> failberry_image::Result<()> {
        failberry_image::card::set_config(&self.path, layout, text)
    }

    /// QEMU's option for a drive with the card in it, named "card".
    pub(super) fn drive(&self, interface: &str) -> String {
        let path = self.path.display();
        let protected = if self.write_protected { "on" } else { "off" };
        let common = format!("if={interface},id=card,format=raw,readonly={protected}");
        if self.bad_sectors.is_empty() {
            return format!("file={path},{common}");
        }
        let mut drive = format!("file.driver=blkdebug,file.image.filename={path},{common}");
        for (index, sector) in self.bad_sectors.iter().enumerate() {
            // Event of every read, whatever its cause.
            drive.extend([
                format!(",file.inject-error.{index}.event=none"),
                format!(",file.inject-error.{index}.iotype=read"),
                format!(",file.inject-error.{index}.errno=5"),
                format!(",file.inject-error.{index}.sector={sector}"),
            ]);
        }
        drive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drive_option_reflects_card_faults() {
        let mut card = Card::sound("/c".into());
        assert_eq!(
            card.drive("sd"),
            "file=/c,if=sd,id=card,format=raw,readonly=off"
        );
        card.write_protect(true);
        card.set_bad_sectors(vec![7]);
        assert_eq!(
            card.drive("none"),
            "file.driver=blkdebug,file.image.filename=/c,if=none,id=card,format=raw,readonly=on,\
             file.inject-error.0.event=none,file.inject-error.0.iotype=read,\
             file.inject-error.0.errno=5,file.inject-error.0.sector=7"
        );
    }
}
