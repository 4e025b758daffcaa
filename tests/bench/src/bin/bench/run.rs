//! The shipped card in an emulated Pi 2B, for a person to use.

use std::{
    error::Error,
    io::{Write, stdout},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use failberry_bench::{
    scene::{Kind, Scene, Setting, repository},
    stick::Sim,
};

use crate::terminal::{Terminal, Wish};

/// The namespaces are `fb-router`, `fb-lan` and `fb-net`.
const PREFIX: &str = "fb";

/// Between two looks whether the box has got its address.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let (terminal, wishes) = Terminal::take()?;
    let end = terminal.line_end();
    let began = Instant::now();
    let say = |text: &str| {
        let seconds = began.elapsed().as_secs();
        print!("==> {seconds:4} s  {text}{end}");
        let _ = stdout().flush();
    };
    let directory = repository().join("out/run");
    let mut scene = Scene::start(&Setting::new(PREFIX, Kind::Rpi2), &directory, say)?;
    help(end);
    scene.board.console.copy_to(stdout());
    let mut told = false;
    loop {
        match wishes.recv_timeout(LOOK) {
            Ok(Wish::Type(bytes)) => scene.board.console.send(&bytes)?,
            Ok(Wish::Unplug) => {
                say("pulling the stick out");
                scene.unplug()?;
            }
            Ok(Wish::Plug) => {
                say("plugging the stick in");
                scene.plug(Sim::Ready)?;
            }
            Ok(Wish::Help) => help(end),
            Ok(Wish::Quit) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if !told && let Some(lease) = scene.world.leases()?.first() {
            let address = lease.address;
            scene.world.route_through(address)?;
            say(&format!(
                "the router leased {address} to the box and sends the LAN's packets there; its \
                 status: ip netns exec {PREFIX}-lan curl http://{address}:9001/"
            ));
            told = true;
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
