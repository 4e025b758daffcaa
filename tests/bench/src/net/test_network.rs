//! Complete test network: namespaces, interfaces and servers.

use std::{
    fs::{File, create_dir_all, remove_file},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{
    CARRIER_TAP, ChildGuard, DhcpConfig, LAN_SUBNET, Lease, Namespace, NetError, PI_TAP,
    ResolverBehaviour, internet, internet::Resolver, leases, router,
};

/// Test network: router, LAN and internet namespaces with their servers; removed when dropped.
#[derive(Debug)]
pub struct TestNetwork {
    // Dropped before the namespaces in which they run.
    dhcp: Option<ChildGuard>,
    resolver: Option<Resolver>,
    // Configured state, as opposed to the running servers.
    lends: Option<DhcpConfig>,
    gateway: bool,
    names: ResolverBehaviour,
    router: Namespace,
    lan: Namespace,
    internet: Namespace,
    dir: PathBuf,
    // Last, because values are dropped in this order: the names are ours until all is gone.
    _lock: Flock<File>,
}

impl TestNetwork {
    /// Creates the network with leases of an hour. The names of its namespaces begin with `prefix`.
    ///
    /// # Errors
    /// Another running process has the same prefix, or a part cannot be created, which takes root.
    pub fn create(prefix: &str) -> Result<Self, NetError> {
        Self::with_lease_time(prefix, "1h")
    }

    /// As [`Self::create`], with a lease time in dnsmasq's notation (`2m` is the shortest).
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn with_lease_time(prefix: &str, lease_time: &str) -> Result<Self, NetError> {
        let dir = std::env::temp_dir().join("failberry-bench").join(prefix);
        create_dir_all(&dir).map_err(NetError::file(&dir))?;
        let lock = lock(prefix, &dir)?;
        let mut network = Self {
            dhcp: None,
            resolver: None,
            lends: None,
            gateway: true,
            names: ResolverBehaviour::Correct,
            router: Namespace::create(format!("{prefix}-router"))?,
            lan: Namespace::create(format!("{prefix}-lan"))?,
            internet: Namespace::create(format!("{prefix}-net"))?,
            dir,
            _lock: lock,
        };
        router::create_interfaces(&network.router, &network.lan)?;
        internet::create_interfaces(&network.internet)?;
        network.start_dhcp(&DhcpConfig {
            lease_time: lease_time.into(),
            ..DhcpConfig::default()
        })?;
        network.set_resolver(ResolverBehaviour::Correct)?;
        Ok(network)
    }

    /// Stops the LAN's DHCP server and resolver; holders of a lease are not notified.
    pub fn stop_dhcp(&mut self) {
        self.dhcp = None;
        self.lends = None;
    }

    /// Restarts the LAN's DHCP server and resolver without its earlier leases.
    ///
    /// # Errors
    /// When it does not start, or the addresses cannot be set.
    pub fn start_dhcp(&mut self, dhcp: &DhcpConfig) -> Result<(), NetError> {
        self.stop_dhcp();
        // An earlier lease would be mistaken for the box's.
        let old = self.dir.join(leases::FILE);
        match remove_file(&old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NetError::file(old)(error));
            }
            _ => {}
        }
        router::number(&self.router, &self.lan, dhcp.subnet)?;
        self.gateway = true;
        self.dhcp = Some(router::serve(&self.router, &self.dir, dhcp)?);
        self.lends = Some(dhcp.clone());
        Ok(())
    }

    /// Removes or restores the router's LAN address; its default route is lost with the address and
    /// must be set again.
    ///
    /// # Errors
    /// When the address cannot be set.
    pub fn set_gateway(&mut self, there: bool) -> Result<(), NetError> {
        let subnet = self.lends.as_ref().map_or(LAN_SUBNET, |dhcp| dhcp.subnet);
        self.gateway = there;
        if there {
            return router::number(&self.router, &self.lan, subnet);
        }
        self.router.ip("address flush dev br0\n")
    }

    /// Returns whether the LAN is in its initial state, with leases of an hour.
    pub fn is_default(&self) -> bool {
        self.gateway && self.lends.as_ref() == Some(&DhcpConfig::default())
    }

    /// Returns the behaviour of the internet's resolver.
    pub const fn names(&self) -> ResolverBehaviour {
        self.names
    }

    /// Restarts the internet's resolver with another behaviour.
    ///
    /// # Errors
    /// When it does not start.
    pub fn set_resolver(&mut self, names: ResolverBehaviour) -> Result<(), NetError> {
        // The old resolver holds the port.
        self.resolver = None;
        self.names = names;
        self.resolver = Some(internet::serve(&self.internet, &self.dir, names)?);
        Ok(())
    }

    /// Returns the router's namespace: `br0` with the tap "pi", DHCP server and resolver.
    pub fn router(&self) -> &Namespace {
        &self.router
    }

    /// Returns the namespace of a LAN host, 192.168.88.10.
    pub fn lan(&self) -> &Namespace {
        &self.lan
    }

    /// Returns the internet's namespace: tap "carrier" with 198.51.100.2, and the resolver.
    pub fn internet(&self) -> &Namespace {
        &self.internet
    }

    /// Returns the tap in [`Self::router`] for the Pi's `eth0`.
    pub fn pi_tap(&self) -> &'static str {
        PI_TAP
    }

    /// Returns the tap in [`Self::internet`] for the carrier.
    pub fn carrier_tap(&self) -> &'static str {
        CARRIER_TAP
    }

    /// Returns the directory of the servers' logs and leases.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the current DHCP leases.
    ///
    /// # Errors
    /// When the lease file is not as expected.
    pub fn leases(&self) -> Result<Vec<Lease>, NetError> {
        leases::read(&self.dir)
    }

    /// Waits for a DHCP lease and returns its address.
    ///
    /// # Errors
    /// No lease within `bound`.
    pub fn wait_lease(&self, bound: Duration) -> Result<Ipv4Addr, NetError> {
        leases::wait(&self.dir, bound).map(|lease| lease.address)
    }

    /// Sets the router's default route through the Pi, as the owner configures it for a WAN
    /// failure.
    ///
    /// # Errors
    /// When the route cannot be set.
    pub fn set_default_route(&self, pi: Ipv4Addr) -> Result<(), NetError> {
        self.router
            .ip(&format!("route replace default via {pi} dev br0\n"))
    }

    /// Creates the router's wired WAN and sets its default route there.
    ///
    /// # Errors
    /// It cannot be created, for instance because it exists.
    pub fn connect_wan(&self) -> Result<(), NetError> {
        router::connect_wan(&self.router, &self.internet)
    }

    /// Breaks or restores the return path of the wired WAN: packets leave, but no replies arrive.
    ///
    /// # Errors
    /// When the route cannot be set.
    pub fn set_wan_return_path(&self, alive: bool) -> Result<(), NetError> {
        router::set_wan_return_path(&self.internet, alive)
    }

    /// Returns the bytes sent from the internet to the carrier so far, with all headers.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn bytes_to_carrier(&self) -> Result<u64, NetError> {
        const TABLE: &str = "/proc/thread-self/net/dev";
        let table = self.internet.run(|| std::fs::read_to_string(TABLE));
        let table = table.map_err(NetError::file(TABLE))?;
        // Eight columns of received counters precede those sent.
        let sent = table
            .lines()
            .find_map(|line| line.trim().strip_prefix(CARRIER_TAP)?.strip_prefix(':'))
            .and_then(|columns| columns.split_whitespace().nth(8)?.parse().ok());
        let missing = || std::io::Error::other(format!("no line for {CARRIER_TAP}"));
        sent.ok_or_else(|| NetError::file(TABLE)(missing()))
    }
}

fn lock(prefix: &str, dir: &Path) -> Result<Flock<File>, NetError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(NetError::file(&path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => NetError::InUse {
            prefix: prefix.to_owned(),
            lock: path,
        },
        source => NetError::System {
            what: "flock",
            source,
        },
    })
}
