//! Hardware watchdog: it resets the machine unless PID 1 pets it every few seconds.

mod device;

use std::path::Path;

use failberry_state::BootMillis;

use self::device::Device;

/// Timeout of the watchdog: the longest of the Pi's.
const TIMEOUT_SECONDS: i32 = 15;

/// Interval of pets, in milliseconds. Two may fail before the reset.
const PET_INTERVAL_MS: u64 = 5_000;

/// State machine that decides when to pet: only while the event loop runs and no process is stuck.
#[derive(Debug)]
struct PetSchedule {
    due: BootMillis,
    withheld: bool,
}

/// Decision of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PetAction {
    NotDue,
    Now,
    /// A process is stuck since the last decision.
    Withhold,
    /// A process is still stuck.
    Withheld,
}

impl PetSchedule {
    fn tick(&mut self, now: BootMillis, stuck: bool) -> PetAction {
        if now < self.due {
            return PetAction::NotDue;
        }
        self.due = now.plus(PET_INTERVAL_MS);
        match (stuck, std::mem::replace(&mut self.withheld, stuck)) {
            (false, _) => PetAction::Now,
            (true, false) => PetAction::Withhold,
            (true, true) => PetAction::Withheld,
        }
    }
}

/// Result of [`Watchdog::tick`], for the event loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchdogTick {
    /// The interval has not passed.
    NotDue,
    /// The interval has passed; nothing has changed.
    Done,
    /// Petting has ended with this tick: the machine is about to be reset.
    Withhold,
}

/// The watchdog of the machine, if it has one. Without one the ticks go on.
#[derive(Debug)]
pub(crate) struct Watchdog {
    device: Option<Device>,
    schedule: PetSchedule,
    /// State for log and status page.
    pub(crate) status: String,
}

impl Watchdog {
    /// Opens and starts the watchdog at `path`; none if it is not to be used.
    pub(crate) fn open(path: Option<&Path>, now: BootMillis) -> Self {
        let opened = path.map(|path| Device::open(path, TIMEOUT_SECONDS));
        let (device, status) = match opened {
            None => (None, "off".into()),
            Some(Err(error)) => (None, format!("none: {error}")),
            Some(Ok((device, None))) => (Some(device), format!("on, {TIMEOUT_SECONDS} s")),
            Some(Ok((device, Some(error)))) => (
                Some(device),
                format!("on, but not with {TIMEOUT_SECONDS} s: {error}"),
            ),
        };
        Self {
            device,
            schedule: PetSchedule {
                due: now,
                withheld: false,
            },
            status,
        }
    }

    /// Returns when the next tick is due.
    pub(crate) const fn deadline(&self) -> BootMillis {
        self.schedule.due
    }

    /// Pets the watchdog if that is due; not while a process is stuck.
    pub(crate) fn tick(&mut self, now: BootMillis, stuck: bool) -> WatchdogTick {
        match self.schedule.tick(now, stuck) {
            PetAction::NotDue => WatchdogTick::NotDue,
            PetAction::Withhold if self.device.is_some() => WatchdogTick::Withhold,
            PetAction::Withhold | PetAction::Withheld => WatchdogTick::Done,
            PetAction::Now => {
                if let Some(Err(error)) = self.device.as_mut().map(Device::pet) {
                    log::warn!("watchdog: {error}");
                }
                WatchdogTick::Done
            }
        }
    }

    /// Stops the watchdog, before the machine is switched off.
    pub(crate) fn stop(self) {
        if let Some(Err(error)) = self.device.map(Device::stop) {
            log::warn!("the watchdog cannot be stopped: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn petted_every_5_s_unless_a_process_is_stuck() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog0");
        fs::write(&path, "").unwrap();
        let written = || fs::read_to_string(&path).unwrap();
        let mut dog = Watchdog::open(Some(&path), BootMillis(0));
        // A regular file has no timeout to set.
        assert!(dog.status.starts_with("on, but"), "{}", dog.status);
        for now in (0..=15_000).step_by(100) {
            dog.tick(BootMillis(now), false);
        }
        assert_eq!(written(), "....");
        assert_eq!(dog.deadline(), BootMillis(20_000));
        assert_eq!(dog.tick(BootMillis(19_999), true), WatchdogTick::NotDue);
        assert_eq!(dog.tick(BootMillis(20_000), true), WatchdogTick::Withhold);
        for now in (20_000..=60_000).step_by(1_000) {
            assert_ne!(dog.tick(BootMillis(now), true), WatchdogTick::Withhold);
        }
        assert_eq!(written(), "....");
        // The stuck process exits in time.
        dog.tick(BootMillis(65_000), false);
        assert_eq!(written(), ".....");
        assert_eq!(dog.tick(BootMillis(70_000), true), WatchdogTick::Withhold);
        dog.stop();
        assert_eq!(written(), ".....V");
    }

    #[test]
    fn drop_does_not_write_the_stop_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog0");
        fs::write(&path, "").unwrap();
        let mut dog = Watchdog::open(Some(&path), BootMillis(0));
        dog.tick(BootMillis(0), false);
        drop(dog);
        assert_eq!(fs::read_to_string(&path).unwrap(), ".");
    }

    #[test]
    fn missing_or_disabled_watchdog_only_ticks() {
        let mut off = Watchdog::open(None, BootMillis(0));
        assert_eq!(off.status, "off");
        assert_eq!(off.tick(BootMillis(0), false), WatchdogTick::Done);
        assert_eq!(off.tick(BootMillis(5_000), true), WatchdogTick::Done);
        off.stop();
        let none = Watchdog::open(Some(Path::new("/nonexistent/watchdog")), BootMillis(0));
        assert!(none.status.starts_with("none: "), "{}", none.status);
    }
}
