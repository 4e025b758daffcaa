//! DHCP options (RFC 2132) used here.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{DecodeError, text::printable};

const PAD: u8 = 0;
const SUBNET_MASK: u8 = 1;
const ROUTER: u8 = 3;
const DNS: u8 = 6;
const HOST_NAME: u8 = 12;
const DOMAIN_NAME: u8 = 15;
const BROADCAST: u8 = 28;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const PARAMETERS: u8 = 55;
const TEXT: u8 = 56;
const MAX_SIZE: u8 = 57;
const RENEWAL_TIME: u8 = 58;
const REBINDING_TIME: u8 = 59;
const CLIENT_ID: u8 = 61;
const END: u8 = 255;
/// Option overload: the header's name fields hold options too.
pub(super) const OVERLOAD: u8 = 52;

/// Requested parameters. Domain and broadcast address are not used here, but a list such as every
/// client sends is what servers are tested with.
pub(super) const PARAMETER_REQUEST: [u8; 9] = [
    SUBNET_MASK,
    ROUTER,
    DNS,
    DOMAIN_NAME,
    BROADCAST,
    LEASE_TIME,
    SERVER,
    RENEWAL_TIME,
    REBINDING_TIME,
];

/// Message types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Search for servers.
    Discover,
    /// Offer of an address.
    Offer,
    /// Request for an offered address, or to keep one.
    Request,
    /// Refusal of an address that is in use by another host.
    Decline,
    /// Grant.
    Ack,
    /// Refusal.
    Nak,
    /// Return of an address.
    Release,
    /// Request for parameters only.
    Inform,
}

/// Decoded options; empty and absent are equivalent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// 53.
    pub kind: Option<Kind>,
    /// 1.
    pub mask: Option<Ipv4Addr>,
    /// 3.
    pub routers: Vec<Ipv4Addr>,
    /// 6.
    pub dns: Vec<Ipv4Addr>,
    /// 12; printable ASCII.
    pub hostname: String,
    /// 50.
    pub requested: Option<Ipv4Addr>,
    /// 51, in seconds.
    pub lease: Option<u32>,
    /// 54.
    pub server: Option<Ipv4Addr>,
    /// 55.
    pub parameters: Vec<u8>,
    /// 56, why it was refused; printable ASCII of bounded length.
    pub text: String,
    /// 57, the longest message accepted.
    pub max_size: Option<u16>,
    /// 58, in seconds.
    pub renewal: Option<u32>,
    /// 59, in seconds.
    pub rebinding: Option<u32>,
    /// 61.
    pub client_id: Vec<u8>,
}

/// Undecoded options of a packet; parts of one option are joined (RFC 3396).
pub(super) type Raw = BTreeMap<u8, Vec<u8>>;

/// Adds the options in `field` to `raw`.
pub(super) fn collect(mut field: &[u8], raw: &mut Raw) -> Result<(), DecodeError> {
    loop {
        match *field {
            [] | [END, ..] => return Ok(()),
            [PAD, ref rest @ ..] => field = rest,
            [code, len, ref rest @ ..] => {
                let (value, rest) =
                    rest.split_at_checked(len.into())
                        .ok_or(DecodeError::OptionCut {
                            code,
                            len: len.into(),
                            left: rest.len(),
                        })?;
                raw.entry(code).or_default().extend(value);
                field = rest;
            }
            [code] => {
                return Err(DecodeError::OptionCut {
                    code,
                    len: 1,
                    left: 0,
                });
            }
        }
    }
}

impl Options {
    pub(super) fn decode(mut raw: Raw) -> Result<Self, DecodeError> {
        let mut take = |code| (code, raw.remove(&code).unwrap_or_default());
        Ok(Self {
            kind: fixed(&take(MESSAGE_TYPE))?.and_then(|[number]| Kind::from_number(number)),
            mask: fixed::<4>(&take(SUBNET_MASK))?.map(Ipv4Addr::from),
            routers: addresses(&take(ROUTER))?,
            dns: addresses(&take(DNS))?,
            hostname: printable(&take(HOST_NAME).1),
            requested: fixed::<4>(&take(REQUESTED_ADDRESS))?.map(Ipv4Addr::from),
            lease: fixed(&take(LEASE_TIME))?.map(u32::from_be_bytes),
            server: fixed::<4>(&take(SERVER))?.map(Ipv4Addr::from),
            parameters: take(PARAMETERS).1,
            text: printable(&take(TEXT).1),
            max_size: fixed(&take(MAX_SIZE))?.map(u16::from_be_bytes),
            renewal: fixed(&take(RENEWAL_TIME))?.map(u32::from_be_bytes),
            rebinding: fixed(&take(REBINDING_TIME))?.map(u32::from_be_bytes),
            client_id: take(CLIENT_ID).1,
        })
    }

    /// Encodes the whole field, with its end.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |code: u8, value: &[u8]| {
            for part in value.chunks(u8::MAX.into()) {
                out.extend([code, u8::try_from(part.len()).unwrap_or(u8::MAX)]);
                out.extend(part);
            }
        };
        // First, as some servers expect it.
        put(
            MESSAGE_TYPE,
            self.kind
                .map(|kind| [kind as u8 + 1])
                .as_slice()
                .as_flattened(),
        );
        let one = |address: Option<Ipv4Addr>| address.map(|a| a.octets().to_vec());
        let many = |list: &[Ipv4Addr]| list.iter().flat_map(Ipv4Addr::octets).collect::<Vec<_>>();
        let number = |number: Option<u32>| number.map(|n| n.to_be_bytes().to_vec());
        put(CLIENT_ID, &self.client_id);
        put(SUBNET_MASK, &one(self.mask).unwrap_or_default());
        put(ROUTER, &many(&self.routers));
        put(DNS, &many(&self.dns));
        put(HOST_NAME, self.hostname.as_bytes());
        put(REQUESTED_ADDRESS, &one(self.requested).unwrap_or_default());
        put(LEASE_TIME, &number(self.lease).unwrap_or_default());
        put(SERVER, &one(self.server).unwrap_or_default());
        put(PARAMETERS, &self.parameters);
        put(TEXT, self.text.as_bytes());
        put(
            MAX_SIZE,
            self.max_size
                .map(u16::to_be_bytes)
                .as_slice()
                .as_flattened(),
        );
        put(RENEWAL_TIME, &number(self.renewal).unwrap_or_default());
        put(REBINDING_TIME, &number(self.rebinding).unwrap_or_default());
        out.push(END);
        out
    }
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number.checked_sub(1)?)).copied()
    }
}

type Value = (u8, Vec<u8>);

fn fixed<const N: usize>((code, value): &Value) -> Result<Option<[u8; N]>, DecodeError> {
    if value.is_empty() {
        return Ok(None);
    }
    let wrong = |_| DecodeError::OptionLength {
        code: *code,
        expected: N,
        got: value.len(),
    };
    value.as_slice().try_into().map(Some).map_err(wrong)
}

fn addresses((code, value): &Value) -> Result<Vec<Ipv4Addr>, DecodeError> {
    let (whole, rest) = value.as_chunks::<4>();
    if rest.is_empty() {
        return Ok(whole.iter().copied().map(Ipv4Addr::from).collect());
    }
    let expected = whole.len().saturating_add(1).saturating_mul(4);
    Err(DecodeError::OptionLength {
        code: *code,
        expected,
        got: value.len(),
    })
}
