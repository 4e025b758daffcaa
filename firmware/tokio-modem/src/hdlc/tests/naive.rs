//! The framing octet by octet, as RFC 1662 tells it: what the quick one must agree with.

use super::*;

/// Any frame but LCP's own.
fn encoded_naively(frame: &[u8], options: &Direction) -> Vec<u8> {
    let mut body = Vec::new();
    if !options.acfc {
        body.extend(ADDRESS_CONTROL);
    }
    // A protocol 0xff would look like an address.
    let shortens = options.pfc && frame.starts_with(&[0]) && !frame.starts_with(&[0, 0xff]);
    let skip = usize::from(shortens);
    body.extend(frame.iter().skip(skip));
    body.extend(bitwise(&body).to_le_bytes());
    let mut wire = vec![FLAG];
    for octet in body {
        if octet == FLAG || octet == ESCAPE || is_mapped(octet, options.accm) {
            wire.extend([ESCAPE, octet ^ ESCAPE_XOR]);
        } else {
            wire.push(octet);
        }
    }
    wire.push(FLAG);
    wire
}

#[derive(Default)]
struct Naive {
    frame: Vec<u8>,
    escaped: bool,
    skipping: bool,
    begin: u64,
    out: Vec<Outcome>,
}

impl Naive {
    fn take(&mut self, octet: u8, offset: u64, map: u32) {
        if octet == FLAG {
            if !self.skipping && self.escaped {
                self.tell(Err(Fault::Aborted));
            } else if !self.skipping && !self.frame.is_empty() {
                self.tell(checked(&self.frame));
            }
            let out = core::mem::take(&mut self.out);
            let begin = offset + 1;
            *self = Self {
                begin,
                out,
                ..Self::default()
            };
        } else if octet == ESCAPE && !self.escaped {
            self.escaped = true;
        } else if !is_mapped(octet, map) && !self.skipping {
            self.frame.push(if self.escaped {
                octet ^ ESCAPE_XOR
            } else {
                octet
            });
            self.escaped = false;
            if self.frame.len() > DECODED_MAX {
                self.tell(Err(Fault::TooLong));
                self.skipping = true;
            }
        }
    }

    fn tell(&mut self, outcome: Result<Vec<u8>, Fault>) {
        let offset = self.begin;
        self.out
            .push(outcome.map_err(|fault| FrameError { offset, fault }));
    }
}

fn checked(frame: &[u8]) -> Result<Vec<u8>, Fault> {
    let short = Fault::TooShort { got: frame.len() };
    let (body, got) = frame.split_last_chunk().ok_or(short)?;
    let rest = body.strip_prefix(&ADDRESS_CONTROL).unwrap_or(body);
    let (first, more) = rest.split_first().ok_or(short)?;
    let (expected, got) = (bitwise(body), u16::from_le_bytes(*got));
    if expected != got {
        return Err(Fault::Checksum { expected, got });
    }
    match (first % 2, more) {
        (1, _) => Ok([&[0], rest].concat()),
        (_, []) => Err(short),
        _ => Ok(rest.to_vec()),
    }
}

/// Frames with much to escape, and with what noise makes of them.
fn rough_wire() -> impl Strategy<Value = (u32, Vec<u8>)> {
    let map = prop_oneof![Just(0), Just(u32::MAX), Just(0x000a_0000), any::<u32>()];
    let damage = vec((any::<prop::sample::Index>(), rough_octet()), 0..6);
    (map, vec((frame(), damage), 1..6)).prop_map(|(map, frames)| {
        let mut wire = Vec::new();
        for (frame, damage) in frames {
            let mut one = encoded(&frame, &options(map, false, false));
            for (place, octet) in damage {
                one.insert(place.index(one.len()), octet);
            }
            wire.extend(one);
        }
        (map, wire)
    })
}

fn rough_octet() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        Just(FLAG),
        Just(ESCAPE),
        Just(ESCAPE ^ ESCAPE_XOR),
        0..0x20_u8
    ]
}

proptest! {
    #[test]
    fn encoding_matches_naive_reference(frame in frame(), options in agreement()) {
        prop_assume!(!frame.starts_with(&[0xc0, 0x21]));
        prop_assert_eq!(encoded(&frame, &options), encoded_naively(&frame, &options));
    }

    #[test]
    fn decoding_matches_naive_reference((map, wire) in rough_wire(), more in vec(rough_octet(), 0..200)) {
        let wire = [wire, more].concat();
        let mut naive = Naive::default();
        for (offset, octet) in (0..).zip(&wire) {
            naive.take(*octet, offset, map);
        }
        let mut decoder = Decoder::new();
        decoder.agree(&options(map, false, false));
        prop_assert_eq!(decode(&mut decoder, &wire), naive.out);
    }

    #[test]
    fn checksum_of_pieces_equals_that_of_the_whole(octets in vec(any::<u8>(), 0..1600), cut in any::<prop::sample::Index>()) {
        let (one, other) = octets.split_at(cut.index(octets.len() + 1));
        let mut sum = fcs::Sum::new();
        sum.add(one);
        sum.add(other);
        prop_assert_eq!(sum.finish(), bitwise(&octets));
    }
}
