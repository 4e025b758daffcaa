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

/// From the first byte to both keys proven and the header there: nobody else waits longer.
const GREETING: Duration = Duration::from_secs(10);

/// One portion over the slowest LAN, onto the slowest card: 4 KiB a second.
const PORTION_TIME: Duration = Duration::from_secs(60);

/// How long what a refused laptop still sends is read, so that it gets to read why.
const FAREWELL: Duration = Duration::from_secs(2);

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

/// Takes one push from `socket`. Gives out what was taken, and whether the box is to be restarted.
///
/// # Errors
/// Why nothing was taken.
pub(crate) fn serve(
    socket: TcpStream,
    config: &Arc<ServerConfig>,
    taker: &impl Taker,
) -> Result<(Header, Wish), String> {
    let connection = ServerConnection::new(config.clone()).map_err(|it| it.to_string())?;
    let mut stream = StreamOwned::new(connection, Timed::new(socket, GREETING));
    let outcome = take(&mut stream, taker);
    let last = match &outcome {
        Ok(_) => Answer::Installed,
        Err(why) => Answer::Refused { why: why.clone() },
    };
    // Somebody who has not proven a key is told nothing.
    if !stream.conn.is_handshaking() {
        part(&mut stream, &last);
    }
    outcome
}

fn take(stream: &mut Stream, taker: &impl Taker) -> Result<(Header, Wish), String> {
    let wish: Wish = receive(stream).map_err(|error| format!("greeting: {error}"))?;
    let header = Unverified::read(stream)
        .and_then(|header| header.verify(taker.keys()))
        .map_err(|error| error.to_string())?;
    let (slot, running) = taker.admit(&header, wish.allow_downgrade)?;
    stream.sock.allow(PORTION_TIME);
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
        stream.sock.allow(PORTION_TIME);
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
fn part(stream: &mut Stream, last: &Answer) {
    stream.sock.allow(FAREWELL);
    // Who has gone already is no loss.
    let _ = send(stream, last);
    stream.conn.send_close_notify();
    let _ = stream.conn.write_tls(&mut stream.sock);
    let _ = stream.sock.socket().shutdown(Shutdown::Write);
    // What comes after a closed socket resets the connection, and takes the last word with it.
    let mut rest = [0; 4096];
    while matches!(stream.sock.read(&mut rest), Ok(1..)) {}
}
