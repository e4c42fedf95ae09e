//! No bytes make the decoder of ciphertext blobs panic, and none that were not sealed open.
#![no_main]

use std::sync::LazyLock;

use crypto::Secret;
use kms::ciphertext::{Blob, MAX_LEN};
use kms::names::KeyArn;
use libfuzzer_sys::fuzz_target;

static BACKING: LazyLock<Secret<32>> = LazyLock::new(|| Secret::random().expect("randomness"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(blob) = Blob::decode(bytes) {
        assert!(bytes.len() <= MAX_LEN);
        // What a blob claims is a well-formed name.
        assert_eq!(blob.key().to_string().parse::<KeyArn>().as_ref(), Ok(blob.key()));
        assert!(blob.open(&BACKING, b"").is_err());
    }
});
