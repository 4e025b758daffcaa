//! Virtual file systems that every process needs.

use std::path::Path;

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
};

/// Mount flags: no set-user-id programs, no device nodes, no execution.
pub(crate) const NOSUID_NODEV_NOEXEC: MsFlags = MsFlags::MS_NOSUID
    .union(MsFlags::MS_NODEV)
    .union(MsFlags::MS_NOEXEC);

/// Mounts: type, mount point, flags, options. The sizes bound what a runaway process can take of
/// 1 GiB of memory.
const MOUNTS: [(&str, &str, MsFlags, &str); 5] = [
    (
        "devtmpfs",
        "/dev",
        MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC),
        "mode=0755",
    ),
    ("proc", "/proc", NOSUID_NODEV_NOEXEC, ""),
    ("sysfs", "/sys", NOSUID_NODEV_NOEXEC, ""),
    ("tmpfs", "/run", NOSUID_NODEV_NOEXEC, "mode=0755,size=16m"),
    ("tmpfs", "/tmp", NOSUID_NODEV_NOEXEC, "mode=1777,size=32m"),
];

/// Mounts them all. Returns the failures, since there is no log yet.
pub(crate) fn mount_all() -> Vec<String> {
    let failure = |(kind, place, flags, options): (&str, &str, MsFlags, &str)| {
        match mount(Some(kind), place, Some(kind), flags, Some(options)) {
            // The kernel can be configured to mount /dev by itself.
            Ok(()) | Err(Errno::EBUSY) => None,
            Err(error) => Some(format!("cannot mount {kind} on {place}: {error}")),
        }
    };
    MOUNTS.into_iter().filter_map(failure).collect()
}

/// Remounts the root read-only: from here on only /run, /tmp and /data can change.
pub(crate) fn remount_root_read_only() {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    if let Err(error) = mount(None::<&Path>, "/", None::<&Path>, flags, None::<&Path>) {
        log::warn!("cannot make / read-only: {error}");
    }
}
