//! The network side as sticks have it, with a hook for what a test wants otherwise.

use super::*;

/// A frame in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) protocol: u16,
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) data: Vec<u8>,
}

impl Heard {
    pub(super) fn read(frame: &[u8]) -> Self {
        let length = usize::from(u16::from_be_bytes([frame[4], frame[5]]));
        assert_eq!(length, frame.len() - 2, "{frame:x?}");
        Self {
            protocol: u16::from_be_bytes([frame[0], frame[1]]),
            code: frame[2],
            id: frame[3],
            data: frame[6..].to_vec(),
        }
    }

    pub(super) fn is(&self, protocol: u16, code: u8) -> bool {
        (self.protocol, self.code) == (protocol, code)
    }

    /// An answer with this code and data.
    pub(super) fn answer(&self, code: u8, data: &[u8]) -> Vec<u8> {
        packet(self.protocol, code, self.id, data)
    }

    /// The value of an option.
    pub(super) fn option(&self, kind: u8) -> Option<&[u8]> {
        let mut rest = self.data.as_slice();
        while let [found, length, ..] = *rest {
            let (option, behind) = rest.split_at_checked(length.into())?;
            if found == kind {
                return Some(&option[2..]);
            }
            rest = behind;
        }
        None
    }
}

pub(super) fn packet(protocol: u16, code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap();
    let header = [protocol.to_be_bytes(), [code, id], length.to_be_bytes()].concat();
    [header.as_slice(), data].concat()
}

/// What a hook says to a frame: `None` leaves it to the stick.
pub(super) type Said = Option<Vec<Vec<u8>>>;

/// Addresses and resolvers as options.
pub(super) fn offer(address: Ipv4Addr, dns: [Ipv4Addr; 2]) -> Vec<u8> {
    [
        &[3, 6][..],
        &address.octets(),
        &[129, 6],
        &dns[0].octets(),
        &[131, 6],
        &dns[1].octets(),
    ]
    .concat()
}

/// A stick that agrees to everything, asks for `lcp` itself and has no address of its own.
pub(super) fn stick(
    lcp: &'static [u8],
    mut hook: impl FnMut(&Heard) -> Said,
) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> {
    let (mut lcp_asked, mut ipcp_asked) = (false, false);
    move |frame| {
        let heard = Heard::read(frame);
        if let Some(said) = hook(&heard) {
            return said;
        }
        let wanted = offer(CLIENT, DNS);
        match (heard.protocol, heard.code) {
            (LCP, code::CONFIGURE_REQUEST) => {
                let mut said = [heard.answer(code::CONFIGURE_ACK, &heard.data)].to_vec();
                if !core::mem::replace(&mut lcp_asked, true) {
                    said.push(packet(LCP, code::CONFIGURE_REQUEST, 1, lcp));
                }
                said
            }
            (LCP, code::TERMINATE_REQUEST) => [heard.answer(code::TERMINATE_ACK, &[])].into(),
            (LCP, code::ECHO_REQUEST) => [heard.answer(code::ECHO_REPLY, &[0; 4])].into(),
            (PAP, 1) => [heard.answer(2, &[0])].into(),
            (IPCP | IPV6CP, code::CONFIGURE_REQUEST) => {
                let right = |kind, address: Ipv4Addr| {
                    heard.option(kind).is_none_or(|it| it == address.octets())
                };
                let good = heard.protocol == IPV6CP
                    || (heard.option(3) == Some(&CLIENT.octets())
                        && right(129, DNS[0])
                        && right(131, DNS[1]));
                let mut said = if good {
                    [heard.answer(code::CONFIGURE_ACK, &heard.data)].to_vec()
                } else {
                    [heard.answer(code::CONFIGURE_NAK, &wanted)].to_vec()
                };
                if heard.protocol == IPV6CP {
                    let id = [1, 10, 2, 0, 0, 0, 0, 0, 0, 9];
                    said.push(packet(IPV6CP, code::CONFIGURE_REQUEST, 1, &id));
                } else if !core::mem::replace(&mut ipcp_asked, true) {
                    said.push(packet(IPCP, code::CONFIGURE_REQUEST, 1, &[]));
                }
                said
            }
            _ => Vec::new(),
        }
    }
}

/// A stick without a hook.
pub(super) fn plain(lcp: &'static [u8]) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> {
    stick(lcp, |_| None)
}

/// LCP options: PAP, CHAP with MD5.
pub(super) const ASK_PAP: &[u8] = &[3, 4, 0xc0, 0x23];
pub(super) const ASK_CHAP: &[u8] = &[3, 5, 0xc2, 0x23, 5];
