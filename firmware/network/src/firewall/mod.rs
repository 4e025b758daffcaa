//! Packet filter: a typed ruleset, its text form, its netlink form, and its installation.

mod apply;
mod conntrack;
mod encode;
mod policy;
mod stale;
#[cfg(test)]
mod tests;
mod text;

use std::net::Ipv4Addr;

pub use apply::{FirewallError, apply};
pub use conntrack::{SweepError, SweepResult, sweep};
pub use policy::{HEALTH_PORT, STATUS_PORT, ruleset};
pub use stale::{Connection, Ends, Ours, Stale};

use failberry_config::{Cidr, Protocol};

/// A table of family inet, as nftables knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Name of the table.
    pub table: &'static str,
    /// Its chains, in order of creation.
    pub chains: Vec<Chain>,
}

/// A base chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Name of the chain.
    pub name: &'static str,
    /// Type of the chain.
    pub kind: ChainKind,
    /// Hook at which packets pass it.
    pub hook: Hook,
    /// Order among the chains at one hook.
    pub priority: Priority,
    /// Verdict on a packet that no rule decided.
    pub policy: Verdict,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// Types of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// Accepts and drops.
    Filter,
    /// Sets up address translation; sees the first packet of a connection only.
    Nat,
    /// Filter whose changes to the mark lead to a new routing decision.
    Route,
}

/// Netfilter hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// After reception, before the routing decision.
    Prerouting,
    /// To this machine.
    Input,
    /// Through this machine.
    Forward,
    /// From this machine.
    Output,
    /// Before transmission.
    Postrouting,
}

/// The chain priorities used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before connection tracking.
    Raw,
    /// Before address translation.
    Mangle,
    /// Translation of destinations.
    DestinationNat,
    /// Right behind it.
    AfterDestinationNat,
    /// Accepting and dropping.
    Filter,
    /// Translation of sources.
    SourceNat,
}

/// Verdict on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The packet passes.
    Accept,
    /// The packet is dropped silently.
    Drop,
}

/// Rule: conditions, all of which must hold, and an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The conditions, checked in order.
    pub matches: Vec<Match>,
    /// The action.
    pub action: Action,
}

/// A condition on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Came in by this interface.
    In(&'static str),
    /// Will go out by this interface.
    Out(&'static str),
    /// Is IPv4.
    Ipv4,
    /// Comes from this IPv4 network.
    Source(Cidr),
    /// Its destination is no address of the interface it came in by.
    NotOurs,
    /// Its connection is tracked and in one of these states.
    State(&'static [State]),
    /// Goes the way of its connection's first packet, or the other.
    Direction(Direction),
    /// Belongs to a connection whose destination was translated.
    Forwarded,
    /// Has this transport protocol and destination port.
    Port(Protocol, u16),
    /// Is UDP with these source and destination ports.
    UdpPorts(u16, u16),
    /// Is an ICMP echo request.
    Ping,
    /// Is this `ICMPv6` message.
    Icmpv6(Icmpv6),
    /// Opens a TCP connection or answers such a packet: SYN set, RST not.
    TcpSyn,
    /// Keeps within this rate and burst.
    Limit {
        /// Packets a second.
        rate: u32,
        /// Packets in a burst.
        burst: u32,
    },
}

/// States of a tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Fits no connection.
    Invalid,
    /// Seen in both directions.
    Established,
    /// Caused by another connection.
    Related,
    /// Seen in one direction so far.
    New,
}

/// Directions of a tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Direction of the first packet.
    Original,
    /// The opposite direction.
    Reply,
}

/// `ICMPv6` messages that IPv6 on a LAN needs, and ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmpv6 {
    /// Type 128.
    EchoRequest,
    /// Type 134.
    RouterAdvertisement,
    /// Type 135.
    NeighbourSolicitation,
    /// Type 136.
    NeighbourAdvertisement,
}

/// Action of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the evaluation at this hook.
    Verdict(Verdict),
    /// Gives the connection a mark.
    MarkConnection(u32),
    /// Gives the packet a mark.
    MarkPacket(u32),
    /// Gives the packet its connection's mark.
    RestoreMark,
    /// Lowers the TCP maximum segment size to the route's MTU.
    ClampSegmentSize,
    /// Replaces the source by the address of the interface it goes out by.
    Masquerade,
    /// Replaces the destination.
    Forward {
        /// New destination address.
        to: Ipv4Addr,
        /// New destination port.
        port: u16,
    },
}
