//! Query forms under every operation's shape, then the validator: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{SERVICES, query::Form, validate};

fuzz_target!(|body: &[u8]| {
    if let Ok(form) = Form::parse(body) {
        for operation in SERVICES.iter().flat_map(|service| service.operations) {
            if let Ok(value) = form.decode(operation.input) {
                let failures = validate::failures(operation.input, &value);
                assert!(failures.iter().all(|failure| !failure.contains("of its type")));
            }
        }
    }
});
