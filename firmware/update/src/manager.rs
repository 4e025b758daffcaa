//! Update manager: the state shared by pushes, pulls and the trial. It admits, installs, confirms
//! and gives up updates.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use failberry_config::PublicKey;
use failberry_service::{Reply, Request, SlotsOrder, UPDATE_WRITING, ask};
use failberry_state::{
    BootMillis, NetworkState, RUN, Slot, StateFile, SupervisorState, UpdatePhase, UpdateState,
    UplinkState, read,
};

use crate::{
    Header, Version,
    boot_params::BootParams,
    install,
    mark::WritingMark,
    push::UpdateReceiver,
    record::{DataDir, Outcome, Start, UpdateRecord},
    trial::{Baseline, DEADLINE, Trial},
};

/// Version of this program.
const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of the image between two published states of progress; a reader needs no finer steps.
const PROGRESS_STEP: u64 = 1024 * 1024;

/// Update manager of this box.
pub(crate) struct UpdateManager {
    keys: Vec<PublicKey>,
    boot_params: BootParams,
    data_dir: DataDir,
    inner: Mutex<Inner>,
}

struct Inner {
    record: Option<UpdateRecord>,
    file: StateFile<UpdateState>,
    state: UpdateState,
    /// Whether the last error is that of a check at the server.
    last_check_failed: bool,
}

impl Inner {
    /// Returns an error with the reason if the other slot must not be written.
    fn check_slot_writable(&self) -> Result<(), String> {
        match &self.state.phase {
            UpdatePhase::Idle | UpdatePhase::Written { .. } => Ok(()),
            UpdatePhase::OnTrial { version } => Err(format!(
                "version {version} is on trial; try again in two minutes"
            )),
            UpdatePhase::Writing { version, .. } => {
                Err(format!("version {version} is being written"))
            }
        }
    }

    fn set_phase(&mut self, phase: UpdatePhase) {
        self.state.phase = phase;
        self.publish();
    }

    fn publish(&self) {
        if let Err(error) = self.file.publish(&self.state) {
            log::warn!("{error}");
        }
    }
}

/// Sends a request to PID 1.
///
/// # Errors
/// PID 1 refuses it or cannot be reached.
pub(crate) fn send_request(request: &Request) -> Result<(), String> {
    match ask(request) {
        Ok(Reply::Accepted) => Ok(()),
        Ok(Reply::Refused { why }) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

impl UpdateManager {
    /// Loads the latest update and decides what this start means for it.
    pub(crate) fn open(
        keys: Vec<PublicKey>,
        boot_params: BootParams,
        data_dir: DataDir,
    ) -> (Arc<Self>, Start) {
        let mut state = UpdateState::default();
        // A mark left by a process that ended while it wrote would forbid restarts for ever.
        WritingMark::clear(writing_mark_path());
        let mut record = data_dir.record().unwrap_or_else(|error| {
            state.last_error = Some(format!("what the card remembers of updates: {error}"));
            None
        });
        let running = boot_params.slots.as_ref().map(|(running, _)| *running);
        let supervisor: SupervisorState = read().unwrap_or_default();
        if let (None, Some(running), true) = (&record, running, boot_params.on_trial) {
            log::warn!("the boot loader tries this image, of which the card remembers nothing");
            let program_version = PROGRAM_VERSION.parse().unwrap_or_default();
            record = Some(UpdateRecord::reconstructed(
                running,
                program_version,
                supervisor.boots,
            ));
        }
        let start = match (&mut record, running) {
            (Some(record), Some(running)) => record.start(running, &supervisor),
            _ => Start::Usual,
        };
        if let (Some(record), Start::RolledBack { reason }) = (&mut record, &start) {
            record.outcome = Outcome::RolledBack {
                reason: reason.clone(),
            };
            if let Err(error) = data_dir.save_record(record) {
                state.last_error = Some(format!("remembering the end of an update: {error}"));
            }
            log::error!("{}", record.describe().unwrap_or_default());
        }
        let version = record.as_ref().map(|it| it.version.to_string());
        let version = version.unwrap_or_default();
        match start {
            Start::Trial => {
                log::warn!("update to {version} is on trial");
                state.phase = UpdatePhase::OnTrial { version };
            }
            Start::Waiting => state.phase = UpdatePhase::Written { version },
            Start::Usual | Start::RolledBack { .. } => {}
        }
        if let Some(error) = &state.last_error {
            log::warn!("{error}");
        }
        state.last_update = record.as_ref().and_then(UpdateRecord::describe);
        let manager = Self {
            keys,
            boot_params,
            data_dir,
            inner: Mutex::new(Inner {
                record,
                file: StateFile::new(),
                state,
                last_check_failed: false,
            }),
        };
        let version = manager.running().to_string();
        let mut inner = manager.inner();
        inner.state.version = version;
        inner.publish();
        drop(inner);
        (Arc::new(manager), start)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the version that runs: the bundle's if the slot came from one, else the program's.
    pub(crate) fn running(&self) -> Version {
        let inner = self.inner();
        let slots = self.boot_params.slots.as_ref();
        let bundled = slots.and_then(|(running, _)| inner.record.as_ref()?.version_in(*running));
        bundled.unwrap_or_else(|| PROGRAM_VERSION.parse().unwrap_or_default())
    }

    /// Returns the trial of the update that runs.
    pub(crate) fn trial(&self) -> Trial {
        let deadline = self.boot_params.deadline.unwrap_or(BootMillis(DEADLINE));
        match &self.inner().record {
            Some(record) if !record.is_record_lost => Trial::new(record.before, deadline),
            _ => Trial::without_record(deadline),
        }
    }

    /// Returns whether the data partition can be read and is persistent.
    pub(crate) fn has_data_partition(&self) -> bool {
        self.data_dir.is_persistent()
    }

    /// Publishes the key by which laptops identify this box.
    pub(crate) fn publish_key(&self, key: PublicKey) {
        let mut inner = self.inner();
        inner.state.key = Some(key.to_string());
        inner.publish();
    }

    /// Logs and publishes an error.
    pub(crate) fn report_error(&self, error: &str) {
        log::warn!("{error}");
        let mut inner = self.inner();
        inner.last_check_failed = false;
        inner.state.last_error = Some(error.to_owned());
        inner.publish();
    }

    /// Records the end of a check at the server. A later success clears its error.
    pub(crate) fn on_check_end(&self, error: Option<&str>) {
        if let Some(error) = error {
            self.report_error(error);
        }
        let mut inner = self.inner();
        if error.is_none() && inner.last_check_failed {
            inner.state.last_error = None;
            inner.publish();
        }
        inner.last_check_failed = error.is_some();
    }

    /// Confirms the image on trial, permanently.
    ///
    /// # Errors
    /// The confirmation could not be written.
    pub(crate) fn confirm(&self) -> Result<(), String> {
        send_request(&Request::Slots(SlotsOrder::Confirm))?;
        self.finish_trial(Outcome::Confirmed);
        Ok(())
    }

    /// Gives up the image on trial. A restart follows, whether or not the card can be written.
    ///
    /// # Errors
    /// The restart is refused.
    pub(crate) fn give_up(&self, reason: &str) -> Result<(), String> {
        self.finish_trial(Outcome::GivenUp {
            reason: reason.to_owned(),
        });
        let reason = reason.to_owned();
        if let Err(error) = send_request(&Request::Slots(SlotsOrder::GiveUp {
            reason: reason.clone(),
        })) {
            // The slot's tries run out instead.
            log::error!("the boot loader cannot be told to give the slot up: {error}");
        }
        send_request(&Request::Reboot {
            reason: format!("the update is given up: {reason}"),
        })
    }

    fn finish_trial(&self, outcome: Outcome) {
        let mut inner = self.inner();
        if let Some(record) = &mut inner.record {
            record.outcome = outcome;
            let text = record.describe();
            log::warn!("{}", text.as_deref().unwrap_or_default());
            if let Err(error) = self.data_dir.save_record(record) {
                log::error!("remembering the end of an update: {error}");
            }
            inner.state.last_update = text;
        }
        inner.set_phase(UpdatePhase::Idle);
    }

    /// Returns whether the update to `version` was tried here and failed.
    pub(crate) fn version_has_failed(&self, version: Version) -> bool {
        let inner = self.inner();
        inner
            .record
            .as_ref()
            .is_some_and(|it| it.version_has_failed(version))
    }

    /// Returns whether an update is being written, is on trial or waits for its start.
    pub(crate) fn is_busy(&self) -> bool {
        self.inner().state.phase != UpdatePhase::Idle
    }

    /// Claims the free slot for `version`: pushes and the pull run concurrently.
    fn claim(&self, header: &Header) -> Result<(), String> {
        let mut inner = self.inner();
        inner.check_slot_writable()?;
        inner.set_phase(UpdatePhase::Writing {
            version: header.version.to_string(),
            done: 0,
            of: header.payload,
        });
        Ok(())
    }

    fn slot(&self) -> Result<(Slot, &Path), String> {
        match &self.boot_params.slots {
            Some((running, device)) => Ok((running.other(), device)),
            None => Err("the boot loader does not tell which slot is free".into()),
        }
    }

    fn write(
        &self,
        header: &Header,
        image: &mut dyn Read,
        done: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(), String> {
        let (slot, device) = self.slot()?;
        let mut disk = open(device)?;
        let mut mark = WritingMark::set(writing_mark_path())?;
        let version = header.version.to_string();
        let publish_progress = |done| {
            self.inner().set_phase(UpdatePhase::Writing {
                version: version.clone(),
                done,
                of: header.payload,
            });
        };
        let mut next = PROGRESS_STEP;
        let mut progress = |bytes| {
            mark.progress();
            if bytes >= next {
                next = bytes + PROGRESS_STEP;
                publish_progress(bytes);
            }
            done(bytes)
        };
        let orders = |wanted: SlotsOrder| {
            match wanted {
                // Before the trial is set: afterwards the record of what is on trial could be
                // missing.
                SlotsOrder::Try { .. } => self.save_pending(header, slot)?,
                _ => self.mark_overwritten(),
            }
            send_request(&Request::Slots(wanted))
        };
        let mut image = image;
        install(header, (slot, &mut disk), &mut image, orders, &mut progress)
            .map_err(|error| error.to_string())
    }

    /// Records that a pending update is being overwritten.
    fn mark_overwritten(&self) {
        let mut inner = self.inner();
        let Some(record) = &mut inner.record else {
            return;
        };
        if record.outcome == Outcome::Pending {
            record.outcome = Outcome::GivenUp {
                reason: "another one was written over it".into(),
            };
            if let Err(error) = self.data_dir.save_record(record) {
                log::warn!("remembering the end of an update: {error}");
            }
        }
    }

    /// Saves the update to be tried, and the baseline that its trial is compared with.
    fn save_pending(&self, header: &Header, slot: Slot) -> Result<(), String> {
        let network: NetworkState = read().unwrap_or_default();
        let uplink: UplinkState = read().unwrap_or_default();
        let supervisor: SupervisorState = read().unwrap_or_default();
        let record = UpdateRecord {
            slot,
            version: header.version,
            from: self.running(),
            before: Baseline {
                lan: network.lan.is_some(),
                carrier: uplink.link.is_some(),
            },
            boot: supervisor.boots,
            outcome: Outcome::Pending,
            is_record_lost: false,
        };
        let failed = |error| format!("remembering the update on the card: {error}");
        self.data_dir.save_record(&record).map_err(failed)?;
        self.inner().record = Some(record);
        Ok(())
    }
}

impl UpdateReceiver for UpdateManager {
    fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    fn admit(&self, header: &Header, allow_downgrade: bool) -> Result<(Slot, Version), String> {
        let (slot, device) = self.slot()?;
        self.inner().check_slot_writable()?;
        let capacity = open(device)?
            .seek(SeekFrom::End(0))
            .map_err(|error| format!("{}: {error}", device.display()))?;
        let running = self.running();
        header
            .admit(&self.boot_params.board, running, capacity, allow_downgrade)
            .map_err(|error| error.to_string())?;
        Ok((slot, running))
    }

    fn install(
        &self,
        header: &Header,
        image: &mut dyn Read,
        done: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(), String> {
        self.claim(header)?;
        let version = header.version.to_string();
        log::warn!("writing version {version}, {} bytes", header.payload);
        let written = self.write(header, image, done);
        let mut inner = self.inner();
        match &written {
            Ok(()) => {
                log::warn!("version {version} is written and will be tried at the next start");
                inner.state.last_error = None;
                inner.set_phase(UpdatePhase::Written { version });
            }
            Err(error) => {
                let error = format!("update to {version} is not installed: {error}");
                log::warn!("{error}");
                inner.last_check_failed = false;
                inner.state.last_error = Some(error);
                inner.set_phase(UpdatePhase::Idle);
            }
        }
        written
    }
}

fn open(device: &Path) -> Result<File, String> {
    File::options()
        .read(true)
        .write(true)
        .open(device)
        .map_err(|error| format!("{}: {error}", device.display()))
}

fn writing_mark_path() -> PathBuf {
    Path::new(RUN).join(UPDATE_WRITING)
}
