//! The HTTP client of services that speak to the internet: names are looked up as all services
//! look them up, and connections can be bound to one link.

mod bound;
mod floor;

use std::net::{Ipv4Addr, SocketAddr};

use ureq::{
    Agent, Error,
    config::Config,
    http::{Uri, uri::Scheme},
    tls::{Certificate, PemItem, RootCerts, parse_pem},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

pub use bound::agent_by;
pub use floor::{Body, Floor};

use crate::look_up;

/// Ports of the schemes, where the URL tells none.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// More addresses than this do not fit into what the client takes.
const MOST: usize = 16;

/// A setting with certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A part of it is no PEM (RFC 7468).
    #[error("{0}")]
    Pem(String),
    /// There is no certificate in it.
    #[error("expected a PEM certificate, got none")]
    None,
}

/// A client that does as `config` says and asks for IPv4 addresses alone, with [`look_up`].
pub fn agent(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::default(), Ipv4Resolver)
}

/// Returns the authorities to trust: the certificates in `pem`, or the public ones without any.
///
/// # Errors
/// What is wrong with the text.
pub fn roots(pem: Option<&str>) -> Result<RootCerts, CaError> {
    let Some(pem) = pem else {
        return Ok(RootCerts::WebPki);
    };
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(CaError::Pem(error.to_string())),
        }
    }
    if found.is_empty() {
        return Err(CaError::None);
    }
    Ok(RootCerts::from(found))
}

/// Returns the host and the port in `uri`.
fn host_and_port(uri: &Uri) -> Result<(&str, u16), Error> {
    let host = uri.host().ok_or(Error::HostNotFound)?;
    let scheme = if uri.scheme() == Some(&Scheme::HTTP) {
        HTTP
    } else {
        HTTPS
    };
    Ok((host, uri.port_u16().unwrap_or(scheme)))
}

/// Returns `addresses` as the client takes them; `empty` is its empty list.
fn with_port(
    empty: ResolvedSocketAddrs,
    addresses: Vec<Ipv4Addr>,
    port: u16,
) -> ResolvedSocketAddrs {
    let mut found = empty;
    for address in addresses.into_iter().take(MOST) {
        found.push(SocketAddr::from((address, port)));
    }
    found
}

#[derive(Debug)]
struct Ipv4Resolver;

impl Resolver for Ipv4Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (host, port) = host_and_port(uri)?;
        Ok(with_port(self.empty(), look_up(host)?, port))
    }
}
