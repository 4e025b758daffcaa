//! Carrier's virtual machine: QEMU without KVM, in the internet's namespace, on the carrier's tap.

use std::{
    fs,
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Stdio,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{CarrierError, initramfs};
use crate::net::{CARRIER_TAP, ChildGuard, TestNetwork};

/// Kernel arguments for a fast boot: no delays, self-tests or probing.
const KERNEL_OPTIONS: &str = "console=ttyS0 panic=-1 loglevel=4 nokaslr mitigations=off \
    no_timer_check tsc=reliable clocksource=tsc random.trust_cpu=on cryptomgr.notests \
    raid=noautodetect audit=0 selinux=0 apparmor=0";

/// Memory in MB; kernel, root file system and pppd need half of it.
const MEMORY: &str = "192";

/// Longest time until QEMU listens, which precedes the start of the machine.
const QEMU_START: Duration = Duration::from_secs(20);

/// Starts the machine in a test network and returns its link.
pub(super) fn start(
    network: &TestNetwork,
    dir: &Path,
) -> Result<(ChildGuard, UnixStream), CarrierError> {
    let parts = initramfs::parts()?;
    let archive = dir.join("carrier-initramfs.cpio");
    fs::write(&archive, initramfs::build(&parts, dir)?).map_err(CarrierError::file(&archive))?;
    let socket = dir.join("carrier-link");
    let listener = listen(&socket)?;
    let qemu_log = dir.join("carrier-qemu.log");
    let errors = fs::File::create(&qemu_log).map_err(CarrierError::file(&qemu_log))?;

    let mut command = network.internet().command("qemu-system-x86_64");
    command
        .args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ])
        .args([
            "-machine",
            "q35,usb=off,graphics=off",
            "-accel",
            "tcg",
            "-cpu",
            "max",
        ])
        .args(["-smp", "1", "-m", MEMORY])
        .arg("-kernel")
        .arg(parts.join("vmlinux"))
        .arg("-initrd")
        .arg(&archive)
        .args(["-append", KERNEL_OPTIONS])
        .args(["-serial", &format!("file:{}", console(dir).display())])
        .arg("-netdev")
        .arg(format!(
            "tap,id=uplink,ifname={CARRIER_TAP},script=no,downscript=no"
        ))
        .args(["-device", "virtio-net-pci,netdev=uplink,romfile="])
        .arg("-chardev")
        .arg(format!("socket,id=link,path={}", socket.display()))
        .args([
            "-device",
            "virtio-serial-pci",
            "-device",
            "virtserialport,chardev=link,name=link",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors);
    let machine = ChildGuard::spawn(command).map_err(CarrierError::file("setpriv"))?;

    let timeout = PollTimeout::try_from(QEMU_START).unwrap_or(PollTimeout::MAX);
    let came = poll(
        &mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)],
        timeout,
    );
    if !matches!(came, Ok(1..)) {
        let message = fs::read_to_string(&qemu_log).unwrap_or_default();
        return Err(CarrierError::Tool {
            tool: "qemu-system-x86_64",
            message,
        });
    }
    let (link, _) = listener.accept().map_err(CarrierError::file(&socket))?;
    Ok((machine, link))
}

/// Returns the path of the guest's console log.
pub(super) fn console(dir: &Path) -> std::path::PathBuf {
    dir.join("carrier-console.log")
}

/// Listens on a socket at `path`; replaces one left by an earlier run.
pub(super) fn listen(path: &Path) -> Result<UnixListener, CarrierError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CarrierError::file(path)(error))
        }
        _ => UnixListener::bind(path).map_err(CarrierError::file(path)),
    }
}
