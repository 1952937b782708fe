#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign::fuzzing::child_protocol(bytes));
