//! The machine of the story: a role that may fetch one object and, by the key's policy, use one key.

use std::sync::Arc;

use identity::Caller;
use policy::{Ask, Context, Policy, PolicyKind, ResourcePolicy, authorize};
use serde_json::{Value, json};

use crate::words::*;

const OBJECT: &str = "arn:aws:s3:::bucket/LuksInternalStorageKey";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";

async fn machine(world: &World) -> Caller {
    let traveller = world.traveller().await;
    let role = world.role("Machine").await;
    let own = json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECT}});
    let put = json!({"RoleName": "Machine", "PolicyName": "p", "PolicyDocument": own.to_string()});
    world.iam("PutRolePolicy", put).await.unwrap();
    let tags = json!({"RoleName": "Machine", "Tags": [{"Key": "machine", "Value": "m-1"}]});
    world.iam("TagRole", tags).await.unwrap();
    let take = json!({"RoleArn": role, "RoleSessionName": "i-0abc"});
    world.caller(&world.assume(&traveller, take).await.unwrap())
}

fn outcome(caller: &Caller, ask: Ask) -> Result<(), String> {
    let principal = Arc::clone(&caller.principal);
    let authorized = authorize((), &[ask], principal, &caller.layers, &Context::new());
    authorized
        .map(|authorized| authorized.into_parts().0)
        .map_err(|denied| denied.to_string())
}

fn decrypt(key_policy: &Value, machine: &str) -> Ask {
    let policy = Policy::compile(&key_policy.to_string(), PolicyKind::Resource).unwrap();
    Ask::new("kms:Decrypt", KEY)
        .with_context(Context::new().with("kms:EncryptionContext:kluis:machine", machine))
        .with_resource_policy(ResourcePolicy::Required(Arc::new(policy)))
}

/// The administrator's statement, and the machine's, which ties the encryption context to the caller.
fn key_policy(with_machine: bool) -> Value {
    let administrator = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "kms:*", "Resource": "*"});
    let machine = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/Machine"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:kluis:machine": "${aws:PrincipalTag/machine}"}}});
    let statements = if with_machine {
        vec![administrator, machine]
    } else {
        vec![administrator]
    };
    json!({"Version": "2012-10-17", "Statement": statements})
}

#[tokio::test]
async fn it_may_fetch_its_object_and_nothing_beside_it() {
    let world = World::new().await;
    let machine = machine(&world).await;
    outcome(&machine, Ask::new("s3:GetObject", OBJECT)).unwrap();
    for other in [
        "arn:aws:s3:::bucket/Other",
        "arn:aws:s3:::bucket",
        "arn:aws:s3:::bucket/LuksInternalStorageKey/x",
    ] {
        outcome(&machine, Ask::new("s3:GetObject", other)).unwrap_err();
    }
    outcome(&machine, Ask::new("s3:PutObject", OBJECT)).unwrap_err();
}

#[tokio::test]
async fn it_may_use_its_key_for_itself_until_the_right_is_taken_away() {
    let world = World::new().await;
    let machine = machine(&world).await;
    outcome(&machine, decrypt(&key_policy(true), "m-1")).unwrap();
    outcome(&machine, decrypt(&key_policy(true), "m-2")).unwrap_err();
    assert_eq!(
        outcome(&machine, decrypt(&key_policy(false), "m-1")).unwrap_err(),
        "User: arn:aws:sts::111122223333:assumed-role/Machine/i-0abc is not authorized to perform: kms:Decrypt on \
         resource: arn:aws:kms:eu-west-1:111122223333:key/1234 because no identity-based policy allows the \
         kms:Decrypt action"
    );
}
