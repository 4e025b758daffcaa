//! Response and effect of each AT command.

use super::{
    command::{Command, Operation},
    phone::{PUK_TRIES, Phone, PinResult},
    registers::Registers,
};

const MAKER: &str = "ZTE INCORPORATED";
const MODEL: &str = "MF180";
const REVISION: &str = "BD_MF180V1.0.0B03";
const SERIAL: &str = "351234567890123";
const SUBSCRIBER: &str = "001010123456789";
const OPERATOR: &str = "Bench Mobile";

/// `+CME ERROR` numbers of 3GPP 27.007.
mod cme {
    pub(super) const NOT_ALLOWED: u16 = 3;
    pub(super) const NO_SIM: u16 = 10;
    pub(super) const PIN: u16 = 11;
    pub(super) const PUK: u16 = 12;
    pub(super) const WRONG_PASSWORD: u16 = 16;
}

/// `+CMS ERROR`: the SIM has to be opened first.
const CMS_PIN: u16 = 311;

/// A port's settings, as `ATZ` resets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// `E`.
    pub(super) echo: bool,
    /// `Q0`.
    pub(super) results: bool,
    /// `V`.
    pub(super) words: bool,
    /// `X`: `CONNECT` tells the rate, but for 0.
    pub(super) extent: u32,
    /// `&C`: DCD is always on (0), or follows the call (1).
    pub(super) dcd: u32,
    /// `&D`: what a dropped DTR does.
    pub(super) dtr: u32,
    /// `+CMEE`.
    pub(super) errors: u8,
    /// `+IFC`: flow control to and from the stick. USB has its own.
    pub(super) flow: [u8; 2],
    /// `S`.
    pub(super) registers: Registers,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            echo: true,
            results: true,
            words: true,
            extent: 4,
            dcd: 1,
            dtr: 2,
            errors: 1,
            flow: [2, 2],
            registers: Registers::default(),
        }
    }
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Final {
    /// Well; the next one of the line follows.
    Ok,
    /// `ERROR`.
    Error,
    /// `+CME ERROR`.
    Cme(u16),
    /// `+CMS ERROR`.
    Cms(u16),
    /// `NO CARRIER`.
    NoCarrier,
    /// A call is to be made.
    Dial,
    /// The call is to end, then `OK`.
    HangUp,
    /// Back to the data of the call.
    Online,
    /// Well, and a restart.
    Restart,
}

/// Where an answer comes from and what it may change.
pub(super) struct Context<'a> {
    /// The shared part.
    pub(super) phone: &'a mut Phone,
    /// The port's.
    pub(super) settings: &'a mut Settings,
    /// Lines of information so far.
    pub(super) lines: &'a mut Vec<String>,
    /// This port can have calls.
    pub(super) dials: bool,
    /// Now.
    pub(super) now: u64,
}

impl Context<'_> {
    /// Executes one command.
    pub(super) fn execute(&mut self, command: &Command<'_>) -> Final {
        match command {
            Command::Basic { name, value } => self.basic(name, *value),
            Command::Register { number, value } => self.register(*number, *value),
            Command::Dial(number) => self.dial(number),
            Command::Extended { name, operation } => self.extended(name, *operation),
            Command::Unknown => Final::Error,
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A value is written in three digits (V.250, 5.3.2).
    fn register(&mut self, number: u32, value: Option<u32>) -> Final {
        let registers = &mut self.settings.registers;
        match (registers.get(number), value) {
            (Some(_), Some(value)) if registers.set(number, value) => Final::Ok,
            (Some(old), None) => {
                self.say(format!("{old:03}"));
                Final::Ok
            }
            _ => Final::Error,
        }
    }

    fn basic(&mut self, name: &str, value: u32) -> Final {
        match (name, value) {
            ("E", 0..=1) => self.settings.echo = value == 1,
            ("Q", 0..=1) => self.settings.results = value == 0,
            ("V", 0..=1) => self.settings.words = value == 1,
            ("&D", 0..=2) => self.settings.dtr = value,
            ("Z", 0) => {
                *self.settings = Settings::default();
                return Final::HangUp;
            }
            ("&F", 0) => *self.settings = Settings::default(),
            ("I", _) => {
                self.say(format!("Manufacturer: {MAKER}"));
                self.say(format!("Model: {MODEL}"));
                self.say(format!("Revision: {REVISION}"));
                self.say(format!("IMEI: {SERIAL}"));
            }
            ("X", 0..=4) => self.settings.extent = value,
            ("&C", 0..=1) => self.settings.dcd = value,
            ("H", 0) => {
                self.phone.end_ringing();
                return Final::HangUp;
            }
            // Data calls come from here only.
            ("A", 0) => {
                self.phone.end_ringing();
                return Final::NoCarrier;
            }
            ("O", 0) => return Final::Online,
            // Loudspeaker, tone or pulse, DSR, flow control of a UART, storing a profile: taken and
            // of no meaning here.
            ("L" | "M" | "T" | "P" | "&S" | "&K" | "&W", _) => {}
            _ => return Final::Error,
        }
        Final::Ok
    }

    /// A data call is `*99#`, or `*99***<context>#`.
    fn dial(&mut self, number: &str) -> Final {
        let number = number.trim();
        let number = number.strip_prefix(['T', 't', 'P', 'p']).unwrap_or(number);
        let context = match number.strip_prefix("*99").and_then(|n| n.strip_suffix('#')) {
            Some("") => Some(1),
            Some(rest) => rest
                .strip_prefix("***")
                .and_then(|id| id.parse::<u8>().ok()),
            None => None,
        };
        // Context 1 is there from the factory.
        let known = |id: u8| id == 1 || self.phone.contexts().iter().any(|(known, _)| *known == id);
        let callable = context.is_some_and(known) && self.dials;
        if callable && self.phone.is_registered(self.now) {
            Final::Dial
        } else {
            Final::NoCarrier
        }
    }

    fn extended(&mut self, name: &str, operation: Operation<'_>) -> Final {
        use Operation::{Execute, Read, Set, Test};
        let registered = self.phone.is_registered(self.now);
        match (name, operation) {
            ("+CGMI" | "+GMI", Execute) => self.say(MAKER),
            ("+CGMM" | "+GMM", Execute) => self.say(MODEL),
            ("+CGMR" | "+GMR", Execute) => self.say(REVISION),
            ("+CGSN" | "+GSN", Execute) => self.say(SERIAL),
            ("+CIMI", Execute) => match self.phone.pin_state() {
                Some("READY") => self.say(SUBSCRIBER),
                other => return locked(other),
            },
            ("+CPIN", Read) => match self.phone.pin_state() {
                Some(state) => self.say(format!("+CPIN: {state}")),
                None => return Final::Cme(cme::NO_SIM),
            },
            ("+CPIN", Set(entered)) => return self.enter_pin(entered),
            ("+ZPINPUK", Test) => match self.phone.pin_state() {
                Some(_) => self.say(format!("+ZPINPUK: {},{PUK_TRIES}", self.phone.pin_tries())),
                None => return Final::Cme(cme::NO_SIM),
            },
            ("+CPMS", Read) => {
                self.phone.stop_flood();
                match self.phone.pin_state() {
                    Some("READY") => {
                        self.say("+CPMS: \"SM\",0,20,\"SM\",0,20,\"SM\",0,20");
                    }
                    _ => return Final::Cms(CMS_PIN),
                }
            }
            ("+CSQ", Execute) => self.say(if registered {
                "+CSQ: 17,99"
            } else {
                "+CSQ: 99,99"
            }),
            ("+CREG" | "+CGREG", Read) => {
                self.say(format!("{name}: 0,{}", self.phone.registration(self.now)));
            }
            ("+COPS", Read) if registered => self.say(format!("+COPS: 0,0,\"{OPERATOR}\",2")),
            ("+COPS", Read) => self.say("+COPS: 0"),
            ("+ZPAS", Read) if registered => self.say("+ZPAS: \"HSDPA\",\"CS_PS\""),
            ("+ZPAS", Read) => self.say("+ZPAS: \"No Service\""),
            ("+CGDCONT", Set(context)) => return self.set_context(context),
            ("+CGDCONT", Read) => {
                for (id, name) in self.phone.contexts() {
                    let line = format!("+CGDCONT: {id},\"IP\",\"{name}\",\"\",0,0");
                    self.lines.push(line);
                }
            }
            ("+CFUN", Read) => self.say(format!("+CFUN: {}", u8::from(self.phone.radio()))),
            ("+CFUN", Set("1,1")) => return Final::Restart,
            ("+CFUN", Set("0" | "4")) => self.phone.set_radio(false, self.now),
            ("+CFUN", Set("1")) => self.phone.set_radio(true, self.now),
            ("+CMEE", Set(level)) => match level.parse() {
                Ok(level @ 0..=2) => self.settings.errors = level,
                _ => return Final::Error,
            },
            ("+GCAP", Execute) => self.say("+GCAP: +CGSM,+FCLASS,+DS"),
            ("+IFC", Read) => {
                let [to, from] = self.settings.flow;
                self.say(format!("+IFC: {to},{from}"));
            }
            ("+IFC", Set(ways)) => return self.set_flow(ways),
            // A UART's rate and framing; no unsolicited registration, no fax, modem mode: what is so
            // anyway.
            ("+IPR" | "+ICF", Set(_))
            | ("+CREG" | "+CGREG" | "+FCLASS", Set("0"))
            | ("+ZOPRT", Set("5")) => {}
            ("+ZCDRUN", Set("8")) => return self.set_autorun(false),
            ("+ZCDRUN", Set("9")) => return self.set_autorun(true),
            _ => return Final::Error,
        }
        Final::Ok
    }

    fn enter_pin(&mut self, entered: &str) -> Final {
        let entered = entered.trim().trim_matches('"');
        match self.phone.enter_pin(entered, self.now) {
            PinResult::Right => Final::Ok,
            PinResult::Wrong => Final::Cme(cme::WRONG_PASSWORD),
            PinResult::NotAsked => Final::Cme(cme::NOT_ALLOWED),
            PinResult::NoSim => Final::Cme(cme::NO_SIM),
        }
    }

    fn set_context(&mut self, context: &str) -> Final {
        let mut fields = context
            .split(',')
            .map(|field| field.trim().trim_matches('"'));
        let id = fields.next().and_then(|id| id.parse().ok());
        match (id, fields.next()) {
            (Some(id @ 1..=16), Some("IP")) => {
                self.phone
                    .set_context(id, fields.next().unwrap_or_default());
                Final::Ok
            }
            _ => Final::Error,
        }
    }

    /// V.250, 6.2.12: 0 to 2 each, the second as the first where it is left out.
    fn set_flow(&mut self, ways: &str) -> Final {
        let (to, from) = ways.split_once(',').unwrap_or((ways, ways));
        match (to.parse(), from.parse()) {
            (Ok(to @ 0..=2), Ok(from @ 0..=2)) => {
                self.settings.flow = [to, from];
                Final::Ok
            }
            _ => Final::Error,
        }
    }

    fn set_autorun(&mut self, on: bool) -> Final {
        self.phone.autorun = on;
        let word = if on { "Open" } else { "Close" };
        self.say(format!("{word} autorun state result(0:FAIL 1:SUCCESS):1"));
        Final::Ok
    }
}

fn locked(state: Option<&str>) -> Final {
    Final::Cme(match state {
        None => cme::NO_SIM,
        Some("SIM PUK") => cme::PUK,
        Some(_) => cme::PIN,
    })
}
