//! The presence marker: a file by which PID 1 knows of an authenticated console session.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use failberry_service::ATTENDED;
use failberry_state::RUN;

fn path() -> PathBuf {
    Path::new(RUN).join(ATTENDED)
}

/// Refreshes the marker, or removes it, also one of an earlier process.
pub(crate) fn mark(present: bool) {
    let path = path();
    let done = if present {
        // Writing sets its modification time, which PID 1 checks.
        fs::write(&path, b"")
    } else {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    };
    if let Err(error) = done {
        log::warn!("{}: {error}", path.display());
    }
}
