//! The internet side: Route 53, a page, the time.

use std::{
    io,
    net::{TcpListener, UdpSocket},
};

use super::{
    SceneError,
    settings::{KEY_ID, ROUTE53_HOST, SECRET, ZONE},
};
use crate::{
    internet::{Authority, Keys, Ntp, Route53, Web},
    net::{INTERNET_ADDRESS, World},
};

/// What the page says.
const PAGE: &str = "You have reached the internet.\n";

/// Running services.
pub struct Services {
    /// Who signed Route 53's certificate.
    pub authority: Authority,
    /// The zone.
    pub route53: Route53,
    /// The page.
    pub web: Web,
    /// The time.
    pub ntp: Ntp,
}

impl Services {
    /// Starts them in the internet's namespace.
    pub(super) fn start(world: &World) -> Result<Self, SceneError> {
        let tcp = |port| {
            let listener = world
                .internet()
                .run(move || TcpListener::bind((INTERNET_ADDRESS, port)));
            listener.map_err(SceneError::io(format!("{INTERNET_ADDRESS}:{port}")))
        };
        let time: io::Result<_> = world
            .internet()
            .run(|| UdpSocket::bind((INTERNET_ADDRESS, 123)));
        let authority = Authority::new();
        let keys = Keys {
            access_key_id: KEY_ID.into(),
            secret_access_key: SECRET.into(),
        };
        Ok(Self {
            route53: Route53::serve(tcp(443)?, authority.server(&[ROUTE53_HOST]), ZONE, keys),
            web: Web::serve(tcp(80)?, PAGE),
            ntp: Ntp::serve(time.map_err(SceneError::io("time"))?),
            authority,
        })
    }
}
