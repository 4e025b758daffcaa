//! A floor on the progress of a response's body, for the socket that waits and the reader that
//! counts.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ureq::BodyReader;

use crate::pace::{Pace, TooSlow};

/// The floor of one exchange. It holds from the first byte of the body on; the phases before have
/// time-outs of their own in the client's configuration.
///
/// What counts is the body as the reader gets it: TLS messages without content and headers of
/// chunks keep nothing alive.
#[derive(Clone, Debug, Default)]
pub struct Floor(Arc<Mutex<Option<Pace>>>);

impl Floor {
    /// Starts the floor for the body in `reader`.
    pub fn body(&self, reader: BodyReader<'static>, pace: Pace) -> Body {
        *self.lock() = Some(pace);
        Body {
            reader,
            floor: self.clone(),
        }
    }

    /// Returns the time left to the peer, where the floor holds already.
    pub(super) fn left(&self) -> Option<Duration> {
        self.lock().as_ref().map(Pace::left)
    }

    /// Records that the peer was waited for.
    pub(super) fn waited(&self, time: Duration) -> Result<(), TooSlow> {
        self.lock()
            .as_mut()
            .map_or(Ok(()), |pace| pace.waited(time))
    }

    fn got(&self, bytes: usize) {
        if let Some(pace) = self.lock().as_mut() {
            pace.got(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response's body under a [`Floor`].
pub struct Body {
    reader: BodyReader<'static>,
    floor: Floor,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(into)?;
        self.floor.got(length);
        Ok(length)
    }
}
