//! One end of a PPP link without kernel PPP: the firmware's engine on any line of bytes.
//!
//! Takes in a descriptor and how this end wants the link; gives out the negotiated options, counts
//! of received packets and how the link ended.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::fd::{AsFd, OwnedFd},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio_modem::{
    hdlc::{Decoder, encode, encoded_max},
    ppp::{Config, Engine, Event, Ipv4, Ipv6, LcpOptions, MAX_FRAME, Output, Protocol, Reason},
};

/// Longest time for an expected event. pppd's own negotiation takes up to 30 s, and an emulated
/// processor is slow.
const BOUND: Duration = Duration::from_secs(45);

/// Timeout of an expected event.
#[derive(Debug, thiserror::Error)]
#[error("{what}: not within {BOUND:?}; finished: {finished:?}")]
pub struct Late {
    what: String,
    finished: Option<Reason>,
}

/// One end of a link.
#[derive(Debug)]
pub struct PppEnd {
    line: File,
    engine: Engine,
    decoder: Decoder,
    options: LcpOptions,
    begun: Instant,
    heard: BTreeMap<(u16, u8), u32>,
    /// LCP's negotiated options, while it is open.
    pub lcp: Option<LcpOptions>,
    /// IPCP's negotiated options, while it is open.
    pub ipv4: Option<Ipv4>,
    /// IPv6CP's negotiated options, while it is open.
    pub ipv6: Option<Ipv6>,
    /// Time from the start of the line to the last opening of IPCP.
    pub opened_after: Option<Duration>,
    /// Why the link ended.
    pub finished: Option<Reason>,
    /// Received IPv4 packets.
    pub packets: Vec<Vec<u8>>,
    /// Number of damaged frames received.
    pub broken: u32,
    /// Whether the peer closed the line.
    pub line_closed: bool,
}

impl PppEnd {
    /// Dials at a socket such as [`crate::carrier::Carrier::line`].
    ///
    /// # Errors
    /// Nothing listens there.
    pub fn call(line: &Path, config: Config) -> io::Result<Self> {
        Ok(Self::new(UnixStream::connect(line)?, config))
    }

    /// Starts on a line that is already connected.
    pub fn new(line: impl Into<OwnedFd>, config: Config) -> Self {
        let mut this = Self {
            line: line.into().into(),
            engine: Engine::new(config, u64::from(std::process::id()), 0),
            decoder: Decoder::new(),
            options: LcpOptions::default(),
            begun: Instant::now(),
            heard: BTreeMap::new(),
            lcp: None,
            ipv4: None,
            ipv6: None,
            opened_after: None,
            finished: None,
            packets: Vec::new(),
            broken: 0,
            line_closed: false,
        };
        this.handle(Event::Open);
        this.handle(Event::LowerUp);
        this
    }

    /// Returns the number of consecutive unanswered echo requests.
    pub fn echo_unanswered(&self) -> u32 {
        self.engine.echo_unanswered()
    }

    /// Returns how many packets of this protocol and code were received.
    pub fn heard(&self, protocol: Protocol, code: u8) -> u32 {
        self.heard.get(&(protocol.0, code)).copied().unwrap_or(0)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Passes an event to the engine and carries out its outputs.
    pub fn handle(&mut self, event: Event<'_>) {
        let now = self.now();
        self.engine.handle(event, now);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send(frame, _) => {
                    // A line that the other side closed is noticed when it is read.
                    let _ = write_frame(&mut self.line, frame, &self.options);
                }
                Output::LcpOpened(options) => {
                    self.options = options;
                    self.lcp = Some(options);
                    self.decoder.agree(&options.receive);
                }
                Output::LcpDown => {
                    self.options = LcpOptions::default();
                    self.lcp = None;
                    self.decoder.agree(&self.options.receive);
                }
                Output::Ipv4Up(ipv4) => {
                    self.ipv4 = Some(ipv4);
                    self.opened_after = Some(self.begun.elapsed());
                }
                Output::Ipv4Down => self.ipv4 = None,
                Output::Ipv6Up(ipv6) => self.ipv6 = Some(ipv6),
                Output::Ipv6Down => self.ipv6 = None,
                Output::Finished(reason) => self.finished = Some(reason),
                Output::Authenticated(_) | Output::EchoUnanswered(_) => {}
            }
        }
    }

    /// Sends an IPv4 packet.
    ///
    /// # Errors
    /// When the line is closed or the packet is too long.
    pub fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let frame = [&Protocol::IPV4.0.to_be_bytes(), packet].concat();
        write_frame(&mut self.line, &frame, &self.options)
    }

    /// Runs until `done`.
    ///
    /// # Errors
    /// When it does not come in time, or the line ends before.
    pub fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), Late> {
        if self.run_for(BOUND, done) {
            return Ok(());
        }
        Err(Late {
            what: what.into(),
            finished: self.finished.clone(),
        })
    }

    /// Runs until `done`, or for `bound`; returns whether `done` was reached.
    pub fn run_for(&mut self, bound: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + bound;
        while !done(self) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.line_closed {
                return false;
            }
            let deadline = self.engine.next_deadline().unwrap_or(u64::MAX);
            let tick = Duration::from_millis(deadline.saturating_sub(self.now()));
            let wait = left.min(tick).max(Duration::from_millis(1));
            self.turn(wait);
            self.handle(Event::Tick);
        }
        true
    }

    /// Reads from the line, waiting up to `wait`.
    fn turn(&mut self, wait: Duration) {
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let mut files = [PollFd::new(self.line.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut files, timeout), Ok(1..)) {
            return;
        }
        let mut buffer = [0; 4096];
        match self.line.read(&mut buffer) {
            Ok(length @ 1..) => self.take(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A pty whose other side is closed returns EIO.
            Ok(0) | Err(_) => {
                self.line_closed = true;
                self.handle(Event::LowerDown);
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.decoder.receive(&mut bytes) {
            let Ok(frame) = frame.map(<[u8]>::to_vec) else {
                self.broken += 1;
                continue;
            };
            let Some((protocol, information)) = frame.split_first_chunk() else {
                continue;
            };
            let protocol = u16::from_be_bytes(*protocol);
            if protocol == Protocol::IPV4.0 {
                self.packets.push(information.to_vec());
                continue;
            }
            if let Some(code) = information.first() {
                *self.heard.entry((protocol, *code)).or_default() += 1;
            }
            self.handle(Event::Frame(&frame));
        }
    }

    /// Closes the line without LCP Terminate.
    pub fn hang_up(self) {
        drop(self);
    }
}

fn write_frame(line: &mut File, frame: &[u8], options: &LcpOptions) -> io::Result<()> {
    let mut bytes = [0; encoded_max(MAX_FRAME)];
    let length = encode(frame, &options.send, &mut bytes).map_err(io::Error::other)?;
    match line.write_all(bytes.get(..length).unwrap_or_default()) {
        Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => Ok(()),
        outcome => outcome,
    }
}
