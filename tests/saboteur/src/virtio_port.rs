//! Connection to the test bench: the only virtio-serial port.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::PathBuf,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Waits until the port exists and opens it.
pub(crate) fn open() -> io::Result<File> {
    let watch = Inotify::init(InitFlags::empty())?;
    watch.add_watch("/dev", AddWatchFlags::IN_CREATE)?;
    loop {
        if let Some(path) = find()? {
            return OpenOptions::new().read(true).write(true).open(path);
        }
        watch.read_events()?;
    }
}

fn find() -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir("/dev")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("vport") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
