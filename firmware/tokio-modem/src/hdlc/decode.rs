//! Decoder: bytes to frames.

use core::ops::Range;

use super::{
    ADDRESS_CONTROL, CHECKSUM_LEN, Counters, ESCAPE, ESCAPE_XOR, FLAG, Fault, FrameError,
    buffer::{Buffer, Full, SPARE},
    escape::unescape,
    fcs::checksum,
    scan::{EscapeSet, WORD},
};
use crate::ppp::Direction;

/// Decoder of one byte stream; collects one frame at a time in a fixed-size buffer.
#[derive(Debug)]
pub struct Decoder {
    buffer: Buffer,
    /// Control characters that the peer escapes: an unescaped one was inserted by the line (RFC 1662,
    /// section 4.2).
    escape_set: EscapeSet,
    state: State,
    escaped: bool,
    /// Bytes consumed.
    taken: u64,
    /// Position in the stream at which the buffered frame began.
    begin: u64,
    counters: Counters,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Collecting,
    /// Discarding the rest of a frame that was dropped.
    Skipping,
    /// The buffered frame was returned.
    Delivered,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            buffer: Buffer::new(),
            escape_set: EscapeSet::new(Direction::default().accm),
            state: State::default(),
            escaped: false,
            taken: 0,
            begin: 0,
            counters: Counters::default(),
        }
    }
}

impl Decoder {
    /// Creates a decoder for a peer that escapes every control character.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the options that LCP negotiated for frames from the peer, from the next byte on.
    /// Compressed fields are understood in any case.
    pub fn agree(&mut self, receive: &Direction) {
        self.escape_set = EscapeSet::new(receive.accm);
    }

    /// Takes bytes off the front of `input` up to the end of a frame and returns it: protocol number
    /// of two octets, information field. `None`: all of `input` was consumed.
    ///
    /// # Errors
    /// A frame was dropped and counted; decoding continues with the next one.
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Result<&[u8], FrameError>> {
        if self.state == State::Delivered {
            self.restart();
        }
        while !input.is_empty() {
            let Some(outcome) = self.advance(input) else {
                continue;
            };
            let begin = self.begin;
            return match outcome {
                Ok(range) => {
                    self.state = State::Delivered;
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

    /// Returns the counters of received frames.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Consumes some octets. Returns the place of the frame in the buffer after a flag ended one.
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

    /// Consumes words, then octets up to a flag, while they contain only ordinary octets and single
    /// escapes. Returns the number of octets consumed.
    fn take_words(&mut self, input: &mut &[u8]) -> Result<usize, Full> {
        let escape_set = self.escape_set;
        let room = self.buffer.room();
        let (mut at, mut taken) = (0, 0);
        let mut carry = u64::from(self.escaped);
        let (words, _) = input.as_chunks::<WORD>();
        for octets in words {
            let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else {
                break;
            };
            let word = u64::from_le_bytes(*octets);
            if carry == 0 && escape_set.is_plain(word) {
                *place = *octets;
                at += WORD;
                taken += WORD;
                continue;
            }
            let marks = escape_set.marks(word);
            let after_escape = marks.after_escape(carry);
            if marks.flags | marks.mapped | (marks.escapes & after_escape) == 0 {
                at += unescape(place, word, after_escape, marks.escapes);
                taken += WORD;
                carry = marks.escapes >> 63;
                continue;
            }
            // Octets before a flag are unescaped likewise.
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

    /// Consumes an octet that is no flag.
    fn take_octet(&mut self, input: &mut &[u8]) -> Option<Result<Range<usize>, Fault>> {
        let (&octet, rest) = input.split_first()?;
        self.taken += 1;
        *input = rest;
        if octet == ESCAPE && !self.escaped {
            self.escaped = true;
            return None;
        }
        if self.escape_set.mapped(octet) == 1 {
            // The line inserted it; an escape before it applies to the octet after it.
            return None;
        }
        let mask = if self.escaped { ESCAPE_XOR } else { 0 };
        self.escaped = false;
        match self.buffer.push(&[octet ^ mask]) {
            Ok(()) => None,
            Err(Full) => Some(Err(Fault::TooLong)),
        }
    }

    /// Discards octets up to the flag that ends a dropped frame.
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

    /// Handles a flag.
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
        let (body, sum) = octets.split_last_chunk::<CHECKSUM_LEN>().ok_or(short)?;
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
        // There is an octet in front: the control octet, which is no longer needed, or the spare one.
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
