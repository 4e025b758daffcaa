//! SNTP query of one server.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use failberry_service::look_up;
use smol::{Timer, future::FutureExt, net::UdpSocket};
use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket, get_time};

use crate::{sync::Reading, system};

/// Timeout of name resolution and answer together; a link that takes longer is of no use for time.
const SNTP_TIMEOUT: Duration = Duration::from_secs(10);

/// NTP's port (RFC 5905).
const PORT: u16 = 123;

/// Stratum of a clock that is not set (RFC 5905, figure 11).
const UNSYNCHRONISED: u8 = 16;

/// A failed query.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SntpError {
    #[error("cannot be looked up: {0}")]
    Lookup(io::Error),
    #[error("has no IPv4 address")]
    NoAddress,
    #[error("no socket: {0}")]
    Socket(io::Error),
    #[error("no valid answer: {}", reason(*.0))]
    Protocol(sntpc::Error),
    #[error("says that its own clock is not set")]
    Unsynchronised,
    #[error("no answer within {} s", SNTP_TIMEOUT.as_secs())]
    Silent,
}

/// Returns what was wrong with an answer, as text.
fn reason(error: sntpc::Error) -> String {
    use sntpc::Error;
    let text = match error {
        Error::IncorrectOriginTimestamp => "it is to another question",
        Error::IncorrectMode => "expected one of a server (mode 4)",
        Error::InvalidTimestamp => "it tells no time",
        Error::ExcessiveRootDistance => "the server is too uncertain of its own time",
        Error::BackwardReferenceTimestamp => "the server's clock was last set in its own future",
        Error::IncorrectResponseVersion => "expected one of the version asked in",
        Error::UnsynchronizedClock | Error::IncorrectStratumHeaders => {
            "the server's own clock is not set"
        }
        Error::IncorrectPayload => "expected 48 bytes",
        Error::Network => "the network refused to carry it",
        Error::AddressResolve => "the server's address is not known",
        Error::ResponseAddressMismatch => "it came from another address than was asked",
        Error::KissOfDeath(code) => {
            // The code may be any four bytes.
            let code = code.as_str().escape_debug();
            return format!("the server refuses to tell the time (kiss code {code})");
        }
        // The enum may get more with a newer library.
        _ => "it breaks the protocol",
    };
    text.into()
}

/// Queries `server` for its time, and reads the system clock at the same moment.
pub(crate) async fn ask(server: &str) -> Result<Reading, SntpError> {
    let timeout = async {
        Timer::after(SNTP_TIMEOUT).await;
        Err(SntpError::Silent)
    };
    exchange(server, PORT).or(timeout).await
}

async fn exchange(server: &str, port: u16) -> Result<Reading, SntpError> {
    let name = server.to_owned();
    let addresses = smol::unblock(move || look_up(&name)).await;
    let addresses = addresses.map_err(SntpError::Lookup)?;
    let address = *addresses.first().ok_or(SntpError::NoAddress)?;
    let address = SocketAddr::from((address, port));
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .await
        .map_err(SntpError::Socket)?;
    let context = NtpContext::new(SystemStamp(Duration::ZERO));
    let result = get_time(address, &Udp(socket), context)
        .await
        .map_err(SntpError::Protocol)?;
    if result.leap_indicator == 3 || result.stratum == 0 || result.stratum >= UNSYNCHRONISED {
        return Err(SntpError::Unsynchronised);
    }
    let nanos = (u64::from(result.seconds_fraction) * 1_000_000_000) >> 32;
    // The answer took half the round trip.
    let server_time = Duration::from_secs(result.seconds)
        + Duration::from_nanos(nanos)
        + Duration::from_micros(result.roundtrip / 2);
    Ok(Reading {
        server_time,
        local_time: system::now(),
        address: address.ip(),
    })
}

struct Udp(UdpSocket);

impl NtpUdpSocket for Udp {
    async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> sntpc::Result<usize> {
        self.0
            .send_to(buf, addr)
            .await
            .map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        self.0
            .recv_from(buf)
            .await
            .map_err(|_| sntpc::Error::Network)
    }
}

#[derive(Clone, Copy)]
struct SystemStamp(Duration);

impl NtpTimestampGenerator for SystemStamp {
    fn init(&mut self) {
        self.0 = system::now();
    }

    fn timestamp_sec(&self) -> u64 {
        self.0.as_secs()
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        self.0.subsec_micros()
    }
}

#[cfg(test)]
mod tests {
    use std::{net, thread};

    use failberry_bench::internet::Ntp;

    use super::*;

    #[test]
    fn sntp_offset_within_100_ms_of_reference_server() {
        let socket = net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let ntp = Ntp::serve(socket);
        for ahead_ms in [0, 86_400_000, -250] {
            ntp.set_offset(ahead_ms);
            let reading = smol::block_on(exchange("127.0.0.1", port)).unwrap();
            let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap();
            let ahead = millis(reading.server_time) - millis(reading.local_time);
            assert!((ahead - ahead_ms).abs() < 100, "{ahead}, not {ahead_ms}");
        }
        assert_eq!((ntp.answered().len(), ntp.refused()), (3, 0));
    }

    /// Starts a server that answers one request with `stratum` and a fixed time.
    fn server(stratum: u8, seconds_1900: u32) -> u16 {
        let socket = net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut packet = [0; 48];
            let (_, asker) = socket.recv_from(&mut packet).unwrap();
            let mut answer = [0; 48];
            answer[0] = 0x24;
            answer[1] = stratum;
            answer[12..16].copy_from_slice(b"TEST");
            answer[24..32].copy_from_slice(&packet[40..48]);
            for at in [16, 32, 40] {
                answer[at..at + 4].copy_from_slice(&seconds_1900.to_be_bytes());
            }
            socket.send_to(&answer, asker).unwrap();
        });
        port
    }

    #[test]
    fn answer_over_a_real_socket_is_decoded() {
        // 2026-11-23 00:00:00 UTC counted from 1900.
        let port = server(2, 3_973_363_200);
        let reading = smol::block_on(exchange("127.0.0.1", port)).unwrap();
        assert_eq!(reading.server_time.as_secs(), 3_973_363_200 - 2_208_988_800);
    }

    #[test]
    fn unsynchronised_server_is_an_error() {
        let port = server(16, 3_973_363_200);
        let error = smol::block_on(exchange("127.0.0.1", port)).unwrap_err();
        assert!(
            error.to_string().ends_with("own clock is not set"),
            "{error}"
        );
    }

    #[test]
    fn refusal_shows_the_escaped_kiss_code() {
        let port = server(0, 3_973_363_200);
        let error = smol::block_on(exchange("127.0.0.1", port)).unwrap_err();
        assert!(
            error.to_string().starts_with("no valid answer: "),
            "{error}"
        );
        let hostile = sntpc::Error::KissOfDeath(sntpc::KissOfDeathCode::Experimental(*b"X\x1b[2"));
        let text = SntpError::Protocol(hostile).to_string();
        assert!(!text.chars().any(char::is_control), "{text}");
        assert!(text.contains("kiss code X"), "{text}");
    }
}
