//! The boot record: four primary partitions, no boot code.

use crate::layout::Layout;

const SECTOR: u64 = 512;
const DISK_ID_AT: usize = 440;
const TABLE_AT: usize = 446;
/// "Beyond what cylinder, head and sector can say": readers then use the sector numbers.
const NO_CHS: [u8; 3] = [0xFE, 0xFF, 0xFF];

/// The first sector of the card.
pub fn boot_record(layout: &Layout) -> Vec<u8> {
    let mut sector = vec![0; DISK_ID_AT];
    sector.extend_from_slice(&layout.card.disk_id.to_le_bytes());
    sector.resize(TABLE_AT, 0);
    for partition in &layout.partitions {
        let bytes = partition.bytes();
        let sectors = |bytes: u64| {
            u32::try_from(bytes / SECTOR)
                .unwrap_or(u32::MAX)
                .to_le_bytes()
        };
        sector.push(0); // not "active": nothing here boots by that flag
        sector.extend_from_slice(&NO_CHS);
        sector.push(partition.kind);
        sector.extend_from_slice(&NO_CHS);
        sector.extend_from_slice(&sectors(bytes.start));
        sector.extend_from_slice(&sectors(bytes.end - bytes.start));
    }
    sector.resize(510, 0);
    sector.extend_from_slice(&[0x55, 0xAA]);
    sector
}
