//! The command of each step and how long it may take.

use core::fmt::{self, Write};

use heapless::String;

use super::{
    Step,
    settings::{Pin, Settings},
};
use crate::{
    at::{Answer, COMMAND_MAX},
    modem::{Profile, Question, STANDARD_PIN_TRIES},
};

/// A command in the making.
pub(super) type Text = String<COMMAND_MAX>;

/// What a stick is given for a question it can answer by itself.
const QUICK_MS: u64 = 5_000;

/// The SIM is slow, and checks a PIN for seconds.
const SIM_MS: u64 = 15_000;

/// Switching the radio on takes makers up to 15 s.
const RADIO_MS: u64 = 20_000;

/// `+COPS?` waits for the radio on some sticks.
const OPERATOR_MS: u64 = 15_000;

/// How long the step's command may take.
pub(super) fn timeout_ms(step: Step, settings: &Settings) -> u64 {
    match step {
        Step::Synchronise => super::sync::ANSWER_MS,
        Step::EnterPin | Step::SimState => SIM_MS,
        Step::RadioOn => RADIO_MS,
        Step::Operator => OPERATOR_MS,
        Step::Dial => settings.dial_ms,
        _ => QUICK_MS,
    }
}

/// Questions for tries of the PIN that there are.
pub(super) fn pin_tries_count(profile: &Profile) -> usize {
    usize::from(profile.pin_tries.is_some()).saturating_add(STANDARD_PIN_TRIES.len())
}

/// The `index`th question for tries of the PIN: the vendor's, then the standard's.
pub(super) fn pin_tries(profile: &Profile, index: usize) -> Option<Question> {
    let vendor = profile.pin_tries.into_iter();
    vendor.chain(STANDARD_PIN_TRIES).nth(index)
}

/// What comes back.
pub(super) fn answer(step: Step, index: usize, profile: &'static Profile) -> Answer {
    match step {
        Step::Quieten => profile
            .quieting
            .as_ref()
            .map_or(Answer::Nothing, |quieting| {
                Answer::Prefixed(quieting.answer)
            }),
        Step::Radio => Answer::Prefixed("+CFUN:"),
        Step::SimState => Answer::Prefixed("+CPIN:"),
        Step::PinTries => pin_tries(profile, index).map_or(Answer::Nothing, |question| {
            Answer::Prefixed(question.answer)
        }),
        Step::Model => Answer::Bare("+CGMM:"),
        Step::Signal => Answer::Prefixed("+CSQ:"),
        Step::Registration => Answer::Prefixed("+CREG:"),
        Step::PacketRegistration => Answer::Prefixed("+CGREG:"),
        Step::LteRegistration => Answer::Prefixed("+CEREG:"),
        Step::Operator => Answer::Prefixed("+COPS:"),
        Step::Dial => Answer::Call,
        Step::Synchronise | Step::Initialise | Step::RadioOn | Step::EnterPin | Step::Context => {
            Answer::Nothing
        }
    }
}

/// The words of the command; `None` where this stick or these settings have none for the step.
/// `index` counts the commands of a step that has several.
pub(super) fn command(
    step: Step,
    index: usize,
    profile: &'static Profile,
    settings: &Settings,
) -> Result<Option<Text>, fmt::Error> {
    let mut text = Text::new();
    match step {
        // Its commands are on a ladder of their own.
        Step::Synchronise => return Ok(None),
        Step::Initialise => match profile.init.get(index) {
            Some(command) => text.write_str(command)?,
            None => return Ok(None),
        },
        Step::Quieten => match &profile.quieting {
            Some(quieting) => text.write_str(quieting.command)?,
            None => return Ok(None),
        },
        Step::PinTries => match pin_tries(profile, index) {
            Some(question) => text.write_str(question.command)?,
            None => return Ok(None),
        },
        Step::EnterPin => match &settings.pin {
            Pin::Given(pin) => write!(text, "AT+CPIN=\"{pin}\"")?,
            Pin::Absent | Pin::Spent => return Ok(None),
        },
        Step::Radio => text.write_str("AT+CFUN?")?,
        Step::RadioOn => text.write_str("AT+CFUN=1")?,
        Step::SimState => text.write_str("AT+CPIN?")?,
        Step::Model => text.write_str("AT+CGMM")?,
        Step::Signal => text.write_str("AT+CSQ")?,
        Step::Registration => text.write_str("AT+CREG?")?,
        Step::PacketRegistration => text.write_str("AT+CGREG?")?,
        Step::LteRegistration => text.write_str("AT+CEREG?")?,
        Step::Operator => text.write_str("AT+COPS?")?,
        Step::Context => write!(text, "AT+CGDCONT=1,\"IP\",\"{}\"", settings.apn)?,
        Step::Dial => write!(text, "ATD{}", settings.dial)?,
    }
    Ok(Some(text))
}
