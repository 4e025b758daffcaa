//! The little of sysfs that matters here, below a root of the caller's choice.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A sysfs attribute is at most one page; ours are a few bytes.
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
    /// The tree mounted at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the USB devices and their interfaces are listed, flat, as links.
    pub(crate) fn usb_devices(&self) -> PathBuf {
        self.root.join("bus/usb/devices")
    }
}

/// Names in a directory, sorted; none where it is gone, as happens when a stick is pulled.
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

/// The text of an attribute; none where the device is gone or says no text.
pub(crate) fn attribute(device: &Path, name: &str) -> Option<String> {
    let mut text = String::new();
    let file = File::open(device.join(name)).ok()?;
    file.take(ATTRIBUTE).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// A number in decimal, which sysfs may pad with blanks (`bNumInterfaces`).
pub(crate) fn decimal<T: FromStr>(device: &Path, name: &str) -> Option<T> {
    attribute(device, name)?.parse().ok()
}

/// A number in hexadecimal without prefix, as in `idVendor`.
pub(crate) fn hexadecimal(device: &Path, name: &str) -> Option<u16> {
    u16::from_str_radix(&attribute(device, name)?, 16).ok()
}
