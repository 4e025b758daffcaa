//! What a service may take of the machine, and who goes first where memory runs out.

use std::fs;

use failberry_state::Service;
use nix::sys::resource::{Resource, rlim_t, setrlimit};

/// Threads and processes of one user. Reaching it must stay impossible where that is a panic:
/// `health` has seven threads, 25 where its pages' server has hung as often as it is restarted; the
/// pool behind `smol::unblock`, which the others use, goes on with what it has.
const PROCESSES: rlim_t = 64;

/// Open files, which is also what the kernel starts PID 1 with. `health` keeps its connections so
/// far below that others always get one.
const FILES: rlim_t = 1024;

/// Address space of a service that strangers or servers speak to, in bytes. Thread stacks are
/// 2 MiB of it each, touched or not; what is really used is two orders less.
const ADDRESS_SPACE: rlim_t = 384 * 1024 * 1024;

/// The bounds of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// From -1000 (never) to 1000 (first), see proc(5).
    oom_score: i16,
    bounded: bool,
}

const fn of(service: Service) -> Limits {
    let (oom_score, bounded) = match service {
        // Without them the box is not there.
        Service::Supervisor => (-1000, false),
        Service::Network => (-600, false),
        Service::Uplink => (-500, false),
        // They end within seconds, and what they began should be finished.
        Service::Storage | Service::Slots => (0, false),
        // The house stays online without them, and they start anew with little.
        Service::Clock => (500, true),
        // A person at the cable sees why memory ran out.
        Service::Console => (400, true),
        // What it has written is begun anew.
        Service::Update => (600, true),
        Service::Dyndns => (700, true),
        Service::Health => (900, true),
    };
    Limits { oom_score, bounded }
}

/// Sets the bounds of `service` on this process. Needs root, since some are better than usual.
/// Gives out what could not be set: a service without bounds is better than none.
pub fn confine(service: Service) -> Vec<String> {
    let limits = of(service);
    let mut trouble = Vec::new();
    let path = "/proc/self/oom_score_adj";
    if let Err(error) = fs::write(path, limits.oom_score.to_string()) {
        trouble.push(format!("{path} stays as it is: {error}"));
    }
    let mut bound = |what: &str, resource, most| {
        if let Err(error) = setrlimit(resource, most, most) {
            trouble.push(format!("{what} unbounded: {error}"));
        }
    };
    if limits.bounded {
        bound("processes", Resource::RLIMIT_NPROC, PROCESSES);
        bound("memory", Resource::RLIMIT_AS, ADDRESS_SPACE);
        bound("open files", Resource::RLIMIT_NOFILE, FILES);
    }
    // Secrets are in there, and nobody reads it.
    bound("core file", Resource::RLIMIT_CORE, 0);
    trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_go_first_without_whom_the_house_stays_online() {
        let mut order: Vec<Service> = Service::SUPERVISED.into();
        order.sort_by_key(|service| -of(*service).oom_score);
        assert_eq!(
            order,
            [
                Service::Health,
                Service::Dyndns,
                Service::Update,
                Service::Clock,
                Service::Console,
                Service::Uplink,
                Service::Network,
            ]
        );
        assert_eq!(of(Service::Supervisor).oom_score, -1000);
    }
}
