//! `DeriveSharedSecret`.

use serde_json::{Value, json};

use crate::openssl::OpenSsl;
use crate::support::*;

const CURVES: [(&str, &str, usize); 3] = [
    ("ECC_NIST_P256", "P-256", 32),
    ("ECC_NIST_P384", "P-384", 48),
    ("ECC_NIST_P521", "P-521", 66),
];

async fn key(service: &Service, spec: &str) -> TestKey {
    service.key_of_spec(spec, "KEY_AGREEMENT").await
}

fn derive(key: &TestKey, peer: &[u8]) -> Value {
    json!({ "KeyId": key.id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": blob(peer) })
}

#[tokio::test]
async fn two_keys_come_to_the_same_secret_from_either_side() {
    let service = Service::start().await;
    for (spec, _, length) in CURVES {
        let (alice, bob) = (key(&service, spec).await, key(&service, spec).await);
        let request = derive(&alice, &service.public_half(&bob).await);
        let hers = service.call("DeriveSharedSecret", request).await.unwrap();
        let request = derive(&bob, &service.public_half(&alice).await);
        let his = service.call("DeriveSharedSecret", request).await.unwrap();
        assert_eq!(hers["SharedSecret"], his["SharedSecret"]);
        assert_eq!(bytes(&hers["SharedSecret"]).len(), length);
        assert_eq!(hers["KeyId"], alice.arn);
        assert_eq!(hers["KeyAgreementAlgorithm"], "ECDH");
        assert_eq!(hers["KeyOrigin"], "AWS_KMS");
    }
}

#[tokio::test]
async fn openssl_on_the_other_side_comes_to_the_same_secret() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    for (spec, curve, _) in CURVES {
        let key = key(&service, spec).await;
        openssl.run(&format!(
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out peer.pem"
        ));
        let peer = openssl.run("pkey -in peer.pem -pubout -outform DER");
        let derived = service
            .call("DeriveSharedSecret", derive(&key, &peer))
            .await
            .unwrap();
        openssl.put_public(&service.public_half(&key).await);
        let theirs = openssl.run("pkeyutl -derive -inkey peer.pem -peerkey public.pem");
        assert_eq!(bytes(&derived["SharedSecret"]), theirs, "{spec}");
    }
}

#[tokio::test]
async fn a_peer_that_is_no_point_on_the_keys_curve_is_refused() {
    let service = Service::start().await;
    let mine = key(&service, "ECC_NIST_P256").await;
    let good = service.public_half(&mine).await;
    let on_another_curve = service
        .public_half(&key(&service, "ECC_NIST_P384").await)
        .await;
    let of_koblitz = service.key_of_spec("ECC_SECG_P256K1", "SIGN_VERIFY").await;
    let of_koblitz = service.public_half(&of_koblitz).await;
    // The last byte of y: the point leaves the curve.
    let mut off_the_curve = good.clone();
    *off_the_curve.last_mut().unwrap() ^= 1;
    let longer = [good.as_slice(), &[0]].concat();
    for peer in [
        &on_another_curve,
        &of_koblitz,
        &off_the_curve,
        &longer,
        &good[1..].to_vec(),
        &vec![7],
    ] {
        let refused = service
            .call("DeriveSharedSecret", derive(&mine, peer))
            .await
            .unwrap_err();
        assert_eq!(refused.code, "ValidationException");
    }
}

#[tokio::test]
async fn an_enclave_is_refused_and_a_dry_run_says_what_the_real_one_would() {
    let service = Service::start().await;
    let key = key(&service, "ECC_NIST_P256").await;
    let peer = service.public_half(&key).await;
    let mut request = derive(&key, &peer);
    request["Recipient"] =
        json!({ "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "eA==" });
    let refused = service
        .call("DeriveSharedSecret", request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "UnsupportedOperationException");
    for (peer, code) in [
        (peer, "DryRunOperationException"),
        (vec![7], "ValidationException"),
    ] {
        let mut request = derive(&key, &peer);
        request["DryRun"] = json!(true);
        let refused = service
            .call("DeriveSharedSecret", request)
            .await
            .unwrap_err();
        assert_eq!(refused.code, code);
    }
}

#[tokio::test]
async fn the_record_shows_the_algorithm_and_no_secret() {
    let service = Service::start().await;
    let key = key(&service, "ECC_NIST_P256").await;
    let request = derive(&key, &service.public_half(&key).await);
    let derived = service.call("DeriveSharedSecret", request).await.unwrap();
    let record = service.last_record();
    let parameters = json!({ "keyId": key.id, "keyAgreementAlgorithm": "ECDH" });
    assert_eq!(record["requestParameters"], parameters);
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["readOnly"], true);
    assert!(!record.to_string().contains(&text(&derived["SharedSecret"])));
}
