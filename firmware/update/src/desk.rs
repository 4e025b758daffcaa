//! Where updates arrive, from a laptop or from a server: what the box knows, decides and orders.

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
    Header, Version, install,
    machine::Machine,
    mark::WritingMark,
    push::Taker,
    record::{Memory, Outcome, Record, Start},
    trial::{Before, DEADLINE, Trial},
};

/// Version of the program.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// Progress is told this often; a reader sees no more.
const TELL_EVERY: u64 = 1024 * 1024;

/// What the box knows about updates.
pub(crate) struct Desk {
    keys: Vec<PublicKey>,
    machine: Machine,
    memory: Memory,
    known: Mutex<Known>,
}

struct Known {
    record: Option<Record>,
    file: StateFile<UpdateState>,
    state: UpdateState,
    /// The last error is that of a look.
    look_failed: bool,
}

impl Known {
    /// Whether the other slot may be written, or why not.
    fn free(&self) -> Result<(), String> {
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

    fn tell(&mut self, phase: UpdatePhase) {
        self.state.phase = phase;
        self.publish();
    }

    fn publish(&self) {
        if let Err(error) = self.file.publish(&self.state) {
            log::warn!("{error}");
        }
    }
}

/// Asks PID 1.
///
/// # Errors
/// It does not, and why.
pub(crate) fn order(request: &Request) -> Result<(), String> {
    match ask(request) {
        Ok(Reply::Accepted) => Ok(()),
        Ok(Reply::Refused { why }) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

impl Desk {
    /// A desk for this machine; what this start means for the latest update.
    pub(crate) fn open(
        keys: Vec<PublicKey>,
        machine: Machine,
        memory: Memory,
    ) -> (Arc<Self>, Start) {
        let mut state = UpdateState::default();
        // Left by one that ended while it wrote, it would forbid restarts for ever.
        WritingMark::clear(writing());
        let mut record = memory.record().unwrap_or_else(|error| {
            state.last_error = Some(format!("what the card remembers of updates: {error}"));
            None
        });
        let running = machine.slots.as_ref().map(|(running, _)| *running);
        let supervisor: SupervisorState = read().unwrap_or_default();
        if let (None, Some(running), true) = (&record, running, machine.on_trial) {
            log::warn!("the boot loader tries this image, of which the card remembers nothing");
            let own = OWN.parse().unwrap_or_default();
            record = Some(Record::forgotten(running, own, supervisor.boots));
        }
        let start = match (&mut record, running) {
            (Some(record), Some(running)) => record.start(running, &supervisor),
            _ => Start::Usual,
        };
        if let (Some(record), Start::RolledBack { reason }) = (&mut record, &start) {
            record.outcome = Outcome::RolledBack {
                reason: reason.clone(),
            };
            if let Err(error) = memory.remember(record) {
                state.last_error = Some(format!("remembering the end of an update: {error}"));
            }
            log::error!("{}", record.told().unwrap_or_default());
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
        state.last_update = record.as_ref().and_then(Record::told);
        let desk = Self {
            keys,
            machine,
            memory,
            known: Mutex::new(Known {
                record,
                file: StateFile::new(),
                state,
                look_failed: false,
            }),
        };
        let version = desk.running().to_string();
        let mut known = desk.known();
        known.state.version = version;
        known.publish();
        drop(known);
        (Arc::new(desk), start)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Version of what runs: the bundle's, where one brought it, or the program's own.
    pub(crate) fn running(&self) -> Version {
        let known = self.known();
        let slots = self.machine.slots.as_ref();
        let brought = slots.and_then(|(running, _)| known.record.as_ref()?.brought(*running));
        brought.unwrap_or_else(|| OWN.parse().unwrap_or_default())
    }

    /// The trial of the update that runs.
    pub(crate) fn trial(&self) -> Trial {
        let deadline = self.machine.deadline.unwrap_or(BootMillis(DEADLINE));
        match &self.known().record {
            Some(record) if !record.is_forgotten => Trial::new(record.before, deadline),
            _ => Trial::forgotten(deadline),
        }
    }

    /// Whether the card can be read, and keeps what it is told.
    pub(crate) fn has_card(&self) -> bool {
        self.memory.is_kept()
    }

    /// Tells by which key laptops know this box.
    pub(crate) fn listens(&self, key: PublicKey) {
        let mut known = self.known();
        known.state.key = Some(key.to_string());
        known.publish();
    }

    /// Tells what went wrong.
    pub(crate) fn failed(&self, error: &str) {
        log::warn!("{error}");
        let mut known = self.known();
        known.look_failed = false;
        known.state.last_error = Some(error.to_owned());
        known.publish();
    }

    /// Records how a look at the server ended. A later good one takes the trouble back.
    pub(crate) fn look_ended(&self, trouble: Option<&str>) {
        if let Some(trouble) = trouble {
            self.failed(trouble);
        }
        let mut known = self.known();
        if trouble.is_none() && known.look_failed {
            known.state.last_error = None;
            known.publish();
        }
        known.look_failed = trouble.is_some();
    }

    /// The image on trial is good, for ever.
    ///
    /// # Errors
    /// It could not be written down.
    pub(crate) fn confirm(&self) -> Result<(), String> {
        order(&Request::Slots(SlotsOrder::Confirm))?;
        self.conclude(Outcome::Confirmed);
        Ok(())
    }

    /// The image on trial is not good. What follows is a restart, whatever the card says.
    ///
    /// # Errors
    /// The restart is refused.
    pub(crate) fn give_up(&self, reason: &str) -> Result<(), String> {
        self.conclude(Outcome::GivenUp {
            reason: reason.to_owned(),
        });
        let reason = reason.to_owned();
        if let Err(error) = order(&Request::Slots(SlotsOrder::GiveUp {
            reason: reason.clone(),
        })) {
            // Then its tries run out.
            log::error!("the boot loader cannot be told to give the slot up: {error}");
        }
        order(&Request::Reboot {
            reason: format!("the update is given up: {reason}"),
        })
    }

    fn conclude(&self, outcome: Outcome) {
        let mut known = self.known();
        if let Some(record) = &mut known.record {
            record.outcome = outcome;
            let told = record.told();
            log::warn!("{}", told.as_deref().unwrap_or_default());
            if let Err(error) = self.memory.remember(record) {
                log::error!("remembering the end of an update: {error}");
            }
            known.state.last_update = told;
        }
        known.tell(UpdatePhase::Idle);
    }

    /// Whether the update to `version` was tried here and failed.
    pub(crate) fn has_failed(&self, version: Version) -> bool {
        let known = self.known();
        known
            .record
            .as_ref()
            .is_some_and(|it| it.has_failed(version))
    }

    /// Whether something is being written, or is on trial, or waits to be.
    pub(crate) fn is_busy(&self) -> bool {
        self.known().state.phase != UpdatePhase::Idle
    }

    /// Claims the free slot for `version`: pushes and the pull run beside one another.
    fn claim(&self, header: &Header) -> Result<(), String> {
        let mut known = self.known();
        known.free()?;
        known.tell(UpdatePhase::Writing {
            version: header.version.to_string(),
            done: 0,
            of: header.payload,
        });
        Ok(())
    }

    fn slot(&self) -> Result<(Slot, &Path), String> {
        match &self.machine.slots {
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
        let mut mark = WritingMark::set(writing())?;
        let version = header.version.to_string();
        let tell = |done| {
            self.known().tell(UpdatePhase::Writing {
                version: version.clone(),
                done,
                of: header.payload,
            });
        };
        let mut next = TELL_EVERY;
        let mut progress = |bytes| {
            mark.progress();
            if bytes >= next {
                next = bytes + TELL_EVERY;
                tell(bytes);
            }
            done(bytes)
        };
        let orders = |wanted: SlotsOrder| {
            match wanted {
                // First, since nobody could tell afterwards what is on trial.
                SlotsOrder::Try { .. } => self.remember(header, slot)?,
                _ => self.supersede(),
            }
            order(&Request::Slots(wanted))
        };
        let mut image = image;
        install(header, (slot, &mut disk), &mut image, orders, &mut progress)
            .map_err(|error| error.to_string())
    }

    /// What was to be tried is written over.
    fn supersede(&self) {
        let mut known = self.known();
        let Some(record) = &mut known.record else {
            return;
        };
        if record.outcome == Outcome::Pending {
            record.outcome = Outcome::GivenUp {
                reason: "another one was written over it".into(),
            };
            if let Err(error) = self.memory.remember(record) {
                log::warn!("remembering the end of an update: {error}");
            }
        }
    }

    /// Remembers what is to be tried, and what works now.
    fn remember(&self, header: &Header, slot: Slot) -> Result<(), String> {
        let network: NetworkState = read().unwrap_or_default();
        let uplink: UplinkState = read().unwrap_or_default();
        let supervisor: SupervisorState = read().unwrap_or_default();
        let record = Record {
            slot,
            version: header.version,
            from: self.running(),
            before: Before {
                lan: network.lan.is_some(),
                carrier: uplink.link.is_some(),
            },
            boot: supervisor.boots,
            outcome: Outcome::Pending,
            is_forgotten: false,
        };
        let failed = |error| format!("remembering the update on the card: {error}");
        self.memory.remember(&record).map_err(failed)?;
        self.known().record = Some(record);
        Ok(())
    }
}

impl Taker for Desk {
    fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    fn admit(&self, header: &Header, allow_downgrade: bool) -> Result<(Slot, Version), String> {
        let (slot, device) = self.slot()?;
        self.known().free()?;
        let room = open(device)?
            .seek(SeekFrom::End(0))
            .map_err(|error| format!("{}: {error}", device.display()))?;
        let running = self.running();
        header
            .admit(&self.machine.board, running, room, allow_downgrade)
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
        let mut known = self.known();
        match &written {
            Ok(()) => {
                log::warn!("version {version} is written and will be tried at the next start");
                known.state.last_error = None;
                known.tell(UpdatePhase::Written { version });
            }
            Err(error) => {
                let error = format!("update to {version} is not installed: {error}");
                log::warn!("{error}");
                known.look_failed = false;
                known.state.last_error = Some(error);
                known.tell(UpdatePhase::Idle);
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

fn writing() -> PathBuf {
    Path::new(RUN).join(UPDATE_WRITING)
}
