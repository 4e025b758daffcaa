//! Boot of the guest: file systems, kernel modules, uplink, link to the host.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    kmod::{ModuleInitFlags, finit_module},
    mount::{MsFlags, mount},
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        stat::{Mode, umask},
    },
};

use super::{GuestError, MODULE_ORDER, MODULES, at};
use crate::net::{CARRIER_ADDRESS, INTERNET_ADDRESS};

/// Prepares the guest and returns the link to the host.
pub(super) fn boot() -> Result<File, GuestError> {
    // pppd rejects secrets that others may read.
    umask(Mode::from_bits_truncate(0o077));
    for (kind, target) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("devpts", "/dev/pts"),
        ("tmpfs", "/run"),
    ] {
        fs::create_dir_all(target).map_err(at(target))?;
        mount(
            Some(kind),
            target,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .map_err(at(target))?;
    }
    for name in fs::read_to_string(MODULE_ORDER)
        .map_err(at(MODULE_ORDER))?
        .lines()
    {
        let path = Path::new(MODULES).join(name);
        let file = File::open(&path).map_err(at(name))?;
        finit_module(&file, c"", ModuleInitFlags::empty()).map_err(at(name))?;
    }
    ip(&format!(
        "link set dev lo up\n\
         link set dev eth0 up\n\
         address add {CARRIER_ADDRESS}/24 dev eth0\n\
         route add default via {INTERNET_ADDRESS}\n"
    ))?;
    let forward = "/proc/sys/net/ipv4/ip_forward";
    fs::write(forward, "1").map_err(at(forward))?;
    link()
}

fn ip(batch: &str) -> Result<(), GuestError> {
    let mut child = Command::new("/usr/sbin/ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(at("ip"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(batch.as_bytes()).map_err(at("ip"))?;
    }
    let status = child.wait().map_err(at("ip"))?;
    if status.success() {
        Ok(())
    } else {
        Err(at("ip")(std::io::Error::other(status.to_string())))
    }
}

/// Waits for the only virtio-serial port and opens it. The driver creates it some time after it was
/// loaded.
fn link() -> Result<File, GuestError> {
    let watch = Inotify::init(InitFlags::empty()).map_err(at("inotify"))?;
    watch
        .add_watch("/dev", AddWatchFlags::IN_CREATE)
        .map_err(at("/dev"))?;
    loop {
        if let Some(path) = port()? {
            let name = path.display().to_string();
            return OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(at(name));
        }
        watch.read_events().map_err(at("inotify"))?;
    }
}

fn port() -> Result<Option<PathBuf>, GuestError> {
    for entry in fs::read_dir("/dev").map_err(at("/dev"))? {
        let entry = entry.map_err(at("/dev"))?;
        if entry.file_name().to_string_lossy().starts_with("vport") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
