//! Finding the card's partitions.

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

/// Device node of a partition.
pub(super) fn partition(card: &str, number: u32) -> PathBuf {
    Path::new(DEV).join(devices::partition(card, number))
}

/// Between the node of a partition and the partition behind it there is nothing that could be
/// waited for here, and hardly any time.
const NODE_AHEAD: u64 = 20;

/// Waits until `path` can be opened, at most until `until`.
///
/// # Errors
/// `TimedOut`, the kernel's where it cannot be watched, or why it cannot be opened.
pub(super) fn wait_for(path: &Path, until: BootMillis) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    // Watch before looking, or a device that comes in between is missed.
    inotify.add_watch(
        directory,
        AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO,
    )?;
    loop {
        let longest = match File::open(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => u64::MAX,
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => NODE_AHEAD,
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
    fn partitions_are_named_as_the_kernel_does() {
        for (card, number, expected) in [
            ("mmcblk0", 1, "/dev/mmcblk0p1"),
            ("vda", 4, "/dev/vda4"),
            ("nvme0n1", 2, "/dev/nvme0n1p2"),
        ] {
            assert_eq!(partition(card, number), Path::new(expected));
        }
    }

    #[test]
    fn a_device_that_comes_late_is_awaited() {
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
    fn a_node_with_nothing_behind_it_yet_is_awaited() {
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
    fn waiting_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let before = BootMillis::now();
        let error = wait_for(&directory.path().join("vda1"), before.plus(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let took = BootMillis::now().since(before);
        assert!((49..5_000).contains(&took), "{took}");
    }
}
