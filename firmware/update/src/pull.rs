//! Fetching an update from a URL: a look on a schedule that costs the first bytes of the bundle,
//! and the rest only where it is newer. A download that breaks off goes on where it was.

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use failberry_config::Update;
use failberry_service::{Request, ServiceResult, http};
use failberry_state::{NetworkState, read};
use smol::Timer;
use ureq::{
    Agent, BodyReader,
    http::StatusCode,
    tls::{RootCerts, TlsConfig},
};

use crate::{
    Header, PREAMBLE, Unverified,
    desk::{Desk, order},
    push::Taker,
};

/// The first look: the box is up, and has its link and its time.
const FIRST: Duration = Duration::from_secs(300);

/// Between two looks at whether the wire is there, when it is time.
const NO_WIRE: Duration = Duration::from_secs(600);

/// Connecting, and each wait for more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Times a download is resumed without getting any further.
const RESUMES: u32 = 5;

/// Between two of them.
const PAUSE: Duration = Duration::from_secs(10);

/// The interface of the wired side.
const WIRE: &str = "eth0";

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
enum PullError {
    #[error("{url}: {reason}")]
    Transport { url: String, reason: String },
    #[error("{url}: expected the bytes from {from} on, got status {status}")]
    Status { url: String, from: u64, status: u16 },
    #[error("{url}: {reason}")]
    Bundle { url: String, reason: String },
}

/// Looks for updates until the process ends; idle where no URL is configured.
pub(crate) async fn fetch_for_ever(desk: &Arc<Desk>, config: &Update) -> ServiceResult {
    let Some(url) = config.url.clone().filter(|_| !config.keys.is_empty()) else {
        return smol::future::pending().await;
    };
    let every = Duration::from_secs(u64::from(config.every_hours.max(1)) * 3600);
    let source = Source::new(url, RootCerts::WebPki);
    Timer::after(FIRST).await;
    loop {
        while desk.is_busy() || !(config.over_mobile || by_wire()) {
            Timer::after(NO_WIRE).await;
        }
        let (source, desk_there) = (source.clone(), desk.clone());
        let fetched = smol::unblock(move || fetch(&source, &desk_there)).await;
        if let Err(error) = fetched {
            desk.failed(&format!("looking for an update: {error}"));
        }
        Timer::after(every).await;
    }
}

/// Whether packets to the internet go by the wire.
fn by_wire() -> bool {
    let network: NetworkState = read().unwrap_or_default();
    network.default_via.as_deref() == Some(WIRE)
}

fn fetch(source: &Source, desk: &Desk) -> Result<(), String> {
    let Some((header, mut image)) = look(source, desk)? else {
        return Ok(());
    };
    desk.install(&header, &mut image, &mut |_| Ok(()))?;
    order(&Request::Reboot {
        reason: format!("to try version {}", header.version),
    })
}

/// The update at the URL, where it is one to take.
fn look(source: &Source, desk: &Desk) -> Result<Option<(Header, Image)>, String> {
    let running = desk.running();
    let wanted = |header: &Header| header.version > running && !desk.has_failed(header.version);
    let found = source
        .look(desk.keys(), wanted)
        .map_err(|it| it.to_string())?;
    if let Some((header, _)) = &found {
        desk.admit(header, false)?;
    }
    Ok(found)
}

/// Where updates come from.
#[derive(Clone)]
struct Source {
    agent: Agent,
    url: String,
    pause: Duration,
}

impl Source {
    fn new(url: String, roots: RootCerts) -> Self {
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(3)
            .max_idle_connections(0)
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .user_agent(concat!("failberrypi/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self {
            agent: http::agent(config),
            url,
            pause: PAUSE,
        }
    }

    /// The header there, where its version is `wanted`, and the image behind it.
    fn look(
        &self,
        keys: &[failberry_config::PublicKey],
        wanted: impl Fn(&Header) -> bool,
    ) -> Result<Option<(Header, Image)>, PullError> {
        let bundle = |error: &dyn std::fmt::Display| PullError::Bundle {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let mut preamble = [0; PREAMBLE];
        let until = PREAMBLE as u64 - 1;
        let mut body = self.get(0, Some(until))?;
        body.read_exact(&mut preamble).map_err(|it| bundle(&it))?;
        drop(body);
        let claims = Header::from_preamble(&preamble).map_err(|it| bundle(&it))?;
        if !wanted(&claims) {
            return Ok(None);
        }
        let mut body = self.get(0, None)?;
        let header = Unverified::read(&mut body)
            .and_then(|header| header.verify(keys))
            .map_err(|it| bundle(&it))?;
        // It may have been replaced in between.
        if !wanted(&header) {
            return Ok(None);
        }
        let image = Image {
            source: self.clone(),
            body: Some(body),
            at: header.length(),
            failures: 0,
        };
        Ok(Some((header, image)))
    }

    /// The bytes from `from` on, to `until` where the rest is not wanted.
    fn get(&self, from: u64, until: Option<u64>) -> Result<BodyReader<'static>, PullError> {
        let until = until.map(|it| it.to_string()).unwrap_or_default();
        let response = self
            .agent
            .get(&self.url)
            .header("range", format!("bytes={from}-{until}"))
            .call()
            .map_err(|error| PullError::Transport {
                url: self.url.clone(),
                reason: error.to_string(),
            })?;
        let range = response.headers().get("content-range");
        let starts = range.and_then(|it| it.to_str().ok()).is_some_and(|it| {
            it.strip_prefix("bytes ")
                .is_some_and(|it| it.starts_with(&format!("{from}-")))
        });
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts => {}
            // A server without ranges begins at the beginning.
            StatusCode::OK if from == 0 => {}
            status => {
                return Err(PullError::Status {
                    url: self.url.clone(),
                    from,
                    status: status.as_u16(),
                });
            }
        }
        Ok(response.into_body().into_reader())
    }
}

/// The image, asked for again from where it broke off. Each block is checked by who reads it.
struct Image {
    source: Source,
    body: Option<BodyReader<'static>>,
    /// Where in the bundle the next byte is.
    at: u64,
    /// Failures since the last byte.
    failures: u32,
}

impl Read for Image {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.body {
                Some(body) => body.read(into),
                None => self
                    .source
                    .get(self.at, None)
                    .map_err(io::Error::other)
                    .and_then(|body| self.body.insert(body).read(into)),
            };
            let error = match read {
                // Whoever reads knows how much there is: this is an end before its time.
                Ok(0) if !into.is_empty() => io::ErrorKind::UnexpectedEof.into(),
                Ok(length) => {
                    self.at += length as u64;
                    self.failures = 0;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.body = None;
            self.failures += 1;
            if self.failures > RESUMES {
                return Err(error);
            }
            log::info!(
                "{}: {error}; going on from byte {}",
                self.source.url,
                self.at
            );
            std::thread::sleep(self.source.pause);
        }
    }
}

#[cfg(test)]
mod tests;
