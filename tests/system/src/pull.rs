//! Update-pull scene: updates fetched over HTTPS on a console command while both links are up: over
//! Ethernet whatever the default route, and over the carrier only if allowed.
//!
//! `virt` boots without U-Boot: a fetched update is installed, but not started.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

use failberry_bench::{
    internet::Fetch,
    laptop::Laptop,
    scene::{BUNDLE, Kind, Pull, ScenarioConfig, Scene, Settings},
};

use crate::{
    Suite,
    console::{expect_all, say},
    steps::{self, CARRIER_ADDRESS, address, status},
    suite::{Outcome, expect},
};

/// Bytes of the image: seconds over the emulated carrier, and many times the noise of the other
/// services.
const IMAGE: u32 = 640 * 1024;

/// Bytes after which the downloads are cut.
const CUTS: [usize; 2] = [200_000, 300_000];

/// Bytes allowed on the carrier meanwhile, for NTP and DNS.
const NOISE: u64 = 50_000;

/// Seconds until a check without any reply ends: DNS, and a connection timeout of 30 s.
const SILENCE: u64 = 60;

/// Runs the scene.
pub fn run(suite: &mut Suite) {
    let made = tempfile::tempdir()
        .map_err(Into::into)
        .and_then(|directory| {
            let laptop = Laptop::new(directory.path())?;
            fs::write(laptop.path("image"), image())?;
            Ok::<_, Box<dyn std::error::Error>>((directory, laptop))
        });
    let (_directory, laptop) = match made {
        Ok(made) => made,
        Err(error) => return suite.fail_setup("pull", &error.to_string()),
    };
    let settings = |over_mobile| Settings {
        pull: Some(Pull {
            key: laptop.public().to_owned(),
            over_mobile,
        }),
        ..Settings::default()
    };
    let setting = ScenarioConfig {
        settings: settings(false),
        environment: true,
        ..ScenarioConfig::new("fbl", Kind::Virt)
    };
    suite.scene("pull", &setting, |run| {
        run.step("both links are up, the default route is ppp0", both_up);
        run.step("a wire that is dead costs no mobile data", |scene| {
            offer(scene, &laptop, "9.0.0")?;
            dead_wire(scene)
        });
        run.step("an update comes by the wire alone, resumed", by_wire);
        run.step("settings allow the mobile link", |scene| {
            let text = settings(true).text(scene.services.authority.pem());
            scene.edit_card(|card, layout| {
                failberry_image::card::set_config(card.path(), layout, &text)?;
                Ok(())
            })?;
            both_up_again(scene)
        });
        run.step(
            "the wire dies amid an update, the carrier goes on",
            |scene| {
                offer(scene, &laptop, "9.1.0")?;
                over_to_the_carrier(scene)
            },
        );
    });
}

/// Returns an image that U-Boot would accept by its magic and size.
fn image() -> Vec<u8> {
    let mut image = vec![0xD0, 0x0D, 0xFE, 0xED];
    image.extend(IMAGE.to_be_bytes());
    let filler = (0..IMAGE).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    image.extend(filler.skip(image.len()));
    image
}

fn offer(scene: &Scene, laptop: &Laptop, version: &str) -> Outcome {
    let bundle = laptop.bundle_for("virt", &laptop.path("image"), version)?;
    scene.services.files.put(BUNDLE, fs::read(bundle)?);
    Ok(())
}

fn both_up(scene: &mut Scene) -> Outcome {
    steps::lease(scene)?;
    steps::dials(scene)?;
    scene.network.connect_wan()?;
    ready(scene)
}

/// After a reboot; the wired WAN is unchanged.
fn both_up_again(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("eth0: leased", scene.bound(60))?;
    steps::dials(scene)?;
    ready(scene)
}

/// TLS needs the time; a set record shows that it is known.
fn ready(scene: &mut Scene) -> Outcome {
    steps::sets_the_record(scene)?;
    let via = status(scene)?;
    let place = "/network/default_via";
    expect(place, Some("ppp0"), via.text(place))
}

/// Requests an update check and waits for its reply.
fn check(scene: &Scene) -> Outcome<Vec<String>> {
    say(scene, "")?;
    let console = &scene.board.console;
    let mark = console.mark();
    console.send(b"update check\r")?;
    Ok(console.wait_prompt(mark, crate::console::PROMPT, scene.bound(2 * SILENCE))?)
}

/// Returns the clients, without consecutive repeats.
fn askers(fetches: &[Fetch]) -> Vec<IpAddr> {
    let mut askers: Vec<IpAddr> = fetches.iter().map(|it| it.peer.ip()).collect();
    askers.dedup();
    askers
}

fn dead_wire(scene: &mut Scene) -> Outcome {
    scene.network.set_wan_return_path(false)?;
    let before = scene.network.bytes_to_carrier()?;
    let answer = check(scene)?;
    expect_all(
        &answer,
        &["looking for an update", "by the wire: timed out"],
    )?;
    expect("fetches", 0, scene.services.files.fetches().len())?;
    quiet_carrier(scene, before)?;
    scene.network.set_wan_return_path(true)?;
    Ok(())
}

fn quiet_carrier(scene: &Scene, before: u64) -> Outcome {
    let cost = scene.network.bytes_to_carrier()? - before;
    println!("       {cost} bytes on the carrier meanwhile");
    if cost > NOISE {
        return Err(format!("expected at most {NOISE} bytes on the carrier, got {cost}").into());
    }
    Ok(())
}

fn by_wire(scene: &mut Scene) -> Outcome {
    let console = scene.board.console.clone();
    let mark = console.mark();
    let before = scene.network.bytes_to_carrier()?;
    let [cut, _] = CUTS;
    scene.services.files.cut_after(cut);
    let answer = check(scene)?;
    expect_all(&answer, &["version 9.0.0 found by the wire"])?;
    let written = "version 9.0.0 is written and will be tried at the next start";
    console.wait_from(mark, written, scene.bound(60))?;
    quiet_carrier(scene, before)?;
    let fetches = scene.services.files.fetches();
    let home = address(scene)?;
    expect("who asked", vec![IpAddr::V4(home)], askers(&fetches))?;
    expect(
        "the resumed part",
        cut,
        fetches.last().map_or(0, |it| it.from),
    )?;
    console.wait_from(mark, "to try version 9.0.0", scene.bound(10))?;
    Ok(())
}

fn over_to_the_carrier(scene: &mut Scene) -> Outcome {
    let console = scene.board.console.clone();
    let mark = console.mark();
    let before = scene.services.files.fetches().len();
    let [_, cut] = CUTS;
    scene.services.files.cut_after(cut);
    let answer = check(scene)?;
    expect_all(&answer, &["version 9.1.0 found by the wire"])?;
    let files = &scene.services.files;
    files.wait_fetch("the part before the cut", scene.bound(30), |it| {
        it.sent == cut
    })?;
    // The next attempt starts 10 s later.
    scene.network.set_wan_return_path(false)?;
    let written = "version 9.1.0 is written and will be tried at the next start";
    console.wait_from(mark, written, scene.bound(2 * SILENCE))?;
    let fetches = scene.services.files.fetches();
    let fetches = fetches.get(before..).unwrap_or_default();
    let both: [Ipv4Addr; 2] = [address(scene)?, CARRIER_ADDRESS];
    expect("who asked", both.map(IpAddr::V4).to_vec(), askers(fetches))?;
    expect(
        "the resumed part",
        cut,
        fetches.last().map_or(0, |it| it.from),
    )
}
