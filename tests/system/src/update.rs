//! Update scene on the emulated Pi, where U-Boot selects the slot: a good signed update is
//! confirmed; one whose kernel panics is rolled back, and the old image reports why.

mod broken;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use failberry_bench::{
    laptop::Laptop,
    scene::{Kind, ScenarioConfig, Scene, Settings},
};
use failberry_environment::{Slots, Stored};
use failberry_state::Slot;

use crate::{
    Suite,
    slot::shipped,
    steps::{self, status},
    suite::{Outcome, expect},
};

/// Longest time from the start of the broken image to the old one's first log line, on the real
/// board and here.
const BACK: Duration = Duration::from_secs(180);

/// Runs the scene; with `all` also an update whose network does not return, which takes the full
/// trial time.
pub fn run(suite: &mut Suite, all: bool) {
    let made = tempfile::tempdir()
        .map_err(Into::into)
        .and_then(|directory| {
            let laptop = Laptop::new(directory.path())?;
            Ok::<_, Box<dyn std::error::Error>>((directory, laptop))
        });
    let (_directory, laptop) = match made {
        Ok(made) => made,
        Err(error) => return suite.fail_setup("update", &error.to_string()),
    };
    let setting = ScenarioConfig {
        settings: Settings {
            more: format!("[update]\nkeys = [\"{}\"]\n", laptop.public()),
            ..Settings::default()
        },
        // A trial needs no carrier link if there was none before.
        sim: None,
        ..ScenarioConfig::new("fbu", Kind::Rpi2)
    };
    suite.scene("update", &setting, |run| {
        run.step("slot A runs and takes updates", takes_updates);
        run.step("a key that is not configured is refused", |scene| {
            stranger(scene, &laptop)
        });
        run.step("a good update is pushed, signed", |scene| {
            let image = shipped();
            push(scene, &laptop, &laptop.bundle(&image, "9.0.0")?)
        });
        run.step("U-Boot tries slot B and writes that down", tries);
        run.step("slot B proves itself and is confirmed", confirms);
        run.step("an update that panics is pushed", |scene| {
            let image = laptop.path("broken.fit");
            fs::write(&image, broken::slot()?)?;
            push(scene, &laptop, &laptop.bundle(&image, "9.1.0")?)
        });
        run.step("it is given up, and slot B is back in time", comes_back);
        run.step("it says why, on the console and the status page", says_why);
        if all {
            run.step("a good update is pushed, and its cable is out", |scene| {
                push(scene, &laptop, &laptop.bundle(&shipped(), "9.2.0")?)?;
                scene.board.set_cable(false)?;
                Ok(())
            });
            run.step("it gives itself up, and slot B is back", gives_up);
        }
    });
}

fn takes_updates(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("is PID 1, slot a", scene.bound(60))?;
    console.wait("updates are taken on port 9002", scene.bound(60))?;
    steps::lease(scene)
}

fn stranger(scene: &mut Scene, laptop: &Laptop) -> Outcome {
    laptop.key("stranger.pem")?;
    let bundle = laptop.bundle(&shipped(), "9.9.9")?;
    let to = steps::address(scene)?;
    match laptop.push(scene.network.lan(), to, &bundle, "stranger.pem") {
        Ok(told) => Err(format!("expected a refusal, got {told:?}").into()),
        Err(error) if error.to_string().contains("update.keys") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn push(scene: &mut Scene, laptop: &Laptop, bundle: &Path) -> Outcome {
    let to = steps::address(scene)?;
    let said = laptop.push(scene.network.lan(), to, bundle, "key.pem")?;
    if !said.contains("is being started") {
        return Err(format!("expected that it is being started, got {said:?}").into());
    }
    Ok(())
}

/// Returns the environment on the card, read as the box reads it.
fn slots(scene: &Scene) -> Outcome<Slots> {
    let card = fs::File::open(scene.directory().join("card.img"))?;
    Ok(Slots::of(&Stored::read(&card)?.environment)?)
}

fn tries(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait(
        "Slot b is on trial, 1 tries left after this one.",
        scene.bound(60),
    )?;
    console.wait("Slot b:", scene.bound(10))?;
    // U-Boot saves before it reads the slot, which takes half a minute.
    let slots = slots(scene)?;
    expect("the trial", (Some(Slot::B), 1), (slots.trial, slots.tries))?;
    expect("the order", vec![Slot::A, Slot::B], slots.order)?;
    // The kernel prints its command line.
    console.wait("failberry.slot=b failberry.on_trial", scene.bound(60))?;
    console.wait("is PID 1, slot b", scene.bound(60))?;
    Ok(())
}

fn confirms(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("update to 9.0.0 is on trial", scene.bound(30))?;
    console.wait("update to 9.0.0 was confirmed", scene.bound(60))?;
    let slots = slots(scene)?;
    expect("the trial", None, slots.trial)?;
    expect("the order", vec![Slot::B, Slot::A], slots.order)?;
    let status = status(scene)?;
    let place = "/update/last_update";
    let told = Some("update to 9.0.0 was confirmed");
    expect(place, told, status.text(place))?;
    expect("the version", Some("9.0.0"), status.text("/update/version"))
}

/// The kernel panics each time. QEMU's Pi has no usable watchdog (it resets as soon as it is set),
/// so the test resets the board in its place.
fn comes_back(scene: &mut Scene) -> Outcome {
    let console = scene.board.console.clone();
    let mark = console.mark();
    let mut began = None;
    for left in [1, 0] {
        let here = console.mark();
        let started = format!("Slot a is on trial, {left} tries left");
        console.wait_from(here, &started, scene.bound(60))?;
        began = began.or(Some(Instant::now()));
        let here = console.mark();
        console.wait_from(here, "Kernel panic - not syncing", scene.bound(60))?;
        scene.board.reset()?;
    }
    console.wait_from(mark, "Slot a is given up: no tries left.", scene.bound(60))?;
    console.wait_from(mark, "is PID 1, slot b", scene.bound(60))?;
    let took = began.map_or(Duration::ZERO, |it| it.elapsed());
    println!("       {:.1} s from the first start", took.as_secs_f64());
    if took > BACK {
        return Err(format!("expected slot B within {BACK:?}, took {took:?}").into());
    }
    Ok(())
}

fn says_why(scene: &mut Scene) -> Outcome {
    let why = "update to 9.1.0 was rolled back: it never came as far as";
    scene.board.console.wait(why, scene.bound(60))?;
    // The page answers once the lease is back.
    let status = status(scene).or_else(|_| status(scene))?;
    let told = status.text("/update/last_update").unwrap_or_default();
    expect("that the status page says so", true, told.starts_with(why))?;
    let slots = slots(scene)?;
    expect("the order", vec![Slot::B, Slot::A], slots.order)
}

fn gives_up(scene: &mut Scene) -> Outcome {
    let why = "eth0 has no address, as it had before";
    let console = &scene.board.console;
    let mark = console.mark();
    console.wait("update to 9.2.0 is on trial", scene.bound(90))?;
    // A trial takes five minutes in the emulation.
    console.wait_from(mark, why, scene.bound(90))?;
    console.wait_from(mark, "is PID 1, slot b", scene.bound(60))?;
    let told = format!("update to 9.2.0 was rolled back: {why}");
    console.wait_from(mark, &told, scene.bound(60))?;
    scene.board.set_cable(true)?;
    let slots = slots(scene)?;
    expect("the order", vec![Slot::B, Slot::A], slots.order)
}
