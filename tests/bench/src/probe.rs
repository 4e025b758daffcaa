//! TCP and HTTP probes from a network namespace: as a health checker, a LAN host or a stranger.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::net::Namespace;

/// Retry interval for a port that may not be open yet.
const STEP: Duration = Duration::from_millis(100);

/// Timeout of one attempt: a lost SYN is repeated after a second, so two fit.
const TRY: Duration = Duration::from_secs(2);

/// HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Sends one GET request for `path` from `namespace`.
///
/// # Errors
/// The connection fails, or the response is not HTTP.
pub fn get(namespace: &Namespace, to: Ipv4Addr, port: u16, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    let answer = exchange(namespace, to, port, request.as_bytes())?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| {
        let got = String::from_utf8_lossy(&answer).into_owned();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("expected an HTTP answer, got {got:?}"),
        )
    })
}

/// Repeats the request until a response comes or `bound` is over.
///
/// # Errors
/// Error of the last attempt.
pub fn get_within(
    namespace: &Namespace,
    to: Ipv4Addr,
    port: u16,
    path: &str,
    bound: Duration,
) -> io::Result<Answer> {
    let until = Instant::now() + bound;
    loop {
        match get(namespace, to, port, path) {
            Err(_) if Instant::now() < until => thread::sleep(STEP),
            outcome => return outcome,
        }
    }
}

/// Sends `bytes` and returns everything received until the peer closes.
///
/// # Errors
/// The connection fails.
pub fn exchange(
    namespace: &Namespace,
    to: Ipv4Addr,
    port: u16,
    bytes: &[u8],
) -> io::Result<Vec<u8>> {
    namespace.run(|| {
        let mut stream = connect(to, port, TRY)?;
        stream.set_read_timeout(Some(TRY))?;
        // The peer may close before it has read everything; its response counts.
        let sent = stream.write_all(bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(sent.err().unwrap_or(error)),
            _ => Ok(answer),
        }
    })
}

/// Opens `count` connections to an HTTP port with a whole request each, as fast as that goes, and
/// then reads the responses, for `bound` each at most. Returns how many had status 200.
///
/// # Errors
/// A connection that could not be made within `bound`.
pub fn burst(
    namespace: &Namespace,
    to: Ipv4Addr,
    port: u16,
    count: usize,
    bound: Duration,
) -> io::Result<usize> {
    let request = format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n");
    namespace.run(|| {
        let mut open = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = connect(to, port, bound)?;
            stream.set_read_timeout(Some(bound))?;
            // A lost request has no response, and responses are counted.
            let _ = stream.write_all(request.as_bytes());
            open.push(stream);
        }
        let answered = open.into_iter().filter_map(|mut stream| {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            parse(&answer).filter(|answer| answer.status == 200)
        });
        Ok(answered.count())
    })
}

/// State of a TCP port as seen by a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Connection accepted.
    Open,
    /// Connection refused (RST).
    Refused,
    /// No reply: filtered or unreachable.
    Silent,
}

/// Probes a TCP port, with timeout `bound`.
///
/// # Errors
/// Neither open, refused nor silent, for instance without a route.
pub fn probe_port(
    namespace: &Namespace,
    to: Ipv4Addr,
    port: u16,
    bound: Duration,
) -> io::Result<PortState> {
    namespace.run(|| match connect(to, port, bound) {
        Ok(_) => Ok(PortState::Open),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Ok(PortState::Refused),
            io::ErrorKind::TimedOut => Ok(PortState::Silent),
            _ => Err(error),
        },
    })
}

fn connect(to: Ipv4Addr, port: u16, bound: Duration) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((to, port)), bound)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some(Answer {
        status: status.parse().ok()?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_response_parses() {
        let answer = parse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
        assert_eq!(parse("SSH-2.0\r\n\r\n"), None);
    }
}
