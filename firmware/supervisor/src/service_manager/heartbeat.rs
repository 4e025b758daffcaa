//! Heartbeats of the services: readiness, missed deadlines, escalation.

use failberry_state::{BootMillis, Service};
use log::Level;

use super::{Action, ManagedService, Phase, ServiceManager};
use crate::liveness::Escalation;

impl ServiceManager {
    /// Returns a service whose process has survived SIGKILL.
    pub(crate) fn stuck_service(&self, now: BootMillis) -> Option<Service> {
        let stuck =
            |managed: &&ManagedService| managed.pid.is_some() && managed.liveness.is_stuck(now);
        self.services
            .iter()
            .find(stuck)
            .map(|managed| managed.service)
    }

    /// Records a heartbeat; the first one makes the service ready.
    pub(super) fn record_heartbeat(
        &mut self,
        service: Service,
        now: BootMillis,
        actions: &mut Vec<Action>,
    ) {
        let first = self
            .find(service)
            .is_some_and(|managed| managed.liveness.heartbeat(now));
        if first {
            actions.push(Action::Publish);
        }
    }

    /// Restarts all heartbeat deadlines after a stall of PID 1 itself.
    pub(super) fn reset_deadlines(&mut self, now: BootMillis) {
        for managed in &mut self.services {
            managed.liveness.reset_deadline(now);
        }
    }

    /// Ends services that have missed their heartbeat deadline.
    pub(super) fn check_heartbeats(&mut self, now: BootMillis, actions: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        for managed in &mut self.services {
            let (Some(pid), name) = (managed.pid, managed.service.name()) else {
                continue;
            };
            let mut warn = |text| actions.push(Action::Log(Level::Warn, text));
            match managed.liveness.poll(now) {
                Some(Escalation::Abort) => {
                    managed.hung = true;
                    managed.hangs = managed.hangs.saturating_add(1);
                    let seconds = self.heartbeat_timeout / 1000;
                    warn(format!(
                        "{name} gave no sign of life for {seconds} s, ending it"
                    ));
                    actions.push(Action::Abort(pid));
                }
                Some(Escalation::Kill) => {
                    warn(format!("{name} does not end, killing it"));
                    actions.push(Action::Kill(pid));
                }
                None => {}
            }
        }
    }
}
