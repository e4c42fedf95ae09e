//! `GetKeyPolicy`, `PutKeyPolicy`, `ListKeyPolicies`; the default policy and the lockout check.

use serde_json::{Value, json};

use crate::support::*;

fn policy(statements: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

const LOCKOUT: &str =
    "The new key policy will not allow you to update the key policy in the future.";

#[tokio::test]
async fn a_key_made_without_a_policy_is_left_to_the_accounts_identity_policies() {
    let service = Service::start().await;
    let key = service.key().await;
    let answer = service
        .call(
            "GetKeyPolicy",
            json!({ "KeyId": key.id, "PolicyName": "default" }),
        )
        .await
        .unwrap();
    assert_eq!(answer["PolicyName"], "default");
    let document: Value = serde_json::from_str(&text(&answer["Policy"])).unwrap();
    assert_eq!(
        document,
        json!({
            "Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
                "Sid": "Enable IAM User Permissions", "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*",
            }],
        })
    );
}

#[tokio::test]
async fn a_policy_comes_back_as_it_was_written() {
    let service = Service::start().await;
    let key = service.key().await;
    let written = format!(
        "  {}\n",
        policy(json!([delegates()])).replace("\":", "\" :  ")
    );
    service
        .call(
            "PutKeyPolicy",
            json!({ "KeyId": key.arn, "Policy": written }),
        )
        .await
        .unwrap();
    let answer = service
        .call("GetKeyPolicy", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(answer["Policy"], written);
    let names = service
        .call("ListKeyPolicies", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(
        names,
        json!({ "PolicyNames": ["default"], "Truncated": false })
    );
}

#[tokio::test]
async fn a_policy_has_the_name_default_and_no_other() {
    let service = Service::start().await;
    let key = service.key().await;
    let refused = service
        .call(
            "GetKeyPolicy",
            json!({ "KeyId": key.id, "PolicyName": "other" }),
        )
        .await;
    assert_eq!(
        refused,
        Err(refusal("NotFoundException", "No such policy exists"))
    );
    let request =
        json!({ "KeyId": key.id, "PolicyName": "other", "Policy": policy(json!([delegates()])) });
    assert_eq!(
        service
            .call("PutKeyPolicy", request)
            .await
            .unwrap_err()
            .code,
        "NotFoundException"
    );
}

#[tokio::test]
async fn what_is_no_policy_is_refused_and_the_old_one_stays() {
    let service = Service::start().await;
    let key = service.key().await;
    let before = service
        .call("GetKeyPolicy", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    for text in [
        "{}",
        "nonsense",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}"#,
    ] {
        for (operation, request) in [
            ("PutKeyPolicy", json!({ "KeyId": key.id, "Policy": text })),
            ("CreateKey", json!({ "Policy": text })),
        ] {
            let refused = service.call(operation, request).await.unwrap_err();
            assert_eq!(
                refused.code, "MalformedPolicyDocumentException",
                "{operation} {text}"
            );
        }
    }
    assert_eq!(
        service
            .call("GetKeyPolicy", json!({ "KeyId": key.id }))
            .await
            .unwrap(),
        before
    );
}

#[tokio::test]
async fn a_policy_has_at_most_32_kilobytes() {
    let service = Service::start().await;
    let key = service.key().await;
    let padded = |length: usize| {
        let document = policy(json!([delegates()]));
        format!("{document}{}", " ".repeat(length - document.len()))
    };
    let request = |length| json!({ "KeyId": key.id, "Policy": padded(length) });
    assert!(
        service
            .call("PutKeyPolicy", request(32 * 1024))
            .await
            .is_ok()
    );
    let refused = service
        .call("PutKeyPolicy", request(32 * 1024 + 1))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "LimitExceededException");
}

#[tokio::test]
async fn an_author_is_kept_from_locking_themselves_out() {
    let service = Service::start().await;
    let admin = Caller::admin("alice");
    let lockout = Err(refusal("MalformedPolicyDocumentException", LOCKOUT));
    for statements in [
        json!([lets("bob", "kms:*")]),
        json!([lets("alice", "kms:Decrypt")]),
        json!([delegates(), { "Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy", "Resource": "*" }]),
    ] {
        let made = service
            .call_as(
                &admin,
                "CreateKey",
                json!({ "Policy": policy(statements.clone()) }),
            )
            .await;
        assert_eq!(made, lockout, "{statements}");
        let key = service.key().await;
        let request = json!({ "KeyId": key.id, "Policy": policy(statements.clone()) });
        assert_eq!(
            service.call_as(&admin, "PutKeyPolicy", request).await,
            lockout,
            "{statements}"
        );
    }
    for statements in [
        json!([delegates()]),
        json!([lets("alice", "kms:*")]),
        json!([lets("alice", "kms:PutKeyPolicy")]),
    ] {
        let made = service
            .call_as(
                &admin,
                "CreateKey",
                json!({ "Policy": policy(statements.clone()) }),
            )
            .await;
        assert!(made.is_ok(), "{statements}");
    }
}

#[tokio::test]
async fn an_author_who_insists_may_lock_themselves_out() {
    let service = Service::start().await;
    let admin = Caller::admin("alice");
    let key = service.key().await;
    let request = json!({
        "KeyId": key.id, "Policy": policy(json!([lets("bob", "kms:*")])), "BypassPolicyLockoutSafetyCheck": true,
    });
    service
        .call_as(&admin, "PutKeyPolicy", request)
        .await
        .unwrap();
    let refused = service
        .call_as(&admin, "GetKeyPolicy", json!({ "KeyId": key.id }))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
}

#[tokio::test]
async fn a_policy_that_keeps_its_author_by_what_the_key_is_stands() {
    let service = Service::start().await;
    let admin = Caller::admin("alice");
    let tags = json!([{ "TagKey": "team", "TagValue": "storage" }]);
    for (team, stands) in [("storage", true), ("finance", false)] {
        let mut statement = lets("alice", "kms:*");
        statement["Condition"] = json!({ "StringEquals": { "aws:ResourceTag/team": team } });
        let written = policy(json!([statement]));
        let made = service
            .call_as(
                &admin,
                "CreateKey",
                json!({ "Policy": written, "Tags": tags }),
            )
            .await;
        assert_eq!(made.is_ok(), stands, "{team}");
        let key = service.key_with(json!({ "Tags": tags })).await;
        let put = service
            .call_as(
                &admin,
                "PutKeyPolicy",
                json!({ "KeyId": key.id, "Policy": written }),
            )
            .await;
        assert_eq!(put.is_ok(), stands, "{team}");
    }
}

#[tokio::test]
async fn a_policy_that_names_nobody_known_is_refused() {
    let service = Service::start().await;
    let key = service.key().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/absent");
    service.people.set(&arn, None);
    // Neither who is not there, nor a unique id, which only an answer may have, nor what names nobody.
    let unknown = [
        arn,
        "AIDAEXAMPLEEXAMPLEXYZ".to_owned(),
        "nonsense".to_owned(),
    ];
    for name in unknown {
        let mut statement = lets("x", "kms:*");
        statement["Principal"] = json!({ "AWS": name });
        let policy =
            json!({ "Version": "2012-10-17", "Statement": [delegates(), statement] }).to_string();
        for (operation, request) in [
            ("CreateKey", json!({ "Policy": policy })),
            ("PutKeyPolicy", json!({ "KeyId": key.id, "Policy": policy })),
        ] {
            let refused = service.call(operation, request).await.unwrap_err();
            let words = "Policy contains a statement with one or more invalid principals.";
            assert_eq!(
                refused,
                refusal("MalformedPolicyDocumentException", words),
                "{operation} {name}"
            );
        }
    }
}

#[tokio::test]
async fn a_user_who_is_made_anew_does_not_have_what_the_first_was_given() {
    let service = Service::start().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    let policy = json!([delegates(), lets("alice", "kms:DescribeKey")]);
    let key = service.key_of(policy).await;
    let (alice, request) = (Caller::nobody("alice"), json!({ "KeyId": key.id }));
    service
        .call_as(&alice, "DescribeKey", request.clone())
        .await
        .unwrap();
    let named = |answer: Value| -> Value {
        let policy: Value = serde_json::from_str(&text(&answer["Policy"])).unwrap();
        policy["Statement"][1]["Principal"]["AWS"].clone()
    };
    let shown = service.call("GetKeyPolicy", request.clone()).await.unwrap();
    assert_eq!(named(shown), arn);

    service.people.set(&arn, Some("AIDASECOND"));
    let anew = alice.with_id("AIDASECOND");
    let again = service.restarted().await;
    let refused = again
        .call_as(&anew, "DescribeKey", request.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    let shown = again.call("GetKeyPolicy", request.clone()).await.unwrap();
    assert_eq!(named(shown), "AIDAALICE");

    // The same words, put again, are for who is there now.
    let policy = json!({ "Version": "2012-10-17", "Statement": [delegates(), lets("alice", "kms:DescribeKey")] });
    let put = json!({ "KeyId": key.id, "Policy": policy.to_string() });
    again.call("PutKeyPolicy", put).await.unwrap();
    again.call_as(&anew, "DescribeKey", request).await.unwrap();
}
