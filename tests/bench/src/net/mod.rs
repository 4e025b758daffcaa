//! Test network around the box: a LAN with a router whose wired WAN is down, and an internet behind
//! the mobile carrier.
//!
//! Owns three network namespaces, the interfaces in them and the servers (dnsmasq) that run there.
//! Takes in a prefix for their names; gives out the namespaces, the names of the taps for the
//! emulated machines, and the DHCP leases of the LAN. Nothing outside the namespaces changes, and
//! everything goes away with the [`TestNetwork`], or with the next one of the same prefix.
//!
//! ```text
//! {prefix}-lan        {prefix}-router                        {prefix}-net
//! 192.168.88.10 ───── br0 192.168.88.1 ──tap "pi"      tap "carrier"── 198.51.100.2
//! ```

mod child_guard;
mod error;
mod internet;
mod leases;
mod namespace;
mod router;
mod server;
mod test_network;
mod tool;
mod watch;

pub(crate) use child_guard::ChildGuard;
pub use error::NetError;
pub(crate) use internet::CARRIER_ADDRESS;
pub use internet::{
    CARRIER_TAP, IMPOSTOR_ADDRESS, INTERNET_ADDRESS, ResolverBehaviour, SUBSCRIBERS,
};
pub use leases::Lease;
pub use namespace::Namespace;
pub use router::{DhcpConfig, LAN_HOST, LAN_SUBNET, PI_TAP, ROUTER_ADDRESS, Subnet};
pub use test_network::TestNetwork;
use tool::with_parent_death_signal;
