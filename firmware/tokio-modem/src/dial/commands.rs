//! Command, expected answer and timeout of each step.

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

/// Buffer for the text of one command.
pub(super) type CommandText = String<COMMAND_MAX>;

/// Timeout of a query that a stick answers by itself, in milliseconds.
const QUICK_MS: u64 = 5_000;

/// Timeout of a command to the SIM, in milliseconds: it takes seconds to check a PIN.
const SIM_MS: u64 = 15_000;

/// Timeout of `AT+CFUN=1`, in milliseconds: some sticks take up to 15 s.
const RADIO_MS: u64 = 20_000;

/// Timeout of `AT+COPS?`, in milliseconds: it waits for the radio on some sticks.
const OPERATOR_MS: u64 = 15_000;

/// Returns the timeout of the step's command, in milliseconds.
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

/// Returns the number of queries for the PIN tries left.
pub(super) fn pin_tries_count(profile: &Profile) -> usize {
    usize::from(profile.pin_tries.is_some()).saturating_add(STANDARD_PIN_TRIES.len())
}

/// Returns the `index`th query for the PIN tries left: the vendor's, then the standard's.
pub(super) fn pin_tries(profile: &Profile, index: usize) -> Option<Question> {
    let vendor = profile.pin_tries.into_iter();
    vendor.chain(STANDARD_PIN_TRIES).nth(index)
}

/// Returns the form of the answer to the step's command.
pub(super) fn expected_answer(step: Step, index: usize, profile: &'static Profile) -> Answer {
    match step {
        Step::SuppressUrcs => profile
            .urc_suppression
            .as_ref()
            .map_or(Answer::Nothing, |suppression| {
                Answer::Prefixed(suppression.answer)
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

/// Returns the text of the command; `None` if this stick or these settings have none for the step.
/// `index` counts the commands of a step that has several.
pub(super) fn command(
    step: Step,
    index: usize,
    profile: &'static Profile,
    settings: &Settings,
) -> Result<Option<CommandText>, fmt::Error> {
    let mut text = CommandText::new();
    match step {
        // Its commands are those of the escape sequence.
        Step::Synchronise => return Ok(None),
        Step::Initialise => match profile.init.get(index) {
            Some(command) => text.write_str(command)?,
            None => return Ok(None),
        },
        Step::SuppressUrcs => match &profile.urc_suppression {
            Some(suppression) => text.write_str(suppression.command)?,
            None => return Ok(None),
        },
        Step::PinTries => match pin_tries(profile, index) {
            Some(question) => text.write_str(question.command)?,
            None => return Ok(None),
        },
        Step::EnterPin => match &settings.pin {
            Pin::Usable(pin) => write!(text, "AT+CPIN=\"{pin}\"")?,
            Pin::Absent | Pin::Withheld => return Ok(None),
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
