//! SNTP server (version 4, RFC 4330) with the host's time plus an offset.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::internet::{
    acceptor::ServiceThread,
    clock::now,
    event_log::{EventLog, TimedOut},
};

/// Length of a packet without extension fields and authenticator.
const LENGTH: usize = 48;

/// Seconds from 1900, where NTP counts from, to 1970.
const EPOCH: u64 = 2_208_988_800;

/// Mode of a client and of a server (RFC 4330, section 4).
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// A time server; dropping it stops the server.
#[derive(Debug)]
pub struct Ntp {
    shared: Arc<Shared>,
    _thread: ServiceThread,
}

#[derive(Debug)]
struct Shared {
    offset_ms: AtomicI64,
    silent: AtomicBool,
    refused: AtomicU64,
    answered: EventLog<SocketAddr>,
}

impl Ntp {
    /// Starts the server on `socket`, with the host's time.
    ///
    /// # Panics
    /// The socket is none.
    #[expect(
        clippy::expect_used,
        reason = "a bench that cannot be set up has nothing to test"
    )]
    pub fn serve(socket: UdpSocket) -> Self {
        // A packet may fail its checksum between poll and read.
        socket
            .set_nonblocking(true)
            .expect("a bound socket is a socket");
        let shared = Arc::new(Shared {
            offset_ms: AtomicI64::new(0),
            silent: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            answered: EventLog::new(),
        });
        let serving = Arc::clone(&shared);
        let thread = ServiceThread::start(socket, move |socket| {
            let mut request = [0; 128];
            let Ok((count, peer)) = socket.recv_from(&mut request) else {
                return;
            };
            if serving.silent.load(Ordering::Relaxed) {
                return;
            }
            let offset = serving.offset_ms.load(Ordering::Relaxed);
            let packet = answer(
                request.get(..count).unwrap_or_default(),
                shifted(now(), offset),
            );
            if let Some(packet) = packet {
                // Logged first: a client that has the reply must be in the log.
                serving.answered.push(peer);
                // An unreachable client notices the missing reply itself.
                let _ = socket.send_to(&packet, peer);
            } else {
                serving.refused.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            shared,
            _thread: thread,
        }
    }

    /// Sets the offset of the served time: `milliseconds` ahead of the host's, behind if negative.
    pub fn set_offset(&self, milliseconds: i64) {
        self.shared.offset_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Stops or resumes answering.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Relaxed);
    }

    /// Returns the clients answered so far.
    pub fn answered(&self) -> Vec<SocketAddr> {
        self.shared.answered.all()
    }

    /// Returns the number of packets that were no client request.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Waits for the first answered client.
    ///
    /// # Errors
    /// No request within `bound`.
    pub fn wait_answered(&self, bound: Duration) -> Result<SocketAddr, TimedOut> {
        self.shared
            .answered
            .wait("an SNTP request", bound, |_| true)
    }
}

/// Returns the reply of a stratum 1 server whose clock shows `time`.
fn answer(request: &[u8], time: Duration) -> Option<[u8; LENGTH]> {
    let first = *request.get(..LENGTH)?.first()?;
    let (version, mode) = (first >> 3 & 0b111, first & 0b111);
    if mode != CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let poll = *request.get(2)?;
    let originate: &[u8] = request.get(40..48)?;
    let stamp = timestamp(time);
    let mut packet = Vec::with_capacity(LENGTH);
    // No leap second; stratum 1; a precision of 2^-20 s.
    packet.extend([version << 3 | SERVER, 1, poll, 0xec]);
    // Neither root delay nor dispersion.
    packet.extend([0; 8]);
    packet.extend(b"LOCL");
    for part in [&stamp, originate, &stamp, &stamp] {
        packet.extend(part);
    }
    packet.try_into().ok()
}

/// Seconds since 1900 and their fraction, 32 bits each; it wraps in 2036, as it does on the wire.
fn timestamp(time: Duration) -> [u8; 8] {
    let seconds = (time.as_secs() + EPOCH) & u64::from(u32::MAX);
    let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32 | fraction).to_be_bytes()
}

fn shifted(time: Duration, milliseconds: i64) -> Duration {
    let by = Duration::from_millis(milliseconds.unsigned_abs());
    if milliseconds < 0 {
        time.saturating_sub(by)
    } else {
        time + by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(client: &UdpSocket, request: &[u8]) -> [u8; LENGTH] {
        client.send(request).unwrap();
        let mut packet = [0; LENGTH];
        assert_eq!(client.recv(&mut packet).unwrap(), LENGTH);
        packet
    }

    #[test]
    fn sntp_reply_has_offset_and_bad_requests_counted() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let ntp = Ntp::serve(socket);
        let client = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        client.connect(address).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();

        let mut request = [0; LENGTH];
        request[0] = 0x23;
        request[40..].copy_from_slice(b"whenever");
        client.send(b"hello").unwrap();
        for offset in [0, -86_400_000, 3_600_000] {
            ntp.set_offset(offset);
            let packet = ask(&client, &request);
            assert_eq!((packet[0], packet[1]), (0x24, 1));
            assert_eq!(&packet[24..32], b"whenever");
            let seconds = u32::from_be_bytes(packet[40..44].try_into().unwrap());
            let told = i64::from(seconds) - 2_208_988_800;
            let host = i64::try_from(now().as_secs()).unwrap();
            assert!((told - host - offset / 1000).abs() <= 2, "{told} at {host}");
        }
        assert_eq!(ntp.refused(), 1);
        assert_eq!(ntp.answered(), [client.local_addr().unwrap(); 3]);
    }
}
