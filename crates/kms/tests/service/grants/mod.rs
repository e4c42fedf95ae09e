//! Grants: how they are made, what they give and to whom, how they end.

mod accounts;
mod children;
mod constraints;
mod ending;
mod listing;
mod making;
mod specs;
mod tokens;
mod using;

use serde_json::{Value, json};

use crate::support::*;

/// A request for a grant to decrypt.
fn to(grantee: &Caller) -> Value {
    json!({ "GranteePrincipal": grantee.arn(), "Operations": ["Decrypt"] })
}

fn with(mut request: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

async fn refused(service: &Service, key: &TestKey, request: Value) -> Refusal {
    let made = service.try_grant(&Caller::root(), key, request).await;
    made.err().unwrap()
}

async fn ids(service: &Service, key: &TestKey) -> Vec<String> {
    let listed = service
        .call("ListGrants", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let grants = listed["Grants"].as_array().unwrap();
    grants.iter().map(|grant| text(&grant["GrantId"])).collect()
}

/// A key that its policy leaves to the root user alone.
async fn ready() -> (Service, TestKey) {
    let service = Service::start().await;
    let key = service.key_of(json!([delegates()])).await;
    (service, key)
}

fn encrypt(key: &TestKey, context: Value) -> Value {
    json!({ "KeyId": key.id, "Plaintext": "eA==", "EncryptionContext": context })
}

fn data_key(key: &TestKey, context: Value) -> Value {
    json!({ "KeyId": key.id, "KeySpec": "AES_256", "EncryptionContext": context })
}

fn grant(who: &str, operations: Value, constraints: Value) -> Value {
    json!({ "GranteePrincipal": who, "Operations": operations, "Constraints": constraints })
}

async fn may(service: &Service, caller: &Caller, operation: &str, request: Value) -> bool {
    match service.call_as(caller, operation, request).await {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, "AccessDenied", "{}", refused.message);
            false
        }
    }
}
