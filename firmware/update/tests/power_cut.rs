//! Simulated power cuts at every write of an update, of U-Boot's own save and of the confirmation:
//! whichever sectors are lost, torn or reordered, the card starts a complete image.

// Tests stop with a panic at the unexpected.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod card;

use card::BLOCK;
use failberry_power::{Card, Part, UBoot, Update, UpdateStage};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::{install, slots::carry_out_on};
use proptest::prelude::*;

/// Uneven, so that the last block and its last sector are not full.
const IMAGE: usize = 20 * 1024 + 77;

struct World(Update);

impl World {
    fn new() -> Self {
        let [old, new] = [1, 2].map(|seed| card::image(IMAGE, seed));
        Self(Update::new(old, new, BLOCK))
    }

    /// Returns a card that starts the old image from slot A, with something else in slot B.
    fn card(&self, order: &str) -> Card {
        self.filled(card::card(order))
    }

    fn filled(&self, card: Card) -> Card {
        card.fill(Slot::A, &self.0.old);
        card.fill(Slot::B, &card::image(IMAGE, 3));
        card
    }

    /// Restores the power and starts, several times.
    fn check(
        &self,
        card: &Card,
        reached: UpdateStage,
        confirms: bool,
    ) -> Result<(), TestCaseError> {
        let old = (Slot::A, self.0.old.clone());
        let new = (Slot::B, self.0.new.clone());
        for start in 0..4 {
            let started = UBoot::start(card);
            prop_assert!(started.is_some(), "start {start}: nothing starts");
            let started = started.unwrap();
            prop_assert!(
                started == old || started == new,
                "start {start}: an image that is neither"
            );
            let decided = if confirms { &new } else { &old };
            match reached {
                UpdateStage::Writing if start == 3 => prop_assert!(started == old),
                // An unconfirmed start must not repeat for ever.
                UpdateStage::Tried if start == 3 => prop_assert!(started == old),
                UpdateStage::Decided => prop_assert!(started == *decided),
                _ => {}
            }
        }
        Ok(())
    }
}

fn orders() -> [(SlotsOrder, bool); 2] {
    let reason = "test".to_owned();
    [
        (SlotsOrder::Confirm, true),
        (SlotsOrder::GiveUp { reason }, false),
    ]
}

#[test]
fn power_cut_at_any_write_leaves_a_bootable_card() {
    let world = World::new();
    let mut points = 0;
    let mut seen = Vec::new();
    for order in ["a b", "b a"] {
        for (ends, confirms) in orders() {
            let mut cut = 0;
            loop {
                let mut reached = UpdateStage::Decided;
                // The loss differs each time: none, all, and a mixture.
                for seed in 0..9 {
                    let card = world.card(order);
                    if order == "b a" {
                        // Slot A runs although B comes first: B was damaged.
                        card.fill(Slot::B, &[0xFF; 4096]);
                    }
                    card.lose_power_after(cut);
                    reached = world.0.run_until_power_loss(&card, &ends);
                    card.restore_power(seed);
                    world.check(&card, reached, confirms).unwrap_or_else(|error| {
                        panic!("cut after {cut} sectors, seed {seed}, {order}, {ends:?}, {reached:?}: {error}")
                    });
                    points += 1;
                }
                seen.push(reached);
                if reached == UpdateStage::Decided {
                    break;
                }
                cut += 1;
            }
        }
    }
    println!("{points} power cuts");
    assert!(points > 5000, "{points}");
    for reached in [
        UpdateStage::Writing,
        UpdateStage::Tried,
        UpdateStage::Restarted,
        UpdateStage::Decided,
    ] {
        assert!(seen.contains(&reached), "no cut while {reached:?}");
    }
}

/// Checks the model itself: with both slots in one erase block, or blocks so large that the copies
/// of the environment and the boot record share one, some cut leaves nothing that starts.
#[test]
fn model_detects_shared_erase_blocks() {
    let world = World::new();
    let (confirm, confirms) = (SlotsOrder::Confirm, true);
    let block = card::ERASE_BLOCK;
    for (slots, erase_block) in [
        ([3 * block, 3 * block + block / 2], block),
        ([4 * block, 8 * block], 4 * block),
    ] {
        let plain = card::with_slots_at(slots, erase_block);
        let mut failed = 0;
        for cut in 0.. {
            let mut reached = UpdateStage::Decided;
            for seed in 0..9 {
                let card = world.filled(plain.copy());
                card.lose_power_after(cut);
                reached = world.0.run_until_power_loss(&card, &confirm);
                card.restore_power(seed);
                failed += u32::from(world.check(&card, reached, confirms).is_err());
            }
            if reached == UpdateStage::Decided {
                break;
            }
        }
        println!("{failed} cuts leave a card that does not start");
        assert!(failed > 50, "{slots:?} {erase_block}: {failed}");
    }
}

/// Orders of one test run.
fn any_order() -> impl Strategy<Value = SlotsOrder> {
    let slot = prop_oneof![Just(Slot::A), Just(Slot::B)];
    prop_oneof![
        (0..4_u8).prop_map(|tries| SlotsOrder::Try {
            slot: Slot::B,
            tries
        }),
        Just(SlotsOrder::Confirm),
        Just(SlotsOrder::GiveUp {
            reason: String::new()
        }),
        slot.prop_map(|slot| SlotsOrder::Choose { slot }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Saves of the environment alone, many in a row, with a cut somewhere.
    #[test]
    fn power_cut_leaves_old_or_new_environment(
        orders in proptest::collection::vec(any_order(), 1..8),
        cut in 0..300_u32,
        seed: u64,
    ) {
        let card = card::card("a b");
        card.lose_power_after(cut);
        let mut whole = Part::whole(&card);
        let mut good = card.slots();
        let mut tried = good.clone();
        for order in &orders {
            let before = good.clone();
            if carry_out_on(order, Some(Slot::A), &mut whole).is_ok() {
                good = card.slots();
                tried = good.clone();
            } else {
                tried = card::attempted(order, &before);
                break;
            }
        }
        card.restore_power(seed);
        let after = card.slots();
        prop_assert_eq!(card::other(&card), Some("kept".to_owned()));
        prop_assert!(after == good || after == tried, "{after:?} is neither {good:?} nor {tried:?}");
    }
}

#[test]
fn wrong_block_is_never_tried_and_leaves_no_image() {
    let world = World::new();
    for at in (0..IMAGE).step_by(997) {
        let card = world.card("a b");
        let mut wrong = world.0.new.clone();
        wrong[at] ^= 1;
        let mut orders = Vec::new();
        let mut slot = Part::slot(&card, Slot::B);
        let order = |it| {
            orders.push(it);
            Ok(())
        };
        let source = &mut wrong.as_slice();
        install(&world.0.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err();
        assert!(matches!(orders.as_slice(), [SlotsOrder::GiveUp { .. }]));
        assert_eq!(card.image(Slot::B), None);
        assert_eq!(card.image(Slot::A), Some(world.0.old.clone()));
    }
}

#[test]
fn truncated_image_is_never_tried() {
    let world = World::new();
    for length in (0..IMAGE).step_by(1009) {
        let card = world.card("a b");
        let mut slot = Part::slot(&card, Slot::B);
        let mut tried = false;
        let order = |it| {
            tried |= matches!(it, SlotsOrder::Try { .. });
            Ok(())
        };
        let source = &mut &world.0.new[..length];
        let error = install(&world.0.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("broke off"), "{error}");
        assert!(!tried && card.image(Slot::B).is_none());
    }
}

#[test]
fn card_that_loses_writes_is_detected() {
    let world = World::new();
    for sector in 0..IMAGE.div_ceil(512) {
        let card = world.card("a b");
        card.ignore_writes_to(Slot::B, sector);
        let mut slot = Part::slot(&card, Slot::B);
        let mut tried = false;
        let order = |it| {
            tried |= matches!(it, SlotsOrder::Try { .. });
            Ok(())
        };
        let source = &mut world.0.new.as_slice();
        let error = install(&world.0.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("the card is failing"), "{error}");
        assert!(!tried, "sector {sector}");
    }
}
