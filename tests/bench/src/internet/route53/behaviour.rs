//! Injected behaviour of the emulated Route 53.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::internet::route53::refusal::Refusal;

/// Behaviour towards all requests.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// Evaluates each request, as the real service does.
    #[default]
    Normal,
    /// Closes the connection.
    CloseConnection,
    /// Presents this certificate, which is wrong for the host.
    WrongCertificate(Arc<ServerConfig>),
    /// Refuses every request.
    Refuse(Refusal),
    /// Sends these bytes over TLS.
    Garbage(Vec<u8>),
}

impl Behaviour {
    /// Returns a refusal for an overloaded service.
    pub fn overloaded() -> Self {
        Self::Refuse(Refusal::new(
            503,
            "ServiceUnavailable",
            "Service is unable to handle request",
        ))
    }

    /// Returns a refusal for more than five requests a second, in Route 53's words.
    pub fn throttles() -> Self {
        Self::Refuse(Refusal::new(400, "Throttling", "Rate exceeded"))
    }

    /// Returns a refusal for too many requests, with HTTP's status.
    pub fn too_many_requests() -> Self {
        Self::Refuse(Refusal::new(429, "TooManyRequests", "Slow down"))
    }
}
