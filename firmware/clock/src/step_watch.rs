//! Detects clock steps by other processes, with `TFD_TIMER_CANCEL_ON_SET`. After such a step no
//! server's answer confirms the time any more.

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

/// Expiry of the timer in seconds since 1970: 2106, since it is not meant to expire.
const FAR_FUTURE: u32 = u32::MAX;

/// Detector of clock steps: a timer that the kernel cancels at each step of the clock, and only
/// then.
#[derive(Debug)]
pub(crate) struct StepWatch(TimerFd);

impl StepWatch {
    /// Arms the timer.
    pub(crate) fn arm() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        let far_future = Expiration::OneShot(TimeSpec::new(FAR_FUTURE.into(), 0));
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        timer.set(far_future, flags)?;
        Ok(Self(timer))
    }

    /// Returns whether the clock was stepped since the last call.
    pub(crate) fn clock_was_stepped(&self) -> io::Result<bool> {
        match self.0.wait() {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for StepWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_clock_reports_no_step() {
        let step_watch = StepWatch::arm().unwrap();
        assert!(!step_watch.clock_was_stepped().unwrap());
    }
}
