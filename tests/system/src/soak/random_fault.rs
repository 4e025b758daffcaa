//! Faults of the soak test, chosen at random.

use failberry_bench::{
    scene::Scene,
    stick::{Sim, Stick},
};
use failberry_state::Service;
use fastrand::Rng;

use crate::suite::Outcome;

/// Most stick crashes per hour: the ladder allows eight power cycles, of which one or two may have
/// another cause.
pub(super) const CRASHES_AN_HOUR: usize = 6;

/// Expected effects of an injected fault.
#[derive(Default)]
pub(super) struct Injected {
    /// Expected console text; empty if there is none.
    pub(super) says: String,
    /// Service that was killed, if any.
    pub(super) kills: Option<&'static str>,
}

/// Kind of fault and its limits.
pub(super) struct RandomFault {
    pub(super) name: &'static str,
    /// Relative frequency.
    pub(super) weight: u32,
    /// Longest time to recovery, in seconds.
    pub(super) within: u64,
    /// Whether recovery takes a USB power cycle.
    pub(super) costs_power: bool,
    pub(super) inject: fn(&mut Scene, &mut Rng) -> Outcome<Injected>,
}

const DOWN: &str = "carrier link is down";

const fn fault(
    name: &'static str,
    weight: u32,
    within: u64,
    inject: fn(&mut Scene, &mut Rng) -> Outcome<Injected>,
) -> RandomFault {
    RandomFault {
        name,
        weight,
        within,
        costs_power: false,
        inject,
    }
}

/// All kinds of faults.
pub(super) const RANDOM_FAULTS: &[RandomFault] = &[
    fault("`NO CARRIER` in the call", 3, 15, |scene, _| {
        stick(scene)?.drop_call();
        Ok(says(DOWN))
    }),
    fault("the carrier ends the call", 3, 15, |scene, _| {
        scene.carrier.terminate_call()?;
        Ok(says(DOWN))
    }),
    fault("a black hole", 2, 30, |scene, _| {
        scene.carrier.blackhole(true)?;
        Ok(says(DOWN))
    }),
    RandomFault {
        costs_power: true,
        ..fault("the stick crashes", 1, 75, |scene, random| {
            // Comes back as a CD-ROM at random.
            stick(scene)?.set_autorun(random.bool());
            stick(scene)?.crash();
            Ok(says("cutting the power"))
        })
    },
    fault("unplugged, plugged in again", 2, 20, |scene, _| {
        scene.unplug()?;
        scene.plug(Sim::Ready)?;
        Ok(says(DOWN))
    }),
    fault("network cable out and in", 2, 15, |scene, _| {
        scene.board.set_cable(false)?;
        Ok(says("cable out"))
    }),
    fault("a service is killed", 4, 30, |scene, random| {
        let service = random
            .choice(Service::SUPERVISED)
            .unwrap_or(Service::Health);
        let name = service.name();
        scene
            .board
            .fault_agent()?
            .execute(&format!("signal {name} SIGKILL"))?;
        Ok(Injected {
            says: format!("{name} ended: signal SIGKILL"),
            kills: Some(name),
        })
    }),
    fault("noise in the call", 2, 15, |scene, random| {
        let length = random.usize(1..65_536);
        let noise: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        stick(scene)?.inject(&noise);
        stick(scene)?.inject(b"\x7e");
        Ok(Injected::default())
    }),
];

/// Clears the faults of carrier and LAN; the box has to recover by itself.
pub(super) fn clear_faults(scene: &mut Scene) -> Outcome {
    scene.carrier.blackhole(false)?;
    scene.board.set_cable(true)?;
    Ok(())
}

fn says(text: &str) -> Injected {
    Injected {
        says: text.to_owned(),
        kills: None,
    }
}

fn stick(scene: &Scene) -> Outcome<&Stick> {
    Ok(scene.stick.as_ref().ok_or("no stick is plugged in")?)
}
