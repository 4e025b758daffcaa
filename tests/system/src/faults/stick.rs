//! Faults of the stick.

use std::time::Duration;

use failberry_bench::{
    scene::Scene,
    stick::{Sim, Stick},
};

use super::{Fault, strike};
use crate::suite::Outcome;

/// What is said when a link that was up ends, whatever ended it.
pub(super) const DOWN: &str = "carrier link is down";

pub(super) const FAULTS: &[Fault] = &[
    Fault::quick("`NO CARRIER` in the call", DOWN, 15, |scene| {
        stick(scene)?.drop_call();
        Ok(())
    }),
    Fault::slow(
        "`NO CARRIER` to the next `ATD`",
        "NO CARRIER",
        20,
        |scene| redial_into(scene, "ATD", "NO CARRIER"),
    ),
    Fault::slow("`BUSY` to the next `ATD`", "BUSY", 20, |scene| {
        redial_into(scene, "ATD", "BUSY")
    }),
    Fault::slow("`ERROR` to the next `ATD`", "ERROR", 20, |scene| {
        redial_into(scene, "ATD", "ERROR")
    }),
    Fault::slow("`ERROR` to `ATZ`", "ERROR", 20, |scene| {
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
    Fault::slow("`ERROR` to every optional question", DOWN, 20, |scene| {
        let stick = stick(scene)?;
        for command in ["AT+CSQ", "AT+CGMM", "AT+COPS", "AT+CPMS"] {
            stick.fault(command, "ERROR");
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
            let stick = stick(scene)?;
            stick.drop_call();
            for _ in 0..500 {
                stick.say("+ZUSIMR:2");
            }
            Ok(())
        },
    ),
    Fault::slow("64 KiB of noise in the call", "", 15, |scene| {
        stick(scene)?.inject(&[0x55; 65536]);
        stick(scene)?.inject(b"\x7e");
        Ok(())
    }),
    Fault::slow(
        "a stick that dials again only after `AT+CFUN=1,1`",
        "CFUN",
        45,
        |scene| {
            let stick = stick(scene)?;
            stick.spoil("ATD", "ERROR");
            stick.drop_call();
            Ok(())
        },
    ),
    Fault::quick(
        "a stick that only a power cut revives",
        "power",
        75,
        |scene| {
            stick(scene)?.crash();
            Ok(())
        },
    )
    .healed_when(after_power),
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
            stick(scene)?.drop_call();
            stick(scene)?.wait_command("AT+C", bound)?;
            scene.unplug()?;
            Ok(scene.plug(Sim::Ready)?)
        },
    ),
    Fault::slow("the stick comes back as a CD-ROM", "CD-ROM", 30, |scene| {
        scene.unplug()?;
        Ok(scene.plug_cdrom()?)
    }),
];

/// Traffic flows, and the power was cut in the way that is left to a service without root.
fn after_power(scene: &mut Scene, bound: Duration) -> Outcome {
    strike::traffic_flows(scene, bound)?;
    let way = "the USB sockets have power again (by hub requests)";
    scene.board.console.wait(way, Duration::ZERO)?;
    Ok(())
}

fn stick(scene: &Scene) -> Outcome<&Stick> {
    Ok(scene.stick.as_ref().ok_or("no stick is plugged in")?)
}

/// Ends the call; the command that follows is answered with `answer` once.
fn redial_into(scene: &Scene, command: &str, answer: &str) -> Outcome {
    let stick = stick(scene)?;
    stick.fault(command, answer);
    stick.drop_call();
    Ok(())
}
