//! Faults of the card: corrupt contents, unreadable or read-only sectors, power loss during boot.

use std::{
    fs,
    os::unix::fs::FileExt,
    time::{Duration, Instant, SystemTime},
};

use failberry_bench::{
    board::{Card, SECTOR},
    carrier::CarrierSettings,
    probe::get_within,
    scene::{Layout, Role, Scene, SceneError},
    stick::Sim,
};

use super::{Fault, inject::traffic_flows};
use crate::{
    steps::{self, PAGE_HOST},
    suite::Outcome,
};

const IN_MEMORY: &str = "/data is in memory";
const MADE_ANEW: &str = "was made anew";
/// Log text for a data partition that is recreated or in memory, depending on what the card still
/// accepts.
const TOLD: &str = "storage: /data ";
const NO_FILE: &str = "failberrypi.toml cannot be read";
/// The settings imported before remain in force.
const KEPT: &str = "the settings kept are in force";

/// First bytes of an ext4 journal superblock (`JBD2_MAGIC_NUMBER`, then version 2).
const JOURNAL: [u8; 8] = [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4];

/// Block size of the data partition in bytes.
const BLOCK: u64 = 1024;

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("the data partition is noise", MADE_ANEW, 60, |scene| {
        edit_card(scene, |card, layout| {
            let data = bytes_of(layout, Role::Data)?;
            let length = usize::try_from(data.end - data.start).unwrap_or(0);
            Ok(card.overwrite(data.start, &noise(length))?)
        })
    })
    .recovered_when(all_functions_work),
    Fault::slow(
        "the data partition has no journal any more",
        MADE_ANEW,
        60,
        |scene| {
            edit_card(scene, |card, layout| {
                let journal = journal(card, layout)?;
                Ok(card.overwrite(journal, &[0; 1024])?)
            })
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow(
        "the data partition's journal is torn",
        "is PID 1",
        60,
        |scene| {
            edit_card(scene, |card, layout| {
                let journal = journal(card, layout)?;
                Ok(card.overwrite(journal + BLOCK, &noise(256 * 1024))?)
            })
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow(
        "the data partition's superblock cannot be read",
        TOLD,
        60,
        |scene| {
            edit_card(scene, |card, layout| {
                // It lies 1024 bytes into the partition.
                let place = bytes_of(layout, Role::Data)?.start + 1024;
                card.set_bad_sectors(vec![place / SECTOR]);
                Ok(())
            })
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow(
        "sectors of the data partition cannot be read, here and there",
        "is PID 1",
        60,
        |scene| {
            edit_card(scene, |card, layout| {
                let data = bytes_of(layout, Role::Data)?;
                // One in every 128 KiB, but for the superblock's and its neighbours.
                let places = (data.start + 65_536..data.end).step_by(128 * 1024);
                card.set_bad_sectors(places.map(|place| place / SECTOR).collect());
                Ok(())
            })
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow(
        "the sector that holds the settings cannot be read",
        NO_FILE,
        60,
        |scene| {
            edit_card(scene, |card, layout| {
                let boot = bytes_of(layout, Role::Boot)?;
                let place = find(card, boot, b"[carrier]\napn = \"internet\"")?;
                card.set_bad_sectors(vec![place / SECTOR]);
                Ok(())
            })
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow("the boot partition is noise", NO_FILE, 60, |scene| {
        edit_card(scene, |card, layout| {
            Ok(card.overwrite(bytes_of(layout, Role::Boot)?.start, &noise(1 << 20))?)
        })
    })
    .recovered_when(all_functions_work),
    Fault::slow("the card is write-protected", IN_MEMORY, 60, |scene| {
        edit_card(scene, |card, _| {
            card.write_protect(true);
            Ok(())
        })
    })
    .recovered_when(all_functions_work),
    Fault::slow("the settings are another kind of file", KEPT, 60, |scene| {
        settings(scene, &noise(4096))
    })
    .recovered_when(all_functions_work),
    Fault::slow("the settings are a file of 10 MB", KEPT, 60, |scene| {
        settings(scene, &b"# a long story\n".repeat(700_000))
    })
    .recovered_when(all_functions_work),
    Fault::slow(
        "the settings are an empty file",
        "failberrypi.toml",
        60,
        |scene| settings(scene, b""),
    )
    .recovered_when(the_wire_answers),
    Fault::slow(
        "the settings have numbers for texts",
        "line 2",
        60,
        |scene| {
            let text = "[carrier]\napn = 5\n\n[time]\nservers = \"ntp\"\n\n[lan]\naddress = true\n";
            settings(scene, text.as_bytes())
        },
    )
    .recovered_when(|scene, bound| {
        for line in ["line 2", "line 5", "line 8"] {
            scene.board.console.wait(line, scene.bound(10))?;
        }
        the_wire_answers(scene, bound)
    }),
    Fault::slow(
        "the power fails ten times while the box starts",
        "is PID 1",
        10 * 90,
        |scene| {
            let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            let mut dice = Dice(seed.subsec_nanos().into());
            for time in 1..=10 {
                scene.power_cycle(Sim::Ready)?;
                let moment = Duration::from_millis(u64::from(dice.roll() % 9_000));
                if scene.board.console.wait("Kernel panic", moment).is_ok() {
                    return Err("the kernel panicked".into());
                }
                scene.power_cycle(Sim::Ready)?;
                let up = get_within(scene.network.lan(), PAGE_HOST, 80, "/up", scene.bound(60));
                up.map_err(|error| {
                    format!("start no. {time}, after a cut at {moment:?}: {error}")
                })?;
            }
            Ok(scene.power_cycle(Sim::Ready)?)
        },
    )
    .recovered_when(all_functions_work),
    Fault::slow(
        "the card is pulled out, then the call is dropped",
        "carrier link is down",
        60,
        |scene| {
            scene.board.fail_card()?;
            set_address(scene, 59)?;
            scene.stick.as_ref().ok_or("no stick")?.drop_call();
            Ok(())
        },
    )
    .recovered_when(|scene, bound| {
        let until = Instant::now() + bound;
        traffic_flows(scene, bound)?;
        steps::health_on_the_lan(scene)?;
        let left = until.saturating_duration_since(Instant::now());
        let record = std::net::Ipv4Addr::new(203, 0, 113, 59);
        scene.services.route53.wait_change(record, left)?;
        Ok(())
    }),
];

/// Flashes the card again if a fault has changed it.
pub(super) fn restore(scene: &mut Scene) -> Outcome {
    if scene.card_is_untouched() {
        return Ok(());
    }
    Ok(scene.flash()?)
}

fn edit_card(scene: &mut Scene, change: impl FnOnce(&mut Card, &Layout) -> Outcome) -> Outcome {
    let mut outcome = Ok(());
    scene.edit_card(|card, layout| {
        outcome = change(card, layout);
        Ok::<(), SceneError>(())
    })?;
    outcome
}

fn settings(scene: &mut Scene, bytes: &[u8]) -> Outcome {
    edit_card(scene, |card, layout| Ok(card.configure(layout, bytes)?))
}

fn bytes_of(layout: &Layout, role: Role) -> Outcome<std::ops::Range<u64>> {
    Ok(layout.partition(role)?.bytes())
}

/// Returns the offset of the data partition's journal.
fn journal(card: &Card, layout: &Layout) -> Outcome<u64> {
    find(card, bytes_of(layout, Role::Data)?, &JOURNAL)
}

/// Returns the offset of `text` on the card.
fn find(card: &Card, within: std::ops::Range<u64>, text: &[u8]) -> Outcome<u64> {
    let mut bytes = vec![0; usize::try_from(within.end - within.start)?];
    fs::File::open(card.path())?.read_exact_at(&mut bytes, within.start)?;
    let place = bytes.windows(text.len()).position(|window| window == text);
    let place = place.ok_or("expected it on the card, it is not there")?;
    Ok(within.start + u64::try_from(place)?)
}

/// Checks all functions but those that need data lost with the card.
fn all_functions_work(scene: &mut Scene, bound: Duration) -> Outcome {
    traffic_flows(scene, bound)?;
    steps::health_on_the_lan(scene)?;
    steps::health_from_the_internet(scene)
}

/// Checks the LAN side only: without settings there is nothing to dial with.
fn the_wire_answers(scene: &mut Scene, bound: Duration) -> Outcome {
    scene.board.console.wait("eth0: leased", bound)?;
    steps::health_on_the_lan(scene)?;
    steps::status(scene)?;
    Ok(())
}

fn set_address(scene: &Scene, last: u8) -> Outcome {
    let settings = CarrierSettings {
        remote: std::net::Ipv4Addr::new(203, 0, 113, last),
        ..CarrierSettings::default()
    };
    Ok(scene.carrier.set(settings)?)
}

/// Returns pseudo-random bytes, identical in each run.
fn noise(length: usize) -> Vec<u8> {
    let mut dice = Dice(1);
    (0..length).map(|_| dice.roll().to_le_bytes()[0]).collect()
}

/// Linear congruential generator (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u32 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.0 = self
            .0
            .wrapping_mul(FACTOR)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}
