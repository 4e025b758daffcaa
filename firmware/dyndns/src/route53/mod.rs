//! One request: set the A record, signed as AWS wants it.

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

use crate::{PATIENCE, route53::message::Refusal};

/// Longest answer read, in bytes; real ones have about 400.
const MAX_ANSWER: u64 = 16 * 1024;

/// What AWS lets a signature's time be off.
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

/// By whose time a signature was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The box's.
    OurClock,
    /// The server's, since ours was too far off.
    TheirClock,
}

/// A request that changed nothing.
struct Failure {
    error: RecordError,
    /// The server's time, if one answered. It came over TLS from whom we trust with the record.
    date: Option<SystemTime>,
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self { error, date: None }
    }
}

/// A hosted zone and the keys to it.
#[derive(Clone)]
pub(crate) struct Route53 {
    agent: Agent,
    record: Arc<Dyndns>,
    keys: Arc<Aws>,
    url: String,
}

/// Why the record was not set.
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
            .timeout_global(Some(PATIENCE))
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

    /// Makes the name point to `address`. Blocks for 30 s at the most, and as long again where the
    /// time has to be taken from the answer: a box without time must have a name all the same.
    pub(crate) fn upsert(&self, address: Ipv4Addr) -> Result<By, RecordError> {
        let ours = SystemTime::now();
        match self.try_at(address, ours) {
            Ok(()) => Ok(By::OurClock),
            Err(Failure {
                date: Some(theirs), ..
            }) if apart(ours, theirs) > MAX_SKEW => {
                self.try_at(address, theirs)
                    .map_err(|failure| failure.error)?;
                Ok(By::TheirClock)
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
            .limit(MAX_ANSWER)
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

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other)
        .unwrap_or_else(|error| error.duration())
}
