//! A subscriber without kernel PPP: the engine of the firmware on a call of the carrier's line.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use tokio_modem::{
    hdlc::{Decoder, encode, encoded_max},
    ppp::{Config, Engine, Event, Ipv4, LcpOptions, MAX_FRAME, Output, Reason},
};

/// pppd's own negotiation takes 30 s at worst; the emulated processor is slow too.
const BOUND: Duration = Duration::from_secs(45);

pub(crate) struct Subscriber {
    line: UnixStream,
    engine: Engine,
    decoder: Decoder,
    options: LcpOptions,
    begun: Instant,
    pub(crate) ipv4: Option<Ipv4>,
    pub(crate) finished: Option<Reason>,
    /// Packets that are not the engine's.
    pub(crate) packets: Vec<Vec<u8>>,
    pub(crate) line_closed: bool,
}

impl Subscriber {
    pub(crate) fn call(line: &Path, config: Config) -> Self {
        let mut this = Self {
            line: UnixStream::connect(line).unwrap(),
            engine: Engine::new(config, u64::from(std::process::id()), 0),
            decoder: Decoder::new(),
            options: LcpOptions::default(),
            begun: Instant::now(),
            ipv4: None,
            finished: None,
            packets: Vec::new(),
            line_closed: false,
        };
        this.handle(Event::Open);
        this.handle(Event::LowerUp);
        this
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn handle(&mut self, event: Event<'_>) {
        let now = self.now();
        self.engine.handle(event, now);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send(frame, _) => {
                    let mut bytes = [0; encoded_max(MAX_FRAME)];
                    let length = encode(frame, &self.options.send, &mut bytes).unwrap();
                    // A line that the carrier closed is noticed when it is read.
                    let _ = self.line.write_all(&bytes[..length]);
                }
                Output::LcpOpened(options) => {
                    self.options = options;
                    self.decoder.agree(&options.receive);
                }
                Output::LcpDown => {
                    self.options = LcpOptions::default();
                    self.decoder.agree(&self.options.receive);
                }
                Output::Ipv4Up(ipv4) => self.ipv4 = Some(ipv4),
                Output::Ipv4Down => self.ipv4 = None,
                Output::Finished(reason) => self.finished = Some(reason),
                _ => {}
            }
        }
    }

    /// Sends an IPv4 packet.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        let mut bytes = [0; encoded_max(MAX_FRAME)];
        let frame = [&[0x00, 0x21], packet].concat();
        let length = encode(&frame, &self.options.send, &mut bytes).unwrap();
        self.line.write_all(&bytes[..length]).unwrap();
    }

    /// Runs the engine until `done`.
    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let reached = self.run_for(BOUND, done);
        assert!(
            reached,
            "{what}: not within {BOUND:?}; finished: {:?}",
            self.finished
        );
    }

    /// Runs the engine until `done`, or for `bound`; tells which.
    pub(crate) fn run_for(&mut self, bound: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + bound;
        while !done(self) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.line_closed {
                return false;
            }
            let tick = self
                .engine
                .next_deadline()
                .unwrap_or(u64::MAX)
                .saturating_sub(self.now());
            let wait = left
                .min(Duration::from_millis(tick))
                .max(Duration::from_millis(1));
            self.line.set_read_timeout(Some(wait)).unwrap();
            let mut buffer = [0; 4096];
            match self.line.read(&mut buffer) {
                Ok(0) => {
                    self.line_closed = true;
                    self.handle(Event::LowerDown);
                }
                Ok(length) => self.take(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("line: {error}"),
            }
            self.handle(Event::Tick);
        }
        true
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.decoder.receive(&mut bytes) {
            let frame = frame.expect("pppd's frames are whole").to_vec();
            if let Some(packet) = frame.strip_prefix(&[0x00, 0x21]) {
                self.packets.push(packet.to_vec());
            } else {
                self.handle(Event::Frame(&frame));
            }
        }
    }

    pub(crate) fn hang_up(self) {
        self.line.shutdown(Shutdown::Both).unwrap();
    }
}
