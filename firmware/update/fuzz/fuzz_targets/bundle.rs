#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| failberry_update_fuzz::bundle(data));
