//! Reboot policy: whether a reboot now would disturb an update or a console session.
//!
//! Pure except for [`RebootConditions::read`], which reads a few files on a tmpfs.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use failberry_service::{ATTENDED, ATTENDED_FOR, UPDATE_WRITING, UPDATE_WRITING_FOR};
use failberry_state::{BootMillis, ClockState, NetworkState, read_under};

/// What a reboot would disturb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RebootConditions {
    /// Time since an update that is being written made progress; none if no update is.
    pub(super) update_write_age: Option<Duration>,
    /// Time since the last key press at the console; none if there is no session.
    pub(super) console_idle: Option<Duration>,
    /// Whether the wired link has carrier, address and gateway. What lies beyond is not checked.
    pub(super) wired_online: bool,
}

impl RebootConditions {
    /// Reads the present conditions from the state files below `run`.
    pub(super) fn read(run: &Path) -> Self {
        Self::read_at(run, BootMillis::now())
    }

    fn read_at(run: &Path, now: BootMillis) -> Self {
        let clock: ClockState = read_under(run).unwrap_or_default();
        let stepped = clock.stepped;
        // A file time from before the last clock step looks too old: the step bounds its age.
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

    /// Returns whether a reboot is allowed, or why not. An operator knows that a console session is
    /// active; a service does not.
    pub(super) fn check(&self, by_operator: bool) -> Result<(), String> {
        // An update without progress for that long is stuck and loses nothing.
        if self
            .update_write_age
            .is_some_and(|age| age < UPDATE_WRITING_FOR)
        {
            return Err("an update is being written".into());
        }
        let console_active = self.console_idle.is_some_and(|age| age < ATTENDED_FOR);
        // Without the wired link the LAN is offline and needs the reboot, session or not.
        if !by_operator && console_active && self.wired_online {
            return Err("somebody is logged in, and the house is online by its wire".into());
        }
        Ok(())
    }
}

/// Returns whether the wired link has carrier, an address and a gateway; nothing looks further yet.
fn is_online(network: &NetworkState) -> bool {
    let gateway = network.lan.as_ref().and_then(|lan| lan.gateway);
    network.lan_carrier && gateway.is_some()
}

/// Returns the distance of the modification time of `path` from now, in either direction: the clock
/// may have been stepped since.
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
    fn reboot_refused_while_console_active_and_wired_online() {
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
    fn stalled_update_does_not_block_reboot() {
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
    fn marker_expires_after_its_last_touch() {
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
    fn marker_age_is_bounded_by_last_clock_step() {
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
    fn conditions_are_read_from_run_directory() {
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
