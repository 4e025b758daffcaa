use std::net::Ipv4Addr;

use super::*;

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);
const FLOOR: Duration = Duration::from_secs(1_800_000_000);
const HOUR_MS: u64 = 3_600_000;

fn core(servers: &[&str]) -> Core {
    let servers = servers.iter().map(ToString::to_string).collect();
    let mut core = Core::new(servers, FLOOR, BootMillis(0));
    core.step(Event::LinkChanged { any: true }, BootMillis(0));
    core
}

/// The server of that name answers; each has an address of its own.
fn answer(server: &str, theirs: Duration, ours: Duration) -> Event {
    let last = server.bytes().next().unwrap_or_default();
    Event::Answer {
        server: server.into(),
        time: Reading {
            theirs,
            ours,
            address: Ipv4Addr::new(192, 0, 2, last).into(),
        },
    }
}

fn ask(server: &str) -> Action {
    Action::Ask(server.into())
}

fn set(server: &str, time: Duration, step: bool) -> Action {
    Action::Set {
        time,
        server: server.into(),
        step,
    }
}

fn doubt(server: &str, time: Duration, expected: Expected, next: Next) -> Action {
    let last = server.bytes().next().unwrap_or_default();
    Action::Doubt(Doubt {
        server: server.into(),
        address: Ipv4Addr::new(192, 0, 2, last).into(),
        time,
        expected,
        next,
    })
}

fn wait(until: u64) -> Action {
    Action::Wait {
        until: BootMillis(until),
    }
}

const START: BootMillis = BootMillis(0);

#[test]
fn asks_nobody_without_a_link_and_at_once_with_one() {
    let mut core = Core::new(vec!["a".into()], FLOOR, START);
    let unlinked = core.step(Event::Tick, BootMillis(5));
    assert!(matches!(unlinked, Action::Wait { .. }));
    let linked = core.step(Event::LinkChanged { any: true }, BootMillis(9));
    assert_eq!(linked, ask("a"));
}

#[test]
fn goes_round_the_servers_and_backs_off_up_to_the_cap() {
    let mut core = core(&["a", "b"]);
    let mut now = START;
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
    let mut core = core(&["a"]);
    core.step(Event::Failed(String::new()), START);
    let linked = core.step(Event::LinkChanged { any: true }, BootMillis(1));
    assert_eq!(linked, ask("a"));
}

#[test]
fn times_before_the_floor_or_absurdly_late_are_not_believed() {
    for theirs in [
        FLOOR.saturating_sub(DAY),
        FLOOR + 2 * BELIEVED,
        Duration::ZERO,
    ] {
        let mut core = core(&["a", "b"]);
        let window = Expected::Window(FLOOR, FLOOR + BELIEVED);
        let doubt = doubt("a", theirs, window, Next::Ask("b".into()));
        assert_eq!(core.step(answer("a", theirs, FLOOR), START), doubt);
        assert_eq!(core.step(Event::Tick, START), ask("b"));
    }
}

#[test]
fn a_doubt_says_what_really_follows() {
    let mut core = core(&["a", "b"]);
    let window = || Expected::Window(FLOOR, FLOOR + BELIEVED);
    let mut now = START;
    for pause in [RETRY_FIRST_MS, 2 * RETRY_FIRST_MS] {
        let first = core.step(answer("a", Duration::ZERO, FLOOR), now);
        let asked = doubt("a", Duration::ZERO, window(), Next::Ask("b".into()));
        assert_eq!(first, asked);
        assert_eq!(core.step(Event::Tick, now), ask("b"));
        let last = core.step(answer("b", Duration::ZERO, FLOOR), now);
        assert_eq!(
            last,
            doubt("b", Duration::ZERO, window(), Next::Pause(pause))
        );
        now = now.plus(pause);
        assert_eq!(core.step(Event::Tick, now), ask("a"));
    }
}

#[test]
fn the_first_word_sets_the_clock_and_the_second_settles_and_saves_it() {
    let mut core = core(&["a", "b", "c"]);
    let t = FLOOR + DAY;
    assert_eq!(core.step(answer("a", t, FLOOR), START), set("a", t, true));
    assert!(!core.settled());
    assert_eq!(core.step(Event::Tick, START), ask("b"));
    let close = t.saturating_sub(Duration::from_millis(400));
    assert_eq!(core.step(answer("b", t, close), START), set("b", t, false));
    assert!(core.settled());
    assert_eq!(core.step(Event::Tick, START), Action::Save);
    assert_eq!(core.step(Event::Tick, START), wait(POLL_MS));
    let linked = core.step(Event::LinkChanged { any: true }, BootMillis(9));
    assert_eq!(linked, wait(POLL_MS), "whatever the links do");
}

#[test]
fn a_settled_clock_takes_one_word_and_is_saved_once_a_day() {
    let mut core = core(&["a", "b"]);
    core.step(answer("a", FLOOR, FLOOR), START);
    core.step(answer("b", FLOOR, FLOOR), START);
    assert_eq!(core.step(Event::Tick, START), Action::Save);
    for (hours, saves) in [(6, false), (12, false), (24, true), (30, false)] {
        let now = BootMillis(hours * HOUR_MS);
        let t = FLOOR + Duration::from_hours(hours);
        assert_eq!(core.step(answer("b", t, t), now), set("b", t, false));
        let next = core.step(Event::Tick, now);
        assert_eq!(next == Action::Save, saves, "after {hours} h: {next:?}");
    }
}

#[test]
fn a_liar_among_four_is_outvoted_in_the_same_round() {
    let (t, lie) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut core = core(&["a", "b", "c", "d"]);
    assert_eq!(
        core.step(answer("a", lie, FLOOR), START),
        set("a", lie, true)
    );
    assert_eq!(core.step(Event::Tick, START), ask("b"));
    assert_eq!(core.step(answer("b", t, lie), START), ask("c"));
    assert_eq!(core.step(answer("c", t, lie), START), set("c", t, true));
    assert!(core.settled());
}

#[test]
fn where_nobody_agrees_the_earliest_stands_until_somebody_does() {
    let (t, lie) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut core = core(&["a", "b"]);
    core.step(answer("a", lie, FLOOR), START);
    assert_eq!(core.step(answer("b", t, lie), START), set("b", t, true));
    assert!(!core.settled());
    assert_eq!(core.step(Event::Tick, START), wait(RETRY_CAP_MS));
}

#[test]
fn a_lie_of_the_only_server_is_taken_back_when_it_ends_and_never_saved() {
    let (t, lie) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut core = core(&["a"]);
    assert_eq!(
        core.step(answer("a", lie, FLOOR), START),
        set("a", lie, true)
    );
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let Action::Wait { until } = core.step(Event::Tick, now) else {
            panic!("must wait");
        };
        pauses.push(until.since(now) / 1000);
        now = until;
        let told = lie + uptime(now);
        assert_eq!(
            core.step(answer("a", told, told), now),
            set("a", told, false)
        );
    }
    assert_eq!(pauses, [64, 128, 256, 512, 900, 900]);
    let (truth, ours) = (t + uptime(now), lie + uptime(now));
    let stepped = core.step(answer("a", truth, ours), now);
    assert_eq!(stepped, set("a", truth, true));
    assert_eq!(core.floor(), FLOOR);
    assert!(matches!(core.step(Event::Tick, now), Action::Wait { .. }));
}

#[test]
fn names_that_lead_to_one_liar_are_one_word() {
    let lie = FLOOR + 10 * YEAR;
    let mut core = core(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        let event = Event::Answer {
            server: name.into(),
            time: Reading {
                theirs: lie,
                ours: FLOOR,
                address: Ipv4Addr::LOCALHOST.into(),
            },
        };
        core.step(event, START);
    }
    assert!(!core.settled());
}

#[test]
fn one_server_cannot_move_a_settled_clock_and_two_can() {
    let (t, lie) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut core = core(&["a", "b"]);
    core.step(answer("a", t, FLOOR), START);
    core.step(answer("b", t, t), START);
    core.step(Event::Tick, START);
    let now = BootMillis(6 * HOUR_MS);
    let settled = Expected::Settled {
        ours: t + uptime(now),
        within: DRIFT,
    };
    let doubt = doubt("b", lie, settled, Next::Ask("a".into()));
    assert_eq!(core.step(answer("b", lie, t + uptime(now)), now), doubt);
    assert_eq!(core.step(Event::Tick, now), ask("a"));
    let moved = core.step(answer("a", lie, t + uptime(now)), now);
    assert_eq!(moved, set("a", lie, true));
}

#[test]
fn a_signature_accepted_settles_the_time_and_raises_the_floor() {
    let t = FLOOR + DAY;
    let mut core = core(&["a"]);
    core.step(answer("a", t, FLOOR), BootMillis(1_000));
    // Signed before the step: nothing is known of the time since.
    let early = Event::Proven {
        at: BootMillis(1_000),
        ours: t,
    };
    assert_eq!(core.step(early, BootMillis(2_000)), wait(65_000));
    assert_eq!((core.settled(), core.floor()), (false, FLOOR));
    let proven = Event::Proven {
        at: BootMillis(1_001),
        ours: t,
    };
    assert_eq!(core.step(proven, BootMillis(2_000)), Action::Save);
    assert_eq!(
        (core.settled(), core.floor()),
        (true, t.saturating_sub(PROOF_MARGIN))
    );
    assert_eq!(
        core.step(Event::Tick, BootMillis(2_000)),
        wait(2_000 + POLL_MS)
    );
}

#[test]
fn a_clock_stepped_by_somebody_else_is_asked_for_at_once_and_set_by_one_word() {
    for ours in [Duration::ZERO, FLOOR + YEAR] {
        let mut core = core(&["a", "b"]);
        let t = FLOOR + DAY;
        core.step(answer("a", t, t), START);
        core.step(answer("b", t, t), START);
        assert!(core.settled());
        let jumped = BootMillis(HOUR_MS);
        assert_eq!(core.step(Event::Jumped, jumped), ask("b"));
        assert!(!core.settled());
        // Signed before the jump: that clock is gone.
        let proven = Event::Proven { at: START, ours };
        assert_eq!(core.step(proven, jumped), ask("b"));
        assert_eq!(core.step(answer("b", t, ours), jumped), set("b", t, true));
        assert_eq!((core.settled(), core.floor()), (false, FLOOR));
    }
}
