//! The hardware watchdog: resets the machine unless PID 1 shows every few seconds that all is well.

mod device;

use std::path::Path;

use failberry_state::BootMillis;

use self::device::Device;

/// The most that the Pi's chip can count.
const TIMEOUT_SECONDS: i32 = 15;

/// Two pets may fail before it bites.
const PET_INTERVAL_MS: u64 = 5_000;

/// When to pet, as a state machine: only by a loop that turns, and only while nobody is stuck.
#[derive(Debug)]
struct PetSchedule {
    due: BootMillis,
    withheld: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PetAction {
    NotDue,
    Now,
    /// All was well until now.
    Withhold,
    /// It still is not.
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

/// What one turn came to, beyond the petting itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchdogTick {
    /// It was not time.
    NotDue,
    /// It was; all is as it was.
    Done,
    /// Petting has ended just now: the machine is about to be reset.
    Withhold,
}

/// The watchdog of the machine, if it has one; without one, its rhythm goes on all the same.
#[derive(Debug)]
pub(crate) struct Watchdog {
    device: Option<Device>,
    schedule: PetSchedule,
    /// How it stands, in words.
    pub(crate) status: String,
}

impl Watchdog {
    /// Opens the one at `path`, which starts it; none where that is forbidden.
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

    /// When the next turn is due.
    pub(crate) const fn deadline(&self) -> BootMillis {
        self.schedule.due
    }

    /// The loop has turned; `stuck` is whether a process cannot be ended.
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

    /// Stops it for good, before the machine is switched off.
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
    fn petted_every_five_seconds_while_the_loop_turns_and_nobody_is_stuck() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog0");
        fs::write(&path, "").unwrap();
        let written = || fs::read_to_string(&path).unwrap();
        let mut dog = Watchdog::open(Some(&path), BootMillis(0));
        // A file is no watchdog and has no timeout to set.
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
        // What was stuck came free in time.
        dog.tick(BootMillis(65_000), false);
        assert_eq!(written(), ".....");
        assert_eq!(dog.tick(BootMillis(70_000), true), WatchdogTick::Withhold);
        dog.stop();
        assert_eq!(written(), ".....V");
    }

    #[test]
    fn dropped_without_the_magic_it_bites() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("watchdog0");
        fs::write(&path, "").unwrap();
        let mut dog = Watchdog::open(Some(&path), BootMillis(0));
        dog.tick(BootMillis(0), false);
        drop(dog);
        assert_eq!(fs::read_to_string(&path).unwrap(), ".");
    }

    #[test]
    fn one_that_is_missing_or_forbidden_only_ticks() {
        let mut off = Watchdog::open(None, BootMillis(0));
        assert_eq!(off.status, "off");
        assert_eq!(off.tick(BootMillis(0), false), WatchdogTick::Done);
        assert_eq!(off.tick(BootMillis(5_000), true), WatchdogTick::Done);
        off.stop();
        let none = Watchdog::open(Some(Path::new("/nonexistent/watchdog")), BootMillis(0));
        assert!(none.status.starts_with("none: "), "{}", none.status);
    }
}
