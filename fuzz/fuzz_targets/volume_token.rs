//! Any bytes as the JSON of a token in a LUKS2 header.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| volume::binding::property::token(data));
