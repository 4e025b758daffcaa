//! Time from `CONNECT` to IPCP open of a subscriber: the engine compared with pppd.
//!
//! Both run as subscriber in the same emulated machine, on the same kernel PPP, and call the same
//! pppd in another one. The line passes through this process, which decodes the frames: a call is
//! measured from the subscriber's first byte to the second of the two Configure-Acks of IPCP.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use failberry_bench::{
    carrier::{Auth, Carrier, CarrierSettings, Program},
    net::TestNetwork,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio_modem::{
    hdlc::Decoder,
    ppp::{Direction, Protocol},
};

use crate::Outcome;

const CONFIGURE_ACK: u8 = 2;

/// Longest time of a call. pppd's own negotiation takes up to 30 s.
const BOUND: Duration = Duration::from_secs(45);

/// Log text of pppd when it has taken the line.
const TAKEN: &str = "Connect: ";

/// Measured times with one kind of authentication.
#[derive(Debug)]
pub struct Timings {
    /// Authentication of the subscriber.
    pub auth: Auth,
    /// Times of the engine, in call order.
    pub engine: Vec<Duration>,
    /// Times of pppd, alternating with the engine's calls.
    pub pppd: Vec<Duration>,
}

/// Two machines, one for each end of the line.
struct Bench {
    carrier: Carrier,
    subscriber: Carrier,
    _networks: [TestNetwork; 2],
}

/// Times `calls` calls of each, for each way to authenticate. `dir` takes sockets and logs.
///
/// # Errors
/// When a machine does not start or a call does not come up.
pub fn measure(dir: &Path, calls: usize) -> Outcome<Vec<Timings>> {
    let networks = [
        TestNetwork::create("fbtima")?,
        TestNetwork::create("fbtimb")?,
    ];
    let start = |network: &TestNetwork, name: &str| {
        Carrier::start(network, &dir.join(name), CarrierSettings::default())
    };
    let bench = Bench {
        carrier: start(&networks[0], "carrier")?,
        subscriber: start(&networks[1], "subscriber")?,
        _networks: networks,
    };
    let mut figures = Vec::new();
    for auth in [Auth::None, Auth::Pap, Auth::Chap] {
        let mut these = Timings {
            auth,
            engine: Vec::new(),
            pppd: Vec::new(),
        };
        for _ in 0..calls {
            these
                .engine
                .push(bench.call(auth, Program::EngineSubscriber)?);
            these.pppd.push(bench.call(auth, Program::PppdSubscriber)?);
        }
        figures.push(these);
    }
    Ok(figures)
}

impl Bench {
    fn call(&self, auth: Auth, program: Program) -> Outcome<Duration> {
        self.carrier.set(CarrierSettings {
            auth,
            // It waits for the caller, so that both meet it in an identical state.
            options: vec!["silent".into()],
            ..CarrierSettings::default()
        })?;
        self.subscriber.set(CarrierSettings {
            program,
            ..CarrierSettings::default()
        })?;
        let taken = self.carrier.log().matches(TAKEN).count();
        let carrier = UnixStream::connect(self.carrier.line())?;
        self.carrier.wait_log(TAKEN, taken + 1, BOUND)?;
        let subscriber = UnixStream::connect(self.subscriber.line())?;
        let took = Relay::new(subscriber, carrier).run()?;
        self.carrier.wait_up(BOUND)?;
        self.subscriber.wait_down(BOUND)?;
        self.carrier.wait_down(BOUND)?;
        Ok(took)
    }
}

/// Relay between the two ends, until IPCP is open; then it hangs up.
struct Relay {
    ends: [UnixStream; 2],
    decoders: [Decoder; 2],
    acknowledged: [bool; 2],
    begun: Option<Instant>,
}

impl Relay {
    fn new(subscriber: UnixStream, carrier: UnixStream) -> Self {
        let mut decoders = [Decoder::new(), Decoder::new()];
        for decoder in &mut decoders {
            // Escaped octets are decoded all the same.
            decoder.agree(&Direction {
                accm: 0,
                ..Direction::default()
            });
        }
        Self {
            ends: [subscriber, carrier],
            decoders,
            acknowledged: [false; 2],
            begun: None,
        }
    }

    fn run(mut self) -> Outcome<Duration> {
        let end = Instant::now() + BOUND;
        while self.acknowledged != [true; 2] {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("no IPCP on the line".into());
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut files = [&self.ends[0], &self.ends[1]]
                .map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN));
            poll(&mut files, timeout)?;
            let ready = files.map(|file| file.any() == Some(true));
            for (from, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                self.carry(from)?;
            }
        }
        let took = self.begun.map(|begun| begun.elapsed());
        for stream in &self.ends {
            let _ = stream.shutdown(Shutdown::Both);
        }
        Ok(took.ok_or("no byte of the subscriber")?)
    }

    #[allow(clippy::indexing_slicing, reason = "there are two ends")]
    fn carry(&mut self, from: usize) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let length = self.ends[from].read(&mut buffer)?;
        if length == 0 {
            return Err(io::Error::other("an end hung up before IPCP"));
        }
        if from == 0 && self.begun.is_none() {
            self.begun = Some(Instant::now());
        }
        let mut bytes = buffer.get(..length).unwrap_or_default();
        self.ends[1 - from].write_all(bytes)?;
        while let Some(frame) = self.decoders[from].receive(&mut bytes) {
            let Ok(&[high, low, code, ..]) = frame else {
                continue;
            };
            let protocol = Protocol(u16::from_be_bytes([high, low]));
            self.acknowledged[from] |= protocol == Protocol::IPCP && code == CONFIGURE_ACK;
        }
        Ok(())
    }
}
