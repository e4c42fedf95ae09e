//! Any bytes as a device; the corpus are LUKS1 headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| luks::property::device(data));
