//! Device nodes of the card: names, and waiting for them.

use std::{
    fs::File,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use failberry_state::BootMillis;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use crate::devices::{self, DEV};

/// Returns the device node of a partition.
pub(super) fn partition(card: &str, number: u32) -> PathBuf {
    Path::new(DEV).join(devices::partition(card, number))
}

/// Retry interval while a node cannot be opened yet (ENXIO), in milliseconds. The partition follows
/// its node within moments, without an event to wait for.
const ENXIO_RETRY_MS: u64 = 20;

/// Waits until `path` can be opened, at most until `until`.
///
/// # Errors
/// `TimedOut`, why the directory cannot be watched, or why `path` cannot be opened.
pub(super) fn wait_for(path: &Path, until: BootMillis) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    // Watch before opening, or a device that comes in between is missed.
    inotify.add_watch(
        directory,
        AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO,
    )?;
    loop {
        let longest = match File::open(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => u64::MAX,
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => ENXIO_RETRY_MS,
            Err(error) => return Err(error),
        };
        let left = until.since(BootMillis::now());
        if left == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = PollTimeout::try_from(left.min(longest)).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout)? > 0 {
            inotify.read_events()?;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, os::unix::net::UnixListener, thread};

    use super::*;

    #[test]
    fn partition_names_match_the_kernel() {
        for (card, number, expected) in [
            ("mmcblk0", 1, "/dev/mmcblk0p1"),
            ("vda", 4, "/dev/vda4"),
            ("nvme0n1", 2, "/dev/nvme0n1p2"),
        ] {
            assert_eq!(partition(card, number), Path::new(expected));
        }
    }

    #[test]
    fn late_device_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vda1");
        let waiting = {
            let path = path.clone();
            thread::spawn(move || wait_for(&path, BootMillis::now().plus(10_000)))
        };
        fs::write(directory.path().join("vda"), "").unwrap();
        fs::write(&path, "").unwrap();
        waiting.join().unwrap().unwrap();
        wait_for(&path, BootMillis(0)).unwrap();
    }

    /// The kernel makes a partition's node before the partition can be opened.
    #[test]
    fn node_that_cannot_be_opened_yet_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (path, new) = (directory.path().join("vda1"), directory.path().join("new"));
        // Opening a socket fails in the same way.
        let _socket = UnixListener::bind(&path).unwrap();
        let error = wait_for(&path, BootMillis(0)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let waiting = {
            let path = path.clone();
            thread::spawn(move || wait_for(&path, BootMillis::now().plus(10_000)))
        };
        fs::write(&new, "").unwrap();
        fs::rename(&new, &path).unwrap();
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn wait_times_out() {
        let directory = tempfile::tempdir().unwrap();
        let before = BootMillis::now();
        let error = wait_for(&directory.path().join("vda1"), before.plus(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let took = BootMillis::now().since(before);
        assert!((49..5_000).contains(&took), "{took}");
    }
}
