//! Slots orders on a card whose environment is the fuzzer's: it is read as U-Boot reads it, only
//! the ordered change is written, and a valid copy is never overwritten.

use std::{collections::BTreeMap, io};

use failberry_environment::{Disk, OFFSETS, SIZE, Slots, Stored, crc32};
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::slots::carry_out_on;

use super::source::Source;

/// Variables that the box writes; all others are U-Boot's.
const OURS: [&str; 3] = ["slots", "trial", "tries"];

pub fn environment(data: &[u8]) {
    let mut source = Source::new(data);
    let mut card = Card([copy(&mut source), copy(&mut source)]);
    for _ in 0..4 {
        let before = check(&card);
        let slot = source.pick(&[Slot::A, Slot::B]);
        let order = match source.octet() % 4 {
            0 => SlotsOrder::Try {
                slot,
                tries: source.octet() % 16,
            },
            1 => SlotsOrder::Confirm,
            2 => SlotsOrder::GiveUp {
                reason: String::new(),
            },
            _ => SlotsOrder::Choose { slot },
        };
        let running = source.pick(&[None, Some(Slot::A), Some(Slot::B)]);
        let was = card.0.clone();
        if carry_out_on(&order, running, &mut card).is_err() {
            assert!(card.0 == was, "{order:?} has failed and left traces");
            continue;
        }
        let (place, before) = before.expect("nobody obeys without an environment");
        assert!(
            card.0[place] == was[place],
            "the valid copy is written over"
        );
        let (_, after) = check(&card).expect("an environment");
        assert_eq!(others(&after), others(&before), "{order:?}");
        let slots = Slots::of(&Stored::read(&card).unwrap().environment).unwrap();
        match order {
            SlotsOrder::Try { slot, tries } => {
                assert_eq!((slots.trial, slots.tries), (Some(slot), tries.min(9)));
                assert_eq!(slots.order, [slot.other(), slot]);
            }
            SlotsOrder::Choose { slot } => assert_eq!(slots.order, [slot, slot.other()]),
            SlotsOrder::Confirm => assert_eq!(slots.order.first().copied(), running),
            SlotsOrder::GiveUp { .. } => assert_eq!(slots.trial, None),
        }
    }
}

/// Creates one copy: all of it is the fuzzer's, or all but the checksum.
fn copy(source: &mut Source<'_>) -> Vec<u8> {
    let is_valid = !source.octet().is_multiple_of(8);
    let serial = source.octet();
    let length = usize::from(source.word()) % 1024;
    // A list that ends somewhere, or one that fills all there is.
    let filler = source.pick(&[0, 0, 0, b'x']);
    let mut bytes = vec![0, 0, 0, 0, serial];
    bytes.extend_from_slice(source.take(length));
    bytes.resize(SIZE, filler);
    if is_valid {
        let sum = crc32(&bytes[5..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

type Variables = BTreeMap<Vec<u8>, Vec<u8>>;

fn others(variables: &Variables) -> Variables {
    let mut others = variables.clone();
    others.retain(|name, _| OURS.iter().all(|ours| name != ours.as_bytes()));
    others
}

/// Returns the copy that U-Boot takes and its variables, which must equal what this crate reads.
fn check(card: &Card) -> Option<(usize, Variables)> {
    let is_valid = |copy: &[u8]| copy[..4] == crc32(&copy[5..]).to_le_bytes();
    let place = match [is_valid(&card.0[0]), is_valid(&card.0[1])] {
        [false, false] => None,
        [true, false] => Some(0),
        [false, true] => Some(1),
        // env_check_redund() of U-Boot, in its order.
        [true, true] => Some(match (card.0[0][4], card.0[1][4]) {
            (255, 0) => 1,
            (0, 255) => 0,
            (first, second) if first > second => 0,
            (first, second) if second > first => 1,
            _ => 0,
        }),
    };
    let read = Stored::read(card);
    let Some(place) = place else {
        read.expect_err("no copy is valid");
        return None;
    };
    let environment = read.expect("a copy is valid").environment;
    let variables = imported(&card.0[place][5..]);
    for name in OURS {
        let theirs = variables.get(name.as_bytes());
        let theirs = theirs.and_then(|value| std::str::from_utf8(value).ok());
        assert_eq!(environment.get(name), theirs, "{name}");
    }
    Some((place, variables))
}

/// Parses the data as U-Boot's `himport_r` does, except for the backslashes that it removes.
fn imported(data: &[u8]) -> Variables {
    let mut variables = Variables::new();
    for entry in data.split(|octet| *octet == 0) {
        if entry.is_empty() {
            break;
        }
        let begin = entry.iter().position(|octet| !b" \t".contains(octet));
        let entry = &entry[begin.unwrap_or(entry.len())..];
        if entry.first() == Some(&b'#') {
            continue;
        }
        let end = entry.iter().position(|octet| *octet == b'=');
        let (name, value) = entry.split_at(end.unwrap_or(entry.len()));
        match value.get(1..).filter(|value| !value.is_empty()) {
            Some(value) => variables.insert(name.to_vec(), value.to_vec()),
            // A name without a value deletes the variable.
            None => variables.remove(name),
        };
    }
    variables
}

/// Card that consists of the two copies only.
#[derive(Debug)]
struct Card([Vec<u8>; 2]);

impl Card {
    fn place(at: u64, length: usize) -> (usize, std::ops::Range<usize>) {
        let copy = usize::from(at >= OFFSETS[1]);
        let begin = usize::try_from(at - OFFSETS[copy]).unwrap();
        (copy, begin..begin + length)
    }
}

impl Disk for Card {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (copy, range) = Self::place(at, into.len());
        into.copy_from_slice(&self.0[copy][range]);
        Ok(())
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (copy, range) = Self::place(at, bytes.len());
        self.0[copy][range].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
