//! The call after `CONNECT`: PPP agreed with the peer in user space, packets left to the kernel.

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
    attempt::{Recipe, may_pass, patiently},
    blackhole::{Verdict, Watch},
    echo::EchoWatch,
    ladder::Trouble,
    machine::{Ending, Event},
    probe::{Prober, packets},
};

/// Time from `CONNECT` to an address, at most. The network may take half a minute to activate a
/// context, and is asked once more where the first request was lost.
const NEGOTIATION_MS: u64 = 60_000;

/// Time from `CONNECT` to LCP being open, at most. The stick answers LCP itself: one that has not
/// done so in half a minute needs the next call.
const ESTABLISH_MS: u64 = 30_000;

/// What can end a call besides the peer.
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

/// What woke the call up.
enum Wake {
    Channel,
    Unit,
    Deadline,
    Sample,
    Stop,
}

/// Negotiates over `online` and keeps the link until it ends.
pub(crate) async fn keep(
    online: Connected,
    recipe: &Recipe,
    news: &impl Fn(Event),
    stopped: &Receiver<()>,
) -> Ending {
    let bad_lines = online.counters.total();
    let mut call = match Call::new(online, recipe).await {
        Ok(call) => call,
        Err(error) => return ending(&error, bad_lines),
    };
    let Err(error) = call.run(news, stopped).await;
    let bad_frames = call.engine.counters().malformed + call.too_long;
    ending(&error, bad_lines + bad_frames)
}

fn ending(error: &LinkError, bad_input: u64) -> Ending {
    let ending = match error {
        LinkError::Finished(reason) => Ending::from(reason),
        LinkError::Blackhole(_) => Ending::new(Trouble::Blackhole, error.to_string()),
        LinkError::Credentials(_) | LinkError::Kernel(_) | LinkError::Wait(_) => {
            Ending::new(Trouble::Local, error.to_string())
        }
    };
    Ending {
        bad_input,
        ..ending
    }
}

struct Call {
    // Duplicates of the attachment's descriptors, for waiting: they go before it, since the
    // interface stays as long as any of them is open.
    channel: Async<OwnedFd>,
    unit: Async<OwnedFd>,
    kernel: Attachment,
    engine: Engine,
    interface: String,
    options: LcpOptions,
    echo: EchoWatch,
    /// While IPCP is open.
    watch: Option<(Watch, Prober)>,
    /// Frames too long to be taken from the kernel.
    too_long: u64,
    /// The modem port stays open to the end of the call: closing it hangs up.
    _tty: OwnedFd,
}

impl Call {
    async fn new(online: Connected, recipe: &Recipe) -> Result<Self, LinkError> {
        let config = Config {
            credentials: Credentials::new(&recipe.user, recipe.password.reveal())?,
            negotiation_limit: NEGOTIATION_MS,
            phase_limits: PhaseLimits {
                establish: ESTABLISH_MS,
                ..PhaseLimits::default()
            },
            ..Config::default()
        };
        let seed = seed()?;
        let kernel = patiently(|| Attachment::attach(&online.tty), is_not_ours_yet).await?;
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
            echo: EchoWatch::new(Echo::default().interval, now),
            watch: None,
            too_long: 0,
            _tty: online.tty,
        })
    }

    async fn run(
        &mut self,
        news: &impl Fn(Event),
        stopped: &Receiver<()>,
    ) -> Result<std::convert::Infallible, LinkError> {
        let mut buffer = [0; MAX_FRAME];
        loop {
            self.outputs(news)?;
            match self.wait(stopped).await? {
                Wake::Channel => self.frames(Via::Channel, &mut buffer, news)?,
                Wake::Unit => self.frames(Via::Unit, &mut buffer, news)?,
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
        let look = self.watch.as_ref().map(|(watch, _)| watch.deadline());
        let sample = until(look, Wake::Sample);
        let stop = async {
            match stopped.recv().await {
                Ok(()) => Ok(Wake::Stop),
                Err(_) => future::pending().await,
            }
        };
        channel.or(unit).or(stop).or(sample).or(deadline).await
    }

    /// Looks at the link's counters.
    fn sample(&mut self) -> Result<(), LinkError> {
        let Some((watch, prober)) = &mut self.watch else {
            return Ok(());
        };
        let Some(packets) = packets(&self.interface) else {
            self.watch = None;
            return Ok(());
        };
        match watch.sample(packets, prober.heard(), now()) {
            Verdict::Fine => {}
            Verdict::Probe(count) => {
                if !prober.ask(count) {
                    watch.acquit();
                }
            }
            Verdict::ProbeWidely(count) => {
                if !(prober.ask(count) && prober.ask_others(count)) {
                    watch.acquit();
                }
            }
            Verdict::Dead(silent) => {
                // The peer may be well and only the network behind it gone: it should know.
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

    /// Watches the link from when it is up.
    fn watch(&mut self, link: &Link) {
        let watched = packets(&self.interface).map(|packets| Watch::new(packets, now()));
        self.watch = watched.map(|watch| (watch, Prober::new(link)));
    }

    fn frames(
        &mut self,
        via: Via,
        buffer: &mut [u8],
        news: &impl Fn(Event),
    ) -> Result<(), LinkError> {
        loop {
            match self.kernel.receive(via, buffer) {
                Ok(Some(length)) => {
                    let frame = buffer.get(..length).unwrap_or_default();
                    self.engine.handle(ppp::Event::Frame(frame), now());
                    self.outputs(news)?;
                }
                Ok(None) => return Ok(()),
                Err(KernelError::Gone) => {
                    self.engine.handle(ppp::Event::LowerDown, now());
                    return self.outputs(news);
                }
                // Lost, as the kernel says, and worth no more than any other that made no sense.
                Err(KernelError::TooLong(_)) => self.too_long += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Does what the engine wants done; an error is the end of the call.
    fn outputs(&mut self, news: &impl Fn(Event)) -> Result<(), LinkError> {
        let mut lost = false;
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send(frame, via) => match self.kernel.send(via, frame) {
                    Ok(()) => {}
                    Err(KernelError::Gone) => lost = true,
                    // The engine sends again what stays without answer.
                    Err(error) => log::warn!("{error}"),
                },
                Output::LcpOpened(options) => {
                    self.kernel.apply_lcp(&options)?;
                    self.options = options;
                    self.echo = EchoWatch::new(Echo::default().interval, now());
                }
                Output::LcpDown => self.kernel.apply_lcp(&LcpOptions::default())?,
                Output::Authenticated(protocol) => log::info!("authenticated with {protocol}"),
                Output::Ipv4Up(agreed) => {
                    self.kernel.pass_ipv4(true)?;
                    let link = self.link(&agreed);
                    self.watch(&link);
                    news(Event::LinkOpen(link));
                }
                Output::Ipv4Down => {
                    self.kernel.pass_ipv4(false)?;
                    self.watch = None;
                    news(Event::LinkClosed);
                }
                Output::EchoUnanswered(count) => {
                    if self.echo.unanswered(count, now())
                        && let Some((watch, _)) = &mut self.watch
                    {
                        watch.doubt(now());
                    }
                }
                Output::Finished(reason) => return Err(LinkError::Finished(reason)),
                Output::Ipv6Up(_) | Output::Ipv6Down => {}
            }
        }
        if lost {
            self.engine.handle(ppp::Event::LowerDown, now());
            return self.outputs(news);
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

/// The supervisor gives `/dev/ppp` to us when it hears of it.
fn is_not_ours_yet(error: &KernelError) -> bool {
    matches!(error, KernelError::Open(source) if may_pass(source))
}

/// For magic numbers, which must differ from the peer's and from the last call's.
fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn now() -> u64 {
    BootMillis::now().0
}
