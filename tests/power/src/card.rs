//! Simulated card: durable sectors, unflushed writes, and the moment of the power loss.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{self, Error},
    ops::Range,
    rc::Rc,
};

use failberry_environment::{Disk, SECTOR, Slots, Stored};
use failberry_state::Slot;

use crate::{random::Random, store::Store};

/// Magic of a flattened image tree (FIT); its size follows, big endian.
const FIT: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];

/// Predicate: whether an image is complete.
pub type ImageCheck = Rc<dyn Fn(&[u8]) -> bool>;

/// Layout of the card, and the check of images.
#[derive(Clone)]
pub struct Geometry {
    /// The first byte of slot A and of slot B.
    pub slots: [u64; 2],
    /// Bytes of one.
    pub slot: u64,
    /// Whether U-Boot would accept the hashes in an image.
    pub is_complete: ImageCheck,
    /// Bytes of an erase block; 0 if the card only loses sectors.
    pub erase_block: u64,
    /// Ranges that the box never writes and cannot boot without: boot record and boot files.
    pub fixed: Vec<Range<u64>>,
}

type Sector = [u8; SECTOR];

struct Inner {
    geometry: Geometry,
    /// Durable content of the card.
    durable: Store,
    /// Initial content of the fixed ranges.
    fixed: Vec<Vec<u8>>,
    /// Writes since the last flush, in order.
    pending: Vec<(usize, Sector)>,
    /// Number of sectors written so far.
    written: u32,
    /// Sector writes until the power loss.
    writes_left: Option<u32>,
    /// Sector whose writes are ignored.
    ignored_sector: Option<usize>,
}

/// Simulated card; clones share its content.
#[derive(Clone)]
pub struct Card(Rc<RefCell<Inner>>);

impl Card {
    /// Creates a card with this content.
    pub fn new(bytes: &[u8], geometry: Geometry) -> Self {
        Self::of(Store::new(bytes), geometry)
    }

    /// Returns an independent card with the durable content, and nothing pending.
    #[must_use]
    pub fn copy(&self) -> Self {
        let inner = self.0.borrow();
        Self::of(inner.durable.clone(), inner.geometry.clone())
    }

    fn of(durable: Store, geometry: Geometry) -> Self {
        let fixed = geometry.fixed.iter().map(|range| bytes(&durable, range));
        let fixed = fixed.collect();
        Self(Rc::new(RefCell::new(Inner {
            geometry,
            durable,
            fixed,
            pending: Vec::new(),
            written: 0,
            writes_left: None,
            ignored_sector: None,
        })))
    }

    /// Returns the durable content.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().durable.to_vec()
    }

    /// Returns whether boot record and boot files are unchanged.
    pub fn has_fixed(&self) -> bool {
        let inner = self.0.borrow();
        let places = inner.geometry.fixed.iter().zip(&inner.fixed);
        places
            .into_iter()
            .all(|(range, first)| bytes(&inner.durable, range) == *first)
    }

    /// Returns the number of sectors written.
    pub fn written(&self) -> u32 {
        self.0.borrow().written
    }

    /// Writes `bytes` to a slot, durably.
    pub fn fill(&self, slot: Slot, bytes: &[u8]) {
        let at = usize::try_from(self.offset(slot)).unwrap();
        self.0.borrow_mut().durable.write(at, bytes);
    }

    /// Schedules the power loss after `sectors` more sector writes.
    pub fn lose_power_after(&self, sectors: u32) {
        self.0.borrow_mut().writes_left = Some(sectors);
    }

    /// Silently ignores writes to sector `number` of `slot`.
    pub fn ignore_writes_to(&self, slot: Slot, number: usize) {
        let first = usize::try_from(self.offset(slot)).unwrap() / SECTOR;
        self.0.borrow_mut().ignored_sector = Some(first + number);
    }

    /// Restores the power and decides the fate of unflushed writes: each sector is old, as written,
    /// or torn. Then each erase block with such a sector is unchanged, erased, partly erased, or
    /// noise: a card rewrites a whole block to change one sector.
    pub fn restore_power(&self, seed: u64) {
        let mut inner = self.0.borrow_mut();
        let mut random = Random(seed);
        let pending = std::mem::take(&mut inner.pending);
        let mut blocks = BTreeSet::new();
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
            // Written from either end.
            let range = if random.below(2) == 0 {
                0..written
            } else {
                SECTOR - written..SECTOR
            };
            inner.durable.write(at + range.start, &content[range]);
            blocks.extend(at.checked_div(usize::try_from(inner.geometry.erase_block).unwrap()));
        }
        // The first two seeds lose no block, the third loses every one.
        for block in blocks {
            match seed {
                0 | 1 => {}
                2 => inner.lose(block, 0, 4, &mut random),
                _ => {
                    let [first, length] = [random.below(4), random.below(5)];
                    inner.lose(block, first, length, &mut random);
                }
            }
        }
        inner.writes_left = None;
    }

    /// Returns the image in a slot, if U-Boot would start it.
    pub fn image(&self, slot: Slot) -> Option<Vec<u8>> {
        let geometry = self.0.borrow().geometry.clone();
        let mut bytes = vec![0; usize::try_from(geometry.slot).unwrap()];
        Part::slot(self, slot).read_at(0, &mut bytes).unwrap();
        let rest = bytes.strip_prefix(&FIT)?;
        let size = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        bytes.truncate(size);
        (bytes.len() == size && (geometry.is_complete)(&bytes)).then_some(bytes)
    }

    /// Returns the slot state in the U-Boot environment.
    pub fn slots(&self) -> Slots {
        let stored = Stored::read(&Part::whole(self)).unwrap();
        Slots::of(&stored.environment).unwrap()
    }

    fn offset(&self, slot: Slot) -> u64 {
        let [a, b] = self.0.borrow().geometry.slots;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }
}

/// The card or one of its partitions.
pub struct Part {
    card: Card,
    start: u64,
}

impl Part {
    /// Returns the whole card.
    pub fn whole(card: &Card) -> Self {
        Self {
            card: card.clone(),
            start: 0,
        }
    }

    /// Returns a slot of the card.
    pub fn slot(card: &Card, slot: Slot) -> Self {
        Self {
            card: card.clone(),
            start: card.offset(slot),
        }
    }
}

impl Inner {
    /// Loses `length` quarters of an erase block from the quarter `first` on: they read as erased,
    /// or as noise.
    fn lose(&mut self, block: usize, first: usize, length: usize, random: &mut Random) {
        let size = usize::try_from(self.geometry.erase_block).unwrap();
        let quarter = size / 4;
        let begin = block * size + first * quarter;
        let end = (begin + length * quarter).min((block + 1) * size);
        let end = end.min(self.durable.len());
        let noise = [0xFF, 0x00, 0x5A][random.below(3)];
        self.durable
            .write(begin, &vec![noise; end.saturating_sub(begin)]);
    }

    fn sector(&self, number: usize) -> Sector {
        let written = self.pending.iter().rev().find(|it| it.0 == number);
        written.map_or_else(
            || {
                let mut sector = [0; SECTOR];
                self.durable.read(number * SECTOR, &mut sector);
                sector
            },
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
            if inner.ignored_sector != Some(number) {
                // The write during which the power fails may be torn as well.
                inner.pending.push((number, sector));
            }
            inner.written += 1;
            match &mut inner.writes_left {
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
        if inner.writes_left == Some(0) {
            return Err(Error::other("no power"));
        }
        for (number, content) in std::mem::take(&mut inner.pending) {
            inner.durable.write(number * SECTOR, &content);
        }
        Ok(())
    }
}

fn bytes(store: &Store, range: &Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
    store.read(usize::try_from(range.start).unwrap(), &mut bytes);
    bytes
}
