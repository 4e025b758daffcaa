//! When to ask whom, and what to believe.

use std::time::Duration;

use failberry_state::BootMillis;

/// First pause after all servers failed; doubled each round up to the cap.
const RETRY_FIRST_MS: u64 = 2_000;

/// Longest pause before the clock is set: a minute of delay hurts no certificate.
const RETRY_CAP_MS: u64 = 64_000;

/// Pause once set. The Pi's crystal drifts some 2 s a day; signing tolerates 5 minutes.
const POLL_MS: u64 = 6 * 3_600_000;

/// Once a day at most to the card: it must live for years.
const SAVE_EVERY_MS: u64 = 24 * 3_600_000;

/// Smaller errors are not worth a step that other programs see.
const STEP_ABOVE: Duration = Duration::from_millis(500);

/// No answer further ahead of the floor is believed: longer than any box lies on a shelf.
const BELIEVED: Duration = Duration::from_hours(20 * 365 * 24);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Time passed.
    Tick,
    /// Links came, went or changed; `any` tells whether one is there.
    LinkChanged { any: bool },
    /// A server told the time since 1970.
    Answer { server: String, time: Reading },
    /// A server could not be asked or answered nonsense.
    Failed(String),
}

/// A server's time beside ours at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The server's.
    pub(crate) theirs: Duration,
    /// The system clock's.
    pub(crate) ours: Duration,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask this server.
    Ask(String),
    /// Believe `time`; step the clock, save it to the card.
    Set {
        time: Duration,
        server: String,
        step: bool,
        save: bool,
    },
    /// Say that the server's time cannot be right, and go on.
    Doubt { server: String, time: Duration },
    /// Sleep until then, or until a link changes.
    Wait { until: BootMillis },
}

/// The state machine.
pub(crate) struct Core {
    servers: Vec<String>,
    next: usize,
    failed_in_round: usize,
    floor: Duration,
    linked: bool,
    due: BootMillis,
    retry_ms: u64,
    saved: Option<BootMillis>,
    synced: bool,
}

impl Core {
    /// Asks `servers` in turn; times before `floor` are never believed.
    pub(crate) fn new(servers: Vec<String>, floor: Duration) -> Self {
        Self {
            servers,
            next: 0,
            failed_in_round: 0,
            floor,
            linked: false,
            due: BootMillis(0),
            retry_ms: RETRY_FIRST_MS,
            saved: None,
            synced: false,
        }
    }

    pub(crate) fn step(&mut self, event: Event, now: BootMillis) -> Action {
        match event {
            Event::Tick => {}
            Event::LinkChanged { any } => {
                self.linked = any;
                if !self.synced {
                    self.due = now;
                    self.retry_ms = RETRY_FIRST_MS;
                }
            }
            Event::Answer { server, time } => {
                let believed = self.floor..=self.floor + BELIEVED;
                if believed.contains(&time.theirs) {
                    return self.believe(server, time, now);
                }
                self.failed(now);
                return Action::Doubt {
                    server,
                    time: time.theirs,
                };
            }
            Event::Failed(_) => self.failed(now),
        }
        if self.linked
            && now >= self.due
            && let Some(server) = self.servers.get(self.next)
        {
            return Action::Ask(server.clone());
        }
        let until = if self.linked && now < self.due {
            self.due
        } else {
            now.plus(POLL_MS)
        };
        Action::Wait { until }
    }

    fn believe(&mut self, server: String, time: Reading, now: BootMillis) -> Action {
        self.synced = true;
        self.failed_in_round = 0;
        self.retry_ms = RETRY_FIRST_MS;
        self.due = now.plus(POLL_MS);
        let save = self
            .saved
            .is_none_or(|last| now.since(last) >= SAVE_EVERY_MS);
        if save {
            self.saved = Some(now);
            self.floor = time.theirs;
        }
        let step = time.theirs.abs_diff(time.ours) > STEP_ABOVE;
        Action::Set {
            time: time.theirs,
            server,
            step,
            save,
        }
    }

    /// On to the next server at once; a pause after each full round.
    fn failed(&mut self, now: BootMillis) {
        let count = self.servers.len().max(1);
        self.next = (self.next + 1) % count;
        self.failed_in_round += 1;
        if self.failed_in_round >= count {
            self.failed_in_round = 0;
            self.due = now.plus(self.retry_ms);
            self.retry_ms = (self.retry_ms * 2).min(RETRY_CAP_MS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const FLOOR: Duration = Duration::from_secs(1_800_000_000);

    fn core() -> Core {
        Core::new(vec!["a".into(), "b".into()], FLOOR)
    }

    fn answer(theirs: Duration, ours: Duration) -> Event {
        Event::Answer {
            server: "a".into(),
            time: Reading { theirs, ours },
        }
    }

    fn ask(server: &str) -> Action {
        Action::Ask(server.into())
    }

    #[test]
    fn asks_nobody_without_a_link_and_at_once_with_one() {
        let mut core = core();
        assert!(matches!(
            core.step(Event::Tick, BootMillis(5)),
            Action::Wait { .. }
        ));
        assert_eq!(
            core.step(Event::LinkChanged { any: true }, BootMillis(9)),
            ask("a")
        );
    }

    #[test]
    fn goes_round_the_servers_and_backs_off_up_to_the_cap() {
        let mut core = core();
        core.step(Event::LinkChanged { any: true }, BootMillis(0));
        let mut now = BootMillis(0);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(core.step(Event::Failed(String::new()), now), ask("b"));
            let Action::Wait { until } = core.step(Event::Failed(String::new()), now) else {
                panic!("must wait after a round");
            };
            pauses.push(until.since(now));
            now = until;
            assert_eq!(core.step(Event::Tick, now), ask("a"));
        }
        assert_eq!(
            pauses,
            [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000, 64_000]
        );
    }

    #[test]
    fn a_new_link_ends_the_pause() {
        let mut core = core();
        core.step(Event::LinkChanged { any: true }, BootMillis(0));
        core.step(Event::Failed(String::new()), BootMillis(0));
        core.step(Event::Failed(String::new()), BootMillis(0));
        assert_eq!(
            core.step(Event::LinkChanged { any: true }, BootMillis(1)),
            ask("a")
        );
    }

    #[test]
    fn times_before_the_floor_or_absurdly_late_are_not_believed() {
        for theirs in [
            FLOOR.saturating_sub(DAY),
            FLOOR + 2 * BELIEVED,
            Duration::ZERO,
        ] {
            let mut core = core();
            core.step(Event::LinkChanged { any: true }, BootMillis(0));
            let doubt = Action::Doubt {
                server: "a".into(),
                time: theirs,
            };
            assert_eq!(core.step(answer(theirs, FLOOR), BootMillis(1)), doubt);
            assert_eq!(core.step(Event::Tick, BootMillis(1)), ask("b"));
        }
    }

    #[test]
    fn steps_only_for_real_errors_and_saves_once_a_day() {
        let mut core = core();
        core.step(Event::LinkChanged { any: true }, BootMillis(0));
        let t = FLOOR + DAY;
        let set = |step, save| Action::Set {
            time: t,
            server: "a".into(),
            step,
            save,
        };
        assert_eq!(core.step(answer(t, FLOOR), BootMillis(0)), set(true, true));
        let close = t.saturating_sub(Duration::from_millis(400));
        assert_eq!(
            core.step(answer(t, close), BootMillis(POLL_MS)),
            set(false, false)
        );
        assert_eq!(
            core.step(answer(t, close), BootMillis(SAVE_EVERY_MS)),
            set(false, true)
        );
    }

    #[test]
    fn once_set_it_asks_again_only_after_hours_whatever_the_links_do() {
        let mut core = core();
        core.step(Event::LinkChanged { any: true }, BootMillis(0));
        core.step(answer(FLOOR, FLOOR), BootMillis(0));
        let next = core.step(Event::LinkChanged { any: true }, BootMillis(9));
        assert_eq!(
            next,
            Action::Wait {
                until: BootMillis(POLL_MS)
            }
        );
    }
}
