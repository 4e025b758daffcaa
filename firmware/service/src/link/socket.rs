//! Sockets that use one link and no other.
//!
//! `SO_BINDTODEVICE` takes no capability for a socket that has no device yet (Linux 5.7). The route
//! lookup of a bound socket skips routes of other interfaces, so the wire's default route counts
//! although the carrier's has the better metric.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::Bearer;

impl Bearer {
    /// Connects to `to` by this link alone, within `timeout`.
    ///
    /// # Errors
    /// The kernel's, for instance `TimedOut`, or that the interface is gone.
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        let socket = self.socket(Type::STREAM, Protocol::TCP)?;
        socket.connect_timeout(&to.into(), timeout)?;
        Ok(socket.into())
    }

    /// Returns a UDP socket that exchanges datagrams with `to` alone, by this link alone.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn udp(&self, to: SocketAddr) -> io::Result<UdpSocket> {
        let socket = self.socket(Type::DGRAM, Protocol::UDP)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        // The kernel then drops what comes from any other address.
        socket.connect(&to.into())?;
        Ok(socket.into())
    }

    fn socket(&self, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, kind, Some(protocol))?;
        let bound = socket.bind_device(Some(self.interface.as_bytes()));
        bound.map_err(|error| {
            let text = format!("binding a socket to {}: {error}", self.interface);
            io::Error::new(error.kind(), text)
        })?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        time::Instant,
    };

    use super::*;
    use crate::Link;

    fn by(interface: &str) -> Bearer {
        Bearer {
            link: Link::Wired,
            interface: interface.into(),
            resolvers: Vec::new(),
        }
    }

    #[test]
    fn bound_connection_works_on_its_own_interface() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let mut ours = by("lo").connect(to, Duration::from_secs(10)).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.write_all(b"x").unwrap();
        let mut byte = [0];
        theirs.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
    }

    #[test]
    fn interface_that_is_gone_is_an_error_with_its_name() {
        let to = "127.0.0.1:9".parse().unwrap();
        let error = by("gone7").connect(to, Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().contains("gone7"), "{error}");
        assert!(by("gone7").udp(to).is_err());
    }

    #[test]
    fn connection_to_a_silent_host_ends_in_time() {
        // A listener whose queue is full drops further SYNs.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let to = socket.local_addr().unwrap().as_socket().unwrap();
        let bearer = by("lo");
        let timeout = Duration::from_millis(300);
        let began = Instant::now();
        let mut held = Vec::new();
        let error = loop {
            match bearer.connect(to, timeout) {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
            assert!(held.len() < 16, "the queue never fills");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
