//! Faults of the stick.

use std::time::Duration;

use failberry_bench::{
    scene::Scene,
    stick::{Sim, Stick},
};

use super::{Fault, inject};
use crate::suite::{Outcome, expect};

/// Log text for the end of the carrier link, whatever ended it.
pub(super) const DOWN: &str = "carrier link is down";

/// Log text for a detected modem port.
const PORT: &str = "modem port ";

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("`NO CARRIER` in the call", DOWN, 15, |scene| {
        of(scene)?.drop_call();
        Ok(())
    }),
    Fault::slow(
        "`NO CARRIER` to the next `ATD`",
        "NO CARRIER",
        20,
        |scene| redial_into(scene, "ATD", "NO CARRIER"),
    ),
    Fault::slow(
        "`NO CARRIER` to the next three `ATD`s",
        "dialling again in 8 s",
        30,
        |scene| {
            for _ in 0..3 {
                of(scene)?.answer_next_with("ATD", "NO CARRIER");
            }
            of(scene)?.drop_call();
            Ok(())
        },
    ),
    Fault::slow(
        "`NO DIALTONE` to the next `ATD`",
        "NO DIALTONE",
        20,
        |scene| redial_into(scene, "ATD", "NO DIALTONE"),
    ),
    Fault::slow("`BUSY` to the next `ATD`", "BUSY", 20, |scene| {
        redial_into(scene, "ATD", "BUSY")
    }),
    Fault::slow("`ERROR` to the next `ATD`", "ERROR", 20, |scene| {
        redial_into(scene, "ATD", "ERROR")
    }),
    Fault::slow("`ERROR` to `ATZ`", DOWN, 20, |scene| {
        redial_into(scene, "ATZ", "ERROR")
    }),
    Fault::slow("`ERROR` to `AT+CGDCONT`", "ERROR", 20, |scene| {
        redial_into(scene, "AT+CGDCONT", "ERROR")
    }),
    Fault::slow("`ERROR` to `AT+CPIN?`", DOWN, 20, |scene| {
        redial_into(scene, "AT+CPIN?", "ERROR")
    }),
    Fault::slow(
        "`+CME ERROR: 14` (SIM busy) to `AT+CPIN?`",
        DOWN,
        20,
        |scene| redial_into(scene, "AT+CPIN?", "+CME ERROR: 14"),
    ),
    Fault::slow(
        "`+CME ERROR: 30` (no network) to `AT+CREG?`",
        DOWN,
        20,
        |scene| redial_into(scene, "AT+CREG", "+CME ERROR: 30"),
    ),
    Fault::slow(
        "registration denied twice, then granted",
        "denied",
        20,
        |scene| registration(scene, 2, 3),
    ),
    Fault::slow("no network for five questions", "searching", 20, |scene| {
        registration(scene, 5, 2)
    }),
    Fault::slow("`ERROR` to every optional question", DOWN, 20, |scene| {
        let stick = of(scene)?;
        for command in ["AT+CSQ", "AT+CGMM", "AT+COPS", "AT+CPMS"] {
            stick.answer_next_with(command, "ERROR");
        }
        stick.drop_call();
        Ok(())
    }),
    Fault::slow("garbage instead of an answer to `ATZ`", DOWN, 20, |scene| {
        redial_into(scene, "ATZ", "\u{1}\u{2}~~~~}}}}{{{{")
    }),
    Fault::slow(
        "a flood of `+ZUSIMR` lines while dialling",
        DOWN,
        20,
        |scene| {
            let stick = of(scene)?;
            stick.drop_call();
            for _ in 0..500 {
                stick.say("+ZUSIMR:2");
            }
            Ok(())
        },
    ),
    Fault::slow("64 KiB of noise in the call", "", 15, |scene| {
        of(scene)?.inject(&[0x55; 65536]);
        of(scene)?.inject(b"\x7e");
        Ok(())
    }),
    Fault::slow(
        "a stick that dials again only after `AT+CFUN=1,1`",
        "start anew (AT+CFUN=1,1)",
        45,
        |scene| {
            let stick = of(scene)?;
            stick.answer_all_with("ATD", "ERROR");
            stick.drop_call();
            Ok(())
        },
    ),
    Fault::slow(
        "a stick that hangs in a call until `AT+CFUN=1,1`",
        "start anew (AT+CFUN=1,1)",
        45,
        |scene| {
            of(scene)?.hang_until_reset();
            Ok(())
        },
    ),
    Fault::slow(
        "a stick that hangs at `ATD` until `AT+CFUN=1,1`",
        "start anew (AT+CFUN=1,1)",
        45,
        |scene| {
            of(scene)?.hang_at_command("ATD");
            of(scene)?.drop_call();
            Ok(())
        },
    ),
    Fault::slow(
        "stuck in the data mode of a call that is over",
        "leaving a call that may be open",
        45,
        |scene| {
            of(scene)?.hang_in_data_mode();
            Ok(())
        },
    ),
    Fault::slow("LCP echo never answered", DOWN, 90, |scene| {
        of(scene)?.ignore_echo();
        of(scene)?.drop_call();
        Ok(())
    })
    .recovered_when(stays_up),
    Fault::slow("LCP echo answered no more", "", 75, |scene| {
        of(scene)?.ignore_echo();
        Ok(())
    })
    .recovered_when(stays_up),
    Fault::quick(
        "a stick that only a power cut revives",
        "cutting the power",
        75,
        |scene| {
            of(scene)?.set_autorun(true);
            of(scene)?.crash();
            Ok(())
        },
    )
    .recovered_when(after_power),
    Fault::slow(
        "a stick that only a reboot revives",
        "is PID 1",
        120,
        |scene| {
            of(scene)?.set_hung(true);
            Ok(())
        },
    )
    .recovered_when(|scene, bound| {
        of(scene)?.set_hung(false);
        inject::traffic_flows(scene, bound)
    }),
    Fault::slow(
        "unplugged in the call, plugged in again",
        DOWN,
        20,
        |scene| {
            scene.unplug()?;
            Ok(scene.plug(Sim::Ready)?)
        },
    ),
    Fault::slow(
        "unplugged while it registers, plugged in again",
        DOWN,
        25,
        |scene| {
            let bound = scene.bound(10);
            of(scene)?.drop_call();
            of(scene)?.wait_command("AT+C", bound)?;
            scene.unplug()?;
            Ok(scene.plug(Sim::Ready)?)
        },
    ),
    Fault::slow(
        "the stick comes back under other tty numbers",
        PORT,
        20,
        |scene| {
            let bound = scene.bound(10);
            let mark = scene.board.console.mark();
            scene.unplug()?;
            scene
                .board
                .console
                .wait_from(mark, "stick is gone", bound)?;
            // A decoy with the same driver takes the tty numbers that the stick had.
            scene.plug_decoy()?;
            Ok(scene.plug(Sim::Ready)?)
        },
    )
    .recovered_when(|scene, bound| {
        inject::traffic_flows(scene, bound)?;
        let lines = scene.board.console.lines_with(PORT);
        let ports: Vec<_> = (lines.iter())
            .filter_map(|line| Some(line.split_once(PORT)?.1))
            .collect();
        match ports.as_slice() {
            [before, after] if before != after => Ok(()),
            _ => Err(format!("expected two ports that differ, got {ports:?}").into()),
        }
    }),
    Fault::slow("the stick comes back as a CD-ROM", "CD-ROM", 30, |scene| {
        scene.unplug()?;
        Ok(scene.plug_cdrom()?)
    }),
];

/// Answers `times` registration queries with `state`, for circuit and packet domain: either would
/// count.
fn registration(scene: &Scene, times: u32, state: u8) -> Outcome {
    let stick = of(scene)?;
    for name in ["+CREG", "+CGREG"] {
        for _ in 0..times {
            stick.answer_next_with(
                &format!("AT{name}?"),
                &format!("{name}: 0,{state}\r\n\r\nOK"),
            );
        }
    }
    stick.drop_call();
    Ok(())
}

/// Checks that the link stays up without traffic for four echo intervals.
fn stays_up(scene: &mut Scene, bound: Duration) -> Outcome {
    const WATCHED: Duration = Duration::from_secs(60);
    inject::traffic_flows(scene, bound)?;
    let mark = scene.board.console.mark();
    let calls = scene.carrier.calls();
    if let Ok(line) = scene.board.console.wait_from(mark, DOWN, WATCHED) {
        return Err(format!("expected the link to stay up for {WATCHED:?}, got {line:?}").into());
    }
    inject::traffic_flows(scene, bound)?;
    expect("calls meanwhile", calls, scene.carrier.calls())
}

/// Checks that traffic flows, the power was cycled by hub requests (the way open to a service
/// without root), and the stick came back as a CD-ROM.
fn after_power(scene: &mut Scene, bound: Duration) -> Outcome {
    inject::traffic_flows(scene, bound)?;
    let way = "the USB sockets have power again (by hub requests)";
    for said in [way, "shows its CD-ROM, ejecting it"] {
        scene.board.console.wait(said, Duration::ZERO)?;
    }
    Ok(())
}

pub(super) fn of(scene: &Scene) -> Outcome<&Stick> {
    Ok(scene.stick.as_ref().ok_or("no stick is plugged in")?)
}

/// Ends the call; answers the next such command with `answer`, once.
fn redial_into(scene: &Scene, command: &str, answer: &str) -> Outcome {
    let stick = of(scene)?;
    stick.answer_next_with(command, answer);
    stick.drop_call();
    Ok(())
}
