//! The box's end of a push.

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

use super::{Answer, Wish, portion, receive, send, stream::Timed};
use crate::{Header, Unverified, Version};

/// Time that each phase of a push has, whatever trickles in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the connection to both keys proven: two round trips on a LAN, and four signatures.
    pub(super) handshake: Duration,
    /// From both keys proven to the wish and the header there.
    pub(super) greeting: Duration,
    /// One portion over the slowest LAN, onto the slowest card: 4 KiB a second.
    pub(super) portion: Duration,
    /// How long what a refused laptop still sends is read, so that it gets to read why.
    pub(super) farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            greeting: Duration::from_secs(10),
            portion: Duration::from_secs(60),
            farewell: Duration::from_secs(2),
        }
    }
}

/// Who takes updates.
pub(crate) trait Taker {
    /// Whose signatures count.
    fn keys(&self) -> &[PublicKey];

    /// Whether an update with this header is taken, into which slot, and what runs.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, header: &Header, allow_downgrade: bool) -> Result<(Slot, Version), String>;

    /// Takes it; `done` hears of the bytes that are written.
    ///
    /// # Errors
    /// Why not.
    fn install(
        &self,
        header: &Header,
        image: &mut dyn Read,
        done: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(), String>;
}

type Stream = StreamOwned<ServerConnection, Timed>;

/// A connection whose other end has proven one of the keys.
pub(crate) struct Proven {
    stream: Stream,
    bounds: Bounds,
}

/// Proves keys with the other end of `socket`, in the time that `bounds` has for it.
///
/// # Errors
/// It has none of the keys, is not heard of in time, or speaks something else.
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
    /// Takes one push. Gives out what was taken, and whether the box is to be restarted.
    ///
    /// # Errors
    /// Why nothing was taken; the other end is told so.
    pub(crate) fn serve(self, taker: &impl Taker) -> Result<(Header, Wish), String> {
        let Self { mut stream, bounds } = self;
        stream.sock.allow(bounds.greeting);
        let outcome = take(&mut stream, taker, bounds.portion);
        let last = match &outcome {
            Ok(_) => Answer::Installed,
            Err(why) => Answer::Refused { why: why.clone() },
        };
        part(&mut stream, &last, bounds.farewell);
        outcome
    }
}

fn take(stream: &mut Stream, taker: &impl Taker, time: Duration) -> Result<(Header, Wish), String> {
    let wish: Wish = receive(stream).map_err(|error| format!("greeting: {error}"))?;
    let header = Unverified::read(stream)
        .and_then(|header| header.verify(taker.keys()))
        .map_err(|error| error.to_string())?;
    let (slot, running) = taker.admit(&header, wish.allow_downgrade)?;
    stream.sock.allow(time);
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
        stream.sock.allow(time);
        send(*stream, &Answer::Written(written))
    };
    taker.install(&header, &mut Shared(&shared), &mut done)?;
    Ok((header, wish))
}

/// The stream, read by one and answered by another in turn.
struct Shared<'a, 'b>(&'a RefCell<&'b mut Stream>);

impl Read for Shared<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(into)
    }
}

/// The last word, heard even by somebody who is still sending.
fn part(stream: &mut Stream, last: &Answer, farewell: Duration) {
    stream.sock.allow(farewell);
    // Who has gone already is no loss.
    let _ = send(stream, last);
    stream.conn.send_close_notify();
    let _ = stream.conn.write_tls(&mut stream.sock);
    let _ = stream.sock.socket().shutdown(Shutdown::Write);
    // What comes after a closed socket resets the connection, and takes the last word with it.
    let mut rest = [0; 4096];
    while matches!(stream.sock.read(&mut rest), Ok(1..)) {}
}
