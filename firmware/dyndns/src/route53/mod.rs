//! Route 53 client: one signed request that sets the A record.

mod message;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use failberry_config::{Aws, Dyndns};
use failberry_service::http::{self, CaError};
use ureq::{Agent, tls::TlsConfig};

use crate::{REQUEST_TIMEOUT, route53::message::Refusal};

/// Longest answer read, in bytes; real ones have about 400.
const MAX_RESPONSE: u64 = 16 * 1024;

/// Largest error of a signature's time that AWS accepts.
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

/// The clock by which a signature was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignedBy {
    /// The system clock.
    SystemClock,
    /// The server's `Date`, since the system clock was too far off.
    ServerDate,
}

/// A failed request.
struct Failure {
    error: RecordError,
    /// The server's `Date`, if one answered. It came over TLS from the server that is trusted with
    /// the record.
    date: Option<SystemTime>,
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self { error, date: None }
    }
}

/// Client for one record in a hosted zone, with its keys.
#[derive(Clone)]
pub(crate) struct Route53 {
    agent: Agent,
    record: Arc<Dyndns>,
    keys: Arc<Aws>,
    url: String,
}

/// The record was not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("[dyndns] ca: {0}")]
    Ca(#[from] CaError),
    #[error("signing: {0}")]
    Signing(String),
    #[error("{url}: {reason}")]
    Transport { url: String, reason: String },
    #[error("{url} refused key {key_id} with status {status}, {refusal}")]
    Refused {
        url: String,
        key_id: String,
        status: u16,
        refusal: Refusal,
    },
}

impl Route53 {
    pub(crate) fn new(record: Dyndns, keys: Aws) -> Result<Self, RecordError> {
        let roots = http::roots(record.ca.as_deref())?;
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .user_agent(concat!("failberrypi/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let base = record.endpoint.trim_end_matches('/');
        let url = format!("{base}/2013-04-01/hostedzone/{}/rrset", record.zone);
        Ok(Self {
            agent: http::agent(config),
            record: Arc::new(record),
            keys: Arc::new(keys),
            url,
        })
    }

    /// Sets the record to `address`. Blocks for 30 s at most, and for another 30 s if the time has
    /// to be taken from the answer: a box without time needs a name, too.
    pub(crate) fn upsert(&self, address: Ipv4Addr) -> Result<SignedBy, RecordError> {
        let system_time = SystemTime::now();
        match self.try_at(address, system_time) {
            Ok(()) => Ok(SignedBy::SystemClock),
            Err(Failure {
                date: Some(server_date),
                ..
            }) if difference(system_time, server_date) > MAX_SKEW => {
                self.try_at(address, server_date)
                    .map_err(|failure| failure.error)?;
                Ok(SignedBy::ServerDate)
            }
            Err(failure) => Err(failure.error),
        }
    }

    fn try_at(&self, address: Ipv4Addr, at: SystemTime) -> Result<(), Failure> {
        let body = message::upsert(&self.record.name, self.record.ttl, address);
        let transport = |error: ureq::Error| RecordError::Transport {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "text/xml");
        for (name, value) in signature::headers(&self.keys, &self.url, &body, at)? {
            request = request.header(name, value);
        }
        let mut response = request.send(body.as_bytes()).map_err(transport)?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(());
        }
        let date = response.headers().get("date");
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let answer = response
            .body_mut()
            .with_config()
            .limit(MAX_RESPONSE)
            .read_to_string();
        let error = RecordError::Refused {
            url: self.url.clone(),
            key_id: self.keys.access_key_id.clone(),
            status,
            refusal: Refusal::from_answer(&answer.unwrap_or_default()),
        };
        Err(Failure { error, date })
    }
}

fn difference(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}
