//! A peer that says what it likes, much of it nearly right.

use super::{
    super::source::Source,
    end::{End, Said},
    frame::{CHAP, IPCP, IPV6CP, LCP, PAP, auth, code, option, options, write},
    proof,
    settings::{SECRET, USER},
};

/// Milliseconds that pass.
const PAUSES: &[u64] = &[1, 40, 999, 1_000, 3_000, 15_000, 61_000];

/// The options of a protocol.
pub(super) struct Dialect {
    protocol: u16,
    kinds: &'static [u8],
    values: &'static [&'static [u8]],
}

pub(super) const LCP_DIALECT: Dialect = Dialect {
    protocol: LCP,
    kinds: &[1, 2, 3, 5, 7, 8, 13, 17, 0],
    values: &[
        &[],
        &[0x05, 0xdc],
        &[0, 0],
        &[0, 128],
        &[0; 4],
        &[0xff; 4],
        &[0xc0, 0x23],
        &[0xc2, 0x23, 5],
        &[0xc2, 0x23, 0x80],
        &[0xde, 0xad, 0xbe, 0xef],
    ],
};

pub(super) const IPCP_DIALECT: Dialect = Dialect {
    protocol: IPCP,
    kinds: &[3, 129, 131, 2, 1, 130],
    values: &[
        &[10, 9, 8, 7],
        &[10, 64, 64, 64],
        &[0; 4],
        &[127, 0, 0, 1],
        &[0xff; 4],
        &[0, 0, 0, 1],
        &[240, 0, 0, 1],
        &[10, 11, 12, 13],
        &[10, 11, 12, 14],
        &[193, 201, 224, 1],
        &[0, 0x2d, 15, 0],
        &[],
    ],
};

pub(super) const IPV6CP_DIALECT: Dialect = Dialect {
    protocol: IPV6CP,
    kinds: &[1, 2],
    values: &[&[0; 8], &[2, 0, 0, 0, 0, 0, 0, 9], &[0xff; 8], &[], &[1, 2]],
};

/// One thing that a peer may do in a protocol with options.
pub(super) fn negotiate(source: &mut Source<'_>, end: &mut End, dialect: &Dialect) -> Said {
    let protocol = dialect.protocol;
    let (id, ours) = end
        .ledger
        .talk(protocol)
        .and_then(|talk| talk.ours.clone())
        .unwrap_or_default();
    let frame = match source.octet() % 16 {
        0..=3 => {
            let id = source.octet();
            write(protocol, code::REQUEST, id, &wishes(source, dialect, &ours))
        }
        4 => return end.ack(protocol),
        // Right but for its number, as a late copy is.
        5 => {
            let id = id.wrapping_add(source.pick(&[0, 1, 0xff]));
            write(protocol, code::ACK, id, &ours)
        }
        6 | 7 => write(protocol, code::NAK, id, &wishes(source, dialect, &ours)),
        8 => {
            let mask = source.octet();
            let all = options(&ours).unwrap_or_default().into_iter().enumerate();
            let some = all.filter(|(at, _)| mask >> at & 1 == 1);
            let some: Vec<_> = some.map(|(_, (kind, value))| option(kind, value)).collect();
            write(protocol, code::REJECT, id, &some.concat())
        }
        9 => write(protocol, source.octet(), source.octet(), source.chunk()),
        10 => write(
            protocol,
            source.pick(&[5, 6]),
            source.octet(),
            source.chunk(),
        ),
        11 => {
            let (code, first) = (
                source.pick(&[code::CODE_REJECT, code::PROTOCOL_REJECT]),
                source.octet(),
            );
            let number = source
                .pick(&[LCP, PAP, CHAP, IPCP, IPV6CP, 0x80fd])
                .to_be_bytes();
            let what = if code == code::CODE_REJECT {
                [first % 14, 0]
            } else {
                number
            };
            write(
                protocol,
                code,
                source.octet(),
                &[&what, source.chunk()].concat(),
            )
        }
        12 => {
            let magic = options(&ours).unwrap_or_default();
            let magic = magic.into_iter().find(|(kind, _)| *kind == 5);
            let ours = magic.map_or(&[0; 4][..], |(_, value)| value);
            let magic = source.pick(&[ours, &[0; 4], &[1, 2, 3, 4], &[]]);
            let data = [magic, source.chunk()].concat();
            write(
                protocol,
                code::ECHO_REQUEST + source.octet() % 3,
                source.octet(),
                &data,
            )
        }
        13 => {
            let length = source.pick(&[0_u16, 120, 1_400, 1_490]) + u16::from(source.octet()) % 12;
            let filling = vec![source.octet(); length.into()];
            write(protocol, source.octet(), source.octet(), &filling)
        }
        14 => [&protocol.to_be_bytes(), source.chunk()].concat(),
        _ => return end.pass(source.pick(PAUSES)),
    };
    end.frame(&frame)
}

/// Some options. A value may be the one that the other side asked for itself.
fn wishes(source: &mut Source<'_>, dialect: &Dialect, ours: &[u8]) -> Vec<u8> {
    let mut wishes = Vec::new();
    for _ in 0..source.octet() % 6 {
        let choice = source.octet();
        let kind = match choice {
            0..0xf0 => dialect.kinds[usize::from(choice) % dialect.kinds.len()],
            _ => source.octet(),
        };
        let value = match source.octet() {
            0..0x80 => source.pick(dialect.values),
            0x80..0xc0 => {
                let own = options(ours).unwrap_or_default();
                own.into_iter()
                    .find(|(known, _)| *known == kind)
                    .map_or(&[][..], |(_, value)| value)
            }
            length => source.take(usize::from(length) % 12),
        };
        wishes.extend(option(kind, value));
    }
    wishes
}

/// One thing that a peer may do about names and passwords.
pub(super) fn authenticate(source: &mut Source<'_>, end: &mut End) -> Said {
    let ledger = &end.ledger;
    let (pap_id, response_id) = (ledger.pap_id, ledger.response_id);
    let (challenge_id, challenge) = ledger.challenge.clone();
    let frame = match source.octet() % 12 {
        0 => write(PAP, source.pick(&[2, 3]), pap_id, source.chunk()),
        // For a copy from before, or for nothing.
        1 => {
            let id = pap_id.wrapping_sub(source.octet() % 4);
            write(PAP, source.pick(&[2, 3]), id, source.chunk())
        }
        2 => {
            let value = source.chunk();
            let length = u8::try_from(value.len()).unwrap();
            let data = [&[length], value, source.chunk()].concat();
            write(CHAP, auth::CHALLENGE, source.octet(), &data)
        }
        3 => write(CHAP, source.pick(&[3, 4]), response_id, source.chunk()),
        4 => write(CHAP, source.pick(&[3, 4]), source.octet(), source.chunk()),
        5 => {
            let data = proof::pap_data(name(source), name(source));
            write(PAP, auth::PAP_REQUEST, source.octet(), &data)
        }
        6 => {
            let id = challenge_id.wrapping_add(source.pick(&[0, 0, 1]));
            proof::chap_response(&(id, challenge), name(source))
        }
        7 => write(CHAP, auth::RESPONSE, challenge_id, source.chunk()),
        8 => write(
            source.pick(&[PAP, CHAP]),
            source.octet(),
            source.octet(),
            source.chunk(),
        ),
        9 => [&source.pick(&[PAP, CHAP]).to_be_bytes(), source.chunk()].concat(),
        10 => return negotiate(source, end, &IPCP_DIALECT),
        _ => return end.pass(source.pick(PAUSES)),
    };
    end.frame(&frame)
}

/// A name or a password, right or wrong.
fn name<'a>(source: &mut Source<'a>) -> &'a [u8] {
    let other = source.chunk();
    source.pick(&[USER.as_bytes(), SECRET.as_bytes(), b"", other])
}
