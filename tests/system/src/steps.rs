//! Steps shared by several scenes.

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    probe::{self, PortState},
    scene::{NAME, Scene},
    status::{self, Status},
};

use crate::suite::{Outcome, Run, expect};

/// Address assigned by the carrier.
pub(crate) const CARRIER_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 17);

/// Web server on the internet.
pub(crate) const PAGE_HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Public health port.
pub(crate) const HEALTH: u16 = 9000;

/// Port without a listener.
const CLOSED: u16 = 22;

/// Time without any reply to a closed port: a SYN and its first retransmission.
const SILENCE: Duration = Duration::from_millis(2500);

/// Body of a step.
type Step = fn(&mut Scene) -> Outcome;

/// Runs the main job of the box: DHCP lease, call, routing, health port, DNS record.
pub(crate) fn main_job(run: &mut Run<'_>) {
    let jobs: [(&str, Step); 7] = [
        ("eth0 leases an address", lease),
        ("port 9000 answers the LAN", health_on_the_lan),
        ("dials and agrees with pppd", dials),
        ("a LAN host reaches the internet, masqueraded", masquerades),
        ("port 9000 answers the internet", health_from_the_internet),
        ("other ports do not answer", other_ports_are_silent),
        ("the DNS record is set, signature checked", sets_the_record),
    ];
    for (what, job) in jobs {
        run.step(what, job);
    }
}

/// The box leases an address from the router, which then sends the LAN's packets to it.
pub(crate) fn lease(scene: &mut Scene) -> Outcome {
    scene.board.console.wait("eth0: leased", scene.bound(60))?;
    let address = scene.network.wait_lease(scene.bound(10))?;
    scene.network.set_default_route(address)?;
    Ok(())
}

/// The address that the router leased to the box.
pub(crate) fn address(scene: &Scene) -> Outcome<Ipv4Addr> {
    Ok(scene.network.wait_lease(Duration::from_secs(1))?)
}

/// The box answers a health checker on the LAN.
pub(crate) fn health_on_the_lan(scene: &mut Scene) -> Outcome {
    let to = address(scene)?;
    let answer = probe::get_within(scene.network.lan(), to, HEALTH, "/", scene.bound(20))?;
    expect("status of port 9000 from the LAN", 200, answer.status)
}

/// The stick is dialled, and pppd on the other end agrees.
pub(crate) fn dials(scene: &mut Scene) -> Outcome {
    let stick = scene.stick.as_ref().ok_or("no stick is plugged in")?;
    stick.wait_command("ATD*99#", scene.bound(60))?;
    let up = scene.carrier.wait_up(scene.bound(30))?;
    expect("the carrier's peer", CARRIER_ADDRESS, up)?;
    scene
        .board
        .console
        .wait("carrier link is up", scene.bound(10))?;
    Ok(())
}

/// A LAN host fetches a page of the internet, which sees the carrier address.
pub(crate) fn masquerades(scene: &mut Scene) -> Outcome {
    let before = scene.services.web.requests().len();
    let answer = probe::get_within(
        scene.network.lan(),
        PAGE_HOST,
        80,
        "/house",
        scene.bound(20),
    )?;
    expect("status of the page", 200, answer.status)?;
    let requests = scene.services.web.requests();
    let request = requests
        .get(before)
        .ok_or("the page's server saw no request")?;
    expect(
        "who asked for the page",
        CARRIER_ADDRESS.to_string(),
        request.0.ip().to_string(),
    )?;
    expect("what was asked for", "/house", request.1.as_str())
}

/// A health checker on the internet gets its answer.
pub(crate) fn health_from_the_internet(scene: &mut Scene) -> Outcome {
    let from = scene.network.internet();
    let answer = probe::get_within(from, CARRIER_ADDRESS, HEALTH, "/", scene.bound(10))?;
    expect("status of port 9000 from the internet", 200, answer.status)
}

/// Everything else stays silent, on both sides.
pub(crate) fn other_ports_are_silent(scene: &mut Scene) -> Outcome {
    let lan_address = address(scene)?;
    let (lan, internet) = (scene.network.lan(), scene.network.internet());
    for (who, from, to, port) in [
        (
            "a closed port from the internet",
            internet,
            CARRIER_ADDRESS,
            CLOSED,
        ),
        (
            "the status page from the internet",
            internet,
            CARRIER_ADDRESS,
            status::PORT,
        ),
        ("a closed port from the LAN", lan, lan_address, CLOSED),
    ] {
        expect(
            who,
            PortState::Silent,
            probe::probe_port(from, to, port, SILENCE)?,
        )?;
    }
    expect(
        "the status page from the LAN",
        PortState::Open,
        probe::probe_port(lan, lan_address, status::PORT, scene.bound(5))?,
    )
}

/// The record follows the carrier address; Route 53 has checked the signature for itself.
pub(crate) fn sets_the_record(scene: &mut Scene) -> Outcome {
    let change = scene
        .services
        .route53
        .wait_change(CARRIER_ADDRESS, scene.bound(60))?;
    expect("the record", NAME, change.name.trim_end_matches('.'))?;
    expect("its type", "A", change.kind.as_str())?;
    scene
        .board
        .console
        .wait("is now 203.0.113.17", scene.bound(5))?;
    Ok(())
}

/// What the box tells of itself to the LAN.
pub(crate) fn status(scene: &Scene) -> Outcome<Status> {
    let to = address(scene)?;
    Ok(Status::ask(scene.network.lan(), to, scene.bound(10))?)
}

/// A service runs and gives signs of life, within `bound`.
pub(crate) fn is_ready(scene: &Scene, service: &str, bound: Duration) -> Outcome {
    const POLL_INTERVAL: Duration = Duration::from_millis(200);
    let until = Instant::now() + bound;
    loop {
        let status = status(scene)?;
        let ready = (0..status.count("/supervisor/services")).any(|index| {
            let place = format!("/supervisor/services/{index}");
            status.text(&format!("{place}/service")) == Some(service)
                && status.is(&format!("{place}/ready"))
        });
        if ready {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(format!("expected {service} ready within {bound:?}").into());
        }
        thread::sleep(POLL_INTERVAL);
    }
}
