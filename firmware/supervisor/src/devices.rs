//! Ownership of device nodes. The kernel creates them for root; services need some of them.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt, lchown},
    path::{Path, PathBuf},
    thread,
};

use failberry_state::Service;
use nix::fcntl::OFlag;
use tokio_modem::driver::skip_closing_wait;

use crate::cmdline::Cmdline;

/// Mount point of devtmpfs.
pub(crate) const DEV: &str = "/dev";

/// Name prefixes of the serial ports of sticks: usb-serial and `cdc_acm`.
const SERIAL_PREFIXES: [&str; 2] = ["ttyUSB", "ttyACM"];

/// Patterns of names below /dev and their owners. A `*` stands for a path component or its rest.
const OWNERS: [(&str, Service); 4] = [
    ("ttyUSB*", Service::Uplink),
    ("ttyACM*", Service::Uplink),
    ("ppp", Service::Uplink),
    ("bus/usb/*/*", Service::Uplink),
];

/// Owners of the device nodes on this board.
#[derive(Clone, Debug, Default)]
pub(crate) struct DevicePermissions {
    /// Names from the kernel command line, and their owners.
    from_cmdline: Vec<(String, Service)>,
}

impl DevicePermissions {
    /// Creates the table: the inactive slot belongs to `update`, the serial line to `console`.
    pub(crate) fn from_cmdline(cmdline: &Cmdline) -> Self {
        let slot = cmdline.slot.map(|running| {
            let partition = partition(cmdline.card_name(), running.other().partition());
            (partition, Service::Update)
        });
        let console = cmdline.console.clone().map(|line| (line, Service::Console));
        Self {
            from_cmdline: slot.into_iter().chain(console).collect(),
        }
    }

    /// Returns the owner of the device `name` (below /dev).
    pub(crate) fn owner(&self, name: &str) -> Option<Service> {
        let named = self.from_cmdline.iter().find(|(device, _)| device == name);
        named.map(|(_, service)| *service).or_else(|| {
            let mut known = OWNERS.iter();
            known
                .find(|(pattern, _)| matches(pattern, name))
                .map(|(_, service)| *service)
        })
    }

    /// Changes the owner of the device `name` to its service, if it has one.
    pub(crate) fn apply(&self, dev: &Path, name: &str) {
        let Some(service) = self.owner(name) else {
            return;
        };
        match lchown(dev.join(name), Some(service.uid()), Some(service.uid())) {
            // Unplugged in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => log::warn!("cannot give /dev/{name} to {}: {error}", service.name()),
            Ok(()) if is_serial(name) => disable_closing_wait(dev.join(name)),
            Ok(()) => {}
        }
    }

    /// Changes the owners of all present devices.
    pub(crate) fn apply_to_all(&self, dev: &Path) {
        let mut directories = vec![PathBuf::new(), "bus/usb".into()];
        directories.extend(entries(dev, Path::new("bus/usb")));
        for name in directories
            .iter()
            .flat_map(|directory| entries(dev, directory))
        {
            if let Some(name) = name.to_str() {
                self.apply(dev, name);
            }
        }
    }
}

/// Returns the name of a partition's device: a `p` separates the number from a name that ends in
/// one.
pub(crate) fn partition(card: &str, number: u32) -> String {
    let separator = if card.ends_with(|c: char| c.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    format!("{card}{separator}{number}")
}

/// Returns whether `name` matches `pattern`, component by component.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), name.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let fits = match pattern.strip_suffix('*') {
                    Some(start) => part.strip_prefix(start).is_some_and(is_plain),
                    None => pattern == part,
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Returns whether a device is a serial port of a stick.
fn is_serial(name: &str) -> bool {
    SERIAL_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Returns whether `rest` can stand for a `*`.
fn is_plain(rest: &str) -> bool {
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Sets `closing_wait` of a serial port to none, on a thread. Otherwise the close of a port whose
/// stick hangs takes half a minute. Setting it takes more privilege than the owner has, and the
/// open may hang already.
fn disable_closing_wait(port: PathBuf) {
    let set = move || {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let tty = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(&port)?;
        skip_closing_wait(&tty)
    };
    // Fails if the port is gone or its driver has no such setting: its close may take long then.
    let start = thread::Builder::new().name("serial port".into());
    if let Err(error) = start.spawn(move || drop(set())) {
        log::warn!("cannot have serial ports closed quickly: {error}");
    }
}

/// Returns the entries of a directory below `dev`, with its name.
fn entries(dev: &Path, directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dev.join(directory)) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(directory.join(entry.ok()?.file_name())))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn devices_have_owners_by_pattern() {
        let permissions = DevicePermissions::default();
        for (name, expected) in [
            ("ttyUSB0", Some(Service::Uplink)),
            ("ttyUSB12", Some(Service::Uplink)),
            ("ppp", Some(Service::Uplink)),
            ("bus/usb/001/004", Some(Service::Uplink)),
            ("ttyACM0", Some(Service::Uplink)),
            ("ttyACM31", Some(Service::Uplink)),
            ("ttyUSB", None),
            ("ttyACM", None),
            ("ttyACM0/x", None),
            ("ttyAMA0", None),
            ("ppp0", None),
            ("bus/usb/001", None),
            ("bus/usb/001/004/x", None),
            ("bus/usb/../kmsg", None),
            ("bus/usb/001/..", None),
            ("mmcblk0", None),
            ("", None),
        ] {
            assert_eq!(permissions.owner(name), expected, "{name}");
        }
    }

    #[test]
    fn usb_serial_and_cdc_acm_ports_are_serial() {
        for (name, expected) in [
            ("ttyUSB0", true),
            ("ttyACM12", true),
            ("ttyAMA0", false),
            ("ppp", false),
        ] {
            assert_eq!(is_serial(name), expected, "{name}");
        }
    }

    #[test]
    fn inactive_slot_and_console_have_owners_by_cmdline() {
        let text = "console=tty1 console=ttyAMA0,115200n8 failberry.slot=a";
        for (text, update, console) in [
            (text.to_owned(), "mmcblk0p3", "ttyAMA0"),
            (format!("{text} failberry.slot=b"), "mmcblk0p2", "ttyAMA0"),
            (
                format!("{text} failberry.card=vda console=ttyS1"),
                "vda3",
                "ttyS1",
            ),
        ] {
            let permissions = DevicePermissions::from_cmdline(&Cmdline::parse(&text));
            let nodes = [
                "mmcblk0",
                "mmcblk0p1",
                "mmcblk0p2",
                "mmcblk0p3",
                "mmcblk0p4",
                "vda2",
                "vda3",
                "ttyAMA0",
                "ttyS1",
                "tty1",
            ];
            let owned = |by| {
                nodes
                    .into_iter()
                    .filter(move |n| permissions.owner(n) == Some(by))
            };
            assert_eq!(owned.clone()(Service::Update).collect::<Vec<_>>(), [update]);
            assert_eq!(owned(Service::Console).collect::<Vec<_>>(), [console]);
        }
        let permissions =
            DevicePermissions::from_cmdline(&Cmdline::parse("failberry.card=vda console=tty1"));
        assert_eq!(permissions.owner("vda2"), None);
    }

    #[test]
    fn apply_to_all_changes_owners_and_follows_no_links() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dev = tempfile::tempdir().unwrap();
        let path = |name: &str| dev.path().join(name);
        fs::create_dir_all(path("bus/usb/001")).unwrap();
        for name in ["ttyUSB0", "ttyACM0", "ppp", "bus/usb/001/003", "kmsg"] {
            fs::write(path(name), "").unwrap();
        }
        symlink(path("kmsg"), path("ttyUSB1")).unwrap();
        let permissions = DevicePermissions::default();
        permissions.apply_to_all(dev.path());
        let uid = |name: &str| fs::symlink_metadata(path(name)).unwrap().uid();
        for name in ["ttyUSB0", "ttyACM0", "ppp", "bus/usb/001/003", "ttyUSB1"] {
            assert_eq!(uid(name), Service::Uplink.uid(), "{name}");
        }
        for name in ["kmsg", "bus/usb/001"] {
            assert_eq!(uid(name), 0, "{name}");
        }
        permissions.apply(dev.path(), "ttyUSB7");
    }
}
