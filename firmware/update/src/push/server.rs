//! Server side of a push, on the box.

use std::{
    cell::RefCell,
    io::{self, Read},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::Duration,
};

use failberry_config::PublicKey;
use failberry_state::Slot;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Answer, PushOptions, portion, receive, send, stream::Timed};
use crate::{Header, Unverified, Version};

/// Timeouts of the phases of a push, however slowly bytes trickle in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the connection to both keys proven: two round trips on a LAN, and four signatures.
    pub(super) handshake: Duration,
    /// From both keys proven to options and header received.
    pub(super) greeting: Duration,
    /// For one portion over the slowest LAN, onto the slowest card: 4 KiB a second.
    pub(super) portion: Duration,
    /// How long the rest sent by a refused laptop is read, so that it receives the reason.
    pub(super) linger: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            greeting: Duration::from_secs(10),
            portion: Duration::from_secs(60),
            linger: Duration::from_secs(2),
        }
    }
}

/// Receiver of a pushed update.
pub(crate) trait UpdateReceiver {
    /// Returns the keys whose signatures are accepted.
    fn keys(&self) -> &[PublicKey];

    /// Checks whether an update with this header is accepted; returns its slot and the running
    /// version.
    ///
    /// # Errors
    /// The reason for the refusal.
    fn admit(&self, header: &Header, allow_downgrade: bool) -> Result<(Slot, Version), String>;

    /// Installs the update; `done` receives the bytes written so far.
    ///
    /// # Errors
    /// What failed.
    fn install(
        &self,
        header: &Header,
        image: &mut dyn Read,
        done: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(), String>;
}

type Stream = StreamOwned<ServerConnection, Timed>;

/// Connection whose peer has proven one of the keys.
pub(crate) struct Proven {
    stream: Stream,
    bounds: Bounds,
}

/// Runs the TLS handshake on `socket`, within its timeout in `bounds`.
///
/// # Errors
/// The peer has none of the keys, is too slow, or speaks another protocol.
pub(crate) fn handshake(
    socket: TcpStream,
    config: &Arc<ServerConfig>,
    bounds: Bounds,
) -> io::Result<Proven> {
    let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, Timed::new(socket, bounds.handshake));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Proven { stream, bounds })
}

impl Proven {
    /// Receives one push. Returns its header and options.
    ///
    /// # Errors
    /// Why nothing was installed; the peer receives the same text.
    pub(crate) fn serve(
        self,
        receiver: &impl UpdateReceiver,
    ) -> Result<(Header, PushOptions), String> {
        let Self { mut stream, bounds } = self;
        stream.sock.set_timeout(bounds.greeting);
        let outcome = receive_update(&mut stream, receiver, bounds.portion);
        let last = match &outcome {
            Ok(_) => Answer::Installed,
            Err(why) => Answer::Refused { why: why.clone() },
        };
        send_final(&mut stream, &last, bounds.linger);
        outcome
    }
}

fn receive_update(
    stream: &mut Stream,
    receiver: &impl UpdateReceiver,
    time: Duration,
) -> Result<(Header, PushOptions), String> {
    let options: PushOptions = receive(stream).map_err(|error| format!("greeting: {error}"))?;
    let header = Unverified::read(stream)
        .and_then(|header| header.verify(receiver.keys()))
        .map_err(|error| error.to_string())?;
    let (slot, running) = receiver.admit(&header, options.allow_downgrade)?;
    stream.sock.set_timeout(time);
    let accepted = Answer::Accepted { slot, running };
    send(stream, &accepted).map_err(|error| error.to_string())?;
    let shared = RefCell::new(stream);
    let portion = portion(&header);
    let mut next = portion;
    let mut done = |written| {
        if written < next && written < header.payload {
            return Ok(());
        }
        next = written + portion;
        let mut stream = shared.borrow_mut();
        stream.sock.set_timeout(time);
        send(*stream, &Answer::Written(written))
    };
    receiver.install(&header, &mut Shared(&shared), &mut done)?;
    Ok((header, options))
}

/// The stream, shared by the reader of the image and the writer of acknowledgements in turn.
struct Shared<'a, 'b>(&'a RefCell<&'b mut Stream>);

impl Read for Shared<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(into)
    }
}

/// Sends the final answer so that a peer that is still sending receives it.
fn send_final(stream: &mut Stream, last: &Answer, linger: Duration) {
    stream.sock.set_timeout(linger);
    // A peer that has gone already is no error.
    let _ = send(stream, last);
    stream.conn.send_close_notify();
    let _ = stream.conn.write_tls(&mut stream.sock);
    let _ = stream.sock.socket().shutdown(Shutdown::Write);
    // Data that arrives after a close resets the connection and discards the final answer.
    let mut rest = [0; 4096];
    while matches!(stream.sock.read(&mut rest), Ok(1..)) {}
}
