//! Whom the device talks to; each is this program again, in a namespace.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    process::{Child, ChildStdout, Command, Stdio, exit},
    time::Duration,
};

use failberry_service::{Links, Service, drop_to};
use nix::sys::{
    socket::{
        AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect as connect_socket, setsockopt,
        socket,
        sockopt::{Broadcast, ReceiveTimeout, ReuseAddr, SendTimeout},
    },
    time::{TimeVal, TimeValLike},
};

use super::ROUTER;

/// A dropped packet is repeated after one second.
const PATIENCE: i64 = 3;

/// A connection from `from`, if there is a way within the patience.
pub(super) fn open(from: &str, to: &str) -> Option<TcpStream> {
    let from = SocketAddrV4::new(from.parse().unwrap(), 0);
    let to: SocketAddrV4 = to.parse().unwrap();
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    setsockopt(&socket, SendTimeout, &TimeVal::seconds(PATIENCE)).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::from(from)).unwrap();
    connect_socket(socket.as_raw_fd(), &SockaddrIn::from(to)).ok()?;
    Some(TcpStream::from(socket))
}

/// Connects and waits for the greeting: the way there and the way back.
pub(crate) fn connect(from: &str, to: &str) -> ! {
    let Some(mut stream) = open(from, to) else {
        exit(1);
    };
    setsockopt(&stream, ReceiveTimeout, &TimeVal::seconds(PATIENCE)).unwrap();
    let mut greeting = [0; 5];
    let heard = stream.read_exact(&mut greeting);
    exit(i32::from(heard.is_err() || &greeting != b"hello"))
}

/// Connects by one link alone, as a service without capabilities does it, and waits for the
/// greeting.
pub(crate) fn bound(link: &str, to: &str) -> ! {
    drop_to(Service::Update, &[]).unwrap();
    let links = Links::read();
    let bearer = match link {
        "wire" => links.wired,
        _ => links.carrier,
    };
    let patience = Duration::from_secs(PATIENCE.unsigned_abs());
    let stream = bearer.unwrap().connect(to.parse().unwrap(), patience);
    let heard = stream.and_then(|mut stream| {
        stream.set_read_timeout(Some(patience))?;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting)
    });
    exit(i32::from(heard.is_err()))
}

/// Greets every caller and prints who it was.
pub(crate) fn listen(at: &str) -> ! {
    let listener = TcpListener::bind(at).unwrap();
    println!("listening");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        println!("{}", stream.peer_addr().unwrap().ip());
        stream.write_all(b"hello").unwrap();
    }
    unreachable!("incoming never ends")
}

/// Says nonsense where only a DHCP server is heard.
pub(crate) fn garbage() -> ! {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    setsockopt(&socket, ReuseAddr, &true).unwrap();
    setsockopt(&socket, Broadcast, &true).unwrap();
    bind(
        socket.as_raw_fd(),
        &SockaddrIn::from(SocketAddrV4::new(ROUTER, 67)),
    )
    .unwrap();
    let socket = UdpSocket::from(socket);
    let to = SocketAddrV4::new(Ipv4Addr::new(192, 168, 88, 255), 68);
    for len in [0, 1, 239, 240, 300, 1400] {
        socket.send_to(&vec![0xA5; len], to).unwrap();
    }
    exit(0)
}

/// A [`listen`]er.
pub(crate) struct Listening {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Listening {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut listening = Self { child, lines };
        assert_eq!(listening.line(), "listening");
        listening
    }

    /// Who called, of those not yet asked for.
    pub(crate) fn peer(&mut self) -> Ipv4Addr {
        self.line().parse().unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
