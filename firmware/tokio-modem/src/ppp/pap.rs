//! Packets of PAP (RFC 1334, section 2).

use super::counters::{Fault, Malformed};
use super::outbox::Outbox;
use super::packet::Packet;
use super::protocol::Protocol;
use super::text::Text;

pub(super) const REQUEST: u8 = 1;
pub(super) const ACK: u8 = 2;
pub(super) const NAK: u8 = 3;

/// Sends name and password; each has at most 255 bytes.
pub(super) fn send_request(out: &mut Outbox, id: u8, user: &[u8], password: &[u8]) {
    let length = |field: &[u8]| [u8::try_from(field.len()).unwrap_or(u8::MAX)];
    let (user_len, password_len) = (length(user), length(password));
    out.packet(
        Protocol::PAP,
        REQUEST,
        id,
        &[&user_len, user, &password_len, password],
    );
}

/// Sends a verdict without text.
pub(super) fn send_verdict(out: &mut Outbox, id: u8, accepted: bool) {
    out.packet(Protocol::PAP, if accepted { ACK } else { NAK }, id, &[&[0]]);
}

/// Reads name and password.
pub(super) fn parse_request<'a>(packet: &Packet<'a>) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let (user, rest) = parse_field(packet, packet.data)?;
    let (password, _) = parse_field(packet, rest)?;
    Ok((user, password))
}

/// Returns the text of a verdict; sticks omit even its length.
pub(super) fn message(packet: &Packet<'_>) -> Text {
    Text::sanitise(match packet.data {
        [length, text @ ..] => text.get(..usize::from(*length)).unwrap_or(text),
        [] => &[],
    })
}

fn parse_field<'a>(packet: &Packet<'a>, data: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    let offset = packet.data.len() - data.len();
    let Some((length, rest)) = data.split_first() else {
        return Err(packet.fault(
            offset,
            Fault::Truncated {
                expected: 1,
                got: 0,
            },
        ));
    };
    let expected = usize::from(*length);
    rest.split_at_checked(expected).ok_or_else(|| {
        packet.fault(
            offset,
            Fault::Truncated {
                expected,
                got: rest.len(),
            },
        )
    })
}
