//! Netlink requests to the kernel for links, addresses, routes and rules.

pub mod addresses;
pub mod links;
mod netlink;
pub mod packet;
pub mod routes;
pub mod rules;

pub(crate) use netlink::serialize;
pub use netlink::{Netlink, NetlinkError, Received};
