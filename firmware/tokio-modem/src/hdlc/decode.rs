//! Bytes to frames.

use core::ops::Range;

use heapless::Vec;
use thiserror::Error;

use super::{ADDRESS_CONTROL, Counters, ESCAPE, FLAG, FLIP, fcs::checksum, is_mapped};
use crate::ppp::{Direction, MAX_FRAME};

/// Octets of the checksum.
const CHECKSUM: usize = 2;

/// Longest frame between flags, without its escapes.
pub const DECODED_MAX: usize = ADDRESS_CONTROL.len() + MAX_FRAME + CHECKSUM;

/// Room for the first octet of a protocol number that was left out on the line.
const SPARE: usize = 1;

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It does not fit the buffer.
    #[error("expected at most {DECODED_MAX} bytes, got more")]
    TooLong,
    /// Nothing is that short.
    #[error("expected a protocol number and a checksum, got {got} bytes")]
    TooShort {
        /// Octets between the flags, without escapes.
        got: usize,
    },
    /// The checksum is wrong.
    #[error("expected checksum {expected:#06x}, got {got:#06x}")]
    Checksum {
        /// Of the octets that came.
        expected: u16,
        /// What the frame says.
        got: u16,
    },
    /// The sender gave it up.
    #[error("given up by the sender")]
    Aborted,
}

/// A frame that was dropped, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("frame at byte {offset}: {fault}")]
pub struct FrameError {
    /// Bytes taken in by the decoder before the frame's first.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Collects one frame at a time in a buffer that cannot grow.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The spare octet, if there is any other, and the frame without escapes.
    buffer: Vec<u8, { SPARE + DECODED_MAX }>,
    /// Control characters that the peer escapes: one that comes as it is was put in on the way
    /// (RFC 1662, section 4.2).
    map: Map,
    state: State,
    escaped: bool,
    /// Bytes taken in.
    taken: u64,
    /// Where the frame in the buffer began.
    begin: u64,
    counters: Counters,
}

#[derive(Debug)]
struct Map(u32);

impl Default for Map {
    fn default() -> Self {
        Self(Direction::default().accm)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Collecting,
    /// The rest of a frame that was dropped already.
    Skipping,
    /// What the buffer holds was given out.
    Given,
}

impl Decoder {
    /// A decoder that has seen nothing, for a peer that escapes every control character.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes by what LCP agreed for frames that the peer sends, from the next byte on. What the
    /// peer may leave out is understood in any case.
    pub fn agree(&mut self, receive: &Direction) {
        self.map = Map(receive.accm);
    }

    /// Takes bytes off the front of `input` up to the end of a frame and gives it out: protocol
    /// number of two octets, information field. `None`: all of `input` is taken.
    ///
    /// # Errors
    /// A frame was dropped, as was counted; the next one is read as if nothing had been.
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Result<&[u8], FrameError>> {
        if self.state == State::Given {
            self.restart();
        }
        while !input.is_empty() {
            let Some(outcome) = self.advance(input) else {
                continue;
            };
            let begin = self.begin;
            return match outcome {
                Ok(range) => {
                    self.state = State::Given;
                    self.counters.good += 1;
                    Some(Ok(self.buffer.get(range).unwrap_or_default()))
                }
                Err(fault) => {
                    self.counters.bad_frame(fault);
                    self.restart();
                    if fault == Fault::TooLong {
                        self.state = State::Skipping;
                    }
                    Some(Err(FrameError {
                        offset: begin,
                        fault,
                    }))
                }
            };
        }
        None
    }

    /// What came so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a run of ordinary octets or a single special one; tells where in the buffer a frame
    /// is that ended with it.
    fn advance(&mut self, input: &mut &[u8]) -> Option<Result<Range<usize>, Fault>> {
        let length = self.run(input);
        if length > 0 {
            let (run, rest) = input.split_at_checked(length)?;
            self.take(length);
            *input = rest;
            return self.append(run).err().map(Err);
        }
        let (&octet, rest) = input.split_first()?;
        self.take(1);
        *input = rest;
        match octet {
            FLAG => return self.end(),
            ESCAPE if !self.escaped => self.escaped = true,
            // Somebody put it in on the way; an escape before it is for what follows it.
            octet if is_mapped(octet, self.map.0) => {}
            octet => {
                self.escaped = false;
                return self.append(&[octet ^ FLIP]).err().map(Err);
            }
        }
        None
    }

    /// How many octets stand for themselves.
    fn run(&self, input: &[u8]) -> usize {
        if self.escaped {
            return 0;
        }
        let map = self.map.0;
        let special = |octet: &u8| matches!(*octet, FLAG | ESCAPE) || is_mapped(*octet, map);
        input.iter().position(special).unwrap_or(input.len())
    }

    fn append(&mut self, octets: &[u8]) -> Result<(), Fault> {
        if self.state == State::Skipping {
            return Ok(());
        }
        let spare: &[u8] = if self.buffer.is_empty() {
            &[0; SPARE]
        } else {
            &[]
        };
        self.buffer
            .extend_from_slice(spare)
            .and_then(|()| self.buffer.extend_from_slice(octets))
            .map_err(|_| Fault::TooLong)
    }

    /// A flag came.
    fn end(&mut self) -> Option<Result<Range<usize>, Fault>> {
        if self.state == State::Skipping || (self.buffer.is_empty() && !self.escaped) {
            self.restart();
            return None;
        }
        if self.escaped {
            return Some(Err(Fault::Aborted));
        }
        Some(self.check())
    }

    fn check(&mut self) -> Result<Range<usize>, Fault> {
        let octets = self.buffer.get(SPARE..).unwrap_or_default();
        let got = octets.len();
        let short = Fault::TooShort { got };
        let (body, sum) = octets.split_last_chunk::<CHECKSUM>().ok_or(short)?;
        let (begin, first) = match body {
            [] | [0xff, 0x03] => return Err(short),
            [0xff, 0x03, first, ..] => (SPARE + ADDRESS_CONTROL.len(), first),
            [first, ..] => (SPARE, first),
        };
        let end = SPARE + body.len();
        let (expected, got) = (checksum(body), u16::from_le_bytes(*sum));
        if expected != got {
            return Err(Fault::Checksum { expected, got });
        }
        // Only the last octet of a protocol number is odd.
        if first % 2 == 0 {
            return if end - begin < 2 {
                Err(short)
            } else {
                Ok(begin..end)
            };
        }
        // There is an octet before: the control octet, of no use any more, or the spare one.
        let begin = begin - 1;
        if let Some(octet) = self.buffer.get_mut(begin) {
            *octet = 0;
        }
        Ok(begin..end)
    }

    fn restart(&mut self) {
        self.buffer.clear();
        self.escaped = false;
        self.state = State::Collecting;
        self.begin = self.taken;
    }

    fn take(&mut self, length: usize) {
        self.taken += length as u64;
    }
}
