//! Commands in their turn, each with its time.

use super::*;

fn push<const N: usize>(
    queue: &mut Queue<N>,
    text: &str,
    timeout_ms: u64,
) -> Result<(), QueueError> {
    queue.push(&Command {
        text,
        answer: Answer::Nothing,
        timeout_ms,
    })
}

#[test]
fn each_command_has_its_own_time_from_its_turn_on() {
    let (mut engine, mut queue) = (Engine::new(), Queue::<2>::new());
    push(&mut queue, "AT+CFUN=1", 5_000).unwrap();
    push(&mut queue, "AT", 1_000).unwrap();
    assert_eq!(queue.start(&mut engine, 0), Some(&b"AT+CFUN=1\r"[..]));
    assert_eq!(engine.deadline(), Some(5_000));
    assert_eq!(queue.start(&mut engine, 4_999), None);
    assert_eq!(engine.tick(5_000), Some(Event::TimedOut));
    // One that was given up does not hold the others up.
    assert_eq!(queue.start(&mut engine, 5_000), Some(&b"AT\r"[..]));
    assert_eq!(engine.deadline(), Some(6_000));
    assert_eq!(
        hear(&mut engine, b"AT\r\r\nOK\r\n").0,
        [Event::Result(Final::Ok)]
    );
    assert_eq!(queue.start(&mut engine, 5_001), None);
}

#[test]
fn refused_command_leaves_the_queue_unchanged() {
    let mut queue = Queue::<2>::new();
    let wrong = push(&mut queue, "AT\rATH", 1);
    assert_eq!(wrong, Err(QueueError::Command(StartError::NotPrintable)));
    let long = "A".repeat(COMMAND_MAX + 1);
    let wrong = push(&mut queue, &long, 1);
    assert_eq!(wrong, Err(QueueError::Command(StartError::TooLong)));
    assert!(queue.is_empty());
    push(&mut queue, "AT", 1).unwrap();
    push(&mut queue, &"A".repeat(COMMAND_MAX), 1).unwrap();
    let full = push(&mut queue, "ATZ", 1).unwrap_err();
    assert_eq!(
        full.to_string(),
        "expected fewer than 2 waiting commands, got another one"
    );
    assert_eq!(queue.len(), 2);
    queue.clear();
    assert_eq!(queue.start(&mut Engine::new(), 0), None);
}

#[test]
fn a_call_keeps_the_others_waiting() {
    let (mut engine, mut queue) = (Engine::new(), Queue::<2>::new());
    start(&mut engine, "ATD*99#", Answer::Call, 0);
    hear(&mut engine, b"CONNECT\r\n");
    push(&mut queue, "AT+CSQ", 1_000).unwrap();
    assert_eq!(queue.start(&mut engine, 1), None);
    engine.leave_data();
    assert_eq!(queue.start(&mut engine, 2), Some(&b"AT+CSQ\r"[..]));
}
