//! Reading of sysfs attributes, below a root that the caller chooses.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Longest attribute that is read, in bytes. Attributes have at most one page; ours a few bytes.
const ATTRIBUTE: u64 = 256;

/// A sysfs tree.
#[derive(Clone, Debug)]
pub struct Sysfs {
    root: PathBuf,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self::at("/sys")
    }
}

impl Sysfs {
    /// Returns the tree mounted at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the directory with links to all USB devices and interfaces.
    pub(crate) fn usb_devices(&self) -> PathBuf {
        self.root.join("bus/usb/devices")
    }
}

/// Returns the sorted names in a directory; none if it is gone, as after a stick was unplugged.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// Reads an attribute as text. `None` if the device is gone or the attribute is no text.
pub(crate) fn attribute(device: &Path, name: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(device.join(name)).ok()?;
    file.take(ATTRIBUTE).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// Reads a decimal number, which sysfs may pad with blanks (`bNumInterfaces`).
pub(crate) fn decimal<T: FromStr>(device: &Path, name: &str) -> Option<T> {
    attribute(device, name)?.parse().ok()
}

/// Reads a hexadecimal number without prefix, as in `idVendor`.
pub(crate) fn hexadecimal(device: &Path, name: &str) -> Option<u16> {
    u16::from_str_radix(&attribute(device, name)?, 16).ok()
}
