//! Encoding of rules as nftables expressions: each loads a value into register 1 and compares it,
//! or acts on it. The numbers are those of `linux/netfilter/nf_tables.h`.

use failberry_config::{Cidr, Protocol};
use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, Expressions, Immediate, Meta, MetaKey, Operator, Payload,
    Register, Verdict as NftVerdict, VerdictAttribute,
};

use super::{Action, ChainKind, Direction, Hook, Icmpv6, Match, Priority, Rule, State, Verdict};

/// `IFNAMSIZ`: interface names are compared with their padding.
const NAME_LEN: usize = 16;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const IPPROTO_ICMP: u8 = 1;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ICMPV6: u8 = 58;
/// `IPS_DST_NAT` in a connection's status.
const STATUS_DNAT: u32 = 1 << 5;
const REG_1: u32 = 1;
const REG_2: u32 = 2;

/// Base of the offset of a payload expression.
#[derive(Clone, Copy)]
enum Base {
    Network = 1,
    Transport = 2,
}

/// `NFT_CT_*`.
#[derive(Clone, Copy)]
enum CtKey {
    State = 0,
    Direction = 1,
    Status = 2,
    Mark = 3,
}

pub(super) fn rule(rule: &Rule) -> Vec<Expressions> {
    let mut out = Vec::new();
    for condition in &rule.matches {
        matching(condition, &mut out);
    }
    acting(rule.action, &mut out);
    out
}

fn matching(condition: &Match, out: &mut Vec<Expressions>) {
    match *condition {
        Match::In(name) => out.extend([load_meta(MetaKey::Iifname), equal(&padded(name))]),
        Match::Out(name) => out.extend([load_meta(MetaKey::Oifname), equal(&padded(name))]),
        Match::Ipv4 => family(NFPROTO_IPV4, out),
        Match::Source(net) => source(net, out),
        Match::NotOurs => {
            /// `RTN_LOCAL`.
            const LOCAL: u32 = 2;
            /// Type of the destination address, as the incoming interface sees it.
            const DADDR_IIF: u32 = 1 << 1 | 1 << 3;
            const ADDRESS_TYPE: u32 = 3;
            out.push(other(
                "fib",
                &[(1, REG_1), (2, ADDRESS_TYPE), (3, DADDR_IIF)],
            ));
            out.push(compare(Operator::NotEqual, &LOCAL.to_ne_bytes()));
        }
        Match::State(states) => {
            let bits = states
                .iter()
                .fold(0, |bits, state| bits | state_bit(*state));
            out.extend([
                load_ct(CtKey::State),
                and(&u32::to_ne_bytes(bits)),
                not_zero(),
            ]);
        }
        Match::Direction(direction) => {
            let value = match direction {
                Direction::Original => 0,
                Direction::Reply => 1,
            };
            out.extend([load_ct(CtKey::Direction), equal(&[value])]);
        }
        Match::Forwarded => {
            out.extend([
                load_ct(CtKey::Status),
                and(&STATUS_DNAT.to_ne_bytes()),
                not_zero(),
            ]);
        }
        Match::Port(protocol, port) => {
            transport(
                match protocol {
                    Protocol::Tcp => IPPROTO_TCP,
                    Protocol::Udp => IPPROTO_UDP,
                },
                out,
            );
            out.extend([
                load_payload(Base::Transport, 2, 2),
                equal(&port.to_be_bytes()),
            ]);
        }
        Match::UdpPorts(from, to) => {
            transport(IPPROTO_UDP, out);
            out.extend([
                load_payload(Base::Transport, 0, 2),
                equal(&from.to_be_bytes()),
            ]);
            out.extend([
                load_payload(Base::Transport, 2, 2),
                equal(&to.to_be_bytes()),
            ]);
        }
        Match::Ping => {
            family(NFPROTO_IPV4, out);
            transport(IPPROTO_ICMP, out);
            out.extend([load_payload(Base::Transport, 0, 1), equal(&[8])]);
        }
        Match::Icmpv6(kind) => {
            family(NFPROTO_IPV6, out);
            transport(IPPROTO_ICMPV6, out);
            out.extend([
                load_payload(Base::Transport, 0, 1),
                equal(&[icmpv6_type(kind)]),
            ]);
        }
        Match::TcpSyn => {
            const SYN: u8 = 0x02;
            const RST: u8 = 0x04;
            transport(IPPROTO_TCP, out);
            // The flags are the 14th byte of the TCP header.
            out.extend([
                load_payload(Base::Transport, 13, 1),
                and(&[SYN | RST]),
                equal(&[SYN]),
            ]);
        }
        Match::Limit { rate, burst } => out.push(limit(rate, burst)),
    }
}

fn source(net: Cidr, out: &mut Vec<Expressions>) {
    family(NFPROTO_IPV4, out);
    let address = net.address.octets();
    // The source address is at offset 12 of the IPv4 header.
    if net.prefix.is_multiple_of(8) && net.prefix > 0 {
        let octets = usize::from(net.prefix / 8);
        out.push(load_payload(Base::Network, 12, u32::from(net.prefix / 8)));
        out.push(equal(address.get(..octets).unwrap_or(&address)));
    } else {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(net.prefix))
            .unwrap_or(0);
        out.push(load_payload(Base::Network, 12, 4));
        out.extend([and(&mask.to_be_bytes()), equal(&address)]);
    }
}

fn acting(action: Action, out: &mut Vec<Expressions>) {
    match action {
        Action::Verdict(verdict) => out.push(Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(vec![VerdictAttribute::Code(
                NftVerdict::Other(verdict_code(verdict)),
            )])),
        ])),
        Action::MarkConnection(mark) => {
            out.extend([
                immediate(Register::Reg1, &mark.to_ne_bytes()),
                store_ct(CtKey::Mark),
            ]);
        }
        Action::MarkPacket(mark) => {
            out.extend([immediate(Register::Reg1, &mark.to_ne_bytes()), store_mark()]);
        }
        Action::RestoreMark => out.extend([load_ct(CtKey::Mark), store_mark()]),
        Action::ClampSegmentSize => out.extend(clamp()),
        Action::Masquerade => out.push(other("masq", &[])),
        Action::Forward { to, port } => {
            const DESTINATION: u32 = 1;
            out.push(immediate(Register::Reg1, &to.octets()));
            out.push(immediate(Register::Reg2, &port.to_be_bytes()));
            out.push(other(
                "nat",
                &[
                    (1, DESTINATION),
                    (2, NFPROTO_IPV4.into()),
                    (3, REG_1),
                    (5, REG_2),
                ],
            ));
        }
    }
}

/// Loads the route's segment size and writes it into TCP option 2 of the packet.
fn clamp() -> [Expressions; 3] {
    const TCP_SEGMENT_SIZE: u32 = 3;
    const TO_NETWORK_ORDER: u32 = 1;
    const TCP_OPTION: u32 = 1;
    const MAXSEG: u8 = 2;
    let write = [(3, 2), (4, 2), (6, TCP_OPTION), (7, REG_1)];
    let kind = DefaultNla::new(2, vec![MAXSEG]);
    [
        other("rt", &[(1, REG_1), (2, TCP_SEGMENT_SIZE)]),
        other(
            "byteorder",
            &[
                (1, REG_1),
                (2, REG_1),
                (3, TO_NETWORK_ORDER),
                (4, 2),
                (5, 2),
            ],
        ),
        Expressions::Other {
            expression_type: "exthdr".into(),
            attributes: std::iter::once(kind).chain(write.map(number)).collect(),
        },
    ]
}

fn limit(rate: u32, burst: u32) -> Expressions {
    const SECOND: u64 = 1;
    let wide = |kind, value: u64| DefaultNla::new(kind, value.to_be_bytes().to_vec());
    Expressions::Other {
        expression_type: "limit".into(),
        attributes: vec![wide(1, rate.into()), wide(2, SECOND), number((3, burst))],
    }
}

fn family(family: u8, out: &mut Vec<Expressions>) {
    out.extend([load_meta(MetaKey::Nfproto), equal(&[family])]);
}

fn transport(protocol: u8, out: &mut Vec<Expressions>) {
    out.extend([load_meta(MetaKey::L4Proto), equal(&[protocol])]);
}

fn load_meta(key: MetaKey) -> Expressions {
    Expressions::Meta(vec![
        Meta::Key(key),
        Meta::DestinationRegister(Register::Reg1),
    ])
}

fn store_mark() -> Expressions {
    Expressions::Meta(vec![
        Meta::Key(MetaKey::Mark),
        Meta::SourceRegister(Register::Reg1),
    ])
}

fn load_ct(key: CtKey) -> Expressions {
    other("ct", &[(1, REG_1), (2, key as u32)])
}

fn store_ct(key: CtKey) -> Expressions {
    other("ct", &[(2, key as u32), (4, REG_1)])
}

fn load_payload(base: Base, offset: u32, len: u32) -> Expressions {
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(base as u32),
        Payload::Offset(offset),
        Payload::Len(len),
    ])
}

fn and(mask: &[u8]) -> Expressions {
    let zero = vec![0; mask.len()];
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        // A mask has 1 or 4 bytes.
        Bitwise::Length(if mask.len() == 1 { 1 } else { 4 }),
        Bitwise::Mask(DataAttribute::Value(mask.to_vec())),
        Bitwise::Xor(DataAttribute::Value(zero)),
    ])
}

fn equal(value: &[u8]) -> Expressions {
    compare(Operator::Equal, value)
}

fn not_zero() -> Expressions {
    compare(Operator::NotEqual, &[0; 4])
}

fn compare(operator: Operator, value: &[u8]) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value.to_vec())),
    ])
}

fn immediate(register: Register, value: &[u8]) -> Expressions {
    Expressions::Immediate(vec![
        Immediate::DestinationRegister(register),
        Immediate::Data(DataAttribute::Value(value.to_vec())),
    ])
}

/// Returns an expression that the codec has no type for, with 32-bit attributes.
fn other(name: &str, attributes: &[(u16, u32)]) -> Expressions {
    Expressions::Other {
        expression_type: name.into(),
        attributes: attributes.iter().copied().map(number).collect(),
    }
}

fn number((kind, value): (u16, u32)) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

fn padded(name: &str) -> [u8; NAME_LEN] {
    let mut padded = [0; NAME_LEN];
    padded
        .iter_mut()
        .zip(name.bytes())
        .for_each(|(slot, byte)| *slot = byte);
    padded
}

const fn state_bit(state: State) -> u32 {
    match state {
        State::Invalid => 1,
        State::Established => 2,
        State::Related => 4,
        State::New => 8,
    }
}

const fn icmpv6_type(kind: Icmpv6) -> u8 {
    match kind {
        Icmpv6::EchoRequest => 128,
        Icmpv6::RouterAdvertisement => 134,
        Icmpv6::NeighbourSolicitation => 135,
        Icmpv6::NeighbourAdvertisement => 136,
    }
}

pub(super) const fn verdict_code(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
    }
}

pub(super) const fn hook_number(hook: Hook) -> u32 {
    match hook {
        Hook::Prerouting => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

pub(super) const fn priority_number(priority: Priority) -> i32 {
    match priority {
        Priority::Raw => -300,
        Priority::Mangle => -150,
        Priority::DestinationNat => -100,
        Priority::AfterDestinationNat => -90,
        Priority::Filter => 0,
        Priority::SourceNat => 100,
    }
}

pub(super) const fn chain_type(kind: ChainKind) -> &'static str {
    kind.name()
}
