//! Service loop: one full pass after every change.
//!
//! Each pass reads the present state, decides by [`plan`](crate::plan) and [`dhcp`](crate::dhcp),
//! and changes what differs; a pass without a difference does nothing. So lost events, or a process
//! that ended half-way, cost no more than the next pass.

mod firewall_installer;
mod lan;
mod reconcile;
mod wait;

use failberry_config::NetworkConfig;
use failberry_service::{Capability, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{BootMillis, NetworkState, StateFile, UplinkState, Watcher, directory, read};
use smol::Async;

use crate::{
    CARRIER, LAN,
    firewall::{self, Stale},
    kernel::{
        Netlink, NetlinkError,
        links::{self, LinkInfo, LinkWatch},
        packet::PacketSocket,
    },
    plan::{AddressHistory, Carrier, Links, Plan},
    resolv, sysctl,
};

use firewall_installer::FirewallInstaller;
use lan::LanInterface;
use reconcile::Failures;
use wait::{Wake, wait};

/// Pause before a failed pass is repeated, in milliseconds. Most failures are interfaces that
/// vanished meanwhile, which the next event resolves anyway.
const RETRY_MS: u64 = 5_000;

/// Manages links, routes and firewall until the process ends. All settings stay in place then, for
/// the next process.
///
/// # Errors
/// The configuration cannot be used, privileges cannot be dropped, or the kernel refuses a socket
/// or a watch.
pub fn run() -> ServiceResult {
    let config: NetworkConfig = read_config(Service::Network)?;
    let netlink = Netlink::route()?;
    let link_watch = Async::new(LinkWatch::new()?)?;
    let uplink_watch = Async::new(Watcher::new(&[Service::Uplink])?)?;
    let packets = PacketSocket::new()?;
    // CAP_NET_ADMIN suffices to write the parameters under /proc/sys/net.
    drop_to(
        Service::Network,
        &[
            Capability::CAP_NET_ADMIN,
            Capability::CAP_NET_BIND_SERVICE,
            Capability::CAP_NET_RAW,
        ],
    )?;
    let lease = directory(Service::Network).join("lease.json");
    let driver = Driver {
        netlink,
        installer: FirewallInstaller::new(firewall::ruleset(&config.firewall, config.update_port)),
        lan: LanInterface::new(config.lan, packets, lease),
        state: NetworkState::default(),
        published: None,
        resolv: None,
        prepared: Vec::new(),
        foreign: None,
        history: AddressHistory::default(),
        stale: None,
        retry: None,
    };
    block_on(driver.run(&link_watch, &uplink_watch))
}

struct Driver {
    netlink: Netlink,
    installer: FirewallInstaller,
    lan: LanInterface,
    state: NetworkState,
    published: Option<NetworkState>,
    resolv: Option<String>,
    /// Indices of the interfaces whose parameters are set.
    prepared: Vec<u32>,
    /// The uplink's interface if it has an unexpected name.
    foreign: Option<String>,
    history: AddressHistory,
    /// Connections that are still to be removed.
    stale: Option<Stale>,
    retry: Option<BootMillis>,
}

impl Driver {
    async fn run(
        mut self,
        link_watch: &Async<LinkWatch>,
        uplink_watch: &Async<Watcher>,
    ) -> ServiceResult {
        let file = StateFile::new();
        loop {
            link_watch.get_ref().drain();
            uplink_watch.get_ref().drain();
            let now = BootMillis::now();
            self.installer.ensure_installed(now);
            let round = match self.round(now) {
                Ok(()) => self.sweep().await,
                Err(error) => Err(error.to_string()),
            };
            match round {
                Ok(()) => {
                    self.retry = None;
                    self.state.last_error = self.installer.error().or_else(|| self.lan.error());
                }
                Err(error) => {
                    self.retry = Some(now.plus(RETRY_MS));
                    if self.state.last_error.as_ref() != Some(&error) {
                        log::warn!("{error}");
                    }
                    self.state.last_error = Some(error);
                }
            }
            self.state.firewall = self.installer.is_installed();
            self.state.lan = self.lan.address();
            self.state.lan_carrier = self.lan.cable();
            if self.published.as_ref() != Some(&self.state) {
                file.publish(&self.state)?;
                self.published = Some(self.state.clone());
            }
            self.pause(link_watch, uplink_watch).await?;
        }
    }

    /// Waits until there is something to do.
    async fn pause(
        &mut self,
        link_watch: &Async<LinkWatch>,
        uplink_watch: &Async<Watcher>,
    ) -> std::io::Result<()> {
        loop {
            let due = [self.retry, self.installer.deadline(), self.lan.deadline()];
            let until = due.into_iter().flatten().min();
            match wait(until, link_watch, uplink_watch, self.lan.socket()).await? {
                Wake::Changed | Wake::Due => return Ok(()),
                // Datagrams that change no lease cause no pass.
                Wake::Datagram(Ok(bytes)) => {
                    if self.lan.on_datagram(&bytes, BootMillis::now()) {
                        return Ok(());
                    }
                }
                Wake::Datagram(Err(error)) => {
                    self.lan.socket_failed(&error);
                    self.retry = Some(BootMillis::now().plus(RETRY_MS));
                }
            }
        }
    }

    fn round(&mut self, now: BootMillis) -> Result<(), NetlinkError> {
        let mut failures = Failures::default();
        let present = links::list(&mut self.netlink)?;
        let named = |name: &str| present.iter().find(|link| link.name == name);
        self.prepare(&present);
        for link in ["lo", LAN]
            .into_iter()
            .filter_map(named)
            .filter(|link| !link.up)
        {
            failures.record(links::set_up(&mut self.netlink, link));
        }
        self.lan.on_link(named(LAN), now);
        let carrier = self.carrier(named(CARRIER));
        let carrier = failures.record(carrier).flatten();
        let links = Links {
            lan: self.lan.plan(),
            carrier,
        };
        let plan = Plan::new(&links);
        let ours: Vec<u32> = [LAN, CARRIER]
            .into_iter()
            .filter_map(named)
            .map(|link| link.index)
            .collect();
        let removed = reconcile::reconcile(&mut self.netlink, &plan, &ours, &mut failures);
        if let Some(stale) = self.history.record(&links, &plan, &removed) {
            self.stale = Some(match self.stale.take() {
                Some(unfinished) => stale.after(unfinished),
                None => stale,
            });
        }
        // Other services rely on a published default route, so it must be installed.
        if failures.none() {
            self.publish_plan(&plan);
        }
        failures.result()
    }

    /// Removes the connections that the last changes have made useless. Without a firewall none was
    /// translated, and there may be no table of them.
    async fn sweep(&mut self) -> Result<(), String> {
        let Some(stale) = self.stale.take_if(|_| self.installer.is_installed()) else {
            return Ok(());
        };
        match firewall::sweep(&stale).await {
            Ok(swept) if swept.removed > 0 => log::info!("change of addresses: {swept}"),
            Ok(_) => {}
            Err(error) => {
                self.stale = Some(stale);
                return Err(error.to_string());
            }
        }
        Ok(())
    }

    /// Sets the parameters of new interfaces.
    fn prepare(&mut self, present: &[LinkInfo]) {
        self.prepared
            .retain(|index| present.iter().any(|link| link.index == *index));
        for link in present
            .iter()
            .filter(|link| [LAN, CARRIER].contains(&link.name.as_str()))
        {
            if !self.prepared.contains(&link.index) {
                self.prepared.push(link.index);
                for problem in sysctl::interface(&link.name) {
                    log::warn!("{problem}");
                }
            }
        }
    }

    /// Configures and returns the carrier link; none without a firewall.
    fn carrier(&mut self, link: Option<&LinkInfo>) -> Result<Option<Carrier>, NetlinkError> {
        // An unreadable state counts as no link: its owner rewrites it.
        let uplink: UplinkState = read().unwrap_or_default();
        let foreign = uplink
            .link
            .as_ref()
            .map(|open| &open.interface)
            .filter(|name| *name != CARRIER);
        if self.foreign.as_ref() != foreign {
            self.foreign = foreign.cloned();
            if let Some(name) = &self.foreign {
                log::warn!("{name}: expected {CARRIER}, the interface the firewall knows");
            }
        }
        let open = uplink.link.filter(|open| open.interface == CARRIER);
        let (Some(link), Some(open), true) = (link, open, self.installer.is_installed()) else {
            return Ok(None);
        };
        if link.mtu != u32::from(open.mtu) {
            links::set_mtu(&mut self.netlink, link, open.mtu.into())?;
        }
        if !link.up {
            links::set_up(&mut self.netlink, link)?;
        }
        let interface = link.index;
        Ok(Some(Carrier {
            interface,
            local: open.local,
            peer: open.peer,
            dns: open.dns,
        }))
    }

    fn publish_plan(&mut self, plan: &Plan) {
        if self.resolv.as_ref() != Some(&plan.resolv) {
            match resolv::write(resolv::PATH.as_ref(), &plan.resolv) {
                Ok(()) => self.resolv = Some(plan.resolv.clone()),
                Err(error) => log::warn!("{}: {error}", resolv::PATH),
            }
        }
        let via = plan.default_via.map(str::to_owned);
        if self.state.default_via != via {
            match &via {
                Some(interface) => log::info!("default route by {interface}"),
                None => log::info!("no default route"),
            }
            self.state.default_via = via;
        }
    }
}
