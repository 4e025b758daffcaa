//! The 64-bit ARM kernel image: how much memory it takes, from its header.

use crate::{Error, Result};

/// Where the header keeps its magic number, and the number.
const MAGIC: (usize, &[u8; 4]) = (0x38, b"ARM\x64");
/// Where it keeps the distance from a multiple of 2 MiB that it wants, and its size in memory.
const OFFSET_AT: usize = 0x08;
const SIZE_AT: usize = 0x10;

/// First address that the kernel leaves alone when it is loaded at `load`, a multiple of 2 MiB.
pub(crate) fn end_of_use(kernel: &[u8], load: u64) -> Result<u64> {
    let word = |at: usize| {
        let rest = kernel.get(at..).and_then(|rest| rest.first_chunk());
        rest.map(|bytes| u64::from_le_bytes(*bytes))
            .ok_or_else(|| malformed("a file that ends too early"))
    };
    let (offset, size) = (word(OFFSET_AT)?, word(SIZE_AT)?);
    let magic = kernel.get(MAGIC.0..).and_then(|rest| rest.first_chunk());
    if magic != Some(MAGIC.1) {
        return Err(malformed("another file"));
    }
    // Kernels of before 4.17 want one; U-Boot would move them away from `load`.
    if offset != 0 {
        return Err(malformed("one that must not begin at a multiple of 2 MiB"));
    }
    Ok(load.saturating_add(size.max(kernel.len() as u64)))
}

fn malformed(got: &str) -> Error {
    Error::Malformed {
        what: "kernel".into(),
        expected: "an arm64 Image".into(),
        got: got.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with an Image's header that says how much memory the kernel takes.
    pub(crate) fn image(size: u64) -> Vec<u8> {
        let mut kernel = vec![0; 0x40];
        kernel[SIZE_AT..SIZE_AT + 8].copy_from_slice(&size.to_le_bytes());
        kernel[MAGIC.0..].copy_from_slice(&[MAGIC.1.as_slice(), &[0; 4]].concat());
        kernel
    }

    #[test]
    fn the_end_is_that_of_the_memory_the_header_asks_for() {
        assert_eq!(
            end_of_use(&image(0x300_0000), 0x20_0000).unwrap(),
            0x320_0000
        );
        assert_eq!(end_of_use(&image(1), 0x20_0000).unwrap(), 0x20_0040);
        assert_eq!(end_of_use(&image(u64::MAX), 1).unwrap(), u64::MAX);
    }

    #[test]
    fn what_is_no_image_is_refused_at_any_length() {
        let good = image(1);
        for len in 0..0x3C {
            assert!(end_of_use(&good[..len], 0).is_err(), "{len}");
        }
        let mut old = good;
        old[OFFSET_AT] = 8;
        assert!(end_of_use(&old, 0).is_err());
    }
}
