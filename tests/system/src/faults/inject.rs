//! The faults that cross layers, as a table.

use std::time::Duration;

use failberry_bench::{
    carrier::{Auth, CarrierSettings},
    scene::Scene,
    stick::{Sim, Stick},
};

use super::Fault;
use crate::suite::Outcome;

const fn quick(
    name: &'static str,
    says: &'static str,
    within: u64,
    inject: fn(&mut Scene) -> Outcome,
) -> Fault {
    Fault {
        name,
        inject,
        says,
        within,
        noticed_within: None,
        quick: true,
    }
}

const fn slow(
    name: &'static str,
    says: &'static str,
    within: u64,
    inject: fn(&mut Scene) -> Outcome,
) -> Fault {
    Fault {
        quick: false,
        ..quick(name, says, within, inject)
    }
}

const DOWN: &str = "carrier link is down";

/// The box promises 12 s to its verdict. The console says so when the call has been ended, which
/// takes until the peer has answered, on a host that may be busy.
const BLACK_HOLE: Duration = Duration::from_secs(15);

/// In the order in which they are played; the last ones leave the box without its card.
pub(super) const FAULTS: &[Fault] = &[
    quick("the carrier ends the call", DOWN, 15, |scene| {
        Ok(scene.carrier.terminate_call()?)
    }),
    quick("`NO CARRIER` in the call", DOWN, 15, |scene| {
        stick(scene)?.drop_call();
        Ok(())
    }),
    slow(
        "`NO CARRIER` to the next `ATD`",
        "NO CARRIER",
        20,
        |scene| redial_into(scene, "ATD", "NO CARRIER"),
    ),
    slow("`BUSY` to the next `ATD`", "BUSY", 20, |scene| {
        redial_into(scene, "ATD", "BUSY")
    }),
    slow("`ERROR` to the next `ATD`", "ERROR", 20, |scene| {
        redial_into(scene, "ATD", "ERROR")
    }),
    slow("`ERROR` to `ATZ`", "ERROR", 20, |scene| {
        redial_into(scene, "ATZ", "ERROR")
    }),
    slow("`ERROR` to `AT+CGDCONT`", "ERROR", 20, |scene| {
        redial_into(scene, "AT+CGDCONT", "ERROR")
    }),
    slow("`ERROR` to `AT+CPIN?`", DOWN, 20, |scene| {
        redial_into(scene, "AT+CPIN?", "ERROR")
    }),
    slow(
        "`+CME ERROR: 14` (SIM busy) to `AT+CPIN?`",
        DOWN,
        20,
        |scene| redial_into(scene, "AT+CPIN?", "+CME ERROR: 14"),
    ),
    slow(
        "`+CME ERROR: 30` (no network) to `AT+CREG?`",
        DOWN,
        20,
        |scene| redial_into(scene, "AT+CREG", "+CME ERROR: 30"),
    ),
    slow("`ERROR` to every optional question", DOWN, 20, |scene| {
        let stick = stick(scene)?;
        for command in ["AT+CSQ", "AT+CGMM", "AT+COPS", "AT+CPMS"] {
            stick.fault(command, "ERROR");
        }
        stick.drop_call();
        Ok(())
    }),
    slow("garbage instead of an answer to `ATZ`", DOWN, 20, |scene| {
        redial_into(scene, "ATZ", "\u{1}\u{2}~~~~}}}}{{{{")
    }),
    slow(
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
    slow("64 KiB of noise in the call", "", 15, |scene| {
        stick(scene)?.inject(&[0x55; 65536]);
        stick(scene)?.inject(b"\x7e");
        Ok(())
    }),
    slow(
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
    quick(
        "a stick that only a power cut revives",
        "power",
        75,
        |scene| {
            stick(scene)?.crash();
            Ok(())
        },
    ),
    Fault {
        noticed_within: Some(BLACK_HOLE),
        ..quick("a carrier that swallows everything", DOWN, 30, |scene| {
            Ok(scene.carrier.blackhole(true)?)
        })
    },
    slow(
        "unplugged in the call, plugged in again",
        DOWN,
        20,
        |scene| {
            scene.unplug()?;
            Ok(scene.plug(Sim::Ready)?)
        },
    ),
    slow(
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
    slow("the stick comes back as a CD-ROM", "CD-ROM", 30, |scene| {
        scene.unplug()?;
        Ok(scene.plug_cdrom()?)
    }),
    slow(
        "the carrier refuses our name",
        "authentication",
        60,
        |scene| {
            let settings = CarrierSettings {
                auth: Auth::Chap,
                ..CarrierSettings::default()
            };
            scene.carrier.set(settings)?;
            Ok(scene.carrier.terminate_call()?)
        },
    ),
    slow(
        "the carrier gives an address behind its own NAT",
        "cannot be reached from the internet",
        20,
        |scene| {
            let settings = CarrierSettings {
                remote: std::net::Ipv4Addr::new(100, 64, 0, 17),
                ..CarrierSettings::default()
            };
            scene.carrier.set(settings)?;
            Ok(scene.carrier.terminate_call()?)
        },
    ),
    quick("network cable out and in", "cable out", 15, |scene| {
        Ok(scene.board.cable(false)?)
    }),
    quick("power fails and comes back", "is PID 1", 60, |scene| {
        Ok(scene.power_cycle(Sim::Ready)?)
    }),
    slow("the processor is reset", "is PID 1", 60, |scene| {
        Ok(scene.board.reset()?)
    }),
    quick("the card dies", "", 10, |scene| {
        Ok(scene.board.lose_card()?)
    }),
];

/// Ends what the carrier and the house do wrong; the box has to do the rest.
pub(super) fn relieve(scene: &mut Scene) -> Outcome {
    scene.carrier.blackhole(false)?;
    scene.carrier.set(CarrierSettings::default())?;
    scene.board.cable(true)?;
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
