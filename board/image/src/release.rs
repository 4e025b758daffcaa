//! What is given out: the packed image, its checksum, its block map.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, bmap, checksum::sha256_hex, layout::Layout, tool};

/// Packs the card image at `image` and writes `<name>.img.xz`, `<name>.img.xz.sha256` and
/// `<name>.img.bmap` into `out`. Gives their paths.
pub fn write(image: &Path, layout: &Layout, out: &Path, name: &str) -> Result<[PathBuf; 3]> {
    let bytes = fs::read(image).map_err(Error::file(image))?;
    if bytes.len() as u64 != layout.card_size() {
        return Err(Error::Malformed {
            what: image.display().to_string(),
            expected: format!("a card image of {} bytes", layout.card_size()),
            got: format!("{} bytes", bytes.len()),
        });
    }
    // One thread: how the work is split must not depend on the machine.
    let packed = tool::filter(
        Command::new("xz").args(["-6", "--threads=1", "--stdout"]),
        &bytes,
    )?;
    let archive = format!("{name}.img.xz");
    let sum = format!("{}  {archive}\n", sha256_hex(&packed));
    let map = bmap::map(layout, &bytes);
    let put = |file: String, content: &[u8]| {
        let path = out.join(file);
        fs::write(&path, content).map_err(Error::file(&path))?;
        Ok(path)
    };
    Ok([
        put(archive.clone(), &packed)?,
        put(format!("{archive}.sha256"), sum.as_bytes())?,
        put(format!("{name}.img.bmap"), map.as_bytes())?,
    ])
}
