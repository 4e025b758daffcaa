//! The call after `CONNECT`: PPP negotiation in user space, packets in the kernel.

use std::{
    fs::File,
    io::{self, Read},
    net::Ipv4Addr,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use failberry_state::{BootMillis, Link};
use smol::{
    Async, Timer,
    channel::Receiver,
    future::{self, FutureExt},
};
use tokio_modem::{
    driver::Connected,
    kernel::{Attachment, KernelError},
    ppp::{
        self, Config, Credentials, Echo, Engine, LcpOptions, MAX_FRAME, Output, PhaseLimits,
        Reason, Via,
    },
};

use crate::{
    blackhole::{BlackholeDetector, Verdict},
    dial_config::DialConfig,
    echo::EchoMonitor,
    ladder::FailureKind,
    machine::{AttemptFailure, Event},
    port::{is_transient, retry_transient},
    probe::{DnsProber, read_packets},
};

/// Time from `CONNECT` to an address, at most. The network may take half a minute to activate a
/// context, and a lost first request is repeated.
const NEGOTIATION_TIMEOUT_MS: u64 = 60_000;

/// Time from `CONNECT` to LCP being open, at most. The stick answers LCP itself: one that has not
/// done so in half a minute needs the next call.
const ESTABLISH_TIMEOUT_MS: u64 = 30_000;

/// Why a call ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("[carrier] {0}")]
    Credentials(#[from] ppp::CredentialsError),
    #[error("{0}")]
    Kernel(#[from] KernelError),
    #[error("waiting for the link: {0}")]
    Wait(#[from] io::Error),
    #[error("nothing that was asked over the link was answered for {} s", .0 / 1000)]
    Blackhole(u64),
    #[error("{0}")]
    Finished(Reason),
}

/// What made the event loop of the call run.
enum Wake {
    Channel,
    Unit,
    Deadline,
    Sample,
    Stop,
}

/// Negotiates over `online` and runs the link until it ends.
pub(crate) async fn run(
    online: Connected,
    dial_config: &DialConfig,
    emit: &impl Fn(Event),
    stopped: &Receiver<()>,
) -> AttemptFailure {
    let bad_lines = online.counters.total();
    let mut call = match Call::new(online, dial_config).await {
        Ok(call) => call,
        Err(error) => return failure(&error, bad_lines),
    };
    let Err(error) = call.run(emit, stopped).await;
    let bad_frames = call.engine.counters().malformed + call.too_long;
    failure(&error, bad_lines + bad_frames)
}

fn failure(error: &LinkError, bad_input: u64) -> AttemptFailure {
    let failure = match error {
        LinkError::Finished(reason) => AttemptFailure::from(reason),
        LinkError::Blackhole(_) => AttemptFailure::new(FailureKind::Blackhole, error.to_string()),
        LinkError::Credentials(_) | LinkError::Kernel(_) | LinkError::Wait(_) => {
            AttemptFailure::new(FailureKind::Local, error.to_string())
        }
    };
    AttemptFailure {
        bad_input,
        ..failure
    }
}

struct Call {
    // Duplicates of the attachment's descriptors, for waiting. Dropped before it: the interface
    // exists as long as any of them is open.
    channel: Async<OwnedFd>,
    unit: Async<OwnedFd>,
    kernel: Attachment,
    engine: Engine,
    interface: String,
    options: LcpOptions,
    echo: EchoMonitor,
    /// Black-hole detection, while IPCP is open.
    detector: Option<(BlackholeDetector, DnsProber)>,
    /// Frames too long for the receive buffer.
    too_long: u64,
    /// The modem port stays open to the end of the call: closing it hangs up.
    _tty: OwnedFd,
}

impl Call {
    async fn new(online: Connected, dial_config: &DialConfig) -> Result<Self, LinkError> {
        let config = Config {
            credentials: Credentials::new(&dial_config.user, dial_config.password.reveal())?,
            negotiation_limit: NEGOTIATION_TIMEOUT_MS,
            phase_limits: PhaseLimits {
                establish: ESTABLISH_TIMEOUT_MS,
                ..PhaseLimits::default()
            },
            ..Config::default()
        };
        let seed = seed()?;
        let kernel =
            retry_transient(|| Attachment::attach(&online.tty), is_transient_attach).await?;
        let now = now();
        let mut engine = Engine::new(config, seed, now);
        engine.handle(ppp::Event::Open, now);
        engine.handle(ppp::Event::LowerUp, now);
        Ok(Self {
            channel: Async::new(kernel.channel().as_fd().try_clone_to_owned()?)?,
            unit: Async::new(kernel.unit().as_fd().try_clone_to_owned()?)?,
            interface: kernel.interface_name(),
            kernel,
            engine,
            options: LcpOptions::default(),
            echo: EchoMonitor::new(Echo::default().interval, now),
            detector: None,
            too_long: 0,
            _tty: online.tty,
        })
    }

    async fn run(
        &mut self,
        emit: &impl Fn(Event),
        stopped: &Receiver<()>,
    ) -> Result<std::convert::Infallible, LinkError> {
        let mut buffer = [0; MAX_FRAME];
        loop {
            self.handle_outputs(emit)?;
            match self.wait(stopped).await? {
                Wake::Channel => self.receive_frames(Via::Channel, &mut buffer, emit)?,
                Wake::Unit => self.receive_frames(Via::Unit, &mut buffer, emit)?,
                Wake::Deadline => self.engine.handle(ppp::Event::Tick, now()),
                Wake::Sample => self.sample()?,
                Wake::Stop => self.engine.handle(ppp::Event::Close, now()),
            }
        }
    }

    async fn wait(&self, stopped: &Receiver<()>) -> io::Result<Wake> {
        let channel = async { self.channel.readable().await.map(|()| Wake::Channel) };
        let unit = async { self.unit.readable().await.map(|()| Wake::Unit) };
        let until = async |at: Option<u64>, wake| match at {
            Some(at) => {
                Timer::after(Duration::from_millis(at.saturating_sub(now()))).await;
                Ok(wake)
            }
            None => future::pending().await,
        };
        let deadline = until(self.engine.next_deadline(), Wake::Deadline);
        let sample_at = self
            .detector
            .as_ref()
            .map(|(detector, _)| detector.deadline());
        let sample = until(sample_at, Wake::Sample);
        let stop = async {
            match stopped.recv().await {
                Ok(()) => Ok(Wake::Stop),
                Err(_) => future::pending().await,
            }
        };
        channel.or(unit).or(stop).or(sample).or(deadline).await
    }

    /// Reads the packet counters, and probes or ends the call as the detector says.
    fn sample(&mut self) -> Result<(), LinkError> {
        let Some((detector, prober)) = &mut self.detector else {
            return Ok(());
        };
        let Some(packets) = read_packets(&self.interface) else {
            self.detector = None;
            return Ok(());
        };
        match detector.sample(packets, prober.poll_answer(), now()) {
            Verdict::Ok => {}
            Verdict::Probe(count) => {
                if !prober.probe(count) {
                    detector.clear();
                }
            }
            Verdict::ProbeWidely(count) => {
                if !(prober.probe(count) && prober.probe_public(count)) {
                    detector.clear();
                }
            }
            Verdict::Dead(silent) => {
                // Terminates in order: the peer may be up, and only the network behind it gone.
                self.engine.handle(ppp::Event::Close, now());
                while let Some(output) = self.engine.poll_output() {
                    if let Output::Send(frame, via) = output {
                        let _ = self.kernel.send(via, frame);
                    }
                }
                return Err(LinkError::Blackhole(silent));
            }
        }
        Ok(())
    }

    /// Starts black-hole detection on a link that has come up.
    fn start_detector(&mut self, link: &Link) {
        let packets = read_packets(&self.interface);
        let detector = packets.map(|packets| BlackholeDetector::new(packets, now()));
        self.detector = detector.map(|detector| (detector, DnsProber::new(link)));
    }

    fn receive_frames(
        &mut self,
        via: Via,
        buffer: &mut [u8],
        emit: &impl Fn(Event),
    ) -> Result<(), LinkError> {
        loop {
            match self.kernel.receive(via, buffer) {
                Ok(Some(length)) => {
                    let frame = buffer.get(..length).unwrap_or_default();
                    self.engine.handle(ppp::Event::Frame(frame), now());
                    self.handle_outputs(emit)?;
                }
                Ok(None) => return Ok(()),
                Err(KernelError::Gone) => {
                    self.engine.handle(ppp::Event::LowerDown, now());
                    return self.handle_outputs(emit);
                }
                // Lost, and counted like any other malformed frame.
                Err(KernelError::TooLong(_)) => self.too_long += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Executes the engine's outputs; an error ends the call.
    fn handle_outputs(&mut self, emit: &impl Fn(Event)) -> Result<(), LinkError> {
        let mut lost = false;
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send(frame, via) => match self.kernel.send(via, frame) {
                    Ok(()) => {}
                    Err(KernelError::Gone) => lost = true,
                    // The engine retransmits what stays without answer.
                    Err(error) => log::warn!("{error}"),
                },
                Output::LcpOpened(options) => {
                    self.kernel.apply_lcp(&options)?;
                    self.options = options;
                    self.echo = EchoMonitor::new(Echo::default().interval, now());
                }
                Output::LcpDown => self.kernel.apply_lcp(&LcpOptions::default())?,
                Output::Authenticated(protocol) => log::info!("authenticated with {protocol}"),
                Output::Ipv4Up(agreed) => {
                    self.kernel.pass_ipv4(true)?;
                    let link = self.link(&agreed);
                    self.start_detector(&link);
                    emit(Event::LinkOpen(link));
                }
                Output::Ipv4Down => {
                    self.kernel.pass_ipv4(false)?;
                    self.detector = None;
                    emit(Event::LinkClosed);
                }
                Output::EchoUnanswered(count) => {
                    if self.echo.on_unanswered(count, now())
                        && let Some((detector, _)) = &mut self.detector
                    {
                        detector.suspect(now());
                    }
                }
                Output::Finished(reason) => return Err(LinkError::Finished(reason)),
                Output::Ipv6Up(_) | Output::Ipv6Down => {}
            }
        }
        if lost {
            self.engine.handle(ppp::Event::LowerDown, now());
            return self.handle_outputs(emit);
        }
        Ok(())
    }

    fn link(&self, agreed: &ppp::Ipv4) -> Link {
        let dns: Vec<Ipv4Addr> = agreed.dns.into_iter().flatten().collect();
        Link {
            interface: self.interface.clone(),
            local: agreed.local,
            peer: agreed.peer,
            dns,
            mtu: self.options.mtu(),
            since: BootMillis::now(),
        }
    }
}

/// Returns whether `/dev/ppp` may soon belong to this process: the supervisor changes its owner on
/// a uevent.
fn is_transient_attach(error: &KernelError) -> bool {
    matches!(error, KernelError::Open(source) if is_transient(source))
}

/// Returns a random seed for magic numbers, which must differ from the peer's and the last call's.
fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn now() -> u64 {
    BootMillis::now().0
}
