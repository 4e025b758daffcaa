//! Service process: a trial if one is due, pushes on a port, pulls on a schedule.

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
    boot_params::BootParams,
    manager::{UpdateManager, send_request},
    pull,
    push::{Admission, Bounds, ConnectionId, handshake},
    record::{DataDir, Start},
    tls,
    trial::{Observed, Verdict},
};

/// Data directory on the card; `storage` creates it for this service.
const DATA_PATH: &str = "/data/update";

/// File of the box's own key in the data directory.
const IDENTITY_FILE: &str = "identity.pk8";

/// Longest wait for PID 1 to list this process, in milliseconds; it does so in the turn in which it
/// spawns it.
const LISTED_TIMEOUT_MS: u64 = 5_000;

/// Pause after a refusal or an accept error; the card is busy for seconds at most.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Runs the trial and takes updates until the process ends.
///
/// # Errors
/// The configuration cannot be read, privileges cannot be dropped, or states cannot be watched.
pub fn run() -> ServiceResult {
    let config: UpdateConfig = read_config(Service::Update)?;
    drop_to(Service::Update, &[])?;
    let watcher = Async::new(Watcher::new(&[
        Service::Supervisor,
        Service::Network,
        Service::Uplink,
    ])?)?;
    let data_dir = DataDir::at(Path::new(DATA_PATH));
    let config = config.update;
    block_on(async {
        wait_until_listed(&watcher).await?;
        let (manager, start) =
            UpdateManager::open(config.keys.clone(), BootParams::read(), data_dir.clone());
        let trial = async {
            if start == Start::Trial {
                run_trial(&manager, &watcher).await?;
            }
            smol::future::pending().await
        };
        let pushes = listen(&manager, &config, &data_dir);
        let pulls = pull::run_pulls(&manager, &config);
        trial.or(pushes).or(pulls).await
    })
}

/// Waits until PID 1 lists this process, and with it the boot history, from which the end of a
/// trial is derived. After the timeout the history counts as unknown.
async fn wait_until_listed(watcher: &Async<Watcher>) -> io::Result<()> {
    let until = BootMillis::now().plus(LISTED_TIMEOUT_MS);
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

/// Runs the trial of this image to its verdict and executes that.
async fn run_trial(manager: &Arc<UpdateManager>, watcher: &Async<Watcher>) -> io::Result<()> {
    let mut trial = manager.trial();
    loop {
        match trial.step(&observe(manager), BootMillis::now()) {
            Verdict::Wait { until } => wait(until, watcher).await?,
            Verdict::Confirm => {
                retry_until_ok(manager, UpdateManager::confirm).await;
                return Ok(());
            }
            Verdict::GiveUp { reason } => {
                retry_until_ok(manager, move |manager| manager.give_up(&reason)).await;
                return Ok(());
            }
        }
    }
}

/// Retries `what` until it succeeds.
async fn retry_until_ok(
    manager: &Arc<UpdateManager>,
    what: impl Fn(&UpdateManager) -> Result<(), String> + Clone + Send + 'static,
) {
    loop {
        let (manager, what) = (manager.clone(), what.clone());
        let Err(error) = smol::unblock(move || what(&manager)).await else {
            return;
        };
        log::warn!("the end of the trial has to wait: {error}");
        Timer::after(RETRY_INTERVAL).await;
    }
}

/// Waits until the deadline or a change of state.
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

fn observe(manager: &UpdateManager) -> Observed {
    // An unreadable state counts as none: its owner rewrites it.
    let supervisor: SupervisorState = read().unwrap_or_default();
    let network: NetworkState = read().unwrap_or_default();
    let uplink: UplinkState = read().unwrap_or_default();
    let ready = |service: Service| {
        let mut states = supervisor.services.iter();
        states.any(|state| state.service == service && state.ready && state.pid.is_some())
    };
    let services = Service::SUPERVISED.into_iter();
    Observed {
        not_ready: services
            .filter(|service| !ready(*service))
            .map(Service::name)
            .collect(),
        lan: network.lan.is_some(),
        carrier: uplink.link.is_some(),
        card: manager.has_data_partition(),
    }
}

/// Accepts pushes: several handshakes at once, and one writer.
async fn listen(
    manager: &Arc<UpdateManager>,
    config: &Update,
    data_dir: &DataDir,
) -> ServiceResult {
    if config.keys.is_empty() {
        log::info!("no update.keys in failberrypi.toml, so no update is taken");
        return smol::future::pending().await;
    }
    let opened = identity(data_dir).and_then(|own| {
        let tls = tls::server(&own, config.keys.clone()).map_err(|error| error.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.port))
            .and_then(Async::new)
            .map_err(|error| format!("port {}: {error}", config.port))?;
        Ok((own, tls, listener))
    });
    let (own, tls, listener) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            manager.report_error(&format!("no update can be pushed: {error}"));
            return smol::future::pending().await;
        }
    };
    log::info!(
        "updates are taken on port {}, key {}",
        config.port,
        own.public()
    );
    manager.publish_key(own.public());
    let admission = Arc::new(Mutex::new(Admission::new()));
    loop {
        let accepted = listener.accept().await;
        let (socket, from) = match accepted.and_then(|(it, from)| Ok((it.into_inner()?, from))) {
            Ok(accepted) => accepted,
            // The peer was gone at once, or the process is out of file descriptors.
            Err(error) => {
                log::warn!("port {}: {error}", config.port);
                Timer::after(RETRY_INTERVAL).await;
                continue;
            }
        };
        match admit(&admission, from, &socket) {
            Ok(id) => {
                let (manager, tls, admission) = (manager.clone(), tls.clone(), admission.clone());
                smol::unblock(move || answer((id, from), socket, &tls, &manager, &admission))
                    .detach();
            }
            Err(error) => log::warn!("a connection from {from}: {error}"),
        }
    }
}

/// Connections to the port, with the socket of each that has proven no key yet.
type Connections = Mutex<Admission<TcpStream>>;

fn lock(admission: &Connections) -> MutexGuard<'_, Admission<TcpStream>> {
    admission.lock().unwrap_or_else(PoisonError::into_inner)
}

fn admit(
    admission: &Connections,
    from: SocketAddr,
    socket: &TcpStream,
) -> io::Result<ConnectionId> {
    socket.set_nonblocking(false)?;
    let handle = socket.try_clone()?;
    let (id, evicted) = lock(admission).admit(from.ip(), handle);
    if let Some(evicted) = evicted {
        // The shutdown ends its thread. A socket that is closed already is no error.
        let _ = evicted.shutdown(Shutdown::Both);
    }
    Ok(id)
}

/// Runs the handshake of one connection, several of them at once, and takes its push.
fn answer(
    (id, from): (ConnectionId, SocketAddr),
    socket: TcpStream,
    tls: &Arc<ServerConfig>,
    manager: &UpdateManager,
    admission: &Connections,
) {
    let push = match handshake(socket, tls, Bounds::default()) {
        Ok(push) => push,
        Err(error) => {
            lock(admission).remove(id);
            // Any host on the LAN can cause this, so it is no warning.
            log::info!("{from} has proven no key: {error}");
            return;
        }
    };
    if !lock(admission).on_proven(id) {
        log::warn!("{from} is closed: too many pushes at once");
        return;
    }
    let outcome = push.serve(manager).and_then(|(header, options)| {
        if !options.restart {
            return Ok(());
        }
        send_request(&Request::Reboot {
            reason: format!("to try version {}", header.version),
        })
    });
    lock(admission).release();
    if let Err(error) = outcome {
        log::warn!("{from} pushed no update: {error}");
    }
}

/// Returns the box's own key, created at the first start.
fn identity(data_dir: &DataDir) -> Result<Signer, String> {
    let key_error = |error: &dyn std::fmt::Display| format!("{DATA_PATH}/{IDENTITY_FILE}: {error}");
    if let Some(document) = data_dir.read(IDENTITY_FILE).map_err(|it| key_error(&it))? {
        return Signer::from_pkcs8(&document).map_err(|it| key_error(&it));
    }
    let document = Signer::generate().map_err(|it| key_error(&it))?;
    data_dir
        .replace(IDENTITY_FILE, &document)
        .map_err(|it| key_error(&it))?;
    Signer::from_pkcs8(&document).map_err(|it| key_error(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_key_is_created_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(directory.path());
        let first = identity(&data_dir).unwrap().public();
        assert_eq!(identity(&data_dir).unwrap().public(), first);
        data_dir.replace(IDENTITY_FILE, b"broken").unwrap();
        let error = identity(&data_dir).map(drop).unwrap_err();
        assert!(error.contains(IDENTITY_FILE), "{error}");
        let error = identity(&DataDir::at(Path::new("/nowhere")))
            .map(drop)
            .unwrap_err();
        assert!(error.contains(IDENTITY_FILE), "{error}");
    }
}
