//! Where services tell how they stand and find their settings: each may write in its own place.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use failberry_state::Service;

/// Makes the directories of all services below `run`.
///
/// # Errors
/// The file system's.
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
    // Each configuration in it is readable for its service alone.
    make("config", 0o711, 0)
}
