//! Faults of the board: cable, power, reset, card.

use failberry_bench::stick::Sim;

use super::Fault;

/// The last one leaves the box without its card.
pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("network cable out and in", "cable out", 15, |scene| {
        Ok(scene.board.set_cable(false)?)
    }),
    Fault::quick("power fails and comes back", "is PID 1", 60, |scene| {
        Ok(scene.power_cycle(Sim::Ready)?)
    }),
    Fault::slow(
        "power fails again while it starts",
        "is PID 1",
        60,
        |scene| {
            scene.power_cycle(Sim::Ready)?;
            scene.board.console.wait("is PID 1", scene.bound(30))?;
            Ok(scene.power_cycle(Sim::Ready)?)
        },
    ),
    Fault::slow("the processor is reset", "is PID 1", 60, |scene| {
        Ok(scene.board.reset()?)
    }),
    Fault::quick("the card dies", "", 10, |scene| {
        Ok(scene.board.fail_card()?)
    }),
];
