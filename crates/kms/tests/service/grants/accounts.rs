//! Grants across accounts.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_grant_lets_a_principal_of_another_account_without_any_policy_of_either() {
    let (service, key) = ready().await;
    let nothing = json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]);
    let eve = Caller::foreign_user("eve", nothing.clone());
    let request = json!({ "KeyId": key.arn, "KeySpec": "AES_256" });
    assert!(!may(&service, &eve, "GenerateDataKey", request.clone()).await);
    let mut wanted = grant(&eve.arn(), json!(["GenerateDataKey"]), json!({}));
    wanted["RetiringPrincipal"] = json!(eve.arn());
    let made = service.grant(&key, wanted).await;
    assert!(may(&service, &eve, "GenerateDataKey", request.clone()).await);
    let other = Caller::foreign_user("mallory", nothing);
    assert!(!may(&service, &other, "GenerateDataKey", request.clone()).await);

    let of_eve = json!({ "RetiringPrincipal": eve.arn() });
    let listed = service
        .call_as(&Caller::foreign_root(), "ListRetirableGrants", of_eve)
        .await
        .unwrap();
    assert_eq!(listed["Grants"][0]["GrantId"], made.id);
    assert_eq!(listed["Grants"][0]["KeyId"], key.arn);
    let retire = json!({ "GrantToken": made.token });
    assert!(!may(&service, &other, "RetireGrant", retire.clone()).await);
    assert!(may(&service, &eve, "RetireGrant", retire).await);
    assert!(!may(&service, &eve, "GenerateDataKey", request).await);
}

#[tokio::test]
async fn a_grant_to_another_account_is_for_that_accounts_identity_policies_to_pass_on() {
    let (service, key) = ready().await;
    service
        .grant(&key, grant(OTHER, json!(["Encrypt"]), json!({})))
        .await;
    let user = |action: &str| {
        Caller::foreign_user(
            "eve",
            json!([{ "Effect": "Allow", "Action": action, "Resource": "*" }]),
        )
    };
    let request = json!({ "KeyId": key.arn, "Plaintext": "eA==" });
    for (caller, allowed) in [
        (Caller::foreign_root(), true),
        (user("kms:Encrypt"), true),
        (user("kms:Decrypt"), false),
        (Caller::nobody("bob"), false),
    ] {
        assert_eq!(
            may(&service, &caller, "Encrypt", request.clone()).await,
            allowed,
            "{}",
            caller.arn()
        );
    }
}

#[tokio::test]
async fn a_grant_that_another_account_made_is_of_that_account_and_its_to_retire() {
    let service = Service::start().await;
    let shares = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:root") }, "Action": "kms:*Grant*", "Resource": "*",
    });
    let key = service.key_of(json!([delegates(), shares])).await;
    let carol = Caller::nobody("carol");
    let wanted = grant(&carol.arn(), json!(["Encrypt"]), json!({}));
    let made = service
        .try_grant(&Caller::foreign_root(), &key, wanted)
        .await
        .unwrap();
    assert!(may(&service, &carol, "Encrypt", encrypt(&key, json!({}))).await);
    let of_key = json!({ "KeyId": key.arn });
    let listed = service
        .call_as(&Caller::foreign_root(), "ListGrants", of_key)
        .await
        .unwrap();
    assert_eq!(
        listed["Grants"][0]["IssuingAccount"],
        format!("arn:aws:iam::{OTHER}:root")
    );
    let retire = json!({ "KeyId": key.arn, "GrantId": made.id });
    assert!(may(&service, &Caller::foreign_root(), "RetireGrant", retire).await);
    assert!(!may(&service, &carol, "Encrypt", encrypt(&key, json!({}))).await);
}
