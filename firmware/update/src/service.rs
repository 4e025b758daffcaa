//! The process: a trial where one is due, pushes on a port, pulls on a schedule.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use failberry_config::{Update, UpdateConfig};
use failberry_service::{Request, Service, ServiceResult, block_on, drop_to, read_config};
use failberry_state::{BootMillis, NetworkState, SupervisorState, UplinkState, Watcher, read};
use rustls::ServerConfig;
use smol::{Async, Timer, future::FutureExt};

use crate::{
    Signer,
    desk::{Desk, order},
    machine::Machine,
    pull,
    push::{Bounds, Door, Id, handshake},
    record::{Memory, Start},
    tls,
    trial::{Seen, Verdict},
};

/// Where the card's memory is mounted; `storage` makes this directory ours.
const MEMORY: &str = "/data/update";

/// The box's own key in there.
const IDENTITY: &str = "identity.pk8";

/// PID 1 tells of a process in the turn in which it starts it.
const ANNOUNCED: u64 = 5_000;

/// Between two tries of what was refused: the card is busy for seconds at most.
const AGAIN: Duration = Duration::from_secs(5);

/// Confirms or gives up, and takes updates, until the process ends.
///
/// # Errors
/// A configuration that cannot be read, privileges that cannot be dropped, states that cannot be
/// watched.
pub fn run() -> ServiceResult {
    let config: UpdateConfig = read_config(Service::Update)?;
    drop_to(Service::Update, &[])?;
    let watcher = Async::new(Watcher::new(&[
        Service::Supervisor,
        Service::Network,
        Service::Uplink,
    ])?)?;
    let memory = Memory::at(Path::new(MEMORY));
    let config = config.update;
    block_on(async {
        announced(&watcher).await?;
        let (desk, start) = Desk::open(config.keys.clone(), Machine::read(), memory.clone());
        let trial = async {
            if start == Start::Trial {
                prove(&desk, &watcher).await?;
            }
            smol::future::pending().await
        };
        let pushes = listen(&desk, &config, &memory);
        let pulls = pull::fetch_for_ever(&desk, &config);
        trial.or(pushes).or(pulls).await
    })
}

/// Waits until PID 1 has told of this process, and with it of the lives before: by them is judged
/// how a trial ended. Where it does not, they count as unknown.
async fn announced(watcher: &Async<Watcher>) -> io::Result<()> {
    let until = BootMillis::now().plus(ANNOUNCED);
    let own = i32::try_from(std::process::id()).ok();
    while BootMillis::now() < until {
        let supervisor: SupervisorState = read().unwrap_or_default();
        if supervisor.services.iter().any(|state| state.pid == own) {
            break;
        }
        wait(until, watcher).await?;
    }
    Ok(())
}

/// Waits for the image on trial to prove itself, or not.
async fn prove(desk: &Arc<Desk>, watcher: &Async<Watcher>) -> io::Result<()> {
    let mut trial = desk.trial();
    loop {
        match trial.step(&seen(desk), BootMillis::now()) {
            Verdict::Wait { until } => wait(until, watcher).await?,
            Verdict::Confirm => {
                insist(desk, Desk::confirm).await;
                return Ok(());
            }
            Verdict::GiveUp { reason } => {
                insist(desk, move |desk| desk.give_up(&reason)).await;
                return Ok(());
            }
        }
    }
}

/// Does `what` until it is done.
async fn insist(
    desk: &Arc<Desk>,
    what: impl Fn(&Desk) -> Result<(), String> + Clone + Send + 'static,
) {
    loop {
        let (desk, what) = (desk.clone(), what.clone());
        let Err(error) = smol::unblock(move || what(&desk)).await else {
            return;
        };
        log::warn!("the end of the trial has to wait: {error}");
        Timer::after(AGAIN).await;
    }
}

/// Until the time comes or a state changes.
async fn wait(until: BootMillis, watcher: &Async<Watcher>) -> io::Result<()> {
    let changed = async {
        watcher.readable().await?;
        watcher.get_ref().drain();
        Ok(())
    };
    let timed = async {
        Timer::after(Duration::from_millis(until.since(BootMillis::now()))).await;
        Ok(())
    };
    changed.or(timed).await
}

fn seen(desk: &Desk) -> Seen {
    // An unreadable state is as good as none: its owner will write it anew.
    let supervisor: SupervisorState = read().unwrap_or_default();
    let network: NetworkState = read().unwrap_or_default();
    let uplink: UplinkState = read().unwrap_or_default();
    let ready = |service: Service| {
        let mut states = supervisor.services.iter();
        states.any(|state| state.service == service && state.ready && state.pid.is_some())
    };
    let services = Service::SUPERVISED.into_iter();
    Seen {
        not_ready: services
            .filter(|service| !ready(*service))
            .map(Service::name)
            .collect(),
        lan: network.lan.is_some(),
        carrier: uplink.link.is_some(),
        card: desk.has_card(),
    }
}

/// Takes pushes: several handshakes at once, and one writer.
async fn listen(desk: &Arc<Desk>, config: &Update, memory: &Memory) -> ServiceResult {
    if config.keys.is_empty() {
        log::info!("no update.keys in failberrypi.toml, so no update is taken");
        return smol::future::pending().await;
    }
    let opened = identity(memory).and_then(|own| {
        let tls = tls::server(&own, config.keys.clone()).map_err(|error| error.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.port))
            .and_then(Async::new)
            .map_err(|error| format!("port {}: {error}", config.port))?;
        Ok((own, tls, listener))
    });
    let (own, tls, listener) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            desk.failed(&format!("no update can be pushed: {error}"));
            return smol::future::pending().await;
        }
    };
    log::info!(
        "updates are taken on port {}, key {}",
        config.port,
        own.public()
    );
    desk.listens(own.public());
    let door = Arc::new(Mutex::new(Door::new()));
    loop {
        let accepted = listener.accept().await;
        let (socket, from) = match accepted.and_then(|(it, from)| Ok((it.into_inner()?, from))) {
            Ok(accepted) => accepted,
            // One that was gone at once, or descriptors that have to be given back first.
            Err(error) => {
                log::warn!("port {}: {error}", config.port);
                Timer::after(AGAIN).await;
                continue;
            }
        };
        match admit(&door, from, &socket) {
            Ok(id) => {
                let (desk, tls, door) = (desk.clone(), tls.clone(), door.clone());
                smol::unblock(move || answer((id, from), socket, &tls, &desk, &door)).detach();
            }
            Err(error) => log::warn!("a connection from {from}: {error}"),
        }
    }
}

/// The connections to the port; the handles of those that have proven no key yet.
type Connections = Mutex<Door<TcpStream>>;

fn lock(door: &Connections) -> MutexGuard<'_, Door<TcpStream>> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

fn admit(door: &Connections, from: SocketAddr, socket: &TcpStream) -> io::Result<Id> {
    socket.set_nonblocking(false)?;
    let handle = socket.try_clone()?;
    let (id, evicted) = lock(door).admit(from.ip(), handle);
    if let Some(evicted) = evicted {
        // Its thread wakes up and ends. One that is closed already is no loss.
        let _ = evicted.shutdown(Shutdown::Both);
    }
    Ok(id)
}

/// Proves keys with one connection, several of them at once; takes its push.
fn answer(
    (id, from): (Id, SocketAddr),
    socket: TcpStream,
    tls: &Arc<ServerConfig>,
    desk: &Desk,
    door: &Connections,
) {
    let proven = match handshake(socket, tls, Bounds::default()) {
        Ok(proven) => proven,
        Err(error) => {
            lock(door).forget(id);
            // Any host on the LAN can cause this.
            log::info!("{from} has proven no key: {error}");
            return;
        }
    };
    if !lock(door).prove(id) {
        log::warn!("{from} is closed: too many pushes at once");
        return;
    }
    let taken = proven.serve(desk).and_then(|(header, wish)| {
        if !wish.restart {
            return Ok(());
        }
        order(&Request::Reboot {
            reason: format!("to try version {}", header.version),
        })
    });
    lock(door).leave();
    if let Err(error) = taken {
        log::warn!("{from} pushed no update: {error}");
    }
}

/// The box's own key; made at the first start.
fn identity(memory: &Memory) -> Result<Signer, String> {
    let trouble = |error: &dyn std::fmt::Display| format!("{MEMORY}/{IDENTITY}: {error}");
    if let Some(document) = memory.read(IDENTITY).map_err(|it| trouble(&it))? {
        return Signer::from_pkcs8(&document).map_err(|it| trouble(&it));
    }
    let document = Signer::generate().map_err(|it| trouble(&it))?;
    memory
        .replace(IDENTITY, &document)
        .map_err(|it| trouble(&it))?;
    Signer::from_pkcs8(&document).map_err(|it| trouble(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_keeps_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::at(directory.path());
        let first = identity(&memory).unwrap().public();
        assert_eq!(identity(&memory).unwrap().public(), first);
        memory.replace(IDENTITY, b"broken").unwrap();
        let error = identity(&memory).map(drop).unwrap_err();
        assert!(error.contains(IDENTITY), "{error}");
        let error = identity(&Memory::at(Path::new("/nowhere")))
            .map(drop)
            .unwrap_err();
        assert!(error.contains(IDENTITY), "{error}");
    }
}
