//! Rescan of MMC controllers that have found no card: unbind and bind of their driver.
//!
//! The kernel probes for a card once, when the driver starts. A card that did not answer then, say
//! because a reset interrupted it, stays unknown until the next boot.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

/// Directory in which the kernel lists the controllers (hosts).
pub(super) const HOSTS: &str = "/sys/class/mmc_host";

/// Unbinds and binds the driver of every controller below `hosts` that has no card, which makes it
/// probe again. Returns the names of their devices.
///
/// # Errors
/// The first failure, as a phrase. The other controllers are rescanned nevertheless.
pub(super) fn rescan_controllers(hosts: &Path) -> Result<Vec<OsString>, String> {
    let entries = match fs::read_dir(hosts) {
        // A machine without MMC, as the emulated one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| format!("{}: {error}", hosts.display()))?,
    };
    let mut first_error = None;
    let mut rebound = Vec::new();
    for host in entries.filter_map(Result::ok) {
        if has_card(&host.path(), &host.file_name()) {
            continue;
        }
        match rebind(&host.path()) {
            Ok(device) => rebound.push(device),
            Err(error) => {
                first_error = first_error.or(Some(format!("{}: {error}", host.path().display())));
            }
        }
    }
    first_error.map_or(Ok(rebound), Err)
}

/// Returns whether a controller has a card: a device below it, `mmc0:0001` on `mmc0`.
fn has_card(host: &Path, name: &OsStr) -> bool {
    let prefix = format!("{}:", name.display());
    let children = fs::read_dir(host).into_iter().flatten();
    children
        .filter_map(Result::ok)
        .any(|child| child.file_name().display().to_string().starts_with(&prefix))
}

fn rebind(host: &Path) -> io::Result<OsString> {
    let device = host.join("device").canonicalize()?;
    let driver: PathBuf = device.join("driver").canonicalize()?;
    let name = device.file_name().unwrap_or_default().to_owned();
    let write = |file: &str| fs::write(driver.join(file), name.as_encoded_bytes());
    write("unbind")?;
    write("bind")?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    /// Creates a controller as in sysfs: a link of the class to the host, whose device has a
    /// driver.
    fn host(sys: &Path, number: u32, device: &str, card: Option<&str>) {
        let driver = sys.join("drivers/sdhost");
        fs::create_dir_all(&driver).unwrap();
        let (name, device) = (format!("mmc{number}"), sys.join(device));
        let own = device.join("mmc_host").join(&name);
        fs::create_dir_all(&own).unwrap();
        symlink(&device, own.join("device")).unwrap();
        symlink(&driver, device.join("driver")).unwrap();
        if let Some(card) = card {
            fs::create_dir(own.join(card)).unwrap();
        }
        fs::create_dir_all(sys.join("class")).unwrap();
        symlink(&own, sys.join("class").join(name)).unwrap();
    }

    #[test]
    fn only_controller_without_card_is_rebound() {
        let sys = tempfile::tempdir().unwrap();
        host(sys.path(), 0, "3f202000.mmc", None);
        host(sys.path(), 1, "3f300000.mmcnr", Some("mmc1:0001"));
        let rebound = rescan_controllers(&sys.path().join("class")).unwrap();
        assert_eq!(rebound, ["3f202000.mmc"]);
        for write in ["unbind", "bind"] {
            let written = fs::read_to_string(sys.path().join("drivers/sdhost").join(write));
            assert_eq!(written.unwrap(), "3f202000.mmc", "{write}");
        }
    }

    #[test]
    fn no_controllers_is_ok_and_errors_name_controller() {
        let sys = tempfile::tempdir().unwrap();
        assert!(
            rescan_controllers(&sys.path().join("class"))
                .unwrap()
                .is_empty()
        );
        fs::create_dir_all(sys.path().join("class/mmc0")).unwrap();
        let error = rescan_controllers(&sys.path().join("class")).unwrap_err();
        assert!(error.contains("mmc0"), "{error}");
    }
}
