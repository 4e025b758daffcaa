//! Interactive run of the shipped card in an emulated Pi 2B.

use std::{
    error::Error,
    io::{Write, stdout},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use failberry_bench::{
    scene::{Kind, ScenarioConfig, Scene, repository},
    stick::Sim,
};

use crate::terminal::{Terminal, UserAction};

/// The namespaces are `fb-router`, `fb-lan` and `fb-net`.
const PREFIX: &str = "fb";

/// Poll interval for the box's DHCP lease.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let (terminal, actions) = Terminal::open()?;
    let end = terminal.line_end();
    let began = Instant::now();
    let say = |text: &str| {
        let seconds = began.elapsed().as_secs();
        print!("==> {seconds:4} s  {text}{end}");
        let _ = stdout().flush();
    };
    let directory = repository().join("out/run");
    let mut scene = Scene::start(&ScenarioConfig::new(PREFIX, Kind::Rpi2), &directory, say)?;
    help(end);
    scene.board.console.copy_to(stdout());
    let mut lease_reported = false;
    loop {
        match actions.recv_timeout(LEASE_POLL_INTERVAL) {
            Ok(UserAction::Type(bytes)) => scene.board.console.send(&bytes)?,
            Ok(UserAction::Unplug) => {
                say("pulling the stick out");
                scene.unplug()?;
            }
            Ok(UserAction::Plug) => {
                say("plugging the stick in");
                scene.plug(Sim::Ready)?;
            }
            Ok(UserAction::Help) => help(end),
            Ok(UserAction::Quit) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if !lease_reported && let Some(lease) = scene.network.leases()?.first() {
            let address = lease.address;
            scene.network.set_default_route(address)?;
            say(&format!(
                "the router leased {address} to the box and sends the LAN's packets there; its \
                 status: ip netns exec {PREFIX}-lan curl http://{address}:9001/"
            ));
            lease_reported = true;
        }
    }
    say("switching off");
    Ok(())
}

fn help(end: &str) {
    let lines = [
        "",
        "The serial console of the box follows. Ctrl-] and then:",
        "  q  quit        u  pull the stick out        p  plug it in        h  this help",
        "From another terminal of this machine, as root:",
        "  ip netns exec fb-lan curl http://198.51.100.2/         a LAN host fetches a page",
        "                                                         of the internet, through the stick",
        "  ip netns exec fb-net curl http://203.0.113.17:9000/    a health checker on the internet",
        "  ip netns exec fb-router ...                            the router, 192.168.88.1",
        "Logs of everything: out/run/",
        "",
    ];
    for line in lines {
        print!("{line}{end}");
    }
    let _ = stdout().flush();
}
