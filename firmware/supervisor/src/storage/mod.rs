//! The one-shot `storage`: reads `failberrypi.toml` from the card, takes it in, hands each service
//! its part of what is in force, and mounts the data partition. Later, under an argument, it
//! carries out an order of a person's about all that.
//!
//! Nothing here is fatal: without a card the box still runs, and says what it misses.

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

/// A card that needs longer than this to appear will not. It is there, since the machine was
/// started from it, but the kernel may wait 10 s for its answer, and then asks it more slowly.
const CARD_TIMEOUT_MS: u64 = 30_000;

/// One that needs longer than this is looked for anew; on a Pi 2B it is there before its modules
/// are all loaded, and so before anybody waits.
const RESCAN_AFTER_MS: u64 = 15_000;

const DATA_DIR: &str = "/data";

/// The blocks of an empty data partition, from the assembler.
const EMPTY_FS_BLOCKS: &str = "/lib/data.blocks";

/// PID 1's own place on the data partition.
pub(crate) const SUPERVISOR_DATA_DIR: &str = "/data/supervisor";

/// Where the settings are kept, for root alone.
const STORED_SETTINGS: &str = "config/settings.json";

/// Services that keep something on the data partition.
const SERVICES_WITH_DATA: [Service; 3] = [Service::Clock, Service::Uplink, Service::Update];

const SETTINGS_FILE: &str = "failberrypi.toml";

/// Partition numbers, as in the layout of the image.
const BOOT_PARTITION: u32 = 1;
const DATA_PARTITION: u32 = 4;

/// File below the run directory that holds the warnings for the status page.
const WARNINGS_FILE: &str = "storage/warnings.json";

/// Without an argument, does it all, and trouble goes to the log and to the status page. With one,
/// carries out that order.
///
/// # Errors
/// Why an order could not be carried out.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => prepare(),
        [FACTORY_RESET] => request_factory_reset(Path::new(DATA_DIR))?,
        [REVERT_CONFIG] => revert()?,
        _ => return Err(format!("expected an order, got {arguments:?}").into()),
    }
    Ok(())
}

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
        // In case the data partition holds us up until we are killed.
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

fn rescan_controllers() {
    match mmc_rescan::rescan_controllers(Path::new(mmc_rescan::HOSTS)) {
        Ok(hosts) => log::warn!("no card yet; {}", rescan_summary(&hosts)),
        Err(error) => log::warn!("no card yet, and no other look for it: {error}"),
    }
}

/// Which controllers look for a card again, in words.
fn rescan_summary(hosts: &[OsString]) -> String {
    if hosts.is_empty() {
        return "no controller that could look again".into();
    }
    let names: Vec<_> = hosts.iter().map(|host| host.to_string_lossy()).collect();
    format!("looking again at {}", names.join(", "))
}

fn read_settings_file(boot: &BootPartition, warnings: &mut BootWarnings) -> Option<Vec<u8>> {
    boot.read_settings()
        .map_err(|error| warnings.add(format!("{SETTINGS_FILE} cannot be read: {error}")))
        .ok()
}

/// Takes away the files that asked for a reset, which has been done if `is_done`. False where they
/// ask again at the next boot, so that nothing can be entrusted to this one.
fn complete_factory_reset(
    boot: &BootPartition,
    asking: &[PathBuf],
    is_done: bool,
    warnings: &mut BootWarnings,
) -> bool {
    if !is_done {
        return false;
    }
    log::warn!("everything kept on the card is forgotten, as a file on it asks for");
    boot.remove(asking)
        .map_err(|error| {
            warnings.add(format!(
                "the file that asks for a factory reset cannot be removed: {error}"
            ));
        })
        .is_ok()
}

/// Makes the `file` of `boot` beside what is kept below `data` the settings in force, hands them
/// out, and takes the secrets out of the file if what is kept there is kept for good.
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
            log::info!("the settings kept are in force, not new ones of {SETTINGS_FILE}")
        }
        _ => log::info!("{SETTINGS_FILE} gives no settings to keep"),
    }
    persist_settings(&decision, stored.as_ref(), boot, data, warnings);
}

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
        // The secrets are nowhere but in the file.
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

/// Makes the settings before the present ones those in force, at once.
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

fn load(data: &Path) -> io::Result<Option<Store>> {
    let bytes = card_file::read_up_to(&data.join(STORED_SETTINGS), settings::MAX_STORE_BYTES)?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes));
    Ok(parsed.transpose()?)
}

fn save(data: &Path, store: &Store) -> io::Result<()> {
    let path = data.join(STORED_SETTINGS);
    if let Some(directory) = path.parent() {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?,
        }
    }
    card_file::replace(&path, &serde_json::to_vec(store)?)?;
    // What is removed elsewhere on the strength of this must really be here.
    match load(data)? {
        Some(read) if read == *store => Ok(()),
        _ => Err(io::Error::other("what was written reads differently")),
    }
}

fn warn_if_failed(
    handed: &Result<(), failberry_service::ConfigError>,
    warnings: &mut BootWarnings,
) {
    if let Err(error) = handed {
        warnings.add(format!("cannot hand out the settings: {error}"));
    }
}

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

/// Begins this life in the memory at `data`, and leaves what it says of the lives before below
/// `run` for PID 1.
///
/// # Errors
/// What could not be read or written, in words.
pub fn begin_boot(run: &Path, data: &Path, persistence: DataPersistence) -> Result<(), String> {
    boot_history::begin_boot(run, data, persistence)
}

/// What a person should know.
#[derive(Default)]
struct BootWarnings(Vec<String>);

impl BootWarnings {
    fn add(&mut self, text: String) {
        log::warn!("{text}");
        self.0.push(text);
    }

    fn publish(&self, run: &Path) {
        let text = serde_json::to_vec(&self.0).unwrap_or_default();
        if let Err(error) = fs::write(run.join(WARNINGS_FILE), text) {
            log::warn!("cannot tell the status page: {error}");
        }
    }
}

/// What [`run`] left for the status page.
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
