//! Text form of the ruleset, as printed by `nft list table`.

use std::fmt::{self, Display, Formatter};

use failberry_config::Protocol;

use super::{
    Action, Chain, ChainKind, Direction, Hook, Icmpv6, Match, Priority, Rule, Ruleset, State,
    Verdict,
};

impl Display for Ruleset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "table inet {} {{", self.table)?;
        for (number, chain) in self.chains.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{chain}")?;
        }
        writeln!(f, "}}")
    }
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        writeln!(
            f,
            "\t\ttype {} hook {} priority {}; policy {};",
            self.kind.name(),
            self.hook.name(),
            self.priority.name(),
            self.policy
        )?;
        for rule in &self.rules {
            writeln!(f, "\t\t{rule}")?;
        }
        writeln!(f, "\t}}")
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for condition in &self.matches {
            write!(f, "{condition} ")?;
        }
        write!(f, "{}", self.action)
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(interface) => write!(f, "iifname \"{interface}\""),
            Self::Out(interface) => write!(f, "oifname \"{interface}\""),
            Self::Ipv4 => f.write_str("meta nfproto ipv4"),
            Self::Source(net) if net.prefix == 32 => write!(f, "ip saddr {}", net.address),
            Self::Source(net) => write!(f, "ip saddr {net}"),
            Self::NotOurs => f.write_str("fib daddr . iif type != local"),
            Self::State(states) => {
                f.write_str("ct state ")?;
                for (number, state) in states.iter().enumerate() {
                    f.write_str(if number > 0 { "," } else { "" })?;
                    f.write_str(state.name())?;
                }
                Ok(())
            }
            Self::Direction(Direction::Original) => f.write_str("ct direction original"),
            Self::Direction(Direction::Reply) => f.write_str("ct direction reply"),
            Self::Forwarded => f.write_str("ct status dnat"),
            Self::Port(protocol, port) => write!(f, "{} dport {port}", protocol_name(*protocol)),
            Self::UdpPorts(from, to) => write!(f, "udp sport {from} udp dport {to}"),
            Self::Ping => f.write_str("icmp type echo-request"),
            Self::Icmpv6(kind) => write!(f, "icmpv6 type {}", kind.name()),
            Self::TcpSyn => f.write_str("tcp flags syn / syn,rst"),
            Self::Limit { rate, burst } => {
                write!(f, "limit rate {rate}/second burst {burst} packets")
            }
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => write!(f, "{verdict}"),
            Self::MarkConnection(mark) => write!(f, "ct mark set {mark:#010x}"),
            Self::MarkPacket(mark) => write!(f, "meta mark set {mark:#010x}"),
            Self::RestoreMark => f.write_str("meta mark set ct mark"),
            Self::ClampSegmentSize => f.write_str("tcp option maxseg size set rt mtu"),
            Self::Masquerade => f.write_str("masquerade"),
            Self::Forward { to, port } => write!(f, "dnat ip to {to}:{port}"),
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        })
    }
}

impl ChainKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        }
    }
}

impl Hook {
    const fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }
}

impl Priority {
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::DestinationNat => "dstnat",
            Self::AfterDestinationNat => "dstnat + 10",
            Self::Filter => "filter",
            Self::SourceNat => "srcnat",
        }
    }
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Established => "established",
            Self::Related => "related",
            Self::New => "new",
        }
    }
}

impl Icmpv6 {
    const fn name(self) -> &'static str {
        match self {
            Self::EchoRequest => "echo-request",
            Self::RouterAdvertisement => "nd-router-advert",
            Self::NeighbourSolicitation => "nd-neighbor-solicit",
            Self::NeighbourAdvertisement => "nd-neighbor-advert",
        }
    }
}

const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}
