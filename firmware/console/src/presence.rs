//! The file that tells PID 1 that a person is here.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use failberry_service::ATTENDED;
use failberry_state::RUN;

fn path() -> PathBuf {
    Path::new(RUN).join(ATTENDED)
}

/// Marks the presence now; what an earlier run left is taken away where nobody is here.
pub(crate) fn mark(attended: bool) {
    let path = path();
    let done = if attended {
        // Written anew, it has the present time.
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
