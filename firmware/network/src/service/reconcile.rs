//! Reconciler: changes the kernel's addresses, routes and rules to those of the plan.

use nix::errno::Errno;

use crate::{
    kernel::{
        Netlink, NetlinkError,
        addresses::{self, Address},
        routes, rules,
    },
    plan::{Plan, diff, diff_routes},
};

/// Failures of one reconciliation: keeps the first, and does not stop the others.
#[derive(Default)]
pub(super) struct Failures(Option<NetlinkError>);

impl Failures {
    /// Records a failure; returns the value of a success.
    pub(super) fn record<T>(&mut self, outcome: Result<T, NetlinkError>) -> Option<T> {
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
/// Returns the addresses that were removed.
pub(super) fn reconcile(
    netlink: &mut Netlink,
    plan: &Plan,
    ours: &[u32],
    failures: &mut Failures,
) -> Vec<Address> {
    let mut removed = Vec::new();
    if let Some(mut present) = failures.record(addresses::list(netlink)) {
        present.retain(|address| ours.contains(&address.interface));
        let change = diff(&plan.addresses, &present);
        for address in &change.remove {
            failures.record(ignore_vanished(addresses::remove(netlink, address)));
        }
        for address in &change.add {
            failures.record(addresses::add(netlink, address));
        }
        removed = change.remove;
    }

    // After the addresses: with an address the kernel removes the routes from it.
    if let Some(present) = failures.record(routes::list(netlink)) {
        let change = diff_routes(&plan.routes, &present);
        for route in &change.remove {
            failures.record(ignore_vanished(routes::remove(netlink, route)));
        }
        for route in &change.add {
            failures.record(routes::add(netlink, route));
        }
    }

    if let Some(present) = failures.record(rules::list(netlink)) {
        let change = diff(&plan.rules, &present);
        for rule in &change.remove {
            failures.record(ignore_vanished(rules::remove(netlink, rule)));
        }
        for rule in &change.add {
            failures.record(rules::add(netlink, rule));
        }
    }
    removed
}

/// Ignores the removal of an object that vanished with its interface.
fn ignore_vanished(outcome: Result<(), NetlinkError>) -> Result<(), NetlinkError> {
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
