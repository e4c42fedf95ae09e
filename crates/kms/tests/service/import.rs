//! Imported material: wrapped by OpenSSL as the developer guide has it, used, expired, deleted, imported again.

use serde_json::{Value, json};

use crate::openssl::OpenSsl;
use crate::support::*;

const DAY: i64 = 24 * 60 * 60;
const OAEP: &str = "RSAES_OAEP_SHA_256";
const HYBRID: &str = "RSA_AES_KEY_WRAP_SHA_256";
/// 32 bytes of an owner's.
const ONE: [u8; 32] = [1; 32];
const TWO: [u8; 32] = [2; 32];

async fn external(service: &Service) -> TestKey {
    service.key_with(json!({ "Origin": "EXTERNAL" })).await
}

async fn parameters(service: &Service, region: &str, key: &TestKey, algorithm: &str) -> Value {
    let request = json!({
        "KeyId": key.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048",
    });
    let answer = service
        .call_in(region, "GetParametersForImport", request)
        .await;
    answer.unwrap()
}

/// What OpenSSL makes of material under the public key of `parameters`.
fn wrapped(parameters: &Value, algorithm: &str, material: &[u8]) -> Vec<u8> {
    let openssl = OpenSsl::new();
    openssl.put("public.der", &bytes(&parameters["PublicKey"]));
    let digest = if algorithm.ends_with("SHA_1") {
        "sha1"
    } else {
        "sha256"
    };
    let oaep = |file: &str| {
        openssl.run(&format!(
            "pkeyutl -encrypt -in {file} -inkey public.der -keyform DER -pubin -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{digest} -pkeyopt rsa_mgf1_md:{digest}"
        ))
    };
    openssl.put("material", material);
    if algorithm.starts_with("RSAES") {
        return oaep("material");
    }
    let aes = openssl.run("rand 32");
    openssl.put("aes", &aes);
    let key = hex::encode(&aes);
    let sealed = openssl.run(&format!(
        "enc -id-aes256-wrap-pad -K {key} -iv A65959A6 -in material"
    ));
    [oaep("aes"), sealed].concat()
}

/// A request that imports material for good, with what else is said.
async fn request(
    service: &Service,
    region: &str,
    key: &TestKey,
    algorithm: &str,
    material: &[u8],
    said: Value,
) -> Value {
    let parameters = parameters(service, region, key, algorithm).await;
    let mut request = json!({
        "KeyId": key.id, "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": blob(wrapped(&parameters, algorithm, material)),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    for (name, value) in said.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

async fn import_in(
    service: &Service,
    region: &str,
    key: &TestKey,
    material: &[u8],
    said: Value,
) -> Result<Value, Refusal> {
    let request = request(service, region, key, OAEP, material, said).await;
    service.call_in(region, "ImportKeyMaterial", request).await
}

async fn import(
    service: &Service,
    key: &TestKey,
    material: &[u8],
    said: Value,
) -> Result<Value, Refusal> {
    import_in(service, HERE, key, material, said).await
}

async fn imported() -> (Service, TestKey, String) {
    let service = Service::start().await;
    let key = external(&service).await;
    let answer = import(&service, &key, &ONE, json!({})).await.unwrap();
    let material = text(&answer["KeyMaterialId"]);
    (service, key, material)
}

async fn materials(service: &Service, region: &str, key: &TestKey) -> Vec<Value> {
    let request = json!({ "KeyId": key.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL" });
    let answer = service.call_in(region, "ListKeyRotations", request).await;
    answer.unwrap()["Rotations"].as_array().unwrap().clone()
}

async fn delete(service: &Service, key: &TestKey, said: Value) -> Result<Value, Refusal> {
    let mut request = said;
    request["KeyId"] = json!(key.id);
    service.call("DeleteImportedKeyMaterial", request).await
}

fn code(answer: Result<Value, Refusal>) -> String {
    answer.unwrap_err().code
}

#[tokio::test]
async fn a_key_for_imported_material_waits_for_it() {
    let service = Service::start().await;
    let key = external(&service).await;
    let metadata = service.metadata(HERE, &key.id).await;
    assert_eq!(metadata["KeyState"], "PendingImport");
    assert_eq!(metadata["Enabled"], false);
    assert_eq!(metadata["Origin"], "EXTERNAL");
    for absent in ["CurrentKeyMaterialId", "ExpirationModel", "ValidTo"] {
        assert_eq!(metadata.get(absent), None, "{absent}");
    }
    let waits = format!("{} is pending import.", key.arn);
    let waits = Err(refusal("KMSInvalidStateException", waits));
    for (operation, request) in [
        ("Encrypt", json!({ "KeyId": key.id, "Plaintext": "eA==" })),
        (
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        ),
        ("EnableKey", json!({ "KeyId": key.id })),
        ("DisableKey", json!({ "KeyId": key.id })),
        ("RotateKeyOnDemand", json!({ "KeyId": key.id })),
    ] {
        assert_eq!(service.call(operation, request).await, waits, "{operation}");
    }
    for (operation, request) in [
        (
            "UpdateKeyDescription",
            json!({ "KeyId": key.id, "Description": "d" }),
        ),
        (
            "TagResource",
            json!({ "KeyId": key.id, "Tags": [{ "TagKey": "a", "TagValue": "" }] }),
        ),
        (
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        ),
        ("GetKeyPolicy", json!({ "KeyId": key.id })),
        ("DeleteImportedKeyMaterial", json!({ "KeyId": key.id })),
        ("ScheduleKeyDeletion", json!({ "KeyId": key.id })),
        ("CancelKeyDeletion", json!({ "KeyId": key.id })),
    ] {
        let answer = service.call(operation, request).await;
        assert!(answer.is_ok(), "{operation} {answer:?}");
    }
    assert_eq!(service.state(&key).await, "PendingImport");
}

#[tokio::test]
async fn material_that_openssl_wrapped_is_imported_in_every_way_that_aws_has() {
    let service = Service::start().await;
    for (algorithm, size) in [
        ("RSAES_OAEP_SHA_1", "RSA_2048"),
        ("RSAES_OAEP_SHA_256", "RSA_3072"),
        ("RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
        ("RSA_AES_KEY_WRAP_SHA_256", "RSA_4096"),
    ] {
        let key = external(&service).await;
        let request =
            json!({ "KeyId": key.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": size });
        let given = service
            .call("GetParametersForImport", request)
            .await
            .unwrap();
        assert_eq!(given["KeyId"], key.arn);
        assert_eq!(given["ParametersValidTo"], service.now().as_second() + DAY);
        let request = json!({
            "KeyId": key.id, "ImportToken": given["ImportToken"],
            "EncryptedKeyMaterial": blob(wrapped(&given, algorithm, &ONE)),
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        });
        let answer = service.call("ImportKeyMaterial", request).await.unwrap();
        assert_eq!(answer["KeyId"], key.arn, "{algorithm}");
        let metadata = service.metadata(HERE, &key.id).await;
        assert_eq!(metadata["KeyState"], "Enabled");
        assert_eq!(metadata["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
        assert_eq!(metadata["CurrentKeyMaterialId"], answer["KeyMaterialId"]);
        let sealed = service.encrypt(&key.id, b"x", json!({})).await;
        let again = service.restarted().await;
        assert_eq!(again.decrypt(&sealed, json!({})).await.unwrap(), b"x");
    }
}

#[tokio::test]
async fn an_imported_hmac_key_makes_the_macs_that_openssl_makes_with_it() {
    let service = Service::start().await;
    let made =
        json!({ "Origin": "EXTERNAL", "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
    let key = service.key_with(made).await;
    let answer = import(&service, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(answer, json!({ "KeyId": key.arn }));
    let request =
        json!({ "KeyId": key.id, "Message": blob(b"message"), "MacAlgorithm": "HMAC_SHA_256" });
    let mac = service.call("GenerateMac", request).await.unwrap();
    let options = format!("-sha256 -mac HMAC -macopt hexkey:{}", hex::encode(ONE));
    assert_eq!(
        bytes(&mac["Mac"]),
        OpenSsl::new().digest(&options, b"message")
    );
    assert_eq!(
        code(import(&service, &key, &TWO, json!({})).await),
        "IncorrectKeyMaterialException"
    );
}

#[tokio::test]
async fn an_imported_pair_signs_for_the_public_half_that_its_owner_has() {
    let service = Service::start().await;
    for (spec, algorithm, make, signing) in [
        (
            "ECC_NIST_P256",
            OAEP,
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER",
            "ECDSA_SHA_256",
        ),
        (
            "RSA_2048",
            HYBRID,
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER",
            "RSASSA_PKCS1_V1_5_SHA_256",
        ),
    ] {
        let openssl = OpenSsl::new();
        let private = openssl.run(make);
        openssl.put("private.der", &private);
        let pkcs8 = openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in private.der -outform DER");
        let public = openssl.run("pkey -inform DER -in private.der -pubout -outform DER");
        let made = json!({ "Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" });
        let key = service.key_with(made).await;
        let request = request(&service, HERE, &key, algorithm, &pkcs8, json!({})).await;
        service.call("ImportKeyMaterial", request).await.unwrap();
        assert_eq!(service.public_half(&key).await, public, "{spec}");
        let request =
            json!({ "KeyId": key.id, "Message": blob(b"message"), "SigningAlgorithm": signing });
        let signed = service.call("Sign", request).await.unwrap();
        openssl.put_public(&public);
        openssl.put("message", b"message");
        openssl.put("signature", &bytes(&signed["Signature"]));
        let verified =
            openssl.accepts("dgst -sha256 -verify public.pem -signature signature message");
        assert!(verified, "{spec}");
        assert_eq!(
            service
                .metadata(HERE, &key.id)
                .await
                .get("CurrentKeyMaterialId"),
            None
        );
    }
}

#[tokio::test]
async fn material_of_another_kind_than_the_keys_is_not_imported() {
    let service = Service::start().await;
    let symmetric = external(&service).await;
    for material in [&ONE[..31], &[1; 33], &[1; 16]] {
        let refused = import(&service, &symmetric, material, json!({})).await;
        assert_eq!(code(refused), "IncorrectKeyMaterialException");
    }
    let made =
        json!({ "Origin": "EXTERNAL", "KeySpec": "ECC_NIST_P384", "KeyUsage": "SIGN_VERIFY" });
    let pair = service.key_with(made).await;
    let openssl = OpenSsl::new();
    openssl.put(
        "key",
        &openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER"),
    );
    let other = openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in key -outform DER");
    for material in [&ONE[..], &other] {
        let refused = import(&service, &pair, material, json!({})).await;
        assert_eq!(code(refused), "IncorrectKeyMaterialException");
    }
    assert_eq!(service.state(&symmetric).await, "PendingImport");
}

#[tokio::test]
async fn a_token_holds_for_a_day_for_its_own_key_and_for_what_was_wrapped_with_it() {
    let service = Service::start().await;
    let (key, other) = (external(&service).await, external(&service).await);
    let request = request(&service, HERE, &key, OAEP, &ONE, json!({})).await;
    let with = |name: &str, value: Value| {
        let mut changed = request.clone();
        changed[name] = value;
        changed
    };
    let call = async |request: Value| code(service.call("ImportKeyMaterial", request).await);
    assert_eq!(
        call(with("KeyId", json!(other.id))).await,
        "InvalidImportTokenException"
    );
    assert_eq!(
        call(with("ImportToken", blob(b"none"))).await,
        "InvalidImportTokenException"
    );
    let fresh = parameters(&service, HERE, &key, OAEP).await["ImportToken"].clone();
    let not_its_own = service
        .call("ImportKeyMaterial", with("ImportToken", fresh))
        .await;
    assert_eq!(not_its_own, Err(refusal("InvalidCiphertextException", "")));
    let rubbish = with("EncryptedKeyMaterial", blob([7; 256]));
    assert_eq!(call(rubbish).await, "InvalidCiphertextException");
    service.days_pass(1);
    assert_eq!(call(request.clone()).await, "ExpiredImportTokenException");
}

#[tokio::test]
async fn a_token_outlives_the_process_that_gave_it_out_and_leaves_nothing_in_the_store() {
    let service = Service::start().await;
    let key = external(&service).await;
    let before = store::Store::revision(&*service.store).await.unwrap();
    let request = request(&service, HERE, &key, OAEP, &ONE, json!({})).await;
    assert_eq!(
        store::Store::revision(&*service.store).await.unwrap(),
        before
    );
    let again = service.restarted().await;
    again.call("ImportKeyMaterial", request).await.unwrap();
}

#[tokio::test]
async fn only_the_same_material_is_imported_again() {
    let (service, key, material) = imported().await;
    assert_eq!(
        code(import(&service, &key, &TWO, json!({})).await),
        "IncorrectKeyMaterialException"
    );
    let again = import(&service, &key, &ONE, json!({ "KeyMaterialId": material })).await;
    assert_eq!(
        again,
        Ok(json!({ "KeyId": key.arn, "KeyMaterialId": material }))
    );
    let said = json!({ "KeyMaterialId": "0".repeat(64) });
    assert_eq!(
        code(import(&service, &key, &ONE, said).await),
        "IncorrectKeyMaterialException"
    );
    let said = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    assert_eq!(
        code(import(&service, &key, &ONE, said).await),
        "IncorrectKeyMaterialException"
    );
    let other = external(&service).await;
    let of_other = import(&service, &other, &ONE, json!({})).await.unwrap();
    assert_ne!(of_other["KeyMaterialId"], material, "a name is of one key");
}

#[tokio::test]
async fn material_that_was_deleted_makes_the_key_wait_until_the_same_is_there_again() {
    let (service, key, material) = imported().await;
    let sealed = service.encrypt(&key.id, b"x", json!({})).await;
    let gone = delete(&service, &key, json!({})).await;
    assert_eq!(
        gone,
        Ok(json!({ "KeyId": key.arn, "KeyMaterialId": material }))
    );
    let again = service.restarted().await;
    assert!(again.kms.damaged().is_empty());
    assert_eq!(again.state(&key).await, "PendingImport");
    assert_eq!(
        code(again.decrypt(&sealed, json!({})).await.map(|_| Value::Null)),
        "KMSInvalidStateException"
    );
    assert_eq!(
        code(import(&again, &key, &TWO, json!({})).await),
        "IncorrectKeyMaterialException"
    );
    import(&again, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(again.state(&key).await, "Enabled");
    assert_eq!(again.decrypt(&sealed, json!({})).await.unwrap(), b"x");
    let unknown = json!({ "KeyMaterialId": "0".repeat(64) });
    assert_eq!(
        code(delete(&again, &key, unknown).await),
        "NotFoundException"
    );
}

#[tokio::test]
async fn nothing_of_deleted_material_stays_in_the_store() {
    let (service, key, _) = imported().await;
    let name = store::Key::new(key.record()).unwrap();
    let record = async || {
        let found = store::Store::get(&*service.store, &name).await.unwrap();
        serde_json::from_slice::<Value>(&found.unwrap().value).unwrap()
    };
    assert!(record().await["backing"][0].get("wrapped").is_some());
    delete(&service, &key, json!({})).await.unwrap();
    assert_eq!(record().await["backing"][0].get("wrapped"), None);
}

#[tokio::test]
async fn a_disabled_key_is_enabled_by_the_material_that_it_waited_for() {
    let (service, key, _) = imported().await;
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    import(&service, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(service.state(&key).await, "Disabled", "it waited for none");
    delete(&service, &key, json!({})).await.unwrap();
    import(&service, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(service.state(&key).await, "Enabled");
}

#[tokio::test]
async fn a_key_that_waits_for_its_deletion_can_lose_its_material_and_get_none() {
    let (service, key, _) = imported().await;
    let request = request(&service, HERE, &key, OAEP, &ONE, json!({})).await;
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let refused = service.call("ImportKeyMaterial", request).await;
    let message = format!("{} is pending deletion.", key.arn);
    assert_eq!(refused, Err(refusal("KMSInvalidStateException", message)));
    delete(&service, &key, json!({})).await.unwrap();
    assert_eq!(service.state(&key).await, "PendingDeletion");
    service
        .call("CancelKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(service.state(&key).await, "PendingImport");
}

#[tokio::test]
async fn material_expires_on_time_and_is_destroyed() {
    let service = Service::start().await;
    let key = external(&service).await;
    let at = service.now().as_second() + DAY;
    let said = json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": at });
    let material = import(&service, &key, &ONE, said).await.unwrap()["KeyMaterialId"].clone();
    let metadata = service.metadata(HERE, &key.id).await;
    assert_eq!(metadata["ExpirationModel"], "KEY_MATERIAL_EXPIRES");
    assert_eq!(metadata["ValidTo"], at);
    let sealed = service.encrypt(&key.id, b"x", json!({})).await;
    service.days_pass(1);
    assert_eq!(
        service.state(&key).await,
        "PendingImport",
        "before the sweep"
    );
    let refused = service
        .call("Decrypt", json!({ "CiphertextBlob": sealed }))
        .await;
    assert_eq!(code(refused), "KMSInvalidStateException");

    let records = service.swept().await;
    assert_eq!(records[0]["eventName"], "DeleteExpiredKeyMaterial");
    assert_eq!(records[0]["eventType"], "AwsServiceEvent");
    assert_eq!(records[0]["resources"][0]["ARN"], key.arn);
    assert_eq!(records[0]["serviceEventDetails"]["keyMaterialId"], material);
    let again = service.restarted().await;
    assert_eq!(again.state(&key).await, "PendingImport");
    assert_eq!(again.swept().await, Vec::<Value>::new());
    import(&again, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(again.decrypt(&sealed, json!({})).await.unwrap(), b"x");
    assert_eq!(again.metadata(HERE, &key.id).await.get("ValidTo"), None);
}

#[tokio::test]
async fn an_expiry_that_a_change_meets_before_the_sweep_is_recorded_all_the_same() {
    let service = Service::start().await;
    let key = external(&service).await;
    let at = service.now().as_second() + DAY;
    let said = json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": at });
    import(&service, &key, &ONE, said).await.unwrap();
    service.days_pass(1);
    let request = json!({ "KeyId": key.id, "Description": "other" });
    service.call("UpdateKeyDescription", request).await.unwrap();
    assert_eq!(
        service.metadata(HERE, &key.id).await["Description"],
        "other"
    );
    let names: Vec<_> = service
        .swept()
        .await
        .iter()
        .map(|record| text(&record["eventName"]))
        .collect();
    assert_eq!(names, ["DeleteExpiredKeyMaterial"]);
}

#[tokio::test]
async fn an_expiry_is_said_in_one_way_and_lies_within_a_year() {
    let service = Service::start().await;
    let key = external(&service).await;
    let now = service.now().as_second();
    for said in [
        json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES" }),
        json!({ "ValidTo": now + DAY }),
        json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now }),
        json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + 365 * DAY + 1 }),
    ] {
        let refused = import(&service, &key, &ONE, said.clone()).await;
        assert_eq!(code(refused), "ValidationException", "{said}");
    }
    let said = json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + 365 * DAY });
    import(&service, &key, &ONE, said).await.unwrap();
}

#[tokio::test]
async fn new_material_waits_for_a_rotation_on_demand() {
    let (service, key, first) = imported().await;
    let old = service.encrypt(&key.id, b"old", json!({})).await;
    let refused = service
        .call("RotateKeyOnDemand", json!({ "KeyId": key.id }))
        .await;
    let message = format!(
        "No available key material pending rotation for the key: {}.",
        key.arn
    );
    assert_eq!(refused, Err(refusal("KMSInvalidStateException", message)));

    let said = json!({ "ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "second" });
    let second = text(&import(&service, &key, &TWO, said).await.unwrap()["KeyMaterialId"]);
    let entry = |id: &str, state: &str| {
        json!({
            "KeyId": key.id, "KeyMaterialId": id, "KeyMaterialState": state, "ImportState": "IMPORTED",
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        })
    };
    let mut waiting = entry(&second, "PENDING_ROTATION");
    waiting["KeyMaterialDescription"] = json!("second");
    let listed = materials(&service, HERE, &key).await;
    assert_eq!(listed, [entry(&first, "CURRENT"), waiting.clone()]);
    assert_eq!(
        service.metadata(HERE, &key.id).await["CurrentKeyMaterialId"],
        first
    );
    let third = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    assert_eq!(
        code(import(&service, &key, &[3; 32], third).await),
        "KMSInvalidStateException"
    );

    service
        .call("RotateKeyOnDemand", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    waiting["KeyMaterialState"] = json!("CURRENT");
    waiting["RotationType"] = json!("ON_DEMAND");
    waiting["RotationDate"] = json!(service.now().as_second());
    let listed = materials(&service, HERE, &key).await;
    assert_eq!(listed, [entry(&first, "NON_CURRENT"), waiting]);
    let again = service.restarted().await;
    let new = again.encrypt(&key.id, b"new", json!({})).await;
    assert_eq!(again.decrypt(&old, json!({})).await.unwrap(), b"old");
    assert_eq!(again.decrypt(&new, json!({})).await.unwrap(), b"new");
}

#[tokio::test]
async fn a_key_is_usable_when_all_materials_that_are_its_own_are_there() {
    let (service, key, first) = imported().await;
    let said = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    import(&service, &key, &TWO, said).await.unwrap();
    service
        .call("RotateKeyOnDemand", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    delete(&service, &key, json!({ "KeyMaterialId": first }))
        .await
        .unwrap();
    assert_eq!(service.state(&key).await, "PendingImport");
    let missing = materials(&service, HERE, &key).await[0]["ImportState"].clone();
    assert_eq!(missing, "PENDING_IMPORT");
    delete(&service, &key, json!({})).await.unwrap();
    import(&service, &key, &TWO, json!({})).await.unwrap();
    assert_eq!(service.state(&key).await, "PendingImport");
    import(&service, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(service.state(&key).await, "Enabled");
}

#[tokio::test]
async fn material_that_waits_for_its_rotation_can_be_taken_back() {
    let (service, key, first) = imported().await;
    let said = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    let second = import(&service, &key, &TWO, said.clone()).await.unwrap()["KeyMaterialId"].clone();
    delete(&service, &key, json!({ "KeyMaterialId": second }))
        .await
        .unwrap();
    assert_eq!(service.state(&key).await, "Enabled");
    let listed = materials(&service, HERE, &key).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["KeyMaterialId"], first);
    import(&service, &key, &[3; 32], said).await.unwrap();
}

#[tokio::test]
async fn a_replica_gets_the_material_of_its_primary_key_by_an_import_of_its_own() {
    let service = Service::start().await;
    let made = json!({ "Origin": "EXTERNAL", "MultiRegion": true });
    let key = service.key_with(made).await;
    let first = import(&service, &key, &ONE, json!({})).await.unwrap()["KeyMaterialId"].clone();
    let request = json!({ "KeyId": key.id, "ReplicaRegion": THERE });
    let replica = service.call("ReplicateKey", request).await.unwrap();
    assert_eq!(replica["ReplicaKeyMetadata"]["KeyState"], "PendingImport");
    let other = import_in(&service, THERE, &key, &TWO, json!({})).await;
    assert_eq!(code(other), "IncorrectKeyMaterialException");
    let same = import_in(&service, THERE, &key, &ONE, json!({}))
        .await
        .unwrap();
    assert_eq!(same["KeyMaterialId"], first);
    let sealed = service.encrypt(&key.id, b"x", json!({})).await;
    let request = json!({ "CiphertextBlob": sealed });
    assert!(service.call_in(THERE, "Decrypt", request).await.is_ok());
}

#[tokio::test]
async fn a_multi_region_key_rotates_to_material_that_is_in_all_its_regions() {
    let service = Service::start().await;
    let key = service
        .key_with(json!({ "Origin": "EXTERNAL", "MultiRegion": true }))
        .await;
    import(&service, &key, &ONE, json!({})).await.unwrap();
    let request = json!({ "KeyId": key.id, "ReplicaRegion": THERE });
    service.call("ReplicateKey", request).await.unwrap();
    import_in(&service, THERE, &key, &ONE, json!({}))
        .await
        .unwrap();

    let new = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    let refused = import_in(&service, THERE, &key, &TWO, new.clone()).await;
    assert_eq!(code(refused), "UnsupportedOperationException");
    import(&service, &key, &TWO, new).await.unwrap();
    let state = async |region: &str| {
        let listed = materials(&service, region, &key).await;
        (
            text(&listed[1]["ImportState"]),
            text(&listed[1]["KeyMaterialState"]),
        )
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION";
    assert_eq!(state(HERE).await, pair("IMPORTED", waits));
    assert_eq!(state(THERE).await, pair("PENDING_IMPORT", waits));
    let rotate = json!({ "KeyId": key.id });
    let refused = service.call("RotateKeyOnDemand", rotate.clone()).await;
    assert_eq!(code(refused), "KMSInvalidStateException");

    let existing = json!({ "ImportType": "EXISTING_KEY_MATERIAL" });
    import_in(&service, THERE, &key, &TWO, existing)
        .await
        .unwrap();
    assert_eq!(state(HERE).await, pair("IMPORTED", "PENDING_ROTATION"));
    service.call("RotateKeyOnDemand", rotate).await.unwrap();
    let sealed = service.encrypt(&key.id, b"x", json!({})).await;
    let request = json!({ "CiphertextBlob": sealed });
    assert!(service.call_in(THERE, "Decrypt", request).await.is_ok());
}

#[tokio::test]
async fn material_travels_only_in_ways_that_it_fits() {
    let service = Service::start().await;
    let ask = async |key: &TestKey, algorithm: &str, size: &str| {
        let request =
            json!({ "KeyId": key.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": size });
        service.call("GetParametersForImport", request).await
    };
    let of = async |spec: &str| {
        let request = json!({ "Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" });
        service.key_with(request).await
    };
    let (symmetric, rsa, p521) = (
        external(&service).await,
        of("RSA_2048").await,
        of("ECC_NIST_P521").await,
    );
    for (key, algorithm, size) in [
        (&symmetric, "RSAES_PKCS1_V1_5", "RSA_2048"),
        (&symmetric, "SM2PKE", "SM2"),
        (&symmetric, OAEP, "SM2"),
        (&rsa, OAEP, "RSA_4096"),
        (&p521, OAEP, "RSA_2048"),
        (&p521, "RSAES_OAEP_SHA_1", "RSA_2048"),
    ] {
        let refused = ask(key, algorithm, size).await;
        assert_eq!(
            code(refused),
            "UnsupportedOperationException",
            "{algorithm} {size}"
        );
    }
    assert!(ask(&p521, OAEP, "RSA_3072").await.is_ok());
    assert!(ask(&rsa, HYBRID, "RSA_2048").await.is_ok());
}

#[tokio::test]
async fn a_key_of_the_services_own_material_takes_none() {
    let service = Service::start().await;
    let key = service.key().await;
    let message = format!(
        "{} origin is AWS_KMS which is not valid for this operation.",
        key.arn
    );
    for (operation, request) in [
        (
            "GetParametersForImport",
            json!({ "KeyId": key.id, "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048" }),
        ),
        (
            "ImportKeyMaterial",
            json!({ "KeyId": key.id, "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==" }),
        ),
        ("DeleteImportedKeyMaterial", json!({ "KeyId": key.id })),
    ] {
        let refused = service.call(operation, request).await;
        assert_eq!(
            refused,
            Err(refusal("UnsupportedOperationException", message.as_str()))
        );
    }
}

#[tokio::test]
async fn what_is_said_of_one_material_among_several_is_for_keys_that_have_several() {
    let service = Service::start().await;
    let made =
        json!({ "Origin": "EXTERNAL", "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
    let hmac = service.key_with(made).await;
    let said = json!({ "ImportType": "NEW_KEY_MATERIAL" });
    assert_eq!(
        code(import(&service, &hmac, &ONE, said).await),
        "ValidationException"
    );
    let key = external(&service).await;
    let said = json!({ "ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": "0".repeat(64) });
    assert_eq!(
        code(import(&service, &key, &ONE, said).await),
        "ValidationException"
    );
}

#[tokio::test]
async fn a_description_of_material_stays_until_another_is_given() {
    let service = Service::start().await;
    let key = external(&service).await;
    let said = |text: &str| json!({ "KeyMaterialDescription": text });
    let shown = async || materials(&service, HERE, &key).await[0]["KeyMaterialDescription"].clone();
    import(&service, &key, &ONE, said("vault 7")).await.unwrap();
    import(&service, &key, &ONE, json!({})).await.unwrap();
    assert_eq!(shown().await, "vault 7");
    import(&service, &key, &ONE, said("vault 8")).await.unwrap();
    assert_eq!(shown().await, "vault 8");
}

#[tokio::test]
async fn a_policy_can_say_how_material_is_imported() {
    let service = Service::start().await;
    let only = |action: &str, condition: Value| {
        let mut statement = lets("owner", action);
        statement["Condition"] = condition;
        statement
    };
    let by = service.now() + jiff::SignedDuration::from_hours(48);
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        delegates(),
        only("kms:GetParametersForImport", json!({ "StringEquals": {
            "kms:WrappingAlgorithm": OAEP, "kms:WrappingKeySpec": "RSA_2048",
        } })),
        only("kms:ImportKeyMaterial", json!({
            "StringEquals": { "kms:ExpirationModel": "KEY_MATERIAL_EXPIRES" },
            "DateLessThan": { "kms:ValidTo": by.to_string() },
        })),
    ] });
    let request = json!({ "Origin": "EXTERNAL", "Policy": policy.to_string() });
    let key = service.key_with(request).await;
    let owner = Caller::nobody("owner");
    for (algorithm, size, allowed) in [
        (OAEP, "RSA_2048", true),
        (HYBRID, "RSA_2048", false),
        (OAEP, "RSA_3072", false),
    ] {
        let request =
            json!({ "KeyId": key.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": size });
        let answer = service
            .call_as(&owner, "GetParametersForImport", request)
            .await;
        assert_eq!(answer.is_ok(), allowed, "{algorithm} {size}");
    }
    let now = service.now().as_second();
    for (said, allowed) in [
        (json!({}), false),
        (
            json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + 3 * DAY }),
            false,
        ),
        (
            json!({ "ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": now + DAY }),
            true,
        ),
    ] {
        let request = request_of(&service, &key, said.clone()).await;
        let answer = service.call_as(&owner, "ImportKeyMaterial", request).await;
        assert_eq!(answer.is_ok(), allowed, "{said}");
    }
}

async fn request_of(service: &Service, key: &TestKey, said: Value) -> Value {
    request(service, HERE, key, OAEP, &ONE, said).await
}

#[tokio::test]
async fn the_record_of_an_import_holds_neither_token_nor_material() {
    let service = Service::start().await;
    let key = external(&service).await;
    let request = request(&service, HERE, &key, OAEP, &ONE, json!({})).await;
    let of_parameters = service.last_record();
    let made = service
        .call("ImportKeyMaterial", request.clone())
        .await
        .unwrap();
    let of_import = service.last_record();
    assert_eq!(
        of_parameters["requestParameters"],
        json!({ "keyId": key.id, "wrappingAlgorithm": OAEP, "wrappingKeySpec": "RSA_2048" })
    );
    assert_eq!(
        of_import["requestParameters"],
        json!({ "keyId": key.id, "expirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE" })
    );
    assert_eq!(
        of_import["responseElements"],
        json!({ "keyId": key.arn, "keyMaterialId": made["KeyMaterialId"] })
    );
    for record in [of_parameters.to_string(), of_import.to_string()] {
        for hidden in ["ImportToken", "EncryptedKeyMaterial"] {
            assert!(!record.contains(&text(&request[hidden])), "{hidden}");
        }
    }
}
