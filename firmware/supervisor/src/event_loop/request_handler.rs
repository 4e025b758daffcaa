//! Handler of requests on PID 1's control socket: reboot, restart, jobs about the card.

use failberry_service::{Reply, Request};
use failberry_state::{BootMillis, Service};
use nix::sys::signal::Signal;

use super::{EventLoop, reboot_policy::RebootConditions};
use crate::{
    ShutdownMode,
    one_shot::{self, FinishedJob, FollowUp, Job},
    process,
    request_server::{PendingRequest, Requester},
    service_manager::Event,
};

impl EventLoop {
    /// Handles the requests that are complete.
    pub(super) fn handle_requests(&mut self) {
        let now = BootMillis::now();
        let pending = self.requests.as_mut().map(|requests| requests.poll(now));
        for pending in pending.into_iter().flatten() {
            match one_shot::job_for(pending.requester, &pending.request) {
                None => {
                    let reply = self.reply_to(&pending, now);
                    pending.reply(&reply);
                }
                Some(Ok(job)) => self.start_job(job, pending, now),
                Some(Err(why)) => refuse(pending, why),
            }
        }
    }

    /// Decides on a request that needs no job, and returns the reply.
    fn reply_to(&mut self, pending: &PendingRequest, now: BootMillis) -> Reply {
        let who = pending.requester.name();
        match &pending.request {
            Request::Restart { service, reason } => {
                log::warn!("{who} asks for a restart of {}: {reason}", service.name());
                self.events.push_back(Event::Restart(*service));
                Reply::Accepted
            }
            Request::Reboot { reason } => {
                let counts_against_budget = !pending.requester.is_operator();
                let allowed =
                    RebootConditions::read(&self.options.run).check(!counts_against_budget);
                let allowed = match allowed {
                    Ok(()) if counts_against_budget => self.boot_history.allows_reboot(now),
                    result => result,
                };
                match allowed {
                    Ok(()) => {
                        log::warn!("{who} asks for a reboot: {reason}");
                        self.request_shutdown(
                            ShutdownMode::Reboot,
                            &format!("{who}: {reason}"),
                            counts_against_budget,
                        );
                        Reply::Accepted
                    }
                    Err(why) => {
                        log::warn!("{who} asks for a reboot ({reason}), refused: {why}");
                        self.boot_history.count_refusal(&mut self.options.state);
                        self.publish();
                        Reply::Refused { why }
                    }
                }
            }
            // Each of these is a job.
            Request::Slots(_) | Request::FactoryReset | Request::RevertConfig => Reply::Refused {
                why: "nobody carries it out".into(),
            },
        }
    }

    /// Spawns the process of a job; the requester gets its reply when the job ends.
    fn start_job(&mut self, job: Job, pending: PendingRequest, now: BootMillis) {
        if self.jobs.is_running() || self.service_manager.is_running(job.service) {
            return refuse(pending, "the card is busy with something else".into());
        }
        if self.stopping {
            return refuse(pending, "the box is going down".into());
        }
        let (name, who) = (job.service.name(), pending.requester.name());
        log::warn!("{who} asks for {name} {}", job.argument);
        self.last_errors.retain(|(of, _)| *of != job.service);
        match self.spawn(job.service, &[&job.argument]) {
            Ok(pid) => self.jobs.on_started(pid, job, pending, now),
            Err(error) => refuse(pending, format!("cannot start {name}: {error}")),
        }
    }

    /// Kills the job that has exceeded its timeout.
    pub(super) fn kill_overdue_job(&mut self) {
        if let Some((pid, finished)) = self.jobs.take_overdue(BootMillis::now()) {
            process::signal(pid, Signal::SIGKILL);
            self.finish_job(finished);
        }
    }

    /// Replies to the requester of a job, and starts what follows it.
    pub(super) fn finish_job(&mut self, finished: FinishedJob) {
        let FinishedJob {
            job,
            pending,
            outcome,
        } = finished;
        let (name, who) = (job.service.name(), pending.requester.name());
        if let Err(how) = outcome {
            let last_error = self.last_errors.iter().find(|(of, _)| *of == job.service);
            return refuse(pending, last_error.map_or(how, |(_, text)| text.clone()));
        }
        log::info!("{name} {} is done", job.argument);
        pending.reply(&Reply::Accepted);
        match job.follow_up {
            FollowUp::Nothing => {}
            FollowUp::RestartServices => {
                let restarts = Service::SUPERVISED.map(Event::Restart);
                self.events.extend(restarts);
            }
            FollowUp::Reboot => {
                let reason = format!("{who}: {}", job.argument);
                self.request_shutdown(ShutdownMode::Reboot, &reason, false);
            }
        }
    }

    /// Starts an orderly shutdown, and records its reason for the next boot.
    pub(super) fn request_shutdown(
        &mut self,
        mode: ShutdownMode,
        reason: &str,
        counts_against_budget: bool,
    ) {
        // The first reason counts.
        if !std::mem::replace(&mut self.stopping, true) {
            self.boot_history
                .end_boot(reason, counts_against_budget, BootMillis::now());
        }
        self.events.push_back(Event::Stop(mode));
    }
}

fn refuse(pending: PendingRequest, why: String) {
    let who = pending.requester.name();
    log::warn!("{who} asks for {}, refused: {why}", pending.request);
    pending.reply(&Reply::Refused { why });
}

impl Requester {
    /// Returns whether the request comes from an operator, who has no reboot budget: a person has
    /// a reason and knows when to stop. `update` counts as one: it requests one reboot for each
    /// bundle that a person has signed, and one more for its rollback, which must not wait.
    const fn is_operator(self) -> bool {
        matches!(
            self,
            Self::Root | Self::Service(Service::Console | Service::Update)
        )
    }
}
