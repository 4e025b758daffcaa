//! The engines never ask for memory.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use tokio_modem::{
    at::{Answer, Command, Engine as At},
    dial::{Dialer, Output as Dialled, Settings},
    modem::{Creg, Listing, MessageForm, Operator, Query, Signal, Ussd, UssdRequest, profile_for},
    ppp::{Config, Engine as Ppp, Event, Offer, Output, Role},
};

struct Counting;

thread_local! {
    /// Of this thread only: the test runner has others.
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and no test.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator as it came; the counter is a plain cell of the
// thread and allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn allocation_counter_counts() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(Box::new(7_u64)))),
        1
    );
}

#[test]
fn at_lines_do_not_allocate() {
    let asked = allocations(|| {
        let mut engine = At::new();
        let command = Command {
            text: "AT+CSQ",
            answer: Answer::Prefixed("+CSQ:"),
            timeout_ms: 1,
        };
        let mut events = 0;
        for _ in 0..1_000 {
            engine.start(&command, 0).unwrap();
            let mut said = &b"AT+CSQ\r\r\n+ZUSIMR:2\r\n\xff\xfe\r\n+CSQ: 17,99\r\n\r\nOK\r\n"[..];
            while engine.receive(&mut said).is_some() {
                events += 1;
            }
        }
        assert_eq!(events, 3_000);
    });
    assert_eq!(asked, 0);
}

#[test]
fn answers_and_messages_do_not_allocate() {
    let stick = profile_for(0x12d1, 0x1003).unwrap();
    let pdu = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37";
    let asked = allocations(|| {
        for _ in 0..100 {
            assert!(Signal::command(stick).is_some() && Signal::parse("+CSQ: 17,99").is_ok());
            assert!(Creg::parse("+CREG: 2,1,\"1A2B\",\"00C3\",2").is_ok());
            assert!(Operator::parse("+COPS: what").is_err());
            let request = UssdRequest::new("*100#", stick).unwrap();
            let mut text = heapless::String::<128>::new();
            core::fmt::write(&mut text, format_args!("{request}")).unwrap();
            assert_eq!(text, "AT+CUSD=1,\"AA180C3602\",15");
            let balance = Ussd::parse("+CUSD: 0,\"04110430043B0430043D0441\",72").unwrap();
            assert_eq!(balance.text, "Баланс");
            let mut listing = Listing::new(MessageForm::Pdu);
            assert_eq!(listing.hear("+CMGL: 3,0,,27"), Ok(None));
            assert!(listing.hear(pdu).unwrap().is_some());
        }
    });
    assert_eq!(asked, 0);
}

#[test]
fn whole_dialogue_does_not_allocate() {
    let asked = allocations(|| {
        let settings = Settings::new("internet", "*99#", Some("1234")).unwrap();
        let profile = profile_for(0x19d2, 0x2003).unwrap();
        let mut dialer = Dialer::new(profile, settings, 0);
        let (mut said, mut now) = (&b""[..], 0);
        loop {
            match dialer.step(&mut said, now) {
                Dialled::Write(command) => {
                    said = match command {
                        b"AT+CPIN?\r" => b"+CPIN: READY\r\nOK\r\n",
                        b"AT+CREG?\r" => b"+CREG: 0,1\r\nOK\r\n",
                        b"ATD*99#\r" => b"CONNECT\r\n",
                        _ => b"OK\r\n",
                    }
                }
                Dialled::Wait(until) => now = until,
                Dialled::Progress(_) | Dialled::Dtr(_) => {}
                Dialled::Connected(_) => break,
                Dialled::Failed(error) => panic!("{error}"),
            }
        }
    });
    assert_eq!(asked, 0);
}

/// Carries frames between two engines until neither has more to say.
fn exchange(one: &mut Ppp, other: &mut Ppp, now: u64) -> usize {
    let (mut up, mut said) = (0, true);
    while core::mem::take(&mut said) {
        for forth in [true, false] {
            let (from, to) = if forth {
                (&mut *one, &mut *other)
            } else {
                (&mut *other, &mut *one)
            };
            while let Some(output) = from.poll_output() {
                match output {
                    Output::Send(frame, _via) => {
                        said = true;
                        to.handle(Event::Frame(frame), now);
                    }
                    Output::Ipv4Up(_) => up += 1,
                    _ => {}
                }
            }
        }
    }
    up
}

#[test]
fn ppp_frames_do_not_allocate() {
    let offer = Offer {
        local: [10, 0, 0, 1].into(),
        peer: [10, 0, 0, 2].into(),
        dns: [Some([10, 0, 0, 1].into()), Some([10, 0, 0, 3].into())],
        auth: Some(tokio_modem::ppp::AuthProtocol::ChapMd5),
    };
    let asked = allocations(|| {
        let mut client = Ppp::new(Config::default(), 1, 0);
        let config = Config {
            role: Role::Server(offer),
            ..Config::default()
        };
        let mut server = Ppp::new(config, 2, 0);
        for event in [Event::Open, Event::LowerUp] {
            client.handle(event, 0);
            server.handle(event, 0);
        }
        assert_eq!(exchange(&mut client, &mut server, 0), 2, "both ends are up");
        // A day of echoes, and garbage between.
        for round in 1..=5_760_u64 {
            let now = round * 15_000;
            for engine in [&mut client, &mut server] {
                engine.handle(Event::Tick, now);
                engine.handle(Event::Frame(&[0xc0, 0x21, 1, 1, 0, 9, 1]), now);
            }
            exchange(&mut client, &mut server, now);
        }
        assert_eq!(client.echo_unanswered(), 0);
        assert_eq!(client.counters().malformed, 5_760);
    });
    assert_eq!(asked, 0);
}
