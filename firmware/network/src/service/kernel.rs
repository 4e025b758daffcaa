//! Making the kernel's present the plan's.

use nix::errno::Errno;

use crate::{
    kernel::{
        Netlink, NetlinkError,
        addresses::{self, Address},
        routes, rules,
    },
    plan::{Plan, diff, diff_routes},
};

/// What a round could not do: told by its first part, and no hindrance to the others.
#[derive(Default)]
pub(super) struct Failures(Option<NetlinkError>);

impl Failures {
    /// What `outcome` gives, where it gives something.
    pub(super) fn note<T>(&mut self, outcome: Result<T, NetlinkError>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.get_or_insert(error);
                None
            }
        }
    }

    pub(super) const fn none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn result(self) -> Result<(), NetlinkError> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Changes what differs from `plan`; addresses of interfaces other than `ours` are left alone.
/// Returns the addresses that were in the plan's way.
pub(super) fn settle(
    netlink: &mut Netlink,
    plan: &Plan,
    ours: &[u32],
    failures: &mut Failures,
) -> Vec<Address> {
    let mut removed = Vec::new();
    if let Some(mut present) = failures.note(addresses::list(netlink)) {
        present.retain(|address| ours.contains(&address.interface));
        let change = diff(&plan.addresses, &present);
        for address in &change.remove {
            failures.note(gone_is_fine(addresses::remove(netlink, address)));
        }
        for address in &change.add {
            failures.note(addresses::add(netlink, address));
        }
        removed = change.remove;
    }

    // Only now: with an address the kernel takes away the routes from it.
    if let Some(present) = failures.note(routes::list(netlink)) {
        let change = diff_routes(&plan.routes, &present);
        for route in &change.remove {
            failures.note(gone_is_fine(routes::remove(netlink, route)));
        }
        for route in &change.add {
            failures.note(routes::add(netlink, route));
        }
    }

    if let Some(present) = failures.note(rules::list(netlink)) {
        let change = diff(&plan.rules, &present);
        for rule in &change.remove {
            failures.note(gone_is_fine(rules::remove(netlink, rule)));
        }
        for rule in &change.add {
            failures.note(rules::add(netlink, rule));
        }
    }
    removed
}

/// What went with its interface meanwhile needs no removal.
fn gone_is_fine(outcome: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
    const GONE: [Errno; 4] = [
        Errno::EADDRNOTAVAIL,
        Errno::ENODEV,
        Errno::ENOENT,
        Errno::ESRCH,
    ];
    match outcome {
        Err(error) if GONE.into_iter().any(|errno| error.is(errno)) => Ok(()),
        other => other,
    }
}
