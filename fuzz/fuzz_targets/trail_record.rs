//! Any bytes as a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trail::property::record(data));
