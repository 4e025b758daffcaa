//! eth0, addresses, routes, policy rules, firewall, forwards, resolver list.
//!
//! Takes in its part of the configuration, the uplink's state, the kernel's link events and the
//! DHCP server's answers; gives out what the kernel then does with packets, `resolv.conf`, and a
//! [`NetworkState`](failberry_state::NetworkState). Answers leave by the way the question came.
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

/// The wired interface.
pub const LAN: &str = "eth0";
/// The carrier link's interface.
pub const CARRIER: &str = "ppp0";
/// Connection mark of what came in by the wire; answers go by [`plan::LAN_TABLE`].
pub const LAN_MARK: u32 = 1;
/// Connection mark of what came in by the carrier link; answers go by [`plan::CARRIER_TABLE`].
pub const CARRIER_MARK: u32 = 2;
