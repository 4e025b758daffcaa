//! The service: one round through everything whenever something changed.
//!
//! Each round reads what is there, decides by [`plan`](crate::plan) and [`dhcp`](crate::dhcp),
//! and changes what differs; a round in which nothing changed does nothing. So news that were
//! lost, or a life that ended half-way, cost no more than the next round.

mod guard;
mod kernel;
mod lan;
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

use guard::Guard;
use kernel::Failures;
use lan::LanSide;
use wait::{Wake, wait};

/// What failed is tried again after this; most failures are interfaces that went away meanwhile,
/// which the next news settles anyway.
const RETRY_MS: u64 = 5_000;

/// Keeps links, routes and firewall until the process ends. All stays set when it does, for the
/// life after it.
///
/// # Errors
/// A configuration that cannot be used, privileges that cannot be dropped, a socket or a watch
/// that the kernel refuses.
pub fn run() -> ServiceResult {
    let config: NetworkConfig = read_config(Service::Network)?;
    let netlink = Netlink::route()?;
    let link_watch = Async::new(LinkWatch::new()?)?;
    let uplink_watch = Async::new(Watcher::new(&[Service::Uplink])?)?;
    let packets = PacketSocket::new()?;
    // The parameters under /proc/sys/net open to CAP_NET_ADMIN as they do to root.
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
        guard: Guard::new(firewall::ruleset(&config.firewall, config.update_port)),
        lan: LanSide::new(config.lan, packets, lease),
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
    guard: Guard,
    lan: LanSide,
    state: NetworkState,
    published: Option<NetworkState>,
    resolv: Option<String>,
    /// Numbers of the interfaces whose parameters are set.
    prepared: Vec<u32>,
    /// The uplink's interface where it is not ours to route by.
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
            self.guard.keep(now);
            let round = match self.round(now) {
                Ok(()) => self.sweep().await,
                Err(error) => Err(error.to_string()),
            };
            match round {
                Ok(()) => {
                    self.retry = None;
                    self.state.last_error = self.guard.error().or_else(|| self.lan.error());
                }
                Err(error) => {
                    self.retry = Some(now.plus(RETRY_MS));
                    if self.state.last_error.as_ref() != Some(&error) {
                        log::warn!("{error}");
                    }
                    self.state.last_error = Some(error);
                }
            }
            self.state.firewall = self.guard.stands();
            self.state.lan = self.lan.address();
            self.state.lan_carrier = self.lan.cable();
            if self.published.as_ref() != Some(&self.state) {
                file.publish(&self.state)?;
                self.published = Some(self.state.clone());
            }
            self.pause(link_watch, uplink_watch).await?;
        }
    }

    /// Until there is something to do.
    async fn pause(
        &mut self,
        link_watch: &Async<LinkWatch>,
        uplink_watch: &Async<Watcher>,
    ) -> std::io::Result<()> {
        loop {
            let due = [self.retry, self.guard.deadline(), self.lan.deadline()];
            let until = due.into_iter().flatten().min();
            match wait(until, link_watch, uplink_watch, self.lan.socket()).await? {
                Wake::Changed | Wake::Due => return Ok(()),
                // A stranger's datagrams alone set nothing in motion.
                Wake::Datagram(Ok(bytes)) => {
                    if self.lan.hear(&bytes, BootMillis::now()) {
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
            failures.note(links::set_up(&mut self.netlink, link));
        }
        self.lan.see(named(LAN), now);
        let carrier = self.carrier(named(CARRIER));
        let carrier = failures.note(carrier).flatten();
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
        let removed = kernel::settle(&mut self.netlink, &plan, &ours, &mut failures);
        if let Some(stale) = self.history.record(&links, &plan, &removed) {
            self.stale = Some(match self.stale.take() {
                Some(unfinished) => stale.after(unfinished),
                None => stale,
            });
        }
        // Others take the default route told for one that stands.
        if failures.none() {
            self.tell(&plan);
        }
        failures.result()
    }

    /// Removes the connections that the last changes have made useless. Without a firewall none
    /// was translated, and there may be no table of them.
    async fn sweep(&mut self) -> Result<(), String> {
        let Some(stale) = self.stale.take_if(|_| self.guard.stands()) else {
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

    /// Sets the parameters of interfaces that are new.
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

    /// The carrier link, made ready; none while nothing guards it.
    fn carrier(&mut self, link: Option<&LinkInfo>) -> Result<Option<Carrier>, NetlinkError> {
        // An unreadable state is as good as no link: its owner will write it anew.
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
        let (Some(link), Some(open), true) = (link, open, self.guard.stands()) else {
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

    fn tell(&mut self, plan: &Plan) {
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
