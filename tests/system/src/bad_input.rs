//! Bad-input scene: invalid settings, wrong AWS secret, missing stick, noise. Its name on the
//! command line is `mistakes`.

use std::time::{Duration, Instant};

use failberry_bench::{
    probe,
    scene::{Kind, ScenarioConfig, Scene, Settings},
    stick::{MF190J, Sim},
};
use tokio_modem::{hdlc, ppp::Direction};

use crate::{
    Suite,
    steps::{self, HEALTH, address, status},
    suite::{Outcome, expect},
};

/// Runs the scene.
pub fn run(suite: &mut Suite) {
    let setting = ScenarioConfig {
        settings: Settings {
            secret: "mistyped/secret+0123456789abcdefghijklmn".into(),
            more: "[lan]\nhostnam = \"box\"\n\n[firewall]\nallow = [\"192.168.88.0/33\"]\n".into(),
            ..Settings::default()
        },
        sim: None,
        model: &MF190J,
        ..ScenarioConfig::new("fbm", Kind::Virt)
    };
    suite.scene("mistakes", &setting, |run| {
        run.step(
            "the console names key, line and reason of each mistake",
            names_mistakes,
        );
        run.step(
            "without a stick the box waits and says so",
            waits_for_a_stick,
        );
        run.step("eth0 leases an address all the same", steps::lease);
        run.step(
            "port 9000 answers the LAN all the same",
            steps::health_on_the_lan,
        );
        run.step(
            "requests of any shape on port 9000 are counted and survived",
            odd_requests,
        );
        run.step(
            "a stick that babbles is dialled all the same",
            dials_through_noise,
        );
        run.step(
            "a broken [firewall] keeps the LAN off the mobile link",
            tighter,
        );
        run.step(
            "a wrong AWS secret is refused, and told on the console",
            wrong_secret,
        );
        run.step("noise in the call is counted", noise_in_the_call);
        run.step(
            "stick pulled out and put in; cdc_acm's port is dialled again",
            replugs,
        );
    });
}

fn names_mistakes(scene: &mut Scene) -> Outcome {
    for (key, reason) in [
        ("lan.hostnam", "did you mean hostname"),
        ("firewall.allow", "192.168.88.0/33"),
    ] {
        let line = scene.board.console.wait(key, scene.bound(60))?;
        if !line.contains("line ") || !line.contains(reason) {
            return Err(format!("expected line number and {reason:?}, got {line:?}").into());
        }
    }
    Ok(())
}

fn waits_for_a_stick(scene: &mut Scene) -> Outcome {
    scene
        .board
        .console
        .wait("waiting for a stick", scene.bound(30))?;
    Ok(())
}

fn odd_requests(scene: &mut Scene) -> Outcome {
    let to = address(scene)?;
    let lan = scene.network.lan();
    let long = [b"GET /".as_slice(), &vec![b'a'; 65536]].concat();
    let noise: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for odd in [
        b"\r\n\r\n\r\n".as_slice(),
        b"NOISE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        &long,
        &noise,
    ] {
        // Neither the response nor a closed connection matters.
        let _ = probe::exchange(lan, to, HEALTH, odd);
    }
    // The counters are published on the next request, some seconds after the previous publication.
    let until = Instant::now() + scene.bound(30);
    loop {
        steps::health_on_the_lan(scene)?;
        let malformed = status(scene)?.number("/health/malformed");
        if malformed >= 4 {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(
                format!("expected 4 requests counted as malformed, got {malformed}").into(),
            );
        }
    }
}

fn dials_through_noise(scene: &mut Scene) -> Outcome {
    scene.plug(Sim::Ready)?;
    let stick = scene.stick.as_ref().ok_or("no stick")?;
    stick.wait_command("ATZ", scene.bound(30))?;
    let overlong = [b"\r\n+ZUSIMR:".as_slice(), &[b'2'; 4000], b"\r\n"].concat();
    stick.inject(&overlong);
    stick.inject(b"\r\n\xff\xfe\x00\x80\r\n");
    steps::dials(scene)?;
    let console = &scene.board.console;
    console.wait("modem port ttyACM", scene.bound(1))?;
    Ok(())
}

fn tighter(scene: &mut Scene) -> Outcome {
    let answer = probe::probe_port(
        scene.network.lan(),
        steps::PAGE_HOST,
        80,
        Duration::from_secs(3),
    )?;
    expect("the page from the LAN", probe::PortState::Silent, answer)
}

fn wrong_secret(scene: &mut Scene) -> Outcome {
    scene
        .services
        .route53
        .wait_refusal("SignatureDoesNotMatch", scene.bound(60))?;
    let line = scene
        .board
        .console
        .wait("SignatureDoesNotMatch", scene.bound(10))?;
    if line.contains("mistyped") {
        return Err(format!("the secret stands on the console: {line}").into());
    }
    expect("records set", 0, scene.services.route53.changes().len())
}

fn noise_in_the_call(scene: &mut Scene) -> Outcome {
    let stick = scene.stick.as_ref().ok_or("no stick")?;
    // LCP with a good checksum and a length that is shorter than its own header: the kernel hands
    // it on. The rest it drops by itself.
    let mut frame = [0; 64];
    let length = hdlc::encode(&[0xc0, 0x21, 1, 1, 0, 2], &Direction::default(), &mut frame)?;
    stick.inject(frame.get(..length).unwrap_or_default());
    stick.inject(&[0x55; 3000]);
    stick.inject(b"\x7e");
    steps::health_from_the_internet(scene)?;
    let mark = scene.board.console.mark();
    scene.carrier.terminate_call()?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is down", scene.bound(10))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is up", scene.bound(30))?;
    let counted = status(scene)?.number("/uplink/bad_input");
    // The over-long line, the one of bytes that no line has, the frame.
    if counted < 3 {
        return Err(format!("expected at least 3 lines and frames counted, got {counted}").into());
    }
    Ok(())
}

fn replugs(scene: &mut Scene) -> Outcome {
    let mark = scene.board.console.mark();
    scene.unplug()?;
    scene
        .board
        .console
        .wait_from(mark, "stick is gone", scene.bound(10))?;
    scene.carrier.wait_down(scene.bound(10))?;
    scene.plug(Sim::Ready)?;
    let console = &scene.board.console;
    console.wait_from(mark, "modem port ttyACM", scene.bound(20))?;
    scene.carrier.wait_up(scene.bound(30))?;
    console.wait_from(mark, "carrier link is up", scene.bound(10))?;
    steps::health_from_the_internet(scene)
}
