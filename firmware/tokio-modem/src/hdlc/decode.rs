//! Bytes to frames.

use core::ops::Range;

use thiserror::Error;

use super::{
    ADDRESS_CONTROL, Counters, ESCAPE, FLAG, FLIP,
    buffer::{Buffer, Full, SPARE},
    fcs::checksum,
    rewrite::unescape,
    scan::{Special, WORD},
};
use crate::ppp::{Direction, MAX_FRAME};

/// Octets of the checksum.
const CHECKSUM: usize = 2;

/// Longest frame between flags, without its escapes.
pub const DECODED_MAX: usize = ADDRESS_CONTROL.len() + MAX_FRAME + CHECKSUM;

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
#[derive(Debug)]
pub struct Decoder {
    buffer: Buffer,
    /// Names the control characters that the peer escapes: one that comes as it is was put in on
    /// the way (RFC 1662, section 4.2).
    special: Special,
    state: State,
    escaped: bool,
    /// Bytes taken in.
    taken: u64,
    /// Where the frame in the buffer began.
    begin: u64,
    counters: Counters,
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

impl Default for Decoder {
    fn default() -> Self {
        Self {
            buffer: Buffer::new(),
            special: Special::new(Direction::default().accm),
            state: State::default(),
            escaped: false,
            taken: 0,
            begin: 0,
            counters: Counters::default(),
        }
    }
}

impl Decoder {
    /// A decoder that has seen nothing, for a peer that escapes every control character.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes by what LCP agreed for frames that the peer sends, from the next byte on. What the
    /// peer may leave out is understood in any case.
    pub fn agree(&mut self, receive: &Direction) {
        self.special = Special::new(receive.accm);
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
                    Some(Ok(self.buffer.octets_mut().get(range).unwrap_or_default()))
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

    /// Takes some octets; tells where in the buffer a frame is that ended with a flag.
    fn advance(&mut self, input: &mut &[u8]) -> Option<Result<Range<usize>, Fault>> {
        if self.state == State::Skipping {
            return self.skip(input);
        }
        if let [FLAG, rest @ ..] = *input {
            self.taken += 1;
            *input = rest;
            return self.end();
        }
        match self.take_words(input) {
            Ok(0) => self.take_octet(input),
            Ok(_) => None,
            Err(Full) => Some(Err(Fault::TooLong)),
        }
    }

    /// Takes words, and then octets up to a flag, as far as there are but ordinary octets and
    /// single escapes; tells how many octets.
    fn take_words(&mut self, input: &mut &[u8]) -> Result<usize, Full> {
        let special = self.special;
        let room = self.buffer.room();
        let (mut at, mut taken) = (0, 0);
        let mut carry = u64::from(self.escaped);
        let (words, _) = input.as_chunks::<WORD>();
        for octets in words {
            let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else {
                break;
            };
            let word = u64::from_le_bytes(*octets);
            if carry == 0 && special.is_plain(word) {
                *place = *octets;
                at += WORD;
                taken += WORD;
                continue;
            }
            let marks = special.marks(word);
            let after_escape = marks.after_escape(carry);
            if marks.flags | marks.mapped | (marks.escapes & after_escape) == 0 {
                at += unescape(place, word, after_escape, marks.escapes);
                taken += WORD;
                carry = marks.escapes >> 63;
                continue;
            }
            // The same for what is before a flag.
            let (flag, marks, others) = marks.before_flag();
            let after_escape = marks.after_escape(carry);
            if flag != 0 && marks.mapped | (marks.escapes & after_escape) == 0 {
                at += unescape(place, word, after_escape, marks.escapes | others);
                taken += flag.trailing_zeros() as usize / 8;
                carry = u64::from(after_escape & flag != 0);
            }
            break;
        }
        self.escaped = carry == 1;
        self.buffer.grow(at)?;
        *input = input.get(taken..).unwrap_or_default();
        self.taken += taken as u64;
        Ok(taken)
    }

    /// Takes an octet that is no flag.
    fn take_octet(&mut self, input: &mut &[u8]) -> Option<Result<Range<usize>, Fault>> {
        let (&octet, rest) = input.split_first()?;
        self.taken += 1;
        *input = rest;
        if octet == ESCAPE && !self.escaped {
            self.escaped = true;
            return None;
        }
        if self.special.mapped(octet) == 1 {
            // Somebody put it in on the way; an escape before it is for what follows it.
            return None;
        }
        let flip = if self.escaped { FLIP } else { 0 };
        self.escaped = false;
        match self.buffer.push(&[octet ^ flip]) {
            Ok(()) => None,
            Err(Full) => Some(Err(Fault::TooLong)),
        }
    }

    /// Takes all up to a flag, which ends a frame that is known to be bad.
    fn skip(&mut self, input: &mut &[u8]) -> Option<Result<Range<usize>, Fault>> {
        let flag = input.iter().position(|octet| *octet == FLAG);
        let length = flag.map_or(input.len(), |at| at + 1);
        *input = input.get(length..).unwrap_or_default();
        self.taken += length as u64;
        if flag.is_some() {
            self.restart();
        }
        None
    }

    /// A flag came.
    fn end(&mut self) -> Option<Result<Range<usize>, Fault>> {
        if self.buffer.frame().is_empty() && !self.escaped {
            self.restart();
            return None;
        }
        if self.escaped {
            return Some(Err(Fault::Aborted));
        }
        Some(self.check())
    }

    fn check(&mut self) -> Result<Range<usize>, Fault> {
        let octets = self.buffer.frame();
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
        if let Some(octet) = self.buffer.octets_mut().get_mut(begin) {
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
}
