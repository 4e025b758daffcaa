//! Names to addresses by the resolvers of one link, asked over that link.
//!
//! libc's resolver asks the servers of both links over whatever the default route is; behind a
//! bound socket it would give addresses that only the other link's network knows.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use super::{
    Bearer, Link,
    message::{Answer, NO_SUCH_NAME, answer, question},
};

/// Port of a resolver.
const PORT: u16 = 53;

/// From a question to the next server, in the first round and in the second: a carrier's link can
/// take a second to wake up.
const ROUNDS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Servers asked, as in `resolv.conf`.
const MAX_SERVERS: usize = 3;

/// Longest datagram without EDNS (RFC 1035, 4.2.1).
const DATAGRAM: usize = 512;

/// Why a name gave no address.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// The text is neither a name nor an address.
    #[error("expected a host name, got {host:?}")]
    NoName {
        /// The text.
        host: String,
    },
    /// The link's network has told of no resolver.
    #[error("{link} has no resolver to ask for {host}")]
    NoResolver {
        /// The link.
        link: Link,
        /// The name.
        host: String,
    },
    /// The name does not exist, or has no IPv4 address.
    #[error("{host} has no IPv4 address, says {server}")]
    NoAddress {
        /// The name.
        host: String,
        /// The resolver.
        server: Ipv4Addr,
    },
    /// The last resolver refused the question.
    #[error("{server} refuses the question for {host} with code {code} (RFC 1035, 4.1.1)")]
    Refused {
        /// The name.
        host: String,
        /// The resolver.
        server: Ipv4Addr,
        /// `RCODE`.
        code: u8,
    },
    /// The last resolver could not be asked, or did not answer in time.
    #[error("no answer for {host} by {link} from {server}: {source}")]
    Unanswered {
        /// The name.
        host: String,
        /// The link.
        link: Link,
        /// The resolver.
        server: Ipv4Addr,
        /// Why.
        source: io::Error,
    },
}

impl Bearer {
    /// Returns the IPv4 addresses of `host`, a name or an address, as this link's resolvers tell
    /// them. Blocks for `timeout` or 12 s at most, whichever is less.
    ///
    /// # Errors
    /// What the last resolver said, or that none answered.
    pub fn look_up(&self, host: &str, timeout: Duration) -> Result<Vec<Ipv4Addr>, LookUpError> {
        self.look_up_at(host, PORT, timeout)
    }

    fn look_up_at(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
    ) -> Result<Vec<Ipv4Addr>, LookUpError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let until = Instant::now() + timeout;
        let mut last = LookUpError::NoResolver {
            link: self.link,
            host: host.into(),
        };
        for round in ROUNDS {
            for &server in self.resolvers.iter().take(MAX_SERVERS) {
                let left = until.saturating_duration_since(Instant::now());
                let asked = question(identifier(), host)
                    .ok_or_else(|| LookUpError::NoName { host: host.into() })?;
                let to = SocketAddr::from((server, port));
                match self.ask(&asked, to, round.min(left)) {
                    Ok(Answer { addresses, .. }) if !addresses.is_empty() => return Ok(addresses),
                    Ok(Answer {
                        code: 0 | NO_SUCH_NAME,
                        ..
                    }) => {
                        return Err(LookUpError::NoAddress {
                            host: host.into(),
                            server,
                        });
                    }
                    Ok(Answer { code, .. }) => {
                        last = LookUpError::Refused {
                            host: host.into(),
                            server,
                            code,
                        };
                    }
                    Err(source) => {
                        last = LookUpError::Unanswered {
                            host: host.into(),
                            link: self.link,
                            server,
                            source,
                        };
                    }
                }
            }
        }
        Err(last)
    }

    fn ask(&self, asked: &[u8], to: SocketAddr, timeout: Duration) -> io::Result<Answer> {
        let until = Instant::now() + timeout;
        let socket = self.udp(to)?;
        socket.set_read_timeout(Some(left(until)?))?;
        socket.send(asked)?;
        let mut datagram = [0; DATAGRAM];
        loop {
            let length = socket.recv(&mut datagram).map_err(late)?;
            let message = datagram.get(..length).unwrap_or_default();
            // A forged or late datagram does not end the wait for the true one.
            match answer(asked, message) {
                Some(found) if found.truncated && found.addresses.is_empty() => {
                    return self.ask_by_tcp(asked, to, until);
                }
                Some(found) => return Ok(found),
                None => socket.set_read_timeout(Some(left(until)?))?,
            }
        }
    }

    /// A message over TCP has its length in front (RFC 1035, 4.2.2).
    fn ask_by_tcp(&self, asked: &[u8], to: SocketAddr, until: Instant) -> io::Result<Answer> {
        let mut stream = self.connect(to, left(until)?)?;
        stream.set_write_timeout(Some(left(until)?))?;
        let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes()[..], asked].concat())?;
        let mut message = Vec::new();
        let mut wanted = 2;
        while message.len() < wanted {
            stream.set_read_timeout(Some(left(until)?))?;
            let mut chunk = [0; DATAGRAM];
            let length = stream.read(&mut chunk).map_err(late)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            message.extend(chunk.iter().take(length));
            if let Some(length) = message.first_chunk() {
                wanted = 2 + usize::from(u16::from_be_bytes(*length));
            }
        }
        let message = message.get(2..wanted).unwrap_or_default();
        answer(asked, message).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// A number that a stranger cannot guess, so that he cannot answer in the resolver's place.
fn identifier() -> u16 {
    let random = RandomState::new().build_hasher().finish();
    let [low, high, ..] = random.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Time to `until`; a socket takes no time-out of zero.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// A socket reports its time-out as "try again".
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, UdpSocket},
        thread,
    };

    use super::*;

    const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 81), Ipv4Addr::new(127, 0, 0, 82)];
    const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    fn bearer(resolvers: &[Ipv4Addr]) -> Bearer {
        Bearer {
            link: Link::Wired,
            interface: "lo".into(),
            resolvers: resolvers.to_vec(),
        }
    }

    /// `asked` with an answer of these flags, and with an address where it has one.
    fn reply(asked: &[u8], flags: u16, address: Option<Ipv4Addr>) -> Vec<u8> {
        let mut message = asked[..2].to_vec();
        message.extend(flags.to_be_bytes());
        message.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
        message.extend(&asked[12..]);
        if let Some(address) = address {
            message.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            message.extend(address.octets());
        }
        message
    }

    /// A resolver at `at` that answers each question by `answers`; the port, where none is given.
    fn serve(
        at: Ipv4Addr,
        port: u16,
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> u16 {
        let socket = UdpSocket::bind((at, port)).unwrap();
        let port = socket.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut asked = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut asked) {
                for answer in answers(&asked[..length]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        port
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn address_needs_no_resolver_and_a_name_does() {
        let none = bearer(&[]);
        assert_eq!(none.look_up("192.0.2.7", LONG).unwrap(), [HOME]);
        let error = none.look_up("example.org", LONG).unwrap_err();
        assert!(matches!(error, LookUpError::NoResolver { .. }), "{error}");
        let error = bearer(&SERVERS).look_up("a..b", LONG).unwrap_err();
        assert!(matches!(error, LookUpError::NoName { .. }), "{error}");
    }

    #[test]
    fn silent_and_refusing_servers_give_way_to_the_next() {
        for first in [None, Some(0x8182), Some(0x8185)] {
            let port = serve(SERVERS[0], 0, move |asked| {
                first
                    .map(|flags| reply(asked, flags, None))
                    .into_iter()
                    .collect()
            });
            serve(SERVERS[1], port, |asked| {
                vec![reply(asked, 0x8180, Some(HOME))]
            });
            let found = bearer(&SERVERS).look_up_at("example.org", port, LONG);
            assert_eq!(found.unwrap(), [HOME], "{first:?}");
        }
    }

    #[test]
    fn name_that_does_not_exist_is_not_asked_again() {
        let port = serve(SERVERS[0], 0, |asked| vec![reply(asked, 0x8183, None)]);
        let error = bearer(&SERVERS).look_up_at("nowhere.test", port, LONG);
        let error = error.unwrap_err();
        assert!(
            matches!(error, LookUpError::NoAddress { server, .. } if server == SERVERS[0]),
            "{error}"
        );
    }

    #[test]
    fn forged_answer_does_not_hide_the_true_one() {
        let port = serve(SERVERS[0], 0, |asked| {
            let mut forged = reply(asked, 0x8180, Some(Ipv4Addr::LOCALHOST));
            forged[0] ^= 1;
            vec![forged, b"noise".to_vec(), reply(asked, 0x8180, Some(HOME))]
        });
        let found = bearer(&SERVERS[..1]).look_up_at("example.org", port, LONG);
        assert_eq!(found.unwrap(), [HOME]);
    }

    #[test]
    fn truncated_answer_is_asked_for_again_by_tcp() {
        let port = serve(SERVERS[0], 0, |asked| vec![reply(asked, 0x8380, None)]);
        let listener = TcpListener::bind((SERVERS[0], port)).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut asked = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut asked).unwrap();
            let message = reply(&asked, 0x8180, Some(HOME));
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            // In pieces, as TCP may deliver it.
            for piece in [&length[..1], &length[1..], &message[..20], &message[20..]] {
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
            }
        });
        let found = bearer(&SERVERS[..1]).look_up_at("example.org", port, LONG);
        assert_eq!(found.unwrap(), [HOME]);
    }

    #[test]
    fn servers_that_stay_silent_end_it_in_time() {
        let port = serve(SERVERS[0], 0, |_| Vec::new());
        serve(SERVERS[1], port, |_| Vec::new());
        let began = Instant::now();
        let timeout = Duration::from_millis(500);
        let error = bearer(&SERVERS).look_up_at("example.org", port, timeout);
        let error = error.unwrap_err();
        assert!(matches!(error, LookUpError::Unanswered { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
