//! Creation of bundles, for the tool on a laptop and for tests.

use std::io::{self, Read, Write};

use failberry_config::PublicKey;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};

use super::{HASH, Header, KeyId, MOST_BLOCKS, MOST_PAYLOAD, is_board, sha256};
use crate::Version;

/// The bundle could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The bytes are no private key.
    #[error("expected an Ed25519 private key (PKCS #8): {0}")]
    Key(String),
    /// The system provides no random numbers.
    #[error("no random numbers to be had for a key")]
    Random,
    /// The board name is invalid.
    #[error("expected a board's name of 1 to 16 small letters, digits and dashes, got {0:?}")]
    Board(String),
    /// The image is empty, or larger than any slot.
    #[error("expected an image of 1 to {MOST_PAYLOAD} bytes, got {0}")]
    Size(u64),
    /// Reading the image or writing the bundle failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Private signing key.
pub struct Signer {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
    public: PublicKey,
}

impl Signer {
    /// Generates a key as PKCS #8, to be stored readable by its owner only.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Vec<u8>, SignError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        Ok(document.map_err(|_| SignError::Random)?.as_ref().to_vec())
    }

    /// Parses a PKCS #8 document.
    ///
    /// # Errors
    /// It is no Ed25519 key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, SignError> {
        // OpenSSL omits the public half.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
            .map_err(|error| SignError::Key(error.to_string()))?;
        let public = pair.public_key().as_ref().try_into();
        let public = PublicKey(public.map_err(|_| SignError::Key("of another size".into()))?);
        Ok(Self {
            pair,
            pkcs8: document.to_vec(),
            public,
        })
    }

    /// Returns the public key, for `update.keys`.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// Returns the PKCS #8 document.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Writes a bundle of `image`, which is read twice: once for its hashes, once for its content.
    ///
    /// # Errors
    /// Invalid input, or reading or writing failed.
    pub fn bundle<R: Read>(
        &self,
        board: &str,
        version: Version,
        block: u32,
        mut image: impl FnMut() -> io::Result<R>,
        into: &mut impl Write,
    ) -> Result<Header, SignError> {
        if !is_board(board) {
            return Err(SignError::Board(board.to_owned()));
        }
        let (hashes, payload) = hashes(&mut image()?, block)?;
        if payload == 0 || payload > MOST_PAYLOAD || hashes.len() as u64 > MOST_BLOCKS {
            return Err(SignError::Size(payload));
        }
        let header = Header {
            board: board.to_owned(),
            version,
            key: KeyId::of(&self.public),
            payload,
            block,
            hashes,
        };
        let signed = header.signed_part();
        into.write_all(&signed)?;
        into.write_all(self.pair.sign(&signed).as_ref())?;
        io::copy(&mut image()?, into)?;
        into.flush()?;
        Ok(header)
    }
}

fn hashes(image: &mut impl Read, block: u32) -> io::Result<(Vec<[u8; HASH]>, u64)> {
    let (mut hashes, mut total) = (Vec::new(), 0);
    loop {
        let mut bytes = Vec::new();
        image.by_ref().take(block.into()).read_to_end(&mut bytes)?;
        if bytes.is_empty() || total > MOST_PAYLOAD {
            return Ok((hashes, total));
        }
        total += bytes.len() as u64;
        hashes.push(sha256(&bytes));
    }
}
