//! Packets of CHAP with MD5 (RFC 1994).

use md5::{Digest, Md5};

use super::counters::{Fault, Malformed};
use super::outbox::Outbox;
use super::packet::Packet;
use super::protocol::Protocol;

pub(super) const CHALLENGE: u8 = 1;
pub(super) const RESPONSE: u8 = 2;
pub(super) const SUCCESS: u8 = 3;
pub(super) const FAILURE: u8 = 4;

/// Bytes of an MD5 digest, and of our own challenges.
pub(super) const VALUE_LEN: usize = 16;

/// Returns the response value: MD5 over identifier, secret and challenge.
pub(super) fn response(id: u8, secret: &[u8], challenge: &[u8]) -> [u8; VALUE_LEN] {
    let mut hash = Md5::new();
    hash.update([id]);
    hash.update(secret);
    hash.update(challenge);
    hash.finalize().into()
}

/// Sends a challenge or a response: a value and a name.
pub(super) fn send_value(out: &mut Outbox, code: u8, id: u8, value: &[u8; VALUE_LEN], name: &[u8]) {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    out.packet(Protocol::CHAP, code, id, &[&[length], value, name]);
}

/// Reads a challenge or a response: value and name.
pub(super) fn parse_value<'a>(packet: &Packet<'a>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let Some((length, rest)) = packet.data.split_first() else {
        return Err(packet.fault(
            0,
            Fault::Truncated {
                expected: 1,
                got: 0,
            },
        ));
    };
    let expected = usize::from(*length);
    if expected == 0 {
        return Err(packet.fault(0, Fault::Length(0)));
    }
    rest.split_at_checked(expected).ok_or_else(|| {
        packet.fault(
            0,
            Fault::Truncated {
                expected,
                got: rest.len(),
            },
        )
    })
}
