//! Model of the real card, only smaller, and images for it.

use std::rc::Rc;

use failberry_environment::{Environment, OFFSETS, SIZE, Slots, Stored, crc32};
use failberry_power::{Card, Geometry, Part};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::slots::carry_out_on;

/// Length of a slot in bytes.
const SLOT: u64 = 64 * 1024;

/// Length of an erase block in bytes: the distance by which the layout separates things.
pub(crate) const ERASE_BLOCK: u64 = 8 * 1024 * 1024;

/// Offsets of the slots, each in an erase block of its own, as on the real card.
const SLOTS: [u64; 2] = [3 * ERASE_BLOCK, 4 * ERASE_BLOCK];

/// Length of a bundle's block in bytes.
pub(crate) const BLOCK: u32 = 2048;

/// Returns a small FIT as far as U-Boot checks it: magic, size, and a checksum of what follows.
pub(crate) fn image(length: usize, seed: u8) -> Vec<u8> {
    let mut image = vec![0xD0, 0x0D, 0xFE, 0xED];
    image.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    image.extend_from_slice(&[0; 4]);
    let mut sum = u32::from(seed);
    while image.len() < length {
        sum = crc32(&sum.to_le_bytes());
        image.extend_from_slice(&sum.to_le_bytes());
    }
    image.truncate(length);
    let sum = crc32(&image[12..]);
    image[8..12].copy_from_slice(&sum.to_le_bytes());
    image
}

fn is_complete(image: &[u8]) -> bool {
    let parts = image.split_at_checked(12);
    parts.is_some_and(|(head, rest)| !rest.is_empty() && head[8..] == crc32(rest).to_le_bytes())
}

thread_local! {
    static PLAIN: Card = with_slots_at(SLOTS, ERASE_BLOCK);
}

/// Returns a card with an environment of that order of slots, and nothing else.
pub(crate) fn card(order: &str) -> Card {
    let card = PLAIN.with(Card::copy);
    let mut whole = Part::whole(&card);
    let mut stored = Stored::read(&whole).unwrap();
    stored.environment.set("slots", order);
    stored.save(&mut whole).unwrap();
    card.copy()
}

/// Returns a card with an environment and empty slots at those offsets, with this erase block.
pub(crate) fn with_slots_at(slots: [u64; 2], erase_block: u64) -> Card {
    let mut bytes = vec![0xFF; usize::try_from(slots[1] + SLOT).unwrap()];
    let entries = ["slots=a b", "trial=", "tries=0", "other=kept"];
    for (at, serial) in OFFSETS.into_iter().zip([1, 0]) {
        let at = usize::try_from(at).unwrap();
        let copy = Environment::new(&entries).copy(SIZE, serial).unwrap();
        bytes[at..at + SIZE].copy_from_slice(&copy);
    }
    let geometry = Geometry {
        slots,
        slot: SLOT,
        is_complete: Rc::new(is_complete),
        erase_block,
        // The boot record.
        fixed: std::iter::once(0..512).collect(),
    };
    Card::new(&bytes, geometry)
}

/// A variable that belongs to others and must stay.
pub(crate) fn other(card: &Card) -> Option<String> {
    let stored = Stored::read(&Part::whole(card)).unwrap();
    stored.environment.get("other").map(str::to_owned)
}

/// Returns what `order` would have made of `before` without the power cut.
pub(crate) fn attempted(order: &SlotsOrder, before: &Slots) -> Slots {
    let card = card("a b");
    let mut whole = Part::whole(&card);
    let mut stored = Stored::read(&whole).unwrap();
    before.put(&mut stored.environment);
    stored.save(&mut whole).unwrap();
    carry_out_on(order, Some(Slot::A), &mut whole).unwrap();
    card.slots()
}
