//! Protocol numbers.

use core::fmt;

/// A PPP protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(pub u16);

impl Protocol {
    /// Link Control Protocol.
    pub const LCP: Self = Self(0xc021);
    /// Password Authentication Protocol.
    pub const PAP: Self = Self(0xc023);
    /// Challenge Handshake Authentication Protocol.
    pub const CHAP: Self = Self(0xc223);
    /// IP Control Protocol.
    pub const IPCP: Self = Self(0x8021);
    /// IPv6 Control Protocol.
    pub const IPV6CP: Self = Self(0x8057);
    /// Compression Control Protocol.
    pub const CCP: Self = Self(0x80fd);
    /// Internet Protocol, version 4.
    pub const IPV4: Self = Self(0x0021);
    /// Internet Protocol, version 6.
    pub const IPV6: Self = Self(0x0057);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LCP => f.write_str("LCP"),
            Self::PAP => f.write_str("PAP"),
            Self::CHAP => f.write_str("CHAP"),
            Self::IPCP => f.write_str("IPCP"),
            Self::IPV6CP => f.write_str("IPv6CP"),
            Self::CCP => f.write_str("CCP"),
            Self::IPV4 => f.write_str("IPv4"),
            Self::IPV6 => f.write_str("IPv6"),
            Self(number) => write!(f, "protocol {number:#06x}"),
        }
    }
}
