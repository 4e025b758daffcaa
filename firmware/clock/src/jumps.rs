//! Hearing of it when somebody else steps the clock: what a server told is worth nothing then.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};

/// The timer is not there to expire: 2106, in seconds since 1970.
const NEVER: u32 = u32::MAX;

/// A timer that the kernel cancels at each step of the clock, and only then.
#[derive(Debug)]
pub(crate) struct Jumps(TimerFd);

impl Jumps {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        let never = Expiration::OneShot(TimeSpec::new(NEVER.into(), 0));
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        timer.set(never, flags)?;
        Ok(Self(timer))
    }

    /// Whether the clock was stepped since this was asked last.
    pub(crate) fn any(&self) -> io::Result<bool> {
        match self.0.wait() {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Jumps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_while_nobody_steps_the_clock() {
        let jumps = Jumps::listen().unwrap();
        assert!(!jumps.any().unwrap());
    }
}
