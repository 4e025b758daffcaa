//! Who owns which device node: the kernel makes them for root only.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt, lchown},
    path::{Path, PathBuf},
    thread,
};

use failberry_state::Service;
use nix::fcntl::OFlag;
use tokio_modem::driver::skip_closing_wait;

/// Where the kernel makes them.
pub(crate) const DEV: &str = "/dev";

/// How the serial ports of sticks are called.
const SERIAL: &str = "ttyUSB";

/// Patterns of names below /dev, a `*` for one part or the rest of one, and their owners.
const OWNERS: [(&str, Service); 3] = [
    ("ttyUSB*", Service::Uplink),
    ("ppp", Service::Uplink),
    ("bus/usb/*/*", Service::Uplink),
];

/// The service that works with the device `name` (below /dev).
pub(crate) fn owner(name: &str) -> Option<Service> {
    OWNERS
        .iter()
        .find(|(pattern, _)| matches(pattern, name))
        .map(|(_, service)| *service)
}

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

fn is_plain(rest: &str) -> bool {
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Gives the device `name` to the service that works with it, if one does.
pub(crate) fn hand_over(dev: &Path, name: &str) {
    let Some(service) = owner(name) else { return };
    match lchown(dev.join(name), Some(service.uid()), Some(service.uid())) {
        // Unplugged again already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log::warn!("cannot give /dev/{name} to {}: {error}", service.name()),
        Ok(()) if name.starts_with(SERIAL) => close_quickly(dev.join(name)),
        Ok(()) => {}
    }
}

/// Lets nobody wait half a minute for the close of a serial port whose stick hangs, which takes
/// more privilege than its owner has. On a thread: a stick may hang already when it is opened.
fn close_quickly(port: PathBuf) {
    let set = move || {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let tty = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(&port)?;
        skip_closing_wait(&tty)
    };
    // Gone again, or a driver without such a setting: closing takes its time then.
    let start = thread::Builder::new().name("serial port".into());
    if let Err(error) = start.spawn(move || drop(set())) {
        log::warn!("cannot have serial ports closed quickly: {error}");
    }
}

/// Does so with every device that is there.
pub(crate) fn hand_over_all(dev: &Path) {
    let mut directories = vec![PathBuf::new(), "bus/usb".into()];
    directories.extend(entries(dev, Path::new("bus/usb")));
    for name in directories
        .iter()
        .flat_map(|directory| entries(dev, directory))
    {
        if let Some(name) = name.to_str() {
            hand_over(dev, name);
        }
    }
}

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
    fn only_the_named_devices_have_owners() {
        for (name, expected) in [
            ("ttyUSB0", Some(Service::Uplink)),
            ("ttyUSB12", Some(Service::Uplink)),
            ("ppp", Some(Service::Uplink)),
            ("bus/usb/001/004", Some(Service::Uplink)),
            ("ttyUSB", None),
            ("ttyAMA0", None),
            ("ppp0", None),
            ("bus/usb/001", None),
            ("bus/usb/001/004/x", None),
            ("bus/usb/../kmsg", None),
            ("bus/usb/001/..", None),
            ("mmcblk0", None),
            ("", None),
        ] {
            assert_eq!(owner(name), expected, "{name}");
        }
    }

    #[test]
    fn the_first_pass_finds_what_is_there_and_follows_no_links() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dev = tempfile::tempdir().unwrap();
        let path = |name: &str| dev.path().join(name);
        fs::create_dir_all(path("bus/usb/001")).unwrap();
        for name in ["ttyUSB0", "ppp", "bus/usb/001/003", "kmsg"] {
            fs::write(path(name), "").unwrap();
        }
        symlink(path("kmsg"), path("ttyUSB1")).unwrap();
        hand_over_all(dev.path());
        let uid = |name: &str| fs::symlink_metadata(path(name)).unwrap().uid();
        for name in ["ttyUSB0", "ppp", "bus/usb/001/003", "ttyUSB1"] {
            assert_eq!(uid(name), Service::Uplink.uid(), "{name}");
        }
        for name in ["kmsg", "bus/usb/001"] {
            assert_eq!(uid(name), 0, "{name}");
        }
        hand_over(dev.path(), "ttyUSB7");
    }
}
