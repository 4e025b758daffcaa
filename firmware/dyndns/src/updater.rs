//! Record updater: when to set the A record, and to which address. Pure.

use std::net::Ipv4Addr;

use failberry_state::BootMillis;

use crate::{REQUEST_TIMEOUT, address::is_reachable};

/// Pause after the first failure, in milliseconds; doubled up to the cap. The house is unreachable
/// meanwhile.
const RETRY_FIRST_MS: u64 = 5_000;

/// Longest pause after a refusal, in milliseconds. A wrong key must not burden AWS for years.
const RETRY_CAP_MS: u64 = 600_000;

/// Longest pause after a failure to reach AWS, in milliseconds. Such an outage ends without notice,
/// and an attempt that fails costs 6 kB at most.
const OUTAGE_CAP_MS: u64 = 120_000;

/// Time that a signature waits for the clock to be set, in milliseconds. Time servers may be
/// blocked where AWS is not, and AWS sends its own time when it refuses ours.
const CLOCK_TIMEOUT_MS: u64 = 30_000;

/// Interval at which the unchanged record is set again, in milliseconds: it may have been edited
/// elsewhere.
const REFRESH_MS: u64 = 24 * 3_600_000;

/// Time for which a superseded request may still be in transit, in milliseconds. It may be signed
/// twice, with one timeout each.
#[allow(clippy::cast_possible_truncation)] // seconds
const LATE_DUPLICATE_MS: u64 = 2 * REQUEST_TIMEOUT.as_millis() as u64;

/// State that the decision depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Carrier address while the link is up.
    pub(crate) address: Option<Ipv4Addr>,
    /// When the clock was stepped last, once it has been set.
    pub(crate) clock: Option<BootMillis>,
}

/// Input of [`RecordUpdater::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A deadline may have passed.
    Tick,
    /// The inputs were read.
    Inputs(Inputs),
    /// The inputs changed during a request, which is now obsolete.
    Superseded(Inputs),
    /// The zone accepted the address.
    Published(Ipv4Addr),
    /// The request failed; `refused` if the zone answered, else it was not reached.
    Failed { refused: bool },
}

/// Output of [`RecordUpdater::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Set the record, then report the outcome.
    Publish(Ipv4Addr),
    /// Log that this address is unreachable from outside; once per address.
    Refuse(Ipv4Addr),
    /// Sleep until then, or until an input changes.
    Wait { until: Option<BootMillis> },
}

/// State machine of the record; driven by `run_updater`.
#[derive(Debug)]
pub(crate) struct RecordUpdater {
    publish_private: bool,
    inputs: Inputs,
    published: Option<Ipv4Addr>,
    refused_address: Option<Ipv4Addr>,
    /// No attempt before this moment.
    not_before: BootMillis,
    retry_ms: u64,
    /// Until then a superseded request may still reach the zone, after a newer one.
    late_duplicate_until: BootMillis,
}

impl RecordUpdater {
    pub(crate) fn new(publish_private: bool) -> Self {
        Self {
            publish_private,
            inputs: Inputs::default(),
            published: None,
            refused_address: None,
            not_before: BootMillis(0),
            retry_ms: RETRY_FIRST_MS,
            late_duplicate_until: BootMillis(0),
        }
    }

    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Action {
        match event {
            Event::Tick => {}
            Event::Inputs(inputs) => self.set_inputs(inputs, now),
            Event::Superseded(inputs) => {
                self.late_duplicate_until = now.plus(LATE_DUPLICATE_MS);
                // Whether the zone accepted it is unknown.
                self.published = None;
                self.set_inputs(inputs, now);
            }
            Event::Published(address) => {
                self.published = Some(address);
                self.retry_ms = RETRY_FIRST_MS;
                self.not_before = if now < self.late_duplicate_until {
                    self.late_duplicate_until
                } else {
                    now.plus(REFRESH_MS)
                };
            }
            Event::Failed { refused } => {
                let cap = if refused { RETRY_CAP_MS } else { OUTAGE_CAP_MS };
                let pause = self.retry_ms.min(cap);
                self.not_before = now.plus(pause);
                self.retry_ms = (pause * 2).min(cap);
            }
        }
        let Some(address) = self.inputs.address else {
            return Action::Wait { until: None };
        };
        if !self.publish_private && !is_reachable(address) {
            return if self.refused_address.replace(address) == Some(address) {
                Action::Wait { until: None }
            } else {
                Action::Refuse(address)
            };
        }
        if now < self.not_before {
            return Action::Wait {
                until: Some(self.not_before),
            };
        }
        Action::Publish(address)
    }

    fn set_inputs(&mut self, inputs: Inputs, now: BootMillis) {
        let old = std::mem::replace(&mut self.inputs, inputs);
        if inputs == old {
            return;
        }
        let unchanged = inputs.address.is_none() || inputs.address == self.published;
        if unchanged && self.published.is_some() {
            return;
        }
        if inputs.clock.is_some() {
            self.not_before = now;
        } else if inputs.address != old.address {
            self.not_before = now.plus(CLOCK_TIMEOUT_MS);
        }
        self.retry_ms = RETRY_FIRST_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
    const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
    const REFUSED: Event = Event::Failed { refused: true };
    const NAT: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 9);

    fn update(
        updater: &mut RecordUpdater,
        address: Option<Ipv4Addr>,
        clock: bool,
        at: u64,
    ) -> Action {
        let clock = clock.then_some(BootMillis(0));
        updater.step(Event::Inputs(Inputs { address, clock }), BootMillis(at))
    }

    fn wait(until: u64) -> Action {
        Action::Wait {
            until: Some(BootMillis(until)),
        }
    }

    #[test]
    fn new_address_with_a_set_clock_is_published_at_once() {
        let mut updater = RecordUpdater::new(false);
        assert_eq!(
            update(&mut updater, None, true, 0),
            Action::Wait { until: None }
        );
        assert_eq!(update(&mut updater, Some(A), true, 5), Action::Publish(A));
        assert_eq!(
            updater.step(Event::Published(A), BootMillis(6)),
            wait(6 + REFRESH_MS)
        );
        assert_eq!(update(&mut updater, Some(B), true, 9), Action::Publish(B));
    }

    #[test]
    fn unset_clock_delays_publication_by_30_s() {
        let mut updater = RecordUpdater::new(false);
        assert_eq!(
            update(&mut updater, Some(A), false, 0),
            wait(CLOCK_TIMEOUT_MS)
        );
        assert_eq!(update(&mut updater, Some(A), true, 100), Action::Publish(A));
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), false, 0);
        assert_eq!(
            updater.step(Event::Tick, BootMillis(CLOCK_TIMEOUT_MS)),
            Action::Publish(A)
        );
    }

    #[test]
    fn refusals_back_off_until_a_new_address() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let Action::Wait { until: Some(until) } = updater.step(REFUSED, BootMillis(now)) else {
                panic!("must wait");
            };
            pauses.push((until.0 - now) / 1000);
            now = until.0;
            assert_eq!(updater.step(Event::Tick, until), Action::Publish(A));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        updater.step(REFUSED, BootMillis(now));
        assert_eq!(
            update(&mut updater, Some(B), true, now + 1),
            Action::Publish(B)
        );
    }

    #[test]
    fn outage_is_retried_every_two_minutes() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let failed = updater.step(Event::Failed { refused: false }, BootMillis(0));
            let Action::Wait { until: Some(until) } = failed else {
                panic!("must wait");
            };
            pauses.push(until.0 / 1000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 120, 120]);
    }

    #[test]
    fn clock_step_ends_the_pause_after_a_failure() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        updater.step(REFUSED, BootMillis(0));
        let inputs = Inputs {
            address: Some(A),
            clock: Some(BootMillis(7)),
        };
        let action = updater.step(Event::Inputs(inputs), BootMillis(8));
        assert_eq!(action, Action::Publish(A));
    }

    #[test]
    fn same_address_after_redial_waits_for_the_refresh() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        updater.step(Event::Published(A), BootMillis(0));
        update(&mut updater, None, true, 10);
        assert_eq!(update(&mut updater, Some(A), true, 20), wait(REFRESH_MS));
        assert_eq!(
            updater.step(Event::Tick, BootMillis(REFRESH_MS)),
            Action::Publish(A)
        );
    }

    #[test]
    fn new_address_supersedes_the_open_request() {
        let mut updater = RecordUpdater::new(false);
        assert_eq!(update(&mut updater, Some(A), true, 0), Action::Publish(A));
        let clock = Some(BootMillis(0));
        let changed = |address| Event::Superseded(Inputs { address, clock });
        let action = updater.step(changed(None), BootMillis(1_000));
        assert_eq!(action, Action::Wait { until: None });
        assert_eq!(
            update(&mut updater, Some(B), true, 2_000),
            Action::Publish(B)
        );
        // The old request may arrive after the new one, so the record is set once more.
        let late = 1_000 + LATE_DUPLICATE_MS;
        let published = updater.step(Event::Published(B), BootMillis(3_000));
        assert_eq!(published, wait(late));
        let again = updater.step(Event::Tick, BootMillis(late));
        assert_eq!(again, Action::Publish(B));
        let settled = updater.step(Event::Published(B), BootMillis(late + 1));
        assert_eq!(settled, wait(late + 1 + REFRESH_MS));
    }

    #[test]
    fn address_restored_during_a_request_is_published() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        updater.step(Event::Published(A), BootMillis(1));
        assert_eq!(update(&mut updater, Some(B), true, 10), Action::Publish(B));
        let inputs = Inputs {
            address: Some(A),
            clock: Some(BootMillis(0)),
        };
        let action = updater.step(Event::Superseded(inputs), BootMillis(20));
        assert_eq!(action, Action::Publish(A));
    }

    #[test]
    fn carrier_nat_is_refused_once_unless_private_is_allowed() {
        let mut updater = RecordUpdater::new(false);
        assert_eq!(
            update(&mut updater, Some(NAT), true, 0),
            Action::Refuse(NAT)
        );
        assert_eq!(
            updater.step(Event::Tick, BootMillis(1)),
            Action::Wait { until: None }
        );
        let mut updater = RecordUpdater::new(true);
        assert_eq!(
            update(&mut updater, Some(NAT), true, 0),
            Action::Publish(NAT)
        );
    }

    #[test]
    fn redial_after_a_failure_publishes_at_once() {
        let mut updater = RecordUpdater::new(false);
        update(&mut updater, Some(A), true, 0);
        updater.step(REFUSED, BootMillis(0));
        assert_eq!(
            update(&mut updater, None, true, 1),
            Action::Wait { until: None }
        );
        assert_eq!(update(&mut updater, Some(A), true, 2), Action::Publish(A));
    }
}
