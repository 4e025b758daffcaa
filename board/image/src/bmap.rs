//! Block maps, format 2.0: which blocks of an image a card writer has to write, with SHA-256.

use std::{fmt::Write as _, ops::Range};

use crate::{
    checksum::sha256_hex,
    layout::{Layout, Role},
    slot,
};

const BLOCK: u64 = 4096;

/// Ranges of blocks that must be on the card, also where they are zero: what lay there before
/// would otherwise be taken for a part of the image.
///
/// Boot record and environment; the FAT file system up to its last used block; of a slot what its
/// header gives, of an empty one the block where the header would be; all of the data partition,
/// because blocks of a journal from another life of the card must not be replayed.
fn needed(layout: &Layout, image: &[u8]) -> Vec<Range<u64>> {
    let environment = &layout.environment;
    let copy = |start| start..start + environment.size;
    let mut bytes = vec![
        0..BLOCK,
        copy(environment.offset),
        copy(environment.redundant),
    ];
    for partition in &layout.partitions {
        let place = partition.bytes();
        let content = part(image, &place);
        let used = match partition.role {
            Role::Boot => {
                let last = content.iter().rposition(|byte| *byte != 0);
                last.map_or(0, |last| last as u64 + 1)
            }
            Role::SlotA | Role::SlotB => slot::size(content).unwrap_or(0),
            Role::Data => partition.size(),
        };
        bytes.push(place.start..place.start + used.clamp(BLOCK, partition.size()));
    }
    let mut blocks: Vec<Range<u64>> = Vec::new();
    bytes.sort_by_key(|range| range.start);
    for range in bytes {
        let next = range.start / BLOCK..range.end.div_ceil(BLOCK);
        match blocks.last_mut() {
            Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
            _ => blocks.push(next),
        }
    }
    blocks
}

fn part<'a>(image: &'a [u8], bytes: &Range<u64>) -> &'a [u8] {
    let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(image.len());
    image
        .get(at(bytes.start)..at(bytes.end))
        .unwrap_or_default()
}

/// The map of a card image.
pub fn map(layout: &Layout, image: &[u8]) -> String {
    let blocks = needed(layout, image);
    let mut ranges = String::new();
    for range in &blocks {
        let last = range.end - 1;
        let name = if last == range.start {
            format!("{last}")
        } else {
            format!("{}-{last}", range.start)
        };
        let sum = sha256_hex(part(image, &(range.start * BLOCK..range.end * BLOCK)));
        // Writing to a String cannot fail.
        let _ = writeln!(ranges, "    <Range chksum=\"{sum}\"> {name} </Range>");
    }
    let size = image.len();
    let count = (size as u64).div_ceil(BLOCK);
    let mapped: u64 = blocks.iter().map(|range| range.end - range.start).sum();
    // The map's own checksum is taken with zeros in its place.
    let zeros = "0".repeat(64);
    let text = format!(
        "<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n  <ImageSize> {size} </ImageSize>\n  \
         <BlockSize> {BLOCK} </BlockSize>\n  <BlocksCount> {count} </BlocksCount>\n  \
         <MappedBlocksCount> {mapped} </MappedBlocksCount>\n  \
         <ChecksumType> sha256 </ChecksumType>\n  \
         <BmapFileChecksum> {zeros} </BmapFileChecksum>\n  <BlockMap>\n{ranges}  \
         </BlockMap>\n</bmap>\n"
    );
    text.replacen(&zeros, &sha256_hex(text.as_bytes()), 1)
}
