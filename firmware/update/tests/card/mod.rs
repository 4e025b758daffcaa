//! A card in memory that loses its power, and U-Boot as `board/common/uboot.env` has it behave.

use std::{
    cell::RefCell,
    io::{self, Error},
    rc::Rc,
};

use failberry_environment::{Disk, Environment, OFFSETS, SECTOR, SIZE, Slots, Stored};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::slots::carry_out_on;

/// Bytes of a slot, and where the first begins: as on the real card, only smaller.
const SLOT: u64 = 64 * 1024;
const SLOTS: u64 = 1024 * 1024;

/// A small FIT as far as U-Boot looks at it: magic, size, and a checksum of what follows.
pub(crate) fn image(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut image = vec![0xD0, 0x0D, 0xFE, 0xED];
    image.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    image.extend_from_slice(&[0; 4]);
    image.extend((image.len()..length).map(|_| random.next().to_le_bytes()[0]));
    let sum = failberry_environment::crc32(&image[12..]);
    image[8..12].copy_from_slice(&sum.to_le_bytes());
    image
}

/// What is enough to choose sectors by (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

type Sector = [u8; SECTOR];

struct Inner {
    /// What is on the card for good.
    kept: Vec<u8>,
    /// Writes since the last flush, in their order.
    pending: Vec<(usize, Sector)>,
    /// Sector writes until the power goes.
    left: Option<u32>,
    /// A sector that stays as it is.
    stuck: Option<usize>,
}

/// The card.
#[derive(Clone)]
pub(crate) struct Card(Rc<RefCell<Inner>>);

impl Card {
    /// An environment with that order of slots, and nothing else.
    pub(crate) fn new(order: &str) -> Self {
        let mut kept = vec![0xFF; usize::try_from(SLOTS + 2 * SLOT).unwrap()];
        let entries = [&format!("slots={order}"), "trial=", "tries=0", "other=kept"];
        for (at, serial) in OFFSETS.into_iter().zip([1, 0]) {
            let at = usize::try_from(at).unwrap();
            let copy = Environment::new(&entries).copy(SIZE, serial).unwrap();
            kept[at..at + SIZE].copy_from_slice(&copy);
        }
        Self(Rc::new(RefCell::new(Inner {
            kept,
            pending: Vec::new(),
            left: None,
            stuck: None,
        })))
    }

    /// Puts `bytes` into a slot.
    pub(crate) fn fill(&self, slot: Slot, bytes: &[u8]) {
        let at = usize::try_from(offset(slot)).unwrap();
        self.0.borrow_mut().kept[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The power goes when so many sectors have been written.
    pub(crate) fn cut_after(&self, sectors: u32) {
        self.0.borrow_mut().left = Some(sectors);
    }

    /// Sector `number` of `slot` stays as it is, without a word.
    pub(crate) fn lose_writes_to(&self, slot: Slot, number: usize) {
        let first = usize::try_from(offset(slot)).unwrap() / SECTOR;
        self.0.borrow_mut().stuck = Some(first + number);
    }

    /// Of what was not flushed, each sector is the old one, one of those written, or torn.
    pub(crate) fn power_comes_back(&self, seed: u64) {
        let mut inner = self.0.borrow_mut();
        let mut random = Random(seed);
        let pending = std::mem::take(&mut inner.pending);
        for (sector, content) in pending {
            let fate = match seed {
                0 => 0,
                1 => 1,
                _ => random.below(3),
            };
            let written = match fate {
                0 => 0,
                1 => SECTOR,
                _ => random.below(SECTOR),
            };
            let at = sector * SECTOR;
            // From one end or the other.
            let range = if random.below(2) == 0 {
                0..written
            } else {
                SECTOR - written..SECTOR
            };
            inner.kept[at + range.start..at + range.end].copy_from_slice(&content[range]);
        }
        inner.left = None;
    }

    /// The image in a slot, where U-Boot would start it.
    pub(crate) fn image(&self, slot: Slot) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(SLOT).unwrap()];
        Part::slot(self, slot).read_at(0, &mut bytes).unwrap();
        let rest = bytes.strip_prefix(&[0xD0, 0x0D, 0xFE, 0xED])?;
        let size = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let image = bytes.get(..size).filter(|it| it.len() > 12)?;
        let sum = u32::from_le_bytes(*image[8..].first_chunk()?);
        (sum == failberry_environment::crc32(&image[12..])).then(|| image.to_vec())
    }

    /// What the environment says.
    pub(crate) fn slots(&self) -> Slots {
        let stored = Stored::read(&Part::whole(self)).unwrap();
        assert_eq!(stored.environment.get("other"), Some("kept"));
        Slots::of(&stored.environment).unwrap()
    }

    /// What `order` would have made of `before`, had the power not gone.
    pub(crate) fn attempted(order: &SlotsOrder, before: &Slots) -> Slots {
        let other = Self::new("a b");
        let mut whole = Part::whole(&other);
        let mut stored = Stored::read(&whole).unwrap();
        before.put(&mut stored.environment);
        stored.save(&mut whole).unwrap();
        carry_out_on(order, Some(Slot::A), &mut whole).unwrap();
        other.slots()
    }
}

fn offset(slot: Slot) -> u64 {
    match slot {
        Slot::A => SLOTS,
        Slot::B => SLOTS + SLOT,
    }
}

/// The card or one of its partitions.
pub(crate) struct Part {
    card: Card,
    start: u64,
}

impl Part {
    /// All of it.
    pub(crate) fn whole(card: &Card) -> Self {
        Self {
            card: card.clone(),
            start: 0,
        }
    }

    /// A slot.
    pub(crate) fn slot(card: &Card, slot: Slot) -> Self {
        Self {
            card: card.clone(),
            start: offset(slot),
        }
    }
}

impl Inner {
    fn sector(&self, number: usize) -> Sector {
        let written = self.pending.iter().rev().find(|it| it.0 == number);
        written.map_or_else(
            || self.kept[number * SECTOR..][..SECTOR].try_into().unwrap(),
            |it| it.1,
        )
    }
}

impl Disk for Part {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let inner = self.card.0.borrow();
        let mut at = usize::try_from(self.start + at).unwrap();
        let mut rest = into;
        while !rest.is_empty() {
            let begin = at % SECTOR;
            let length = rest.len().min(SECTOR - begin);
            let (now, after) = rest.split_at_mut(length);
            now.copy_from_slice(&inner.sector(at / SECTOR)[begin..begin + length]);
            at += length;
            rest = after;
        }
        Ok(())
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.card.0.borrow_mut();
        let mut at = usize::try_from(self.start + at).unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, begin) = (at / SECTOR, at % SECTOR);
            let (now, after) = rest.split_at(rest.len().min(SECTOR - begin));
            let mut sector = inner.sector(number);
            sector[begin..begin + now.len()].copy_from_slice(now);
            if inner.stuck != Some(number) {
                // The one during which the power goes may be torn as well.
                inner.pending.push((number, sector));
            }
            match &mut inner.left {
                Some(0) => return Err(Error::other("no power")),
                Some(left) => *left -= 1,
                None => {}
            }
            at += now.len();
            rest = after;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut inner = self.card.0.borrow_mut();
        if inner.left == Some(0) {
            return Err(Error::other("no power"));
        }
        for (number, content) in std::mem::take(&mut inner.pending) {
            inner.kept[number * SECTOR..][..SECTOR].copy_from_slice(&content);
        }
        Ok(())
    }
}

/// The rules of `choose` and `start_slot`.
pub(crate) struct UBoot;

impl UBoot {
    /// The slot that is started and its image; none without power, or where nothing starts.
    pub(crate) fn start(card: &Card) -> Option<(Slot, Vec<u8>)> {
        let mut whole = Part::whole(card);
        let mut stored = Stored::read(&whole).ok()?;
        let mut slots = Slots::of(&stored.environment).ok()?;
        let mut order = slots.order.clone();
        if let Some(trial) = slots.trial {
            if slots.tries > 0 {
                slots.tries -= 1;
                order.insert(0, trial);
            } else {
                slots.trial = None;
            }
            slots.put(&mut stored.environment);
            stored.save(&mut whole).ok()?;
        }
        order
            .into_iter()
            .find_map(|slot| Some((slot, card.image(slot)?)))
    }
}
