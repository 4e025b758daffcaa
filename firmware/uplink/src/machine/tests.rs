//! Sequences of events on virtual time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::Ipv4Addr;

use failberry_service::orders::OrderReply;
use failberry_state::{Recovery, UplinkPhase};
use failberry_usb::{NotReady, Presence, ScanResult};
use proptest::prelude::*;
use tokio_modem::{
    at::text,
    modem::{Operator, Signal, profile_for},
};

use super::*;

mod blocked;
mod commands;
mod recovery;

fn stick_at(bus_path: &str, tty: u32) -> Stick {
    let (vendor, product) = (0x19d2, 0x2003);
    Stick {
        device: Device {
            vendor,
            product,
            bus_path: bus_path.into(),
        },
        profile: profile_for(vendor, product).unwrap(),
        interface: 2,
        tty: format!("ttyUSB{tty}"),
    }
}

const fn bus(presence: Presence) -> Event {
    let others = Vec::new();
    Event::Bus(ScanResult { presence, others })
}

fn plugged(tty: u32) -> Event {
    bus(Presence::Ready(stick_at("1-1.2", tty)))
}

fn unready(why: NotReady) -> Event {
    bus(Presence::NotReady(stick_at("1-1.2", 0).device, why))
}

const ABSENT: Event = bus(Presence::Absent);

fn link() -> Link {
    Link {
        interface: "ppp0".into(),
        local: Ipv4Addr::new(192, 0, 2, 10),
        peer: Some(Ipv4Addr::new(192, 0, 2, 1)),
        dns: vec![Ipv4Addr::new(198, 51, 100, 53)],
        mtu: 1500,
        since: BootMillis(0),
    }
}

fn ended(reason: &str) -> Event {
    Event::Ended(AttemptFailure {
        reason: reason.into(),
        ..AttemptFailure::default()
    })
}

fn pin_lost(blocked: bool) -> Event {
    Event::Ended(AttemptFailure {
        reason: "the SIM and the PIN".into(),
        blocked,
        pin_not_accepted: true,
        ..AttemptFailure::default()
    })
}

fn shown(action: &Action) -> Option<String> {
    Some(match action {
        Action::LookAtBus => "look".into(),
        Action::Attempt {
            stick,
            withhold_pin: false,
            require_pin_counter: true,
            ..
        } => format!("attempt {} with a counted PIN", stick.tty),
        Action::Attempt {
            stick,
            withhold_pin: false,
            ..
        } => format!("attempt {}", stick.tty),
        Action::Attempt {
            stick,
            withhold_pin: true,
            ..
        } => format!("attempt {} without PIN", stick.tty),
        Action::Eject(device) => format!("eject {}", device.bus_path),
        Action::Reset(stick) => format!("reset {}", stick.tty),
        Action::PowerCycle => "cut power".into(),
        Action::Reboot(_) => "reboot".into(),
        Action::Abort => "abort".into(),
        Action::Reply(OrderReply::Accepted) => "accepted".into(),
        Action::Reply(OrderReply::Refused { why }) => format!("refused: {why}"),
        Action::Reply(OrderReply::Answer { .. }) => "answer".into(),
        Action::Passthrough { tty, .. } => format!("question on {tty}"),
        Action::CancelPassthrough => "drop question".into(),
        Action::Terminate => "terminate".into(),
        Action::PersistPinRejected => "remember".into(),
        Action::PersistPinUncertain => "remember doubt".into(),
        Action::PersistHistory => "keep".into(),
        Action::Exit => "exit".into(),
        Action::DescribeBus => "describe".into(),
        Action::Log(Level::Debug, _) => return None,
        Action::Log(_, text) => text.clone(),
    })
}

struct Run {
    machine: UplinkMachine,
}

impl Run {
    fn new() -> Self {
        Self {
            machine: UplinkMachine::new(None, PinState::Usable, BootMillis(0)),
        }
    }

    /// Takes `event` in at `at` milliseconds and expects exactly these actions.
    #[track_caller]
    fn expect(&mut self, at: u64, event: Event, actions: &[&str]) -> &mut Self {
        let done = self.machine.step(event, BootMillis(at));
        let done: Vec<String> = done.iter().filter_map(shown).collect();
        assert_eq!(done, actions, "at {at} ms");
        self
    }

    /// Expects the next deadline.
    #[track_caller]
    fn due(&mut self, at: u64) -> &mut Self {
        assert_eq!(self.machine.deadline(), Some(BootMillis(at)));
        self
    }

    #[track_caller]
    fn phase(&mut self, phase: UplinkPhase) -> &mut Self {
        assert_eq!(self.machine.state().phase, phase);
        self
    }

    /// Brings the link up at `at`, ignoring the actions.
    fn up(&mut self, at: u64, tty: u32) -> &mut Self {
        for event in [
            plugged(tty),
            Event::PortOpen,
            Event::Connected("7200000".into()),
            Event::LinkOpen(link()),
        ] {
            self.machine.step(event, BootMillis(at));
        }
        self.phase(UplinkPhase::Up)
    }
}

const FOUND: &str = "stick 19d2:2003 at 1-1.2, modem port ttyUSB2";
const LINK_UP: &str =
    "carrier link is up on ppp0, address 192.0.2.10, peer 192.0.2.1, DNS 198.51.100.53";

#[test]
fn stick_is_dialled_until_link_up() {
    let operator = Operator {
        name: text("Testnet"),
        technology: None,
    };
    let mut run = Run::new();
    run.expect(0, ABSENT, &["waiting for a stick"])
        .phase(UplinkPhase::NoStick)
        .expect(10, ABSENT, &[])
        .expect(20, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .phase(UplinkPhase::Opening)
        .expect(30, plugged(2), &[])
        .expect(40, Event::PortOpen, &[])
        .phase(UplinkPhase::Registering)
        .expect(50, Event::Dial(Progress::Step(Step::Synchronise)), &[])
        .expect(
            60,
            Event::Dial(Progress::Model(text("MF180"))),
            &["model MF180"],
        )
        .expect(
            70,
            Event::Dial(Progress::Signal(Signal { rssi: Some(20) })),
            &["signal -73 dBm"],
        )
        .expect(
            80,
            Event::Dial(Progress::Operator(operator)),
            &["operator Testnet"],
        )
        .expect(90, Event::Dial(Progress::Step(Step::Dial)), &["dial (ATD)"])
        .phase(UplinkPhase::Dialling)
        .expect(
            100,
            Event::Connected("7200000".into()),
            &["CONNECT 7200000"],
        )
        .phase(UplinkPhase::Negotiating)
        .expect(110, Event::LinkOpen(link()), &[LINK_UP])
        .phase(UplinkPhase::Up);
    let state = run.machine.state();
    assert_eq!(run.machine.deadline(), None);
    assert_eq!(state.link, Some(link()));
    assert_eq!(
        (state.calls, state.failures, state.since),
        (1, 0, BootMillis(110))
    );
    assert_eq!(
        (state.operator.as_deref(), state.signal_dbm),
        (Some("Testnet"), Some(-73))
    );
    assert_eq!(
        state.stick.as_ref().unwrap().model.as_deref(),
        Some("MF180")
    );
}

#[test]
fn ended_link_is_redialled() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(
            86_400_000,
            ended("terminated by the peer"),
            &[
                "carrier link is down: terminated by the peer",
                "dialling again in 1 s",
            ],
        )
        .phase(UplinkPhase::BackingOff)
        .due(86_401_000)
        .expect(86_401_000, Event::Deadline, &["attempt ttyUSB2"]);
    let state = run.machine.state();
    assert_eq!(state.link, None);
    assert_eq!(state.last_error.as_deref(), Some("terminated by the peer"));
    assert_eq!((state.calls, state.failures), (1, 0));
}

#[test]
fn repeated_failures_back_off() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"]);
    let mut now = 0;
    for seconds in [1, 2, 4, 8, 16] {
        let again = format!("dialling again in {seconds} s");
        run.expect(
            now,
            ended("NO CARRIER"),
            &["no carrier link: NO CARRIER", &again],
        )
        .due(now + seconds * 1000);
        now += seconds * 1000;
        run.expect(now - 1, Event::Deadline, &[]);
        run.expect(now, Event::Deadline, &["attempt ttyUSB2"]);
    }
    assert_eq!(run.machine.state().failures, 5);
    let recovery = &run.machine.state().recovery;
    let history: Vec<_> = (recovery.history.iter())
        .map(|step| (step.reason.as_str(), step.times))
        .collect();
    assert_eq!(recovery.redials, 5);
    assert_eq!(history, [("NO CARRIER", 5)], "told once, counted each time");
}

#[test]
fn unplugged_stick_returns_under_another_tty() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(
            5_000,
            ABSENT,
            &[
                "abort",
                "carrier link is down: stick is gone",
                "stick is gone",
                "waiting for a stick",
            ],
        )
        .phase(UplinkPhase::NoStick)
        .expect(5_010, ended("the tty was hung up"), &[])
        // Then it is missed.
        .due(35_000);
    let state = run.machine.state().clone();
    assert_eq!(
        (state.link, state.stick, state.operator),
        (None, None, None)
    );
    run.expect(
        9_000,
        plugged(5),
        &[
            "stick 19d2:2003 at 1-1.2, modem port ttyUSB5",
            "attempt ttyUSB5",
        ],
    );
}

#[test]
fn unseen_replug_shows_as_change_of_ttys() {
    let mut run = Run::new();
    run.up(0, 2).expect(
        5_000,
        plugged(5),
        &[
            "abort",
            "carrier link is down: stick is gone",
            "stick is gone",
            "stick 19d2:2003 at 1-1.2, modem port ttyUSB5",
            "attempt ttyUSB5",
        ],
    );
}

#[test]
fn unplug_during_backoff_cancels_the_redial() {
    let mut run = Run::new();
    run.up(0, 2);
    run.machine.step(ended("x"), BootMillis(10));
    run.expect(500, ABSENT, &["stick is gone", "waiting for a stick"])
        .expect(2_000, Event::Deadline, &[])
        .phase(UplinkPhase::NoStick);
}

#[test]
fn crashes_in_every_call_count_as_failures() {
    let mut run = Run::new();
    for n in 0..3 {
        run.machine.step(plugged(n * 3 + 2), BootMillis(0));
        run.machine.step(ABSENT, BootMillis(0));
    }
    assert_eq!(run.machine.state().failures, 3);
    run.machine.step(plugged(2), BootMillis(0));
    run.expect(
        0,
        ended("x"),
        &["no carrier link: x", "dialling again in 8 s"],
    )
    .expect(0, ABSENT, &["stick is gone", "waiting for a stick"]);
    // Another stick has not failed yet.
    let other = bus(Presence::Ready(stick_at("1-1.4", 0)));
    run.machine.step(other, BootMillis(0));
    run.expect(
        0,
        ended("x"),
        &["no carrier link: x", "dialling again in 1 s"],
    );
}

#[test]
fn stick_without_modem_port_is_logged_once_after_timeout() {
    let mut run = Run::new();
    let few = NotReady::Enumerating {
        got: 1,
        expected: 3,
    };
    run.expect(0, unready(few), &[])
        .phase(UplinkPhase::Opening)
        .due(5_000)
        .expect(100, unready(NotReady::NoModem), &[])
        .due(5_100)
        .expect(200, unready(NotReady::NoModem), &[])
        .due(5_100)
        .expect(5_100, Event::Deadline, &["look"]);
    assert_eq!(run.machine.look().0, Look::Settled);
    let told =
        "stick 19d2:2003 at 1-1.2 cannot be dialled with: none of its interfaces can be a modem";
    run.expect(5_101, unready(NotReady::NoModem), &[told, "describe"])
        .expect(5_102, unready(NotReady::NoModem), &[])
        .expect(9_000, ABSENT, &["waiting for a stick"]);
    assert_eq!(run.machine.look().0, Look::Complete);
}

#[test]
fn late_ttys_are_used() {
    let mut run = Run::new();
    run.expect(0, unready(NotReady::NoTty { interface: 2 }), &[])
        .expect(300, plugged(2), &[FOUND, "attempt ttyUSB2"]);
}

#[test]
fn hung_attempt_times_out() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(1, Event::PortOpen, &[])
        .due(300_000)
        .expect(
            300_000,
            Event::Deadline,
            &[
                "abort",
                "no carrier link: expected a link within 300 s",
                "telling the stick to start anew (AT+CFUN=1,1): expected a link within 300 s",
                "reset ttyUSB2",
            ],
        )
        .due(320_000);
}

#[test]
fn stop_terminates_an_open_link_in_order() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(
            10,
            Event::Stop,
            &["carrier link is down: told to stop", "terminate"],
        )
        .due(2_010);
    assert_eq!(run.machine.state().link, None);
    run.expect(20, ABSENT, &[])
        .expect(500, ended("terminated"), &["abort", "exit"]);
}

#[test]
fn stop_has_a_timeout() {
    let mut run = Run::new();
    run.up(0, 2);
    run.machine.step(Event::Stop, BootMillis(10));
    run.expect(2_010, Event::Deadline, &["abort", "exit"]);
    let mut idle = Run::new();
    idle.expect(0, ABSENT, &["waiting for a stick"])
        .expect(1, Event::Stop, &["abort", "exit"]);
}

#[test]
fn address_change_within_a_call_is_published() {
    let mut run = Run::new();
    let other = Link {
        local: Ipv4Addr::new(192, 0, 2, 77),
        peer: None,
        dns: vec![],
        ..link()
    };
    run.up(0, 2).expect(
        70_000,
        Event::LinkOpen(other.clone()),
        &["carrier link is up on ppp0, address 192.0.2.77, peer unknown, DNS none"],
    );
    let state = run.machine.state();
    assert_eq!((state.calls, state.since), (1, BootMillis(0)));
    assert_eq!(state.link, Some(other));
}

#[test]
fn closed_link_is_withdrawn_until_it_reopens_or_ends() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(70_000, Event::LinkClosed, &[])
        .phase(UplinkPhase::Negotiating)
        .due(370_000)
        .expect(71_000, Event::LinkOpen(link()), &[LINK_UP])
        .phase(UplinkPhase::Up)
        .expect(72_000, Event::LinkClosed, &[])
        .expect(
            72_010,
            ended("the peer ended the call"),
            &[
                "carrier link is down: the peer ended the call",
                "dialling again in 1 s",
            ],
        );
    let state = run.machine.state();
    assert_eq!((state.calls, state.failures), (1, 0));
    assert_eq!(state.link, None);
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(ABSENT),
        (0u32..3).prop_map(plugged),
        Just(unready(NotReady::CdRom)),
        Just(unready(NotReady::NoTty { interface: 2 })),
        Just(Event::PortOpen),
        Just(Event::Dial(Progress::Step(Step::Dial))),
        Just(Event::Connected("x".into())),
        Just(Event::LinkOpen(link())),
        Just(Event::LinkClosed),
        Just(ended("x")),
        any::<bool>().prop_map(pin_lost),
        prop::sample::select(FailureKind::ALL.to_vec())
            .prop_map(|kind| Event::Ended(AttemptFailure::new(kind, "x"))),
        any::<bool>()
            .prop_map(|good| { Event::Ejected(if good { Ok(()) } else { Err("x".into()) }) }),
        prop::sample::select(vec![
            Outcome::ResetAccepted,
            Outcome::ResetUnanswered("x".into()),
            Outcome::PowerCycled("x".into()),
            Outcome::PowerCycleFailed("x".into()),
            Outcome::RebootGranted,
            Outcome::RebootRefused("x".into()),
        ])
        .prop_map(Event::Recovered),
        Just(Event::Deadline),
    ]
}

proptest! {
    /// For any events: the dialler waits for something that can happen, at most one attempt is in
    /// progress, and a rejected PIN is never sent again.
    #[test]
    fn no_event_sequence_latches(events in proptest::collection::vec((any_event(), 0u64..100_000), 0..60)) {
        let mut machine = UplinkMachine::new(None, PinState::Usable, BootMillis(0));
        let (mut now, mut running, mut refused, mut looked) = (0, false, false, false);
        for (event, passed) in events {
            now += passed;
            // Only an attempt under way has an ending.
            if matches!(event, Event::Ended(_)) && !running {
                continue;
            }
            running &= !matches!(event, Event::Ended(_));
            looked |= matches!(event, Event::Bus(_));
            for action in machine.step(event, BootMillis(now)) {
                match action {
                    Action::Attempt { withhold_pin, .. } => {
                        prop_assert!(!running, "two attempts at once");
                        prop_assert!(!refused || withhold_pin, "a refused PIN is sent again");
                        running = true;
                    }
                    Action::Abort => running = false,
                    Action::PersistPinRejected => refused = true,
                    _ => {}
                }
            }
            let state = machine.state();
            prop_assert_eq!(running, machine.phase.is_attempt());
            prop_assert_eq!(state.link.is_some(), state.phase == UplinkPhase::Up);
            let recovery = &state.recovery;
            prop_assert!(recovery.history.len() <= Recovery::HISTORY_MAX);
            let at_rest = matches!(state.phase, UplinkPhase::Up);
            if looked && !at_rest {
                prop_assert!(machine.deadline().is_some(), "nothing would wake it");
            }
        }
    }
}
