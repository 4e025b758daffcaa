//! All of it together.

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

/// The network around the box.
#[derive(Debug)]
pub struct TestNetwork {
    // Before the namespaces in which they run.
    dhcp: Option<ChildGuard>,
    resolver: Option<Resolver>,
    // As they were told to be.
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
    /// Makes the network; leases last an hour. The names of its namespaces begin with `prefix`.
    ///
    /// # Errors
    /// When another living run has the same prefix, or a part cannot be made, which takes root.
    pub fn create(prefix: &str) -> Result<Self, NetError> {
        Self::with_lease_time(prefix, "1h")
    }

    /// The same with a lease time as dnsmasq knows it (`2m` is the shortest).
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

    /// The house's DHCP server and resolver go away; who has a lease is not told.
    pub fn stop_dhcp(&mut self) {
        self.dhcp = None;
        self.lends = None;
    }

    /// Starts the house's DHCP server and resolver anew. It knows nothing of earlier leases.
    ///
    /// # Errors
    /// When it does not start, or the addresses cannot be set.
    pub fn start_dhcp(&mut self, dhcp: &DhcpConfig) -> Result<(), NetError> {
        self.stop_dhcp();
        // An earlier lease would be taken for the box's.
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

    /// Takes the router's address in the house away, or gives it back; its way to the internet goes
    /// with the address and must be set anew.
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

    /// Whether the house is as it was set up, with leases of an hour.
    pub fn is_default(&self) -> bool {
        self.gateway && self.lends.as_ref() == Some(&DhcpConfig::default())
    }

    /// How the internet's resolver answers.
    pub const fn names(&self) -> ResolverBehaviour {
        self.names
    }

    /// How the internet's resolver answers from now on.
    ///
    /// # Errors
    /// When it does not start.
    pub fn set_resolver(&mut self, names: ResolverBehaviour) -> Result<(), NetError> {
        // The old one holds the port.
        self.resolver = None;
        self.names = names;
        self.resolver = Some(internet::serve(&self.internet, &self.dir, names)?);
        Ok(())
    }

    /// The router of the house: `br0` with the tap "pi", DHCP server and resolver.
    pub fn router(&self) -> &Namespace {
        &self.router
    }

    /// A host in the house, 192.168.88.10.
    pub fn lan(&self) -> &Namespace {
        &self.lan
    }

    /// The internet: tap "carrier" with 198.51.100.2, and the resolver there.
    pub fn internet(&self) -> &Namespace {
        &self.internet
    }

    /// The tap in [`Self::router`] for the Pi's `eth0`.
    pub fn pi_tap(&self) -> &'static str {
        PI_TAP
    }

    /// The tap in [`Self::internet`] for the carrier.
    pub fn carrier_tap(&self) -> &'static str {
        CARRIER_TAP
    }

    /// Where the servers keep their logs and the leases.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The DHCP leases given so far.
    ///
    /// # Errors
    /// When the lease file is not as expected.
    pub fn leases(&self) -> Result<Vec<Lease>, NetError> {
        leases::read(&self.dir)
    }

    /// Waits until somebody in the house has got an address, and tells it.
    ///
    /// # Errors
    /// When nobody has within `bound`.
    pub fn wait_lease(&self, bound: Duration) -> Result<Ipv4Addr, NetError> {
        leases::wait(&self.dir, bound).map(|lease| lease.address)
    }

    /// Makes the Pi the router's way to the internet, as the owner does for the dead line.
    ///
    /// # Errors
    /// When the route cannot be set.
    pub fn set_default_route(&self, pi: Ipv4Addr) -> Result<(), NetError> {
        self.router
            .ip(&format!("route replace default via {pi} dev br0\n"))
    }

    /// Repairs the house's wired line, and makes it the router's way to the internet.
    ///
    /// # Errors
    /// When it cannot be made, for instance a second time.
    pub fn connect_wan(&self) -> Result<(), NetError> {
        router::connect_wan(&self.router, &self.internet)
    }

    /// Breaks the wired line beyond the router, or mends it: packets leave by it and nothing comes
    /// back.
    ///
    /// # Errors
    /// When the route cannot be set.
    pub fn set_wan_return_path(&self, alive: bool) -> Result<(), NetError> {
        router::set_wan_return_path(&self.internet, alive)
    }

    /// Bytes that the internet has sent to the carrier so far, with all headers.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn bytes_to_carrier(&self) -> Result<u64, NetError> {
        const TABLE: &str = "/proc/thread-self/net/dev";
        let table = self.internet.run(|| std::fs::read_to_string(TABLE));
        let table = table.map_err(NetError::file(TABLE))?;
        // Eight columns received, then those sent.
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
