//! Who has the password, checked without the crate's help.

use md5::{Digest, Md5};

use super::{
    frame::{CHAP, PAP, Packet, auth, write},
    settings::{SECRET, USER},
};

/// The right PAP request.
pub(super) fn pap_request(id: u8) -> Vec<u8> {
    write(
        PAP,
        auth::PAP_REQUEST,
        id,
        &pap_data(USER.as_bytes(), SECRET.as_bytes()),
    )
}

pub(super) fn pap_data(user: &[u8], password: &[u8]) -> Vec<u8> {
    let length = |text: &[u8]| [u8::try_from(text.len()).unwrap()];
    [&length(user), user, &length(password), password].concat()
}

/// Whether it is a PAP request that must be let in; more may follow the password.
pub(super) fn pap(packet: Packet<'_>) -> bool {
    (packet.protocol, packet.code) == (PAP, auth::PAP_REQUEST)
        && packet
            .data
            .starts_with(&pap_data(USER.as_bytes(), SECRET.as_bytes()))
}

/// The right answer to a challenge.
pub(super) fn chap_response((id, challenge): &(u8, Vec<u8>), name: &[u8]) -> Vec<u8> {
    let value = digest(*id, challenge);
    write(
        CHAP,
        auth::RESPONSE,
        *id,
        &[&[16], &value[..], name].concat(),
    )
}

/// Whether it is the right answer to the challenge.
pub(super) fn chap(packet: Packet<'_>, (id, challenge): &(u8, Vec<u8>)) -> bool {
    let right = [&[16], &digest(*id, challenge)[..], USER.as_bytes()].concat();
    (packet.protocol, packet.code, packet.id) == (CHAP, auth::RESPONSE, *id) && packet.data == right
}

fn digest(id: u8, challenge: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update([id]);
    hash.update(SECRET.as_bytes());
    hash.update(challenge);
    hash.finalize().into()
}
