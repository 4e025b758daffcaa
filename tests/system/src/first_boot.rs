//! First-boot scene, the handling of settings: imported at the first boot, secrets masked; kept
//! over a power loss and a broken file; deleted on request.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use failberry_bench::{
    scene::{Kind, SECRET, ScenarioConfig, Scene, Settings, repository},
    stick::{MF180, Sim},
};
use failberry_image::{
    fat,
    layout::{Layout, Role},
};

use crate::{
    Suite,
    steps::{self, status},
    suite::{Outcome, expect},
};

const FILE: &str = "failberrypi.toml";
const PIN: &str = "2468";
/// User's comment in the file.
const REMARK: &str = "# the SIM in the drawer has PUK no. 3\n";
const RESET: &str = "factory-reset.txt";

/// Bytes compared and written at once.
const BLOCK: usize = 4096;

/// Runs the scene.
pub fn run(suite: &mut Suite) {
    let setting = ScenarioConfig {
        settings: Settings {
            pin: Some(PIN.into()),
            more: REMARK.into(),
            ..Settings::default()
        },
        sim: Some(sim()),
        model: &MF180,
        ..ScenarioConfig::new("fbx", Kind::Virt)
    };
    suite.scene("first-boot", &setting, |run| {
        run.step("the file is taken in, and says so", |scene| {
            let console = &scene.board.console;
            console.wait("failberrypi.toml is new", scene.bound(60))?;
            console.wait("imported and removed from", scene.bound(10))?;
            Ok(())
        });
        run.step("eth0 leases an address", steps::lease);
        run.step("the PIN of the file opens the SIM", steps::dials);
        run.step("on the card the file has no secrets, and all else", masked);
        run.step("the boot files' erase block is as flashed", boot_block);
        run.step("after a power cut it dials all the same", |scene| {
            scene.power_cycle(sim())?;
            steps::lease(scene)?;
            steps::dials(scene)
        });
        run.step("the AWS secret works all the same", steps::sets_the_record);
        run.step("a broken file leaves the last good settings", |scene| {
            edit(scene, "apn = ", "apn ")?;
            scene.power_cycle(sim())?;
            let line = scene.board.console.wait("stay in force", scene.bound(60))?;
            if !line.contains("failberrypi.toml line 2") {
                return Err(format!("expected the line of the mistake, got {line:?}").into());
            }
            steps::dials(scene)
        });
        run.step("a new secret takes the place of its stars", |scene| {
            edit(scene, "apn ", "apn = ")?;
            edit(scene, "pin = \"****\"", "pin = \"1357\"")?;
            scene.power_cycle(Sim::Pin {
                pin: "1357".into(),
                tries: 3,
            })?;
            steps::dials(scene)?;
            let text = file(scene)?;
            expect("the new secret in the file", false, text.contains("1357"))
        });
        run.step(
            "a file on the card makes the box forget everything",
            forgets,
        );
        run.step("no secret has been on the console", |scene| {
            let lines = [PIN, "1357", SECRET].map(|it| scene.board.console.lines_with(it).len());
            expect("console lines with secrets", [0; 3], lines)
        });
    });
}

fn sim() -> Sim {
    Sim::Pin {
        pin: PIN.into(),
        tries: 3,
    }
}

fn masked(scene: &mut Scene) -> Outcome {
    let text = file(scene)?;
    for secret in [PIN, SECRET] {
        expect("a secret in the file", false, text.contains(secret))?;
    }
    for kept in ["apn = \"internet\"\n", "pin = \"****\"\n", REMARK] {
        if !text.contains(kept) {
            return Err(format!("expected {kept:?} in the file, got {text}").into());
        }
    }
    Ok(())
}

/// A power loss while secrets are masked may destroy an erase block, which must not be that of the
/// boot files.
fn boot_block(scene: &mut Scene) -> Outcome {
    let layout = Layout::read(&repository().join("board/layout.toml"))?;
    let place = layout.partition(Role::Boot)?.bytes().start;
    let flashed = scene.directory().join("flashed.img");
    scene.flash_to(&flashed)?;
    let read = |path: &Path| -> Outcome<Vec<u8>> {
        let mut block = vec![0; usize::try_from(layout.erase_block())?];
        File::open(path)?.read_exact_at(&mut block, place)?;
        Ok(block)
    };
    let blocks = [read(&flashed)?, read(&scene.directory().join("card.img"))?];
    fs::remove_file(&flashed)?;
    let [first, now] = &blocks;
    let changed = first.chunks(512).zip(now.chunks(512));
    expect(
        "changed sectors of the boot files' erase block",
        0,
        changed.filter(|(first, now)| first != now).count(),
    )
}

fn forgets(scene: &mut Scene) -> Outcome {
    let before = status(scene)?.number("/supervisor/boots");
    expect("boots counted before", true, before > 1)?;
    let text = file(scene)?;
    edit(
        scene,
        &text,
        &text.replace("\"****\"", &format!("\"{PIN}\"")),
    )?;
    on_card(scene, |volume| {
        let reset = fat::File {
            name: RESET.into(),
            content: Vec::new(),
        };
        fat::write(volume, &reset)
    })?;
    scene.power_cycle(sim())?;
    let console = &scene.board.console;
    console.wait("kept on the card is forgotten", scene.bound(60))?;
    // The AWS secret was only in the deleted settings.
    console.wait(
        "aws.secret_access_key: expected the secret itself",
        scene.bound(10),
    )?;
    steps::lease(scene)?;
    steps::dials(scene)?;
    expect(
        "boots counted",
        1,
        status(scene)?.number("/supervisor/boots"),
    )?;
    let there = on_card(scene, |volume| fat::read(volume, RESET)).is_ok();
    expect("the file that asked for it", false, there)
}

/// Returns the file as a laptop would read it.
fn file(scene: &Scene) -> Outcome<String> {
    let bytes = on_card(scene, |volume| fat::read(volume, FILE))?;
    Ok(String::from_utf8(bytes)?)
}

/// Edits the file as a user would.
fn edit(scene: &Scene, from: &str, to: &str) -> Outcome {
    let text = file(scene)?;
    if !text.contains(from) {
        return Err(format!("expected {from:?} in the file, got {text}").into());
    }
    on_card(scene, |volume| {
        let changed = fat::File {
            name: FILE.into(),
            content: text.replacen(from, to, 1).into(),
        };
        fat::write(volume, &changed)
    })
}

/// Edits the card's FAT file system, which the running box has not mounted.
fn on_card<T>(
    scene: &Scene,
    work: impl FnOnce(&mut [u8]) -> failberry_image::Result<T>,
) -> Outcome<T> {
    let layout = Layout::read(&repository().join("board/layout.toml"))?;
    let place = layout.partition(Role::Boot)?.bytes();
    let path = scene.directory().join("card.img");
    let card = OpenOptions::new().read(true).write(true).open(path)?;
    let mut before = vec![0; usize::try_from(place.end - place.start)?];
    card.read_exact_at(&mut before, place.start)?;
    let mut after = before.clone();
    let done = work(&mut after)?;
    // Writes only changed blocks: the box may be booting.
    let blocks = before.chunks(BLOCK).zip(after.chunks(BLOCK));
    for (at, (old, new)) in (place.start..).step_by(BLOCK).zip(blocks) {
        if old != new {
            card.write_all_at(new, at)?;
        }
    }
    Ok(done)
}
