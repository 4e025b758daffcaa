//! When to set the record, and to what.

use std::net::Ipv4Addr;

use failberry_state::BootMillis;

use crate::{PATIENCE, address::is_reachable};

/// First pause after a failure; doubled up to the cap. The house is unreachable meanwhile.
const RETRY_FIRST_MS: u64 = 5_000;

/// Longest pause: a wrong key must not knock on AWS for years.
const RETRY_CAP_MS: u64 = 600_000;

/// The same where nobody at AWS was reached: such an outage ends without notice, and a try that gets
/// nowhere costs 6 kB at the most.
const OUTAGE_CAP_MS: u64 = 120_000;

/// How long a signature waits for the clock. Time servers may be blocked where AWS is not, and AWS
/// tells its own time when it refuses ours.
const CLOCK_PATIENCE_MS: u64 = 30_000;

/// The record is set anew this often even if nothing changed: somebody may have touched it.
const REFRESH_MS: u64 = 24 * 3_600_000;

/// As long as a request may be under way: it may be signed twice.
#[allow(clippy::cast_possible_truncation)] // seconds
const PATIENCE_MS: u64 = 2 * PATIENCE.as_millis() as u64;

/// What the decision rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// The carrier address while the link is up.
    pub(crate) address: Option<Ipv4Addr>,
    /// When the clock was stepped last, once it has been set.
    pub(crate) clock: Option<BootMillis>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Time passed.
    Tick,
    /// The inputs were read.
    Inputs(Inputs),
    /// They changed under a request that is under way and now serves nobody.
    Overtaken(Inputs),
    /// The zone took the address.
    Published(Ipv4Addr),
    /// The zone did not: it refused, or was not reached.
    Failed { refused: bool },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Set the record, then tell how it went.
    Publish(Ipv4Addr),
    /// Say that this address is of no use; told once per address.
    Refuse(Ipv4Addr),
    /// Sleep until then, or until an input changes.
    Wait { until: Option<BootMillis> },
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Core {
    publish_private: bool,
    inputs: Inputs,
    published: Option<Ipv4Addr>,
    refused: Option<Ipv4Addr>,
    /// No try before this moment.
    not_before: BootMillis,
    retry_ms: u64,
    /// A request that was overtaken may still reach the zone until then, after a newer one.
    stray_until: BootMillis,
}

impl Core {
    pub(crate) fn new(publish_private: bool) -> Self {
        Self {
            publish_private,
            inputs: Inputs::default(),
            published: None,
            refused: None,
            not_before: BootMillis(0),
            retry_ms: RETRY_FIRST_MS,
            stray_until: BootMillis(0),
        }
    }

    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Action {
        match event {
            Event::Tick => {}
            Event::Inputs(inputs) => self.change(inputs, now),
            Event::Overtaken(inputs) => {
                self.stray_until = now.plus(PATIENCE_MS);
                // Whether the zone took it is not known.
                self.published = None;
                self.change(inputs, now);
            }
            Event::Published(address) => {
                self.published = Some(address);
                self.retry_ms = RETRY_FIRST_MS;
                self.not_before = if now < self.stray_until {
                    self.stray_until
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
            return if self.refused.replace(address) == Some(address) {
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

    fn change(&mut self, inputs: Inputs, now: BootMillis) {
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
            self.not_before = now.plus(CLOCK_PATIENCE_MS);
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

    fn see(core: &mut Core, address: Option<Ipv4Addr>, clock: bool, at: u64) -> Action {
        let clock = clock.then_some(BootMillis(0));
        core.step(Event::Inputs(Inputs { address, clock }), BootMillis(at))
    }

    fn wait(until: u64) -> Action {
        Action::Wait {
            until: Some(BootMillis(until)),
        }
    }

    #[test]
    fn a_new_address_with_a_set_clock_is_published_at_once() {
        let mut core = Core::new(false);
        assert_eq!(see(&mut core, None, true, 0), Action::Wait { until: None });
        assert_eq!(see(&mut core, Some(A), true, 5), Action::Publish(A));
        assert_eq!(
            core.step(Event::Published(A), BootMillis(6)),
            wait(6 + REFRESH_MS)
        );
        assert_eq!(see(&mut core, Some(B), true, 9), Action::Publish(B));
    }

    #[test]
    fn the_clock_is_waited_for_but_not_for_ever() {
        let mut core = Core::new(false);
        assert_eq!(see(&mut core, Some(A), false, 0), wait(CLOCK_PATIENCE_MS));
        assert_eq!(see(&mut core, Some(A), true, 100), Action::Publish(A));
        let mut core = Core::new(false);
        see(&mut core, Some(A), false, 0);
        assert_eq!(
            core.step(Event::Tick, BootMillis(CLOCK_PATIENCE_MS)),
            Action::Publish(A)
        );
    }

    #[test]
    fn failures_back_off_to_the_cap_and_a_new_address_starts_over() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let Action::Wait { until: Some(until) } = core.step(REFUSED, BootMillis(now)) else {
                panic!("must wait");
            };
            pauses.push((until.0 - now) / 1000);
            now = until.0;
            assert_eq!(core.step(Event::Tick, until), Action::Publish(A));
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        core.step(REFUSED, BootMillis(now));
        assert_eq!(see(&mut core, Some(B), true, now + 1), Action::Publish(B));
    }

    #[test]
    fn an_outage_is_tried_through_every_two_minutes() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let failed = core.step(Event::Failed { refused: false }, BootMillis(0));
            let Action::Wait { until: Some(until) } = failed else {
                panic!("must wait");
            };
            pauses.push(until.0 / 1000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 120, 120]);
    }

    #[test]
    fn a_clock_that_is_set_anew_ends_the_pause_after_a_failure() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        core.step(REFUSED, BootMillis(0));
        let inputs = Inputs {
            address: Some(A),
            clock: Some(BootMillis(7)),
        };
        let action = core.step(Event::Inputs(inputs), BootMillis(8));
        assert_eq!(action, Action::Publish(A));
    }

    #[test]
    fn the_same_address_after_a_redial_is_left_alone_until_the_refresh() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        core.step(Event::Published(A), BootMillis(0));
        see(&mut core, None, true, 10);
        assert_eq!(see(&mut core, Some(A), true, 20), wait(REFRESH_MS));
        assert_eq!(
            core.step(Event::Tick, BootMillis(REFRESH_MS)),
            Action::Publish(A)
        );
    }

    #[test]
    fn a_new_address_does_not_wait_for_a_request_with_the_old_one() {
        let mut core = Core::new(false);
        assert_eq!(see(&mut core, Some(A), true, 0), Action::Publish(A));
        let clock = Some(BootMillis(0));
        let changed = |address| Event::Overtaken(Inputs { address, clock });
        let action = core.step(changed(None), BootMillis(1_000));
        assert_eq!(action, Action::Wait { until: None });
        assert_eq!(see(&mut core, Some(B), true, 2_000), Action::Publish(B));
        // The old request may arrive after the new one, so the record is set once more.
        let stray = 1_000 + PATIENCE_MS;
        let published = core.step(Event::Published(B), BootMillis(3_000));
        assert_eq!(published, wait(stray));
        let again = core.step(Event::Tick, BootMillis(stray));
        assert_eq!(again, Action::Publish(B));
        let settled = core.step(Event::Published(B), BootMillis(stray + 1));
        assert_eq!(settled, wait(stray + 1 + REFRESH_MS));
    }

    #[test]
    fn an_address_that_comes_back_under_a_request_is_set_again() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        core.step(Event::Published(A), BootMillis(1));
        assert_eq!(see(&mut core, Some(B), true, 10), Action::Publish(B));
        let inputs = Inputs {
            address: Some(A),
            clock: Some(BootMillis(0)),
        };
        let action = core.step(Event::Overtaken(inputs), BootMillis(20));
        assert_eq!(action, Action::Publish(A));
    }

    #[test]
    fn carrier_nat_is_refused_once_unless_wanted() {
        let mut core = Core::new(false);
        assert_eq!(see(&mut core, Some(NAT), true, 0), Action::Refuse(NAT));
        assert_eq!(
            core.step(Event::Tick, BootMillis(1)),
            Action::Wait { until: None }
        );
        let mut core = Core::new(true);
        assert_eq!(see(&mut core, Some(NAT), true, 0), Action::Publish(NAT));
    }

    #[test]
    fn a_redial_during_a_failing_publication_keeps_trying() {
        let mut core = Core::new(false);
        see(&mut core, Some(A), true, 0);
        core.step(REFUSED, BootMillis(0));
        assert_eq!(see(&mut core, None, true, 1), Action::Wait { until: None });
        assert_eq!(see(&mut core, Some(A), true, 2), Action::Publish(A));
    }
}
