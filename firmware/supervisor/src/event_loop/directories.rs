//! Run-time directories of the services: state files and configuration.
//!
//! Each service can write to its own directory only.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use failberry_state::Service;

/// Creates the directories of all services below `run`.
///
/// # Errors
/// Errors of the file system.
pub fn make_directories(run: &Path) -> std::io::Result<()> {
    let make = |name: &str, mode, uid| {
        let path = run.join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        chown(&path, Some(uid), Some(uid))
    };
    for service in Service::SUPERVISED
        .into_iter()
        .chain(Service::ONE_SHOTS)
        .chain([Service::Supervisor])
    {
        make(service.name(), 0o755, service.uid())?;
    }
    // Each file in it is readable by its own service only.
    make("config", 0o711, 0)
}
