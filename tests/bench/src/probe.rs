//! Knocking at ports, as a health checker, a LAN host or a stranger would.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::net::Namespace;

/// Between two tries at a port that may not be open yet.
const STEP: Duration = Duration::from_millis(100);

/// One try: a lost SYN is sent again after a second, which is time for two.
const TRY: Duration = Duration::from_secs(2);

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For instance 200.
    pub status: u16,
    /// What follows the head.
    pub body: String,
}

/// Asks for `path` once, from inside `namespace`.
///
/// # Errors
/// The connection's, or an answer that is no HTTP.
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

/// Asks until an answer comes or `bound` is over.
///
/// # Errors
/// The last one's.
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

/// Sends `bytes` and gives out all that comes back until the other end closes.
///
/// # Errors
/// The connection's.
pub fn exchange(
    namespace: &Namespace,
    to: Ipv4Addr,
    port: u16,
    bytes: &[u8],
) -> io::Result<Vec<u8>> {
    namespace.run(|| {
        let mut stream = connect(to, port, TRY)?;
        stream.set_read_timeout(Some(TRY))?;
        // Whoever has heard enough may close before we have said all; the answer counts.
        let sent = stream.write_all(bytes);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(sent.err().unwrap_or(error)),
            _ => Ok(answer),
        }
    })
}

/// Opens `count` connections to an HTTP port with a whole request each, as fast as that goes, and
/// then reads the answers, for `bound` each at most. Gives out how many were 200.
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
            // One that is lost has no answer, which is what is counted.
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

/// What became of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Somebody listens.
    Open,
    /// Somebody is there and refuses.
    Refused,
    /// Nothing at all came back.
    Silent,
}

/// Knocks at a TCP port for `bound`.
///
/// # Errors
/// Where it is neither open nor closed, for instance without a route.
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
