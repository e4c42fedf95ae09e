//! No document makes the policy compiler panic, and what compiles compiles again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::{Policy, PolicyKind};

fuzz_target!(|document: &str| {
    for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust, PolicyKind::Session] {
        if let Ok(policy) = Policy::compile(document, kind) {
            assert_eq!(Policy::compile(policy.document(), kind).as_ref(), Ok(&policy));
        }
    }
});
