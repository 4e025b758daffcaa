//! Firewall policy: the product's ruleset, built from the configuration.

use failberry_config::{Cidr, Firewall, Protocol};

use super::{
    Action, Chain, ChainKind, Direction, Hook, Icmpv6, Match, Priority, Rule, Ruleset, State,
    Verdict,
};
use crate::{CARRIER, CARRIER_MARK, LAN, LAN_MARK};

/// TCP port of health checks from the internet, over either link.
pub const HEALTH_PORT: u16 = 9000;
/// TCP port of the status pages for the LAN.
pub const STATUS_PORT: u16 = 9001;

/// Rate limit of pings: enough for any monitor, useless for a flood.
const PING: Match = Match::Limit {
    rate: 10,
    burst: 20,
};

/// Returns the whole ruleset for `config`, with `update_port` open to the LAN if given. It does not
/// depend on addresses, so it is installed before any is set.
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

/// Drops packets that a host at the carrier addresses directly to the LAN's hosts. Replies to
/// masqueraded connections are addressed to us at this point.
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
        // The port of the health check must never be forwarded.
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

/// Marks each connection with the interface its first packet came in by. Only *replies* are routed
/// by the mark: the original direction follows the main table, or a LAN host behind the router
/// would be sent back to the router instead of out by the carrier link. The original direction of
/// connections that were forwarded inwards goes by the LAN even if the main table has only the
/// default route to that host.
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
    let neighbour_types = [
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
        // DHCP: its server is not yet known, so there is no tracked connection.
        rule(
            [Match::In(LAN), Match::Ipv4, Match::UdpPorts(67, 68)],
            ACCEPT,
        ),
    ];
    rules.extend(neighbour_types.map(|kind| rule([Match::In(LAN), Match::Icmpv6(kind)], ACCEPT)));
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
    // IPv4 only: an IPv6 address on the LAN may be reachable from the whole internet.
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

/// Clamps the TCP segment size: the carrier link takes smaller packets than Ethernet, and carriers
/// often lose the ICMP messages that would inform the ends.
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

/// Masquerades. Forwarded connections get our own address on the LAN side too: the LAN host would
/// reply to its router, and so over the wired line, where the reply belongs to no connection.
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

/// Returns the network with the bits behind its prefix cleared, as the filter compares them.
fn network(net: Cidr) -> Cidr {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(net.prefix.min(32)))
        .unwrap_or(0);
    Cidr {
        address: (u32::from(net.address) & mask).into(),
        ..net
    }
}
