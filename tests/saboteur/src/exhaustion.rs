//! Resource exhaustion: takes all memory, or all space of a file system.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    path::Path,
};

use crate::fork;

/// Bytes allocated or written at a time.
const CHUNK: usize = 1 << 20;

/// Forks a child that allocates memory until the OOM killer ends it; `adjust` is its
/// `oom_score_adj`.
pub(crate) fn exhaust_memory(adjust: i16) -> io::Result<()> {
    fork::spawn(|| {
        if fs::write("/proc/self/oom_score_adj", adjust.to_string()).is_err() {
            return;
        }
        let mut taken = Vec::new();
        loop {
            // Every page is written, because the kernel allocates on first write.
            taken.push(black_box(vec![1_u8; CHUNK]));
        }
    })
    .map(drop)
}

/// Writes to the file at `path` until the file system is full; returns the bytes written.
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
