//! The one-shot `storage`: reads `failberrypi.toml` from the card, hands each service its part of
//! it, and mounts the data partition.
//!
//! Nothing here is fatal: without a card the box still runs, and says what it misses.

mod card;

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::chown,
    path::Path,
};

use failberry_config::{
    ClockConfig, Config, ConsoleConfig, DyndnsConfig, MAX_BYTES, NetworkConfig, Parsed, Problem,
    UpdateConfig, UplinkConfig, parse_bytes,
};
use failberry_service::{ConfigError, write_config};
use failberry_state::{BootMillis, RUN, Service};
use nix::mount::{MsFlags, mount, umount};

use self::card::{partition, wait_for};
use crate::{
    cmdline::Cmdline,
    lives,
    mounts::INERT,
    orders::{FACTORY_RESET, REVERT_CONFIG},
};

/// A card that needs longer than this to appear will not.
const CARD_BOUND: u64 = 10_000;

/// Problems of the file told one by one. A file that is something else altogether has thousands,
/// and the status page and the console are for people.
const MAX_TOLD: usize = 20;

const BOOT: &str = "/boot";
const DATA: &str = "/data";

/// PID 1's own place on the data partition.
pub(crate) const MEMORY: &str = "/data/supervisor";

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
        [FACTORY_RESET | REVERT_CONFIG] => return Err("not there yet".into()),
        _ => return Err(format!("expected an order, got {arguments:?}").into()),
    }
    Ok(())
}

fn begin() {
    let cmdline = Cmdline::read();
    let card = cmdline.card_name();
    let until = BootMillis::now().plus(CARD_BOUND);
    let mut trouble = Trouble::default();
    configure(card, until, &mut trouble);
    // Now, in case the data partition holds us up until we are killed.
    trouble.leave(Path::new(RUN));
    mount_data(card, until, &mut trouble);
    if let Err(why) = remember(Path::new(RUN), Path::new(MEMORY)) {
        trouble.add(format!("what the card remembers of earlier boots: {why}"));
    }
    trouble.leave(Path::new(RUN));
}

/// Begins this life in the memory at `data`, and leaves what it says of the lives before below
/// `run` for PID 1.
///
/// # Errors
/// What could not be read or written, in words.
pub fn remember(run: &Path, data: &Path) -> Result<(), String> {
    lives::begin(run, data)
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

fn configure(card: &str, until: BootMillis, trouble: &mut Trouble) {
    let device = partition(card, BOOT_PARTITION);
    if let Err(error) = wait_for(&device, until) {
        trouble.add(format!(
            "no settings: no card {}: {error}",
            device.display()
        ));
        return;
    }
    if let Err(error) = mount(
        Some(&device),
        BOOT,
        Some("vfat"),
        INERT | MsFlags::MS_RDONLY,
        None::<&str>,
    ) {
        trouble.add(format!(
            "no settings: cannot mount {} on {BOOT}: {error}",
            device.display()
        ));
        return;
    }
    let bytes = read_bounded(&Path::new(BOOT).join(FILE));
    if let Err(error) = umount(BOOT) {
        trouble.add(format!("cannot unmount {BOOT}: {error}"));
    }
    match bytes {
        Ok(bytes) => {
            let Parsed { config, problems } = parse_bytes(&bytes);
            tell(&problems, trouble);
            if let Err(error) = hand_out(&config) {
                trouble.add(format!("cannot hand out the settings: {error}"));
            }
            let device = device.display();
            match problems.len() {
                0 => log::info!("{FILE} read from {device}"),
                1 => log::info!("{FILE} read from {device}, with 1 problem"),
                count => log::info!("{FILE} read from {device}, with {count} problems"),
            }
        }
        Err(error) => trouble.add(format!(
            "no settings: {FILE} on {}: {error}",
            device.display()
        )),
    }
}

fn tell(problems: &[Problem], trouble: &mut Trouble) {
    for problem in problems.iter().take(MAX_TOLD) {
        trouble.add(format!("{FILE} {problem}"));
    }
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_TOLD) {
        trouble.add(format!("{FILE} has {more} more problems, not told"));
    }
}

/// One byte more than may be used is enough to see that there are too many.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hand_out(config: &Config) -> Result<(), ConfigError> {
    write_config(Service::Uplink, &UplinkConfig::from(config))?;
    write_config(Service::Network, &NetworkConfig::from(config))?;
    write_config(Service::Clock, &ClockConfig::from(config))?;
    write_config(Service::Dyndns, &DyndnsConfig::from(config))?;
    write_config(Service::Update, &UpdateConfig::from(config))?;
    write_config(Service::Console, &ConsoleConfig::from(config))
}

fn mount_data(card: &str, until: BootMillis, trouble: &mut Trouble) {
    let device = partition(card, DATA_PARTITION);
    let flags = INERT | MsFlags::MS_NOATIME;
    let mounted = wait_for(&device, until)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            mount(
                Some(&device),
                DATA,
                Some("ext4"),
                flags,
                Some("errors=remount-ro"),
            )
            .map_err(|error| format!("cannot mount it: {error}"))
        });
    if let Err(why) = mounted {
        trouble.add(format!(
            "{DATA} is in memory and lost at power-off: {}: {why}",
            device.display()
        ));
        if let Err(error) = mount(
            Some("tmpfs"),
            DATA,
            Some("tmpfs"),
            flags,
            Some("mode=0755,size=4m"),
        ) {
            trouble.add(format!("cannot mount a tmpfs on {DATA}: {error}"));
            return;
        }
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn trouble_reaches_the_supervisor() {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir(run.path().join("storage")).unwrap();
        assert_eq!(warnings(run.path()), Vec::<String>::new());
        let mut trouble = Trouble::default();
        trouble.add("no card".into());
        trouble.leave(run.path());
        assert_eq!(warnings(run.path()), ["no card"]);
        fs::write(run.path().join(WARNINGS), "[").unwrap();
        assert!(warnings(run.path()).first().unwrap().starts_with(WARNINGS));
    }

    #[test]
    fn a_file_of_nothing_but_problems_is_told_in_few_lines() {
        let text = ["a = 1", "[b]", "c = 2", "[d.e]", "f = 3", "x"].join("\n");
        let many: Vec<_> = (0..200)
            .flat_map(|_| parse_bytes(text.as_bytes()).problems)
            .collect();
        let mut trouble = Trouble::default();
        tell(&many, &mut trouble);
        assert_eq!(trouble.0.len(), MAX_TOLD + 1);
        let left = many.len() - MAX_TOLD;
        let last = trouble.0.last().unwrap();
        assert_eq!(*last, format!("{FILE} has {left} more problems, not told"));
        let mut few = Trouble::default();
        tell(&parse_bytes(b"a = 1").problems, &mut few);
        assert_eq!(few.0.len(), 1);
    }

    #[test]
    fn a_file_is_read_no_further_than_it_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, vec![b'#'; 10 * MAX_BYTES]).unwrap();
        let bytes = read_bounded(&path).unwrap();
        assert_eq!(bytes.len(), MAX_BYTES + 1);
        assert_eq!(parse_bytes(&bytes).problems.len(), 1);
    }
}
