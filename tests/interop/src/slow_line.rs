//! Line with a delay each way, to the socket of a carrier.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Bytes read at once.
const CHUNK: usize = 4_096;

/// Dials at `line`; data on the stream arrives `delay` later, both ways.
///
/// # Errors
/// When nothing answers at the socket.
pub(crate) fn call(line: &Path, delay: Duration) -> io::Result<UnixStream> {
    let (ours, near) = UnixStream::pair()?;
    let far = UnixStream::connect(line)?;
    carry(near.try_clone()?, far.try_clone()?, delay);
    carry(far, near, delay);
    Ok(ours)
}

/// Carries one direction until its end, which it passes on.
fn carry(mut from: UnixStream, mut to: UnixStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut chunk = [0; CHUNK];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            let bytes = chunk.get(..length).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + delay, bytes)).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (arrives, bytes) in receiver {
            thread::sleep(arrives.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other side may have gone already.
        let _ = to.shutdown(Shutdown::Both);
    });
}
