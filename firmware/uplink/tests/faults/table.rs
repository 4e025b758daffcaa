//! The fault table: what is injected, what must happen, within what time.

use crate::{
    call::Network,
    stick::{DataMode, Hang, Trap},
};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// One injected fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The stick answers nothing, in a call or out of it.
    Hang(Hang),
    /// At this command something happens.
    At(&'static str, Trap),
    /// The command is first answered with these texts, one after the other.
    Answer(&'static str, &'static [&'static str]),
    /// The command is answered with this so many times.
    Often(&'static str, &'static str, usize),
    /// The stick is still in a call.
    InCall(DataMode),
    /// `+ZUSIMR:2` every so many milliseconds, until quieted so often.
    Flood(u64, u32),
    /// Bytes that mean nothing, as it is dialled.
    Noise(&'static [u8]),
    /// `CONNECT` takes so long, and any byte meanwhile ends the dial, or none does.
    SlowDial(u64, bool),
    /// The stick is unplugged, and plugged in again after this time.
    Pull(u64),
    /// The stick shows its CD-ROM when it comes next, and the first so many ejects fail.
    CdRom(u32),
    /// The carrier line drops.
    DropLine,
    /// The network ends the call with a goodbye.
    Goodbye,
    /// The network behaves so for this time.
    For(u64, Network),
    /// The network behaves so until so many calls more were made.
    Calls(u32, Network),
    /// The USB power cannot be switched.
    NoPower,
    /// The supervisor grants no reboot.
    NoReboot,
    /// The supervisor grants no reboot for this time: an operator is at the console.
    NoRebootFor(u64),
    /// A PIN is configured.
    Pin,
    /// The PIN may be sent to a stick that does not report how many tries are left.
    Uncounted,
    /// The stick is this product of its vendor.
    Product(u16),
    /// The stick was left in flight mode.
    RadioOff,
}

/// When it is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the stick is seen for the first time.
    Start,
    /// In a call that was good for two minutes.
    Up,
}

/// What must happen, after all faults were injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    /// Packets come back within the row's time.
    Flow,
    /// The call goes on for all of the row's time.
    Stay,
    /// Within the row's time a block with these words is logged, as only a person can help; and
    /// nothing else is done for a day but a power cycle, for a SIM that may have a bad contact.
    Block(&'static str),
    /// Nothing helps for all of the row's time, every rung is taken, and retries go on.
    Try,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) when: When,
    pub(crate) faults: &'static [Fault],
    pub(crate) must: Must,
    pub(crate) within_ms: u64,
    /// Restarts of the stick, cuts of power, reboots.
    pub(crate) taken: [u32; 3],
}

const fn row(
    name: &'static str,
    when: When,
    faults: &'static [Fault],
    must: Must,
    within_ms: u64,
    taken: [u32; 3],
) -> Row {
    Row {
        name,
        when,
        faults,
        must,
        within_ms,
        taken,
    }
}

const NETWORK: Network = Network {
    refuses: false,
    silent: false,
    loops: false,
    no_address: false,
    no_echo: false,
    one_way: false,
    mute: false,
    blackhole: false,
    loses: None,
};
const SILENT: Network = Network {
    silent: true,
    ..NETWORK
};
const REFUSES: Network = Network {
    refuses: true,
    ..NETWORK
};
const LOOPS: Network = Network {
    loops: true,
    ..NETWORK
};
const NO_ADDRESS: Network = Network {
    no_address: true,
    ..NETWORK
};
const NO_ECHO: Network = Network {
    no_echo: true,
    ..NETWORK
};
const BLACKHOLE: Network = Network {
    blackhole: true,
    ..NETWORK
};
const ONE_WAY: Network = Network {
    one_way: true,
    ..NETWORK
};
const MUTE: Network = Network {
    mute: true,
    ..NETWORK
};
const LOSSY: Network = Network {
    loses: Some(5),
    ..NETWORK
};

use Fault::{
    Answer, At, Calls, CdRom, DropLine, Flood, For, Goodbye, Hang as Hangs, InCall, NoPower,
    NoReboot, NoRebootFor, Noise, Often, Pin, Product, Pull, RadioOff, SlowDial, Uncounted,
};
use Must::{Block, Flow, Stay, Try};
use When::{Start, Up};

const CALM: [u32; 3] = [0, 0, 0];
const ERROR: &[&str] = &["ERROR"];
const NO_CARRIER: &[&str] = &["NO CARRIER"];
const ASKS_PIN: &str = "+CPIN: SIM PIN\r\n\r\nOK";

/// Time limits: 15 s after a drop; for a hung stick 45 s if a reset helps, 75 s if only a power cycle
/// does, 120 s if only a reboot does; 20 s after a replug.
#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    row("nothing is wrong", Start, &[], Flow, 15 * SECOND, CALM),

    // The port and its chatter.
    row("flood of +ZUSIMR, quieted at once", Start, &[Flood(100, 1)], Flow, 20 * SECOND, CALM),
    row("flood of +ZUSIMR, quieted at the third", Start, &[Flood(100, 3)], Flow, 25 * SECOND, CALM),
    row("flood of +ZUSIMR without end", Start, &[Flood(100, u32::MAX)], Flow, 30 * SECOND, CALM),
    row("noise on the port", Start, &[Noise(b"\xff\0~}#\r\nERR\xc0!\r\n\x1b[A")], Flow, 20 * SECOND, CALM),
    row("half an answer on the port", Start, &[Noise(b"\r\n+CSQ: 1")], Flow, 20 * SECOND, CALM),
    row("left in a call that +++ ends", Start, &[InCall(DataMode::Escape)], Flow, 25 * SECOND, CALM),
    row("left in a call that LCP ends", Start, &[InCall(DataMode::Goodbye)], Flow, 25 * SECOND, CALM),
    row("left in a call that DTR ends", Start, &[InCall(DataMode::Dtr)], Flow, 30 * SECOND, CALM),

    // An answer that should not be.
    row("ERROR at AT", Start, &[Answer("AT", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at ATZ", Start, &[Answer("ATZ", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at the settings", Start, &[Answer("ATQ0", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CPMS?", Start, &[Answer("AT+CPMS?", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CPIN?", Start, &[Answer("AT+CPIN?", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CGMM", Start, &[Answer("AT+CGMM", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CSQ", Start, &[Answer("AT+CSQ", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CREG?", Start, &[Answer("AT+CREG?", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+COPS?", Start, &[Answer("AT+COPS?", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CGDCONT", Start, &[Answer("AT+CGDCONT", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at ATD", Start, &[Answer("ATD", ERROR)], Flow, 15 * SECOND, CALM),
    row("ERROR at AT+CGDCONT until the stick restarts", Start, &[Answer("AT+CGDCONT", &["ERROR", "ERROR", "ERROR"])], Flow, 45 * SECOND, [1, 0, 0]),
    row("ERROR at ATD until the stick restarts", Start, &[Answer("ATD", &["ERROR", "ERROR", "ERROR"])], Flow, 45 * SECOND, [1, 0, 0]),
    row("NO CARRIER at AT", Start, &[Answer("AT", NO_CARRIER)], Flow, 15 * SECOND, CALM),
    row("NO CARRIER at ATZ", Start, &[Answer("ATZ", NO_CARRIER)], Flow, 15 * SECOND, CALM),
    row("NO CARRIER at AT+CPIN?", Start, &[Answer("AT+CPIN?", NO_CARRIER)], Flow, 25 * SECOND, CALM),
    row("NO CARRIER at AT+CREG?", Start, &[Answer("AT+CREG?", NO_CARRIER)], Flow, 15 * SECOND, CALM),
    row("NO CARRIER at AT+CGDCONT", Start, &[Answer("AT+CGDCONT", NO_CARRIER)], Flow, 15 * SECOND, CALM),
    row("NO CARRIER at ATD", Start, &[Answer("ATD", NO_CARRIER)], Flow, 15 * SECOND, CALM),
    row("BUSY at ATD", Start, &[Answer("ATD", &["BUSY"])], Flow, 15 * SECOND, CALM),
    row("NO CARRIER at ATD five times", Start, &[Often("ATD", "NO CARRIER", 5)], Flow, 60 * SECOND, CALM),

    // No answer.
    row("one AT+CREG? without answer", Start, &[Answer("AT+CREG?", &[""])], Flow, 15 * SECOND, CALM),
    row("hangs at AT, a restart revives it", Start, &[At("AT", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at ATZ, a restart revives it", Start, &[At("ATZ", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at ATQ0, a restart revives it", Start, &[At("ATQ0", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CPMS?, a restart revives it", Start, &[At("AT+CPMS?", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CPIN?, a restart revives it", Start, &[At("AT+CPIN?", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CPIN=, a restart revives it", Start, &[Pin, Answer("AT+CPIN?", &[ASKS_PIN]), At("AT+CPIN=", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CGMM, a restart revives it", Start, &[At("AT+CGMM", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CSQ, a restart revives it", Start, &[At("AT+CSQ", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CREG?, a restart revives it", Start, &[At("AT+CREG?", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+COPS?, a restart revives it", Start, &[At("AT+COPS?", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at AT+CGDCONT, a restart revives it", Start, &[At("AT+CGDCONT", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("hangs at ATD, a restart revives it", Start, &[At("ATD", Trap::Hang(Hang::UntilReset))], Flow, 40 * SECOND, [1, 0, 0]),
    row("CONNECT takes 15 s", Start, &[SlowDial(15 * SECOND, true)], Flow, 20 * SECOND, CALM),
    row("CONNECT takes a minute", Start, &[SlowDial(MINUTE, true)], Flow, 90 * SECOND, CALM),
    row("CONNECT takes a minute, and no byte ends the dial", Start, &[SlowDial(MINUTE, false)], Flow, 120 * SECOND, [1, 0, 0]),
    row("hangs at AT+CGDCONT, power revives it", Start, &[At("AT+CGDCONT", Trap::Hang(Hang::UntilPower))], Flow, 75 * SECOND, [1, 1, 0]),
    row("hangs at ATD, power revives it", Start, &[At("ATD", Trap::Hang(Hang::UntilPower))], Flow, 75 * SECOND, [1, 1, 0]),
    row("silent from the start, a restart revives it", Start, &[Hangs(Hang::UntilReset)], Flow, 45 * SECOND, [1, 0, 0]),
    row("silent from the start, power revives it", Start, &[Hangs(Hang::UntilPower)], Flow, 75 * SECOND, [1, 1, 0]),
    row("silent from the start, a reboot revives it", Start, &[Hangs(Hang::UntilReboot)], Flow, 120 * SECOND, [1, 1, 1]),
    row("silent until a reboot, which is refused for half an hour", Start, &[NoRebootFor(30 * MINUTE), Hangs(Hang::UntilReboot)], Flow, 65 * MINUTE, [u32::MAX, u32::MAX, 3]),
    row("hangs in a call, a restart revives it", Up, &[Hangs(Hang::UntilReset)], Flow, 45 * SECOND, [1, 0, 0]),
    row("hangs in a call, power revives it", Up, &[Hangs(Hang::UntilPower)], Flow, 75 * SECOND, [1, 1, 0]),
    row("hangs in a call, a reboot revives it", Up, &[Hangs(Hang::UntilReboot)], Flow, 120 * SECOND, [1, 1, 1]),
    row("hangs in a call, no power switch, a reboot revives it", Up, &[NoPower, Hangs(Hang::UntilReboot)], Flow, 120 * SECOND, [1, 1, 1]),
    row("dead for good", Up, &[Hangs(Hang::ForEver)], Try, 24 * HOUR, [u32::MAX; 3]),
    row("dead for good, no power switch, no reboot", Up, &[NoPower, NoReboot, Hangs(Hang::ForEver)], Try, 24 * HOUR, [u32::MAX; 3]),

    // Off the bus.
    row("pulled at ATZ, back after 5 s", Start, &[At("ATZ", Trap::Pull(5_000))], Flow, 25 * SECOND, CALM),
    row("pulled at AT+CPIN?, back after 5 s", Start, &[At("AT+CPIN?", Trap::Pull(5_000))], Flow, 25 * SECOND, CALM),
    row("pulled at AT+CREG?, back after 5 s", Start, &[At("AT+CREG?", Trap::Pull(5_000))], Flow, 25 * SECOND, CALM),
    row("pulled at ATD, back after 5 s", Start, &[At("ATD", Trap::Pull(5_000))], Flow, 25 * SECOND, CALM),
    row("pulled in a call, back after 3 s under other numbers", Up, &[Pull(3_000)], Flow, 23 * SECOND, CALM),
    row("out of the bus and in again before anybody looks", Up, &[Pull(100)], Flow, 20 * SECOND, CALM),
    row("pulled in a call, back after an hour", Up, &[Pull(HOUR)], Flow, HOUR + 20 * SECOND, [0, 2, 1]),
    row("back from a call as CD-ROM", Up, &[CdRom(0), Pull(3_000)], Flow, 30 * SECOND, CALM),
    row("CD-ROM at the start", Start, &[CdRom(0)], Flow, 20 * SECOND, CALM),
    row("CD-ROM whose first two ejects fail", Start, &[CdRom(2)], Flow, 30 * SECOND, CALM),
    row("CD-ROM that only opens after power", Start, &[CdRom(3)], Flow, 60 * SECOND, [0, 1, 0]),

    // The network denies access.
    row("radio left off", Start, &[RadioOff], Flow, 15 * SECOND, CALM),
    row("radio off, refused before the PIN", Start, &[Pin, RadioOff, Answer("AT+CPIN?", &[ASKS_PIN]), Answer("AT+CFUN=1", &["+CME ERROR: 11"])], Flow, 20 * SECOND, CALM),
    row("radio off and not switched on until the stick restarts", Start, &[Often("AT+CFUN?", "+CFUN: 4\r\n\r\nOK", 3), Often("AT+CFUN=1", "ERROR", 12), Often("AT+CREG?", "+CREG: 0,0\r\n\r\nOK", 33), Often("AT+CGREG?", "+CGREG: 0,0\r\n\r\nOK", 33)], Flow, 150 * SECOND, [1, 0, 0]),
    row("one network refuses, the other searches for a minute", Start, &[Often("AT+CREG?", "+CREG: 0,3\r\n\r\nOK", 25), Often("AT+CGREG?", "+CGREG: 0,2\r\n\r\nOK", 25)], Flow, 70 * SECOND, CALM),
    row("registered with LTE alone", Start, &[Often("AT+CREG?", "+CREG: 0,2\r\n\r\nOK", 9_999), Often("AT+CGREG?", "+CGREG: 0,0\r\n\r\nOK", 9_999), Often("AT+CEREG?", "+CEREG: 0,1\r\n\r\nOK", 9_999)], Flow, 15 * SECOND, CALM),
    row("searching for a minute", Start, &[Often("AT+CREG?", "+CREG: 0,2\r\n\r\nOK", 25), Often("AT+CGREG?", "+CGREG: 0,2\r\n\r\nOK", 25)], Flow, 70 * SECOND, CALM),
    row("registration denied twice", Start, &[Often("AT+CREG?", "+CREG: 0,3\r\n\r\nOK", 2), Often("AT+CGREG?", "+CGREG: 0,3\r\n\r\nOK", 2)], Flow, 20 * SECOND, CALM),
    row("registration denied for half an hour", Start, &[Often("AT+CREG?", "+CREG: 0,3\r\n\r\nOK", 90), Often("AT+CGREG?", "+CGREG: 0,3\r\n\r\nOK", 90)], Flow, 32 * MINUTE, [1, 1, 0]),

    // The SIM.
    row("ERROR at ATZ until the PIN is in", Start, &[Pin, Answer("ATZ", ERROR), Answer("AT+CPIN?", &[ASKS_PIN])], Flow, 15 * SECOND, CALM),
    row("SIM not ready for ten seconds", Start, &[Often("AT+CPIN?", "+CPIN: NOT READY\r\n\r\nOK", 10)], Flow, 20 * SECOND, CALM),
    row("SIM not inserted for five seconds after power", Start, &[Often("AT+CPIN?", "+CME ERROR: SIM_NOT_INSERTED", 5)], Flow, 15 * SECOND, CALM),
    row("SIM in unknown words for 25 s", Start, &[Often("AT+CPIN?", "+CPIN: WHATEVER\r\n\r\nOK", 25)], Flow, 40 * SECOND, CALM),
    row("SIM in unknown words until the stick restarts", Start, &[Often("AT+CPIN?", "+CPIN: WHATEVER\r\n\r\nOK", 93)], Flow, 150 * SECOND, [1, 0, 0]),
    row("AT+CPIN? answered without OK", Start, &[Answer("AT+CPIN?", &["+CPIN: READY"])], Flow, 15 * SECOND, CALM),
    row("one PIN try left, product of no row", Start, &[Product(0x0016), Pin, Often("AT+CPIN?", ASKS_PIN, 999), Often("AT+ZPINPUK", "+ZPINPUK: 1,10\r\n\r\nOK", 999)], Block("enter the right PIN in a phone"), 15 * SECOND, CALM),
    row("PIN asked for, tries left unknown", Start, &[Pin, Often("AT+CPIN?", ASKS_PIN, 999), Often("AT+ZPINPUK", "ERROR", 999)], Block("set carrier.pin_without_counter = true in failberrypi.toml"), 15 * SECOND, CALM),
    row("PIN asked for, tries left unknown, allowed", Start, &[Pin, Uncounted, Answer("AT+CPIN?", &[ASKS_PIN]), Often("AT+ZPINPUK", "ERROR", 999)], Flow, 20 * SECOND, CALM),
    row("PIN sent and lost, its fate shows after a restart", Start, &[Pin, Often("AT+CPIN?", ASKS_PIN, 3), Answer("AT+CPIN=", &["+CME ERROR: 14"])], Flow, 11 * MINUTE, [1, 0, 0]),
    row("SIM asks for its PIN", Start, &[Pin, Answer("AT+CPIN?", &[ASKS_PIN])], Flow, 15 * SECOND, CALM),
    row("SIM busy for three seconds", Start, &[Often("AT+CPIN?", "+CME ERROR: 14", 3)], Flow, 15 * SECOND, CALM),
    row("wrong PIN", Start, &[Pin, Often("AT+CPIN?", ASKS_PIN, 9), Often("AT+CPIN=", "+CME ERROR: 16", 9)], Block("the SIM refused the configured PIN"), 15 * SECOND, CALM),
    row("one PIN try left", Start, &[Pin, Often("AT+CPIN?", ASKS_PIN, 9), Answer("AT+ZPINPUK", &["+ZPINPUK: 1,10\r\n\r\nOK"])], Block("is kept for a person"), 15 * SECOND, CALM),
    row("PIN asked for, none configured", Start, &[Often("AT+CPIN?", ASKS_PIN, 9)], Block("none is configured"), 15 * SECOND, CALM),
    row("SIM locked, asks for its PUK", Start, &[Pin, Often("AT+CPIN?", "+CPIN: SIM PUK\r\n\r\nOK", 9)], Block("unblocking code (PUK)"), 15 * SECOND, CALM),
    row("no SIM", Start, &[Often("AT+CPIN?", "+CME ERROR: 10", 9_999)], Block("there is no SIM"), 15 * SECOND, [0, u32::MAX, 0]),
    row("SIM with a bad contact, power helps", Start, &[Often("AT+CPIN?", "+CME ERROR: 10", 9)], Flow, 12 * MINUTE, [0, 1, 0]),

    // PPP and what lies behind it.
    row("peer that answers no frame", Start, &[Calls(1, SILENT)], Flow, 60 * SECOND, CALM),
    row("peer that echoes our frames", Start, &[Calls(1, LOOPS)], Flow, 60 * SECOND, [1, 0, 0]),
    row("peer that refuses the password twice", Start, &[Calls(2, REFUSES)], Flow, 30 * SECOND, CALM),
    row("peer that gives no address", Start, &[Calls(1, NO_ADDRESS)], Flow, 90 * SECOND, CALM),
    row("dropped call", Up, &[DropLine], Flow, 15 * SECOND, CALM),
    row("call ended by the network", Up, &[Goodbye], Flow, 15 * SECOND, CALM),
    row("dropped call, then NO CARRIER twice", Up, &[Answer("ATD", &["NO CARRIER", "NO CARRIER"]), DropLine], Flow, 20 * SECOND, CALM),
    row("LCP echo ignored", Up, &[For(HOUR, NO_ECHO)], Stay, HOUR, CALM),
    row("one packet in five lost, each way", Up, &[For(24 * HOUR, LOSSY)], Stay, 24 * HOUR, CALM),
    row("carrier that swallows everything, until redialled", Up, &[Calls(0, BLACKHOLE)], Flow, 25 * SECOND, CALM),
    row("carrier that swallows everything for three calls", Up, &[Calls(2, BLACKHOLE)], Flow, 90 * SECOND, [1, 0, 0]),
    row("carrier that swallows everything for an hour", Up, &[For(HOUR, BLACKHOLE)], Flow, HOUR + 120 * SECOND, [u32::MAX, 1, 0]),
    row("carrier that swallows what we send while strangers knock", Up, &[Calls(0, ONE_WAY)], Flow, 110 * SECOND, CALM),
    row("resolvers that fall silent cost one call", Up, &[For(HOUR, MUTE)], Flow, 110 * SECOND, CALM),
    row("carrier away for 24 h", Up, &[For(24 * HOUR, SILENT)], Flow, 24 * HOUR + 120 * SECOND, [u32::MAX, u32::MAX, 1]),
];
