//! Giving up root.

pub use caps::Capability;
use caps::{CapSet, CapsHashSet};
use failberry_state::Service;
use nix::{
    errno::Errno,
    sys::prctl,
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};

/// A privilege that could not be given up; the service must not go on with it.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Changing the ids failed.
    #[error("changing to uid {uid}: {source}")]
    Ids {
        /// The id wanted.
        uid: u32,
        /// Why not.
        source: Errno,
    },
    /// Changing the capabilities failed.
    #[error("keeping capabilities {keep:?}: {source}")]
    Capabilities {
        /// Those wanted.
        keep: Vec<Capability>,
        /// Why not.
        source: caps::errors::CapsError,
    },
}

/// Leaves root for `service`'s own id for good, keeping only the capabilities in `keep`.
///
/// # Errors
/// The kernel's refusal, with what was wanted.
pub fn drop_to(service: Service, keep: &[Capability]) -> Result<(), PrivilegeError> {
    let capabilities = |source| PrivilegeError::Capabilities {
        keep: keep.to_vec(),
        source,
    };
    let uid = service.uid();
    let ids = |source| PrivilegeError::Ids { uid, source };
    let wanted: CapsHashSet = keep.iter().copied().collect();

    for capability in caps::runtime::thread_all_supported() {
        if !wanted.contains(&capability) {
            caps::drop(None, CapSet::Bounding, capability).map_err(capabilities)?;
        }
    }
    prctl::set_keepcaps(true).map_err(ids)?;
    setgroups(&[]).map_err(ids)?;
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    setresgid(group, group, group).map_err(ids)?;
    setresuid(user, user, user).map_err(ids)?;
    caps::set(None, CapSet::Effective, &wanted).map_err(capabilities)?;
    caps::set(None, CapSet::Permitted, &wanted).map_err(capabilities)?;
    caps::clear(None, CapSet::Inheritable).map_err(capabilities)?;
    prctl::set_no_new_privs().map_err(ids)
}
