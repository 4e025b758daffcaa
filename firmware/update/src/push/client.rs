//! The laptop's end of a push.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use failberry_config::PublicKey;
use failberry_state::Slot;
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::{Answer, Wish, portion, receive, send, stream::Timed};
use crate::{BundleError, Signer, Unverified, Version, tls};

/// The box answers at once.
const GREETING: Duration = Duration::from_secs(30);

/// One portion over the slowest LAN, onto the slowest card, and reading all of it back.
const PATIENCE: Duration = Duration::from_secs(180);

/// A push that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The bundle is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The box has another key than the one known.
    #[error("expected a box with key {expected}, got one with {got}")]
    OtherBox {
        /// The key known.
        expected: PublicKey,
        /// The box's.
        got: PublicKey,
    },
    /// The box does not take it.
    #[error("the box refuses: {0}")]
    Refused(String),
    /// Something that makes no sense.
    #[error("expected {expected} from the box, got {got}")]
    Unexpected {
        /// What should have come.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The connection failed. The box does so as well where it does not know our key.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The box's key.
    pub key: PublicKey,
    /// The slot with the new image.
    pub slot: Slot,
    /// What runs there still.
    pub running: Version,
    /// What will be tried.
    pub version: Version,
}

type Stream = StreamOwned<ClientConnection, Timed>;

fn failed(what: &'static str) -> impl Fn(io::Error) -> PushError {
    move |source| PushError::Io { what, source }
}

/// Pushes `bundle` to the box at the other end of `socket`, which must have the key `known`, or
/// any where none is known yet. `progress` hears of bytes written, and how many there are.
///
/// # Errors
/// Why the update is not there.
pub fn push(
    socket: TcpStream,
    own: &Signer,
    known: Option<PublicKey>,
    wish: Wish,
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

    // Where the door is closed already, what the box has said is a better reason than the pipe's.
    let sent = send(&mut stream, &wish)
        .and_then(|()| stream.write_all(&header))
        .and_then(|()| stream.flush());
    let (slot, running) = match answer(&mut stream)? {
        Answer::Accepted { slot, running } => {
            sent.map_err(failed("sending the header"))?;
            (slot, running)
        }
        other => return Err(unexpected("whether it is taken", &other)),
    };
    let mut sent = 0;
    while sent < claims.payload {
        stream.sock.allow(PATIENCE);
        let portion = portion(&claims).min(claims.payload - sent);
        let copied = io::copy(&mut bundle.by_ref().take(portion), &mut stream);
        let flushed = copied.and_then(|n| stream.flush().map(|()| n));
        match flushed {
            Ok(copied) if copied < portion => {
                let source = io::ErrorKind::UnexpectedEof.into();
                return Err(failed("reading the bundle")(source));
            }
            // It may have said why before it closed the door.
            Err(source) => {
                return Err(match answer(&mut stream) {
                    Err(refused @ PushError::Refused(_)) => refused,
                    _ => failed("sending the image")(source),
                });
            }
            Ok(_) => sent += portion,
        }
        match answer(&mut stream)? {
            Answer::Written(bytes) if bytes == sent => progress(sent, claims.payload),
            other => return Err(unexpected("how much is written", &other)),
        }
    }
    stream.sock.allow(PATIENCE);
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

/// Both ends prove their keys.
fn greet(
    socket: TcpStream,
    own: &Signer,
    known: Option<PublicKey>,
    seen: &Arc<Mutex<Option<PublicKey>>>,
) -> Result<Stream, PushError> {
    let broken = |error: rustls::Error| failed("TLS")(io::Error::other(error));
    let note = seen.clone();
    let welcome = move |key| {
        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        known.is_none_or(|known| known == key)
    };
    let config = tls::client(own, welcome).map_err(broken)?;
    let peer = socket.peer_addr().map_err(failed("connecting"))?.ip();
    let connection = ClientConnection::new(config, ServerName::from(peer)).map_err(broken)?;
    let mut stream = StreamOwned::new(connection, Timed::new(socket, GREETING));
    if let Err(source) = stream.conn.complete_io(&mut stream.sock) {
        let got = *seen.lock().unwrap_or_else(PoisonError::into_inner);
        return Err(match (known, got) {
            (Some(expected), Some(got)) if expected != got => PushError::OtherBox { expected, got },
            _ => failed("agreeing with the box about keys")(source),
        });
    }
    Ok(stream)
}

/// The box's next line.
fn answer(stream: &mut Stream) -> Result<Answer, PushError> {
    match receive(stream) {
        Ok(Answer::Refused { why }) => Err(PushError::Refused(why)),
        Ok(answer) => Ok(answer),
        Err(source) => Err(failed(
            "waiting for the box (it closes the door to keys that are not in its update.keys)",
        )(source)),
    }
}

fn unexpected(expected: &'static str, got: &Answer) -> PushError {
    let got = format!("{got:?}");
    PushError::Unexpected { expected, got }
}

/// Keeps a copy of what is read.
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
