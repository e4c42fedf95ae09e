//! The vocabulary of these tests.

use std::sync::Arc;

use policy::{
    Ask, Context, Decision, Layer, Layers, Policy, PolicyKind, Principal, PrincipalKind, Reason,
    evaluate,
};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";
pub(crate) const OBJECT: &str = "arn:aws:s3:::bucket/prefix/object";
pub(crate) const ALLOWED_BY_IDENTITY: Decision = Decision::Allowed(Layer::Identity);
pub(crate) const ALLOWED_BY_RESOURCE: Decision = Decision::Allowed(Layer::Resource);

pub(crate) const fn no_allow(layer: Layer) -> Decision {
    Decision::Denied(Reason::NoAllow(layer))
}

pub(crate) const fn explicit_deny(layer: Layer) -> Decision {
    Decision::Denied(Reason::ExplicitDeny(layer))
}

pub(crate) fn alice() -> Principal {
    Principal {
        kind: PrincipalKind::User,
        arn: format!("arn:aws:iam::{ACCOUNT}:user/alice"),
        account: ACCOUNT.to_owned(),
        user_id: "AIDAALICE".to_owned(),
        name: "alice".to_owned(),
        role_arn: None,
        tags: [("Team".to_owned(), "storage".to_owned())].into(),
        context: Context::new(),
    }
}

pub(crate) fn machine_session() -> Principal {
    Principal {
        kind: PrincipalKind::AssumedRole,
        arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/Machine/i-0abc"),
        account: ACCOUNT.to_owned(),
        user_id: "AROAMACHINE:i-0abc".to_owned(),
        name: "i-0abc".to_owned(),
        role_arn: Some(format!("arn:aws:iam::{ACCOUNT}:role/fleet/Machine")),
        ..alice()
    }
}

pub(crate) fn of_account(account: &str, principal: &Principal) -> Principal {
    let moved = |arn: &str| arn.replace(ACCOUNT, account);
    Principal {
        arn: moved(&principal.arn),
        account: account.to_owned(),
        role_arn: principal.role_arn.as_deref().map(moved),
        ..principal.clone()
    }
}

pub(crate) fn policy(kind: PolicyKind, statements: Value) -> Arc<Policy> {
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Arc::new(Policy::compile(&document, kind).expect("the policy compiles"))
}

pub(crate) fn identity(statements: Value) -> Layers {
    Layers {
        identity: vec![policy(PolicyKind::Identity, statements)],
        session: None,
    }
}

pub(crate) fn no_policies() -> Layers {
    Layers::default()
}

pub(crate) fn decide(principal: &Principal, ask: &Ask, layers: &Layers) -> Decision {
    evaluate(principal, ask, layers, &Context::new())
}

/// Whether alice may, by one identity statement with this condition, in a request with this context.
pub(crate) fn holds(effect: &str, condition: Value, context: Context) -> bool {
    let mut statements =
        vec![json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition})];
    if effect == "Deny" {
        statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    }
    let ask = Ask::new("s3:GetObject", OBJECT).with_context(context);
    let allowed = decide(&alice(), &ask, &identity(Value::Array(statements))).is_allowed();
    allowed == (effect == "Allow")
}
