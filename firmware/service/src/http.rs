//! The HTTP client of services that speak to the internet: names are looked up as all services
//! look them up.

use std::net::SocketAddr;

use ureq::{
    Agent, Error,
    config::Config,
    http::{Uri, uri::Scheme},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::look_up;

/// Ports of the schemes, where the URL tells none.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// More addresses than this do not fit into what the client takes.
const MOST: usize = 16;

/// A client that does as `config` says and asks for IPv4 addresses alone, with [`look_up`].
pub fn agent(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::default(), Ipv4Resolver)
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
