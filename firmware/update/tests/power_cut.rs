//! Power cuts at every write of an update, of U-Boot's own and of the confirmation: whatever
//! sectors are lost, torn or written in another order, the card starts a complete image.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod card;

use card::{Card, Part, UBoot};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::{Header, Signer, Unverified, Version, install, slots::carry_out_on};
use proptest::prelude::*;

/// Uneven, so that the last block and its last sector are not full.
const IMAGE: usize = 20 * 1024 + 77;

const BLOCK: u32 = 2048;

struct World {
    header: Header,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// How far the box came before its power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Writing,
    Tried,
    Restarted,
    Decided,
}

impl World {
    fn new() -> Self {
        let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
        let [old, new] = [1, 2].map(|seed| card::image(IMAGE, seed));
        let mut bundle = Vec::new();
        let version = Version([2, 0, 0]);
        signer
            .bundle("rpi2", version, BLOCK, || Ok(new.as_slice()), &mut bundle)
            .unwrap();
        let header = Unverified::read(&mut bundle.as_slice())
            .unwrap()
            .verify(&[signer.public()])
            .unwrap();
        Self { header, old, new }
    }

    /// A card that starts the old image from slot A, with something else in slot B.
    fn card(&self, order: &str) -> Card {
        let card = Card::new(order);
        card.fill(Slot::A, &self.old);
        card.fill(Slot::B, &card::image(IMAGE, 3));
        card
    }

    /// An update, the restart by U-Boot, and what the new image decides, until the power goes.
    fn live(&self, card: &Card, ends: &SlotsOrder) -> Reached {
        let mut whole = Part::whole(card);
        let mut slot = Part::slot(card, Slot::B);
        let order = |order: SlotsOrder| {
            carry_out_on(&order, Some(Slot::A), &mut whole).map_err(|it| it.to_string())
        };
        let source = &mut self.new.as_slice();
        if install(
            &self.header,
            (Slot::B, &mut slot),
            source,
            order,
            |_| Ok(()),
        )
        .is_err()
        {
            return Reached::Writing;
        }
        match UBoot::start(card) {
            None => return Reached::Tried,
            Some(started) => assert_eq!(started, (Slot::B, self.new.clone())),
        }
        if carry_out_on(ends, Some(Slot::B), &mut whole).is_err() {
            return Reached::Restarted;
        }
        Reached::Decided
    }

    /// The power comes back, again and again.
    fn check(&self, card: &Card, reached: Reached, confirms: bool) -> Result<(), TestCaseError> {
        let old = (Slot::A, self.old.clone());
        let new = (Slot::B, self.new.clone());
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
                Reached::Writing if start == 3 => prop_assert!(started == old),
                // A start that is not confirmed is not for ever.
                Reached::Tried if start == 3 => prop_assert!(started == old),
                Reached::Decided => prop_assert!(started == *decided),
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
fn a_cut_at_any_write_leaves_a_card_that_starts() {
    let world = World::new();
    let mut points = 0;
    let mut seen = Vec::new();
    for order in ["a b", "b a"] {
        for (ends, confirms) in orders() {
            let mut cut = 0;
            loop {
                let mut reached = Reached::Decided;
                // What is lost differs each time: none, all, and a mixture.
                for seed in 0..9 {
                    let card = world.card(order);
                    if order == "b a" {
                        // Slot A runs although B comes first: B was damaged.
                        card.fill(Slot::B, &[0xFF; 4096]);
                    }
                    card.cut_after(cut);
                    reached = world.live(&card, &ends);
                    card.power_comes_back(seed);
                    world.check(&card, reached, confirms).unwrap_or_else(|error| {
                        panic!("cut after {cut} sectors, seed {seed}, {order}, {ends:?}, {reached:?}: {error}")
                    });
                    points += 1;
                }
                seen.push(reached);
                if reached == Reached::Decided {
                    break;
                }
                cut += 1;
            }
        }
    }
    println!("{points} power cuts");
    assert!(points > 5000, "{points}");
    for reached in [
        Reached::Writing,
        Reached::Tried,
        Reached::Restarted,
        Reached::Decided,
    ] {
        assert!(seen.contains(&reached), "no cut while {reached:?}");
    }
}

/// Orders that come in one life.
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
    fn the_environment_is_the_old_or_the_new(
        orders in proptest::collection::vec(any_order(), 1..8),
        cut in 0..300_u32,
        seed: u64,
    ) {
        let card = Card::new("a b");
        card.cut_after(cut);
        let mut whole = Part::whole(&card);
        let mut good = card.slots();
        let mut tried = good.clone();
        for order in &orders {
            let before = good.clone();
            if carry_out_on(order, Some(Slot::A), &mut whole).is_ok() {
                good = card.slots();
                tried = good.clone();
            } else {
                tried = Card::attempted(order, &before);
                break;
            }
        }
        card.power_comes_back(seed);
        let after = card.slots();
        prop_assert!(after == good || after == tried, "{after:?} is neither {good:?} nor {tried:?}");
    }
}

#[test]
fn a_wrong_block_is_never_tried_and_leaves_no_image() {
    let world = World::new();
    for at in (0..IMAGE).step_by(997) {
        let card = world.card("a b");
        let mut wrong = world.new.clone();
        wrong[at] ^= 1;
        let mut orders = Vec::new();
        let mut slot = Part::slot(&card, Slot::B);
        let order = |it| {
            orders.push(it);
            Ok(())
        };
        let source = &mut wrong.as_slice();
        install(&world.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err();
        assert!(matches!(orders.as_slice(), [SlotsOrder::GiveUp { .. }]));
        assert_eq!(card.image(Slot::B), None);
        assert_eq!(card.image(Slot::A), Some(world.old.clone()));
    }
}

#[test]
fn an_image_that_ends_early_is_never_tried() {
    let world = World::new();
    for length in (0..IMAGE).step_by(1009) {
        let card = world.card("a b");
        let mut slot = Part::slot(&card, Slot::B);
        let mut tried = false;
        let order = |it| {
            tried |= matches!(it, SlotsOrder::Try { .. });
            Ok(())
        };
        let source = &mut &world.new[..length];
        let error = install(&world.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("broke off"), "{error}");
        assert!(!tried && card.image(Slot::B).is_none());
    }
}

#[test]
fn a_card_that_does_not_keep_what_is_written_is_found_out() {
    let world = World::new();
    for sector in 0..IMAGE.div_ceil(512) {
        let card = world.card("a b");
        card.lose_writes_to(Slot::B, sector);
        let mut slot = Part::slot(&card, Slot::B);
        let mut tried = false;
        let order = |it| {
            tried |= matches!(it, SlotsOrder::Try { .. });
            Ok(())
        };
        let source = &mut world.new.as_slice();
        let error = install(&world.header, (Slot::B, &mut slot), source, order, |_| {
            Ok(())
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("the card is failing"), "{error}");
        assert!(!tried, "sector {sector}");
    }
}
