//! Client side of a push, on the laptop.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use failberry_config::PublicKey;
use failberry_state::Slot;
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::{Answer, PushOptions, portion, receive, send, stream::Timed};
use crate::{BundleError, Signer, Unverified, Version, tls};

/// Timeout of handshake and header; the box answers at once.
const GREETING_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of one portion over the slowest LAN, onto the slowest card, and of reading all of it
/// back.
const PORTION_TIMEOUT: Duration = Duration::from_secs(180);

/// The push failed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The file is no valid bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The box has another key than the known one.
    #[error("expected a box with key {expected}, got one with {got}")]
    OtherBox {
        /// Known key.
        expected: PublicKey,
        /// Key of the box.
        got: PublicKey,
    },
    /// The box refuses the update.
    #[error("the box refuses: {0}")]
    Refused(String),
    /// An answer out of sequence.
    #[error("expected {expected} from the box, got {got}")]
    Unexpected {
        /// Expected answer.
        expected: &'static str,
        /// Actual answer.
        got: String,
    },
    /// The connection failed. The box also closes it if it does not know our key.
    #[error("{what}: {source}")]
    Io {
        /// Failed operation.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Key of the box.
    pub key: PublicKey,
    /// Slot with the new image.
    pub slot: Slot,
    /// Version still running on the box.
    pub running: Version,
    /// Version to be tried.
    pub version: Version,
}

type Stream = StreamOwned<ClientConnection, Timed>;

fn io_error(what: &'static str) -> impl Fn(io::Error) -> PushError {
    move |source| PushError::Io { what, source }
}

/// Pushes `bundle` to the box at the other end of `socket`, which must have the key `known`, or any
/// if none is known yet. `progress` receives the bytes written, and the total.
///
/// # Errors
/// Why the update is not installed.
pub fn push(
    socket: TcpStream,
    own: &Signer,
    known: Option<PublicKey>,
    options: PushOptions,
    bundle: &mut impl Read,
    mut progress: impl FnMut(u64, u64),
) -> Result<Pushed, PushError> {
    let mut header = Tee {
        source: bundle,
        copy: Vec::new(),
    };
    let claims = Unverified::read(&mut header)?.claims().clone();
    let header = header.copy;

    let seen = Arc::new(Mutex::new(None));
    let mut stream = greet(socket, own, known, &seen)?;
    let key = *seen.lock().unwrap_or_else(PoisonError::into_inner);
    let key = key.ok_or(PushError::Unexpected {
        expected: "a key",
        got: "none".into(),
    })?;

    // If the connection is closed already, the box's answer is a better reason than EPIPE.
    let sent = send(&mut stream, &options)
        .and_then(|()| stream.write_all(&header))
        .and_then(|()| stream.flush());
    let (slot, running) = match answer(&mut stream)? {
        Answer::Accepted { slot, running } => {
            sent.map_err(io_error("sending the header"))?;
            (slot, running)
        }
        other => return Err(unexpected("whether it is taken", &other)),
    };
    let mut sent = 0;
    while sent < claims.payload {
        stream.sock.set_timeout(PORTION_TIMEOUT);
        let portion = portion(&claims).min(claims.payload - sent);
        let copied = io::copy(&mut bundle.by_ref().take(portion), &mut stream);
        let flushed = copied.and_then(|n| stream.flush().map(|()| n));
        match flushed {
            Ok(copied) if copied < portion => {
                let source = io::ErrorKind::UnexpectedEof.into();
                return Err(io_error("reading the bundle")(source));
            }
            // The box may have sent the reason before it closed the connection.
            Err(source) => {
                return Err(match answer(&mut stream) {
                    Err(refused @ PushError::Refused(_)) => refused,
                    _ => io_error("sending the image")(source),
                });
            }
            Ok(_) => sent += portion,
        }
        match answer(&mut stream)? {
            Answer::Written(bytes) if bytes == sent => progress(sent, claims.payload),
            other => return Err(unexpected("how much is written", &other)),
        }
    }
    stream.sock.set_timeout(PORTION_TIMEOUT);
    match answer(&mut stream)? {
        Answer::Installed => Ok(Pushed {
            key,
            slot,
            running,
            version: claims.version,
        }),
        other => Err(unexpected("that it is installed", &other)),
    }
}

/// Runs the TLS handshake, in which both ends prove their keys.
fn greet(
    socket: TcpStream,
    own: &Signer,
    known: Option<PublicKey>,
    seen: &Arc<Mutex<Option<PublicKey>>>,
) -> Result<Stream, PushError> {
    let broken = |error: rustls::Error| io_error("TLS")(io::Error::other(error));
    let note = seen.clone();
    let accept_key = move |key| {
        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        known.is_none_or(|known| known == key)
    };
    let config = tls::client(own, accept_key).map_err(broken)?;
    let peer = socket.peer_addr().map_err(io_error("connecting"))?.ip();
    let connection = ClientConnection::new(config, ServerName::from(peer)).map_err(broken)?;
    let mut stream = StreamOwned::new(connection, Timed::new(socket, GREETING_TIMEOUT));
    if let Err(source) = stream.conn.complete_io(&mut stream.sock) {
        let got = *seen.lock().unwrap_or_else(PoisonError::into_inner);
        return Err(match (known, got) {
            (Some(expected), Some(got)) if expected != got => PushError::OtherBox { expected, got },
            _ => io_error("agreeing with the box about keys")(source),
        });
    }
    Ok(stream)
}

/// Receives the next answer of the box.
fn answer(stream: &mut Stream) -> Result<Answer, PushError> {
    match receive(stream) {
        Ok(Answer::Refused { why }) => Err(PushError::Refused(why)),
        Ok(answer) => Ok(answer),
        Err(source) => Err(io_error(
            "waiting for the box (it closes the door to keys that are not in its update.keys)",
        )(source)),
    }
}

fn unexpected(expected: &'static str, got: &Answer) -> PushError {
    let got = format!("{got:?}");
    PushError::Unexpected { expected, got }
}

/// Reader that keeps a copy of what is read.
struct Tee<'a, R> {
    source: &'a mut R,
    copy: Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(into)?;
        self.copy
            .extend_from_slice(into.get(..length).unwrap_or_default());
        Ok(length)
    }
}
