//! Making the kernel's present the plan's.

use nix::errno::Errno;

use crate::{
    kernel::{Netlink, NetlinkError, addresses, routes, rules},
    plan::{Plan, diff, diff_routes},
};

/// Changes what differs from `plan`; addresses of interfaces other than `ours` are left alone.
/// Tells whether addresses changed.
pub(super) fn settle(
    netlink: &mut Netlink,
    plan: &Plan,
    ours: &[u32],
) -> Result<bool, NetlinkError> {
    let mut present = addresses::list(netlink)?;
    present.retain(|address| ours.contains(&address.interface));
    let change = diff(&plan.addresses, &present);
    for address in &change.remove {
        gone_is_fine(addresses::remove(netlink, address))?;
    }
    for address in &change.add {
        addresses::add(netlink, address)?;
    }
    let moved = !change.is_empty();

    // Only now: with an address the kernel takes away the routes from it.
    let change = diff_routes(&plan.routes, &routes::list(netlink)?);
    for route in &change.remove {
        gone_is_fine(routes::remove(netlink, route))?;
    }
    for route in &change.add {
        routes::add(netlink, route)?;
    }

    let change = diff(&plan.rules, &rules::list(netlink)?);
    for rule in &change.remove {
        gone_is_fine(rules::remove(netlink, rule))?;
    }
    for rule in &change.add {
        rules::add(netlink, rule)?;
    }
    Ok(moved)
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
