//! Look-ups for the HTTP client by the resolver that all services share.

use std::net::SocketAddr;

use failberry_service::look_up;
use ureq::{
    Error,
    config::Config,
    http::{Uri, uri::Scheme},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

/// Ports of the schemes, where the URL tells none.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// More addresses than this do not fit into what the client takes.
const MOST: usize = 16;

/// Asks for IPv4 addresses alone.
#[derive(Debug)]
pub(super) struct Ipv4Resolver;

impl Resolver for Ipv4Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let scheme = if uri.scheme() == Some(&Scheme::HTTP) {
            HTTP
        } else {
            HTTPS
        };
        let port = uri.port_u16().unwrap_or(scheme);
        let mut found = self.empty();
        for address in look_up(host)?.into_iter().take(MOST) {
            found.push(SocketAddr::from((address, port)));
        }
        Ok(found)
    }
}
