//! Messages as networks send them and sticks write them.

#![allow(clippy::unwrap_used)]

use std::{string::String, vec::Vec};

use proptest::prelude::*;

use super::*;

/// All messages of an answer, and how many could not be read.
fn read(form: MessageForm, lines: &[&str]) -> (Vec<Message>, Vec<String>) {
    let mut listing = Listing::new(form);
    let (mut messages, mut errors) = (Vec::new(), Vec::new());
    for line in lines {
        match listing.hear(line) {
            Ok(message) => messages.extend(message),
            Err(error) => errors.push(std::format!("{error}")),
        }
    }
    messages.extend(listing.finish());
    (messages, errors)
}

/// `hellohello` from 27838890001, the example that PDU decoders are shown with.
const SEPTETS: &str = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37";

#[test]
fn a_message_in_septets() {
    let (messages, errors) = read(MessageForm::Pdu, &["+CMGL: 3,0,,27", SEPTETS]);
    assert_eq!(errors, Vec::<String>::new());
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(message.text, "hellohello");
    assert_eq!(
        (message.index, message.status),
        (Some(3), MessageStatus::Unread)
    );
    assert_eq!(message.sender, "27838890001");
    assert_eq!(
        std::format!("{}", message.sent.unwrap()),
        "2099-03-29T15:16:59+02:00"
    );
    assert_eq!(message.part, None);
}

#[test]
fn parts_of_a_text_from_a_name() {
    const UCS2: &str = "00440DD0C3B05C9E2ECB0100086211524143022118050003A70202\
                        04110430043B0430043D04410020D83DDE00";
    const GSM: &str = "00440DD0C3B05C9E2ECB010000621152414302210F050003A70202E061391D44BFBF01";
    let lines = ["+CMGR: 1,\"Carrier\",43", UCS2, "+CMGR: 1,,34", GSM];
    let (messages, errors) = read(MessageForm::Pdu, &lines);
    assert_eq!(errors, Vec::<String>::new());
    let texts: Vec<&str> = messages
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    assert_eq!(texts, ["Баланс 😀", "part two"]);
    let (reference, number, of) = (0xa7, 2, 2);
    for message in messages {
        assert_eq!(message.sender, "Carrier");
        assert_eq!(
            message.part,
            Some(Part {
                reference,
                number,
                of
            })
        );
        assert_eq!(
            std::format!("{}", message.sent.unwrap()),
            "2026-11-25T14:34:20+03:00"
        );
        assert_eq!((message.index, message.status), (None, MessageStatus::Read));
    }
}

#[test]
fn data_shows_as_digits() {
    let pdu = "00040B911326880736F400F4621152414302210300FF7A";
    let (messages, errors) = read(MessageForm::Pdu, &["+CMGL: 1,1,,22", pdu]);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(
        (messages[0].sender.as_str(), messages[0].text.as_str()),
        ("+31628870634", "00ff7a")
    );
}

#[test]
fn text_mode_with_lines_and_another_message() {
    let (messages, errors) = read(
        MessageForm::Text,
        &[
            "+CMGL: 0,\"REC READ\",\"+31628870634\",,\"11/01/09,10:26:26+04\"",
            "Your balance is",
            "12 EUR",
            "+CMGL: 1,\"STO SENT\",\"+316\",,",
            "mine",
            "+CMGL: 2,\"REC UNREAD\",\"002B0033\",,\"11/01/09,10:26:26-04\"",
            "04110430043B",
        ],
    );
    assert_eq!(errors, Vec::<String>::new());
    let [first, second] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(first.text, "Your balance is\n12 EUR");
    assert_eq!((first.index, first.status), (Some(0), MessageStatus::Read));
    assert_eq!(
        std::format!("{}", first.sent.unwrap()),
        "2011-01-09T10:26:26+01:00"
    );
    assert_eq!(
        (second.sender.as_str(), second.text.as_str()),
        ("+3", "Бал")
    );
    assert_eq!(
        std::format!("{}", second.sent.unwrap()),
        "2011-01-09T10:26:26-01:00"
    );
}

#[test]
fn broken_message_does_not_affect_others() {
    let (messages, errors) = read(
        MessageForm::Pdu,
        &[
            "+CMGL: 1,1,,27",
            "07917283",
            "+CMGL: 2,1,,x",
            "0791",
            "+CMGL: 3,2,,9",
            "0001000B917283010010F5000000",
            "+CMGL: 4,1,,27",
            "+CMGL: 5,1,\"name, with comma\",27",
            SEPTETS,
            "no message",
        ],
    );
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].index, Some(5));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[0],
        "SMS octet 1: expected the service centre's address"
    );
    assert!(errors[1].contains("got \"+CMGL: 2,1,,x\""), "{errors:?}");
}

#[test]
fn commands_are_formatted() {
    assert_eq!(std::format!("{}", MessageForm::Pdu), "AT+CMGF=0");
    assert_eq!(ListMessages::command(MessageForm::Pdu).text, "AT+CMGL=4");
    assert_eq!(
        ListMessages::command(MessageForm::Text).text,
        "AT+CMGL=\"ALL\""
    );
    assert_eq!(std::format!("{}", ReadMessage(7)), "AT+CMGR=7");
    assert_eq!(std::format!("{}", DeleteMessage(7)), "AT+CMGD=7");
}

proptest! {
    #[test]
    fn any_octets_give_a_message_or_an_error_offset(
        head in prop_oneof![Just(&[][..]), Just(&[0, 0x44][..]), Just(&[0, 4, 4, 0x91, 0x21, 0x43, 0, 8][..])],
        tail in proptest::collection::vec(any::<u8>(), 0..180),
    ) {
        let octets = [head, &tail].concat();
        let digits: String = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]).map(|nibble| char::from_digit(nibble.into(), 16).unwrap()).collect();
        if let Err(error) = pdu::decode(&digits, None, MessageStatus::Read) {
            prop_assert!(error.at <= octets.len() + 1, "{error}");
        }
    }

    #[test]
    fn any_lines_are_messages_or_errors(
        text in any::<bool>(),
        lines in proptest::collection::vec(
            prop_oneof![
                "\\+CMG[LR]: ?[0-9]{0,3},(\"REC READ\"|[0-4])(,[^\r\n]{0,40}){0,5}",
                "[0-9A-F]{0,200}",
                "\\PC{0,80}",
                Just(SEPTETS.to_owned()),
            ],
            0..12,
        ),
    ) {
        let form = if text { MessageForm::Text } else { MessageForm::Pdu };
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (messages, errors) = read(form, &lines);
        prop_assert!(messages.len() + errors.len() <= lines.len());
    }
}
