//! Power-loss scene: boots cards whose power failed during an update. Real U-Boot on the emulated
//! Pi must start the slot that the rules of its script select.
//!
//! The cuts are those of `firmware/update/tests/power_cut.rs`, which simulates thousands of them
//! without booting; this scene boots a few, chosen at random from the seed, which is printed first.

use std::{fs, path::Path, rc::Rc};

use failberry_bench::{
    board::{self, Board},
    net::TestNetwork,
    scene::{Kind, Layout, Role, Settings, flash, layout, repository, rpi2},
};
use failberry_environment::{Slots, Stored};
use failberry_image::cpio::{Node, Tree};
use failberry_power::{Card, Geometry, Part, UBoot, Update};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::BLOCK;
use fastrand::Rng;

use crate::{
    Suite, slot,
    suite::{self, Outcome, expect},
};

/// Name of the scene.
pub const SCENE: &str = "power-cut";

/// Longest time of a boot: U-Boot may read a damaged slot and then the other, half a minute each; a
/// busy host takes longer.
const BOUND: std::time::Duration = std::time::Duration::from_secs(300);

/// Number of last sector writes of an update run, in which the image becomes valid and the
/// environment is saved by the box, by U-Boot, and by the box again: 32 sectors each.
const SAVES: u32 = 100;

/// Options of the scene.
pub struct Choice {
    /// Seed of the random sequence; from the clock if `None`.
    pub seed: Option<u64>,
    /// Number of cards.
    pub cards: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            seed: None,
            cards: 6,
        }
    }
}

/// Runs the scene.
pub fn run(suite: &mut Suite, choice: &Choice) {
    if !suite.selects(SCENE) {
        return;
    }
    let seed = choice.seed.unwrap_or_else(suite::seed_by_clock);
    println!("\nscene {SCENE}, seed {seed}, {} cards", choice.cards);
    let directory = repository().join("out/system").join(SCENE);
    let prepared = Bench::new(&directory).and_then(|bench| {
        let lengths = bench.lengths()?;
        Ok((bench, lengths))
    });
    let (bench, lengths) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return suite.fail_setup(SCENE, &error.to_string()),
    };
    let mut random = Rng::with_seed(seed);
    for _ in 0..choice.cards {
        let cut = Cut::any(&mut random, &lengths);
        suite.step(&format!("{cut:?}"), &directory, || bench.boot(&cut));
    }
}

/// Content of slot B when the update begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Empty,
    Complete,
    /// It is the first in order, but slot A runs.
    Damaged,
}

const OTHERS: [Other; 3] = [Other::Empty, Other::Complete, Other::Damaged];

/// Update run and its power loss. Printed as the step's name.
#[derive(Clone, Copy, Debug)]
struct Cut {
    other: Other,
    confirms: bool,
    /// Sector writes until the power fails.
    after: u32,
    /// Seed for the fate of unflushed sectors.
    fate: u64,
}

impl Cut {
    /// Returns a random cut; half of them while the environment is saved, which is when the slots
    /// change.
    fn any(random: &mut Rng, lengths: &[u32; 3]) -> Self {
        let which = random.usize(0..OTHERS.len());
        let all = lengths.get(which).copied().unwrap_or_default();
        let first = if random.bool() { all - SAVES } else { 0 };
        Self {
            other: OTHERS.get(which).copied().unwrap_or(Other::Empty),
            confirms: random.bool(),
            after: random.u32(first..all),
            fate: random.u64(..),
        }
    }

    fn ends(self) -> SlotsOrder {
        if self.confirms {
            SlotsOrder::Confirm
        } else {
            SlotsOrder::GiveUp {
                reason: String::new(),
            }
        }
    }
}

/// Shipped card, an update for it, and a network for the board.
struct Bench {
    directory: std::path::PathBuf,
    network: TestNetwork,
    shipped: Vec<u8>,
    geometry: Geometry,
    update: Update,
}

impl Bench {
    fn new(directory: &Path) -> Outcome<Self> {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
        let path = directory.join("card.img");
        flash(Kind::Rpi2, &path, &Settings::default().text(""))?;
        let shipped = fs::read(&path)?;
        let layout = layout()?;
        let [a, b] = [
            layout.partition(Role::SlotA)?,
            layout.partition(Role::SlotB)?,
        ];
        let mut geometry = Geometry {
            slots: [a.bytes().start, b.bytes().start],
            slot: a.size(),
            is_complete: Rc::new(|_| true),
            erase_block: layout.erase_block(),
            fixed: fixed(&layout)?,
        };
        let old = Card::new(&shipped, geometry.clone())
            .image(Slot::A)
            .ok_or("the shipped card has no slot A")?;
        let update = Update::new(old, another()?, BLOCK);
        // U-Boot checks the hashes of the parts, which only these two have right.
        let known = [update.old.clone(), update.new.clone()];
        geometry.is_complete = Rc::new(move |image| known.iter().any(|it| it == image));
        Ok(Self {
            directory: directory.to_owned(),
            network: TestNetwork::create("fbq")?,
            shipped,
            geometry,
            update,
        })
    }

    /// Returns a card that runs from slot A.
    fn card(&self, other: Other) -> Outcome<Card> {
        let card = Card::new(&self.shipped, self.geometry.clone());
        match other {
            Other::Empty => {}
            Other::Complete => card.fill(Slot::B, &self.update.old),
            Other::Damaged => {
                card.fill(Slot::B, &self.update.old);
                card.fill(Slot::B, &[0xFF; 4096]);
                let mut whole = Part::whole(&card);
                let mut stored = Stored::read(&whole)?;
                let mut slots = Slots::of(&stored.environment)?;
                slots.prefer(Slot::B);
                slots.put(&mut stored.environment);
                stored.save(&mut whole)?;
            }
        }
        Ok(card.copy())
    }

    /// Returns the sectors written in a complete update run, for each kind of slot B.
    fn lengths(&self) -> Outcome<[u32; 3]> {
        let mut lengths = [0; 3];
        for (other, length) in OTHERS.into_iter().zip(&mut lengths) {
            let card = self.card(other)?;
            self.update
                .run_until_power_loss(&card, &SlotsOrder::Confirm);
            *length = card.written();
        }
        Ok(lengths)
    }

    fn boot(&self, cut: &Cut) -> Outcome {
        let card = self.card(cut.other)?;
        card.lose_power_after(cut.after);
        let reached = self.update.run_until_power_loss(&card, &cut.ends());
        card.restore_power(cut.fate);
        let path = self.directory.join("card.img");
        fs::write(&path, card.bytes())?;

        let (slot, _) = UBoot::start(&card).ok_or("by its rules U-Boot starts nothing")?;
        println!("       the power went at {reached:?}; slot {slot} is to start");
        let machine = rpi2(board::Card::sound(path.clone()))?;
        let board = Board::boot(machine, &self.network, &self.directory)?;
        let said = board.console.wait("is PID 1", BOUND)?;
        let started = said.rsplit(' ').next().unwrap_or_default().to_owned();
        // The box does not change the environment before it has run for a while.
        let stored = Stored::read(&fs::File::open(&path)?)?;
        expect("the slot that starts", slot.name(), started.trim())?;
        let slots = Slots::of(&stored.environment)?;
        expect("what U-Boot has written down", card.slots(), slots.clone())?;
        if slots.trial != Some(slot) {
            return Ok(());
        }
        // The data partition has no record of the update: only U-Boot knows that it is on trial.
        let console = &board.console;
        console.wait("of which the card remembers nothing", BOUND)?;
        console.wait("was confirmed", BOUND)?;
        let stored = Stored::read(&fs::File::open(&path)?)?;
        let confirmed = Slots::of(&stored.environment)?;
        expect("the trial", None, confirmed.trial)?;
        expect(
            "the slot to come first",
            Some(&slot),
            confirmed.order.first(),
        )
    }
}

/// Returns the boot record, and the part of the boot partition that holds the boot files.
fn fixed(layout: &Layout) -> Outcome<Vec<std::ops::Range<u64>>> {
    let boot = layout.partition(Role::Boot)?.bytes();
    Ok(vec![0..512, boot.start..boot.start + layout.erase_block()])
}

/// Returns the built image with a file added at the front of its userland, so that all later bytes
/// differ.
fn another() -> Outcome<Vec<u8>> {
    let mut tree = Tree::default();
    tree.put("another", Node::File(0o644, b"another".to_vec()));
    let mut userland = tree.to_archive(0);
    userland.extend(fs::read(repository().join("out/rpi2/userland.cpio.zst"))?);
    slot::with_userland(&userland)
}
