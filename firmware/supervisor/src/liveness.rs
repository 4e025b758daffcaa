//! Liveness of one supervised process, judged by its heartbeats. Pure; driven by
//! [`crate::service_manager`].
//!
//! A process that misses its heartbeat deadline gets SIGABRT, then SIGKILL. One that survives
//! SIGKILL is stuck in the kernel; the supervisor then leaves the machine to the watchdog.

use failberry_state::BootMillis;

/// Time from SIGABRT to SIGKILL, in milliseconds. A process that handles SIGABRT only has to die;
/// one that is stopped (SIGSTOP) never reacts at all.
const ABORT_TIMEOUT_MS: u64 = 2_000;

/// Time after SIGKILL at which a process counts as stuck, in milliseconds: it sleeps in a driver,
/// uninterruptible, and only a reset gets it out.
const STUCK_TIMEOUT_MS: u64 = 30_000;

/// The signal that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escalation {
    /// SIGABRT: no heartbeat within the deadline.
    Abort,
    /// SIGKILL: still running after its time to end.
    Kill,
}

/// What the monitor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The next heartbeat.
    Monitored,
    /// The end of the process, after SIGABRT or a requested stop.
    Ending { kill_at: BootMillis },
    /// The end of the process, after SIGKILL.
    Killed { at: BootMillis },
}

/// Heartbeat deadline and escalation state of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LivenessMonitor {
    /// Longest time between two heartbeats, in milliseconds.
    timeout: u64,
    last_heartbeat: BootMillis,
    /// Set by the first heartbeat; never cleared.
    ready: bool,
    phase: Phase,
}

impl LivenessMonitor {
    /// Starts monitoring a process spawned at `now`; `timeout` is in milliseconds.
    pub(crate) const fn new(now: BootMillis, timeout: u64) -> Self {
        Self {
            timeout,
            last_heartbeat: now,
            ready: false,
            phase: Phase::Monitored,
        }
    }

    /// Records a heartbeat. Returns true for the first one, which makes the service ready.
    pub(crate) fn heartbeat(&mut self, now: BootMillis) -> bool {
        self.last_heartbeat = now;
        !std::mem::replace(&mut self.ready, true)
    }

    /// Returns whether the first heartbeat has come.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Starts the countdown of `timeout` milliseconds to SIGKILL, after an orderly stop was
    /// requested. A countdown that runs is not restarted.
    pub(crate) fn stop_within(&mut self, now: BootMillis, timeout: u64) {
        if self.phase == Phase::Monitored {
            let kill_at = now.plus(timeout);
            self.phase = Phase::Ending { kill_at };
        }
    }

    /// Restarts the heartbeat deadline after PID 1 itself did not read heartbeats for a while.
    pub(crate) fn reset_deadline(&mut self, now: BootMillis) {
        self.last_heartbeat = now;
    }

    /// Returns the signal due at `now`, each at most once.
    pub(crate) fn poll(&mut self, now: BootMillis) -> Option<Escalation> {
        match self.phase {
            Phase::Monitored if now.since(self.last_heartbeat) >= self.timeout => {
                self.stop_within(now, ABORT_TIMEOUT_MS);
                Some(Escalation::Abort)
            }
            Phase::Ending { kill_at } if now >= kill_at => {
                self.phase = Phase::Killed { at: now };
                Some(Escalation::Kill)
            }
            _ => None,
        }
    }

    /// Returns when [`Self::poll`] has to be called next, unless a heartbeat comes first.
    pub(crate) const fn next_deadline(&self) -> Option<BootMillis> {
        match self.phase {
            Phase::Monitored => Some(self.last_heartbeat.plus(self.timeout)),
            Phase::Ending { kill_at } => Some(kill_at),
            Phase::Killed { .. } => None,
        }
    }

    /// Returns whether the process has survived SIGKILL.
    pub(crate) const fn is_stuck(&self, now: BootMillis) -> bool {
        matches!(self.phase, Phase::Killed { at } if now.since(at) >= STUCK_TIMEOUT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_heartbeat_escalates_from_abort_to_kill_to_stuck() {
        let mut monitor = LivenessMonitor::new(BootMillis(0), 60_000);
        assert!(!monitor.is_ready());
        assert!(monitor.heartbeat(BootMillis(5_000)) && monitor.is_ready());
        assert!(!monitor.heartbeat(BootMillis(10_000)));
        assert_eq!(monitor.next_deadline(), Some(BootMillis(70_000)));
        assert_eq!(monitor.poll(BootMillis(69_999)), None);
        assert_eq!(monitor.poll(BootMillis(70_000)), Some(Escalation::Abort));
        // A heartbeat after SIGABRT changes nothing.
        monitor.heartbeat(BootMillis(71_000));
        assert_eq!(monitor.poll(BootMillis(71_999)), None);
        assert_eq!(monitor.poll(BootMillis(72_000)), Some(Escalation::Kill));
        assert_eq!(monitor.next_deadline(), None);
        assert!(!monitor.is_stuck(BootMillis(101_999)));
        assert!(monitor.is_stuck(BootMillis(102_000)));
        assert_eq!(monitor.poll(BootMillis(900_000)), None);
    }

    #[test]
    fn deadline_reset_delays_abort_and_stop_timeout_leads_to_kill() {
        let mut monitor = LivenessMonitor::new(BootMillis(0), 60_000);
        monitor.reset_deadline(BootMillis(60_000));
        assert_eq!(monitor.poll(BootMillis(60_000)), None);
        monitor.stop_within(BootMillis(61_000), 5_000);
        monitor.stop_within(BootMillis(62_000), 5_000);
        assert_eq!(monitor.next_deadline(), Some(BootMillis(66_000)));
        assert_eq!(monitor.poll(BootMillis(66_000)), Some(Escalation::Kill));
    }
}
