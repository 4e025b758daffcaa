//! A simulated call: the product's PPP engine, a PPP server, and packet traffic.

use std::{collections::VecDeque, net::Ipv4Addr};

use failberry_state::{BootMillis, Link};
use failberry_uplink::{
    blackhole::{BlackholeDetector, Packets, Verdict},
    echo::EchoMonitor,
    ladder::FailureKind,
    machine::{AttemptFailure, Event},
};
use tokio_modem::ppp::{
    self, AuthProtocol, Config, Credentials, Echo, Engine, Offer, Output, PhaseLimits, Reason, Role,
};

/// One-way delay of the radio link, in milliseconds.
const DELAY_MS: u64 = 60;
/// Time between two packets of the LAN, in milliseconds.
const TRAFFIC_MS: u64 = 1_000;

/// Faults of the simulated network.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Network {
    /// Asks for a password, and gets a wrong one.
    pub(crate) refuses: bool,
    /// Answers no frame at all.
    pub(crate) silent: bool,
    /// Sends our own frames back.
    pub(crate) loops: bool,
    /// Answers LCP and nothing else.
    pub(crate) no_address: bool,
    /// Answers no echo request.
    pub(crate) no_echo: bool,
    /// Drops sent packets, while unrelated packets come in.
    pub(crate) one_way: bool,
    /// Its resolvers answer nothing.
    pub(crate) mute: bool,
    /// Drops all packets.
    pub(crate) blackhole: bool,
    /// Loses every nth packet, each way.
    pub(crate) loses: Option<u64>,
}

pub(crate) struct Call {
    client: Box<Engine>,
    server: Box<Engine>,
    /// Frames in transit: arrival time, whether to the server, content.
    under_way: VecDeque<(u64, bool, Vec<u8>)>,
    echo: EchoMonitor,
    detector: Option<BlackholeDetector>,
    packets: Packets,
    /// Arrival times of answers, and whether to a probe.
    coming: Vec<(u64, bool)>,
    next_traffic: u64,
    sent: u64,
    /// An engine has output to exchange.
    pending: bool,
    begun: u64,
}

impl Call {
    pub(crate) fn new(network: Network, now: u64) -> Self {
        let client = Config {
            credentials: Credentials::new("house", "secret").unwrap(),
            negotiation_limit: 60_000,
            phase_limits: PhaseLimits {
                establish: 30_000,
                ..PhaseLimits::default()
            },
            ..Config::default()
        };
        let offer = Offer {
            local: Ipv4Addr::new(192, 0, 2, 1),
            peer: Ipv4Addr::new(192, 0, 2, 10),
            dns: [Some(Ipv4Addr::new(198, 51, 100, 53)), None],
            auth: network.refuses.then_some(AuthProtocol::ChapMd5),
        };
        let server = Config {
            credentials: Credentials::new("house", "another").unwrap(),
            role: Role::Server(offer),
            echo: None,
            ..Config::default()
        };
        let mut engines = [(client, 1), (server, 2)]
            .map(|(config, seed)| Box::new(Engine::new(config, seed, now)));
        for engine in &mut engines {
            engine.handle(ppp::Event::Open, now);
            engine.handle(ppp::Event::LowerUp, now);
        }
        let [client, server] = engines;
        Self {
            client,
            server,
            under_way: VecDeque::new(),
            echo: EchoMonitor::new(Echo::default().interval, now),
            detector: None,
            packets: Packets::default(),
            coming: Vec::new(),
            next_traffic: now,
            sent: 0,
            pending: true,
            begun: now,
        }
    }

    /// Returns whether IPCP is open.
    pub(crate) const fn is_up(&self) -> bool {
        self.detector.is_some()
    }

    pub(crate) fn next(&self) -> Option<u64> {
        let traffic = self.detector.as_ref().map(|_| self.next_traffic);
        [
            self.client.next_deadline(),
            self.server.next_deadline(),
            self.under_way.front().map(|(at, ..)| *at),
            self.detector.as_ref().map(BlackholeDetector::deadline),
            traffic,
            self.pending.then_some(self.begun),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The network ends the call.
    pub(crate) fn terminate(&mut self, now: u64) {
        self.server.handle(ppp::Event::Close, now);
        self.pending = true;
    }

    /// The carrier line drops.
    pub(crate) fn drop_line(&mut self, now: u64) {
        self.client.handle(ppp::Event::LowerDown, now);
        self.pending = true;
    }

    /// Executes what is due; returns the events for the state machine.
    pub(crate) fn turn(&mut self, network: Network, hung: bool, now: u64) -> Vec<Event> {
        let mut events = Vec::new();
        self.pending = false;
        if self.client.next_deadline().is_some_and(|at| at <= now) {
            self.client.handle(ppp::Event::Tick, now);
        }
        if self.server.next_deadline().is_some_and(|at| at <= now) {
            self.server.handle(ppp::Event::Tick, now);
        }
        self.exchange(network, hung, now, &mut events);
        while self.under_way.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, to_server, frame) = self.under_way.pop_front().unwrap();
            let end = if to_server {
                &mut self.server
            } else {
                &mut self.client
            };
            end.handle(ppp::Event::Frame(&frame), now);
            self.exchange(network, hung, now, &mut events);
        }
        self.traffic(network, hung, now, &mut events);
        events
    }

    /// Collects the frames and outputs of both ends.
    fn exchange(&mut self, network: Network, hung: bool, now: u64, events: &mut Vec<Event>) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Send(frame, _) => {
                    let is_echo = frame.starts_with(&[0xc0, 0x21, 9]);
                    let is_ipcp = frame.starts_with(&[0x80, 0x21]);
                    let lost = hung
                        || network.silent
                        || (network.no_echo && is_echo)
                        || (network.no_address && is_ipcp);
                    if network.loops {
                        let back = (now + DELAY_MS, false, frame.to_vec());
                        self.under_way.push_back(back);
                    } else if !lost {
                        let there = (now + DELAY_MS, true, frame.to_vec());
                        self.under_way.push_back(there);
                    }
                }
                Output::LcpOpened(_) => self.echo = EchoMonitor::new(Echo::default().interval, now),
                Output::Ipv4Up(agreed) => {
                    self.detector = Some(BlackholeDetector::new(self.packets, now));
                    self.next_traffic = now;
                    events.push(Event::LinkOpen(Link {
                        interface: "ppp0".into(),
                        local: agreed.local,
                        peer: agreed.peer,
                        dns: agreed.dns.into_iter().flatten().collect(),
                        mtu: 1500,
                        since: BootMillis(now),
                    }));
                }
                Output::Ipv4Down => {
                    self.detector = None;
                    events.push(Event::LinkClosed);
                }
                Output::EchoUnanswered(count) => {
                    if self.echo.on_unanswered(count, now)
                        && let Some(detector) = &mut self.detector
                    {
                        detector.suspect(now);
                    }
                }
                Output::Finished(reason) => {
                    events.push(Event::Ended(AttemptFailure::from(&reason)));
                }
                _ => {}
            }
        }
        while let Some(output) = self.server.poll_output() {
            if let Output::Send(frame, _) = output {
                let lost = hung
                    || network.silent
                    || network.loops
                    || (network.no_address && frame.starts_with(&[0x80, 0x21]));
                if !lost {
                    let there = (now + DELAY_MS, false, frame.to_vec());
                    self.under_way.push_back(there);
                }
            } else if let Output::Finished(Reason::Closed) = output {
                // The network hangs up after its Terminate-Request.
                self.client.handle(ppp::Event::LowerDown, now);
                self.pending = true;
            }
        }
    }

    fn traffic(&mut self, network: Network, hung: bool, now: u64, events: &mut Vec<Event>) {
        let through = !hung && !network.blackhole && !network.silent && !network.one_way;
        let mut send = |packets: &mut Packets, coming: &mut Vec<(u64, bool)>, own: bool| {
            self.sent += 1;
            packets.sent += 1;
            let lost = network
                .loses
                .is_some_and(|nth| self.sent.is_multiple_of(nth));
            if through && !lost && !(own && network.mute) {
                coming.push((now + 2 * DELAY_MS, own));
            }
        };
        let Some(detector) = &mut self.detector else {
            return;
        };
        if self.next_traffic <= now {
            send(&mut self.packets, &mut self.coming, false);
            self.next_traffic = now + TRAFFIC_MS;
        }
        if detector.deadline() <= now {
            let arrived = |(at, _): &mut (u64, bool)| *at <= now;
            let arrived: Vec<_> = self.coming.extract_if(.., arrived).collect();
            let unrelated = usize::from(network.one_way && !hung);
            self.packets.received += u64::try_from(arrived.len() + unrelated).unwrap();
            let answered = arrived.iter().any(|(_, own)| *own);
            match detector.sample(self.packets, answered, now) {
                Verdict::Ok => {}
                Verdict::Probe(count) | Verdict::ProbeWidely(count) => {
                    for _ in 0..count {
                        send(&mut self.packets, &mut self.coming, true);
                    }
                }
                Verdict::Dead(silent) => {
                    let why = format!("nothing came back for {silent} ms");
                    events.push(Event::Ended(AttemptFailure::new(
                        FailureKind::Blackhole,
                        why,
                    )));
                }
            }
        }
    }
}
