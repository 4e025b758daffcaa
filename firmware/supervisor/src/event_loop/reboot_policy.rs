//! Whether the machine may be rebooted, as far as others would be hurt by it.
//!
//! Pure but for [`RebootConditions::look`], which reads a file or two in memory.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use failberry_service::{ATTENDED, ATTENDED_FOR, UPDATE_WRITING, UPDATE_WRITING_FOR};
use failberry_state::{BootMillis, ClockState, NetworkState, read_under};

/// Who would be hurt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RebootConditions {
    /// How long ago an update that is being written made progress, if one is.
    pub(super) update_write_age: Option<Duration>,
    /// How long ago a person at the console pressed a key, if one is logged in.
    pub(super) console_idle: Option<Duration>,
    /// The house has its wired line, as far as can be told from its near end.
    pub(super) wired_online: bool,
}

impl RebootConditions {
    /// Those at this moment, from the state below `run`.
    pub(super) fn read(run: &Path) -> Self {
        Self::read_at(run, BootMillis::now())
    }

    fn read_at(run: &Path, now: BootMillis) -> Self {
        let clock: ClockState = read_under(run).unwrap_or_default();
        let stepped = clock.stepped;
        // A mark is no older than the step of the clock that makes it look so.
        let since_step = if stepped == BootMillis(0) {
            Duration::MAX
        } else {
            Duration::from_millis(now.since(stepped))
        };
        let age = |name: &str| Some(age(&run.join(name))?.min(since_step));
        Self {
            update_write_age: age(UPDATE_WRITING),
            console_idle: age(ATTENDED),
            wired_online: read_under(run).is_ok_and(|state| is_online(&state)),
        }
    }

    /// Whether a reboot is allowed, or why not. A `by_operator` who asks for it knows what else is at
    /// work; a service does not.
    pub(super) fn check(&self, by_operator: bool) -> Result<(), String> {
        // One that has made no progress for so long is stuck, and loses nothing by a restart.
        if self
            .update_write_age
            .is_some_and(|age| age < UPDATE_WRITING_FOR)
        {
            return Err("an update is being written".into());
        }
        let console_idle = self.console_idle.is_some_and(|age| age < ATTENDED_FOR);
        // Without its wire the house waits for us, whoever is at work.
        if !by_operator && console_idle && self.wired_online {
            return Err("somebody is logged in, and the house is online by its wire".into());
        }
        Ok(())
    }
}

/// Cable, address and router: nothing looks further than that yet.
fn is_online(network: &NetworkState) -> bool {
    let gateway = network.lan.as_ref().and_then(|lan| lan.gateway);
    network.lan_carrier && gateway.is_some()
}

/// How far the file's time is from now, in either direction: the clock may have been set since.
fn age(path: &Path) -> Option<Duration> {
    let touched = path.symlink_metadata().ok()?.modified().ok()?;
    let now = SystemTime::now();
    Some(
        now.duration_since(touched)
            .unwrap_or_else(|ahead| ahead.duration()),
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, net::Ipv4Addr};

    use failberry_state::{LanAddress, StateFile};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn who_is_at_work_in_a_house_that_is_online_is_not_disturbed() {
        let free = RebootConditions::default();
        let at_work = RebootConditions {
            console_idle: Some(MINUTE),
            wired_online: true,
            ..free.clone()
        };
        let offline = RebootConditions {
            wired_online: false,
            ..at_work.clone()
        };
        let left = RebootConditions {
            console_idle: Some(ATTENDED_FOR),
            ..at_work.clone()
        };
        let alone = RebootConditions {
            console_idle: None,
            ..at_work.clone()
        };
        let why = at_work.check(false).unwrap_err();
        assert!(why.contains("logged in"), "{why}");
        for allowed in [&free, &offline, &left, &alone] {
            allowed.check(false).unwrap();
        }
        at_work.check(true).unwrap();
    }

    #[test]
    fn update_that_makes_no_progress_forbids_nothing() {
        let update_write_age = |age| RebootConditions {
            update_write_age: Some(age),
            ..RebootConditions::default()
        };
        let fresh = update_write_age(UPDATE_WRITING_FOR.saturating_sub(MINUTE));
        assert!(fresh.check(false).is_err() && fresh.check(true).is_err());
        let stuck = update_write_age(UPDATE_WRITING_FOR);
        assert!(stuck.check(false).is_ok() && stuck.check(true).is_ok());
    }

    #[test]
    fn mark_expires_by_its_last_touch() {
        let run = tempfile::tempdir().unwrap();
        let run = run.path();
        for (name, directory) in [(UPDATE_WRITING, "update"), (ATTENDED, "console")] {
            fs::create_dir(run.join(directory)).unwrap();
            let file = fs::File::create(run.join(name)).unwrap();
            file.set_modified(SystemTime::now() - 11 * MINUTE).unwrap();
        }
        let seen = RebootConditions::read(run);
        seen.check(true).unwrap();
        assert!(seen.console_idle.unwrap() > ATTENDED_FOR);
        // Touched, as the writer does it with progress.
        fs::File::create(run.join(UPDATE_WRITING)).unwrap();
        assert!(RebootConditions::read(run).check(true).is_err());
    }

    #[test]
    fn mark_is_no_older_than_the_last_step_of_the_clock() {
        let run = tempfile::tempdir().unwrap();
        let run = run.path();
        for directory in ["update", "clock"] {
            fs::create_dir(run.join(directory)).unwrap();
        }
        let file = fs::File::create(run.join(UPDATE_WRITING)).unwrap();
        // Before the first answer of a time server the clock stood years back.
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let stepped = BootMillis(30_000);
        let clock = ClockState {
            stepped,
            ..ClockState::default()
        };
        StateFile::under(run).publish(&clock).unwrap();
        let after = |minutes: u32| {
            let now = stepped.plus(u64::from(minutes) * 60_000);
            RebootConditions::read_at(run, now).check(true)
        };
        assert!(after(0).is_err() && after(9).is_err());
        after(10).unwrap();
    }

    fn wired_online_of(run: &Path, carrier: bool, gateway: Option<Ipv4Addr>) -> bool {
        let lan = LanAddress {
            address: Ipv4Addr::new(192, 0, 2, 2),
            prefix: 24,
            gateway,
            dns: Vec::new(),
            lease_seconds: None,
            since: failberry_state::BootMillis(0),
        };
        let state = NetworkState {
            lan: Some(lan),
            lan_carrier: carrier,
            ..NetworkState::default()
        };
        StateFile::under(run).publish(&state).unwrap();
        RebootConditions::read(run).wired_online
    }

    #[test]
    fn what_is_seen_is_what_lies_below_run() {
        let run = tempfile::tempdir().unwrap();
        let run = run.path();
        assert_eq!(RebootConditions::read(run), RebootConditions::default());
        for directory in ["network", "console", "update"] {
            fs::create_dir(run.join(directory)).unwrap();
        }
        let gateway = Some(Ipv4Addr::new(192, 0, 2, 1));
        assert!(wired_online_of(run, true, gateway));
        assert!(!wired_online_of(run, false, gateway) && !wired_online_of(run, true, None));
        fs::write(run.join("network/state.json"), "{").unwrap();
        assert!(!RebootConditions::read(run).wired_online);

        fs::write(run.join(UPDATE_WRITING), "").unwrap();
        assert!(RebootConditions::read(run).update_write_age.unwrap() < MINUTE);

        let file = fs::File::create(run.join(ATTENDED)).unwrap();
        assert!(RebootConditions::read(run).console_idle.unwrap() < MINUTE);
        for (touched, expected) in [
            (SystemTime::now() - 20 * MINUTE, 20 * MINUTE),
            (SystemTime::now() + 20 * MINUTE, 20 * MINUTE),
        ] {
            file.set_modified(touched).unwrap();
            let age = RebootConditions::read(run).console_idle.unwrap();
            assert!(age.abs_diff(expected) < MINUTE, "{age:?}");
        }
    }
}
