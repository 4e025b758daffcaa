//! Kernel images: for which processor, where to load them, and how much memory they take there.

use crate::{Error, Result, zimage};

/// Where a 32-bit kernel goes: what it unpacks itself to lies below and around.
const ZIMAGE_AT: u64 = 0x0008_0000;
/// Where a 64-bit kernel goes: it wants a multiple of 2 MiB, plus an offset of its own.
const ARM64_AT: u64 = 0x0020_0000;

/// Header of a 64-bit kernel (`Documentation/arch/arm64/booting.rst`): its magic number, the offset
/// from a multiple of 2 MiB, and the memory that it takes, unpacked as it is.
const MAGIC_AT: usize = 0x38;
const MAGIC: &[u8] = b"ARM\x64";
const OFFSET_AT: usize = 0x08;
const SIZE_AT: usize = 0x10;

/// How a kernel is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// Its processor, as U-Boot calls it.
    pub(crate) arch: &'static str,
    /// Where it goes, and where it is entered.
    pub(crate) load: u64,
    /// First address that it leaves alone.
    pub(crate) end: u64,
}

impl Kernel {
    /// By the header of the image.
    pub(crate) fn of(image: &[u8]) -> Result<Self> {
        if !image
            .get(MAGIC_AT..)
            .is_some_and(|it| it.starts_with(MAGIC))
        {
            return Ok(Self {
                arch: "arm",
                load: ZIMAGE_AT,
                end: zimage::end_of_use(image, ZIMAGE_AT)?,
            });
        }
        let load = ARM64_AT.saturating_add(word(image, OFFSET_AT)?);
        let size = word(image, SIZE_AT)?.max(image.len() as u64);
        Ok(Self {
            arch: "arm64",
            load,
            end: load.saturating_add(size),
        })
    }
}

fn word(image: &[u8], at: usize) -> Result<u64> {
    image
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|bytes| u64::from_le_bytes(*bytes))
        .ok_or_else(|| Error::Malformed {
            what: "kernel".into(),
            expected: "an arm64 image".into(),
            got: "a file that ends too early".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm64(offset: u64, size: u64) -> Vec<u8> {
        let mut image = vec![0; 0x40];
        image[OFFSET_AT..OFFSET_AT + 8].copy_from_slice(&offset.to_le_bytes());
        image[SIZE_AT..SIZE_AT + 8].copy_from_slice(&size.to_le_bytes());
        image[MAGIC_AT..].copy_from_slice(MAGIC);
        image
    }

    #[test]
    fn a_64_bit_kernel_says_how_much_memory_it_takes() {
        let kernel = Kernel::of(&arm64(0x8_0000, 0x100_0000)).unwrap();
        assert_eq!((kernel.arch, kernel.load), ("arm64", 0x28_0000));
        assert_eq!(kernel.end, 0x128_0000);
        assert_eq!(Kernel::of(&arm64(0, 0)).unwrap().end, 0x20_0040);
        assert_eq!(Kernel::of(&arm64(u64::MAX, 1)).unwrap().end, u64::MAX);
    }

    #[test]
    fn others_are_taken_for_32_bit_ones() {
        let kernel = Kernel::of(&zimage::tests::zimage(0x1000, 0)).unwrap();
        assert_eq!((kernel.arch, kernel.load), ("arm", 0x8_0000));
        assert!(Kernel::of(b"ELF").is_err());
    }
}
