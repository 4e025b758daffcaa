//! Line multiplexer: carries bytes between the line, on which the stick calls, and the guest.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    link::{Frame, FromGuest, ToGuest},
    state::State,
};

/// Number of chunks buffered for a stick that does not read. Excess is dropped, as at a real base
/// station; PPP's checksums detect the damaged frames.
const WAITING: usize = 64;

/// Longest time from the hang-up to pppd's exit. Its LCP Terminate takes up to 10 s; twice that
/// means that it hangs.
const HANG_UP: Duration = Duration::from_secs(20);

/// Sending side of the link to the guest.
pub(super) type Guest = Arc<Mutex<UnixStream>>;

/// Sends a frame to the guest.
pub(super) fn send(guest: &Guest, frame: &Frame<ToGuest>) -> io::Result<()> {
    frame.write(&mut *guest.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Handles frames of the guest until the link ends.
pub(super) fn listen(guest: impl Read, state: &State) {
    let mut guest = io::BufReader::new(guest);
    while let Ok(Some(frame)) = Frame::<FromGuest>::read(&mut guest) {
        match frame {
            Frame::Message(event) => state.apply(event),
            Frame::Data { .. } if state.mute.load(Ordering::Relaxed) => {}
            Frame::Data { call, bytes } => state.with(|known| {
                if let (true, Some(caller)) = (call == known.calls, &known.caller) {
                    let _ = caller.try_send(bytes);
                }
            }),
        }
    }
    state.with(|known| {
        known.gone = true;
        known.up = None;
        known.caller = None;
    });
}

/// Answers calls one after another, until the line is closed or the guest is gone.
pub(super) fn answer(line: &UnixListener, guest: &Guest, state: &State) {
    while let Ok((caller, _)) = line.accept() {
        if let Err(error) = call(&caller, guest, state) {
            state.with(|known| known.problem = Some(error.to_string()));
            break;
        }
    }
}

fn call(caller: &UnixStream, guest: &Guest, state: &State) -> io::Result<()> {
    let (sender, receiver) = sync_channel(WAITING);
    let outward = caller.try_clone()?;
    let (call, settings) = state.with(|known| {
        known.calls += 1;
        known.caller = Some(sender);
        known.status = None;
        known.problem = None;
        (known.calls, known.settings.clone())
    });
    send(guest, &Frame::Message(ToGuest::Call { call, settings }))?;
    thread::scope(|scope| {
        scope.spawn(move || deliver(receiver, &outward));
        let carried = carry(caller, guest, call);
        // The stick no longer reads; this unblocks a pending delivery.
        let _ = caller.shutdown(Shutdown::Both);
        send(guest, &Frame::Message(ToGuest::HangUp { call }))?;
        let ended = state.wait("pppd's end after the hang-up", HANG_UP, |known| {
            known.caller.is_none().then_some(Ok(()))
        });
        // Ends the delivery even if pppd did not exit.
        state.with(|known| known.caller = None);
        ended.map_err(io::Error::other)?;
        carried
    })
}

/// Carries data from the stick to the guest, until the stick hangs up.
fn carry(mut caller: &UnixStream, guest: &Guest, call: u32) -> io::Result<()> {
    let mut buffer = [0; 2048];
    loop {
        // A connection reset counts as a hang-up.
        let bytes = match caller.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(length) => buffer.iter().take(length).copied().collect(),
        };
        send(guest, &Frame::Data { call, bytes })?;
    }
}

/// Carries data from the guest to the stick, until the call ends; then drops the line.
fn deliver(receiver: Receiver<Vec<u8>>, mut caller: &UnixStream) {
    for bytes in receiver {
        if caller.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = caller.shutdown(Shutdown::Both);
}
