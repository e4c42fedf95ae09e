//! Any bytes as a line of a segment.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trail::property::line(data));
