//! Any bytes as a key's private half; the corpus has keys of each kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crypto::property::pkcs8(data));
