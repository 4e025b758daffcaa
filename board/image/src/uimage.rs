//! The legacy U-Boot header: QEMU's Pi machines load U-Boot itself only in this wrapping.

use crate::checksum::crc32;

const MAGIC: u32 = 0x2705_1956;
const OS_LINUX: u8 = 5;
const ARCH_ARM: u8 = 2;
const TYPE_KERNEL: u8 = 2;
const COMPRESSION_NONE: u8 = 0;
/// Where the Pi's firmware puts a 32-bit `kernel=` file, and so where U-Boot is linked to run.
const LOAD_ADDRESS: u32 = 0x8000;

/// U-Boot wrapped so that QEMU loads it where the Pi's firmware would.
pub fn wrap(u_boot: &[u8]) -> Vec<u8> {
    let size = u32::try_from(u_boot.len()).unwrap_or(u32::MAX);
    let header = |checksum: u32| {
        let mut header = Vec::with_capacity(64 + u_boot.len());
        for word in [
            MAGIC,
            checksum,
            0,
            size,
            LOAD_ADDRESS,
            LOAD_ADDRESS,
            crc32(u_boot),
        ] {
            header.extend_from_slice(&word.to_be_bytes());
        }
        header.extend_from_slice(&[OS_LINUX, ARCH_ARM, TYPE_KERNEL, COMPRESSION_NONE]);
        header.extend_from_slice(b"U-Boot");
        header.resize(64, 0);
        header
    };
    let mut image = header(crc32(&header(0)));
    image.extend_from_slice(u_boot);
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_checksums_hold() {
        let image = wrap(b"U-Boot's code");
        let word = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
        let mut header = image[..64].to_vec();
        header[4..8].fill(0);
        assert_eq!(word(4), crc32(&header));
        assert_eq!(word(24), crc32(&image[64..]));
        assert_eq!(&image[64..], b"U-Boot's code");
        assert_eq!(word(12), 13);
    }
}
