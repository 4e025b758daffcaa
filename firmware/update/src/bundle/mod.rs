//! Update bundle: a signed header, and the slot's image in blocks.
//!
//! Takes in a stream; gives out a [`Header`] only if one of the given keys has signed it. The
//! header holds the SHA-256 of each block, so each block is checked by itself before it is used.
//!
//! ```text
//! 0   magic "FBUPDATE"           40  key: first 8 bytes of the public key's SHA-256
//! 8   format: 1                  48  payload: bytes of the image, 64 bit
//! 12  board, 16 bytes            56  block: bytes of one block but the last
//! 28  version: 3 numbers         60  SHA-256 of each block, 32 bytes each
//!                                ..  Ed25519 signature over all before it, 64 bytes
//! ```
//! Numbers are little endian, 32 bit unless stated otherwise. The image follows.

mod sign;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, Read},
};

use failberry_config::PublicKey;
use ring::{
    digest,
    signature::{ED25519, UnparsedPublicKey},
};

pub use sign::{SignError, Signer};

use crate::Version;

/// Magic number of a bundle.
pub(crate) const MAGIC: [u8; 8] = *b"FBUPDATE";

/// The only format version.
const FORMAT: u32 = 1;

/// Length of the fixed part of the header, in bytes: it contains the length of the rest.
pub const PREAMBLE: usize = 60;

/// Length of a signature in bytes (RFC 8032).
const SIGNATURE: usize = 64;

/// Length of a SHA-256 in bytes.
const HASH: usize = 32;

/// Length of the board's name in bytes.
const BOARD: usize = 16;

/// Default block length in bytes: little enough to hold in memory several times; a hash for each is
/// 14 KiB for the largest image.
pub const BLOCK: u32 = 64 * 1024;

/// Bounds of the size of a block.
const BLOCKS: std::ops::RangeInclusive<u32> = 512..=1024 * 1024;

/// Largest image in bytes: no card has a slot as large as this.
const MOST_PAYLOAD: u64 = 256 * 1024 * 1024;

/// Largest number of blocks. Bounds the memory that a header takes before its signature is checked:
/// 128 KiB.
const MOST_BLOCKS: u64 = 4096;

/// The bundle is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It ended within its header, or could not be read.
    #[error("reading the bundle's header: {0}")]
    Io(#[from] io::Error),
    /// A header field has an unexpected value.
    #[error("expected {expected} in the bundle's header, got {got}")]
    Malformed {
        /// Expected value.
        expected: String,
        /// Actual value.
        got: String,
    },
    /// None of the keys has signed it.
    #[error(
        "the bundle is signed with key {signed}; expected one of update.keys: {}",
        listed(known)
    )]
    UnknownKey {
        /// The key it names.
        signed: KeyId,
        /// The keys in the configuration.
        known: Vec<KeyId>,
    },
    /// The signature does not match the key.
    #[error("the bundle's signature is not that of key {0}: it was changed, or is damaged")]
    BadSignature(KeyId),
    /// It is for another board.
    #[error("expected a bundle for board {expected:?}, got one for {got:?}")]
    WrongBoard {
        /// The board that runs.
        expected: String,
        /// The bundle's.
        got: String,
    },
    /// It is older than the running version.
    #[error("version {got} is older than {running}, which runs; a downgrade must be asked for")]
    Downgrade {
        /// Running version.
        running: Version,
        /// The bundle's.
        got: Version,
    },
    /// It is larger than the slot.
    #[error("expected an image of at most {room} bytes, as the slot has them, got {got}")]
    TooLarge {
        /// Size of the image.
        got: u64,
        /// Size of the slot.
        room: u64,
    },
}

fn listed(keys: &[KeyId]) -> String {
    if keys.is_empty() {
        return "none is configured".into();
    }
    let names: Vec<_> = keys.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Key identifier: the first bytes of the key's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// Returns the identifier of `key`.
    pub fn of(key: &PublicKey) -> Self {
        let hash = sha256(&key.0);
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns the SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; HASH] {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().try_into().unwrap_or_default()
}

/// Header of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name of the board the image is for.
    pub board: String,
    /// Version of the product in it.
    pub version: Version,
    /// The key that has signed it.
    pub key: KeyId,
    /// Bytes of the image.
    pub payload: u64,
    /// Bytes of a block but the last.
    pub block: u32,
    hashes: Vec<[u8; HASH]>,
}

/// Header whose signature is not verified yet.
#[derive(Debug)]
pub struct Unverified {
    header: Header,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE],
}

impl Unverified {
    /// Reads a header, and nothing after it.
    ///
    /// # Errors
    /// The stream cannot be read, or holds no header.
    pub fn read(source: &mut impl Read) -> Result<Self, BundleError> {
        let mut preamble = [0; PREAMBLE];
        source.read_exact(&mut preamble)?;
        let mut header = Header::from_preamble(&preamble)?;
        let count = header.blocks();
        let mut signed = preamble.to_vec();
        for _ in 0..count {
            let mut hash = [0; HASH];
            source.read_exact(&mut hash)?;
            signed.extend_from_slice(&hash);
            header.hashes.push(hash);
        }
        let mut signature = [0; SIGNATURE];
        source.read_exact(&mut signature)?;
        Ok(Self {
            header,
            signed,
            signature,
        })
    }

    /// Returns the unverified claims.
    pub const fn claims(&self) -> &Header {
        &self.header
    }

    /// Verifies the signature and returns the header.
    ///
    /// # Errors
    /// None of `keys` has signed it.
    pub fn verify(self, keys: &[PublicKey]) -> Result<Header, BundleError> {
        let signed = self.header.key;
        let key = keys
            .iter()
            .find(|key| KeyId::of(key) == signed)
            .ok_or_else(|| BundleError::UnknownKey {
                signed,
                known: keys.iter().map(KeyId::of).collect(),
            })?;
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(&self.signed, &self.signature)
            .map_err(|_| BundleError::BadSignature(signed))?;
        Ok(self.header)
    }
}

impl Header {
    /// Parses the fixed part of a header, which determines the length of the rest.
    ///
    /// # Errors
    /// It is not that of a bundle.
    pub fn from_preamble(bytes: &[u8; PREAMBLE]) -> Result<Self, BundleError> {
        let mut rest = bytes.as_slice();
        let magic: [u8; 8] = take(&mut rest);
        if magic != MAGIC {
            return Err(malformed("\"FBUPDATE\"", magic.escape_ascii()));
        }
        let format = u32::from_le_bytes(take(&mut rest));
        if format != FORMAT {
            return Err(malformed("format 1", format));
        }
        let board: [u8; BOARD] = take(&mut rest);
        let version = Version([(); 3].map(|()| u32::from_le_bytes(take(&mut rest))));
        let key = KeyId(take(&mut rest));
        let payload = u64::from_le_bytes(take(&mut rest));
        let block = u32::from_le_bytes(take(&mut rest));
        if payload == 0 || payload > MOST_PAYLOAD {
            let expected = format!("an image of 1 to {MOST_PAYLOAD} bytes");
            return Err(malformed(&expected, payload));
        }
        if !block.is_power_of_two() || !BLOCKS.contains(&block) {
            return Err(malformed("blocks of 512 bytes to 1 MiB", block));
        }
        let header = Self {
            board: name(board)?,
            version,
            key,
            payload,
            block,
            hashes: Vec::new(),
        };
        if header.blocks() > MOST_BLOCKS {
            let expected = format!("at most {MOST_BLOCKS} blocks");
            return Err(malformed(&expected, header.blocks()));
        }
        Ok(header)
    }

    /// Returns the number of blocks.
    pub const fn blocks(&self) -> u64 {
        self.payload.div_ceil(self.block as u64)
    }

    /// Returns the length of the header in bytes, signature included: the offset of the image.
    pub const fn length(&self) -> u64 {
        PREAMBLE as u64 + self.blocks() * HASH as u64 + SIGNATURE as u64
    }

    /// Returns the length of block `index` in bytes; none if there is no such block.
    pub fn block_length(&self, index: u64) -> Option<usize> {
        let left = self
            .payload
            .checked_sub(index.checked_mul(self.block.into())?)?;
        let length = usize::try_from(left.min(self.block.into())).ok()?;
        (length > 0).then_some(length)
    }

    /// Returns whether `bytes` match the hash of block `index`.
    pub fn holds(&self, index: u64, bytes: &[u8]) -> bool {
        let hash = usize::try_from(index)
            .ok()
            .and_then(|it| self.hashes.get(it));
        Some(bytes.len()) == self.block_length(index) && hash == Some(&sha256(bytes))
    }

    /// Checks that the image may be written on `board`, where `running` runs, into a slot of `room`
    /// bytes.
    ///
    /// # Errors
    /// Wrong board, downgrade, or too large.
    pub fn admit(
        &self,
        board: &str,
        running: Version,
        room: u64,
        allow_downgrade: bool,
    ) -> Result<(), BundleError> {
        if self.board != board {
            return Err(BundleError::WrongBoard {
                expected: board.to_owned(),
                got: self.board.clone(),
            });
        }
        if self.version < running && !allow_downgrade {
            return Err(BundleError::Downgrade {
                running,
                got: self.version,
            });
        }
        if self.payload > room {
            return Err(BundleError::TooLarge {
                got: self.payload,
                room,
            });
        }
        Ok(())
    }

    fn signed_part(&self) -> Vec<u8> {
        let mut board = [0; BOARD];
        for (to, from) in board.iter_mut().zip(self.board.bytes()) {
            *to = from;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&board);
        for number in self.version.0 {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.payload.to_le_bytes());
        bytes.extend_from_slice(&self.block.to_le_bytes());
        bytes.extend(self.hashes.iter().flatten());
        bytes
    }
}

/// Returns the next `N` bytes; the lengths are those of the preamble's parts, so none is missing.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((first, after)) = rest.split_first_chunk() else {
        return [0; N];
    };
    *rest = after;
    *first
}

fn malformed(expected: &str, got: impl fmt::Display) -> BundleError {
    BundleError::Malformed {
        expected: expected.to_owned(),
        got: got.to_string(),
    }
}

/// Parses a board name: lower-case letters, digits and dashes, then zeros.
fn name(bytes: [u8; BOARD]) -> Result<String, BundleError> {
    let text: String = bytes
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| char::from(*byte))
        .collect();
    let rest = bytes.iter().skip(text.len());
    if is_board(&text) && rest.clone().all(|byte| *byte == 0) {
        Ok(text)
    } else {
        Err(malformed("a board's name", bytes.escape_ascii()))
    }
}

/// Returns whether this is a valid board name.
fn is_board(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=BOARD).contains(&name.len()) && name.chars().all(plain)
}
