//! Epoll user data: what an event concerns, in 64 bits.

use crate::gate::Id;

/// The two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Public,
    Lan,
}

/// Subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Listener(Which),
    Connection(Which, Id),
    /// A request to the pages' server, by its number.
    Request(u32),
}

const LISTENER: u8 = 0;
const CONNECTION: u8 = 2;
const REQUEST: u8 = 4;

impl Token {
    /// Packs kind in 8 bits, index in 24, generation in 32.
    pub(super) const fn pack(self) -> u64 {
        let (kind, index, generation) = match self {
            Self::Listener(which) => (LISTENER + which as u8, 0, 0),
            Self::Connection(which, id) => (CONNECTION + which as u8, id.index, id.generation),
            Self::Request(number) => (REQUEST, 0, number),
        };
        (kind as u64) << 56 | (index as u64) << 32 | generation as u64
    }

    pub(super) const fn unpack(bits: u64) -> Option<Self> {
        let index = ((bits >> 32) & 0x00ff_ffff) as u32;
        let generation = (bits & 0xffff_ffff) as u32;
        let id = Id { index, generation };
        Some(match (bits >> 56) as u8 {
            0 => Self::Listener(Which::Public),
            1 => Self::Listener(Which::Lan),
            2 => Self::Connection(Which::Public, id),
            3 => Self::Connection(Which::Lan, id),
            4 => Self::Request(generation),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_packing() {
        let id = Id {
            index: 0x00ff_fffe,
            generation: u32::MAX - 1,
        };
        for token in [
            Token::Listener(Which::Public),
            Token::Listener(Which::Lan),
            Token::Connection(Which::Public, id),
            Token::Connection(Which::Lan, id),
            Token::Request(7),
        ] {
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(u64::MAX), None);
    }
}
