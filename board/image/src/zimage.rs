//! The 32-bit ARM kernel image that unpacks itself: how much memory it takes while it does so.

use crate::{Error, Result};

/// Where the header keeps its magic number, and the number.
const MAGIC: (usize, u32) = (0x24, 0x016F_2818);
/// Where the header keeps the magic number of its extension, and the number.
const EXTENSION: (usize, u32) = (0x34, 0x4545_4545);
/// Where the extension tells the place of the table of sizes.
const TABLE_AT: usize = 0x38;
/// Second word of the table. The first is the number of words; after it follow the place of the
/// unpacked size, the size of what is zeroed, the distance of the kernel from the beginning of
/// memory, and the size of the unpacker's heap.
const SIZES: u32 = u32::from_le_bytes(*b"KLSZ");
const TABLE_WORDS: u32 = 6;
/// The unpacker's stack and alignment, generously.
const STACK: u64 = 0x4000;

/// First address that the kernel leaves alone when it is loaded at `load`, memory beginning at 0.
///
/// The unpacked kernel goes near the beginning of memory. Where it would run over its unpacker,
/// the unpacker first moves behind the place of the unpacked kernel.
pub(crate) fn end_of_use(kernel: &[u8], load: u64) -> Result<u64> {
    expect(kernel, MAGIC, "another file")?;
    expect(kernel, EXTENSION, "one without")?;
    let table = usize_of(word(kernel, TABLE_AT)?);
    let entry = |index: usize| word(kernel, table.saturating_add(4 * index));
    expect(
        kernel,
        (table.saturating_add(4), SIZES),
        "one with another table",
    )?;
    if entry(0)? < TABLE_WORDS {
        return Err(malformed("an older one"));
    }
    let unpacked = u64::from(word(kernel, usize_of(entry(2)?))?);
    let [zeroed, distance, heap] = [entry(3)?, entry(4)?, entry(5)?].map(u64::from);
    let loader = kernel.len() as u64 + heap + STACK;
    Ok((distance + unpacked + zeroed)
        .max(distance + unpacked + loader)
        .max(load + loader))
}

fn word(kernel: &[u8], at: usize) -> Result<u32> {
    kernel
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|bytes| u32::from_le_bytes(*bytes))
        .ok_or_else(|| malformed("a file that ends too early"))
}

fn expect(kernel: &[u8], (at, magic): (usize, u32), otherwise: &str) -> Result<()> {
    if word(kernel, at)? == magic {
        Ok(())
    } else {
        Err(malformed(otherwise))
    }
}

fn usize_of(word: u32) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

fn malformed(got: &str) -> Error {
    Error::Malformed {
        what: "kernel".into(),
        expected: "an ARM zImage with a table of its sizes".into(),
        got: got.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with a zImage's header that says how large the kernel is.
    pub(crate) fn zimage(unpacked: u32, zeroed: u32) -> Vec<u8> {
        let mut kernel = vec![0; 0x60];
        for (at, word) in [
            (0x24, MAGIC.1),
            (0x34, EXTENSION.1),
            (0x38, 0x40),
            (0x40, TABLE_WORDS),
            (0x44, SIZES),
            (0x48, 0x5C),
            (0x4C, zeroed),
            (0x50, 0x20_8000),
            (0x54, 0x1_0000),
            (0x5C, unpacked),
        ] {
            kernel[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        kernel
    }

    #[test]
    fn the_end_is_the_farthest_of_kernel_and_unpacker() {
        let end = |unpacked, zeroed, load| end_of_use(&zimage(unpacked, zeroed), load).unwrap();
        assert_eq!(end(0x100_0000, 0, 0), 0x120_8000 + 0x1_4060);
        assert_eq!(end(0x100_0000, 0x40_0000, 0), 0x160_8000);
        assert_eq!(end(0x1000, 0, 0x80_0000), 0x80_0000 + 0x1_4060);
    }

    #[test]
    fn what_is_no_zimage_is_refused_at_any_length() {
        let good = zimage(1, 1);
        for len in 0..good.len() {
            assert!(end_of_use(&good[..len], 0).is_err(), "{len}");
        }
        let mut far = good;
        far[0x38..0x3C].fill(0xFF);
        assert!(end_of_use(&far, 0).is_err());
    }
}
