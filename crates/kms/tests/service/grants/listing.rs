//! `ListGrants` and `ListRetirableGrants`: what there is, page by page.

use serde_json::{Value, json};

use super::*;

fn grants(answer: &Value) -> &Vec<Value> {
    answer["Grants"].as_array().unwrap()
}

/// All pages of a list, and how many they were.
async fn pages(service: &Service, operation: &str, request: Value) -> (Vec<String>, usize) {
    let (mut ids, mut count, mut request) = (Vec::new(), 0, request);
    loop {
        let page = service.call(operation, request.clone()).await.unwrap();
        ids.extend(grants(&page).iter().map(|grant| text(&grant["GrantId"])));
        count += 1;
        assert_eq!(page["Truncated"], json!(page.get("NextMarker").is_some()));
        match page.get("NextMarker") {
            None => return (ids, count),
            Some(marker) => request["Marker"] = marker.clone(),
        }
    }
}

#[tokio::test]
async fn a_grant_is_listed_with_all_that_it_says() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let made = service
        .grant(
            &key,
            json!({
                "GranteePrincipal": ACCOUNT, "RetiringPrincipal": bob.arn(), "Operations": ["RetireGrant", "Decrypt", "Decrypt"],
                "Name": "disks", "Constraints": { "EncryptionContextEquals": { "Department": "IT" } },
            }),
        )
        .await;
    let answer = service
        .call("ListGrants", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({
            "Grants": [{
                "KeyId": key.arn, "GrantId": made.id, "Name": "disks", "CreationDate": 1_767_323_045,
                "GranteePrincipal": format!("arn:aws:iam::{ACCOUNT}:root"), "RetiringPrincipal": bob.arn(),
                "IssuingAccount": format!("arn:aws:iam::{ACCOUNT}:root"), "Operations": ["Decrypt", "RetireGrant"],
                "Constraints": { "EncryptionContextEquals": { "Department": "IT" } },
            }],
            "Truncated": false,
        })
    );
}

#[tokio::test]
async fn a_grant_without_a_name_has_an_empty_one_and_without_constraints_none() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let request = json!({ "GranteePrincipal": bob.arn(), "Operations": ["Decrypt"], "Constraints": { "EncryptionContextSubset": {} } });
    service.grant(&key, request).await;
    let answer = service
        .call("ListGrants", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let entry = &grants(&answer)[0];
    assert_eq!(entry["Name"], "");
    for absent in [
        "Constraints",
        "RetiringPrincipal",
        "GranteeServicePrincipal",
    ] {
        assert_eq!(entry.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_list_is_cut_into_pages_that_together_hold_all_once() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    let bob = Caller::nobody("bob");
    let mut made = Vec::new();
    for n in 0..53 {
        let request = json!({ "GranteePrincipal": bob.arn(), "RetiringPrincipal": bob.arn(), "Operations": ["Decrypt"] });
        let grant = service.grant(if n % 2 == 0 { &key } else { &other }, request);
        made.push(grant.await.id);
    }
    made.sort();
    let (mut of_both, mut total) = (Vec::new(), 0);
    for key in [&key, &other] {
        let request = json!({ "KeyId": key.arn, "Limit": 10 });
        let (ids, count) = pages(&service, "ListGrants", request).await;
        of_both.extend(ids);
        total += count;
    }
    of_both.sort();
    assert_eq!((of_both, total), (made.clone(), 6));
    let request = json!({ "RetiringPrincipal": bob.arn() });
    let (mut ids, count) = pages(&service, "ListRetirableGrants", request).await;
    ids.sort();
    assert_eq!((ids, count), (made, 2), "50 on a page unless asked");
    for (operation, mut request) in [
        ("ListGrants", json!({ "KeyId": key.id })),
        (
            "ListRetirableGrants",
            json!({ "RetiringPrincipal": bob.arn() }),
        ),
    ] {
        request["Marker"] = json!("no marker of ours");
        assert_eq!(
            service.call(operation, request).await.unwrap_err().code,
            "InvalidMarkerException"
        );
    }
}

#[tokio::test]
async fn a_list_can_be_of_one_grant_or_of_one_grantee() {
    let service = Service::start().await;
    let key = service.key().await;
    let grant = |who: &Caller| json!({ "GranteePrincipal": who.arn(), "Operations": ["Decrypt"] });
    let (bob, carol) = (Caller::nobody("bob"), Caller::nobody("carol"));
    let first = service.grant(&key, grant(&bob)).await;
    let second = service.grant(&key, grant(&bob)).await;
    let third = service.grant(&key, grant(&carol)).await;
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    for (filter, wanted) in [
        (json!({ "GrantId": third.id }), vec![third.id.clone()]),
        (
            json!({ "GranteePrincipal": bob.arn() }),
            sorted(vec![first.id.clone(), second.id]),
        ),
        (
            json!({ "GranteePrincipal": carol.arn(), "GrantId": first.id }),
            vec![],
        ),
        (json!({ "GrantId": "0".repeat(64) }), vec![]),
    ] {
        let mut request = filter.clone();
        request["KeyId"] = json!(key.id);
        let (ids, _) = pages(&service, "ListGrants", request).await;
        assert_eq!(ids, wanted, "{filter}");
    }
    for (filter, code) in [
        (json!({ "GrantId": "abc" }), "InvalidGrantIdException"),
        (json!({ "GranteePrincipal": "bob" }), "InvalidArnException"),
        (
            json!({ "GranteePrincipal": bob.arn(), "GranteeServicePrincipal": "a.b.amazonaws.com" }),
            "ValidationException",
        ),
        (
            json!({ "GranteeServicePrincipal": "a.b.amazonaws.com" }),
            "AccessDeniedException",
        ),
    ] {
        let mut request = filter.clone();
        request["KeyId"] = json!(key.id);
        assert_eq!(
            service.call("ListGrants", request).await.unwrap_err().code,
            code,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn retirable_grants_are_those_of_one_principal_and_one_region() {
    let service = Service::start().await;
    let key = service.key().await;
    let (bob, carol) = (Caller::nobody("bob"), Caller::nobody("carol"));
    let grant = |retiring: &Caller| json!({ "GranteePrincipal": carol.arn(), "RetiringPrincipal": retiring.arn(), "Operations": ["Decrypt"] });
    let wanted = service.grant(&key, grant(&bob)).await;
    service.grant(&key, grant(&carol)).await;
    let of_bob = json!({ "RetiringPrincipal": bob.arn() });
    let (ids, _) = pages(&service, "ListRetirableGrants", of_bob.clone()).await;
    assert_eq!(ids, [wanted.id]);
    let record = service.last_record();
    assert_eq!(
        record["requestParameters"],
        json!({ "retiringPrincipal": bob.arn() })
    );
    assert_eq!(record.get("resources"), None, "it is about no one key");
    let elsewhere = service.call_in(THERE, "ListRetirableGrants", of_bob).await;
    assert!(grants(&elsewhere.unwrap()).is_empty());
}

#[tokio::test]
async fn retirable_grants_need_leave_of_identity_policies_on_the_principal_asked_about() {
    let service = Service::start().await;
    let bob = Caller::nobody("bob");
    let of = |arn: &str| json!({ "RetiringPrincipal": arn });
    let limited = Caller::user(
        "ann",
        json!([{ "Effect": "Allow", "Action": "kms:ListRetirableGrants", "Resource": bob.arn() }]),
    );
    assert!(
        service
            .call_as(&limited, "ListRetirableGrants", of(&bob.arn()))
            .await
            .is_ok()
    );
    for (caller, arn) in [
        (&limited, limited.arn()),
        (&bob, bob.arn()),
        (
            &Caller::admin("root-like"),
            "arn:aws:iam::444455556666:user/stranger".to_owned(),
        ),
    ] {
        let refused = service
            .call_as(caller, "ListRetirableGrants", of(&arn))
            .await;
        assert_eq!(refused.unwrap_err().code, "AccessDenied", "{arn}");
    }
    for (request, code) in [
        (json!({}), "ValidationException"),
        (of("nobody"), "InvalidArnException"),
        (
            json!({ "RetiringServicePrincipal": "a.b.amazonaws.com" }),
            "AccessDeniedException",
        ),
    ] {
        let refused = service.call("ListRetirableGrants", request.clone()).await;
        assert_eq!(refused.unwrap_err().code, code, "{request}");
    }
}
