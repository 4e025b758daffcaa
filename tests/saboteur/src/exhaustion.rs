//! Taking all memory, and all room on a card.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    path::Path,
};

use crate::fork;

/// Taken and touched at a time.
const CHUNK: usize = 1 << 20;

/// Leaves a child that takes memory until the kernel ends it; `adjust` is its `oom_score_adj`.
pub(crate) fn exhaust_memory(adjust: i16) -> io::Result<()> {
    fork::spawn(|| {
        if fs::write("/proc/self/oom_score_adj", adjust.to_string()).is_err() {
            return;
        }
        let mut taken = Vec::new();
        loop {
            // Each page is written to, or the kernel would only promise it.
            taken.push(black_box(vec![1_u8; CHUNK]));
        }
    })
    .map(drop)
}

/// Writes to the file at `path` until there is no room; gives out the bytes it took.
pub(crate) fn fill_disk(path: &Path) -> io::Result<u64> {
    let mut file = File::create(path)?;
    for size in [CHUNK, 4096, 1] {
        let chunk = vec![0xff; size];
        loop {
            match file.write_all(&chunk) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
