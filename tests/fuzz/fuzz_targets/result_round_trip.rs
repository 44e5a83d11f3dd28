#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| levy_fuzz::result_round_trip::property(bytes));
