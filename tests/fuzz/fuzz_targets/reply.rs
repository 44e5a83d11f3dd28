#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| levy_fuzz::reply::property_signing(bytes, 16));
