//! Whether the machine may be rebooted, as far as others would be hurt by it.
//!
//! Pure but for [`Circumstances::look`], which reads a file or two in memory.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use failberry_service::{ATTENDED, ATTENDED_FOR, UPDATE_WRITING, UPDATE_WRITING_FOR};
use failberry_state::{BootMillis, ClockState, NetworkState, read_under};

/// Who would be hurt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// How long ago an update that is being written made progress, if one is.
    pub(super) writing: Option<Duration>,
    /// How long ago a person at the console pressed a key, if one is logged in.
    pub(super) attended: Option<Duration>,
    /// The house has its wired line, as far as can be told from its near end.
    pub(super) online: bool,
}

impl Circumstances {
    /// Those at this moment, from the state below `run`.
    pub(super) fn look(run: &Path) -> Self {
        Self::look_at(run, BootMillis::now())
    }

    fn look_at(run: &Path, now: BootMillis) -> Self {
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
            writing: age(UPDATE_WRITING),
            attended: age(ATTENDED),
            online: read_under(run).is_ok_and(|state| is_online(&state)),
        }
    }

    /// Whether a reboot is allowed, or why not. A `person` who asks for it knows what else is at
    /// work; a service does not.
    pub(super) fn allow(&self, person: bool) -> Result<(), String> {
        // One that has made no progress for so long is stuck, and loses nothing by a restart.
        if self.writing.is_some_and(|age| age < UPDATE_WRITING_FOR) {
            return Err("an update is being written".into());
        }
        let attended = self.attended.is_some_and(|age| age < ATTENDED_FOR);
        // Without its wire the house waits for us, whoever is at work.
        if !person && attended && self.online {
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
        let free = Circumstances::default();
        let at_work = Circumstances {
            attended: Some(MINUTE),
            online: true,
            ..free.clone()
        };
        let offline = Circumstances {
            online: false,
            ..at_work.clone()
        };
        let left = Circumstances {
            attended: Some(ATTENDED_FOR),
            ..at_work.clone()
        };
        let alone = Circumstances {
            attended: None,
            ..at_work.clone()
        };
        let why = at_work.allow(false).unwrap_err();
        assert!(why.contains("logged in"), "{why}");
        for allowed in [&free, &offline, &left, &alone] {
            allowed.allow(false).unwrap();
        }
        at_work.allow(true).unwrap();
    }

    #[test]
    fn update_that_makes_no_progress_forbids_nothing() {
        let writing = |age| Circumstances {
            writing: Some(age),
            ..Circumstances::default()
        };
        let fresh = writing(UPDATE_WRITING_FOR.saturating_sub(MINUTE));
        assert!(fresh.allow(false).is_err() && fresh.allow(true).is_err());
        let stuck = writing(UPDATE_WRITING_FOR);
        assert!(stuck.allow(false).is_ok() && stuck.allow(true).is_ok());
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
        let seen = Circumstances::look(run);
        seen.allow(true).unwrap();
        assert!(seen.attended.unwrap() > ATTENDED_FOR);
        // Touched, as the writer does it with progress.
        fs::File::create(run.join(UPDATE_WRITING)).unwrap();
        assert!(Circumstances::look(run).allow(true).is_err());
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
            Circumstances::look_at(run, now).allow(true)
        };
        assert!(after(0).is_err() && after(9).is_err());
        after(10).unwrap();
    }

    fn told(run: &Path, carrier: bool, gateway: Option<Ipv4Addr>) -> bool {
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
        Circumstances::look(run).online
    }

    #[test]
    fn what_is_seen_is_what_lies_below_run() {
        let run = tempfile::tempdir().unwrap();
        let run = run.path();
        assert_eq!(Circumstances::look(run), Circumstances::default());
        for directory in ["network", "console", "update"] {
            fs::create_dir(run.join(directory)).unwrap();
        }
        let gateway = Some(Ipv4Addr::new(192, 0, 2, 1));
        assert!(told(run, true, gateway));
        assert!(!told(run, false, gateway) && !told(run, true, None));
        fs::write(run.join("network/state.json"), "{").unwrap();
        assert!(!Circumstances::look(run).online);

        fs::write(run.join(UPDATE_WRITING), "").unwrap();
        assert!(Circumstances::look(run).writing.unwrap() < MINUTE);

        let file = fs::File::create(run.join(ATTENDED)).unwrap();
        assert!(Circumstances::look(run).attended.unwrap() < MINUTE);
        for (touched, expected) in [
            (SystemTime::now() - 20 * MINUTE, 20 * MINUTE),
            (SystemTime::now() + 20 * MINUTE, 20 * MINUTE),
        ] {
            file.set_modified(touched).unwrap();
            let age = Circumstances::look(run).attended.unwrap();
            assert!(age.abs_diff(expected) < MINUTE, "{age:?}");
        }
    }
}
