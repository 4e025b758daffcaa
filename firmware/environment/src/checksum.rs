//! The checksum of U-Boot's environment.

/// The remainders of all bytes: a copy of the environment is 16 KiB.
const REMAINDERS: [u32; 256] = remainders();

const fn remainders() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        #[allow(clippy::indexing_slicing)] // constant
        {
            table[byte as usize] = crc;
        }
        byte += 1;
    }
    table
}

/// CRC-32 as zlib and U-Boot have it (polynomial 0xEDB88320, reflected).
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        let [low, ..] = crc.to_le_bytes();
        // A byte is always less than the table is long.
        let remainder = REMAINDERS.get(usize::from(low ^ byte)).copied();
        (crc >> 8) ^ remainder.unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_check_value_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
