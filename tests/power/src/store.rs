//! Copy-on-write content of a card in shared pieces: thousands of cards that differ in a few
//! sectors cost little memory.

use std::{ops::Range, rc::Rc};

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// The bytes, copied on the first write to a piece.
#[derive(Clone)]
pub(crate) struct Store(Vec<Rc<Vec<u8>>>);

impl Store {
    /// Takes all bytes of a card. Pieces that are alike are kept once.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut pieces: Vec<Rc<Vec<u8>>> = Vec::new();
        for piece in bytes.chunks(PIECE) {
            let last = pieces.last().filter(|last| last.as_slice() == piece);
            pieces.push(last.map_or_else(|| Rc::new(piece.to_vec()), Rc::clone));
        }
        Self(pieces)
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|piece| piece.len()).sum()
    }

    /// Returns all bytes.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|piece| piece.iter().copied())
            .collect()
    }

    /// Fills `into` from `at` on.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) {
        let mut done = 0;
        for (piece, range) in pieces(at, into.len()) {
            let length = range.len();
            into[done..done + length].copy_from_slice(&self.0[piece][range]);
            done += length;
        }
    }

    /// Writes `bytes` at `at`.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        let mut done = 0;
        for (piece, range) in pieces(at, bytes.len()) {
            let length = range.len();
            let now = &bytes[done..done + length];
            if self.0[piece][range.clone()] != *now {
                Rc::make_mut(&mut self.0[piece])[range].copy_from_slice(now);
            }
            done += length;
        }
    }
}

/// The pieces that `length` bytes at `at` lie in, each with the part of it that they are.
fn pieces(at: usize, length: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let end = at + length;
    (at / PIECE..end.div_ceil(PIECE)).map(move |piece| {
        let start = piece * PIECE;
        (piece, at.max(start) - start..end.min(start + PIECE) - start)
    })
}
