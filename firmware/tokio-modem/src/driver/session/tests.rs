//! Sessions over a pseudo terminal, under both runtimes.

#![allow(clippy::unwrap_used)]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use super::{Port, Session, SessionError};
use crate::{
    at::{Final, text},
    driver::tests::{Reply, Stick, sendable},
    modem::{
        AutorunOff, Context, Creg, Function, GENERIC, Iccid, Manufacturer, MessageForm, Operator,
        PacketKind, PinTries, Profile, Registration, Signal, SystemInfo, UssdState, profile_for,
    },
};

/// Runs `work` with a session under each runtime.
macro_rules! under_each {
    ($profile:expr, $stick:expr, $work:ident) => {
        #[cfg(feature = "smol")]
        {
            let (tty, stick) = Stick::plug_in($stick).open();
            ::smol::block_on(sendable(async {
                let session = crate::driver::smol::session(tty, $profile).await;
                $work("smol", session.unwrap()).await;
            }));
            stick.join().unwrap();
        }
        #[cfg(feature = "tokio")]
        {
            let (tty, stick) = Stick::plug_in($stick).open();
            in_tokio(sendable(async {
                let session = crate::driver::tokio::session(tty, $profile).await;
                $work("tokio", session.unwrap()).await;
            }));
            stick.join().unwrap();
        }
    };
}

#[cfg(feature = "tokio")]
fn in_tokio(work: impl Future<Output = ()>) {
    let mut runtime = ::tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work);
}

fn mf180() -> &'static Profile {
    profile_for(0x19d2, 0x2003).unwrap()
}

fn answers(command: &str) -> Reply {
    Reply::Say(match command {
        "AT+CGMI" => b"\r\nZTE INCORPORATED\r\n\r\nOK\r\n",
        "AT+ZGETICCID" => b"\r\n+ZGETICCID: 89701983875679234987\r\n\r\nOK\r\n",
        "AT+ZPINPUK=?" => b"\r\n+ZPINPUK: 3,10\r\n\r\nOK\r\n",
        "AT+CSQ" => b"\r\n+ZUSIMR:2\r\n\r\n+CSQ: 18,99\r\n\r\n+CREG: 5\r\n\r\nOK\r\n",
        "AT+CREG?" => b"\r\n+CREG: 2,1,\"1A2B\",\"00C3\",2\r\n\r\nOK\r\n",
        "AT+COPS?" => b"\r\n+COPS: 0\r\n\r\nOK\r\n",
        "AT+CGDCONT?" => {
            b"\r\n+CGDCONT: 1,\"IP\",\"internet\",\"\",0,0\r\n+CGDCONT: 2,\"X\",\"\"\r\n\
              +CGDCONT: 3,\"IPV6\",\"six\",\"\",0,0\r\n\r\nOK\r\n"
        }
        "AT+CFUN=4" => b"\r\n+CME ERROR: 3\r\n",
        "AT^SYSINFO" => b"\r\nCOMMAND NOT SUPPORT\r\n",
        "AT+CUSD=1,\"*100#\",15" => {
            b"\r\nOK\r\n\r\n+ZUSIMR:2\r\n\r\n+CUSD: 1,\"Balance:\r\n12.50\r\n1 more\",15\r\n"
        }
        "AT+CUSD=1,\"1\",15" => b"\r\n+CUSD: 0,\"00480069\",72\r\n\r\nOK\r\n",
        "AT+CMGL=\"ALL\"" => {
            b"\r\n+CMGL: 1,\"REC READ\",\"+316\",,\"11/01/09,10:26:26+04\"\r\nfirst\r\nline 2 = 3\r\n\
              +CMGL: 2,\"REC READ\",\"Carrier\",,\"11/01/09,10:26:26+04\"\r\n0042\r\n\r\nOK\r\n"
        }
        "AT+CMGL=4" => {
            b"\r\n+CMGL: 3,0,,27\r\n07917283010010F5040BC87238880900F1000099309251619580\
              0AE8329BFD4697D9EC37\r\n+CMGL: 4,0,,27\r\n07\r\n\r\nOK\r\n"
        }
        _ => b"\r\nOK\r\n",
    })
}

#[test]
fn values_are_queried_by_type() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let signal: Signal = session.ask().await.unwrap();
        assert_eq!(signal.dbm(), Some(-77), "{runtime}");
        let Manufacturer(maker) = session.ask().await.unwrap();
        assert_eq!(maker, "ZTE INCORPORATED");
        assert_eq!(
            session.ask::<Iccid>().await.unwrap().0,
            "89701983875679234987"
        );
        assert_eq!(session.ask::<PinTries>().await.unwrap().pin, 3);
        let Creg(state) = session.ask().await.unwrap();
        assert_eq!(state.registration, Registration::Home);
        assert_eq!(session.ask::<Option<Operator>>().await.unwrap(), None);
        let mut contexts = Vec::new();
        let told = |context| contexts.push(context);
        session.ask_each::<Context>(told).await.unwrap();
        let first = Context::new(1, PacketKind::Ipv4, "internet").unwrap();
        assert_eq!(contexts.len(), 3);
        assert_eq!(contexts[0], Ok(first.clone()));
        assert!(contexts[1].is_err() && contexts[2].is_ok());
        session.execute(&first).await.unwrap();
        // What came with the signal, but for the flood that the profile names.
        let news = session.listen(Duration::ZERO).await.unwrap();
        assert_eq!(news.as_deref(), Some("+CREG: 5"));
        assert_eq!(session.listen(Duration::ZERO).await.unwrap(), None);
        assert_eq!(session.counters().total(), 0);
    }
    under_each!(mf180(), answers, work);
}

#[test]
fn refusal_names_command_without_arguments() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let refused = session.execute(&Function::Flight).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "AT+CFUN=: expected OK, got +CME ERROR: 3",
            "{runtime}"
        );
        let unknown = session.ask::<SystemInfo>().await.unwrap_err();
        assert!(
            matches!(
                &unknown,
                SessionError::Refused {
                    got: Final::NotSupported,
                    ..
                }
            ),
            "{unknown}"
        );
        let empty = session.ask::<Function>().await.unwrap_err();
        assert!(matches!(empty, SessionError::Empty { .. }), "{empty}");
        let tries = session.ask::<PinTries>().await.unwrap_err();
        assert_eq!(tries.to_string(), "generic modem has no command for it");
        let code = session.ussd("*100#\"").await.unwrap_err();
        assert!(matches!(code, SessionError::UssdCode(_)), "{code}");
        let _: Signal = session.ask().await.unwrap();
    }
    under_each!(&GENERIC, answers, work);
}

#[test]
fn ussd_dialogue_with_the_network() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let asks = session.ussd("*100#").await.unwrap();
        assert_eq!(asks.state, UssdState::Asks, "{runtime}");
        assert_eq!(asks.text, "Balance:\n12.50\n1 more");
        let done = session.ussd("1").await.unwrap();
        assert_eq!((done.state, done.text.as_str()), (UssdState::Done, "Hi"));
    }
    under_each!(mf180(), answers, work);
}

#[test]
fn messages_are_read_in_both_forms() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let mut all = Vec::new();
        let told = |message| all.push(message);
        session.messages(MessageForm::Text, told).await.unwrap();
        let texts: Vec<_> = all
            .iter()
            .map(|message| message.as_ref().unwrap().text.as_str())
            .collect();
        assert_eq!(texts, ["first\nline 2 = 3", "B"], "{runtime}");
        let mut all = Vec::new();
        let told = |message| all.push(message);
        session.messages(MessageForm::Pdu, told).await.unwrap();
        assert_eq!(all[0].as_ref().unwrap().text, "hellohello");
        assert_eq!(all[0].as_ref().unwrap().sender, text("27838890001"));
        assert!(all[1].is_err() && all.len() == 2);
    }
    under_each!(&GENERIC, answers, work);
}

/// As some firmware answers, and as no stick may.
fn without_ok(command: &str) -> Reply {
    Reply::Say(match command {
        "AT+ZCDRUN=8" => b"\r\nClose autorun state result(0:FAIL 1:SUCCESS):1\r\n",
        other => return answers(other),
    })
}

#[test]
fn answer_without_ok_is_accepted() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let AutorunOff { done } = session.ask().await.unwrap();
        assert!(done, "{runtime}");
        let _: Signal = session.ask().await.unwrap();
    }
    under_each!(mf180(), without_ok, work);
}

#[test]
fn dropped_query_does_not_disturb_the_next() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        {
            let mut question = std::pin::pin!(session.ask::<Creg>());
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            // Sent, and mostly not yet answered: a stick that is quicker than that is no fault.
            let _ = question.as_mut().poll(&mut context);
        }
        let signal: Signal = session.ask().await.unwrap();
        assert_eq!(signal.dbm(), Some(-77), "{runtime}");
    }
    under_each!(mf180(), answers, work);
}

/// Errors behind the `OK`, and a text without its closing quote.
fn refuses_late(command: &str) -> Reply {
    Reply::Say(match command {
        "AT+CUSD=1,\"*100#\",15" => b"\r\nOK\r\n\r\n^MODE: 5\r\n\r\n+CME ERROR: 132\r\n",
        "AT+CUSD=1,\"*101#\",15" => b"\r\nOK\r\n\r\nERROR\r\n",
        "AT+CUSD=1,\"*102#\",15" => b"\r\nOK\r\n\r\n+CUSD: 2,\"Jusqu'\xe0 50,04\r\n",
        other => return answers(other),
    })
}

#[test]
fn ussd_error_after_ok_is_refused_at_once() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let begin = Instant::now();
        for (code, error) in [
            ("*100#", "AT+CUSD=: expected OK, got +CME ERROR: 132"),
            ("*101#", "AT+CUSD=: expected OK, got ERROR"),
        ] {
            let refused = session.ussd(code).await.unwrap_err();
            assert_eq!(refused.to_string(), error, "{runtime}");
        }
        let cut = session.ussd("*102#").await.unwrap();
        assert_eq!(cut.text, "Jusqu'à 50,04", "{runtime}");
        assert_eq!(cut.state, UssdState::Ended);
        let _: Signal = session.ask().await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30), "{runtime}");
    }
    under_each!(&GENERIC, refuses_late, work);
}

fn leaves(command: &str) -> Reply {
    match command {
        "AT+CSQ" => Reply::Leave,
        other => answers(other),
    }
}

#[test]
fn unplugged_stick_is_a_hang_up() {
    async fn work<P: Port>(runtime: &str, mut session: Session<P>) {
        let error = session.ask::<Signal>().await.unwrap_err();
        assert!(error.is_hang_up(), "{runtime}: {error}");
        let error = session.listen(Duration::from_secs(1)).await.unwrap_err();
        assert!(error.is_hang_up(), "{runtime}: {error}");
    }
    under_each!(&GENERIC, leaves, work);
}

#[test]
fn silent_stick_times_out() {
    let begin = Instant::now();
    let silent = |_: &str| Reply::Say(b"");
    #[cfg(feature = "smol")]
    {
        let (tty, stick) = Stick::plug_in(silent).open();
        let session = ::smol::block_on(crate::driver::smol::session(tty, &GENERIC));
        let error = session.map(drop).unwrap_err();
        assert!(matches!(error, SessionError::NoAnswer { .. }), "{error}");
        stick.join().unwrap();
    }
    #[cfg(feature = "tokio")]
    {
        let (tty, stick) = Stick::plug_in(silent).open();
        in_tokio(async {
            let session = crate::driver::tokio::session(tty, &GENERIC).await;
            let error = session.map(drop).unwrap_err();
            assert!(matches!(error, SessionError::NoAnswer { .. }), "{error}");
        });
        stick.join().unwrap();
    }
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
}
