//! Connections that last through a change; each end is this program again, in a namespace.

use std::{
    io::{BufRead, BufReader, Read, Write, stdin},
    net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    process::{Child, ChildStdin, Command, Stdio, exit},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{BOUND, correspondents};

/// Bytes per write of the stream; with the pause behind it some 25 MB/s, so that a busy machine
/// still runs the rest of the test.
const BLOCK: usize = 64 * 1024;
const BLOCK_PAUSE: Duration = Duration::from_millis(2);
/// The receiver of a stream reports each time it has received so many bytes.
pub(crate) const REPORT_EVERY: u64 = 1024 * 1024;

/// Runs the end named `role` for ever.
pub(crate) fn run(role: &str, words: &[String]) -> ! {
    match (role, words) {
        ("push-server", [at]) => push_server(at),
        ("push-client", [from, to]) => push_client(from, to),
        ("stream-server", [at]) => stream_server(at),
        ("stream-client", [from, to]) => stream_client(from, to),
        ("udp-echo", [at]) => udp_echo(at),
        ("udp-client", [from, to]) => udp_client(from, to),
        ("udp-fill", [from, to, count]) => udp_fill(from, to, count.parse().unwrap()),
        _ => panic!("{role} {words:?}: no such end"),
    }
}

/// Accepts connections and stays silent; sends each line of its input to all of them.
fn push_server(at: &str) -> ! {
    let listener = TcpListener::bind(at).unwrap();
    println!("ready");
    let streams = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let accepted = Arc::clone(&streams);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            println!("from {}", stream.peer_addr().unwrap());
            accepted.lock().unwrap().push(stream);
        }
    });
    for line in stdin().lines() {
        let line = line.unwrap() + "\n";
        for stream in streams.lock().unwrap().iter_mut() {
            let _ = stream.write_all(line.as_bytes());
        }
    }
    exit(0)
}

/// Connects, stays silent and prints each line that comes.
fn push_client(from: &str, to: &str) -> ! {
    let stream = correspondents::open(from, to).expect("connecting");
    println!("ready");
    for line in BufReader::new(stream).lines() {
        println!("{}", line.unwrap());
    }
    exit(0)
}

/// Sends to whoever connects until it is killed.
fn stream_server(at: &str) -> ! {
    let listener = TcpListener::bind(at).unwrap();
    println!("ready");
    let (mut stream, _) = listener.accept().unwrap();
    let block = vec![0x5A; BLOCK];
    while stream.write_all(&block).is_ok() {
        thread::sleep(BLOCK_PAUSE);
    }
    exit(0)
}

/// Receives, and prints the sum of bytes now and then.
fn stream_client(from: &str, to: &str) -> ! {
    let mut stream = correspondents::open(from, to).expect("connecting");
    println!("ready");
    let (mut total, mut reported) = (0, 0);
    let mut buffer = vec![0; BLOCK];
    loop {
        let got = stream.read(&mut buffer).unwrap();
        assert!(got > 0, "the stream ended after {total} bytes");
        total += got as u64;
        if total >= reported + REPORT_EVERY {
            reported = total;
            println!("{total}");
        }
    }
}

/// Answers each datagram with the address it came from.
fn udp_echo(at: &str) -> ! {
    let socket = UdpSocket::bind(at).unwrap();
    println!("ready");
    let mut buffer = [0; 64];
    loop {
        let (_, from) = socket.recv_from(&mut buffer).unwrap();
        println!("from {}", from.ip());
        // No way back is no reason to end.
        let _ = socket.send_to(from.ip().to_string().as_bytes(), from);
    }
}

/// Sends a datagram for each line of its input, always from the same port, and prints answers.
fn udp_client(from: &str, to: &str) -> ! {
    let socket = UdpSocket::bind(from).unwrap();
    socket.connect(to).unwrap();
    println!("ready");
    let heard = socket.try_clone().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        loop {
            // An ICMP error is no answer.
            if let Ok(len) = heard.recv(&mut buffer) {
                println!("{}", String::from_utf8_lossy(&buffer[..len]));
            }
        }
    });
    for line in stdin().lines() {
        let _ = socket.send(line.unwrap().as_bytes());
    }
    exit(0)
}

/// Sends one datagram to each of `count` ports: as many connections.
fn udp_fill(from: &str, to: &str, count: u16) -> ! {
    let socket = UdpSocket::bind(from).unwrap();
    let to: std::net::Ipv4Addr = to.parse().unwrap();
    for port in 1..=count {
        while socket.send_to(b"x", SocketAddrV4::new(to, port)).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    exit(0)
}

/// One end, running.
pub(crate) struct End {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl End {
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let mut end = Self {
            child,
            input,
            lines,
        };
        assert!(end.says("ready", BOUND), "an end does not start");
        end
    }

    /// Whether it prints `text` within `bound`; other lines are skipped.
    pub(crate) fn says(&mut self, text: &str, bound: Duration) -> bool {
        let end = Instant::now() + bound;
        let left = || end.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| self.lines.recv_timeout(left()).ok()).any(|line| line == text)
    }

    /// Has it send a line.
    pub(crate) fn send(&mut self, text: &str) {
        writeln!(self.input, "{text}").unwrap();
    }

    /// The last sum of bytes it has printed, without waiting.
    pub(crate) fn received(&mut self) -> u64 {
        let sums = self.lines.try_iter().filter_map(|line| line.parse().ok());
        sums.last().unwrap_or(0)
    }

    /// Waits until it has received so many bytes; the sum then, or at the bound.
    pub(crate) fn receives(&mut self, wanted: u64, bound: Duration) -> u64 {
        let end = Instant::now() + bound;
        let mut sum = 0;
        while sum < wanted {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => sum = line.parse().unwrap_or(sum),
                Err(_) => break,
            }
        }
        sum
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
