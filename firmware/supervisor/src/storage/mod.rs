//! The one-shot `storage`: settings and data partition.
//!
//! At boot it imports `failberrypi.toml` from the card, mounts the data partition, and writes the
//! configuration of each service. With an argument it runs one job of an operator: factory reset
//! or the previous settings.
//!
//! No failure is fatal: without a card the box runs, and reports what is missing.

mod boot;
mod card;
mod data;
mod empty_fs;
mod fibmap;
mod mmc_rescan;
mod salvage;
mod service_configs;
mod settings;

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use failberry_config::{import, parse};
use failberry_service::card_file;
use failberry_state::{BootMillis, RUN, Service};

use self::{
    boot::BootPartition,
    card::{partition, wait_for},
    data::{DataPartition, request_factory_reset},
    service_configs::write_service_configs,
    settings::{Decision, Store, decide},
};
pub use crate::boot_history::DataPersistence;
use crate::{
    boot_history,
    cmdline::Cmdline,
    one_shot::{FACTORY_RESET, REVERT_CONFIG},
};

/// Time from the start until the card counts as missing, in milliseconds. The box was booted from
/// it, but the kernel may wait 10 s for its answer, and then retries more slowly.
const CARD_TIMEOUT_MS: u64 = 30_000;

/// Time from the start until controllers without a card are rescanned, in milliseconds. On a Pi 2B
/// the card is there before all modules are loaded, so before the wait begins.
const RESCAN_AFTER_MS: u64 = 15_000;

/// Mount point of the data partition.
const DATA_DIR: &str = "/data";

/// Image of an empty data partition, from the image builder.
const EMPTY_FS_BLOCKS: &str = "/lib/data.blocks";

/// PID 1's own directory on the data partition.
pub(crate) const SUPERVISOR_DATA_DIR: &str = "/data/supervisor";

/// File of the stored settings in the data directory, readable by root only.
const STORED_SETTINGS: &str = "config/settings.json";

/// Services with a directory on the data partition.
const SERVICES_WITH_DATA: [Service; 3] = [Service::Clock, Service::Uplink, Service::Update];

/// Name of the settings file on the boot partition.
const SETTINGS_FILE: &str = "failberrypi.toml";

/// Partition numbers, as in the layout of the image.
const BOOT_PARTITION: u32 = 1;
const DATA_PARTITION: u32 = 4;

/// File below the run directory with the warnings for the status page.
const WARNINGS_FILE: &str = "storage/warnings.json";

/// Runs the one-shot: without an argument the boot, whose problems go to log and status page; with
/// one that job.
///
/// # Errors
/// Why a job failed.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => prepare(),
        [FACTORY_RESET] => request_factory_reset(Path::new(DATA_DIR))?,
        [REVERT_CONFIG] => revert()?,
        _ => return Err(format!("expected an order, got {arguments:?}").into()),
    }
    Ok(())
}

/// Prepares card, settings and data partition at boot.
fn prepare() {
    let cmdline = Cmdline::read();
    let card = cmdline.card_name();
    let until = BootMillis::now().plus(CARD_TIMEOUT_MS);
    let mut warnings = BootWarnings::default();
    let boot = mount_boot(&partition(card, BOOT_PARTITION), until, &mut warnings);
    let file = boot
        .as_ref()
        .and_then(|boot| read_settings_file(boot, &mut warnings));
    if let Some(bytes) = &file {
        // If the data partition blocks until we are killed, the services have these.
        let first = import(bytes, None);
        warn_if_failed(
            &write_service_configs(&first.config, &first.settings, &[], false),
            &mut warnings,
        );
    }
    warnings.publish(Path::new(RUN));

    let data = DataPartition {
        device: partition(card, DATA_PARTITION),
        directory: DATA_DIR.into(),
        blocks: EMPTY_FS_BLOCKS.into(),
    };
    let reset = boot
        .as_ref()
        .map(BootPartition::reset_files)
        .unwrap_or_default();
    let is_present = boot.is_some() || data.device.exists();
    let mut is_durable = data.open(until, !reset.is_empty(), &mut warnings);
    if let (Some(boot), false) = (&boot, reset.is_empty()) {
        is_durable &= complete_factory_reset(boot, &reset, is_durable, &mut warnings);
    }
    create_data_dirs(&mut warnings);
    import_settings(
        boot.as_ref(),
        file.as_deref(),
        Path::new(DATA_DIR),
        is_durable,
        &mut warnings,
    );
    let persistence = match (is_present, is_durable) {
        (_, true) => DataPersistence::Durable,
        (true, false) => DataPersistence::Volatile,
        (false, false) => DataPersistence::Missing,
    };
    if let Err(why) = begin_boot(Path::new(RUN), Path::new(SUPERVISOR_DATA_DIR), persistence) {
        warnings.add(format!("what the card remembers of earlier boots: {why}"));
    }
    warnings.publish(Path::new(RUN));
}

/// Waits for the boot partition and mounts it.
fn mount_boot(
    device: &Path,
    until: BootMillis,
    warnings: &mut BootWarnings,
) -> Option<BootPartition> {
    let mounted = wait_for(device, BootMillis::now().plus(RESCAN_AFTER_MS).min(until))
        .or_else(|_| {
            rescan_controllers();
            wait_for(device, until)
        })
        .map_err(|error| format!("no card {}: {error}", device.display()))
        .and_then(|()| {
            BootPartition::mount(device)
                .map_err(|error| format!("cannot mount {}: {error}", device.display()))
        });
    mounted
        .map_err(|why| warnings.add(format!("{SETTINGS_FILE} cannot be read: {why}")))
        .ok()
}

/// Rescans controllers that have found no card, and logs it.
fn rescan_controllers() {
    match mmc_rescan::rescan_controllers(Path::new(mmc_rescan::HOSTS)) {
        Ok(hosts) => log::warn!("no card yet; {}", rescan_summary(&hosts)),
        Err(error) => log::warn!("no card yet, and no other look for it: {error}"),
    }
}

/// Returns which controllers are rescanned, as a phrase.
fn rescan_summary(hosts: &[OsString]) -> String {
    if hosts.is_empty() {
        return "no controller that could look again".into();
    }
    let names: Vec<_> = hosts.iter().map(|host| host.to_string_lossy()).collect();
    format!("looking again at {}", names.join(", "))
}

/// Reads the settings file; a failure is a warning.
fn read_settings_file(boot: &BootPartition, warnings: &mut BootWarnings) -> Option<Vec<u8>> {
    boot.read_settings()
        .map_err(|error| warnings.add(format!("{SETTINGS_FILE} cannot be read: {error}")))
        .ok()
}

/// Removes the files that requested a factory reset, if it `is_done`. Returns false if they will
/// request it again at the next boot: data written in this boot are lost then.
fn complete_factory_reset(
    boot: &BootPartition,
    request_files: &[PathBuf],
    is_done: bool,
    warnings: &mut BootWarnings,
) -> bool {
    if !is_done {
        return false;
    }
    log::warn!("everything kept on the card is forgotten, as a file on it asks for");
    boot.remove(request_files)
        .map_err(|error| {
            warnings.add(format!(
                "the file that asks for a factory reset cannot be removed: {error}"
            ));
        })
        .is_ok()
}

/// Decides by the settings `file` and the settings stored below `data` which are in force, and
/// writes the configuration of the services. Stores the settings; masks the secrets in the file if
/// the store `is_durable`.
fn import_settings(
    boot: Option<&BootPartition>,
    file: Option<&[u8]>,
    data: &Path,
    is_durable: bool,
    warnings: &mut BootWarnings,
) {
    let stored = load(data)
        .map_err(|error| warnings.add(format!("the settings kept are lost: {error}")))
        .unwrap_or_default();
    let decision = decide(file, stored.as_ref(), is_durable);
    for text in &decision.notices {
        warnings.add(text.clone());
    }
    let now = decision.store.as_ref().or(stored.as_ref());
    let has_previous = now.is_some_and(|store| store.previous.is_some());
    let Decision {
        config,
        settings,
        notices,
        ..
    } = &decision;
    warn_if_failed(
        &write_service_configs(config, settings, notices, has_previous),
        warnings,
    );
    let problems = decision.notices.len();
    match (file, &stored) {
        (Some(_), _) if decision.is_new => {
            log::info!(
                "{SETTINGS_FILE} is new, with {problems} problems; its settings are in force"
            );
        }
        (_, Some(_)) => {
            log::info!("the settings kept are in force, not new ones of {SETTINGS_FILE}");
        }
        _ => log::info!("{SETTINGS_FILE} gives no settings to keep"),
    }
    persist_settings(&decision, stored.as_ref(), boot, data, warnings);
}

/// Stores the settings, masks the file, and stores that it is masked, in this order.
fn persist_settings(
    decision: &Decision,
    stored: Option<&Store>,
    boot: Option<&BootPartition>,
    data: &Path,
    warnings: &mut BootWarnings,
) {
    let Some(store) = &decision.store else { return };
    if Some(store) != stored
        && let Err(error) = save(data, store)
    {
        // The file has the only copy of the secrets.
        return warnings.add(format!("the settings cannot be kept: {error}"));
    }
    if let (Some(text), Some(boot)) = (&decision.rewrite, boot) {
        if let Err(error) = boot.overwrite(text) {
            return warnings.add(format!(
                "the secrets of {SETTINGS_FILE} stay on the card: it cannot be written: {error}"
            ));
        }
        let names = decision.masked.join(", ");
        log::info!("imported and removed from {SETTINGS_FILE} on the card: {names}");
    }
    let masked = store.clone().masked();
    if masked != *store
        && let Err(error) = save(data, &masked)
    {
        warnings.add(format!("the settings cannot be kept: {error}"));
    }
}

/// Puts the previous settings in force, at once.
fn revert() -> Result<(), Box<dyn Error>> {
    let data = Path::new(DATA_DIR);
    let store = load(data)?.and_then(Store::reverted);
    let store = store.ok_or("no settings before the present ones are kept")?;
    save(data, &store)?;
    let parsed = parse(&store.present);
    write_service_configs(&parsed.config, &store.present, &[], true)?;
    log::info!("the settings before are in force again");
    Ok(())
}

/// Loads the stored settings.
fn load(data: &Path) -> io::Result<Option<Store>> {
    let bytes = card_file::read_up_to(&data.join(STORED_SETTINGS), settings::MAX_STORE_BYTES)?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes));
    Ok(parsed.transpose()?)
}

/// Stores the settings, and verifies them by reading them back.
fn save(data: &Path, store: &Store) -> io::Result<()> {
    let path = data.join(STORED_SETTINGS);
    if let Some(directory) = path.parent() {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?,
        }
    }
    card_file::replace(&path, &serde_json::to_vec(store)?)?;
    // The secrets are removed from the file only if they are really stored.
    match load(data)? {
        Some(read) if read == *store => Ok(()),
        _ => Err(io::Error::other("what was written reads differently")),
    }
}

/// Adds a warning if the configuration of the services could not be written.
fn warn_if_failed(
    written: &Result<(), failberry_service::ConfigError>,
    warnings: &mut BootWarnings,
) {
    if let Err(error) = written {
        warnings.add(format!("cannot hand out the settings: {error}"));
    }
}

/// Creates the data directories of the services.
fn create_data_dirs(warnings: &mut BootWarnings) {
    for service in SERVICES_WITH_DATA {
        if let Err(error) = create_owned_dir(&Path::new(DATA_DIR).join(service.name()), service) {
            warnings.add(format!(
                "cannot make {DATA_DIR}/{}: {error}",
                service.name()
            ));
        }
    }
}

fn create_owned_dir(directory: &Path, owner: Service) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    chown(directory, Some(owner.uid()), Some(owner.uid()))
}

/// Starts the record of this boot in the directory `data`, and writes what is known of the previous
/// ones below `run` for PID 1.
///
/// # Errors
/// What could not be read or written, as a phrase.
pub fn begin_boot(run: &Path, data: &Path, persistence: DataPersistence) -> Result<(), String> {
    boot_history::begin_boot(run, data, persistence)
}

/// Problems found at boot, for log and status page.
#[derive(Default)]
struct BootWarnings(Vec<String>);

impl BootWarnings {
    /// Logs a warning and adds it.
    fn add(&mut self, text: String) {
        log::warn!("{text}");
        self.0.push(text);
    }

    /// Writes the warnings below `run`, for PID 1.
    fn publish(&self, run: &Path) {
        let text = serde_json::to_vec(&self.0).unwrap_or_default();
        if let Err(error) = fs::write(run.join(WARNINGS_FILE), text) {
            log::warn!("cannot tell the status page: {error}");
        }
    }
}

/// Returns the warnings that [`run`] wrote for the status page.
pub(crate) fn warnings(run: &Path) -> Vec<String> {
    let text = match fs::read(run.join(WARNINGS_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![format!("{WARNINGS_FILE}: {error}")],
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| vec![format!("{WARNINGS_FILE}: {error}")])
}

#[cfg(test)]
mod tests;
