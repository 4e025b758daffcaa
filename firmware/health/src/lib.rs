//! Port 9000 for health checkers on both links, and a status page for the LAN on port 9001.
//!
//! Owns both ports. Takes in HTTP requests of any shape from the open internet; gives out tiny
//! answers. A [`gate`] in front bounds what a stranger can cost (connections, bytes, seconds);
//! behind it `tiny_http` speaks HTTP, and [`pages`] turns the state files into text.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backend;
mod gate;
mod head;
mod pages;

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    rc::Rc,
};

use failberry_service::{Service, ServiceResult, block_on, drop_to};
use failberry_state::{StateFile, directory};
use smol::LocalExecutor;

use crate::{backend::Backend, gate::Gate, pages::Site};

/// Asked by health checkers over both links; Route 53's checks are set up for it.
pub const PUBLIC_PORT: u16 = 9000;

/// Status for people on the LAN; the firewall keeps it off the carrier link.
pub const LAN_PORT: u16 = 9001;

/// Answers until the process ends.
///
/// # Errors
/// A port or socket that cannot be had, or privileges that cannot be dropped.
pub fn run() -> ServiceResult {
    drop_to(Service::Health, &[])?;
    let home = directory(Service::Health);
    let gate = Rc::new(Gate::new(StateFile::new()));
    let executor = LocalExecutor::new();
    for (port, site) in [(PUBLIC_PORT, Site::Public), (LAN_PORT, Site::Lan)] {
        let backend = Backend::start(&home.join(format!("{port}.sock")), site)?;
        let listener = smol::Async::new(listen(port)?)?;
        executor
            .spawn(Rc::clone(&gate).serve(listener, backend))
            .detach();
    }
    gate.publish();
    log::info!("answering on port {PUBLIC_PORT}, status for the LAN on port {LAN_PORT}");
    block_on(executor.run(std::future::pending::<ServiceResult>()))
        .map(|never: Infallible| match never {})
}

/// Both families where the kernel has IPv6, IPv4 alone where not.
fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_| TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
}
