//! Any bytes as the JSON of a LUKS2 header with right checksums.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| luks::property::luks2_json(data));
