//! CBOR bodies under every operation's shape, then the validator: no panic, and no type that the codec let through by mistake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{SERVICES, cbor, validate};

fuzz_target!(|body: &[u8]| {
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        if let Ok(value) = cbor::decode(body, operation.input) {
            let failures = validate::failures(operation.input, &value);
            assert!(failures.iter().all(|failure| !failure.contains("of its type")));
        }
    }
});
