//! Any bytes as a mount table, a list of swap, or device-mapper's answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| volume::linux::property::tables(data));
