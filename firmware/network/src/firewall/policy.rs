//! What may pass: the product's rules, made from the configuration.

use failberry_config::{Cidr, Firewall, Protocol};

use super::{
    Action, Chain, ChainKind, Direction, Hook, Icmpv6, Match, Priority, Rule, Ruleset, State,
    Verdict,
};
use crate::{CARRIER, CARRIER_MARK, LAN, LAN_MARK};

/// Health checks from the internet, over either link.
pub const HEALTH_PORT: u16 = 9000;
/// Status for people on the LAN.
pub const STATUS_PORT: u16 = 9001;

/// Pings answered a second, and at once: enough for any monitor, useless for a flood.
const PING: Match = Match::Limit {
    rate: 10,
    burst: 20,
};

/// The whole table for `config`, with a door for the LAN's laptops at `update_port`. It does not
/// depend on addresses, so it stands before any is set.
pub fn ruleset(config: &Firewall, update_port: Option<u16>) -> Ruleset {
    Ruleset {
        table: "failberry",
        chains: vec![
            foreign_destinations(),
            destination_nat(config),
            marks_in(),
            marks_out(),
            input(update_port),
            segment_size(),
            forward(config),
            source_nat(),
        ],
    }
}

/// Somebody at the carrier may address the LAN's hosts directly; nothing he sends that way is
/// let in. Answers to masqueraded connections are addressed to us at this point.
fn foreign_destinations() -> Chain {
    chain(
        "foreign",
        ChainKind::Filter,
        Hook::Prerouting,
        Priority::Raw,
        vec![rule([Match::In(CARRIER), Match::NotOurs], DROP)],
    )
}

fn destination_nat(config: &Firewall) -> Chain {
    let forwards = config.forward.iter().filter(|forward| {
        // The health check is the one door that must never lead elsewhere.
        (forward.protocol, forward.port) != (Protocol::Tcp, HEALTH_PORT)
    });
    let rules = forwards.map(|forward| {
        rule(
            [
                Match::In(CARRIER),
                Match::Port(forward.protocol, forward.port),
            ],
            Action::Forward {
                to: forward.to,
                port: forward.to_port.unwrap_or(forward.port),
            },
        )
    });
    chain(
        "dstnat",
        ChainKind::Nat,
        Hook::Prerouting,
        Priority::DestinationNat,
        rules.collect(),
    )
}

/// A connection remembers the interface its first packet came in by. Only *answers* carry the
/// mark: the question itself follows the main table, or a LAN host behind the router would be
/// sent back to the router instead of out by the carrier link. Questions that were forwarded
/// inwards go by the wire even where the main table knows the way to that host as the default
/// route only.
fn marks_in() -> Chain {
    let new = Match::State(&[State::New]);
    chain(
        "marks_in",
        ChainKind::Filter,
        Hook::Prerouting,
        Priority::AfterDestinationNat,
        vec![
            rule([new, Match::In(LAN)], Action::MarkConnection(LAN_MARK)),
            rule(
                [new, Match::In(CARRIER)],
                Action::MarkConnection(CARRIER_MARK),
            ),
            rule([Match::Direction(Direction::Reply)], Action::RestoreMark),
            rule(
                [Match::Direction(Direction::Original), Match::Forwarded],
                Action::MarkPacket(LAN_MARK),
            ),
        ],
    )
}

fn marks_out() -> Chain {
    chain(
        "marks_out",
        ChainKind::Route,
        Hook::Output,
        Priority::Mangle,
        vec![rule(
            [Match::Direction(Direction::Reply)],
            Action::RestoreMark,
        )],
    )
}

fn input(update_port: Option<u16>) -> Chain {
    let neighbours = [
        Icmpv6::RouterAdvertisement,
        Icmpv6::NeighbourSolicitation,
        Icmpv6::NeighbourAdvertisement,
    ];
    let mut rules = vec![
        rule([Match::In("lo")], ACCEPT),
        rule(
            [Match::State(&[State::Established, State::Related])],
            ACCEPT,
        ),
        rule([Match::State(&[State::Invalid])], DROP),
        // The lease: its server is not yet known, so no connection stands for it.
        rule(
            [Match::In(LAN), Match::Ipv4, Match::UdpPorts(67, 68)],
            ACCEPT,
        ),
    ];
    rules.extend(neighbours.map(|kind| rule([Match::In(LAN), Match::Icmpv6(kind)], ACCEPT)));
    rules.extend([
        rule([Match::Ping, PING], ACCEPT),
        rule(
            [Match::In(LAN), Match::Icmpv6(Icmpv6::EchoRequest), PING],
            ACCEPT,
        ),
        rule(
            [Match::In(LAN), Match::Port(Protocol::Tcp, HEALTH_PORT)],
            ACCEPT,
        ),
        rule(
            [Match::In(CARRIER), Match::Port(Protocol::Tcp, HEALTH_PORT)],
            ACCEPT,
        ),
    ]);
    // IPv4 alone: an IPv6 address on the LAN may be reachable from the whole internet.
    let management = [Some(STATUS_PORT), update_port];
    rules.extend(management.into_iter().flatten().map(|port| {
        let of_the_lan = [
            Match::In(LAN),
            Match::Ipv4,
            Match::Port(Protocol::Tcp, port),
        ];
        rule(of_the_lan, ACCEPT)
    }));
    Chain {
        policy: Verdict::Drop,
        ..chain(
            "input",
            ChainKind::Filter,
            Hook::Input,
            Priority::Filter,
            rules,
        )
    }
}

/// The carrier link takes smaller packets than Ethernet, and carriers often lose the ICMP
/// messages that would tell the ends so.
fn segment_size() -> Chain {
    chain(
        "segment_size",
        ChainKind::Filter,
        Hook::Forward,
        Priority::Mangle,
        vec![
            rule(
                [Match::In(CARRIER), Match::TcpSyn],
                Action::ClampSegmentSize,
            ),
            rule(
                [Match::Out(CARRIER), Match::TcpSyn],
                Action::ClampSegmentSize,
            ),
        ],
    )
}

fn forward(config: &Firewall) -> Chain {
    let outbound = |source: Match| rule([Match::In(LAN), Match::Out(CARRIER), source], ACCEPT);
    let mut rules = vec![
        rule(
            [Match::State(&[State::Established, State::Related])],
            ACCEPT,
        ),
        rule([Match::State(&[State::Invalid])], DROP),
        rule(
            [Match::In(CARRIER), Match::Out(LAN), Match::Forwarded],
            ACCEPT,
        ),
    ];
    match &config.allow {
        None => rules.push(outbound(Match::Ipv4)),
        Some(list) => rules.extend(
            list.iter()
                .map(|net| outbound(Match::Source(network(*net)))),
        ),
    }
    Chain {
        policy: Verdict::Drop,
        ..chain(
            "forward",
            ChainKind::Filter,
            Hook::Forward,
            Priority::Filter,
            rules,
        )
    }
}

/// Forwarded connections get our own address on the LAN side too: the LAN host would answer to
/// its router, and so over the wired line, where the answer belongs to nothing.
fn source_nat() -> Chain {
    chain(
        "srcnat",
        ChainKind::Nat,
        Hook::Postrouting,
        Priority::SourceNat,
        vec![
            rule([Match::Out(CARRIER), Match::Ipv4], Action::Masquerade),
            rule([Match::Out(LAN), Match::Forwarded], Action::Masquerade),
        ],
    )
}

const ACCEPT: Action = Action::Verdict(Verdict::Accept);
const DROP: Action = Action::Verdict(Verdict::Drop);

fn chain(
    name: &'static str,
    kind: ChainKind,
    hook: Hook,
    priority: Priority,
    rules: Vec<Rule>,
) -> Chain {
    Chain {
        name,
        kind,
        hook,
        priority,
        policy: Verdict::Accept,
        rules,
    }
}

fn rule<const N: usize>(matches: [Match; N], action: Action) -> Rule {
    Rule {
        matches: matches.to_vec(),
        action,
    }
}

/// The same network with the bits behind its prefix cleared, as the filter compares them.
fn network(net: Cidr) -> Cidr {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(net.prefix.min(32)))
        .unwrap_or(0);
    Cidr {
        address: (u32::from(net.address) & mask).into(),
        ..net
    }
}
