//! The whole card: boot record, environment, partitions, each at its place.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{
    Error, Result, boot, environment, fat,
    layout::{Layout, Role},
    mbr,
};

/// Writing and comparing goes by blocks of this size.
const BLOCK: usize = 4096;

/// What goes onto the card.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'a> {
    /// The FAT file system.
    pub boot: &'a [u8],
    /// The slot that a fresh card starts; slot B stays empty.
    pub slot_a: Option<&'a [u8]>,
    /// The ext4 file system.
    pub data: &'a [u8],
    /// U-Boot's variables, for a board that has U-Boot.
    pub environment: Option<&'a [String]>,
}

/// Writes a card image to `path`. What is zero takes no room there.
pub fn write(path: &Path, layout: &Layout, contents: &Contents) -> Result<()> {
    let mut pieces = vec![(0, mbr::boot_record(layout))];
    if let Some(variables) = contents.environment {
        // The first copy is the newer one, so that a system has one to write and one to keep.
        for (place, serial) in [
            (layout.environment.offset, 1),
            (layout.environment.redundant, 0),
        ] {
            let size = usize::try_from(layout.environment.size).unwrap_or(usize::MAX);
            pieces.push((place, environment::block(variables, size, serial)?));
        }
    }
    let file = File::create(path).map_err(Error::file(path))?;
    file.set_len(layout.card_size())
        .map_err(Error::file(path))?;
    for (place, bytes) in &pieces {
        put(&file, *place, bytes).map_err(Error::file(path))?;
    }
    for (role, bytes) in [
        (Role::Boot, contents.boot),
        (Role::SlotA, contents.slot_a.unwrap_or_default()),
        (Role::Data, contents.data),
    ] {
        let partition = layout.partition(role)?;
        let got = bytes.len() as u64;
        if got > partition.size() {
            return Err(Error::TooLarge {
                part: format!("partition {role:?}"),
                got,
                room: partition.size(),
            });
        }
        put(&file, partition.bytes().start, bytes).map_err(Error::file(path))?;
    }
    Ok(())
}

/// Writes the blocks that are not zero.
fn put(mut file: &File, place: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut at = place;
    for block in bytes.chunks(BLOCK) {
        if block.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(block)?;
        }
        at += block.len() as u64;
    }
    Ok(())
}

/// Puts another `failberrypi.toml` onto a card image.
pub fn set_config(image: &Path, layout: &Layout, text: impl AsRef<[u8]>) -> Result<()> {
    let place = layout.partition(Role::Boot)?.bytes();
    let io = || Error::file(image);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(image)
        .map_err(io())?;
    let size = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
    let mut before = vec![0; size];
    file.seek(SeekFrom::Start(place.start)).map_err(io())?;
    file.read_exact(&mut before).map_err(io())?;
    let mut after = before.clone();
    let settings = fat::File {
        name: boot::SETTINGS.into(),
        content: text.as_ref().to_vec(),
    };
    fat::write(&mut after, &settings)?;
    let mut at = place.start;
    for (old, new) in before.chunks(BLOCK).zip(after.chunks(BLOCK)) {
        if old != new {
            file.seek(SeekFrom::Start(at)).map_err(io())?;
            file.write_all(new).map_err(io())?;
        }
        at += new.len() as u64;
    }
    Ok(())
}
