//! Waiting for changes in a directory (inotify).

use std::{
    os::fd::AsFd,
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use super::NetError;

/// Calls `look` on each change in `dir` until it returns a value; `None` after `bound`.
pub(super) fn until<T>(
    dir: &Path,
    bound: Duration,
    look: impl Fn() -> Result<Option<T>, NetError>,
) -> Result<Option<T>, NetError> {
    let end = Instant::now() + bound;
    let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
        .map_err(NetError::system("inotify"))?;
    let kinds = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    changes
        .add_watch(dir, kinds)
        .map_err(NetError::system("inotify"))?;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        poll(
            &mut [PollFd::new(changes.as_fd(), PollFlags::POLLIN)],
            timeout,
        )
        .map_err(NetError::system("poll"))?;
        // It does not matter which file changed.
        let _ = changes.read_events();
    }
}
