mod naive;

use std::vec::Vec;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::ppp::{Direction, MAX_FRAME, MAX_INFORMATION};

type Outcome = Result<Vec<u8>, FrameError>;

fn decode(decoder: &mut Decoder, mut input: &[u8]) -> Vec<Outcome> {
    let mut out = Vec::new();
    while let Some(outcome) = decoder.receive(&mut input) {
        out.push(outcome.map(<[u8]>::to_vec));
    }
    assert!(input.is_empty());
    out
}

fn encoded(frame: &[u8], options: &Direction) -> Vec<u8> {
    let mut out = vec![0; encoded_max(frame.len())];
    let length = encode(frame, options, &mut out).unwrap();
    out.truncate(length);
    out
}

fn options(accm: u32, pfc: bool, acfc: bool) -> Direction {
    Direction {
        accm,
        pfc,
        acfc,
        ..Direction::default()
    }
}

fn faults(input: &[u8]) -> Vec<(u64, Fault)> {
    let outcomes = decode(&mut Decoder::new(), input).into_iter();
    outcomes
        .filter_map(Result::err)
        .map(|error| (error.offset, error.fault))
        .collect()
}

/// An octet below a space that the map names.
fn is_mapped(octet: u8, map: u32) -> bool {
    octet < 0x20 && map >> octet & 1 == 1
}

/// One bit at a time, as the RFC's appendix derives it.
fn bitwise(octets: &[u8]) -> u16 {
    !octets.iter().fold(0xffff_u16, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0x8408 } else { 0 }
        })
    })
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    // The check value of CRC-16/IBM-SDLC, which is this one.
    assert_eq!(checksum(b"123456789"), 0x906e);
    let mut whole = b"123456789".to_vec();
    whole.extend(checksum(b"123456789").to_le_bytes());
    assert_eq!(
        !checksum(&whole),
        0xf0b8,
        "RFC 1662, appendix C.2, PPPGOODFCS16"
    );
}

#[test]
fn a_known_frame_is_written_and_read() {
    // LCP Terminate-Request with identifier 1, as sent before any agreement.
    let frame = [0xc0, 0x21, 5, 1, 0, 4];
    let wire = [
        0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x25, 0x7d, 0x21, 0x7d, 0x20, 0x7d, 0x24, 0x3d,
        0xc7, 0x7e,
    ];
    assert_eq!(encoded(&frame, &Direction::default()), wire);
    assert_eq!(decode(&mut Decoder::new(), &wire), [Ok(frame.to_vec())]);
}

#[test]
fn lcp_negotiation_uses_default_framing() {
    let agreed = options(0, true, true);
    for code in 0..=12 {
        let frame = [0xc0, 0x21, code, 1, 0, 8, 0, 0, 0, 0];
        let sent = encoded(&frame, &agreed);
        if (1..=7).contains(&code) {
            assert_eq!(sent, encoded(&frame, &Direction::default()), "{code}");
        } else {
            assert_eq!(
                sent.get(1..11).unwrap(),
                frame,
                "{code}: as short as agreed"
            );
        }
    }
}

#[test]
fn compressed_fields_are_omitted() {
    let packet = [0x00, 0x21, 0x45, 0x00];
    let short = encoded(&packet, &options(0, true, true));
    assert_eq!(short.get(..4).unwrap(), [0x7e, 0x21, 0x45, 0x00]);
    let no_protocol = encoded(&packet, &options(0, true, false));
    assert_eq!(
        no_protocol.get(..6).unwrap(),
        [0x7e, 0xff, 0x03, 0x21, 0x45, 0x00]
    );
}

#[test]
fn a_protocol_is_not_made_to_look_like_an_address() {
    let frame = [0x00, 0xff, 0x03, 1];
    let short = options(0, true, true);
    let wire = encoded(&frame, &short);
    let mut decoder = Decoder::new();
    decoder.agree(&short);
    assert_eq!(decode(&mut decoder, &wire), [Ok(frame.to_vec())]);
}

#[test]
fn invalid_frames_are_refused() {
    let mut out = [0; 64];
    let plain = Direction::default();
    assert_eq!(
        encode(&[0], &plain, &mut out),
        Err(EncodeError::TooShort(1))
    );
    assert_eq!(
        encode(&[0x01, 0x21, 0], &plain, &mut out),
        Err(EncodeError::Protocol(0x0121))
    );
    assert_eq!(
        encode(&[0x00, 0x20, 0], &plain, &mut out),
        Err(EncodeError::Protocol(0x0020))
    );
    let frame = [0x00, 0x21, 0x7e];
    let needed = encoded(&frame, &plain).len();
    for room in 0..needed {
        let refused = encode(&frame, &plain, out.get_mut(..room).unwrap());
        assert_eq!(
            refused,
            Err(EncodeError::NoRoom {
                most: 16,
                got: room
            })
        );
    }
    assert_eq!(
        encode(&frame, &plain, out.get_mut(..needed).unwrap()),
        Ok(needed)
    );
}

#[test]
fn bad_frames_are_reported_with_offset() {
    let good = encoded(&[0x00, 0x21, 1, 2, 3], &options(0, false, false));
    let mut broken = good.clone();
    *broken.get_mut(4).unwrap() ^= 0x40;
    let found = faults(&broken);
    let [(1, Fault::Checksum { expected, got })] = found.as_slice() else {
        panic!("expected a wrong checksum at 1, got {found:?}");
    };
    assert_ne!(expected, got);
    assert_eq!(
        faults(&[0x7e, 0x7e, 0x41, 0x41, 0x7d, 0x7e]),
        [(2, Fault::Aborted)]
    );
    assert_eq!(faults(&[0x7e, 0x7d, 0x7e]), [(1, Fault::Aborted)]);
    assert_eq!(
        faults(&[0x7e, 0x41, 0x7e, 0x41, 0x42, 0x7e]),
        [
            (1, Fault::TooShort { got: 1 }),
            (3, Fault::TooShort { got: 2 }),
        ]
    );
}

#[test]
fn valid_checksum_with_bad_protocol_is_refused() {
    for body in [&[0x40][..], &[0xff, 0x03], &[0xff, 0x03, 0x40]] {
        let mut wire = body.to_vec();
        wire.extend(checksum(body).to_le_bytes());
        let got = wire.len();
        wire.push(FLAG);
        let mut decoder = Decoder::new();
        decoder.agree(&options(0, true, true));
        let error = FrameError {
            offset: 0,
            fault: Fault::TooShort { got },
        };
        assert_eq!(decode(&mut decoder, &wire), [Err(error)]);
    }
}

#[test]
fn longest_frame_passes_one_octet_more_fails() {
    let plain = options(0, false, false);
    let mut frame = vec![0x55; MAX_FRAME];
    frame.splice(..2, [0x00, 0x21]);
    let mut decoder = Decoder::new();
    decoder.agree(&plain);
    assert_eq!(
        decode(&mut decoder, &encoded(&frame, &plain)),
        [Ok(frame.clone())]
    );
    frame.push(0x55);
    let mut wire = encoded(&frame, &plain);
    let next = [0x00, 0x21, 7];
    wire.extend(encoded(&next, &plain));
    let outcomes = decode(&mut decoder, &wire);
    let [
        Err(FrameError {
            fault: Fault::TooLong,
            ..
        }),
        Ok(after),
    ] = outcomes.as_slice()
    else {
        panic!("expected one too long and a good one, got {outcomes:?}");
    };
    assert_eq!(after, &next);
    assert_eq!(
        *decoder.counters(),
        Counters {
            good: 2,
            too_long: 1,
            ..Counters::default()
        }
    );
}

#[test]
fn inserted_control_characters_are_removed() {
    let frame = [0x00, 0x21, 0x11, 0x7e, 0x13];
    let mut wire = Vec::new();
    for octet in encoded(&frame, &Direction::default()) {
        wire.extend([octet, 0x11]);
    }
    assert_eq!(decode(&mut Decoder::new(), &wire), [Ok(frame.to_vec())]);
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let octet = || prop_oneof![any::<u8>(), Just(FLAG), Just(ESCAPE), 0..0x20_u8];
    // Long ones are slow to make, and short ones have most of the edges.
    let information = prop_oneof![
        9 => vec(octet(), 0..40),
        1 => vec(octet(), 0..=MAX_INFORMATION),
    ];
    (any::<u8>(), any::<u8>(), information).prop_map(|(first, second, mut frame)| {
        frame.splice(..0, [first & !1, second | 1]);
        frame
    })
}

fn agreement() -> impl Strategy<Value = Direction> {
    (any::<u32>(), any::<bool>(), any::<bool>())
        .prop_map(|(map, pfc, acfc)| options(map, pfc, acfc))
}

/// Bytes that often make sense to a decoder.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..40),
        Just(vec![FLAG]),
        Just(vec![ESCAPE]),
        (vec(any::<u8>(), 0..6), agreement()).prop_map(|(mut rest, options)| {
            rest.splice(..0, [0x00, 0x21]);
            encoded(&rest, &options)
        }),
        (1400..1600_usize).prop_map(|length| vec![0x55; length]),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn checksum_matches_bitwise_reference(octets in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(checksum(&octets), bitwise(&octets));
    }

    #[test]
    fn decoding_undoes_encoding(frames in vec((frame(), agreement()), 1..4)) {
        let mut decoder = Decoder::new();
        for (frame, options) in frames {
            let wire = encoded(&frame, &options);
            prop_assert!(wire.len() <= encoded_max(frame.len()));
            decoder.agree(&options);
            prop_assert_eq!(decode(&mut decoder, &wire), vec![Ok(frame)]);
        }
    }

    #[test]
    fn no_mapped_character_and_no_flag_is_within_a_frame(frame in frame(), options in agreement()) {
        let wire = encoded(&frame, &options);
        let inner = wire.get(1..wire.len() - 1).unwrap();
        prop_assert!(inner.iter().all(|octet| *octet != FLAG && !is_mapped(*octet, options.accm)));
    }

    #[test]
    fn decoding_is_independent_of_input_pieces(wire in noise(), map in any::<u32>(), cuts in vec(1..50_usize, 1..60)) {
        let mut whole = Decoder::new();
        whole.agree(&options(map, false, false));
        let expected = decode(&mut whole, &wire);
        let mut pieces = Decoder::new();
        pieces.agree(&options(map, false, false));
        let mut got = Vec::new();
        let mut rest = wire.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            got.extend(decode(&mut pieces, piece));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, expected);
        prop_assert_eq!(pieces.counters(), whole.counters());
    }

    #[test]
    fn noise_is_counted_and_ends_at_a_flag(wire in noise(), next in frame()) {
        let mut decoder = Decoder::new();
        let outcomes = decode(&mut decoder, &wire);
        let (good, bad): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.is_ok());
        let counters = *decoder.counters();
        prop_assert_eq!((counters.good, counters.bad()), (good.len() as u64, bad.len() as u64));
        for frame in good {
            let length = frame.as_ref().map_or(0, Vec::len);
            prop_assert!((2..=DECODED_MAX).contains(&length));
        }
        for error in bad.iter().filter_map(|outcome| outcome.as_ref().err()) {
            prop_assert!(error.offset < wire.len() as u64);
        }
        let after = decode(&mut decoder, &encoded(&next, &Direction::default()));
        prop_assert_eq!(after.last(), Some(&Ok(next)));
    }
}
