//! What holds for any stick.

use proptest::prelude::*;

use super::{stick::Call, *};

/// Anything at any time in the first two minutes.
fn noise() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..40),
        Just(b"\r\nOK\r\n".to_vec()),
        Just(b"\r\nERROR\r\n".to_vec()),
        Just(b"\r\nCONNECT\r".to_vec()),
        Just(b"\r\n+CME ERROR: 11\r\n".to_vec()),
        Just(b"\r\n+CPIN: SIM PIN\r\n".to_vec()),
        Just(b"\r\n+ZUSIMR:2\r\n".to_vec()),
        Just(b"\r\n+CREG: 0,2\r\n".to_vec()),
        Just(std::vec![b'A'; 400]),
    ];
    proptest::collection::vec((0_u64..120_000, piece), 0..60)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => Just(Call::None),
        1 => Just(Call::UntilEscape),
        1 => Just(Call::UntilTerminate),
        1 => Just(Call::UntilDtr),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The runner bounds time and calls, and looks for the PIN.
    #[test]
    fn any_bytes_at_any_time_end_somehow(
        noise in noise(),
        call in call(),
        echo in any::<bool>(),
        locked in any::<bool>(),
        dies_after in proptest::option::of(0_usize..16),
    ) {
        let mut stick = if locked { Stick::locked() } else { Stick::new() };
        stick.echo = echo;
        stick.call = call;
        stick.dies_after = dies_after;
        for (at, bytes) in &noise {
            stick.say(*at, bytes);
        }
        let outcome = dial(&mut stick);
        prop_assert!(stick.count("AT+CPIN=") <= 1);
        prop_assert!(outcome.took_ms <= 4 * 60_000, "{} ms", outcome.took_ms);
    }
}
