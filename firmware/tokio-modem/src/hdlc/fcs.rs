//! The frame check sequence of 16 bits (RFC 1662, appendix C), without a look-up for most octets.
//!
//! In arithmetic modulo 2, squaring a polynomial squares each of its terms. So five times squared,
//! x^16 + x^12 + x^5 + 1 is x^512 + x^384 + x^160 + 1, and as a multiple of the generator leaves
//! the remainder as it is wherever it is added: a word of 32 bits may be taken out of a message if
//! it is added to the words 4, 11 and 16 after it. That needs no table, no multiplication, and no
//! more than a register of 32 bits. What is left in the end, a block, goes through tables.

/// Initial value.
const INITIAL: u16 = 0xffff;

/// x^16 + x^12 + x^5 + 1, least significant bit first.
const POLYNOMIAL: u16 = 0x8408;

/// Words of 32 bits that the squared polynomial spans.
const SPAN: usize = 16;

const WORD: usize = size_of::<u32>();

/// Octets in a block.
const BLOCK: usize = SPAN * WORD;

/// Octets looked up together, each in its own table.
const GROUP: usize = 8;

/// `TABLES[n]` has what an octet does to the sum when `n` more octets follow.
static TABLES: [[u16; 256]; GROUP] = tables();

/// What an octet does to the sum, bit by bit.
const fn remainder(octet: u8) -> u16 {
    let mut sum = octet as u16;
    let mut bit = 0;
    while bit < 8 {
        sum = (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
        bit += 1;
    }
    sum
}

#[expect(
    clippy::indexing_slicing,
    reason = "all indices are below the arrays' lengths"
)]
const fn tables() -> [[u16; 256]; GROUP] {
    let mut tables = [[0; 256]; GROUP];
    let mut octet: u8 = 0;
    loop {
        tables[0][octet as usize] = remainder(octet);
        if octet == u8::MAX {
            break;
        }
        octet += 1;
    }
    let mut more = 1;
    while more < GROUP {
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
    reason = "every octet is an index, and MORE one of the tables"
)]
fn look_up<const MORE: usize>(octet: u8) -> u16 {
    const { assert!(MORE < GROUP) }
    TABLES[MORE][usize::from(octet)]
}

/// Returns the checksum of `octets`; a frame carries it low octet first.
pub fn checksum(octets: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add(octets);
    sum.finish()
}

/// Incremental checksum.
pub(super) struct Sum(u16);

impl Sum {
    pub(super) const fn new() -> Self {
        Self(INITIAL)
    }

    /// Returns the state after `octets`, bit by bit, for constants.
    pub(super) const fn of(mut octets: &[u8]) -> Self {
        let mut sum = INITIAL;
        while let [octet, rest @ ..] = octets {
            sum = (sum >> 8) ^ remainder((sum & 0xff) as u8 ^ *octet);
            octets = rest;
        }
        Self(sum)
    }

    pub(super) fn add(&mut self, octets: &[u8]) {
        let (blocks, rest) = octets.as_chunks::<BLOCK>();
        if let [first, middle @ .., last] = blocks {
            self.0 = fold(self.0, first, middle, last);
            self.0 = look_up_all(self.0, rest);
        } else {
            self.0 = look_up_all(self.0, octets);
        }
    }

    pub(super) const fn finish(self) -> u16 {
        !self.0
    }
}

/// Takes out all words but those of the last block.
fn fold(sum: u16, first: &[u8; BLOCK], middle: &[[u8; BLOCK]], last: &[u8; BLOCK]) -> u16 {
    let mut gone = words(first);
    // The sum so far is to be added to the first two octets.
    let [low, high] = sum.to_le_bytes();
    gone[0] ^= u32::from_ne_bytes([low, high, 0, 0]);
    follow(&mut gone);
    for block in middle {
        gone = carry(&gone, &words(block));
        follow(&mut gone);
    }
    let left = carry(&gone, &words(last)).map(u32::to_ne_bytes);
    look_up_all(0, left.as_flattened())
}

/// Octets in whatever order the machine has them: they are only added to others of the same place.
fn words(block: &[u8; BLOCK]) -> [u32; SPAN] {
    let (words, _) = block.as_chunks::<WORD>();
    core::array::from_fn(|at| words.get(at).map_or(0, |word| u32::from_ne_bytes(*word)))
}

/// Adds what was taken out of the block before.
#[expect(clippy::indexing_slicing, reason = "all indices are below SPAN")]
fn carry(gone: &[u32; SPAN], block: &[u32; SPAN]) -> [u32; SPAN] {
    core::array::from_fn(|at| {
        let mut word = block[at] ^ gone[at];
        if at < 4 {
            word ^= gone[at + SPAN - 4];
        }
        if at < 11 {
            word ^= gone[at + SPAN - 11];
        }
        word
    })
}

/// Takes out every word of a block, the first one first, so far as it concerns the same block.
#[expect(clippy::indexing_slicing, reason = "all indices are below SPAN")]
fn follow(block: &mut [u32; SPAN]) {
    for at in 4..SPAN {
        block[at] ^= block[at - 4];
        if at >= 11 {
            block[at] ^= block[at - 11];
        }
    }
}

/// Goes on with a sum through the tables, as many octets at once as there are tables.
fn look_up_all(mut sum: u16, octets: &[u8]) -> u16 {
    let (groups, rest) = octets.as_chunks::<GROUP>();
    for &[a, b, c, d, e, f, g, h] in groups {
        let [low, high] = sum.to_le_bytes();
        // Only the first two wait for the group before.
        let later = look_up::<5>(c) ^ look_up::<4>(d) ^ look_up::<3>(e);
        let later = later ^ look_up::<2>(f) ^ look_up::<1>(g) ^ look_up::<0>(h);
        sum = look_up::<7>(a ^ low) ^ look_up::<6>(b ^ high) ^ later;
    }
    // The same for half as many, lest the last octets cost as much as all before.
    let (halves, rest) = rest.as_chunks::<{ GROUP / 2 }>();
    for &[a, b, c, d] in halves {
        let [low, high] = sum.to_le_bytes();
        let later = look_up::<1>(c) ^ look_up::<0>(d);
        sum = look_up::<3>(a ^ low) ^ look_up::<2>(b ^ high) ^ later;
    }
    rest.iter().fold(sum, |sum, octet| {
        let [low, high] = sum.to_le_bytes();
        u16::from(high) ^ look_up::<0>(octet ^ low)
    })
}
