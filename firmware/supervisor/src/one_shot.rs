//! Orders about the card: each is a process of root's that does one thing and ends, one at a time,
//! while the asker waits. A card that dies can hold it up for ever; PID 1 and the asker it cannot.

use failberry_service::{Request, SlotsOrder};
use failberry_state::{BootMillis, Service};

use crate::{
    request_server::{PendingRequest, Requester},
    service_manager::CLEAN_EXIT,
};

/// A card takes some hundred milliseconds; a bad one, seconds.
pub(crate) const JOB_TIMEOUT_MS: u64 = 30_000;

/// What is to be done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The one-shot.
    pub(crate) service: Service,
    /// Its argument; readable for everybody in the process table.
    pub(crate) argument: String,
    /// What follows once it is done.
    pub(crate) follow_up: FollowUp,
}

/// What follows an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowUp {
    /// Nothing.
    Nothing,
    /// Every service reads its settings again.
    RestartServices,
    /// The box starts anew.
    Reboot,
}

/// The argument of the one-shot `storage` that undoes everything a person or the box has set.
pub const FACTORY_RESET: &str = "factory-reset";

/// The argument of the one-shot `storage` that goes back to the settings before.
pub const REVERT_CONFIG: &str = "revert-config";

/// The order that `request` is, if it is one that `requester` may give.
pub(crate) fn job_for(requester: Requester, request: &Request) -> Option<Result<Job, String>> {
    let storage = |argument: &str, follow_up| Job {
        service: Service::Storage,
        argument: argument.into(),
        follow_up,
    };
    let (owner, job) = match request {
        Request::Reboot { .. } | Request::Restart { .. } => return None,
        Request::FactoryReset => (Service::Console, storage(FACTORY_RESET, FollowUp::Reboot)),
        Request::RevertConfig => (
            Service::Console,
            storage(REVERT_CONFIG, FollowUp::RestartServices),
        ),
        Request::Slots(slots_order) => {
            let owner = match slots_order {
                SlotsOrder::Try { .. } | SlotsOrder::Confirm | SlotsOrder::GiveUp { .. } => {
                    Service::Update
                }
                SlotsOrder::Choose { .. } => Service::Console,
            };
            let argument = match serde_json::to_string(slots_order) {
                Ok(text) => text,
                Err(error) => return Some(Err(error.to_string())),
            };
            let follow_up = FollowUp::Nothing;
            let job = Job {
                service: Service::Slots,
                argument,
                follow_up,
            };
            (owner, job)
        }
    };
    let allowed = [Requester::Root, Requester::Service(owner)].contains(&requester);
    Some(if allowed {
        Ok(job)
    } else {
        Err(format!(
            "expected {} to ask for that, got {}",
            owner.name(),
            requester.name()
        ))
    })
}

/// The order that is being carried out, if any.
#[derive(Debug, Default)]
pub(crate) struct JobRunner {
    running: Option<RunningJob>,
}

#[derive(Debug)]
struct RunningJob {
    pid: i32,
    job: Job,
    until: BootMillis,
    /// Who waits for it; nobody where the time is over.
    pending: Option<PendingRequest>,
}

/// An order that came to its end.
#[derive(Debug)]
pub(crate) struct FinishedJob {
    pub(crate) job: Job,
    pub(crate) pending: PendingRequest,
    /// Whether it was carried out; how its process ended where it was not.
    pub(crate) outcome: Result<(), String>,
}

impl JobRunner {
    /// Takes note of the process that carries out `job` for `pending`.
    pub(crate) fn on_started(
        &mut self,
        pid: i32,
        job: Job,
        pending: PendingRequest,
        now: BootMillis,
    ) {
        self.running = Some(RunningJob {
            pid,
            job,
            until: now.plus(JOB_TIMEOUT_MS),
            pending: Some(pending),
        });
    }

    /// Whether a process of an order is still there.
    pub(crate) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the machine should go on for an order's sake.
    pub(crate) fn is_awaited(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.pending.is_some())
    }

    /// When the present order has taken too long.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        let running = self.running.as_ref()?;
        running.pending.is_some().then_some(running.until)
    }

    /// The one-shot that `pid` is.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let running = self.running.as_ref().filter(|running| running.pid == pid)?;
        Some(running.job.service)
    }

    /// A process ended; gives out what came of the order that somebody waits for.
    pub(crate) fn on_exit(&mut self, pid: i32, how: &str) -> Option<FinishedJob> {
        let running = self.running.take_if(|running| running.pid == pid)?;
        Some(FinishedJob {
            job: running.job,
            pending: running.pending?,
            outcome: if how == CLEAN_EXIT {
                Ok(())
            } else {
                Err(how.to_owned())
            },
        })
    }

    /// The order whose time is over and its process, which is to be killed.
    pub(crate) fn take_overdue(&mut self, now: BootMillis) -> Option<(i32, FinishedJob)> {
        let running = self.running.as_mut().filter(|r| now >= r.until)?;
        let finished = FinishedJob {
            job: running.job.clone(),
            pending: running.pending.take()?,
            outcome: Err(format!("not done after {} s", JOB_TIMEOUT_MS / 1000)),
        };
        Some((running.pid, finished))
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use failberry_state::Slot;

    use super::*;

    fn pending_request(request: Request) -> (PendingRequest, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (PendingRequest::new(Requester::Root, request, ours), theirs)
    }

    #[test]
    fn each_order_has_one_who_may_give_it() {
        let slot = Slot::B;
        let slots = Request::Slots;
        let reason = String::new();
        for (request, owner) in [
            (slots(SlotsOrder::Try { slot, tries: 3 }), Service::Update),
            (slots(SlotsOrder::Confirm), Service::Update),
            (slots(SlotsOrder::GiveUp { reason }), Service::Update),
            (slots(SlotsOrder::Choose { slot }), Service::Console),
            (Request::FactoryReset, Service::Console),
            (Request::RevertConfig, Service::Console),
        ] {
            assert!(job_for(Requester::Root, &request).unwrap().is_ok());
            for service in Service::SUPERVISED {
                let answer = job_for(Requester::Service(service), &request).unwrap();
                assert_eq!(answer.is_ok(), service == owner, "{request:?} {service:?}");
            }
        }
        let reboot = Request::Reboot {
            reason: String::new(),
        };
        assert_eq!(job_for(Requester::Root, &reboot), None);
    }

    #[test]
    fn an_argument_is_understood_again() {
        let wanted = SlotsOrder::Try {
            slot: Slot::A,
            tries: 2,
        };
        let job = job_for(Requester::Root, &Request::Slots(wanted.clone()));
        let argument = job.unwrap().unwrap().argument;
        assert_eq!(argument, r#"{"try":{"slot":"a","tries":2}}"#);
        let read: SlotsOrder = serde_json::from_str(&argument).unwrap();
        assert_eq!(read, wanted);
    }

    #[test]
    fn the_asker_hears_of_the_end_or_of_the_time() {
        let begin = |jobs: &mut JobRunner| {
            let request = Request::FactoryReset;
            let job = job_for(Requester::Root, &request).unwrap().unwrap();
            let (pending, peer) = pending_request(request);
            jobs.on_started(7, job, pending, BootMillis(100));
            peer
        };
        let mut jobs = JobRunner::default();
        assert!(!jobs.is_running() && jobs.deadline().is_none());
        let _peer = begin(&mut jobs);
        assert_eq!(jobs.service_of(7), Some(Service::Storage));
        assert_eq!(jobs.service_of(8), None);
        assert!(jobs.on_exit(8, CLEAN_EXIT).is_none());
        let finished = jobs.on_exit(7, CLEAN_EXIT).unwrap();
        assert_eq!(
            (finished.outcome, finished.job.follow_up),
            (Ok(()), FollowUp::Reboot)
        );
        assert!(!jobs.is_running());

        let _peer = begin(&mut jobs);
        let finished = jobs.on_exit(7, "exit code 1").unwrap();
        assert_eq!(finished.outcome, Err("exit code 1".into()));

        let mut peer = begin(&mut jobs);
        assert!(
            jobs.take_overdue(BootMillis(100 + JOB_TIMEOUT_MS - 1))
                .is_none()
        );
        assert!(jobs.is_awaited());
        let (pid, finished) = jobs.take_overdue(jobs.deadline().unwrap()).unwrap();
        assert_eq!(
            (pid, finished.outcome),
            (7, Err("not done after 30 s".into()))
        );
        // Nobody waits any more, but the card is not free.
        assert!(!jobs.is_awaited() && jobs.is_running());
        assert!(jobs.deadline().is_none());
        assert!(jobs.take_overdue(BootMillis(u64::MAX)).is_none());
        drop(finished.pending);
        let mut text = String::new();
        assert_eq!(peer.read_to_string(&mut text).unwrap(), 0);
        assert!(jobs.on_exit(7, "signal SIGKILL").is_none());
        assert!(!jobs.is_running());
    }
}
