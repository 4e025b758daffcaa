//! Policy routing rules: the routing table for marked packets.

use std::fmt;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, Parseable};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    rule::{RuleAction, RuleAttribute, RuleHeader, RuleMessage},
};

use super::{Netlink, NetlinkError, routes::PROTOCOL};

/// Rule with our protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyRule {
    /// Priority; 0 is the local table's, 32766 the main one's.
    pub priority: u32,
    /// Packet mark that it matches.
    pub mark: u32,
    /// Routing table for these packets.
    pub table: u32,
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: mark {} by table {}",
            self.priority, self.mark, self.table
        )
    }
}

/// Returns our rules.
///
/// # Errors
/// The kernel's refusal.
pub fn list(netlink: &mut Netlink) -> Result<Vec<PolicyRule>, NetlinkError> {
    let mut all = RuleMessage::default();
    all.header.family = AddressFamily::Inet;
    let found = netlink.dump(RouteNetlinkMessage::GetRule(all), "listing rules")?;
    let parsed = found
        .iter()
        .filter_map(|one| RuleMessage::parse(&one.payload).ok());
    Ok(parsed
        .filter_map(|message| from_message(&message))
        .collect())
}

/// Adds a rule that does not exist yet.
///
/// # Errors
/// The kernel's refusal.
pub fn add(netlink: &mut Netlink, rule: &PolicyRule) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::NewRule(to_message(rule));
    netlink.change(
        message,
        NLM_F_CREATE | NLM_F_EXCL,
        format!("setting rule {rule}"),
    )
}

/// Removes a rule.
///
/// # Errors
/// The kernel's refusal.
pub fn remove(netlink: &mut Netlink, rule: &PolicyRule) -> Result<(), NetlinkError> {
    let message = RouteNetlinkMessage::DelRule(to_message(rule));
    netlink.change(message, 0, format!("removing rule {rule}"))
}

fn to_message(rule: &PolicyRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header = RuleHeader {
        family: AddressFamily::Inet,
        table: u8::try_from(rule.table).unwrap_or(0),
        action: RuleAction::ToTable,
        ..RuleHeader::default()
    };
    message.attributes = vec![
        RuleAttribute::Priority(rule.priority),
        RuleAttribute::FwMark(rule.mark),
        RuleAttribute::FwMask(u32::MAX),
        RuleAttribute::Table(rule.table),
        RuleAttribute::Protocol(PROTOCOL),
    ];
    message
}

fn from_message(message: &RuleMessage) -> Option<PolicyRule> {
    let mut rule = PolicyRule {
        priority: 0,
        mark: 0,
        table: u32::from(message.header.table),
    };
    let mut ours = false;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(number) => rule.priority = *number,
            RuleAttribute::FwMark(number) => rule.mark = *number,
            RuleAttribute::Table(number) => rule.table = *number,
            RuleAttribute::Protocol(protocol) => ours = *protocol == PROTOCOL,
            _ => {}
        }
    }
    ours.then_some(rule)
}
