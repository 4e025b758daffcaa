//! RFC 1662 read plainly, octet by octet and bit by bit: what the fast decoder must agree with.

use tokio_modem::hdlc::{DECODED_MAX, Fault, FrameError};

use super::{ESCAPE, FLAG, Outcome};

const FLIP: u8 = 0x20;

pub(super) fn decode(wire: &[u8], accm: u32) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let (mut frame, mut begin) = (Vec::new(), 0);
    let (mut escaped, mut skips) = (false, false);
    for (at, octet) in wire.iter().copied().enumerate() {
        if octet == FLAG {
            let outcome = match (skips, escaped) {
                (true, _) => None,
                (false, true) => Some(Err(Fault::Aborted)),
                (false, false) if frame.is_empty() => None,
                (false, false) => Some(check(&frame)),
            };
            outcomes.extend(outcome.map(|outcome| error_at(begin, outcome)));
            frame.clear();
            (escaped, skips, begin) = (false, false, at + 1);
        } else if octet == ESCAPE && !escaped {
            escaped = true;
        } else if octet >= 0x20 || accm >> octet & 1 == 0 {
            frame.push(if escaped { octet ^ FLIP } else { octet });
            escaped = false;
            if frame.len() > DECODED_MAX && !skips {
                outcomes.push(error_at(begin, Err(Fault::TooLong)));
                skips = true;
            }
        }
    }
    outcomes
}

fn error_at(begin: usize, outcome: Result<Vec<u8>, Fault>) -> Outcome {
    outcome.map_err(|fault| FrameError {
        offset: begin as u64,
        fault,
    })
}

fn check(frame: &[u8]) -> Result<Vec<u8>, Fault> {
    let short = Fault::TooShort { got: frame.len() };
    let (body, sum) = frame.split_last_chunk().ok_or(short)?;
    let packet = body.strip_prefix(&[0xff, 0x03]).unwrap_or(body);
    if packet.is_empty() {
        return Err(short);
    }
    let (expected, got) = (checksum(body), u16::from_le_bytes(*sum));
    if expected != got {
        return Err(Fault::Checksum { expected, got });
    }
    match packet {
        [first, ..] if first % 2 == 1 => Ok([&[0][..], packet].concat()),
        [_] => Err(short),
        packet => Ok(packet.to_vec()),
    }
}

/// Any octets between flags, with their checksum.
pub(super) fn frame(body: &[u8], accm: u32) -> Vec<u8> {
    let mut wire = vec![FLAG];
    for octet in [body, &checksum(body).to_le_bytes()[..]].concat() {
        let mapped = octet < 0x20 && accm >> octet & 1 == 1;
        if mapped || matches!(octet, FLAG | ESCAPE) {
            wire.extend([ESCAPE, octet ^ FLIP]);
        } else {
            wire.push(octet);
        }
    }
    wire.push(FLAG);
    wire
}

fn checksum(octets: &[u8]) -> u16 {
    !octets.iter().fold(0xffff_u16, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0x8408 } else { 0 }
        })
    })
}
