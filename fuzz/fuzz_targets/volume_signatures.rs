//! Any bytes as a raw device.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| volume::signatures::property::device(data));
