//! The frame check sequence of 16 bits (RFC 1662, appendix C), four octets at a time.

/// What the sum starts from.
const INITIAL: u16 = 0xffff;

/// x^16 + x^12 + x^5 + 1, least significant bit first.
const POLYNOMIAL: u16 = 0x8408;

/// `TABLES[n]` has what an octet does to the sum when `n` more octets follow.
static TABLES: [[u16; 256]; 4] = tables();

#[expect(
    clippy::indexing_slicing,
    reason = "all indices are below the arrays' lengths"
)]
const fn tables() -> [[u16; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut octet: u8 = 0;
    loop {
        let mut sum = octet as u16;
        let mut bit = 0;
        while bit < 8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][octet as usize] = sum;
        if octet == u8::MAX {
            break;
        }
        octet += 1;
    }
    let mut more = 1;
    while more < 4 {
        let mut octet = 0;
        while octet < 256 {
            let before: u16 = tables[more - 1][octet];
            tables[more][octet] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            octet += 1;
        }
        more += 1;
    }
    tables
}

#[expect(
    clippy::indexing_slicing,
    reason = "every octet is an index, and MORE one of four"
)]
fn look_up<const MORE: usize>(octet: u8) -> u16 {
    const { assert!(MORE < 4) }
    TABLES[MORE][usize::from(octet)]
}

/// The checksum of `octets` as a frame carries it, low octet first.
pub fn checksum(octets: &[u8]) -> u16 {
    !update(INITIAL, octets)
}

/// Goes on with a sum that began with [`INITIAL`].
fn update(mut sum: u16, octets: &[u8]) -> u16 {
    let (fours, rest) = octets.as_chunks::<4>();
    for &[a, b, c, d] in fours {
        let [low, high] = sum.to_le_bytes();
        sum = look_up::<3>(a ^ low) ^ look_up::<2>(b ^ high) ^ look_up::<1>(c) ^ look_up::<0>(d);
    }
    rest.iter().fold(sum, |sum, octet| {
        let [low, high] = sum.to_le_bytes();
        u16::from(high) ^ look_up::<0>(octet ^ low)
    })
}

/// A checksum in the making, over pieces.
pub(super) struct Sum(u16);

impl Sum {
    pub(super) const fn new() -> Self {
        Self(INITIAL)
    }

    pub(super) fn add(&mut self, octets: &[u8]) {
        self.0 = update(self.0, octets);
    }

    pub(super) const fn finish(self) -> u16 {
        !self.0
    }
}
