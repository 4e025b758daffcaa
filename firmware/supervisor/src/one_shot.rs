//! One-shot jobs about the card, run as root: one process at a time, while the requester waits.
//!
//! A dead card can block such a process for ever, but neither PID 1 nor the requester.

use failberry_service::{Request, SlotsOrder};
use failberry_state::{BootMillis, Service};

use crate::{
    request_server::{PendingRequest, Requester},
    service_manager::CLEAN_EXIT,
};

/// Time from the start of a job to its failure, in milliseconds. A card takes some hundred of them;
/// a bad one, seconds.
pub(crate) const JOB_TIMEOUT_MS: u64 = 30_000;

/// One run of a one-shot service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The service.
    pub(crate) service: Service,
    /// Its argument. The process table shows it to every user.
    pub(crate) argument: String,
    /// What to do when it has succeeded.
    pub(crate) follow_up: FollowUp,
}

/// What to do when a job has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FollowUp {
    /// Nothing.
    Nothing,
    /// Restart every service, so that it reads its settings.
    RestartServices,
    /// Reboot.
    Reboot,
}

/// Argument of the one-shot `storage` for a factory reset: it removes everything that was stored.
pub const FACTORY_RESET: &str = "factory-reset";

/// Argument of the one-shot `storage` that restores the previous settings.
pub const REVERT_CONFIG: &str = "revert-config";

/// Returns the job for `request`: none if it needs no job, an error if `requester` may not have it.
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

/// The job that is running, if any.
#[derive(Debug, Default)]
pub(crate) struct JobRunner {
    running: Option<RunningJob>,
}

/// A job and its process.
#[derive(Debug)]
struct RunningJob {
    pid: i32,
    job: Job,
    deadline: BootMillis,
    /// The request to reply to; none after the timeout.
    pending: Option<PendingRequest>,
}

/// A job that has ended or timed out.
#[derive(Debug)]
pub(crate) struct FinishedJob {
    pub(crate) job: Job,
    pub(crate) pending: PendingRequest,
    /// Success, or how its process failed.
    pub(crate) outcome: Result<(), String>,
}

impl JobRunner {
    /// Records the process that runs `job` for `pending`.
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
            deadline: now.plus(JOB_TIMEOUT_MS),
            pending: Some(pending),
        });
    }

    /// Returns whether the process of a job has not exited.
    pub(crate) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Returns whether a requester waits for a job: the shutdown is delayed for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.pending.is_some())
    }

    /// Returns when the running job times out.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        let running = self.running.as_ref()?;
        running.pending.is_some().then_some(running.deadline)
    }

    /// Returns the one-shot that runs as process `pid`.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let running = self.running.as_ref().filter(|running| running.pid == pid)?;
        Some(running.job.service)
    }

    /// Records the exit of a process. Returns the job that a requester still waits for.
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

    /// Returns the job that has timed out, once, and its process, which is to be killed.
    pub(crate) fn take_overdue(&mut self, now: BootMillis) -> Option<(i32, FinishedJob)> {
        let running = self.running.as_mut().filter(|r| now >= r.deadline)?;
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
    fn each_job_has_one_service_that_may_request_it() {
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
    fn slots_argument_parses_back() {
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
    fn requester_gets_outcome_or_timeout() {
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
        // There is no requester left, but the process still uses the card.
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
