//! Forgetting connections.

use netlink_packet_core::NLM_F_ACK;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterProtoFamily, conntrack::ConntrackMessage,
};
use netlink_sys::protocols::NETLINK_NETFILTER;

use crate::kernel::{Netlink, NetlinkError, serialize};

/// Forgets every tracked connection: after the carrier has given another address, old
/// translations would go on sending from the one we no longer have.
///
/// # Errors
/// The kernel's refusal.
pub fn flush() -> Result<(), NetlinkError> {
    const NUMBER: u32 = 1;
    let all = NetfilterMessage::new(
        NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, 0),
        ConntrackMessage::Delete(Vec::new()),
    );
    let netlink = Netlink::open(NETLINK_NETFILTER)?;
    let ask = || {
        netlink.send_bytes(&serialize(all, NLM_F_ACK, NUMBER))?;
        loop {
            let answers = netlink.receive()?;
            if let Some(result) = answers.iter().find_map(|answer| answer.result_of(NUMBER)) {
                return result;
            }
        }
    };
    ask().map_err(NetlinkError::while_doing("forgetting tracked connections"))
}
