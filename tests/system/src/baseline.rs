//! Baseline scene on the fast board: the main job, from the DHCP lease to a replugged stick. Its
//! name on the command line is `house`.

use std::thread;

use failberry_bench::{
    probe,
    scene::{Kind, ScenarioConfig, Scene},
    status::Status,
    stick::Sim,
};
use failberry_state::Service;

use crate::{
    Suite,
    steps::{self, status},
    suite::{Outcome, expect},
};

/// Runs the scene.
pub fn run(suite: &mut Suite) {
    suite.scene("house", &ScenarioConfig::new("fbh", Kind::Virt), |run| {
        run.step("PID 1 is ours and starts every service", starts);
        steps::main_job(run);
        run.step("the AT dialogue is the one designed", dialogue);
        run.step("the status page tells all of it", tells);
        run.step(
            "a burst of 200 requests at port 9000 costs no checker its answer",
            burst,
        );
        run.step("the peer ends the call; it is dialled again", redials);
        run.step(
            "stick pulled out and put in under other ttys; the link comes back",
            replugs,
        );
        run.step("a LAN host reaches the internet again", steps::masquerades);
    });
}

fn starts(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("is PID 1, slot a", scene.bound(60))?;
    console.wait("answering on port 9000", scene.bound(30))?;
    Ok(())
}

fn dialogue(scene: &mut Scene) -> Outcome {
    let commands = scene.stick.as_ref().ok_or("no stick")?.commands();
    let mut rest = commands.iter();
    for expected in [
        "ATZ",
        "AT+CPMS?",
        "AT+CPIN?",
        "AT+CREG?",
        "AT+CGDCONT=1,\"IP\",\"internet\"",
    ] {
        if !rest.any(|command| command == expected) {
            return Err(format!("expected {expected} in this order, got {commands:?}").into());
        }
    }
    Ok(())
}

fn tells(scene: &mut Scene) -> Outcome {
    let status = status(scene)?;
    for (place, expected) in [
        ("/uplink/phase", "up"),
        ("/network/default_via", "ppp0"),
        ("/dyndns/published", "203.0.113.17"),
    ] {
        expect(place, Some(expected), status.text(place))?;
    }
    for place in ["/network/firewall", "/clock/synced", "/health/listening"] {
        expect(place, true, status.is(place))?;
    }
    let services = status.count("/supervisor/services");
    expect("services", Service::SUPERVISED.len(), services)?;
    for index in 0..services {
        let place = format!("/supervisor/services/{index}/starts");
        expect(&place, 1, status.number(&place))?;
    }
    Ok(())
}

/// Sends 200 requests from a LAN host within milliseconds while a checker on the internet sends
/// one.
fn burst(scene: &mut Scene) -> Outcome {
    const REQUESTS: usize = 200;
    let to = steps::address(scene)?;
    let before = health(&status(scene)?)?;
    let (lan, internet) = (scene.network.lan(), scene.network.internet());
    let bound = scene.bound(10);
    let (answered, check) = thread::scope(|threads| {
        let burst = threads.spawn(|| probe::burst(lan, to, steps::HEALTH, REQUESTS, bound));
        let own = steps::CARRIER_ADDRESS;
        let check = probe::get_within(internet, own, steps::HEALTH, "/", bound);
        (burst.join(), check)
    });
    let answered = answered.map_err(|_| "the burst panicked")??;
    expect("status for the checker", 200, check?.status)?;
    expect("answers to the burst", REQUESTS, answered)?;
    steps::health_on_the_lan(scene)?;
    expect("health's process", before, health(&status(scene)?)?)
}

/// Returns process id and number of starts of `health`.
fn health(status: &Status) -> Outcome<(u64, u64)> {
    let services = 0..status.count("/supervisor/services");
    let mut places = services.map(|index| format!("/supervisor/services/{index}"));
    let own = Service::Health.name();
    let place = places
        .find(|place| status.text(&format!("{place}/service")) == Some(own))
        .ok_or("health is not among the services")?;
    let number = |what: &str| status.number(&format!("{place}/{what}"));
    Ok((number("pid"), number("starts")))
}

fn redials(scene: &mut Scene) -> Outcome {
    let mark = scene.board.console.mark();
    scene.carrier.terminate_call()?;
    scene.carrier.wait_down(scene.bound(10))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is down", scene.bound(10))?;
    scene.carrier.wait_up(scene.bound(30))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is up", scene.bound(10))?;
    Ok(())
}

fn replugs(scene: &mut Scene) -> Outcome {
    let before = scene
        .board
        .console
        .wait("modem port ttyUSB", scene.bound(1))?;
    let mark = scene.board.console.mark();
    scene.unplug()?;
    scene
        .board
        .console
        .wait_from(mark, "stick is gone", scene.bound(10))?;
    scene.carrier.wait_down(scene.bound(10))?;
    // A decoy with the same driver takes the tty numbers that the stick had.
    scene.plug_decoy()?;
    scene.plug(Sim::Ready)?;
    let after = scene
        .board
        .console
        .wait_from(mark, "modem port ttyUSB", scene.bound(20))?;
    let port = |line: &str| {
        line.rsplit_once("modem port ")
            .map(|(_, port)| port.to_owned())
    };
    if port(&before) == port(&after) {
        return Err(format!("expected another tty than in {before:?}, got {after:?}").into());
    }
    scene.carrier.wait_up(scene.bound(30))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is up", scene.bound(10))?;
    Ok(())
}
