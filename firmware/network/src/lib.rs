//! Network service: eth0, addresses, routes, policy rules, firewall, port forwards, resolver list.
//!
//! Takes in its part of the configuration, the uplink's state, the kernel's link events and the
//! DHCP server's answers; gives out the kernel's configuration for packets, `resolv.conf`, and a
//! [`NetworkState`](failberry_state::NetworkState). Replies leave by the interface that the request
//! came in by.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod dhcp;
pub mod firewall;
pub mod kernel;
pub mod plan;
pub mod resolv;
mod service;
pub mod sysctl;

pub use service::run;

/// Wired interface.
pub const LAN: &str = "eth0";
/// Interface of the carrier link.
pub const CARRIER: &str = "ppp0";
/// Connection mark of connections that came in by the LAN; replies use [`plan::LAN_TABLE`].
pub const LAN_MARK: u32 = 1;
/// Connection mark of connections that came in by the carrier link; replies use
/// [`plan::CARRIER_TABLE`].
pub const CARRIER_MARK: u32 = 2;
