//! Any bytes as a key's public half; the corpus has keys of each kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crypto::property::spki(data));
