//! Release-image scenes: the shipped cards on emulated Raspberry Pis, from U-Boot and slot A to the
//! main job. The first is named `shipped` on the command line.

use failberry_bench::{
    scene::{Kind, ScenarioConfig, Scene},
    stick::Sim,
};

use crate::{
    Suite,
    console::{expect_all, say},
    steps,
    suite::{Outcome, Run},
};

/// Runs the scene on the Raspberry Pi 2B; with `all` also on the 3B, in 32 and in 64 bit, on the
/// 3B+ with the 3B's card, and on the 4B as far as QEMU emulates it.
pub fn run(suite: &mut Suite, all: bool) {
    let mut scene = |name, prefix, kind, tree| {
        let setting = ScenarioConfig::new(prefix, kind);
        suite.scene(name, &setting, |run| main_part(run, tree));
    };
    scene("shipped", "fbs", Kind::Rpi2, "bcm2836-rpi-2-b");
    if all {
        scene("rpi3", "fby", Kind::Rpi3, "bcm2837-rpi-3-b");
        scene("rpi3-64", "fby", Kind::Rpi3_64, "bcm2837-rpi-3-b");
        let plus = "bcm2837-rpi-3-b-plus";
        scene("rpi3-64-plus", "fby", Kind::Rpi3Plus64, plus);
        let four = ScenarioConfig {
            sim: None,
            ..ScenarioConfig::new("fby", Kind::Rpi4_64)
        };
        suite.scene("rpi4-64", &four, |run| {
            run.step("slot A starts, and all its modules load", starts);
            run.step(
                "the card is found and its settings are read",
                reads_the_card,
            );
            run.step("the services run, the firewall is up", serves);
        });
    }
}

fn main_part(run: &mut Run<'_>, tree: &str) {
    run.step("U-Boot checks slot A and starts it", |scene| {
        boots(scene, tree)
    });
    run.step(
        "the card is found and its settings are read",
        reads_the_card,
    );
    steps::main_job(run);
    run.step("stick pulled out and put in; the link comes back", replugs);
    run.step("a LAN host reaches the internet again", steps::masquerades);
    run.step("the console tells of the board and its slots", |scene| {
        tells(scene, tree)
    });
}

fn boots(scene: &mut Scene, tree: &str) -> Outcome {
    let console = &scene.board.console;
    // First output if the mini UART is the console, which is not ready earlier.
    let environment = "Loading Environment from MMC... Reading";
    console.wait(environment, scene.bound(20))?;
    console.wait("Slot a:", scene.bound(20))?;
    // Device tree of the board, if a slot has several.
    let choice = format!("Using '{tree}' configuration");
    console.wait(&choice, scene.bound(20))?;
    // One check each of kernel, device tree and userland.
    console.wait("sha256+ OK", scene.bound(60))?;
    console.wait("is PID 1, slot a", scene.bound(60))?;
    Ok(())
}

fn starts(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("is PID 1, slot a", scene.bound(60))?;
    console.wait("kernel modules loaded, 0 failed", scene.bound(30))?;
    Ok(())
}

fn serves(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    console.wait("answering on port 9000", scene.bound(30))?;
    console.wait("firewall up", scene.bound(30))?;
    console.wait("waiting for a stick", scene.bound(30))?;
    Ok(())
}

fn reads_the_card(scene: &mut Scene) -> Outcome {
    scene
        .board
        .console
        .wait("its settings are in force", scene.bound(30))?;
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
    scene.carrier.wait_up(scene.bound(40))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is up", scene.bound(10))?;
    Ok(())
}

fn tells(scene: &mut Scene, tree: &str) -> Outcome {
    say(scene, "")?;
    // QEMU's sensor reads the same on all boards; the device tree defines the temperature.
    let warm = if tree.starts_with("bcm2836") {
        "20.1 °C"
    } else {
        "25.1 °C"
    };
    expect_all(&say(scene, "status")?, &[warm])?;
    expect_all(&say(scene, "slots")?, &["next start  a, then b"])
}
