//! Waking up when another service's state changes.

use std::os::fd::{AsFd, BorrowedFd};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use crate::{Service, StateError, file::directory};

/// An inotify descriptor over other services' state directories; readable after each change.
pub struct Watcher {
    inotify: Inotify,
}

impl Watcher {
    /// Watches the state of `services`. Their directories must exist (the supervisor makes them).
    ///
    /// # Errors
    /// The kernel's refusal, with the directory.
    pub fn new(services: &[Service]) -> Result<Self, StateError> {
        let failed = |service: Option<Service>| {
            move |errno: Errno| StateError::Io {
                path: service.map_or_else(|| "inotify".into(), directory),
                source: errno.into(),
            }
        };
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed(None))?;
        for &service in services {
            inotify
                .add_watch(&directory(service), AddWatchFlags::IN_MOVED_TO)
                .map_err(failed(Some(service)))?;
        }
        Ok(Self { inotify })
    }

    /// Forgets the changes seen so far; call it before reading the files.
    pub fn drain(&self) {
        while self
            .inotify
            .read_events()
            .is_ok_and(|events| !events.is_empty())
        {}
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
