//! PIN scenes: a right PIN, and a wrong one that must be tried only once.

use failberry_bench::{
    scene::{Kind, ScenarioConfig, Scene, Settings},
    stick::{MF180, Sim},
};

use crate::{
    Suite, steps,
    suite::{Outcome, expect},
};

fn setting(prefix: &str, pin: &str) -> ScenarioConfig {
    ScenarioConfig {
        settings: Settings {
            pin: Some(pin.into()),
            ..Settings::default()
        },
        sim: Some(Sim::Pin {
            pin: "2468".into(),
            tries: 3,
        }),
        model: &MF180,
        ..ScenarioConfig::new(prefix, Kind::Virt)
    }
}

/// Runs the scenes.
pub fn run(suite: &mut Suite) {
    suite.scene("pin", &setting("fbp", "2468"), |run| {
        run.step("eth0 leases an address", steps::lease);
        run.step("the PIN is entered and the link comes up", |scene| {
            steps::dials(scene)?;
            entered_once(scene)
        });
        run.step("a LAN host reaches the internet", steps::masquerades);
        run.step(
            "a stick put in again gets its PIN again, and the link comes back",
            replugs,
        );
        run.step("a LAN host reaches the internet again", steps::masquerades);
        run.step("the PIN is not on the console", not_told);
    });
    suite.scene("wrong-pin", &setting("fbw", "1111"), |run| {
        run.step("a wrong PIN blocks the dialler, in clear words", |scene| {
            scene.board.console.wait("blocked:", scene.bound(60))?;
            Ok(())
        });
        run.step("eth0 leases an address all the same", steps::lease);
        run.step(
            "a stick put in again does not get it a second time",
            |scene| {
                let mark = scene.board.console.mark();
                let before = scene
                    .stick
                    .as_ref()
                    .map(failberry_bench::stick::Stick::commands);
                expect("PINs sent", 1, pins(&before.unwrap_or_default()))?;
                scene.unplug()?;
                scene.plug(Sim::Pin {
                    pin: "2468".into(),
                    tries: 2,
                })?;
                scene
                    .board
                    .console
                    .wait_from(mark, "blocked:", scene.bound(30))?;
                let after = scene
                    .stick
                    .as_ref()
                    .map(failberry_bench::stick::Stick::commands);
                expect("PINs sent", 0, pins(&after.unwrap_or_default()))
            },
        );
        run.step(
            "port 9000 answers the LAN all the same",
            steps::health_on_the_lan,
        );
    });
}

fn pins(commands: &[String]) -> usize {
    commands
        .iter()
        .filter(|command| command.starts_with("AT+CPIN="))
        .count()
}

fn entered_once(scene: &Scene) -> Outcome {
    let commands = scene.stick.as_ref().ok_or("no stick")?.commands();
    expect("PINs sent", 1, pins(&commands))
}

fn replugs(scene: &mut Scene) -> Outcome {
    let mark = scene.board.console.mark();
    scene.unplug()?;
    scene
        .board
        .console
        .wait_from(mark, "stick is gone", scene.bound(10))?;
    scene.carrier.wait_down(scene.bound(10))?;
    scene.plug(Sim::Pin {
        pin: "2468".into(),
        tries: 3,
    })?;
    scene.carrier.wait_up(scene.bound(60))?;
    scene
        .board
        .console
        .wait_from(mark, "carrier link is up", scene.bound(10))?;
    entered_once(scene)
}

fn not_told(scene: &mut Scene) -> Outcome {
    expect(
        "console lines with the PIN",
        0,
        scene.board.console.lines_with("2468").len(),
    )
}
