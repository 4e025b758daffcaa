//! Download of a bundle over the links that the policy allows. A broken download resumes where it
//! was, over the other link if that one is allowed.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use failberry_config::PublicKey;
use failberry_service::{
    Bearer, Link, LinkPolicy, Links,
    http::{self, Body, Floor},
    pace::Pace,
};
use ureq::{
    Agent,
    http::StatusCode,
    tls::{RootCerts, TlsConfig},
};

use super::error::PullError;
use crate::{Header, PREAMBLE, Unverified};

/// Limits of the phases of a download.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Timeout of each phase before the body: name resolution, connecting with the TLS handshake,
    /// sending the request, receiving the head; and of each wait for more of the body.
    pub(super) phase: Duration,
    /// Slowest pace of one body. GPRS, the slowest link there is, carries four times as much.
    pub(super) body: Pace,
    /// Slowest pace of a whole download, with its attempts and the pauses between them: over a
    /// longer time, so that a redial does not end it.
    pub(super) download: Pace,
    /// Pause between two attempts.
    pub(super) pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            phase: Duration::from_secs(30),
            body: Pace::new(1000, Duration::from_secs(60)),
            download: Pace::new(1000, Duration::from_secs(300)),
            pause: Duration::from_secs(10),
        }
    }
}

/// Source of updates: URL, trust roots, link policy and limits.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) url: String,
    pub(super) roots: RootCerts,
    pub(super) policy: LinkPolicy,
    /// Returns the links as they are now.
    pub(super) links: Arc<dyn Fn() -> Links + Send + Sync>,
    pub(super) limits: Limits,
}

/// A bundle that is wanted.
#[derive(Debug)]
pub(super) struct Found {
    /// Its header; the signature is checked.
    pub(super) header: Header,
    /// The image behind it.
    pub(super) image: Image,
    /// The link over which it was found.
    pub(super) link: Link,
}

impl Source {
    /// Creates a source with the ordinary limits and the links of this box.
    pub(super) fn new(url: String, roots: RootCerts, over_mobile: bool) -> Self {
        Self {
            url,
            roots,
            policy: LinkPolicy { over_mobile },
            links: Arc::new(Links::read),
            limits: Limits::default(),
        }
    }

    /// Returns the link for the next exchange.
    ///
    /// # Errors
    /// None is up and allowed.
    pub(super) fn bearer(&self, failed: Option<Link>) -> Result<Bearer, PullError> {
        let links = (self.links)();
        let chosen = self.policy.choose(&links, failed);
        chosen.cloned().ok_or_else(|| PullError::NoLink {
            url: self.url.clone(),
            over_mobile: self.policy.over_mobile,
        })
    }

    /// Checks the bundle, first over the best link, then over the other if that is allowed. Returns
    /// it if its version is `wanted` and one of `keys` has signed it; an unwanted one costs the
    /// first bytes alone.
    ///
    /// # Errors
    /// The failure over the last link.
    pub(super) fn check(
        &self,
        keys: &[PublicKey],
        wanted: impl Fn(&Header) -> bool,
    ) -> Result<Option<Found>, PullError> {
        let first = self.bearer(None)?;
        let error = match self.check_over(&first, keys, &wanted) {
            Err(error) if error.is_transient() => error,
            outcome => return outcome,
        };
        match self.bearer(Some(first.link)) {
            Ok(second) if second.link != first.link => {
                log::info!("looking for an update: {error}; trying {}", second.link);
                self.check_over(&second, keys, &wanted)
            }
            _ => Err(error),
        }
    }

    fn check_over(
        &self,
        bearer: &Bearer,
        keys: &[PublicKey],
        wanted: &impl Fn(&Header) -> bool,
    ) -> Result<Option<Found>, PullError> {
        let refused = |error| PullError::of_header(&self.url, bearer.link, error);
        let mut preamble = [0; PREAMBLE];
        let until = PREAMBLE as u64 - 1;
        let mut body = self.get(bearer, 0, Some(until))?;
        body.read_exact(&mut preamble)
            .map_err(|error| PullError::of_body(&self.url, bearer.link, error))?;
        drop(body);
        let claims = Header::from_preamble(&preamble).map_err(refused)?;
        if !wanted(&claims) {
            return Ok(None);
        }
        let mut body = self.get(bearer, 0, None)?;
        let header = Unverified::read(&mut body)
            .and_then(|header| header.verify(keys))
            .map_err(refused)?;
        // It may have been replaced in between.
        if !wanted(&header) {
            return Ok(None);
        }
        let image = Image {
            body: Some(body),
            link: bearer.link,
            last_without_progress: None,
            at: header.length(),
            pace: self.limits.download.clone(),
            source: self.clone(),
        };
        Ok(Some(Found {
            header,
            image,
            link: bearer.link,
        }))
    }

    /// Returns the bytes from `from` on, up to `until` if the rest is not wanted.
    fn get(&self, bearer: &Bearer, from: u64, until: Option<u64>) -> Result<Body, PullError> {
        let floor = Floor::default();
        let until = until.map(|it| it.to_string()).unwrap_or_default();
        let response = self
            .agent(bearer, &floor)
            .get(&self.url)
            .header("range", format!("bytes={from}-{until}"))
            .call()
            .map_err(|error| PullError::of(&self.url, bearer.link, error))?;
        let range = response.headers().get("content-range");
        let starts = range.and_then(|it| it.to_str().ok()).is_some_and(|it| {
            it.strip_prefix("bytes ")
                .is_some_and(|it| it.starts_with(&format!("{from}-")))
        });
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts => {}
            // A server without ranges sends all of it.
            StatusCode::OK if from == 0 => {}
            status => {
                return Err(PullError::Status {
                    url: self.url.clone(),
                    from,
                    status: status.as_u16(),
                });
            }
        }
        let reader = response.into_body().into_reader();
        Ok(floor.body(reader, self.limits.body.clone()))
    }

    fn agent(&self, bearer: &Bearer, floor: &Floor) -> Agent {
        let phase = Some(self.limits.phase);
        let tls = TlsConfig::builder().root_certs(self.roots.clone()).build();
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(3)
            .max_idle_connections(0)
            .timeout_resolve(phase)
            .timeout_connect(phase)
            .timeout_send_request(phase)
            .timeout_recv_response(phase)
            .timeout_per_read(phase)
            .timeout_per_write(phase)
            .user_agent(concat!("failberrypi/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        http::agent_by(config, bearer, floor)
    }
}

/// Image that is resumed where it broke off. Its reader verifies each block.
pub(super) struct Image {
    source: Source,
    body: Option<Body>,
    /// The link of the present attempt.
    link: Link,
    /// Link of the last attempt, if that brought no byte. One that brought some may be retried by
    /// the same policy.
    last_without_progress: Option<Link>,
    /// Offset of the next byte in the bundle.
    at: u64,
    /// Pace of the whole download. Time between reads is not the peer's.
    pace: Pace,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image from byte {} by {}", self.at, self.link)
    }
}

impl Image {
    /// Reads on, over a new connection if the last one has ended.
    fn attempt(&mut self, into: &mut [u8]) -> Result<usize, PullError> {
        let url = &self.source.url;
        let body = if let Some(body) = &mut self.body {
            body
        } else {
            let bearer = self.source.bearer(self.last_without_progress)?;
            self.link = bearer.link;
            self.last_without_progress = Some(bearer.link);
            let body = self.source.get(&bearer, self.at, None)?;
            self.body.insert(body)
        };
        loop {
            return match body.read(into) {
                // The reader knows the length: this is a premature end.
                Ok(0) if !into.is_empty() => Err(PullError::of_body(
                    url,
                    self.link,
                    io::ErrorKind::UnexpectedEof.into(),
                )),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| PullError::of_body(url, self.link, error)),
            };
        }
    }
}

impl Read for Image {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let began = Instant::now();
            let error = match self.attempt(into) {
                Ok(length) => {
                    self.at += length as u64;
                    self.last_without_progress = None;
                    self.pace.got(length as u64);
                    // Received bytes are used; a missed pace shows at the next wait.
                    let _ = self.pace.waited(began.elapsed());
                    return Ok(length);
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(io::Error::other(error)),
            };
            self.body = None;
            let url = &self.source.url;
            log::info!(
                "{error}; going on from byte {} in {:?}",
                self.at,
                self.source.limits.pause
            );
            std::thread::sleep(self.source.limits.pause);
            if let Err(slow) = self.pace.waited(began.elapsed()) {
                return Err(io::Error::other(PullError::Stalled {
                    url: url.clone(),
                    at: self.at,
                    slow,
                    last: error.to_string(),
                }));
            }
        }
    }
}
