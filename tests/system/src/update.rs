//! A signed update on the emulated Pi, where U-Boot chooses the slot: a good one that is confirmed,
//! and one whose kernel panics, after which the old image is back and says why.

mod broken;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use failberry_bench::scene::{Kind, Scene, Setting, Settings};
use failberry_environment::{Slots, Stored};
use failberry_state::Slot;

use crate::{
    Suite,
    steps::{self, status},
    suite::{Outcome, expect},
};

/// From the start of the broken image to the old one's first words, on the real board and here.
const BACK: Duration = Duration::from_secs(180);

/// What is made once for the scene: a key, and two bundles.
struct Desk {
    directory: tempfile::TempDir,
    public: String,
}

impl Desk {
    fn new() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let key = directory.path().join("key.pem");
        tool(&["key", "new", &key.display().to_string()])?;
        let public = tool(&["key", "show", &key.display().to_string()])?;
        let public = public.trim().to_owned();
        Ok(Self { directory, public })
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn bundle(&self, image: &Path, version: &str) -> Outcome<String> {
        let out = self.path(version);
        let (image, key) = (image.display().to_string(), self.path("key.pem"));
        tool(&[
            "bundle",
            &image,
            "--board",
            "rpi2",
            "--version",
            version,
            "--key",
            &key,
            "--out",
            &out,
        ])?;
        Ok(out)
    }
}

/// The slot of the card that is tested.
fn shipped() -> PathBuf {
    Kind::Rpi2.directory().join("slot.fit")
}

/// `failberryctl`, as it lies beside the running test's directory.
fn program() -> Outcome<PathBuf> {
    let own = env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).find_map(|directory| {
        let path = directory.join("failberryctl");
        path.exists().then_some(path)
    });
    found.ok_or_else(|| "failberryctl is not built yet: run `make system`".into())
}

fn tool(words: &[&str]) -> Outcome<String> {
    told(std::process::Command::new(program()?).args(words))
}

fn told(command: &mut std::process::Command) -> Outcome<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into())
}

/// Plays the scene.
pub fn play(suite: &mut Suite) {
    let desk = match Desk::new() {
        Ok(desk) => desk,
        Err(error) => return suite.broken("update", &error.to_string()),
    };
    let setting = Setting {
        settings: Settings {
            more: format!("[update]\nkeys = [\"{}\"]\n", desk.public),
            ..Settings::default()
        },
        // What is on trial needs no carrier link where there was none before.
        sim: None,
        ..Setting::new("fbu", Kind::Rpi2)
    };
    suite.scene("update", &setting, |run| {
        run.step("slot A runs and takes updates", takes_updates);
        run.step("a key that is not configured is refused", |scene| {
            stranger(scene, &desk)
        });
        run.step("a good update is pushed, signed", |scene| {
            let image = shipped();
            push(scene, &desk, &desk.bundle(&image, "9.0.0")?)
        });
        run.step("U-Boot tries slot B and writes that down", tries);
        run.step("slot B proves itself and is confirmed", confirms);
        run.step("an update that panics is pushed", |scene| {
            let image = Path::new(&desk.path("broken.fit")).to_owned();
            fs::write(&image, broken::slot(&shipped())?)?;
            push(scene, &desk, &desk.bundle(&image, "9.1.0")?)
        });
        run.step("it is given up, and slot B is back in time", comes_back);
        run.step("it says why, on the console and the status page", says_why);
    });
}

fn takes_updates(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("is PID 1, slot a", scene.bound(60))?;
    console.wait("updates are taken on port 9002", scene.bound(60))?;
    steps::lease(scene)
}

fn push_with(scene: &Scene, desk: &Desk, key: &str, bundle: &str) -> Outcome<String> {
    let to = steps::address(scene)?.to_string();
    let known = desk.path("known");
    let program = program()?.display().to_string();
    let mut command = scene.world.lan().command(&program);
    told(command.args(["push", bundle, &to, "--key", key, "--known", &known]))
}

fn stranger(scene: &mut Scene, desk: &Desk) -> Outcome {
    let key = desk.path("stranger.pem");
    tool(&["key", "new", &key])?;
    let bundle = desk.bundle(&shipped(), "9.9.9")?;
    match push_with(scene, desk, &key, &bundle) {
        Ok(told) => Err(format!("expected a refusal, got {told:?}").into()),
        Err(error) if error.to_string().contains("update.keys") => Ok(()),
        Err(error) => Err(error),
    }
}

fn push(scene: &mut Scene, desk: &Desk, bundle: &str) -> Outcome {
    let said = push_with(scene, desk, &desk.path("key.pem"), bundle)?;
    if !said.contains("is being started") {
        return Err(format!("expected that it is being started, got {said:?}").into());
    }
    Ok(())
}

/// The environment on the card, read as the box reads it.
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
    // U-Boot has saved before it reads the slot, which takes it half a minute.
    let slots = slots(scene)?;
    expect("the trial", (Some(Slot::B), 1), (slots.trial, slots.tries))?;
    expect("the order", vec![Slot::A, Slot::B], slots.order)?;
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

/// The kernel ends in a panic each time. QEMU's Pi has no watchdog that can be used (it bites as
/// soon as it is set), so the bench bites in its place.
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
    // The page answers once the lease is there again.
    let status = status(scene).or_else(|_| status(scene))?;
    let told = status.text("/update/last_update").unwrap_or_default();
    expect("that the status page says so", true, told.starts_with(why))?;
    let slots = slots(scene)?;
    expect("the order", vec![Slot::B, Slot::A], slots.order)
}
