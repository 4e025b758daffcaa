//! Removal of tracked connections from the kernel's table (`ctnetlink`).
//!
//! The table is read in the datagrams in which the kernel sends it, and the matches of one datagram
//! are removed before the next is requested: memory stays that of one datagram, however full a
//! flood has made the table.

use std::{fmt, io, net::Ipv4Addr, time::Duration};

use failberry_state::BootMillis;
use netlink_packet_core::{
    DefaultNla, NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, NlasIterator,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterProtoFamily, conntrack::ConntrackMessage,
};
use netlink_sys::protocols::NETLINK_NETFILTER;
use nix::errno::Errno;
use smol::future::yield_now;

use super::stale::{Connection, Ends, Stale};
use crate::kernel::{Netlink, NetlinkError, Received, serialize};

/// Longest time for one sweep. A full table of 16,000 connections takes a fraction of it on the
/// slowest board; the rest is removed by the next sweep.
const LIMIT: Duration = Duration::from_secs(5);
/// Largest number of reads of the table in one sweep. A packet in transit while an address was
/// removed can put its connection into a part of the table that was read already.
const PASSES: u32 = 3;
/// `NFNL_SUBSYS_CTNETLINK` and `IPCTNL_MSG_CT_NEW`: a connection in an answer.
const CONNECTION: u16 = 1 << 8;
/// `IPCTNL_MSG_CT_DELETE`.
const DELETE: u8 = 2;
/// Length of `struct nfgenmsg`.
const HEADER_LEN: usize = 4;

/// Result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepResult {
    /// Connections seen in the first pass: as many as the table had.
    pub seen: usize,
    /// Connections removed.
    pub removed: usize,
    /// Duration in milliseconds.
    pub ms: u64,
}

impl fmt::Display for SweepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, removed, ms } = self;
        write!(
            f,
            "removed {removed} of {seen} tracked connections in {ms} ms"
        )
    }
}

/// The sweep was not finished; what was removed stays removed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The kernel refused a request.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// It took too long.
    #[error("change of addresses: time is over: {0}; the rest follows in a few seconds")]
    Slow(SweepResult),
}

/// Removes the connections that `stale` matches; yields to other tasks after each datagram of the
/// table.
///
/// # Errors
/// The kernel's refusal, or that the time is over.
pub async fn sweep(stale: &Stale) -> Result<SweepResult, SweepError> {
    let mut sweep = Sweep {
        reader: Netlink::open(NETLINK_NETFILTER)?,
        remover: Netlink::open(NETLINK_NETFILTER)?,
        number: 0,
        began: BootMillis::now(),
        swept: SweepResult::default(),
    };
    for _ in 0..PASSES {
        let before = sweep.swept;
        let seen = sweep.pass(stale).await?;
        sweep.swept.seen = sweep.swept.seen.max(seen);
        if sweep.swept.removed == before.removed {
            break;
        }
    }
    Ok(sweep.swept)
}

struct Sweep {
    reader: Netlink,
    /// A second socket: the kernel answers on it while it still sends the table on the first.
    remover: Netlink,
    /// Number of the last request.
    number: u32,
    began: BootMillis,
    swept: SweepResult,
}

impl Sweep {
    /// Reads the whole table once; returns the number of connections.
    async fn pass(&mut self, stale: &Stale) -> Result<usize, SweepError> {
        let reading = || NetlinkError::while_doing("listing tracked connections");
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        let all = message(ConntrackMessage::Get(Vec::new()));
        let ask = serialize(all, NLM_F_DUMP, number);
        self.reader.send_bytes(&ask).map_err(reading())?;
        let mut seen = 0;
        let mut finished = false;
        while !finished {
            let mut stale_entries = Vec::new();
            for answer in self.reader.receive().map_err(reading())? {
                match answer.kind {
                    _ if answer.sequence != number => {}
                    NLMSG_DONE => finished = true,
                    NLMSG_ERROR => answer.result().map_err(reading())?,
                    _ => {
                        seen += 1;
                        let entry = Entry::parse(&answer);
                        stale_entries.extend(
                            entry.filter(|entry| stale.matches_connection(&entry.connection)),
                        );
                    }
                }
            }
            self.remove(stale_entries)
                .map_err(NetlinkError::while_doing("removing tracked connections"))?;
            self.swept.ms = BootMillis::now().since(self.began);
            if !finished && Duration::from_millis(self.swept.ms) >= LIMIT {
                self.swept.seen = self.swept.seen.max(seen);
                return Err(SweepError::Slow(self.swept));
            }
            yield_now().await;
        }
        Ok(seen)
    }

    /// Removes the entries of one datagram in one request of many messages. Only the last requests
    /// an acknowledgement; failures are always answered.
    fn remove(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let count = entries.len();
        let mut requests = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            self.number = self.number.wrapping_add(1);
            let delete = message(ConntrackMessage::Other {
                message_type: DELETE,
                attributes: entry.name,
            });
            let flags = if index + 1 == count { NLM_F_ACK } else { 0 };
            requests.extend(serialize(delete, flags, self.number));
        }
        if count == 0 {
            return Ok(());
        }
        self.remover.send_bytes(&requests)?;
        self.swept.removed += count;
        loop {
            for answer in self.remover.receive()? {
                match answer.result() {
                    Ok(()) => {}
                    // It ended by itself meanwhile, or another has taken its tuple.
                    Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => {
                        self.swept.removed = self.swept.removed.saturating_sub(1);
                    }
                    Err(error) => return Err(error),
                }
                if answer.sequence == self.number {
                    return Ok(());
                }
            }
        }
    }
}

fn message(message: ConntrackMessage) -> NetfilterMessage {
    NetfilterMessage::new(
        NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0),
        message,
    )
}

/// Entry of the table.
#[derive(Debug)]
struct Entry {
    connection: Connection,
    /// Attributes by which the kernel finds it: tuple, number and zone, as received. The number
    /// (`CTA_ID`) prevents that a new connection between the same ends is removed instead.
    name: Vec<DefaultNla>,
}

impl Entry {
    /// Parses only what is used here: a newer kernel may send more, in unknown forms.
    fn parse(message: &Received) -> Option<Self> {
        /// `CTA_*`.
        const TUPLE_ORIGINAL: u16 = 1;
        const TUPLE_REPLY: u16 = 2;
        const STATUS: u16 = 3;
        const ID: u16 = 12;
        const ZONE: u16 = 18;
        /// `IPS_SRC_NAT` and `IPS_DST_NAT`.
        const SOURCE_TRANSLATED: u32 = 1 << 4;
        const DESTINATION_TRANSLATED: u32 = 1 << 5;

        if message.kind != CONNECTION {
            return None;
        }
        let (mut original, mut reply, mut status) = (None, None, None);
        let mut name = Vec::new();
        for attribute in attributes(message.payload.get(HEADER_LEN..)?) {
            let (kind, value) = attribute;
            match kind {
                TUPLE_ORIGINAL => {
                    original = ends(value);
                    name.push(DefaultNla::new(kind | NLA_F_NESTED, value.to_vec()));
                }
                TUPLE_REPLY => reply = ends(value),
                STATUS => status = value.try_into().ok().map(u32::from_be_bytes),
                ID | ZONE => name.push(DefaultNla::new(kind, value.to_vec())),
                _ => {}
            }
        }
        let status = status?;
        Some(Self {
            connection: Connection {
                original: original?,
                reply: reply?,
                source_translated: status & SOURCE_TRANSLATED != 0,
                destination_translated: status & DESTINATION_TRANSLATED != 0,
            },
            name,
        })
    }
}

/// Returns the addresses in a tuple.
fn ends(tuple: &[u8]) -> Option<Ends> {
    /// `CTA_TUPLE_IP`, `CTA_IP_V4_SRC`, `CTA_IP_V4_DST`.
    const IP: u16 = 1;
    const SOURCE: u16 = 1;
    const DESTINATION: u16 = 2;
    let addresses = find(tuple, IP)?;
    let address = |wanted| {
        let value = find(addresses, wanted)?;
        <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
    };
    Some(Ends {
        source: address(SOURCE)?,
        destination: address(DESTINATION)?,
    })
}

fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(kind, value)| (kind == wanted).then_some(value))
}

/// Iterates over kinds and values of a list of attributes, up to the first malformed one.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Length and kind, before the value.
    const HEADER_LEN: usize = 4;
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let (kind, end) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(HEADER_LEN..end)?))
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Emitable;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let attribute = DefaultNla::new(kind, value.to_vec());
        let mut bytes = vec![0; attribute.buffer_len()];
        attribute.emit(&mut bytes);
        bytes
    }

    fn tuple(kind: u16, source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
        let addresses = [attribute(1, &source), attribute(2, &destination)].concat();
        let ports = attribute(2 | NLA_F_NESTED, &attribute(1, &[17]));
        let ip = attribute(1 | NLA_F_NESTED, &addresses);
        attribute(kind | NLA_F_NESTED, &[ip, ports].concat())
    }

    fn answer(attributes: &[Vec<u8>]) -> Received {
        Received {
            kind: CONNECTION,
            sequence: 1,
            payload: [&[2, 0, 0, 0], attributes.concat().as_slice()].concat(),
        }
    }

    const HOST: [u8; 4] = [192, 168, 88, 20];
    const FAR: [u8; 4] = [198, 51, 100, 7];
    const OURS: [u8; 4] = [10, 112, 7, 5];

    #[test]
    fn entry_keeps_the_kernels_identifying_attributes() {
        let original = tuple(1, HOST, FAR);
        let entry = Entry::parse(&answer(&[
            original.clone(),
            tuple(2, FAR, OURS),
            // Confirmed, source translated, and that decided.
            attribute(3, &0x198_u32.to_be_bytes()),
            attribute(7, &[0, 0, 0, 30]),
            attribute(12, &[1, 2, 3, 4]),
            attribute(99, b"of a newer kernel"),
        ]))
        .unwrap();
        let connection = entry.connection;
        assert_eq!(connection.original.source, Ipv4Addr::from(HOST));
        assert_eq!(connection.original.destination, Ipv4Addr::from(FAR));
        assert_eq!(connection.reply.destination, Ipv4Addr::from(OURS));
        assert!(connection.source_translated && !connection.destination_translated);
        let mut name = vec![0; entry.name.as_slice().buffer_len()];
        entry.name.as_slice().emit(&mut name);
        assert_eq!(name, [original, attribute(12, &[1, 2, 3, 4])].concat());
    }

    #[test]
    fn incomplete_entry_is_ignored() {
        let whole = [
            tuple(1, HOST, FAR),
            tuple(2, FAR, OURS),
            attribute(3, &[0; 4]),
        ];
        assert!(Entry::parse(&answer(&whole)).is_some());
        for missing in 0..whole.len() {
            let mut part = whole.to_vec();
            part.remove(missing);
            assert!(Entry::parse(&answer(&part)).is_none(), "without {missing}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic_the_parser(payload in vec(any::<u8>(), 0..200)) {
            let message = Received { kind: CONNECTION, sequence: 1, payload };
            let _ = Entry::parse(&message);
        }
    }
}
