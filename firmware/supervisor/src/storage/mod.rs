//! The one-shot `storage`: reads `failberrypi.toml` from the card, takes it in, hands each service
//! its part of what is in force, and mounts the data partition. Later, under an argument, it
//! carries out an order of a person's about all that.
//!
//! Nothing here is fatal: without a card the box still runs, and says what it misses.

mod boot;
mod card;
mod data;
mod fibmap;
mod hand_out;
mod host;
mod pristine;
mod rescue;
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
    boot::Boot,
    card::{partition, wait_for},
    data::{Data, ask_to_forget},
    hand_out::hand_out,
    settings::{Decision, Store, decide},
};
pub use crate::lives::Card;
use crate::{
    cmdline::Cmdline,
    lives,
    orders::{FACTORY_RESET, REVERT_CONFIG},
};

/// A card that needs longer than this to appear will not. It is there, since the machine was
/// started from it, but the kernel may wait 10 s for its answer, and then asks it more slowly.
const CARD_BOUND: u64 = 30_000;

/// One that needs longer than this is looked for anew; on a Pi 2B it is there before its modules
/// are all loaded, and so before anybody waits.
const LOOK_AGAIN: u64 = 15_000;

const DATA: &str = "/data";

/// The blocks of an empty data partition, from the assembler.
const BLOCKS: &str = "/lib/data.blocks";

/// PID 1's own place on the data partition.
pub(crate) const MEMORY: &str = "/data/supervisor";

/// Where the settings are kept, for root alone.
const SETTINGS: &str = "config/settings.json";

/// Services that keep something on the data partition.
const KEEPERS: [Service; 3] = [Service::Clock, Service::Uplink, Service::Update];

const FILE: &str = "failberrypi.toml";

/// Partition numbers, as in the layout of the image.
const BOOT_PARTITION: u32 = 1;
const DATA_PARTITION: u32 = 4;

/// File below the run directory that holds the warnings for the status page.
const WARNINGS: &str = "storage/warnings.json";

/// Without an argument, does it all, and trouble goes to the log and to the status page. With one,
/// carries out that order.
///
/// # Errors
/// Why an order could not be carried out.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => begin(),
        [FACTORY_RESET] => ask_to_forget(Path::new(DATA))?,
        [REVERT_CONFIG] => revert()?,
        _ => return Err(format!("expected an order, got {arguments:?}").into()),
    }
    Ok(())
}

fn begin() {
    let cmdline = Cmdline::read();
    let card = cmdline.card_name();
    let until = BootMillis::now().plus(CARD_BOUND);
    let mut trouble = Trouble::default();
    let boot = mount_boot(&partition(card, BOOT_PARTITION), until, &mut trouble);
    let file = boot.as_ref().and_then(|boot| read(boot, &mut trouble));
    if let Some(bytes) = &file {
        // In case the data partition holds us up until we are killed.
        let first = import(bytes, None);
        give(
            &hand_out(&first.config, &first.settings, &[], false),
            &mut trouble,
        );
    }
    trouble.leave(Path::new(RUN));

    let data = Data {
        device: partition(card, DATA_PARTITION),
        directory: DATA.into(),
        blocks: BLOCKS.into(),
    };
    let reset = boot.as_ref().map(Boot::reset_files).unwrap_or_default();
    let is_there = boot.is_some() || data.device.exists();
    let mut is_kept = data.open(until, !reset.is_empty(), &mut trouble);
    if let (Some(boot), false) = (&boot, reset.is_empty()) {
        is_kept &= forgotten(boot, &reset, is_kept, &mut trouble);
    }
    make_places(&mut trouble);
    take_in(
        boot.as_ref(),
        file.as_deref(),
        Path::new(DATA),
        is_kept,
        &mut trouble,
    );
    let outlook = match (is_there, is_kept) {
        (_, true) => Card::Kept,
        (true, false) => Card::Forgetful,
        (false, false) => Card::Missing,
    };
    if let Err(why) = remember(Path::new(RUN), Path::new(MEMORY), outlook) {
        trouble.add(format!("what the card remembers of earlier boots: {why}"));
    }
    trouble.leave(Path::new(RUN));
}

fn mount_boot(device: &Path, until: BootMillis, trouble: &mut Trouble) -> Option<Boot> {
    let mounted = wait_for(device, BootMillis::now().plus(LOOK_AGAIN).min(until))
        .or_else(|_| {
            look_again();
            wait_for(device, until)
        })
        .map_err(|error| format!("no card {}: {error}", device.display()))
        .and_then(|()| {
            Boot::mount(device)
                .map_err(|error| format!("cannot mount {}: {error}", device.display()))
        });
    mounted
        .map_err(|why| trouble.add(format!("{FILE} cannot be read: {why}")))
        .ok()
}

fn look_again() {
    match host::look_again(Path::new(host::HOSTS)) {
        Ok(hosts) => log::warn!("no card yet; {}", looked_at(&hosts)),
        Err(error) => log::warn!("no card yet, and no other look for it: {error}"),
    }
}

/// Which controllers look for a card again, in words.
fn looked_at(hosts: &[OsString]) -> String {
    if hosts.is_empty() {
        return "no controller that could look again".into();
    }
    let names: Vec<_> = hosts.iter().map(|host| host.to_string_lossy()).collect();
    format!("looking again at {}", names.join(", "))
}

fn read(boot: &Boot, trouble: &mut Trouble) -> Option<Vec<u8>> {
    boot.settings()
        .map_err(|error| trouble.add(format!("{FILE} cannot be read: {error}")))
        .ok()
}

/// Takes away the files that asked for a reset, which has been done if `is_done`. False where they
/// ask again at the next boot, so that nothing can be entrusted to this one.
fn forgotten(boot: &Boot, asking: &[PathBuf], is_done: bool, trouble: &mut Trouble) -> bool {
    if !is_done {
        return false;
    }
    log::warn!("everything kept on the card is forgotten, as a file on it asks for");
    boot.remove(asking)
        .map_err(|error| {
            trouble.add(format!(
                "the file that asks for a factory reset cannot be removed: {error}"
            ));
        })
        .is_ok()
}

/// Makes the `file` of `boot` beside what is kept below `data` the settings in force, hands them
/// out, and takes the secrets out of the file if what is kept there is kept for good.
fn take_in(
    boot: Option<&Boot>,
    file: Option<&[u8]>,
    data: &Path,
    is_kept: bool,
    trouble: &mut Trouble,
) {
    let kept = load(data)
        .map_err(|error| trouble.add(format!("the settings kept are lost: {error}")))
        .unwrap_or_default();
    let decision = decide(file, kept.as_ref(), is_kept);
    for text in &decision.told {
        trouble.add(text.clone());
    }
    let now = decision.store.as_ref().or(kept.as_ref());
    let has_previous = now.is_some_and(|store| store.previous.is_some());
    let Decision {
        config,
        settings,
        told,
        ..
    } = &decision;
    give(&hand_out(config, settings, told, has_previous), trouble);
    let problems = decision.told.len();
    match (file, &kept) {
        (Some(_), _) if decision.is_new => {
            log::info!("{FILE} is new, with {problems} problems; its settings are in force");
        }
        (_, Some(_)) => log::info!("the settings kept are in force, not new ones of {FILE}"),
        _ => log::info!("{FILE} gives no settings to keep"),
    }
    keep(&decision, kept.as_ref(), boot, data, trouble);
}

fn keep(
    decision: &Decision,
    kept: Option<&Store>,
    boot: Option<&Boot>,
    data: &Path,
    trouble: &mut Trouble,
) {
    let Some(store) = &decision.store else { return };
    if Some(store) != kept
        && let Err(error) = save(data, store)
    {
        // The secrets are nowhere but in the file.
        return trouble.add(format!("the settings cannot be kept: {error}"));
    }
    if let (Some(text), Some(boot)) = (&decision.rewrite, boot) {
        if let Err(error) = boot.overwrite(text) {
            return trouble.add(format!(
                "the secrets of {FILE} stay on the card: it cannot be written: {error}"
            ));
        }
        let names = decision.masked.join(", ");
        log::info!("imported and removed from {FILE} on the card: {names}");
    }
    let masked = store.clone().masked();
    if masked != *store
        && let Err(error) = save(data, &masked)
    {
        trouble.add(format!("the settings cannot be kept: {error}"));
    }
}

/// Makes the settings before the present ones those in force, at once.
fn revert() -> Result<(), Box<dyn Error>> {
    let data = Path::new(DATA);
    let store = load(data)?.and_then(Store::reverted);
    let store = store.ok_or("no settings before the present ones are kept")?;
    save(data, &store)?;
    let parsed = parse(&store.present);
    hand_out(&parsed.config, &store.present, &[], true)?;
    log::info!("the settings before are in force again");
    Ok(())
}

fn load(data: &Path) -> io::Result<Option<Store>> {
    let bytes = card_file::read_up_to(&data.join(SETTINGS), settings::LARGEST)?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes));
    Ok(parsed.transpose()?)
}

fn save(data: &Path, store: &Store) -> io::Result<()> {
    let path = data.join(SETTINGS);
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

fn give(handed: &Result<(), failberry_service::ConfigError>, trouble: &mut Trouble) {
    if let Err(error) = handed {
        trouble.add(format!("cannot hand out the settings: {error}"));
    }
}

fn make_places(trouble: &mut Trouble) {
    for service in KEEPERS {
        if let Err(error) = make_owned(&Path::new(DATA).join(service.name()), service) {
            trouble.add(format!("cannot make {DATA}/{}: {error}", service.name()));
        }
    }
}

fn make_owned(directory: &Path, owner: Service) -> io::Result<()> {
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
pub fn remember(run: &Path, data: &Path, card: Card) -> Result<(), String> {
    lives::begin(run, data, card)
}

/// What a person should know.
#[derive(Default)]
struct Trouble(Vec<String>);

impl Trouble {
    fn add(&mut self, text: String) {
        log::warn!("{text}");
        self.0.push(text);
    }

    fn leave(&self, run: &Path) {
        let text = serde_json::to_vec(&self.0).unwrap_or_default();
        if let Err(error) = fs::write(run.join(WARNINGS), text) {
            log::warn!("cannot tell the status page: {error}");
        }
    }
}

/// What [`run`] left for the status page.
pub(crate) fn warnings(run: &Path) -> Vec<String> {
    let text = match fs::read(run.join(WARNINGS)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![format!("{WARNINGS}: {error}")],
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| vec![format!("{WARNINGS}: {error}")])
}

#[cfg(test)]
mod tests;
