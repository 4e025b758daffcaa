//! LAN interface (eth0): its cable, and its address by DHCP or from the configuration.

use std::{
    ffi::OsStr,
    fs, io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    path::PathBuf,
};

use failberry_config::Lan as LanConfig;
use failberry_state::{BootMillis, LanAddress};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket,
    sockopt::{BindToDevice, ReuseAddr},
};
use smol::Async;

use crate::{
    LAN,
    dhcp::{
        Action, CLIENT_PORT, Client, Destination, Event, Identity, Kind, Lease, Message, Random,
        SERVER_PORT, datagram,
    },
    kernel::{links::LinkInfo, packet::PacketSocket},
    plan,
};

/// Host name sent to the DHCP server by default.
const HOSTNAME: &str = "failberrypi";
/// Number of unanswered searches before that is logged: some switches forward nothing for a while.
const UNANSWERED_LIMIT: u32 = 4;

/// Controller of the LAN interface.
pub(super) struct LanInterface {
    config: LanConfig,
    packets: PacketSocket,
    lease_file: PathBuf,
    link: Option<LinkInfo>,
    is_missing_logged: bool,
    dhcp: Option<Dhcp>,
    fixed_since: BootMillis,
    unanswered_searches: u32,
    bad_input: u64,
    unsent: u64,
    error: Option<String>,
}

struct Dhcp {
    client: Client,
    socket: Option<Async<UdpSocket>>,
}

impl LanInterface {
    pub(super) const fn new(config: LanConfig, packets: PacketSocket, lease_file: PathBuf) -> Self {
        Self {
            config,
            packets,
            lease_file,
            link: None,
            is_missing_logged: false,
            dhcp: None,
            fixed_since: BootMillis(0),
            unanswered_searches: 0,
            bad_input: 0,
            unsent: 0,
            error: None,
        }
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.clone()
    }

    pub(super) fn cable(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.carrier)
    }

    pub(super) fn socket(&self) -> Option<&Async<UdpSocket>> {
        self.dhcp.as_ref()?.socket.as_ref()
    }

    pub(super) fn deadline(&self) -> Option<BootMillis> {
        self.dhcp.as_ref()?.client.deadline()
    }

    /// Returns the address in use, for other services.
    pub(super) fn address(&self) -> Option<LanAddress> {
        self.link.as_ref()?;
        if let Some(fixed) = self.config.address {
            return Some(LanAddress {
                address: fixed.address,
                prefix: fixed.prefix,
                gateway: self.config.gateway,
                dns: self.config.dns.clone(),
                lease_seconds: None,
                since: self.fixed_since,
            });
        }
        let lease = self.dhcp.as_ref()?.client.lease()?;
        Some(LanAddress {
            address: lease.address,
            prefix: lease.prefix,
            gateway: lease.gateway,
            dns: lease.dns.clone(),
            lease_seconds: Some(lease.seconds),
            since: lease.since,
        })
    }

    /// Returns the LAN side of the routing plan.
    pub(super) fn plan(&self) -> Option<plan::Lan> {
        let link = self.link.as_ref()?;
        let LanAddress {
            address,
            prefix,
            gateway,
            dns,
            ..
        } = self.address()?;
        Some(plan::Lan {
            interface: link.index,
            cable: link.carrier,
            address,
            prefix,
            gateway,
            dns,
        })
    }

    /// Records the present link state and the passage of time.
    pub(super) fn on_link(&mut self, link: Option<&LinkInfo>, now: BootMillis) {
        let before = std::mem::replace(&mut self.link, link.cloned());
        let Some(link) = link else {
            self.dhcp = None;
            if before.is_some() || !self.is_missing_logged {
                self.is_missing_logged = true;
                log::warn!("{LAN}: not there, waiting for it");
            }
            return;
        };
        let new = before
            .as_ref()
            .is_none_or(|before| before.index != link.index);
        let had_cable = !new && before.as_ref().is_some_and(|before| before.carrier);
        let replugged =
            had_cable && before.is_some_and(|before| before.carrier_count != link.carrier_count);
        if new {
            self.begin(link, now);
        }
        self.open_socket();
        match (had_cable, link.carrier) {
            (false, true) => log::info!("{LAN}: cable in"),
            (true, false) => log::info!("{LAN}: cable out"),
            (true, true) if replugged => log::info!("{LAN}: cable out and in again"),
            _ => {}
        }
        let event = match (had_cable && !replugged, link.carrier) {
            (false, true) => Event::CableIn,
            (true, false) => Event::CableOut,
            _ => Event::Tick,
        };
        self.step(event, now);
    }

    /// Handles a received datagram, from a server or a stranger. Returns whether the lease changed.
    pub(super) fn on_datagram(&mut self, bytes: &[u8], now: BootMillis) -> bool {
        let lease = |lan: &Self| {
            lan.dhcp
                .as_ref()
                .and_then(|dhcp| dhcp.client.lease())
                .cloned()
        };
        let before = lease(self);
        match Message::decode(bytes) {
            Ok(message) => self.step(Event::Answer(Box::new(message)), now),
            Err(error) => self.refuse(&error.to_string()),
        }
        before != lease(self)
    }

    pub(super) fn socket_failed(&mut self, error: &io::Error) {
        log::warn!("{LAN}: receiving DHCP answers: {error}");
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.socket = None;
        }
    }

    /// Starts on an interface that was not there before.
    fn begin(&mut self, link: &LinkInfo, now: BootMillis) {
        self.dhcp = None;
        if let Some(address) = self.config.address {
            self.fixed_since = now;
            match self.config.gateway {
                Some(gateway) => log::info!("{LAN}: {address} by way of {gateway}, as configured"),
                None => log::info!("{LAN}: {address}, as configured"),
            }
            return;
        }
        let Some(mac) = link.mac else {
            log::error!("{LAN}: expected an Ethernet interface, got one without an address");
            return;
        };
        let hostname = self
            .config
            .hostname
            .clone()
            .unwrap_or_else(|| HOSTNAME.into());
        let lease = self.former_lease(now);
        if let Some(lease) = &lease {
            log::info!("{LAN}: going on with {}/{}", lease.address, lease.prefix);
        }
        let client = Client::new(Identity { mac, hostname }, lease, Random::new());
        self.dhcp = Some(Dhcp {
            client,
            socket: None,
        });
    }

    fn open_socket(&mut self) {
        if let Some(dhcp) = &mut self.dhcp
            && dhcp.socket.is_none()
        {
            match listen() {
                Ok(socket) => {
                    dhcp.socket = Some(socket);
                    self.error = None;
                }
                Err(error) => {
                    let error = format!("{LAN}: opening the DHCP client's port: {error}");
                    log::warn!("{error}");
                    self.error = Some(error);
                }
            }
        }
    }

    fn step(&mut self, event: Event, now: BootMillis) {
        let Some(dhcp) = &mut self.dhcp else { return };
        let former = dhcp
            .client
            .lease()
            .map(|lease| (lease.address, lease.prefix));
        for action in dhcp.client.step(event, now) {
            match action {
                Action::Send(message, to) => self.send(&message, to),
                Action::Use(lease) => self.apply_lease(&lease, former),
                Action::Drop(reason) => {
                    let address = former.map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| address);
                    let error =
                        format!("{LAN}: lease of {address} lost: {reason}; asking for another");
                    log::warn!("{error}");
                    self.error = Some(error);
                    if let Err(error) = fs::remove_file(&self.lease_file) {
                        log::warn!("{}: {error}", self.lease_file.display());
                    }
                }
                Action::Refuse(reason) => self.refuse(&reason),
            }
        }
    }

    fn apply_lease(&mut self, lease: &Lease, former: Option<(Ipv4Addr, u8)>) {
        self.unanswered_searches = 0;
        self.error = None;
        let Lease {
            address,
            prefix,
            server,
            seconds,
            ..
        } = lease;
        if former != Some((*address, *prefix)) {
            log::info!("{LAN}: leased {address}/{prefix} from {server} for {seconds} s");
        }
        let text = serde_json::to_vec(lease).map_err(io::Error::from);
        let temporary = self.lease_file.with_extension("new");
        let write = |text| {
            fs::write(&temporary, text)?;
            fs::rename(&temporary, &self.lease_file)
        };
        if let Err(error) = text.and_then(write) {
            log::warn!("{}: {error}", self.lease_file.display());
        }
    }

    /// Loads the lease of an earlier process of this service, unless it has ended since.
    fn former_lease(&self, now: BootMillis) -> Option<Lease> {
        let text = fs::read(&self.lease_file).ok()?;
        serde_json::from_slice(&text)
            .inspect_err(|error| log::warn!("{}: {error}", self.lease_file.display()))
            .ok()
            .filter(|lease: &Lease| lease.ends_at().is_none_or(|end| now < end))
    }

    fn send(&mut self, message: &Message, to: Destination) {
        let bytes = message.encode();
        let outcome = match to {
            Destination::Broadcast(source) => {
                let interface = self.link.as_ref().map_or(0, |link| link.index);
                self.packets.broadcast(interface, &datagram(source, &bytes))
            }
            Destination::Server(server) => match self.socket() {
                Some(socket) => {
                    let server = SocketAddrV4::new(server, SERVER_PORT);
                    socket.get_ref().send_to(&bytes, server).map(|_| ())
                }
                None => Err(io::ErrorKind::NotConnected.into()),
            },
        };
        if let Err(error) = outcome {
            self.unsent += 1;
            // Logged ever more rarely while it goes on failing.
            if self.unsent.is_power_of_two() {
                log::warn!("{LAN}: sending a DHCP message: {error}");
            }
        }
        if message.options.kind == Some(Kind::Discover) {
            self.unanswered_searches = self.unanswered_searches.saturating_add(1);
            if self.unanswered_searches == UNANSWERED_LIMIT {
                let error = format!("{LAN}: no DHCP server answers");
                log::warn!("{error}");
                self.error = Some(error);
            }
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.bad_input += 1;
        if self.bad_input.is_power_of_two() {
            log::warn!(
                "{LAN}: DHCP answer ignored ({} so far): {reason}",
                self.bad_input
            );
        }
    }
}

/// Opens a socket for the client's port on eth0, with or without an address there.
fn listen() -> io::Result<Async<UdpSocket>> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    setsockopt(&socket, BindToDevice, &OsStr::new(LAN).to_owned())?;
    setsockopt(&socket, ReuseAddr, &true)?;
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT_PORT);
    bind(
        std::os::fd::AsRawFd::as_raw_fd(&socket),
        &SockaddrIn::from(any),
    )?;
    Async::new_nonblocking(UdpSocket::from(socket))
}
