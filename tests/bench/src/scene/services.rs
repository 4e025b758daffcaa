//! Internet services of a scenario: Route 53, a web page, files, NTP, and an impostor of them.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

use super::{
    SceneError,
    settings::{FILES_HOST, FILES_PORT, KEY_ID, ROUTE53_HOST, SECRET, ZONE},
};
use crate::{
    internet::{Authority, Files, Keys, Ntp, Route53, Web},
    net::{IMPOSTOR_ADDRESS, INTERNET_ADDRESS, TestNetwork},
};

/// Offset of the impostor's clock: ten years ahead.
const IMPOSTOR_AHEAD_MS: i64 = 10 * 365 * 86_400_000;

/// Body of the page.
const PAGE: &str = "You have reached the internet.\n";

/// Body of the impostor's page.
const PORTAL: &str = "Buy more data to go on.\n";

/// Running services.
pub struct Services {
    /// Authority of Route 53's certificate.
    pub authority: Authority,
    /// The zone.
    pub route53: Route53,
    /// The page.
    pub web: Web,
    /// Files over HTTPS.
    pub files: Files,
    /// The time.
    pub ntp: Ntp,
    /// Impostor that answers if names resolve to the wrong address.
    pub impostor: Impostor,
}

/// Services at [`IMPOSTOR_ADDRESS`] without a certificate that the box trusts.
pub struct Impostor {
    /// Impostor's Route 53, with the keys of the real one.
    pub route53: Route53,
    /// Impostor's page.
    pub web: Web,
    /// Impostor's NTP server.
    pub ntp: Ntp,
}

impl Services {
    /// Starts the services in the internet's namespace.
    pub(super) fn start(network: &TestNetwork) -> Result<Self, SceneError> {
        let tcp = |address: Ipv4Addr, port| {
            let listener = network
                .internet()
                .run(move || TcpListener::bind((address, port)));
            listener.map_err(SceneError::io(format!("{address}:{port}")))
        };
        let time = |address: Ipv4Addr| {
            let socket: io::Result<_> = network
                .internet()
                .run(move || UdpSocket::bind((address, 123)));
            socket
                .map(Ntp::serve)
                .map_err(SceneError::io(format!("{address}:123")))
        };
        let authority = Authority::new();
        let keys = Keys {
            access_key_id: KEY_ID.into(),
            secret_access_key: SECRET.into(),
        };
        let zone = |address, authority: &Authority| -> Result<_, SceneError> {
            let tls = authority.server(&[ROUTE53_HOST]);
            Ok(Route53::serve(tcp(address, 443)?, tls, ZONE, keys.clone()))
        };
        let impostor = Impostor {
            route53: zone(IMPOSTOR_ADDRESS, &Authority::new())?,
            web: Web::serve(tcp(IMPOSTOR_ADDRESS, 80)?, PORTAL),
            ntp: time(IMPOSTOR_ADDRESS)?,
        };
        impostor.ntp.set_offset(IMPOSTOR_AHEAD_MS);
        Ok(Self {
            route53: zone(INTERNET_ADDRESS, &authority)?,
            web: Web::serve(tcp(INTERNET_ADDRESS, 80)?, PAGE),
            files: Files::serve(
                tcp(INTERNET_ADDRESS, FILES_PORT)?,
                authority.server(&[FILES_HOST]),
            ),
            ntp: time(INTERNET_ADDRESS)?,
            authority,
            impostor,
        })
    }
}
