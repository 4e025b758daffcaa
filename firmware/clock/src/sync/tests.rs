use std::net::Ipv4Addr;

use super::*;

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);
const FLOOR: Duration = Duration::from_secs(1_800_000_000);
const HOUR_MS: u64 = 3_600_000;

fn sync(servers: &[&str]) -> ClockSync {
    let servers = servers.iter().map(ToString::to_string).collect();
    let mut sync = ClockSync::new(servers, FLOOR, BootMillis(0));
    sync.step(Event::LinkChanged { any_up: true }, BootMillis(0));
    sync
}

/// Returns the answer of the server of that name; each has its own address.
fn answer(server: &str, server_time: Duration, local_time: Duration) -> Event {
    let last = server.bytes().next().unwrap_or_default();
    Event::Answer {
        server: server.into(),
        time: Reading {
            server_time,
            local_time,
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

fn rejected(server: &str, time: Duration, expected: Expected, next: Next) -> Action {
    let last = server.bytes().next().unwrap_or_default();
    Action::Reject(RejectedAnswer {
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
fn first_query_waits_for_a_link() {
    let mut sync = ClockSync::new(vec!["a".into()], FLOOR, START);
    let unlinked = sync.step(Event::Tick, BootMillis(5));
    assert!(matches!(unlinked, Action::Wait { .. }));
    let linked = sync.step(Event::LinkChanged { any_up: true }, BootMillis(9));
    assert_eq!(linked, ask("a"));
}

#[test]
fn failed_rounds_back_off_up_to_the_cap() {
    let mut sync = sync(&["a", "b"]);
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        assert_eq!(sync.step(Event::Failed(String::new()), now), ask("b"));
        let Action::Wait { until } = sync.step(Event::Failed(String::new()), now) else {
            panic!("must wait after a round");
        };
        pauses.push(until.since(now));
        now = until;
        assert_eq!(sync.step(Event::Tick, now), ask("a"));
    }
    assert_eq!(
        pauses,
        [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000, 64_000]
    );
}

#[test]
fn new_link_ends_the_pause() {
    let mut sync = sync(&["a"]);
    sync.step(Event::Failed(String::new()), START);
    let linked = sync.step(Event::LinkChanged { any_up: true }, BootMillis(1));
    assert_eq!(linked, ask("a"));
}

#[test]
fn times_outside_the_window_are_rejected() {
    for server_time in [
        FLOOR.saturating_sub(DAY),
        FLOOR + 2 * MAX_AHEAD_OF_FLOOR,
        Duration::ZERO,
    ] {
        let mut sync = sync(&["a", "b"]);
        let window = Expected::Window(FLOOR, FLOOR + MAX_AHEAD_OF_FLOOR);
        let rejected = rejected("a", server_time, window, Next::Ask("b".into()));
        assert_eq!(sync.step(answer("a", server_time, FLOOR), START), rejected);
        assert_eq!(sync.step(Event::Tick, START), ask("b"));
    }
}

#[test]
fn rejection_names_the_actual_next_step() {
    let mut sync = sync(&["a", "b"]);
    let window = || Expected::Window(FLOOR, FLOOR + MAX_AHEAD_OF_FLOOR);
    let mut now = START;
    for pause in [RETRY_FIRST_MS, 2 * RETRY_FIRST_MS] {
        let first = sync.step(answer("a", Duration::ZERO, FLOOR), now);
        let asked = rejected("a", Duration::ZERO, window(), Next::Ask("b".into()));
        assert_eq!(first, asked);
        assert_eq!(sync.step(Event::Tick, now), ask("b"));
        let last = sync.step(answer("b", Duration::ZERO, FLOOR), now);
        assert_eq!(
            last,
            rejected("b", Duration::ZERO, window(), Next::Pause(pause))
        );
        now = now.plus(pause);
        assert_eq!(sync.step(Event::Tick, now), ask("a"));
    }
}

#[test]
fn first_answer_sets_second_agreeing_settles_and_saves() {
    let mut sync = sync(&["a", "b", "c"]);
    let t = FLOOR + DAY;
    assert_eq!(sync.step(answer("a", t, FLOOR), START), set("a", t, true));
    assert!(!sync.settled());
    assert_eq!(sync.step(Event::Tick, START), ask("b"));
    let close = t.saturating_sub(Duration::from_millis(400));
    assert_eq!(sync.step(answer("b", t, close), START), set("b", t, false));
    assert!(sync.settled());
    assert_eq!(sync.step(Event::Tick, START), Action::Save);
    assert_eq!(sync.step(Event::Tick, START), wait(POLL_MS));
    let linked = sync.step(Event::LinkChanged { any_up: true }, BootMillis(9));
    assert_eq!(linked, wait(POLL_MS), "whatever the links do");
}

#[test]
fn settled_clock_needs_one_server_and_is_saved_daily() {
    let mut sync = sync(&["a", "b"]);
    sync.step(answer("a", FLOOR, FLOOR), START);
    sync.step(answer("b", FLOOR, FLOOR), START);
    assert_eq!(sync.step(Event::Tick, START), Action::Save);
    for (hours, saves) in [(6, false), (12, false), (24, true), (30, false)] {
        let now = BootMillis(hours * HOUR_MS);
        let t = FLOOR + Duration::from_hours(hours);
        assert_eq!(sync.step(answer("b", t, t), now), set("b", t, false));
        let next = sync.step(Event::Tick, now);
        assert_eq!(next == Action::Save, saves, "after {hours} h: {next:?}");
    }
}

#[test]
fn one_wrong_server_of_four_is_outvoted_in_one_round() {
    let (t, wrong) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut sync = sync(&["a", "b", "c", "d"]);
    assert_eq!(
        sync.step(answer("a", wrong, FLOOR), START),
        set("a", wrong, true)
    );
    assert_eq!(sync.step(Event::Tick, START), ask("b"));
    assert_eq!(sync.step(answer("b", t, wrong), START), ask("c"));
    assert_eq!(sync.step(answer("c", t, wrong), START), set("c", t, true));
    assert!(sync.settled());
}

#[test]
fn disagreeing_servers_leave_the_earliest_time() {
    let (t, wrong) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut sync = sync(&["a", "b"]);
    sync.step(answer("a", wrong, FLOOR), START);
    assert_eq!(sync.step(answer("b", t, wrong), START), set("b", t, true));
    assert!(!sync.settled());
    assert_eq!(sync.step(Event::Tick, START), wait(RETRY_CAP_MS));
}

#[test]
fn wrong_single_server_time_is_corrected_and_not_saved() {
    let (t, wrong) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut sync = sync(&["a"]);
    assert_eq!(
        sync.step(answer("a", wrong, FLOOR), START),
        set("a", wrong, true)
    );
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let Action::Wait { until } = sync.step(Event::Tick, now) else {
            panic!("must wait");
        };
        pauses.push(until.since(now) / 1000);
        now = until;
        let later = wrong + uptime(now);
        assert_eq!(
            sync.step(answer("a", later, later), now),
            set("a", later, false)
        );
    }
    assert_eq!(pauses, [64, 128, 256, 512, 900, 900]);
    let (right, local_time) = (t + uptime(now), wrong + uptime(now));
    let stepped = sync.step(answer("a", right, local_time), now);
    assert_eq!(stepped, set("a", right, true));
    assert_eq!(sync.floor(), FLOOR);
    assert!(matches!(sync.step(Event::Tick, now), Action::Wait { .. }));
}

#[test]
fn names_with_one_address_count_as_one_server() {
    let wrong = FLOOR + 10 * YEAR;
    let mut sync = sync(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        let event = Event::Answer {
            server: name.into(),
            time: Reading {
                server_time: wrong,
                local_time: FLOOR,
                address: Ipv4Addr::LOCALHOST.into(),
            },
        };
        sync.step(event, START);
    }
    assert!(!sync.settled());
}

#[test]
fn settled_clock_is_moved_by_two_servers_not_by_one() {
    let (t, wrong) = (FLOOR + DAY, FLOOR + 10 * YEAR);
    let mut sync = sync(&["a", "b"]);
    sync.step(answer("a", t, FLOOR), START);
    sync.step(answer("b", t, t), START);
    sync.step(Event::Tick, START);
    let now = BootMillis(6 * HOUR_MS);
    let settled = Expected::Settled {
        local_time: t + uptime(now),
        within: MAX_SETTLED_OFFSET,
    };
    let rejected = rejected("b", wrong, settled, Next::Ask("a".into()));
    assert_eq!(
        sync.step(answer("b", wrong, t + uptime(now)), now),
        rejected
    );
    assert_eq!(sync.step(Event::Tick, now), ask("a"));
    let moved = sync.step(answer("a", wrong, t + uptime(now)), now);
    assert_eq!(moved, set("a", wrong, true));
}

#[test]
fn accepted_signature_settles_and_raises_the_floor() {
    let t = FLOOR + DAY;
    let mut sync = sync(&["a"]);
    sync.step(answer("a", t, FLOOR), BootMillis(1_000));
    // Signed before the step: proves nothing about the time since.
    let early = Event::SignatureAccepted {
        at: BootMillis(1_000),
        local_time: t,
    };
    assert_eq!(sync.step(early, BootMillis(2_000)), wait(65_000));
    assert_eq!((sync.settled(), sync.floor()), (false, FLOOR));
    let proven = Event::SignatureAccepted {
        at: BootMillis(1_001),
        local_time: t,
    };
    assert_eq!(sync.step(proven, BootMillis(2_000)), Action::Save);
    assert_eq!(
        (sync.settled(), sync.floor()),
        (true, t.saturating_sub(SIGNATURE_MARGIN))
    );
    assert_eq!(
        sync.step(Event::Tick, BootMillis(2_000)),
        wait(2_000 + POLL_MS)
    );
}

#[test]
fn external_step_unsettles_and_polls_at_once() {
    for local_time in [Duration::ZERO, FLOOR + YEAR] {
        let mut sync = sync(&["a", "b"]);
        let t = FLOOR + DAY;
        sync.step(answer("a", t, t), START);
        sync.step(answer("b", t, t), START);
        assert!(sync.settled());
        let stepped_at = BootMillis(HOUR_MS);
        assert_eq!(sync.step(Event::SteppedExternally, stepped_at), ask("b"));
        assert!(!sync.settled());
        // Signed before the external step: says nothing about the clock now.
        let proven = Event::SignatureAccepted {
            at: START,
            local_time,
        };
        assert_eq!(sync.step(proven, stepped_at), ask("b"));
        assert_eq!(
            sync.step(answer("b", t, local_time), stepped_at),
            set("b", t, true)
        );
        assert_eq!((sync.settled(), sync.floor()), (false, FLOOR));
    }
}
