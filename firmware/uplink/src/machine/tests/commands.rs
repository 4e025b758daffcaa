//! Operator commands in every phase.

use failberry_service::orders::Order;

use super::*;

fn operator(command: Order, command_port: Option<&str>) -> Event {
    let command_port = command_port.map(Into::into);
    Event::Command {
        command,
        command_port,
    }
}

const fn redial() -> Event {
    Event::Command {
        command: Order::Redial,
        command_port: None,
    }
}

const fn power_cycle() -> Event {
    Event::Command {
        command: Order::PowerCycle,
        command_port: None,
    }
}

fn ask(command_port: Option<&str>) -> Event {
    let command = "ATI".into();
    operator(Order::Ask { command }, command_port)
}

const DOWN: &str = "carrier link is down: a person asks for it";
const CUT: &str = "cutting the power of the USB sockets: a person asks for it";

#[test]
fn redial_terminates_the_call_and_dials_at_once() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(5_000, redial(), &[DOWN, "terminate", "accepted"])
        .phase(UplinkPhase::BackingOff)
        .due(7_000)
        .expect(
            5_100,
            redial(),
            &["refused: the call is being ended for an order before"],
        )
        .expect(
            5_200,
            ended("terminated by us"),
            &["abort", "dialling again in 1 s"],
        )
        .due(6_200)
        .expect(6_200, Event::Deadline, &["attempt ttyUSB2"]);
    let state = run.machine.state();
    assert_eq!((state.failures, &state.link), (0, &None));
    assert_eq!(state.recovery.redials, 1);
}

#[test]
fn redial_without_peer_response_times_out() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(5_000, redial(), &[DOWN, "terminate", "accepted"])
        .expect(7_000, Event::Deadline, &["abort", "dialling again in 1 s"])
        // Too late to matter.
        .expect(7_100, ended("the tty was hung up"), &[])
        .expect(8_000, Event::Deadline, &["attempt ttyUSB2"]);
}

#[test]
fn redial_ends_backoff_and_restarts_a_dialogue() {
    let mut run = Run::new();
    run.expect(0, plugged(2), &[FOUND, "attempt ttyUSB2"])
        .expect(
            10,
            redial(),
            &["abort", "dialling again in 1 s", "accepted"],
        )
        .expect(20, redial(), &["attempt ttyUSB2", "accepted"]);
}

#[test]
fn redial_that_is_impossible_is_refused_with_reason() {
    let mut run = Run::new();
    let none = "refused: there is no stick that can be dialled with";
    run.expect(0, ABSENT, &["waiting for a stick"])
        .expect(1, redial(), &[none])
        .expect(2, ask(None), &[none]);
    let mut machine =
        UplinkMachine::new(Some("no [carrier]".into()), PinState::Usable, BootMillis(0));
    machine.step(plugged(2), BootMillis(0));
    let said = machine.step(redial(), BootMillis(1));
    let said: Vec<_> = said.iter().filter_map(shown).collect();
    assert_eq!(said, ["refused: no [carrier]"]);
    machine.step(Event::Stop, BootMillis(2));
    assert_eq!(machine.step(redial(), BootMillis(3)), []);
}

#[test]
fn operator_power_cycle_ends_call_and_counts_for_ladder() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(5_000, power_cycle(), &[DOWN, "terminate", "accepted"])
        .expect(
            5_100,
            ended("terminated by us"),
            &["abort", CUT, "cut power"],
        )
        .phase(UplinkPhase::Recovering)
        .expect(
            5_200,
            power_cycle(),
            &["refused: the stick is being revived, and dialled after that"],
        )
        .expect(5_300, ABSENT, &["stick is gone"]);
    let cut = Event::Recovered(Outcome::PowerCycled("sysfs".into()));
    let back = "the USB sockets have power again (by sysfs)";
    run.expect(9_000, cut, &[back, "look"]).expect(
        29_000,
        Event::Deadline,
        &[
            "the stick did not come back within 20 s",
            "waiting for a stick",
        ],
    );
    assert_eq!(run.machine.state().recovery.usb_power_cycles, 1);
}

#[test]
fn unplug_during_termination_still_cycles_power() {
    let mut run = Run::new();
    run.up(0, 2)
        .expect(5_000, power_cycle(), &[DOWN, "terminate", "accepted"])
        .expect(
            5_010,
            ABSENT,
            &["abort", "stick is gone", "abort", CUT, "cut power"],
        );
    let mut run = Run::new();
    run.up(0, 2)
        .expect(5_000, redial(), &[DOWN, "terminate", "accepted"])
        .expect(
            5_010,
            ABSENT,
            &["abort", "stick is gone", "waiting for a stick"],
        )
        .expect(6_000, plugged(2), &[FOUND, "attempt ttyUSB2"]);
}

#[test]
fn passthrough_uses_the_command_port_or_a_free_one() {
    let mut run = Run::new();
    let one_port = "refused: the stick has no port for commands besides ttyUSB2, \
                    and the call is on that";
    run.up(0, 2)
        .expect(10, ask(Some("ttyUSB1")), &["question on ttyUSB1"])
        .expect(20, Event::PassthroughDone, &[])
        .expect(30, ask(None), &[one_port]);
    run.machine.step(ended("x"), BootMillis(1_000));
    run.expect(1_100, ask(None), &["question on ttyUSB2"])
        // Dialling comes first.
        .expect(
            2_000,
            Event::Deadline,
            &["drop question", "attempt ttyUSB2"],
        )
        .expect(
            2_010,
            ask(Some("ttyUSB1")),
            &["refused: the stick's ports are being opened, ask again in a moment"],
        )
        .expect(2_020, Event::PortOpen, &[])
        .expect(
            2_030,
            operator(Order::Autorun { on: true }, Some("ttyUSB1")),
            &["question on ttyUSB1"],
        )
        .expect(
            2_040,
            ABSENT,
            &[
                "drop question",
                "abort",
                "stick is gone",
                "waiting for a stick",
            ],
        )
        .expect(2_050, Event::PassthroughDone, &[]);
}
