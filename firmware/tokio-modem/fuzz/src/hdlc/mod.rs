//! Framing: what is written is read, in any pieces, and noise is what a plain reading of the
//! standard says it is.

mod reference;

use tokio_modem::{
    hdlc::{Counters, Decoder, EncodeError, FrameError, encode, encoded_max},
    ppp::{Direction, MAX_INFORMATION},
};

use super::source::{CUTS, Source, cut};

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;

type Outcome = Result<Vec<u8>, FrameError>;

pub fn hdlc(data: &[u8]) {
    let mut source = Source::new(data);
    let options = Direction {
        accm: source.pick(&[0, u32::MAX, 0x000a_0000, 0x8000_0001]) ^ u32::from(source.octet()),
        pfc: source.flag(),
        acfc: source.flag(),
        ..Direction::default()
    };
    let mut wire = Vec::new();
    while !source.is_empty() {
        match source.octet() % 8 {
            0..=2 => {
                let frame = frame(source.word(), source.chunk());
                wire.extend(there_and_back(&frame, &options));
            }
            3 => {
                let length = usize::from(source.word()) % (MAX_INFORMATION + 3);
                let frame = frame(source.word(), &vec![source.octet(); length]);
                wire.extend(there_and_back(&frame, &options));
            }
            4 => wire.extend_from_slice(source.chunk()),
            5 => wire.push(source.pick(&[FLAG, ESCAPE, 0x11, 0xff, 0x03])),
            6 => {
                let length = usize::from(source.word()) % (2 * MAX_INFORMATION);
                wire.resize(wire.len() + length, source.octet());
            }
            // A frame with a good checksum and anything in it, down to nothing.
            _ => wire.extend(reference::frame(source.chunk(), options.accm)),
        }
    }
    let whole = decode(&wire, &options, &[]);
    assert_eq!(whole.0, reference::decode(&wire, options.accm));
    let (good, bad): (Vec<_>, Vec<_>) = whole.0.iter().partition(|outcome| outcome.is_ok());
    assert_eq!(
        (whole.1.good, whole.1.bad()),
        (good.len() as u64, bad.len() as u64)
    );
    for lengths in CUTS {
        assert_eq!(decode(&wire, &options, lengths), whole, "{lengths:?}");
    }
}

/// A frame with a number that a protocol can have.
fn frame(number: u16, information: &[u8]) -> Vec<u8> {
    let [first, second] = number.to_be_bytes();
    [&[first & !1, second | 1][..], information].concat()
}

/// The wire form of a frame that is read as it was written. One that is too long is read as that.
fn there_and_back(frame: &[u8], options: &Direction) -> Vec<u8> {
    let mut wire = vec![0; encoded_max(frame.len())];
    let length = encode(frame, options, &mut wire).unwrap();
    wire.truncate(length);
    let mut less = vec![0; length - 1];
    let refused = encode(frame, options, &mut less);
    assert!(matches!(refused, Err(EncodeError::NoRoom { .. })));

    let outcomes = decode(&wire, options, &[]).0;
    if frame.len() <= tokio_modem::ppp::MAX_FRAME {
        assert_eq!(outcomes, [Ok(frame.to_vec())]);
    } else {
        assert!(outcomes.len() == 1, "{outcomes:?}");
    }
    wire
}

fn decode(wire: &[u8], options: &Direction, lengths: &[usize]) -> (Vec<Outcome>, Counters) {
    let mut decoder = Decoder::new();
    decoder.agree(options);
    let mut outcomes = Vec::new();
    for mut piece in cut(wire, lengths) {
        while let Some(outcome) = decoder.receive(&mut piece) {
            outcomes.push(outcome.map(<[u8]>::to_vec));
        }
        assert!(piece.is_empty());
    }
    (outcomes, *decoder.counters())
}
