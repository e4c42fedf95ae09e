//! No policy and request make the evaluator panic, and none outweighs an explicit deny.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use policy::{Ask, Context, Layers, Policy, PolicyKind, Principal, ResourcePolicy, evaluate};

const DENY_ALL: &str = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
static DENYING: LazyLock<Option<Arc<Policy>>> =
    LazyLock::new(|| Policy::compile(DENY_ALL, PolicyKind::Resource).ok().map(Arc::new));

fuzz_target!(|input: (&str, &str, &str, &str, &str)| {
    let (document, action, resource, key, value) = input;
    let Ok(policy) = Policy::compile(document, PolicyKind::Identity) else { return };
    let layers = Layers { identity: vec![Arc::new(policy)], session: None };
    let ask = Ask::new(action, resource).with_context(Context::new().with(key, value));
    let _ = evaluate(&Principal::root("111122223333"), &ask, &layers, &Context::new());
    if let Some(denying) = DENYING.clone() {
        let ask = ask.with_resource_policy(ResourcePolicy::Optional(denying));
        assert!(!evaluate(&Principal::root("111122223333"), &ask, &layers, &Context::new()).is_allowed());
    }
});
