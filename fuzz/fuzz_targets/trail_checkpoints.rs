//! Any bytes as a file of checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trail::property::checkpoints(data));
