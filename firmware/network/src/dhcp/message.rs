//! Wire format of a DHCP message (RFC 2131, section 2).

use std::net::Ipv4Addr;

use super::options::{self, OVERLOAD, Options, Raw};

/// Length of the header in bytes, up to the options.
const HEADER_LEN: usize = 240;
/// Shortest message sent, in bytes: BOOTP relays and some servers drop shorter ones (RFC 951).
const MIN_LEN: usize = 300;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const ETHERNET: u8 = 1;
const MAC_LEN: u8 = 6;
const FLAG_BROADCAST: u16 = 0x8000;

/// Sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A client.
    Request,
    /// A server.
    Reply,
}

/// Decoded message. Boot files and relays are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sender.
    pub op: Op,
    /// Transaction identifier: an answer has that of its request.
    pub xid: u32,
    /// Seconds since the client's first request.
    pub secs: u16,
    /// Whether to answer by broadcast, since the client cannot be addressed yet.
    pub broadcast: bool,
    /// Address that the client has and answers for.
    pub ciaddr: Ipv4Addr,
    /// Address that the client gets.
    pub yiaddr: Ipv4Addr,
    /// The client's Ethernet address.
    pub mac: [u8; 6],
    /// Options.
    pub options: Options,
}

/// The bytes are no valid message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than the header.
    #[error("expected at least {HEADER_LEN} bytes, got {0}")]
    Short(usize),
    /// A header field that DHCP over Ethernet never has.
    #[error("{field}: unexpected value {value}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// An option is longer than the rest of the field.
    #[error("option {code}: expected {len} bytes, {left} are left")]
    OptionCut {
        /// Its number.
        code: u8,
        /// Its stated length.
        len: usize,
        /// Bytes left.
        left: usize,
    },
    /// An option has a wrong length for its kind.
    #[error("option {code}: expected {expected} bytes, got {got}")]
    OptionLength {
        /// Its number.
        code: u8,
        /// The length it should have.
        expected: usize,
        /// The length it has.
        got: usize,
    },
}

impl Message {
    /// Decodes a message; options not used here are skipped.
    ///
    /// # Errors
    /// What is wrong, with the place.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(bytes);
        let short = || DecodeError::Short(bytes.len());
        let mut header = || {
            Some((
                reader.take::<4>()?,
                u32::from_be_bytes(reader.take()?),
                u16::from_be_bytes(reader.take()?),
                u16::from_be_bytes(reader.take()?),
                Ipv4Addr::from(reader.take::<4>()?),
                Ipv4Addr::from(reader.take::<4>()?),
                // The next server's and the relay's address.
                reader.take::<8>()?,
                reader.take::<6>()?,
                reader.take::<10>()?,
                reader.take::<64>()?,
                reader.take::<128>()?,
                reader.take::<4>()?,
            ))
        };
        let (
            [op, htype, hlen, _],
            xid,
            secs,
            flags,
            ciaddr,
            yiaddr,
            _,
            mac,
            _,
            sname,
            file,
            cookie,
        ) = header().ok_or_else(short)?;
        let op = match op {
            1 => Op::Request,
            2 => Op::Reply,
            other => return Err(wrong("op", other)),
        };
        if htype != ETHERNET {
            return Err(wrong("htype", htype));
        }
        if hlen != MAC_LEN {
            return Err(wrong("hlen", hlen));
        }
        if cookie != COOKIE {
            return Err(wrong("cookie", u32::from_be_bytes(cookie)));
        }
        let mut raw = Raw::new();
        options::collect(reader.0, &mut raw)?;
        let overload = raw
            .get(&OVERLOAD)
            .and_then(|value| value.first())
            .copied()
            .unwrap_or(0);
        if overload & 1 != 0 {
            options::collect(&file, &mut raw)?;
        }
        if overload & 2 != 0 {
            options::collect(&sname, &mut raw)?;
        }
        let broadcast = flags & FLAG_BROADCAST != 0;
        let options = Options::decode(raw)?;
        Ok(Self {
            op,
            xid,
            secs,
            broadcast,
            ciaddr,
            yiaddr,
            mac,
            options,
        })
    }

    /// Encodes the message.
    pub fn encode(&self) -> Vec<u8> {
        let op = match self.op {
            Op::Request => 1,
            Op::Reply => 2,
        };
        let flags = if self.broadcast { FLAG_BROADCAST } else { 0 };
        let mut out = vec![op, ETHERNET, MAC_LEN, 0];
        out.extend(self.xid.to_be_bytes());
        out.extend(self.secs.to_be_bytes());
        out.extend(flags.to_be_bytes());
        out.extend(self.ciaddr.octets());
        out.extend(self.yiaddr.octets());
        out.extend([0; 8]);
        out.extend(self.mac);
        // The rest of the hardware address, server name and boot file.
        out.extend([0; 10 + 64 + 128]);
        out.extend(COOKIE);
        out.extend(self.options.encode());
        out.resize(out.len().max(MIN_LEN), 0);
        out
    }
}

fn wrong(field: &'static str, value: impl Into<u32>) -> DecodeError {
    DecodeError::Field {
        field,
        value: value.into(),
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}
