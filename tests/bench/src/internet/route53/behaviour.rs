//! Days on which the service does not do as it should.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::internet::route53::refusal::Refusal;

/// How requests are met.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// As they deserve.
    #[default]
    Normal,
    /// By closing the connection.
    CloseConnection,
    /// By somebody who proves himself with this.
    WrongCertificate(Arc<ServerConfig>),
    /// By refusing every one of them.
    Refuse(Refusal),
    /// With these bytes over TLS.
    Garbage(Vec<u8>),
}

impl Behaviour {
    /// More than the service can bear at present.
    pub fn overloaded() -> Self {
        Self::Refuse(Refusal::new(
            503,
            "ServiceUnavailable",
            "Service is unable to handle request",
        ))
    }

    /// More than five requests a second for the account, as Route 53 tells it.
    pub fn throttles() -> Self {
        Self::Refuse(Refusal::new(400, "Throttling", "Rate exceeded"))
    }

    /// The same in HTTP's own words.
    pub fn too_many_requests() -> Self {
        Self::Refuse(Refusal::new(429, "TooManyRequests", "Slow down"))
    }
}
