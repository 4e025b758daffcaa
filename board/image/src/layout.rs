//! Where everything lies on the card: `board/layout.toml`, read and checked.

use std::{fs, ops::Range, path::Path};

use serde::Deserialize;

use crate::{Error, Result};

const MIB: u64 = 1 << 20;
/// The boot record fills the first sector.
const SECTOR: u64 = 512;

/// The whole layout.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The card itself.
    pub card: Card,
    /// U-Boot's environment.
    pub environment: Environment,
    /// Partitions 1 to 4.
    #[serde(rename = "partition")]
    pub partitions: Vec<Partition>,
}

/// The card as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Size in MiB.
    size: u64,
    /// Erase block in MiB: what lies in one may be lost as a whole when the power fails during a
    /// write to any of it.
    erase_block: u64,
    /// Disk signature in the boot record.
    pub disk_id: u32,
}

/// U-Boot's environment in raw sectors.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Byte offset of the first copy.
    pub offset: u64,
    /// Byte offset of the second copy.
    pub redundant: u64,
    /// Size of one copy in bytes.
    pub size: u64,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// FAT file system for the Pi's firmware and the laptop.
    Boot,
    /// First slot.
    SlotA,
    /// Second slot.
    SlotB,
    /// ext4 file system for what survives a restart.
    Data,
}

/// One partition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// What it is for.
    pub role: Role,
    /// Type byte in the boot record.
    #[serde(rename = "type")]
    pub kind: u8,
    start: u64,
    end: u64,
}

impl Partition {
    /// Its bytes on the card.
    pub fn bytes(&self) -> Range<u64> {
        self.start * MIB..self.end * MIB
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        (self.end - self.start) * MIB
    }
}

impl Layout {
    /// Reads and checks a layout file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let layout: Self = toml::from_str(&text).map_err(|source| Error::LayoutSyntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        layout.check()?;
        Ok(layout)
    }

    /// Size of the card in bytes.
    pub fn card_size(&self) -> u64 {
        self.card.size * MIB
    }

    /// Erase block of the card in bytes.
    pub fn erase_block(&self) -> u64 {
        self.card.erase_block * MIB
    }

    /// The partition with that role; [`Layout::read`] has made sure that there is one.
    pub fn partition(&self, role: Role) -> Result<&Partition> {
        self.partitions
            .iter()
            .find(|partition| partition.role == role)
            .ok_or_else(|| Error::Layout(format!("no partition has the role {role:?}")))
    }

    /// Everything with a place of its own, as (what, bytes).
    pub fn places(&self) -> Vec<(String, Range<u64>)> {
        let environment = &self.environment;
        let mut places = vec![("boot record".to_owned(), 0..SECTOR)];
        for (what, start) in [
            ("environment", environment.offset),
            ("redundant environment", environment.redundant),
        ] {
            places.push((
                what.to_owned(),
                start..start.saturating_add(environment.size),
            ));
        }
        for (number, partition) in (1..).zip(&self.partitions) {
            places.push((
                format!("partition {number}"),
                partition.start.saturating_mul(MIB)..partition.end.saturating_mul(MIB),
            ));
        }
        places
    }

    fn check(&self) -> Result<()> {
        let roles: Vec<_> = self.partitions.iter().map(|it| it.role).collect();
        // Linux, U-Boot and the firmware know the partitions by these numbers.
        let expected = [Role::Boot, Role::SlotA, Role::SlotB, Role::Data];
        if roles != expected {
            return Err(Error::Layout(format!(
                "expected the partitions {expected:?}, got {roles:?}"
            )));
        }
        if !self.environment.offset.is_multiple_of(SECTOR)
            || !self.environment.redundant.is_multiple_of(SECTOR)
        {
            return Err(Error::Layout(
                "the environment must begin at a sector of 512 bytes".into(),
            ));
        }
        if self.card.erase_block == 0 {
            return Err(Error::Layout("erase_block: expected 1 MiB or more".into()));
        }
        let mut places = self.places();
        places.sort_by_key(|(_, bytes)| bytes.start);
        let mut last: (&str, u64) = ("the beginning of the card", 0);
        for (what, bytes) in &places {
            if bytes.is_empty() {
                return Err(Error::Layout(format!("{what} is empty")));
            }
            if bytes.start < last.1 {
                return Err(Error::Layout(format!("{what} overlaps {}", last.0)));
            }
            last = (what, bytes.end);
        }
        self.check_erase_blocks(&places)?;
        if last.1 > self.card_size() {
            return Err(Error::Layout(format!(
                "{} ends at {} bytes, the card at {}",
                last.0,
                last.1,
                self.card_size()
            )));
        }
        Ok(())
    }

    /// Makes sure that no two of `places`, which are in order, share an erase block.
    fn check_erase_blocks(&self, places: &[(String, Range<u64>)]) -> Result<()> {
        let block = self.erase_block();
        for pair in places.windows(2) {
            let [(first, before), (second, after)] = pair else {
                continue;
            };
            let shared = after.start / block;
            if (before.end - 1) / block == shared {
                return Err(Error::Layout(format!(
                    "{second} shares the erase block at {} MiB with {first}: expected one of its own",
                    shared * self.card.erase_block
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(file: &str) -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
    }

    fn check(text: &str) -> Result<()> {
        toml::from_str::<Layout>(text).unwrap().check()
    }

    #[test]
    fn the_layout_in_the_repository_is_valid() {
        check(&board("layout.toml")).unwrap();
    }

    #[test]
    fn a_partition_over_another_or_over_the_environment_is_refused() {
        let good = board("layout.toml");
        for (from, to, says) in [
            (
                "start = 64",
                "start = 63",
                "partition 3 overlaps partition 2",
            ),
            ("offset = 0x800000", "offset = 0x1800000", "overlaps"),
            (
                "redundant = 0x1000000",
                "redundant = 0x801000",
                "overlaps environment",
            ),
            ("size = 112", "size = 111", "the card at 116391936"),
            ("offset = 0x800000", "offset = 0x800001", "sector"),
            ("erase_block = 8", "erase_block = 0", "1 MiB or more"),
            ("\"slot-b\"", "\"slot-a\"", "expected the partitions"),
        ] {
            assert!(good.contains(from), "{from}");
            let error = check(&good.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn places_that_share_an_erase_block_are_refused() {
        let good = board("layout.toml");
        for (from, to, says) in [
            (
                "redundant = 0x1000000",
                "redundant = 0x820000",
                "redundant environment shares the erase block at 8 MiB with environment",
            ),
            (
                "offset = 0x800000",
                "offset = 0x80000",
                "environment shares the erase block at 0 MiB with boot record",
            ),
            (
                "start = 24",
                "start = 23",
                "partition 1 shares the erase block at 16 MiB with redundant environment",
            ),
            (
                "end = 64\n\n[[partition]]\nrole = \"slot-b\"\ntype = 0xda\nstart = 64",
                "end = 63\n\n[[partition]]\nrole = \"slot-b\"\ntype = 0xda\nstart = 63",
                "partition 3 shares the erase block at 56 MiB with partition 2",
            ),
        ] {
            assert!(good.contains(from), "{from}");
            let text = good.replace(from, to);
            let error = check(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_box_looks_for_the_environment_at_the_same_place() {
        let environment = toml::from_str::<Layout>(&board("layout.toml"))
            .unwrap()
            .environment;
        let places = [environment.offset, environment.redundant];
        assert_eq!(places, failberry_environment::OFFSETS);
        assert_eq!(environment.size, failberry_environment::SIZE as u64);
    }

    #[test]
    fn u_boot_is_configured_for_the_same_places() {
        let layout: Layout = toml::from_str(&board("layout.toml")).unwrap();
        let fragment = board("common/uboot.fragment");
        for (option, value) in [
            ("CONFIG_ENV_OFFSET", layout.environment.offset),
            ("CONFIG_ENV_OFFSET_REDUND", layout.environment.redundant),
            ("CONFIG_ENV_SIZE", layout.environment.size),
        ] {
            let line = fragment
                .lines()
                .find_map(|line| line.strip_prefix(option)?.strip_prefix("=0x"))
                .unwrap();
            assert_eq!(u64::from_str_radix(line, 16).unwrap(), value, "{option}");
        }
        let number = |role| {
            1 + layout
                .partitions
                .iter()
                .position(|it| it.role == role)
                .unwrap()
        };
        let env = board("common/uboot.env");
        assert!(env.contains(&format!(
            "if test ${{slot}} = a; then part={}; else part={}; fi;",
            number(Role::SlotA),
            number(Role::SlotB)
        )));
    }
}
